"""What lies behind the last head of a log when it is opened for writing: what can be kept, and what is moved away.

An operation whose head was not published is rolled forward when all its records are whole and all its artifacts are
there; everything after is moved to `log/recovered/`, byte for byte.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from asl_authority.errors import Malformed
from asl_authority.storage import durable
from asl_authority.storage.disk import Disk
from asl_authority.storage.layout import DomainPaths
from asl_authority.storage.log_files import Batch, Place, Walk, log_firsts
from asl_authority.values.log_entry import Entry, read_entry
from asl_authority.values.log_record import OURS

# Says what is missing of the artifacts that an entry names; empty when nothing is.
Lacks = Callable[[Entry], str]

_EVERYTHING = 2**63


@dataclass(frozen=True)
class Tail:
    """Behind the last head: records to keep, the place behind them, and why what follows can't be kept."""

    hashes: tuple[bytes, ...]
    offsets: tuple[tuple[int, int], ...]
    recovered: frozenset[str]
    place: Place
    reason: str
    rest: tuple[tuple[Path, int], ...]


def look_behind(disk: Disk, paths: DomainPaths, place: Place, lacks: Lacks) -> Tail:
    """Judge what lies behind `place`; nothing is changed. Raises IoFailed."""
    walk = Walk(disk, paths, place)
    kept, recovered, good, reason = _whole_operations(walk, lacks)
    if not reason and walk.place.logseq == good.logseq and walk.problem is None:
        good = walk.place  # perhaps a file that nothing was appended to yet
    if not reason and walk.problem is not None:
        reason = f"{walk.problem} ({walk.problem.check_id})"
    rest = _rest(disk, paths, good)
    if rest and not reason:
        reason = "the records of an operation are not all there"
    hashes = tuple(each for each, _ in kept)
    return Tail(hashes, tuple(at for _, at in kept), recovered, good, reason, rest)


def _whole_operations(
    walk: Walk, lacks: Lacks
) -> tuple[list[tuple[bytes, tuple[int, int]]], frozenset[str], Place, str]:
    kept: list[tuple[bytes, tuple[int, int]]] = []
    pending: list[tuple[bytes, tuple[int, int]]] = []
    recovered: set[str] = set()
    named: set[str] = set()
    good = walk.place
    for batch in walk.batches(_EVERYTHING):
        offsets = batch.offsets()
        for number, record_hash in enumerate(batch.scan.hashes):
            logseq = batch.place.logseq + number
            try:
                entry = _entry(batch, number)
                reason = lacks(entry) if entry else ""
            except Malformed as error:
                entry, reason = None, f"{error} ({error.check_id})"
            if reason:
                return kept, frozenset(recovered), good, f"record {logseq}: {reason}"
            pending.append((record_hash, (batch.place.first, offsets[number])))
            named.update(entry.files if entry else ())
            if entry is None or entry.left == 0:
                kept += pending
                recovered |= named
                pending.clear()
                named.clear()
                end = batch.place.offset + batch.scan.spans[number][1]
                good = replace(batch.place, offset=end, logseq=logseq + 1, before=record_hash)
    return kept, frozenset(recovered), good, ""


def _entry(batch: Batch, number: int) -> Entry | None:
    kind = batch.scan.types[number]
    return read_entry(kind, batch.payload(number)) if kind in OURS else None


def _rest(disk: Disk, paths: DomainPaths, good: Place) -> tuple[tuple[Path, int], ...]:
    """Every file with bytes behind `good`, and from which byte on."""
    rest = []
    for first in log_firsts(disk, paths):
        start = good.offset if first == good.first else 0
        if first >= good.first and _size(disk, paths.log_file(first)) > start:
            rest.append((paths.log_file(first), start))
    return tuple(rest)


def move_away(disk: Disk, paths: DomainPaths, tail: Tail) -> None:
    """Keep what follows the tail's good records under `log/recovered/` and take it out of the log. Raises IoFailed."""
    for path, start in reversed(tail.rest):
        name = f"tail-{tail.place.logseq}-{durable.digest(disk, path, start)[:32]}.bin"
        # Closed here: Python 3.13 would leave the file open after an error until it collects garbage.
        with closing(durable.chunks_of(disk, path, start)) as chunks:
            durable.create_from(disk, paths.recovered / name, chunks)
        if start:
            durable.cut(disk, path, start)
        else:
            durable.remove(disk, path)


def recovered_files(disk: Disk, paths: DomainPaths) -> dict[str, str]:
    """Every file that was moved away, by its path below the domain, with its SHA-256. Raises IoFailed."""
    with durable.told("list", paths.recovered):
        names = [name for name in disk.names(paths.recovered) if not durable.is_part(name)]
    return {f"log/recovered/{name}": durable.digest(disk, paths.recovered / name) for name in names}


def _size(disk: Disk, path: Path) -> int:
    with durable.told("read", path):
        file = disk.open_read(path)
        try:
            return disk.size(file)
        finally:
            disk.close(file)
