"""A log held to its heads: all of it read again, one record proven, and an older head found in it or not."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from asl_authority.errors import Malformed, UsageError
from asl_authority.operations.reading import Source, check_heads, check_signed
from asl_authority.storage.domains import lacks
from asl_authority.storage.log_files import Batch
from asl_authority.storage.log_recovery import look_behind
from asl_authority.storage.log_replay import Heads, load_heads, replay_heads
from asl_authority.values.certificate import Certificate, check_log_key
from asl_authority.values.checkpoint import Checkpoint, LogProof, origin_of, read_checkpoint_text
from asl_authority.values.dam import Dam
from asl_authority.values.ed25519 import PublicKey
from asl_authority.values.fields import SHA256
from asl_authority.values.finding import Finding
from asl_authority.values.log_entry import check_recorded, read_entry
from asl_authority.values.log_record import MOST_PAYLOAD, OURS, OVERHEAD, read_hashed
from asl_authority.values.merkle import check_consistency, check_inclusion
from asl_authority.values.paper_head import check_paper_head, read_paper_head
from asl_authority.values.request import SubjectType
from asl_authority.values.rootset import RootSet
from asl_authority.values.signed import Signed

LOG_REPLAYED = "LOG-REPLAYED"
ENTRY_TYPE = "LOG-ENTRY-TYPE"
MOST_PROOF = 128 * 1024
MOST_RECORD = MOST_PAYLOAD + OVERHEAD


@dataclass(frozen=True)
class LogReport:
    """What reading all of a log found; `notes` say what is there and no head speaks of."""

    heads: Heads
    findings: tuple[Finding, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Extension:
    """Whether a log begins with an older one; `proof` shows it to others where there is something to show."""

    findings: tuple[Finding, ...]
    head: Checkpoint
    proof: tuple[bytes, ...]


def verify_log(
    source: Source, keys: Sequence[PublicKey] | None, progress: Callable[[int, int], None] = lambda *_: None
) -> LogReport:
    """Read the whole log: order, chain, form, tree, heads, signature. Raises Damaged, IoFailed.

    `progress` hears how many records were read, of how many.
    """
    disk, paths = source.disk, source.paths
    heads = load_heads(disk, paths, source.origin, ())

    def tell(batch: Batch) -> None:
        progress(batch.place.logseq + len(batch.scan.spans) - 1, heads.last.size)

    found = replay_heads(disk, paths, heads, places=tell)
    replayed = Finding(LOG_REPLAYED, True, f"{heads.last.size} records: order, chain, form, and the root of every head")
    # Whether a receipt vouches for them is judged by who opens the log for writing.
    tail = look_behind(disk, paths, found.place, lambda entry: lacks(disk, paths, entry), lambda _: "")
    notes = []
    if tail.hashes or tail.rest:
        notes.append(
            f"behind the head lies what an interruption left: {len(tail.hashes)} records of whole operations"
            + (f", and what is none: {tail.reason}" if tail.rest else "")
            + "; the next opening for writing recovers it, and says so"
        )
    return LogReport(heads, (replayed, *check_heads(heads, keys)), tuple(notes))


def check_proof(proof: LogProof, entry: bytes, origin: str, keys: Sequence[PublicKey] | None) -> tuple[Finding, ...]:
    """Whether a record, by its hash, lies in the log that a proof's checkpoint speaks of, and who says so.

    Raises Malformed for a checkpoint that is none.
    """
    head = read_checkpoint_text(proof.checkpoint.text)
    same = Finding("CHECKPOINT-ORIGIN", head.origin == origin, f"{head.origin}, asked for {origin}")
    included = check_inclusion(entry, proof.index, head.size, head.root, proof.hashes)
    return (same, included, *check_signed(proof.checkpoint, origin, keys))


def check_dam_recorded(
    dam: Signed[Dam],
    record: bytes,
    proof: LogProof,
    certificates: Sequence[Signed[Certificate]],
    roots: RootSet,
    *,
    rehearsal: bool,
) -> tuple[Finding, ...]:
    """Whether a DAM is in its domain's log, with files alone: its record names it, and lies under a signed checkpoint.

    `record` is what the record's hash is over; whose signature counts the roots have certified. Raises Malformed.
    """
    domain_id, read = dam.body.domain_id, read_hashed(record)
    subjects = {each.body.subject_pubkey for each in certificates if each.body.subject_type is SubjectType.LOG}
    keys = [key for key in subjects if check_log_key(key, domain_id, certificates, roots).ok]
    if read.type not in OURS:
        raise Malformed(f"record {read.logseq} has the type {read.type:#x}, which is none of ours", check_id=ENTRY_TYPE)
    entry, envelope = read_entry(read.type, read.payload), hashlib.sha256(dam.to_bytes()).hexdigest()
    return (
        check_recorded(entry, dam.body.hash, envelope),
        *check_proof(proof, hashlib.sha256(record).digest(), origin_of(domain_id, rehearsal=rehearsal), keys),
    )


def check_extends(source: Source, size: int, root: str, keys: Sequence[PublicKey] | None) -> Extension:
    """Whether the log begins with the one of this size and root. `root` is hexadecimal, base64, or the words on paper.

    Raises UsageError for what can't be a root, Malformed for words that are none, Damaged, IoFailed.
    """
    reader = source.log()
    shorter = size > reader.head.size
    there, proof = (b"", ()) if shorter else reader.consistency(size)
    if " " in root.strip():
        on_paper = read_paper_head(str(size), root)
        finding = check_paper_head(on_paper, None if shorter else Checkpoint(source.origin, size, there))
    elif shorter:
        words = f"the log has {reader.head.size} records, fewer than {size}: it was rolled back, or is another"
        _root(root)
        finding = Finding("TREE-CONSISTENCY", False, words)
    else:
        finding = check_consistency(size, _root(root), reader.head.size, reader.head.root, proof)
        if not finding.ok:
            said = f"{finding.detail}; at {size} the log had the root {there.hex()}: it has another past"
            finding = Finding(finding.check_id, False, said)
    return Extension((finding, *check_heads(reader.heads, keys)), reader.head, proof if finding.ok else ())


def expect_record(source: Source, index: int) -> bytes:
    """The hash of the record that lies at this index of the log, proven to its head. Raises UsageError, Damaged."""
    reader = source.log()
    if index >= reader.head.size:
        raise UsageError(
            f"the log has {reader.head.size} records, and the proof is of number {index + 1}",
            hint="give the record's hash: --entry",
        )
    found = reader.hash_of(index + 1)
    reader.inclusion(index + 1, found)
    return found


def read_hash(text: str, what: str) -> bytes:
    """A SHA-256 in hexadecimal. Raises UsageError."""
    if not SHA256.fullmatch(text):
        raise UsageError(f"{what} {text[:70]!a}: expected 64 hexadecimal digits, in lower case")
    return bytes.fromhex(text)


def _root(text: str) -> bytes:
    if len(text) != 44:
        return read_hash(text, "ROOT")
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise UsageError(f"ROOT {text!a}: neither hexadecimal nor base64") from None
