"""What a story's forger does: `forge`, which changes papers and a store's log and signs them again, with keys of tests.

    forge edit FILE MEMBER VALUE …          set a member (a.b.0), VALUE is JSON, or `-` takes it away
    forge sign FILE TYPE KEY …              FILE.sig: an envelope over the file; TYPE is a kind (`dam`), or `real:dam`
    forge payload ENVELOPE FILE             the file that an envelope carries
    forge reseal STORE DOMAIN [LOGSEQ MEMBER VALUE …]
                                            name files by the digests that they have now, change a record, sign the head
    forge append STORE DOMAIN TYPE PAYLOAD  one record more, of this type, which says what PAYLOAD has beside it
    forge receipt STORE DOMAIN LOGSEQ MEMBER VALUE …
                                            change a receipt, have the operator sign it in both forms, and reseal
    forge unsigned STORE DOMAIN SIZE        sign the head of the first SIZE records only; nobody signs that of all
    forge roll STORE DOMAIN LOGSEQ          have the log go on in a file of its own from this record on
    forge hashed STORE DOMAIN LOGSEQ FILE   what a record's hash is over, as a file
    forge record FILE LINE MEMBER VALUE …   change a line of a ceremony's record, and chain what follows to it

A value `@FILE` is the SHA-256 of a file. Keys are called `roots/1`, `host/log`, `me.example/root` (a rehearsed
store's), or as `support.domains.secret` has them. A rehearsal's payload types are meant unless `real:` stands before
them. Nothing of this is in the program.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from asl_authority.operations.gate import rehearsal_roots
from asl_authority.operations.reading import HOST
from asl_authority.storage import layout
from asl_authority.storage.layout import DomainPaths, StorePaths
from asl_authority.values.checkpoint import Checkpoint, origin_of
from asl_authority.values.dsse import Envelope
from asl_authority.values.ed25519 import SecretKey
from asl_authority.values.kinds import Kind
from asl_authority.values.log_record import FIRST_HASH, LogFile, Record, RecordType, file_bytes, read_log_file
from asl_authority.values.merkle import Frontier, leaf_hashes
from asl_authority.values.per_signature import sign_receipt
from asl_authority.values.receipt import read_receipt
from asl_authority.values.signed_note import NoteSigner
from support.domains import secret
from support.story_domains import rehearsed_key

GONE = "-"


def forge(words: Sequence[str], here: Path) -> None:
    """Do what the words say, in the directory `here`."""
    FORGERS[words[0]](here, *(_said(here, word) for word in words[1:]))


def edit(here: Path, file: str, *changes: str) -> None:
    """Set members of a JSON file."""
    path = here / file
    path.write_bytes(changed(json.loads(path.read_bytes()), changes))


def sign(here: Path, file: str, kind: str, *keys: str) -> None:
    """Sign a file, whatever is in it."""
    path, named = here / file, Kind(kind.removeprefix("real:"))
    payload_type = named.payload_type if kind.startswith("real:") else named.rehearsal_type
    envelope = Envelope(payload_type, path.read_bytes()).signed_by(*map(key_called, keys))
    path.with_name(f"{path.name}.sig").write_bytes(envelope.to_bytes())


def payload(here: Path, envelope: str, file: str) -> None:
    """Take the payload out of an envelope."""
    (here / file).write_bytes(base64.b64decode(json.loads((here / envelope).read_bytes())["payload"]))


def reseal(here: Path, store: str, domain_id: str, *changes: str) -> None:
    """Make a log agree with its files as they are now, and with these changes; only its key keeps a log honest."""
    paths = _paths(here, store, domain_id)
    records = []
    for record in _records(paths):
        said = json.loads(record.payload)
        for name in said.get("files", {}):
            if (paths.root / name).is_file():
                said["files"][name] = hashlib.sha256((paths.root / name).read_bytes()).hexdigest()
        own = [
            word
            for number, *change in zip(changes[::3], changes[1::3], changes[2::3], strict=True)
            for word in change
            if int(number) == record.logseq
        ]
        records.append(replace(record, payload=changed(said, own)))
    _seal(paths, domain_id, records)


def append(here: Path, store: str, domain_id: str, kind: str, payload: str) -> None:
    """Log one record more."""
    paths, named = _paths(here, store, domain_id), RecordType[kind]
    records = _records(paths)
    said = {"type": f"asl.log-{named.name.lower().replace('_', '-')}/1", **json.loads(payload)}
    _seal(paths, domain_id, [*records, Record(len(records) + 1, named, changed(said, ()))])


def receipt(here: Path, store: str, domain_id: str, logseq: str, *changes: str) -> None:
    """Change a receipt of a store, as whoever has the keys of its operator and its log can."""
    place, operator = _paths(here, store, domain_id).root / layout.receipt_name(int(logseq)), f"{domain_id}/operator"
    statement = here / "statement"
    payload(here, str(place), statement.name)
    edit(here, statement.name, *changes)
    sign(here, statement.name, "receipt", operator)
    statement.with_name("statement.sig").rename(place)
    signature = sign_receipt(read_receipt(statement.read_bytes(), rehearsal=True), key_called(operator))
    place.with_name(f"{place.name}.sig").write_bytes(signature.to_bytes())
    reseal(here, store, domain_id, logseq, "facts.per_artifact_id", _said(here, f"@{statement.name}"))
    statement.unlink()


def unsigned(here: Path, store: str, domain_id: str, size: str) -> None:
    """Have nobody's word for the last records."""
    paths = _paths(here, store, domain_id)
    log = LogFile(tuple(_records(paths)))
    paths.checkpoint.write_bytes(_head(domain_id, log.hashes()[: int(size)]).signed(_signer(domain_id)).to_bytes())
    paths.unsigned_checkpoint.write_text(_head(domain_id, log.hashes()).to_text())


