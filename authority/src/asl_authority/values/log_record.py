"""Log files of ENC/ASL-LOG/1: header, records, and the chain of SHA-256 that ties each record to all before it.

Everything is little-endian. A record is logseq (u64), type (u32), length of payload (u32), payload, and the SHA-256
over the record before's hash and these four. Over these hashes lies the tree of merkle.py.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from asl_authority.errors import Malformed
from asl_authority.values.rules import Rule

PAPER = "ENC/ASL-LOG/1"

RULES = (
    Rule("LOG-HEADER", PAPER, "S", "A log file begins with the 24 bytes of the one header: ASLLOG01, version 1."),
    Rule("LOG-SEQUENCE", PAPER, "S", "Records are numbered one by one; the first of a log is 1 (C)."),
    Rule("LOG-LENGTH", PAPER, "C", "A payload has at most 1 MiB, whatever its type."),
    Rule("LOG-CHAIN", PAPER, "S", "A record's hash is SHA-256 over the hash before it and all of its own fields."),
    Rule("LOG-TORN", PAPER, "S", "A record is there in full or does not count."),
)  # fmt: skip

HEADER = struct.pack("<8sIIQ", b"ASLLOG01", 1, 24, 0)
FIRST_HASH = bytes(32)
FIRST_LOGSEQ = 1
MOST_PAYLOAD = 1 << 20
_HEAD = struct.Struct("<QII")
HEAD_BYTES = _HEAD.size
# What surrounds a payload in the file.
OVERHEAD = HEAD_BYTES + len(FIRST_HASH)


class RecordType(IntEnum):
    """Every type that is known here. The paper's table was cut: ours lie in a private range, 0x8000 and above."""

    SEGMENT_SEAL = 0x01
    TOMBSTONE = 0x10
    TOMBSTONE_LIFT = 0x11
    DOMAIN = 0x8001
    ARTIFACT = 0x8002
    SNAPSHOT = 0x8003
    CLAIM = 0x8004
    ROOT_SET = 0x8005
    KEY = 0x8006
    CERTIFICATE = 0x8007
    POLICY = 0x8008
    DAM = 0x8009
    ADMISSION = 0x800A
    RECEIPT = 0x800B
    BUNDLE = 0x800C
    EXCHANGE = 0x800D
    RECOVERY = 0x800E
    RESTORE = 0x800F
    DEVIATION = 0x8010
    COSIGNATURE = 0x8011
    ABORTED = 0x8012


PRIVATE_TYPES = 0x8000
OURS = frozenset(kind for kind in RecordType if kind >= PRIVATE_TYPES)
# What is logged without a receipt: a claim with its snapshot, and what opening a log has moved away.
BARE = frozenset({RecordType.SNAPSHOT, RecordType.CLAIM, RecordType.RECOVERY})


@dataclass(frozen=True)
class Record:
    """One record; `type` may be one that nobody here knows."""

    logseq: int
    type: int
    payload: bytes

    def hash_after(self, before: bytes) -> bytes:
        """The record's hash, `before` being that of the record before it."""
        return hashlib.sha256(self.hashed(before)).digest()

    def hashed(self, before: bytes) -> bytes:
        """What that hash is over, as a file of its own: `sha256sum` gives the record's hash, with no tool of ours."""
        return before + self._head() + self.payload

    def to_bytes(self, before: bytes) -> bytes:
        """The record as it lies in the file. Raises ValueError for a payload that is too long."""
        if len(self.payload) > MOST_PAYLOAD:
            raise ValueError(f"a payload of {len(self.payload)} bytes")
        return self._head() + self.payload + self.hash_after(before)

    def _head(self) -> bytes:
        return _HEAD.pack(self.logseq, self.type, len(self.payload))


@dataclass(frozen=True)
class Scan:
    """The whole, good records at the beginning of some bytes.

    `spans` are where each lies, from the first byte of its hashed bytes (the hash before it) to the end of its payload;
    `end` is where the next record would begin. `problem` is what is wrong there; None when only more bytes can tell.
    """

    spans: list[tuple[int, int]]
    types: list[int]
    hashes: list[bytes]
    end: int
    problem: Malformed | None


