"""Index segments and their bloom files: which records of a log name an artifact. Caches: rebuilt, never trusted.

Little-endian. A segment is ASLIDX01, u32 version 1, u32 header size 72, u64 first and last record, u64 number of
entries, the hash of the last record; then entries of a SHA-256 and a u64 logseq, sorted; then the SHA-256 of all that.
A bloom file is ASLBLM01, u32 version 1, u32 header size 48, u64 first and last record, u64 number of bits, u64 number
of probes; the bits; the SHA-256 of all that. Probe i of a key is the i-th u64 of the key's four, modulo the bits.
"""

from __future__ import annotations

import hashlib
import struct
from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from asl_authority.errors import Malformed
from asl_authority.values.rules import Rule

PAPER = "ENC-ASL-AUTH-HOST/1"

RULES = (
    Rule("INDEX-FORM", PAPER, "C", "A segment or bloom file has its header, its length, and no more bytes."),
    Rule("INDEX-CHECKSUM", PAPER, "C", "A segment or bloom file ends with the SHA-256 of all before."),
    Rule("INDEX-ORDER", PAPER, "C", "Entries are sorted, each once, and name records of the segment."),
)  # fmt: skip

# So many records make a segment; what is behind the last whole one is looked through.
SEGMENT_RECORDS = 4096
MOST_ENTRIES = 1 << 20
MOST_BITS = 1 << 26
BITS_PER_ENTRY = 16
PROBES = 4
_SEGMENT = struct.Struct("<8sIIQQQ32s")
_ENTRY = struct.Struct("<32sQ")
_BLOOM = struct.Struct("<8sIIQQQQ")
_KEY = struct.Struct("<4Q")
SEGMENT_LIMIT = _SEGMENT.size + MOST_ENTRIES * _ENTRY.size + 32
BLOOM_LIMIT = _BLOOM.size + MOST_BITS // 8 + 32


@dataclass(frozen=True)
class Segment:
    """Who names what in the records from `first` to `last`, whose hash is `last_hash`. Keys are raw SHA-256."""

    first: int
    last: int
    last_hash: bytes
    entries: tuple[tuple[bytes, int], ...]

    def find(self, key: bytes) -> tuple[int, ...]:
        """The records that name this artifact, in order."""
        at, found = bisect_left(self.entries, (key, 0)), []
        while at < len(self.entries) and self.entries[at][0] == key:
            found.append(self.entries[at][1])
            at += 1
        return tuple(found)

    def bloom(self) -> Bloom:
        """The filter over this segment's keys."""
        size = 64
        while size < len(self.entries) * BITS_PER_ENTRY:
            size *= 2
        bits = bytearray(size // 8)
        for key, _ in self.entries:
            for probe in _probes(key, size, PROBES):
                bits[probe >> 3] |= 1 << (probe & 7)
        return Bloom(self.first, self.last, PROBES, bytes(bits))

    def to_bytes(self) -> bytes:
        """The file."""
        head = (b"ASLIDX01", 1, _SEGMENT.size, self.first, self.last, len(self.entries), self.last_hash)
        body = _SEGMENT.pack(*head) + b"".join(_ENTRY.pack(key, logseq) for key, logseq in self.entries)
        return body + hashlib.sha256(body).digest()


@dataclass(frozen=True)
class Bloom:
    """Says that a key is not in a segment, or that it may be."""

    first: int
    last: int
    probes: int
    bits: bytes

    def may_have(self, key: bytes) -> bool:
        """False only when the segment has no such key."""
        size = len(self.bits) * 8
        return all(self.bits[probe >> 3] >> (probe & 7) & 1 for probe in _probes(key, size, self.probes))

    def to_bytes(self) -> bytes:
        """The file."""
        head = (b"ASLBLM01", 1, _BLOOM.size, self.first, self.last, len(self.bits) * 8, self.probes)
        body = _BLOOM.pack(*head) + self.bits
        return body + hashlib.sha256(body).digest()


def make_segment(first: int, last: int, last_hash: bytes, named: Iterable[tuple[bytes, int]]) -> Segment:
    """The segment of what these records name."""
    return Segment(first, last, last_hash, tuple(sorted(set(named))))


def read_segment(data: bytes) -> Segment:
    """A segment. Raises Malformed."""
    body = _checked(data, _SEGMENT.size, SEGMENT_LIMIT)
    magic, version, head, first, last, count, last_hash = _SEGMENT.unpack_from(body)
    if (magic, version, head) != (b"ASLIDX01", 1, _SEGMENT.size) or len(body) != head + count * _ENTRY.size:
        raise Malformed("not an index segment of version 1", check_id="INDEX-FORM")
    entries = tuple(_ENTRY.iter_unpack(body[head:]))
    if any(a >= b for a, b in pairwise(entries)):
        raise Malformed("entries that are not sorted, each once", check_id="INDEX-ORDER")
    if not 1 <= first <= last or any(not first <= logseq <= last for _, logseq in entries):
        raise Malformed("an entry of another segment's record", check_id="INDEX-ORDER")
    return Segment(first, last, last_hash, entries)


def read_bloom(data: bytes) -> Bloom:
    """A bloom file. Raises Malformed."""
    body = _checked(data, _BLOOM.size, BLOOM_LIMIT)
    magic, version, head, first, last, size, probes = _BLOOM.unpack_from(body)
    right = (magic, version, head) == (b"ASLBLM01", 1, _BLOOM.size) and 1 <= probes <= PROBES and 1 <= first <= last
    if not right or size < 64 or size & (size - 1) or len(body) != head + size // 8:
        raise Malformed("not a bloom file of version 1", check_id="INDEX-FORM")
    return Bloom(first, last, probes, body[head:])


def _checked(data: bytes, least: int, most: int) -> bytes:
    if not least + 32 <= len(data) <= most:
        raise Malformed(f"an index file of {len(data)} bytes", check_id="INDEX-FORM")
    if hashlib.sha256(data[:-32]).digest() != data[-32:]:
        raise Malformed("an index file whose checksum is another", check_id="INDEX-CHECKSUM")
    return data[:-32]


def _probes(key: bytes, size: int, probes: int) -> list[int]:
    return [part % size for part in _KEY.unpack(key)[:probes]]