def roll(here: Path, store: str, domain_id: str, logseq: str) -> None:
    """Begin another file of a log."""
    paths, at = _paths(here, store, domain_id), int(logseq) - 1
    records = _records(paths)
    paths.log_file(1).write_bytes(LogFile(tuple(records[:at])).to_bytes())
    paths.log_file(at + 1).write_bytes(file_bytes(records[at:], LogFile(tuple(records)).hashes()[at - 1]))


def hashed(here: Path, store: str, domain_id: str, logseq: str, file: str) -> None:
    """Write a record as `dam publish` does."""
    log, at = LogFile(tuple(_records(_paths(here, store, domain_id)))), int(logseq) - 1
    before = log.hashes()[at - 1] if at else FIRST_HASH
    (here / file).write_bytes(log.records[at].hashed(before))


def record(here: Path, file: str, number: str, *changes: str) -> None:
    """Change a line of a ceremony's record; there is no secret in its chain."""
    path, lines = here / file, [b""]
    for place, line in enumerate(path.read_bytes().splitlines(), 1):
        said = json.loads(line) | {"previous": hashlib.sha256(lines[-1]).hexdigest() if place > 1 else ""}
        lines.append(changed(said, changes if place == int(number) else ()))
    path.write_bytes(b"".join(line + b"\n" for line in lines[1:]))


def _paths(here: Path, store: str, domain_id: str) -> DomainPaths:
    whole = StorePaths(here / store)
    return whole.host if domain_id == HOST else whole.domain(domain_id)


def _records(paths: DomainPaths) -> list[Record]:
    return list(read_log_file(paths.log_file(1).read_bytes()).records)


def _seal(paths: DomainPaths, domain_id: str, records: Sequence[Record]) -> None:
    """Write a log of these records, and the head that its key has signed."""
    log = LogFile(tuple(records))
    paths.log_file(1).write_bytes(log.to_bytes())
    paths.checkpoint.write_bytes(_head(domain_id, log.hashes()).signed(_signer(domain_id)).to_bytes())
    for cached in paths.index.iterdir():
        cached.unlink()


def _head(domain_id: str, hashes: list[bytes]) -> Checkpoint:
    tree = Frontier()
    tree.extend(leaf_hashes(hashes))
    return Checkpoint(origin_of(domain_id, rehearsal=True), tree.size, tree.root())


def _signer(domain_id: str) -> NoteSigner:
    return NoteSigner(origin_of(domain_id, rehearsal=True), rehearsed_key(domain_id, "log"))


def _said(here: Path, word: str) -> str:
    """A word as it is meant: `@FILE` is a digest."""
    file = here / word.removeprefix("@")
    return json.dumps(hashlib.sha256(file.read_bytes()).hexdigest()) if word.startswith("@") else word


def key_called(name: str) -> SecretKey:
    """The key of that name."""
    owner, slash, key = name.partition("/")
    if not slash:
        return secret(name)
    return rehearsal_roots(int(key))[-1] if owner == "roots" else rehearsed_key(owner, key)


def changed(value: Any, changes: Sequence[str]) -> bytes:
    """The JSON of a value with these changes, in the one order of names, however wrong it has become."""
    for member, new in zip(changes[::2], changes[1::2], strict=True):
        *way, last = member.split(".")
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


FORGERS: dict[str, Callable[..., None]] = {
    "append": append,
    "edit": edit,
    "hashed": hashed,
    "payload": payload,
    "receipt": receipt,
    "record": record,
    "reseal": reseal,
    "roll": roll,
    "sign": sign,
    "unsigned": unsigned,
}
