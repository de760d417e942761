"""Reads the files of a log in order, in pieces of bounded size, and says exactly where and why it can't go on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from asl_authority.errors import Malformed
from asl_authority.storage import durable
from asl_authority.storage.disk import Disk
from asl_authority.storage.layout import DomainPaths, log_file_first
from asl_authority.values.log_record import FIRST_HASH, FIRST_LOGSEQ, HEADER, Scan, read_header, scan_records

# The most records that are held at a time; with small records this keeps memory low, with large ones CHUNK does.
BATCH = 4096


@dataclass(frozen=True)
class Place:
    """Between two records: in the file that begins with record `first`, at `offset`; `logseq` would come next.

    `before` is the hash of the record before.
    """

    first: int = FIRST_LOGSEQ
    offset: int = len(HEADER)
    logseq: int = FIRST_LOGSEQ
    before: bytes = FIRST_HASH


@dataclass(frozen=True)
class Batch:
    """Some records as they lie in a file: their bytes, what was found in them, and where they begin."""

    data: bytes
    scan: Scan
    place: Place

    def payload(self, number: int) -> bytes:
        """The payload of the n-th record."""
        start, end = self.scan.spans[number]
        return self.data[start + 48 : end]

    def offsets(self) -> list[int]:
        """Where in the file each record begins."""
        base = self.place.offset
        return [base + start for start, _ in self.scan.spans]


class Walk:
    """One way through a log. `place` is behind the last record that was good; `problem` says why it is the last."""

    def __init__(self, disk: Disk, paths: DomainPaths, place: Place = Place()) -> None:
        self.disk = disk
        self.paths = paths
        self.place = place
        self.problem: Malformed | None = None
        self.visited = [place.first]

    def batches(self, most: int) -> Iterator[Batch]:
        """The next records, `most` of them at most; it ends early where the log ends or has a problem."""
        left = most
        while left > 0 and self.problem is None:
            for batch in self._in_file(left):
                left -= len(batch.scan.spans)
                yield batch
            if left <= 0 or self.problem is not None or not self._next_file():
                return

    def _in_file(self, most: int) -> Iterator[Batch]:
        path = self.paths.log_file(self.place.first)
        try:
            with durable.told("read", path):
                file = self.disk.open_read(path)
        except FileNotFoundError:
            self.problem = Malformed(f"{path}: is not there", check_id="LOG-HEADER")
            return
        try:
            with durable.told("read", path):
                head = durable.read_exactly(self.disk, file, len(HEADER), 0)
            read_header(head)
            carry, at = self.place.before, self.place.offset
            while most > 0 and self.problem is None:
                with durable.told("read", path):
                    data = durable.read_exactly(self.disk, file, durable.CHUNK, at)
                at += len(data)
                carry += data
                while most > 0:
                    scan = scan_records(carry, self.place.logseq, min(most, BATCH))
                    batch = Batch(carry, scan, self.place)
                    count = len(scan.spans)
                    if count:
                        before = scan.hashes[-1]
                        offset = self.place.offset + scan.end - 32
                        self.place = replace(self.place, offset=offset, logseq=self.place.logseq + count, before=before)
                        most -= count
                        yield batch
                        carry = carry[scan.end - 32 :]
                    self.problem = _at(path, scan.problem)
                    if not count or self.problem is not None:
                        break
                if not data:
                    if len(carry) > 32 and most > 0 and self.problem is None:
                        torn = Malformed(f"record {self.place.logseq} is cut off", check_id="LOG-TORN")
                        self.problem = _at(path, torn)
                    return
        except Malformed as problem:
            self.problem = _at(path, problem)
        finally:
            self.disk.close(file)

    def _next_file(self) -> bool:
        """Go on with the file that begins with the next record, if there is one."""
        path = self.paths.log_file(self.place.logseq)
        if self.place.logseq == self.place.first or not self.disk.is_file(path):
            return False
        try:
            read_header(durable.read_start(self.disk, path, len(HEADER)))
        except Malformed as problem:
            self.problem = _at(path, problem)
            return False
        self.place = replace(self.place, first=self.place.logseq, offset=len(HEADER))
        self.visited.append(self.place.first)
        return True


def _at(path: Path, problem: Malformed | None) -> Malformed | None:
    return Malformed(f"{path}: {problem}", check_id=problem.check_id) if problem else None


def log_firsts(disk: Disk, paths: DomainPaths) -> list[int]:
    """The numbers of the first records of all log files, sorted."""
    with durable.told("list", paths.log):
        found = (log_file_first(name) for name in disk.names(paths.log))
        return sorted(first for first in found if first is not None)
