"""What lies behind the last head of a log when it is opened for writing: what can be kept, and what is moved away.

An operation whose head was not published is rolled forward when all its records are whole, all its artifacts are
there and somebody vouches for it; everything after is moved to `log/recovered/`, byte for byte. The chain of a log has
no secret: whoever can write to the volume can make records that fit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path

from asl_authority.errors import Damaged, Malformed
from asl_authority.storage import durable
from asl_authority.storage.disk import Disk
from asl_authority.storage.layout import DomainPaths
from asl_authority.storage.log_files import Batch, Place, Walk, log_firsts
from asl_authority.values.log_entry import Entry, read_entry
from asl_authority.values.log_record import BARE, OURS

# Says what is missing of the artifacts that an entry names; empty when nothing is.
Lacks = Callable[[Entry], str]
# The records of one operation, with their numbers.
Operation = Sequence[tuple[int, Entry]]
# Says why nobody vouches for an operation; empty when somebody does. It hears of them in order.
Vouched = Callable[[Operation], str]

LOG_UNVOUCHED = "LOG-UNVOUCHED"
_FOREIGN = "a record of a type that is not logged here, for which nobody vouches"
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


def only_bare(operation: Operation) -> str:
    """Vouch for what is logged without a receipt, and for nothing else."""
    other = [(logseq, entry.type.name) for logseq, entry in operation if entry.type not in BARE]
    return f"record {other[0][0]}: {other[0][1]} without a receipt that vouches for it" if other else ""


@dataclass
class Unsigned:
    """The records of a log that only an unsigned head covers: those after number `signed`."""

    signed: int
    records: list[tuple[int, int, bytes]] = field(default_factory=list)

    def add(self, batch: Batch) -> None:
        """Hear of the next records."""
        for number, kind in enumerate(batch.scan.types):
            if (logseq := batch.place.logseq + number) > self.signed:
                self.records.append((logseq, kind, batch.payload(number)))

    def expect_bare(self, path: Path) -> None:
        """LOG-UNVOUCHED: without a key nothing is logged but what needs no receipt. Raises Damaged; `path` is the log.

        Who has the key signs a head for everything else, so records of any other type were put there by nobody.
        """
        whole = True
        for logseq, kind, payload in self.records:
            try:
                entry = read_entry(kind, payload) if kind in OURS else None
            except Malformed as error:
                raise Damaged(f"{path}: record {logseq}: {error}", check_id=error.check_id) from None
            if reason := only_bare([(logseq, entry)]) if entry else f"record {logseq}: {_FOREIGN}":
                raise _unvouched(path, reason)
            whole = entry is None or entry.left == 0
        if not whole:
            raise _unvouched(path, f"record {self.records[-1][0]}: the records of its operation are not all there")


def _unvouched(path: Path, reason: str) -> Damaged:
    return Damaged(
        f"{path}: {reason}, and no signed head covers it: it was logged without the log's key, and is not signed now",
        check_id=LOG_UNVOUCHED,
        hint="keep a copy; move checkpoint.unsigned out of log: then what nobody vouches for is put aside at the next "
        "operation",
    )


def look_behind(disk: Disk, paths: DomainPaths, place: Place, lacks: Lacks, vouched: Vouched = only_bare) -> Tail:
    """Judge what lies behind `place`; nothing is changed. Raises IoFailed."""
    walk = Walk(disk, paths, place)
    kept, recovered, good, reason = _whole_operations(walk, lacks, vouched)
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
    walk: Walk, lacks: Lacks, vouched: Vouched
) -> tuple[list[tuple[bytes, tuple[int, int]]], frozenset[str], Place, str]:
    kept: list[tuple[bytes, tuple[int, int]]] = []
    pending: list[tuple[bytes, tuple[int, int]]] = []
    recovered: set[str] = set()
    operation: list[tuple[int, Entry]] = []
    good = walk.place
    for batch in walk.batches(_EVERYTHING):
        offsets = batch.offsets()
        for number, record_hash in enumerate(batch.scan.hashes):
            logseq = batch.place.logseq + number
            try:
                entry = _entry(batch, number)
                reason = lacks(entry) if entry else _FOREIGN
            except Malformed as error:
                entry, reason = None, f"{error} ({error.check_id})"
            if entry is None or reason:
                return kept, frozenset(recovered), good, f"record {logseq}: {reason}"
            pending.append((record_hash, (batch.place.first, offsets[number])))
            operation.append((logseq, entry))
            if entry.left == 0:
                if reason := vouched(tuple(operation)):
                    return kept, frozenset(recovered), good, reason
                kept += pending
                recovered.update(name for _, each in operation for name in each.files)
                pending.clear()
                operation.clear()
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
        if first >= good.first and durable.size_of(disk, paths.log_file(first)) > start:
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
