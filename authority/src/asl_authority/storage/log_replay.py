"""What was committed to a log, by its heads, and the full replay that holds the records to it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from asl_authority.errors import Damaged, Malformed
from asl_authority.storage import durable
from asl_authority.storage.disk import Disk
from asl_authority.storage.layout import DomainPaths
from asl_authority.storage.log_files import Batch, Place, Walk, log_firsts
from asl_authority.values.canonical import read_canonical
from asl_authority.values.checkpoint import Checkpoint, read_checkpoint, read_checkpoint_text
from asl_authority.values.log_entry import LIMITS, check_type, read_entry
from asl_authority.values.log_record import OURS, RecordType
from asl_authority.values.merkle import Frontier, NewNodes, leaf_hashes
from asl_authority.values.signed_note import MOST_BYTES, Note, NoteKey, read_note


@dataclass(frozen=True)
class Heads:
    """What is committed: the signed checkpoint, and the unsigned head when something was logged after it."""

    signed: tuple[Checkpoint, Note] | None
    unsigned: Checkpoint | None

    @property
    def known(self) -> list[Checkpoint]:
        """All of them."""
        return [head for head in (self.signed[0] if self.signed else None, self.unsigned) if head]

    @property
    def last(self) -> Checkpoint:
        """The head that counts."""
        return max(self.known, key=lambda head: head.size)


def head_origin(disk: Disk, paths: DomainPaths) -> str | None:
    """What the log's directory says that the log is called, whoever says so; None where it says nothing."""
    for path in (paths.checkpoint, paths.unsigned_checkpoint):
        if (data := _load(disk, path)) is not None:
            return data.partition(b"\n")[0].decode("utf-8", "replace")
    return None


def load_heads(disk: Disk, paths: DomainPaths, origin: str, keys: Sequence[NoteKey]) -> Heads:
    """What the log's directory says is committed. Raises Damaged when it says nothing or nothing believable, IoFailed.

    Without `keys` no signature is looked at.
    """
    signed = unsigned = None
    path = paths.checkpoint
    try:
        if (data := _load(disk, path)) is not None:
            signed = read_checkpoint(data, origin, keys) if keys else read_unverified(data, origin)
        path = paths.unsigned_checkpoint
        if (data := _load(disk, path)) is not None:
            unsigned = read_checkpoint_text(data.decode("utf-8", "replace"))
            if unsigned.origin != origin:
                raise Malformed(f"a head of {unsigned.origin!a}, not of {origin!a}", check_id="CHECKPOINT-ORIGIN")
    except Malformed as error:
        raise Damaged(f"{path}: {error}", check_id=error.check_id) from None
    if signed is None and unsigned is None:
        raise Damaged(
            f"{paths.checkpoint}: is not there: nothing says what was committed to this log", check_id="STORE-FILE-LOST"
        )
    return Heads(signed, unsigned)


def read_unverified(data: bytes, origin: str) -> tuple[Checkpoint, Note]:
    """A checkpoint whose signatures nobody looks at. Raises Malformed."""
    note = read_note(data)
    head = read_checkpoint_text(note.text)
    if head.origin != origin:
        raise Malformed(f"a head of {head.origin!a}, not of {origin!a}", check_id="CHECKPOINT-ORIGIN")
    return head, note


@dataclass
class Replayed:
    """What a replay found: the tree, where it ended, the roots at the sizes that were asked for, recovered files."""

    frontier: Frontier
    place: Place
    roots: dict[int, bytes]
    recovered: set[str]


def replay(
    disk: Disk,
    paths: DomainPaths,
    size: int,
    marks: Sequence[int] = (),
    tell: NewNodes | None = None,
    places: Callable[[Batch], None] | None = None,
) -> Replayed:
    """Read the first `size` records, with chain, order and canonical form. Raises Damaged at the first that is wrong.

    Memory does not grow with the log. `tell` hears of new subtrees, `places` of every batch of records.
    """
    walk = Walk(disk, paths)
    done = Replayed(Frontier(), walk.place, {}, set())
    wanted = sorted({mark for mark in marks if mark <= size})
    for batch in walk.batches(size):
        _check_payloads(batch, paths, done.recovered)
        leaves = leaf_hashes(batch.scan.hashes)
        for mark in wanted:
            if done.frontier.size < mark <= done.frontier.size + len(leaves):
                part = done.frontier.copy()
                part.extend(leaves[: mark - part.size])
                done.roots[mark] = part.root()
        done.frontier.extend(leaves, tell)
        if places is not None:
            places(batch)
    done.place = walk.place
    if done.frontier.size < size:
        words = str(walk.problem) if walk.problem else f"{paths.log}: the log ends after {done.frontier.size} records"
        check_id = walk.problem.check_id if walk.problem else "LOG-TORN"
        raise Damaged(f"{words}, of {size} that were committed", check_id=check_id)
    strays = {first for first in log_firsts(disk, paths) if first < walk.place.first} - set(walk.visited)
    if strays:
        raise Damaged(f"{paths.log_file(min(strays))}: does not belong to this log", check_id="LOG-FILES")
    if 0 in wanted:
        done.roots[0] = Frontier().root()
    return done


def replay_heads(
    disk: Disk,
    paths: DomainPaths,
    heads: Heads,
    tell: NewNodes | None = None,
    places: Callable[[Batch], None] | None = None,
) -> Replayed:
    """Replay up to the last head, and hold the records to every head. Raises Damaged; for the rest see `replay`."""
    found = replay(disk, paths, heads.last.size, [head.size for head in heads.known], tell, places)
    for head in heads.known:
        if found.roots[head.size] != head.root:
            raise Damaged(
                f"{paths.log}: its first {head.size} records do not lead to the root that was committed",
                check_id="TREE-INCLUSION",
            )
    return found


def _check_payloads(batch: Batch, paths: DomainPaths, recovered: set[str]) -> None:
    data, kinds = batch.data, batch.scan.types
    for number, (start, end) in enumerate(batch.scan.spans):
        kind = kinds[number]
        if kind in OURS:
            try:
                value = read_canonical(data[start + 48 : end], LIMITS)
                check_type(kind, value)
                if kind == RecordType.RECOVERY:
                    recovered.update(read_entry(kind, batch.payload(number)).files)
            except Malformed as error:
                logseq = batch.place.logseq + number
                raise Damaged(f"{paths.log}: record {logseq}: {error}", check_id=error.check_id) from None


def _load(disk: Disk, path: Path) -> bytes | None:
    try:
        return durable.read(disk, path, MOST_BYTES)
    except FileNotFoundError:
        return None
