"""What a story's forger does: `forge`, which changes papers and a store's log and signs them again, with keys of tests.

    forge edit FILE MEMBER VALUE …          set a member (a.b.0, or a:b:0 where names have dots), VALUE is JSON, or
                                            `-` takes it away
    forge sign FILE TYPE KEY …              FILE.sig: an envelope over the file; TYPE is a kind (`dam`), or `real:dam`,
                                            or a payload type as it is
    forge view FILE KIND                    FILE, with .cbor for .json: the view of it as that kind
    forge payload ENVELOPE FILE             the file that an envelope carries
    forge seal FILE KIND SEALED             seal it as a private key of that kind, with the stories' passphrase
    forge reseal STORE DOMAIN [LOGSEQ MEMBER VALUE …]
                                            name files by the digests that they have now (a new one as ""), change a
                                            record, sign the head
    forge vouch STORE DOMAIN [LOGSEQ MEMBER VALUE …]
                                            reseal, and have the operator sign the last receipt anew, over what is there

Keys are called `roots/1`, `host/log`, `me.example/root` (a rehearsed store's), or as `support.domains.secret` has them.
A rehearsal's payload types are meant unless `real:` stands before them. Nothing of this is in the program.
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
from asl_authority.operations.operation_check import operations_of, payloads_under
from asl_authority.operations.reading import HOST
from asl_authority.operations.receipts import outputs_of, receipt_piece
from asl_authority.storage.layout import StorePaths, receipt_name
from asl_authority.values import age
from asl_authority.values.block import BlockMeta
from asl_authority.values.cbor_views import DAM_VIEW, DECISION_VIEW, REQUEST_VIEW
from asl_authority.values.checkpoint import Checkpoint, origin_of
from asl_authority.values.dsse import Envelope, read_envelope
from asl_authority.values.ed25519 import SecretKey
from asl_authority.values.keyfile import WORK, KeyKind
from asl_authority.values.kinds import Kind
from asl_authority.values.log_entry import read_entry
from asl_authority.values.log_record import LogFile, read_log_file
from asl_authority.values.merkle import Frontier, leaf_hashes
from asl_authority.values.receipt import LIMITS, REHEARSAL_TYPE, read_receipt
from asl_authority.values.signed_note import NoteSigner
from support.domains import secret
from support.story_domains import PASSPHRASE, rehearsed_key

GONE = "-"
VIEWS = {each.kind.name: each for each in (DAM_VIEW, REQUEST_VIEW, DECISION_VIEW)}


def forge(words: Sequence[str], here: Path) -> None:
    """Do what the words say, in the directory `here`."""
    FORGERS[words[0]](here, *words[1:])


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


def reseal(here: Path, store: str, domain_id: str, *changes: str) -> None:
    """Make a log agree with its files as they are now, and with these changes; only its key keeps a log honest."""
    whole = StorePaths(here / store)
    paths = whole.host if domain_id == HOST else whole.domain(domain_id)
    file = paths.log / "log-1.aol"
    records = []
    for record in read_log_file(file.read_bytes()).records:
        known = json.loads(record.payload).get("files", {})
        own = [
            word
            for number, *change in zip(changes[::3], changes[1::3], changes[2::3], strict=True)
            for word in change
            if int(number) == record.logseq
        ]
        said = json.loads(changed(json.loads(record.payload), own))
        for name, digest in said.get("files", {}).items():
            if digest in (known.get(name), "") and (paths.root / name).is_file():
                said["files"][name] = hashlib.sha256((paths.root / name).read_bytes()).hexdigest()
        records.append(replace(record, payload=changed(said, ())))
    log, tree, origin = LogFile(tuple(records)), Frontier(), origin_of(domain_id, rehearsal=True)
    tree.extend(leaf_hashes(log.hashes()))
    head = Checkpoint(origin, tree.size, tree.root()).signed(NoteSigner(origin, rehearsed_key(domain_id, "log")))
    file.write_bytes(log.to_bytes())
    (paths.log / "checkpoint").write_bytes(head.to_bytes())
    for cached in paths.index.iterdir():
        cached.unlink()


def vouch(here: Path, store: str, domain_id: str, *changes: str) -> None:
    """As `reseal`, with a last receipt that covers its operation as it is now: only its operator keeps it honest."""
    reseal(here, store, domain_id, *changes)
    whole = StorePaths(here / store)
    paths = whole.host if domain_id == HOST else whole.domain(domain_id)
    log = read_log_file((paths.log / "log-1.aol").read_bytes())
    entries = [(record.logseq, read_entry(record.type, record.payload)) for record in log.records]
    logseq, last = entries[-1]
    left = operations_of(entries)[-1][:-1]
    lay = (paths.root / receipt_name(logseq)).read_bytes()
    old = read_receipt(read_envelope(lay, REHEARSAL_TYPE, LIMITS).payload, rehearsal=True)
    outputs = outputs_of([entry for _, entry in left], old.inputs)
    new = replace(
        old,
        records=tuple(hashlib.sha256(payload).hexdigest() for payload in payloads_under(entries, logseq)),
        outputs=outputs,
        declared=tuple(each.sha256 for each in outputs),
    )
    piece = receipt_piece(new, rehearsed_key(domain_id, "operator"))
    for name, data in piece.files.items():
        (paths.root / name).write_bytes(data)
    before, after = (hashlib.sha256(data).hexdigest() for data in (lay, piece.blocks[0]))
    for path in (paths.block(before), paths.block_meta(before)):
        path.unlink()
    paths.block(after).write_bytes(piece.blocks[0])
    paths.block_meta(after).write_bytes(BlockMeta(after, len(piece.blocks[0])).to_bytes())
    facts, blocks = {"per_artifact_id": new.per_artifact_id}, sorted({*last.blocks, after} - {before})
    reseal(
        here,
        store,
        domain_id,
        *changes,
        *(str(logseq), "facts", json.dumps(facts)),
        *(str(logseq), "blocks", json.dumps(blocks)),
    )


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


FORGERS: dict[str, Callable[..., None]] = {
    each.__name__: each for each in (edit, sign, view, payload, seal, reseal, vouch)
}