def read_hashed(data: bytes) -> Record:
    """The record in the bytes that its hash is over; the hash is theirs, SHA-256. Raises Malformed."""
    start = len(FIRST_HASH) + HEAD_BYTES
    if len(data) < start:
        raise Malformed(f"{len(data)} bytes: no record, for that has {start} before its payload", check_id="LOG-TORN")
    logseq, kind, length = _HEAD.unpack_from(data, len(FIRST_HASH))
    if length > MOST_PAYLOAD:
        raise Malformed(f"record {logseq}: a payload of {length} bytes", check_id="LOG-LENGTH")
    if len(data) != start + length:
        raise Malformed(f"record {logseq}: {len(data) - start} bytes of payload, not {length}", check_id="LOG-TORN")
    return Record(logseq, kind, data[start:])


def read_header(data: bytes) -> None:
    """Demand the header of a log file. Raises Malformed."""
    if data[: len(HEADER)] != HEADER:
        raise Malformed("not a log file of version 1", check_id="LOG-HEADER")


def scan_records(data: bytes, logseq: int, most: int) -> Scan:
    """The first records in `data`, at most `most`; `logseq` is the first one's number.

    `data` begins with the 32 bytes of the hash before them, so that what each hash covers lies in one piece.
    """
    unpack = _HEAD.unpack_from
    spans: list[tuple[int, int]] = []
    types: list[int] = []
    at, size, problem = len(FIRST_HASH), len(data), None
    while at + HEAD_BYTES <= size and len(spans) < most:
        said, kind, length = unpack(data, at)
        end = at + HEAD_BYTES + length
        if said != logseq:
            problem = Malformed(f"record {said} where {logseq} should be", check_id="LOG-SEQUENCE")
            break
        if length > MOST_PAYLOAD:
            problem = Malformed(f"record {said}: a payload of {length} bytes", check_id="LOG-LENGTH")
            break
        if end + 32 > size:
            break
        spans.append((at - 32, end))
        types.append(kind)
        at = end + 32
        logseq += 1
    sha256 = hashlib.sha256
    hashes = [sha256(data[start:end]).digest() for start, end in spans]
    stored = [data[end : end + 32] for _, end in spans]
    if hashes != stored:
        bad = next(n for n, (one, other) in enumerate(zip(hashes, stored, strict=True)) if one != other)
        first = logseq - len(spans)
        problem = Malformed(f"record {first + bad}: the chain does not lead to its hash", check_id="LOG-CHAIN")
        at = spans[bad][0] + 32
        del spans[bad:], types[bad:], hashes[bad:]
    return Scan(spans, types, hashes, at, problem)


def read_records(data: bytes, logseq: int = FIRST_LOGSEQ, before: bytes = FIRST_HASH) -> tuple[Record, ...]:
    """All records of one whole log file, `logseq` being its first and `before` the hash before it. Raises Malformed."""
    read_header(data)
    body = before + data[len(HEADER) :]
    scan = scan_records(body, logseq, len(body))
    if scan.problem is not None:
        raise scan.problem
    if scan.end != len(body):
        raise Malformed(f"record {logseq + len(scan.spans)} is cut off", check_id="LOG-TORN")
    return tuple(
        Record(logseq + n, kind, body[start + 32 + HEAD_BYTES : end])
        for n, (kind, (start, end)) in enumerate(zip(scan.types, scan.spans, strict=True))
    )


@dataclass(frozen=True)
class LogFile:
    """A whole log of one file."""

    records: tuple[Record, ...]

    def to_bytes(self) -> bytes:
        """The file."""
        return file_bytes(self.records)

    def hashes(self) -> list[bytes]:
        """The hash of every record."""
        before, found = FIRST_HASH, []
        for record in self.records:
            before = record.hash_after(before)
            found.append(before)
        return found


def read_log_file(data: bytes) -> LogFile:
    """The log in one file. Raises Malformed."""
    return LogFile(read_records(data))


def file_bytes(records: Sequence[Record], before: bytes = FIRST_HASH) -> bytes:
    """A whole log file."""
    pieces = [HEADER]
    for record in records:
        pieces.append(record.to_bytes(before))
        before = pieces[-1][-32:]
    return b"".join(pieces)
