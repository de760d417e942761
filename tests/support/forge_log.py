"""The forger's hand in a rehearsed store's log: whoever has its keys can make it say anything, and signs that."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from asl_authority.operations.operation_check import operations_of, payloads_under
from asl_authority.operations.reading import HOST
from asl_authority.operations.receipts import outputs_of, receipt_piece
from asl_authority.storage.layout import DomainPaths, StorePaths, receipt_name
from asl_authority.values.block import BlockMeta
from asl_authority.values.checkpoint import Checkpoint, origin_of
from asl_authority.values.dsse import read_envelope
from asl_authority.values.log_entry import read_entry
from asl_authority.values.log_record import FIRST_HASH, LogFile, Record, RecordType, file_bytes, read_log_file
from asl_authority.values.merkle import Frontier, leaf_hashes
from asl_authority.values.per_signature import sign_receipt
from asl_authority.values.receipt import LIMITS, REHEARSAL_TYPE, read_receipt
from asl_authority.values.signed_note import NoteSigner
from support.forge_papers import changed, edit, key_called, payload, sign
from support.story_domains import rehearsed_key


def reseal(here: Path, store: str, domain_id: str, *changes: str) -> None:
    """Make a log agree with its files as they are now, and with these changes; only its key keeps a log honest."""
    paths = _paths(here, store, domain_id)
    records = []
    for record in _records(paths):
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
    _seal(paths, domain_id, records)


def vouch(here: Path, store: str, domain_id: str, *changes: str) -> None:
    """As `reseal`, with a last receipt that covers its operation as it is now: only its operator keeps it honest."""
    reseal(here, store, domain_id, *changes)
    paths = _paths(here, store, domain_id)
    entries = [(record.logseq, read_entry(record.type, record.payload)) for record in _records(paths)]
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


def append(here: Path, store: str, domain_id: str, kind: str, payload: str) -> None:
    """Log one record more."""
    paths, named = _paths(here, store, domain_id), RecordType[kind]
    records = _records(paths)
    said = {"type": f"asl.log-{named.name.lower().replace('_', '-')}/1", **json.loads(payload)}
    _seal(paths, domain_id, [*records, Record(len(records) + 1, named, changed(said, ()))])


def receipt(here: Path, store: str, domain_id: str, logseq: str, *changes: str) -> None:
    """Change a receipt of a store, as whoever has the keys of its operator and its log can."""
    place, operator = _paths(here, store, domain_id).root / receipt_name(int(logseq)), f"{domain_id}/operator"
    statement = here / "statement"
    payload(here, str(place), statement.name)
    edit(here, statement.name, *changes)
    sign(here, statement.name, "receipt", operator)
    statement.with_name("statement.sig").rename(place)
    signature = sign_receipt(read_receipt(statement.read_bytes(), rehearsal=True), key_called(operator))
    place.with_name(f"{place.name}.sig").write_bytes(signature.to_bytes())
    reseal(
        here,
        store,
        domain_id,
        logseq,
        "facts.per_artifact_id",
        json.dumps(hashlib.sha256(statement.read_bytes()).hexdigest()),
    )
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
