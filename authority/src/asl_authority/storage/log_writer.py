"""A log for writing: opened with a full replay and recovery, then grown one committed operation at a time.

An operation is committed when a head that covers its records is published, and not before.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from asl_authority.errors import Aborted, Damaged, IoFailed, Refused
from asl_authority.storage import durable
from asl_authority.storage.disk import Disk
from asl_authority.storage.layout import DomainPaths
from asl_authority.storage.log_files import Batch, Place
from asl_authority.storage.log_recovery import (
    Lacks,
    Tail,
    Unsigned,
    Vouched,
    look_behind,
    move_away,
    only_bare,
    recovered_files,
)
from asl_authority.storage.log_replay import Heads, Replayed, load_heads, replay_heads
from asl_authority.storage.tree_cache import TreeCacheWriter
from asl_authority.values import rfc8032
from asl_authority.values.checkpoint import Checkpoint, read_checkpoint
from asl_authority.values.log_entry import Entry, numbered
from asl_authority.values.log_record import HEADER, Record, RecordType
from asl_authority.values.merkle import Frontier, leaf_hashes
from asl_authority.values.signed_note import MOST_BYTES, NoteKey, NoteSigner

# A new file is begun once the last has this many bytes, so that copying a log takes no giant file.
ROLL_BYTES = 64 << 20
UNSETTLED = (
    "log verify says whether it was whole: then it counts once the log's key is opened again, and is not to be done "
    "twice"
)
# Raises when the committed head is not the one that was looked at.
Expect = Callable[[Checkpoint], None]


def any_head(_: Checkpoint) -> None:
    """Takes a log with whatever head it has."""


@dataclass(frozen=True)
class Opening:
    """What opening a log for writing found and did; nothing in it is silent."""

    records: int
    rolled_forward: int
    moved: tuple[str, ...]
    reason: str
    countersigned: int

    def lines(self) -> list[str]:
        """In words; none when there was nothing to do."""
        said = []
        if self.rolled_forward:
            said.append(f"{self.rolled_forward} records of an interrupted operation were whole, and were committed")
        if self.moved:
            why = f": {self.reason}" if self.reason else ""
            said.append(f"what could not be committed was moved to {', '.join(self.moved)}{why}")
        if self.countersigned:
            said.append(f"{self.countersigned} records that were logged without a key were countersigned")
        return said


class LogWriter:
    """The one writer of a log; who opens it holds the domain's lock."""

    def __init__(
        self,
        disk: Disk,
        paths: DomainPaths,
        origin: str,
        signer: NoteSigner | None,
        *,
        session: str = "",
        roll_bytes: int = ROLL_BYTES,
    ) -> None:
        self.disk = disk
        self.paths = paths
        self.origin = origin
        self.signer = signer
        self.session = session
        self.roll_bytes = roll_bytes
        self.place = Place()
        self.frontier = Frontier()
        self.head: Checkpoint | None = None
        self.opening = Opening(0, 0, (), "", 0)
        self._cache = TreeCacheWriter(disk, paths)
        self._failed = False
        self._unsigned = False

    @classmethod
    def create(cls, disk: Disk, paths: DomainPaths, origin: str) -> None:
        """Make an empty log in an empty directory: one file without records, and an unsigned head of size 0."""
        durable.create(disk, paths.log_file(1), HEADER)
        head = Checkpoint(origin, 0, Frontier().root())
        durable.create(disk, paths.unsigned_checkpoint, head.to_text().encode())

    def open(
        self, lacks: Lacks, keys: Sequence[NoteKey] = (), vouched: Vouched = only_bare, expect: Expect = any_head
    ) -> Opening:
        """Replay everything, recover what an interruption left, and be ready to commit.

        `keys` are those that earlier checkpoints may be signed by; the signer's own is always among them. `vouched`
        says which operations behind the last head may be committed; `expect` hears of that head before anything is
        changed, and may raise. Raises Damaged when something is wrong before the last head (then nothing is changed),
        Refused when there is something to recover and no key to sign it with, IoFailed.
        """
        trusted = (*keys, self.signer.key) if self.signer else tuple(keys)
        heads = load_heads(self.disk, self.paths, self.origin, trusted)
        self._unsigned = heads.unsigned is not None
        signed = heads.signed[0].size if heads.signed else -1
        unsigned = Unsigned(max(signed, 0))
        found = self._replay(heads, unsigned)
        unsigned.expect_bare(self.paths.log)
        expect(heads.last)
        tail = look_behind(self.disk, self.paths, found.place, lacks, vouched)
        if (tail.hashes or tail.rest) and self.signer is None:
            raise Refused(
                f"{self.paths.log}: an operation was interrupted; recovering takes the log's key",
                hint="unlock the log's key, then open again",
                check_id="LOG-INTERRUPTED",
            )
        if tail.rest:
            move_away(self.disk, self.paths, tail)
        if tail.hashes:
            start = found.place.offset if found.place.first == tail.place.first else len(HEADER)
            durable.rewrite(self.disk, self.paths.log_file(tail.place.first), start, tail.place.offset)
        self._take(tail.hashes, [offset for _, offset in tail.offsets])
        self.place = tail.place
        moved = self._recover(tail, found.recovered | tail.recovered)
        if tail.hashes or moved or (self.signer is not None and signed < heads.last.size):
            self._publish()
        elif self.signer is not None and self._unsigned:
            durable.remove(self.disk, self.paths.unsigned_checkpoint)
            self._unsigned = False
        countersigned = max(heads.last.size - max(signed, 0), 0) if self.signer else 0
        self.opening = Opening(self.frontier.size, len(tail.hashes), moved, tail.reason, countersigned)
        return self.opening

    @property
    def logseq(self) -> int:
        """The number of the last record; 0 when there is none."""
        return self.frontier.size

    def commit(self, *entries: Entry) -> Checkpoint:
        """Append the records of one operation and publish the head that covers them.

        When this returns, they last. When it raises IoFailed or Aborted, they may or may not be found at the next
        opening, which says so, and this writer takes nothing more.
        """
        if self._failed or self.head is None:
            raise IoFailed(
                f"{self.paths.log}: an earlier write failed",
                hint="open the store again: it recovers",
                check_id="LOG-WRITE-FAILED",
            )
        if not entries:
            raise ValueError("an operation without records")
        self._failed = True
        try:
            self._roll()
            self._append(entries)
            head = self._publish()
        except IoFailed as error:
            hint = f"{error.hint}; {UNSETTLED}" if error.hint else UNSETTLED
            raise IoFailed(str(error), hint=hint, check_id=error.check_id) from None
        except KeyboardInterrupt:  # too late to leave everything as it was
            raise Aborted(f"{self.paths.log}: stopped by you while it was written", hint=UNSETTLED) from None
        self._failed = False
        return head

    def _replay(self, heads: Heads, unsigned: Unsigned) -> Replayed:
        cache = self._cache

        def places(batch: Batch) -> None:
            cache.add_places(batch)
            unsigned.add(batch)

        found = replay_heads(self.disk, self.paths, heads, cache.tell, places)
        self.frontier, self.place, self.head = found.frontier, found.place, heads.last
        return found

    def _recover(self, tail: Tail, logged: set[str]) -> tuple[str, ...]:
        """Log what lies in `log/recovered/` and is in no record yet: also what an earlier recovery did not get to."""
        if self.signer is None:
            return ()
        files = {name: sha for name, sha in recovered_files(self.disk, self.paths).items() if name not in logged}
        if files:
            facts = {"reason": tail.reason or "an earlier recovery was interrupted"}
            self._append((Entry(RecordType.RECOVERY, self.session, files=files, facts=facts),))
        return tuple(files)

    def _roll(self) -> None:
        if self.place.offset >= self.roll_bytes:
            durable.create(self.disk, self.paths.log_file(self.place.logseq), HEADER)
            self.place = replace(self.place, first=self.place.logseq, offset=len(HEADER))

    def _append(self, entries: Sequence[Entry]) -> None:
        place, pieces, offsets, hashes = self.place, [], [], []
        for entry in numbered(entries, self.session):
            data = Record(place.logseq, entry.type, entry.to_bytes()).to_bytes(place.before)
            pieces.append(data)
            offsets.append(place.offset)
            hashes.append(data[-32:])
            place = replace(place, offset=place.offset + len(data), logseq=place.logseq + 1, before=data[-32:])
        durable.append(self.disk, self.paths.log_file(place.first), b"".join(pieces), self.place.offset)
        self.place = place
        self._take(hashes, offsets)

    def _take(self, hashes: Sequence[bytes], offsets: list[int]) -> None:
        self._cache.add_offsets(offsets)
        self.frontier.extend(leaf_hashes(list(hashes)), self._cache.tell)

    def _publish(self) -> Checkpoint:
        head = Checkpoint(self.origin, self.frontier.size, self.frontier.root())
        if self.signer is None:
            durable.replace(self.disk, self.paths.unsigned_checkpoint, head.to_text().encode())
        else:
            note = head.signed(self.signer)
            durable.replace(self.disk, self.paths.checkpoint, note.to_bytes())
            self._read_back(head)
            if self._unsigned:
                durable.remove(self.disk, self.paths.unsigned_checkpoint)
                self._unsigned = False
        self.head = head
        return head

    def _read_back(self, head: Checkpoint) -> None:
        """What was just signed is read from the disk and verified by the second implementation."""
        if self.signer is None:
            return
        data = durable.read(self.disk, self.paths.checkpoint, MOST_BYTES)
        found, note = read_checkpoint(data, self.origin, [self.signer.key])
        text, sig = note.text.encode(), note.signatures[0].sig
        if found != head or not rfc8032.verifies(self.signer.key.public.raw, text, sig):
            raise Damaged(
                f"{self.paths.checkpoint}: what was written is not what was signed", check_id="SIGN-READ-BACK"
            )
