"""Which records of a log name an artifact: answered from index segments where they are good, else by reading on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from asl_authority.errors import Damaged, IoFailed, Malformed
from asl_authority.storage import durable
from asl_authority.storage.log_reader import LogReader
from asl_authority.values.index_segment import (
    BLOOM_LIMIT,
    SEGMENT_LIMIT,
    SEGMENT_RECORDS,
    Bloom,
    Segment,
    make_segment,
    read_bloom,
    read_segment,
)
from asl_authority.values.log_entry import read_entry
from asl_authority.values.log_record import OURS, Record

_T = TypeVar("_T", Segment, Bloom)


def segments_of(size: int) -> int:
    """How many whole segments a log of this size has."""
    return size // SEGMENT_RECORDS


def build_index(
    reader: LogReader,
    progress: Callable[[int, int], None] = lambda _done, _all: None,
    *,
    segment_records: int = SEGMENT_RECORDS,
) -> int:
    """Make the segments and bloom files that are missing or wrong, and return how many. Raises Damaged, IoFailed.

    Only for the domain's writer.
    """
    made, count = 0, reader.head.size // segment_records
    for number in range(1, count + 1):
        part = _Part(number, (number - 1) * segment_records + 1, number * segment_records)
        if _load_segment(reader, part) is None or _load_bloom(reader, part) is None:
            segment = _segment(reader, part)
            durable.replace(reader.disk, reader.paths.segment(number), segment.to_bytes())
            durable.replace(reader.disk, reader.paths.bloom(number), segment.bloom().to_bytes())
            made += 1
        progress(number, count)
    return made


def find(reader: LogReader, digest: str, *, segment_records: int = SEGMENT_RECORDS) -> Iterator[Record]:
    """Every record that names a block or a file by this SHA-256, in order. Raises Damaged, IoFailed.

    What is found is verified; that nothing else is there is as good as the index, which `build_index` renews.
    """
    key = bytes.fromhex(digest)
    count = reader.head.size // segment_records
    for number in range(1, count + 1):
        part = _Part(number, (number - 1) * segment_records + 1, number * segment_records)
        bloom = _load_bloom(reader, part)
        if bloom is not None and not bloom.may_have(key):
            continue
        segment = _load_segment(reader, part) or _segment(reader, part)
        for logseq in segment.find(key):
            record = reader.record(logseq)
            if key in _named(record):
                yield record
    for record in reader.records(count * segment_records + 1):
        if key in _named(record):
            yield record


@dataclass(frozen=True)
class _Part:
    """One segment's place: its number, its first and last record."""

    number: int
    first: int
    last: int


def _segment(reader: LogReader, part: _Part) -> Segment:
    named: list[tuple[bytes, int]] = []
    for record in reader.records(part.first, part.last):
        named += [(key, record.logseq) for key in _named(record)]
    return make_segment(part.first, part.last, reader.hash_of(part.last), named)


def _named(record: Record) -> set[bytes]:
    if record.type not in OURS:
        return set()
    entry = read_entry(record.type, record.payload)
    return {bytes.fromhex(digest) for digest in (*entry.blocks, *entry.files.values())}


def _load_segment(reader: LogReader, part: _Part) -> Segment | None:
    return _load(reader, reader.paths.segment(part.number), part, SEGMENT_LIMIT, read_segment)


def _load_bloom(reader: LogReader, part: _Part) -> Bloom | None:
    return _load(reader, reader.paths.bloom(part.number), part, BLOOM_LIMIT, read_bloom)


def _load(reader: LogReader, path: Path, part: _Part, most: int, read: Callable[[bytes], _T]) -> _T | None:
    """A cache file when it is good and covers what it should."""
    try:
        found = read(durable.read(reader.disk, path, most))
    except (FileNotFoundError, Damaged, IoFailed, Malformed):
        return None
    return found if (found.first, found.last) == (part.first, part.last) else None
