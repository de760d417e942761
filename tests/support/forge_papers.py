"""The forger's hand in papers: members are changed, and whatever comes of it is signed with keys of tests."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from asl_authority.operations.gate import rehearsal_roots
from asl_authority.values import age
from asl_authority.values.cbor_views import DAM_VIEW, DECISION_VIEW, REQUEST_VIEW
from asl_authority.values.dsse import Envelope
from asl_authority.values.ed25519 import SecretKey
from asl_authority.values.keyfile import WORK, KeyKind
from asl_authority.values.kinds import Kind
from support.domains import secret
from support.story_domains import PASSPHRASE, rehearsed_key

GONE = "-"
VIEWS = {each.kind.name: each for each in (DAM_VIEW, REQUEST_VIEW, DECISION_VIEW)}


def edit(here: Path, file: str, *changes: str) -> None:
    """Set members of a JSON file."""
    path = here / file
    path.write_bytes(changed(json.loads(path.read_bytes()), changes))


def sign(here: Path, file: str, kind: str, *keys: str) -> None:
    """Sign a file, whatever is in it."""
    path = here / file
    envelope = Envelope(payload_type_called(kind), path.read_bytes()).signed_by(*map(key_called, keys))
    path.with_name(f"{path.name}.sig").write_bytes(envelope.to_bytes())


def view(here: Path, file: str, kind: str) -> None:
    """Make the view of a body."""
    (here / file).with_suffix(".cbor").write_bytes(VIEWS[kind].of((here / file).read_bytes()))


def payload(here: Path, envelope: str, file: str) -> None:
    """Take the payload out of an envelope."""
    (here / file).write_bytes(base64.b64decode(json.loads((here / envelope).read_bytes())["payload"]))


def seal(here: Path, file: str, kind: str, sealed: str) -> None:
    """Seal a file, whatever is in it, as a private key at rest."""
    data = age.seal((here / file).read_bytes(), PASSPHRASE, WORK[KeyKind(kind)], hashlib.shake_256(b"forge").digest(48))
    (here / sealed).write_bytes(data)


def record(here: Path, file: str, number: str, *changes: str) -> None:
    """Change a line of a ceremony's record; there is no secret in its chain."""
    path, lines = here / file, [b""]
    for place, line in enumerate(path.read_bytes().splitlines(), 1):
        said = json.loads(line) | {"previous": hashlib.sha256(lines[-1]).hexdigest() if place > 1 else ""}
        lines.append(changed(said, changes if place == int(number) else ()))
    path.write_bytes(b"".join(line + b"\n" for line in lines[1:]))


def payload_type_called(name: str) -> str:
    """The payload type that a story means."""
    if name.startswith("application/"):
        return name
    kind = Kind(name.removeprefix("real:"))
    return kind.payload_type if name.startswith("real:") else kind.rehearsal_type


def key_called(name: str) -> SecretKey:
    """The key of that name."""
    owner, slash, key = name.partition("/")
    if not slash:
        return secret(name)
    return rehearsal_roots(int(key))[-1] if owner == "roots" else rehearsed_key(owner, key)


def changed(value: Any, changes: Sequence[str]) -> bytes:
    """The JSON of a value with these changes, in the one order of names, however wrong it has become."""
    for member, new in zip(changes[::2], changes[1::2], strict=True):
        *way, last = member.split(":" if ":" in member else ".")
        at = value
        for each in way:
            at = at[int(each) if isinstance(at, list) else each]
        place: Any = int(last) if isinstance(at, list) else last
        if new == GONE:
            del at[place]
        elif isinstance(at, list) and place == len(at):
            at.append(json.loads(new))
        else:
            at[place] = json.loads(new)
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
