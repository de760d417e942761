"""A log for reading: its head, its records, and proofs. Nothing is given out that the head does not vouch for."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence

from asl_authority.errors import Damaged, Malformed, UsageError
from asl_authority.storage import durable
from asl_authority.storage.disk import Disk
from asl_authority.storage.layout import DomainPaths
from asl_authority.storage.log_files import Place, Walk, log_firsts
from asl_authority.storage.log_replay import Heads, load_heads, replay
from asl_authority.storage.tree_cache import CacheLacks, TreeCache
from asl_authority.values.checkpoint import LogProof
from asl_authority.values.log_entry import Entry, read_entry
from asl_authority.values.log_record import FIRST_HASH, FIRST_LOGSEQ, HEADER, Record
from asl_authority.values.merkle import (
    EMPTY_ROOT,
    Node,
    check_consistency,
    check_inclusion,
    consistency_proof,
    inclusion_proof,
    tree_root,
)
from asl_authority.values.signed_note import NoteKey


class LogReader:
    """A log up to its last head. Readers need no lock: what a head covers never changes."""

    def __init__(self, disk: Disk, paths: DomainPaths, heads: Heads) -> None:
        self.disk = disk
        self.paths = paths
        self.heads = heads
        self.head = heads.last

    @classmethod
    def open(cls, disk: Disk, paths: DomainPaths, origin: str, keys: Sequence[NoteKey] = ()) -> LogReader:
        """Open at the last head. Raises Damaged or IoFailed; without `keys` no signature is looked at.

        When the cache does not lead to the head's root the log is replayed.
        """
        reader = cls(disk, paths, load_heads(disk, paths, origin, keys))
        with TreeCache(disk, paths) as cache:
            if not cache.leads_to(reader.head.size, reader.head.root):
                reader.replay_nodes(set())
        return reader

    def records(self, first: int = FIRST_LOGSEQ, last: int | None = None) -> Iterator[Record]:
        """Records in order; each is given out once the head vouches for it. Raises Damaged, UsageError."""
        last = self.head.size if last is None else last
        if not FIRST_LOGSEQ <= first <= last + 1 or last > self.head.size:
            raise UsageError(f"records {first} to {last} of a log that has {self.head.size}")
        walk = self._walk_from(first)
        for batch in walk.batches(last + 1 - walk.place.logseq):
            end = batch.place.logseq + len(batch.scan.spans) - 1
            if end < first:
                continue
            # The chain binds every record of the batch to its last one.
            self.inclusion(end, batch.scan.hashes[-1])
            for number, kind in enumerate(batch.scan.types):
                if batch.place.logseq + number >= first:
                    yield Record(batch.place.logseq + number, kind, batch.payload(number))
        if walk.place.logseq <= last:
            raise self._unread(walk, walk.place.logseq)

    def entry(self, record: Record) -> Entry:
        """What a record of ours says. Raises Malformed, by its number, for one that no reader takes."""
        try:
            return read_entry(record.type, record.payload)
        except Malformed as error:
            where = f"{self.paths.log}: record {record.logseq}"
            raise Malformed(f"{where}: {error}", check_id=error.check_id) from None

    def record(self, logseq: int) -> Record:
        """One record. Raises Damaged, UsageError."""
        return next(self.records(logseq, logseq))

    def hashed(self, logseq: int) -> bytes:
        """The bytes that a record's hash is over. Raises Damaged, UsageError."""
        before = FIRST_HASH if logseq == FIRST_LOGSEQ else self.hash_of(logseq - 1)
        data = self.record(logseq).hashed(before)
        self.inclusion(logseq, hashlib.sha256(data).digest())
        return data

    def prove(self, logseq: int) -> LogProof:
        """The proof that a record lies in the log of the signed checkpoint. Raises Damaged, UsageError."""
        if self.heads.signed is None or not FIRST_LOGSEQ <= logseq <= self.heads.signed[0].size:
            raise UsageError(f"record {logseq} is not covered by a signed checkpoint")
        head, note = self.heads.signed
        return LogProof(logseq - 1, self._inclusion(logseq, self.hash_of(logseq), head.size, head.root), note)

    def inclusion(self, logseq: int, record_hash: bytes) -> tuple[bytes, ...]:
        """The proof that the record with this hash lies where it says. Raises Damaged."""
        return self._inclusion(logseq, record_hash, self.head.size, self.head.root)

    def root_at(self, size: int) -> bytes:
        """The root that this log had when it had `size` records. Raises Damaged, UsageError."""
        return self.consistency(size)[0]

    def extends(self, size: int, root: bytes) -> bool:
        """Whether this log begins with the one of this size and root: one carried on paper, say. Raises Damaged."""
        return size <= self.head.size and self.root_at(size) == root

    def consistency(self, size: int) -> tuple[bytes, tuple[bytes, ...]]:
        """The root of the first `size` records, and the proof that this log begins with them. Raises Damaged."""
        if not 0 <= size <= self.head.size:
            raise UsageError(f"size {size} of a log that has {self.head.size} records")
        if size == 0:
            return EMPTY_ROOT, ()

        def prove(node: Node) -> tuple[bytes, tuple[bytes, ...]]:
            return tree_root(size, node), consistency_proof(size, self.head.size, node)

        with TreeCache(self.disk, self.paths) as cache:
            try:
                root, proof = prove(cache.node)
                if check_consistency(size, root, self.head.size, self.head.root, proof).ok:
                    return root, proof
            except CacheLacks:
                pass
        return prove(self._replayed(lambda node: [prove(node)]))

    def replay_nodes(self, wanted: set[tuple[int, int]]) -> dict[tuple[int, int], bytes]:
        """Replay the log and keep these complete subtrees' hashes, by level and index. Raises Damaged."""
        kept: dict[tuple[int, int], bytes] = {}
        counts: dict[int, int] = {}

        def tell(level: int, nodes: list[bytes]) -> None:
            start = counts.get(level, 0)
            counts[level] = start + len(nodes)
            kept.update(
                {at: nodes[at[1] - start] for at in wanted if at[0] == level and start <= at[1] < counts[level]}
            )

        found = replay(self.disk, self.paths, self.head.size, tell=tell if wanted else None)
        if found.frontier.root() != self.head.root:
            raise Damaged(
                f"{self.paths.log}: the records do not lead to the root that was committed",
                check_id="TREE-INCLUSION",
            )
        return kept

    def _inclusion(self, logseq: int, record_hash: bytes, size: int, root: bytes) -> tuple[bytes, ...]:
        def prove(node: Node) -> tuple[bytes, ...]:
            return inclusion_proof(logseq - 1, size, node)

        with TreeCache(self.disk, self.paths) as cache:
            try:
                proof = prove(cache.node)
                if check_inclusion(record_hash, logseq - 1, size, root, proof).ok:
                    return proof
            except CacheLacks:
                pass
        proof = prove(self._replayed(prove))
        if not check_inclusion(record_hash, logseq - 1, size, root, proof).ok:
            raise Damaged(
                f"{self.paths.log}: record {logseq} is not the one that was committed",
                check_id="TREE-INCLUSION",
            )
        return proof

    def _replayed(self, use: Callable[[Node], object]) -> Node:
        """The nodes that `use` asks for, from a replay instead of the cache."""
        wanted: set[tuple[int, int]] = set()

        def spy(level: int, index: int) -> bytes:
            wanted.add((level, index))
            return bytes(32)

        use(spy)
        kept = self.replay_nodes(wanted)
        return lambda level, index: kept[level, index]

    def hash_of(self, logseq: int) -> bytes:
        """The hash of a record, as it lies in the file: hold it to the head by `inclusion`. Raises Damaged."""
        walk = self._walk_from(logseq)
        found = b""
        for batch in walk.batches(logseq + 1 - walk.place.logseq):
            found = batch.scan.hashes[-1]
        if walk.place.logseq <= logseq:
            raise self._unread(walk, logseq)
        return found

    def _unread(self, walk: Walk, logseq: int) -> Damaged:
        check_id = walk.problem.check_id if walk.problem else ""
        return Damaged(f"{walk.problem or self.paths.log}: record {logseq} can't be read", check_id=check_id)

    def _walk_from(self, logseq: int) -> Walk:
        """A way through the log that starts at or before a record."""
        firsts = [first for first in log_firsts(self.disk, self.paths) if first <= logseq]
        if not firsts:
            raise Damaged(
                f"{self.paths.log}: the log file with record {logseq} is not there", check_id="STORE-FILE-LOST"
            )
        before = FIRST_HASH if firsts[-1] == FIRST_LOGSEQ else self._last_hash(firsts[-2] if firsts[1:] else 0)
        start = Place(first=firsts[-1], logseq=firsts[-1], before=before)
        try:
            with TreeCache(self.disk, self.paths) as cache:
                offset = cache.offset(logseq)
        except CacheLacks:
            return Walk(self.disk, self.paths, start)
        if offset < len(HEADER) + 48:
            return Walk(self.disk, self.paths, start)
        path = self.paths.log_file(start.first)
        with durable.told("read", path):
            file = self.disk.open_read(path)
            try:
                before = durable.read_exactly(self.disk, file, 32, offset - 32)
            finally:
                self.disk.close(file)
        quick = Place(start.first, offset, logseq, before)
        # The cache may say anything: only a place where a good record begins is used.
        tried = Walk(self.disk, self.paths, quick)
        good = any(len(batch.scan.spans) == 1 for batch in tried.batches(1))
        return Walk(self.disk, self.paths, quick if good else start)

    def _last_hash(self, first: int) -> bytes:
        path = self.paths.log_file(first)
        try:
            with durable.told("read", path):
                file = self.disk.open_read(path)
                try:
                    return durable.read_exactly(self.disk, file, 32, max(self.disk.size(file) - 32, 0))
                finally:
                    self.disk.close(file)
        except FileNotFoundError:
            raise Damaged(f"{path}: is not there", check_id="STORE-FILE-LOST") from None
