"""Which records of a log name an artifact: answered from index segments where there are good ones, else by reading on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from asl_authority.errors import IoFailed, Malformed
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


def build_index(reader: LogReader, progress: Callable[[int, int], None] = lambda _done, _all: None) -> int:
    """Make the segments and bloom files that are missing or wrong, and return how many. Raises Damaged, IoFailed.

    Only for the domain's writer.
    """
    made, count = 0, segments_of(reader.head.size)
    for number in range(1, count + 1):
        if _load_segment(reader, number) is None or _load_bloom(reader, number) is None:
            segment = _segment(reader, number)
            durable.replace(reader.disk, reader.paths.segment(number), segment.to_bytes())
            durable.replace(reader.disk, reader.paths.bloom(number), segment.bloom().to_bytes())
            made += 1
        progress(number, count)
    return made


def find(reader: LogReader, digest: str) -> Iterator[Record]:
    """Every record that names a block or a file by this SHA-256, in order. Raises Damaged, IoFailed.

    What is found is verified; that nothing else is there is as good as the index, which `build_index` renews.
    """
    key = bytes.fromhex(digest)
    count = segments_of(reader.head.size)
    for number in range(1, count + 1):
        bloom = _load_bloom(reader, number)
        if bloom is not None and not bloom.may_have(key):
            continue
        segment = _load_segment(reader, number) or _segment(reader, number)
        for logseq in segment.find(key):
            record = reader.record(logseq)
            if key in _named(record):
                yield record
    for record in reader.records(count * SEGMENT_RECORDS + 1):
        if key in _named(record):
            yield record


def _segment(reader: LogReader, number: int) -> Segment:
    first, last = _bounds(number)
    named: list[tuple[bytes, int]] = []
    for record in reader.records(first, last):
        named += [(key, record.logseq) for key in _named(record)]
    return make_segment(first, last, reader.hash_of(last), named)


def _named(record: Record) -> set[bytes]:
    if record.type not in OURS:
        return set()
    entry = read_entry(record.type, record.payload)
    return {bytes.fromhex(digest) for digest in (*entry.blocks, *entry.files.values())}


def _bounds(number: int) -> tuple[int, int]:
    return (number - 1) * SEGMENT_RECORDS + 1, number * SEGMENT_RECORDS


def _load_segment(reader: LogReader, number: int) -> Segment | None:
    return _load(reader, reader.paths.segment(number), number, SEGMENT_LIMIT, read_segment)


def _load_bloom(reader: LogReader, number: int) -> Bloom | None:
    return _load(reader, reader.paths.bloom(number), number, BLOOM_LIMIT, read_bloom)


def _load(reader: LogReader, path: Path, number: int, most: int, read: Callable[[bytes], _T]) -> _T | None:
    """A cache file when it is good and covers what it should."""
    try:
        found = read(durable.read(reader.disk, path, most))
    except (FileNotFoundError, IoFailed, Malformed):
        return None
    return found if (found.first, found.last) == _bounds(number) else None
