"""Operations on a store that are interrupted at every call, and what must hold whenever it is opened again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from asl_authority.errors import IoFailed
from asl_authority.storage import domains, durable, index, scrub, snapshots
from asl_authority.storage.blocks import BlockStore
from asl_authority.storage.disk import Disk
from asl_authority.storage.domains import Domain, create_domain, create_store
from asl_authority.storage.layout import DomainPaths, StorePaths
from asl_authority.storage.log_reader import LogReader
from asl_authority.values.ed25519 import SecretKey
from asl_authority.values.log_entry import Entry, read_entry
from asl_authority.values.log_record import OURS, RecordType
from asl_authority.values.signed_note import NoteSigner
from support.faulty_disk import FaultyDisk, PowerCutError
from support.memory_disk import Fate, MemoryDisk

ROOT = Path("/store")
NAME = "me.example"
ORIGIN = f"asl.example/{NAME}"
SIGNER = NoteSigner(ORIGIN, SecretKey(b"\7" * 32))
SESSION = "5e" * 16
PATHS = StorePaths(ROOT).domain(NAME)
# Nothing here has a real receipt: what is whole is vouched for.
opened = partial(domains.opened, vouched=lambda _: "")


@dataclass
class Ledger:
    """What has been acknowledged: the log's size and root, blocks and files with their bytes.

    `tail` is what lay behind the log's head and can't be committed: it must not be lost either.
    """

    size: int = 0
    root: bytes = b""
    domain: bool = False
    blocks: dict[str, bytes] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    tail: bytes = b""

    def commit(self, domain: Domain, *entries: Entry) -> None:
        head = domain.commit(*entries)
        self.size, self.root = head.size, head.root

    def put(self, domain: Domain, data: bytes) -> str:
        block_id = domain.blocks.put(data)
        self.blocks[block_id] = data
        return block_id

    def write(self, domain: Domain, name: str, data: bytes) -> str:
        digest = domain.write(name, data)
        self.files[name] = data
        return digest

    def copy(self) -> Ledger:
        return Ledger(self.size, self.root, self.domain, dict(self.blocks), dict(self.files), self.tail)


def start(disk: Disk, *, ledger: Ledger | None = None) -> Ledger:
    """A store with one domain."""
    ledger = ledger or Ledger()
    create_store(disk, ROOT, "asl.example/host")
    if not disk.is_directory(PATHS.root):
        create_domain(disk, StorePaths(ROOT), NAME, ORIGIN)
    ledger.domain = True
    return ledger


def used(disk: Disk) -> Ledger:
    """A store with one domain that has some records, blocks and a file."""
    ledger = start(disk)
    with opened(disk, PATHS, ORIGIN, SIGNER, session=SESSION) as domain:
        for number in range(3):
            block = ledger.put(domain, b"block %d" % number * 40)
            digest = ledger.write(domain, f"dam/dam-{number + 1}.json", b'{"dam":%d}' % number)
            ledger.commit(
                domain,
                Entry(RecordType.ARTIFACT, blocks=(block,)),
                Entry(RecordType.DAM, files={f"dam/dam-{number + 1}.json": digest}),
            )
    return ledger


# The operations. Each gets a disk and a ledger in which it notes what has been acknowledged to it.


def make_store(disk: Disk, ledger: Ledger) -> None:
    start(disk, ledger=ledger)


def put_block(disk: Disk, ledger: Ledger) -> None:
    with opened(disk, PATHS, ORIGIN, SIGNER, session=SESSION) as domain:
        ledger.put(domain, b"a new block" * 100)


def commit_one(disk: Disk, ledger: Ledger) -> None:
    with opened(disk, PATHS, ORIGIN, SIGNER, session=SESSION) as domain:
        ledger.commit(domain, Entry(RecordType.CLAIM, facts={"n": 1}))
        ledger.commit(domain, Entry(RecordType.CLAIM, facts={"n": 2}))


def commit_in_spite_of_all(disk: Disk, ledger: Ledger) -> None:
    with opened(disk, PATHS, ORIGIN, SIGNER, session=SESSION) as domain:
        failure = None
        for number in range(3):
            try:
                ledger.commit(domain, Entry(RecordType.CLAIM, facts={"again": number}))
            except IoFailed as error:
                failure = error
        if failure:
            raise failure


def commit_operation(disk: Disk, ledger: Ledger) -> None:
    with opened(disk, PATHS, ORIGIN, SIGNER, session=SESSION) as domain:
        block = ledger.put(domain, b"of an operation" * 50)
        digest = ledger.write(domain, "certs/root.pub", b"a key\n")
        entries = (Entry(RecordType.KEY, files={"certs/root.pub": digest}), Entry(RecordType.ARTIFACT, blocks=(block,)))
        ledger.commit(domain, *entries, Entry(RecordType.RECEIPT, facts={"done": True}))


def commit_without_key(disk: Disk, ledger: Ledger) -> None:
    with opened(disk, PATHS, ORIGIN, None, keys=(SIGNER.key,), session=SESSION) as domain:
        ledger.commit(domain, Entry(RecordType.CLAIM, facts={"boot": 1}))
        ledger.commit(domain, Entry(RecordType.CLAIM, facts={"boot": 2}))


def countersign(disk: Disk, ledger: Ledger) -> None:
    with opened(disk, PATHS, ORIGIN, SIGNER, session=SESSION) as domain:
        assert domain.log.logseq >= ledger.size


def begin_a_file(disk: Disk, ledger: Ledger) -> None:
    with opened(disk, PATHS, ORIGIN, SIGNER, session=SESSION) as domain:
        domain.log.roll_bytes = 100
        ledger.commit(domain, Entry(RecordType.CLAIM, facts={"n": 3}))
        ledger.commit(domain, Entry(RecordType.CLAIM, facts={"n": 4}))


def snapshot(disk: Disk, ledger: Ledger) -> None:
    with opened(disk, PATHS, ORIGIN, SIGNER, session=SESSION) as domain:
        assert domain.log.head is not None
        inventory = snapshots.take_inventory(disk, PATHS, NAME, domain.log.head)
        files = snapshots.write_snapshot(disk, PATHS, inventory, "ab" * 32)
        ledger.commit(domain, Entry(RecordType.SNAPSHOT, files=files, facts={"id": inventory.snapshot_id}))


def scrub_all(disk: Disk, ledger: Ledger) -> None:
    with opened(disk, PATHS, ORIGIN, SIGNER, session=SESSION) as domain:
        found = scrub.scrub(domain.blocks, save_blocks=1)
        if found:  # a block that can't be read is found, not raised
            raise IoFailed(found[0].detail)


def index_all(disk: Disk, ledger: Ledger) -> None:
    with opened(disk, PATHS, ORIGIN, SIGNER, session=SESSION):
        reader = LogReader.open(disk, PATHS, ORIGIN, [SIGNER.key])
        assert index.build_index(reader, segment_records=3) == 2


def write_view(disk: Disk, ledger: Ledger) -> None:
    with opened(disk, PATHS, ORIGIN, SIGNER, session=SESSION):
        reader = LogReader.open(disk, PATHS, ORIGIN, [SIGNER.key])
        domains.write_view(disk, PATHS, domains.derive_view(reader, NAME))


@dataclass(frozen=True)
class Operation:
    """What is interrupted, and the state that it begins with."""

    name: str
    run: Callable[[Disk, Ledger], None]
    prepare: Callable[[Disk], Ledger] = used


def torn(disk: Disk) -> Ledger:
    """A log with half a record behind its head."""
    ledger = used(disk)
    ledger.tail = b"\x07\0\0\0\0\0\0\0half a record"
    _add(disk, ledger.tail)
    return ledger


def behind(disk: Disk) -> Ledger:
    """A log with a whole record behind its head, and half of another operation."""
    ledger = used(disk)
    with opened(disk, PATHS, ORIGIN, SIGNER, session=SESSION) as domain:
        data = durable.read(disk, PATHS.checkpoint, 10_000)
        domain.commit(Entry(RecordType.CLAIM, facts={"n": 9}))
        place = domain.log.place
        domain.commit(Entry(RecordType.CLAIM, facts={"n": 10}), Entry(RecordType.CLAIM, facts={"n": 11}))
        durable.cut(disk, PATHS.log_file(1), domain.log.place.offset - 100)
        ledger.tail = b"".join(durable.chunks_of(disk, PATHS.log_file(1), place.offset))
        assert ledger.tail
        durable.replace(disk, PATHS.checkpoint, data)
    return ledger


def logged_without_key(disk: Disk) -> Ledger:
    ledger = used(disk)
    commit_without_key(disk, ledger)
    return ledger


def recover(disk: Disk, ledger: Ledger) -> None:
    with opened(disk, PATHS, ORIGIN, SIGNER, session=SESSION) as domain:
        assert domain.log.logseq > ledger.size
        assert domain.log.head is not None
        ledger.size, ledger.root = domain.log.head.size, domain.log.head.root


def empty(disk: Disk) -> Ledger:
    disk.make_directory(ROOT)
    return Ledger()


OPERATIONS = (
    Operation("make store and domain", make_store, empty),
    Operation("put block", put_block),
    Operation("commit a record", commit_one),
    Operation("commit in spite of failures", commit_in_spite_of_all),
    Operation("commit an operation", commit_operation),
    Operation("build the index", index_all),
    Operation("write domain.json", write_view),
    Operation("log without a key", commit_without_key),
    Operation("countersign", countersign, logged_without_key),
    Operation("begin a log file", begin_a_file),
    Operation("snapshot", snapshot),
    Operation("recover a torn tail", recover, torn),
    Operation("roll forward, recover half", recover, behind),
    Operation("scrub", scrub_all),
)


def verified(disk: Disk, ledger: Ledger) -> str:
    """Open the store again, hold it to the ledger, work with it, and say what was found."""
    if not ledger.domain:
        start(disk, ledger=ledger)
    before = ledger.size
    with opened(disk, PATHS, ORIGIN, SIGNER, session=SESSION) as domain:
        lines = domain.lines()
        found = domain.log.opening
        assert domain.log.logseq >= ledger.size
        assert_whole(disk, ledger)
        assert_nothing_left(disk, ROOT)
        assert bool(found.moved) == any("moved to" in line for line in lines)
        assert bool(found.rolled_forward) == any("were whole" in line for line in lines)
        more = domain.log.logseq - before
        if found.moved:
            outcome = "tail moved away"
        elif found.rolled_forward:
            outcome = "rolled forward"
        elif more:
            outcome = "was committed"
        else:
            outcome = "as before"
        block = ledger.put(domain, b"after the fault")
        ledger.commit(domain, Entry(RecordType.ARTIFACT, blocks=(block,)))
    assert_whole(disk, ledger)
    return outcome


def assert_whole(disk: Disk, ledger: Ledger) -> None:
    """Everything that was acknowledged is there, and everything that is logged."""
    reader = LogReader.open(disk, PATHS, ORIGIN, [SIGNER.key])
    if ledger.size:
        assert reader.extends(ledger.size, ledger.root), "what was acknowledged is not in the log"
    named: set[str] = set()
    for record in reader.records():
        if record.type in OURS:
            entry = read_entry(record.type, record.payload)
            assert domains.lacks(disk, PATHS, entry) == ""
            named.update(entry.files)
    kept = {f"log/recovered/{name}" for name in disk.names(PATHS.recovered)}
    assert kept <= named, "something was moved away and not logged"
    if reader.head.size:
        reader.prove(reader.head.size)
    blocks = BlockStore(disk, PATHS)
    for block_id, data in ledger.blocks.items():
        assert blocks.read(block_id) == data
        blocks.verify(block_id)
    if ledger.tail:
        moved = [durable.read(disk, PATHS.root / name, 1 << 20) for name in kept]
        assert ledger.tail in moved, "what was moved away is gone"
    for name, data in ledger.files.items():
        assert durable.read(disk, PATHS.root / name, 1 << 20) == data


def assert_nothing_left(disk: Disk, directory: Path) -> None:
    for name in disk.names(directory):
        assert not durable.is_part(name) or directory == ROOT / "domains", directory / name
        if disk.is_directory(directory / name) and not durable.is_part(name):
            assert_nothing_left(disk, directory / name)


@dataclass(frozen=True)
class Prepared:
    """An operation and the disk that it begins with."""

    operation: Operation
    disk: MemoryDisk
    ledger: Ledger

    @classmethod
    def of(cls, operation: Operation) -> Prepared:
        disk = MemoryDisk()
        if operation.prepare is not empty:
            disk.make_directory(ROOT)
        ledger = operation.prepare(disk)
        return cls(operation, disk.copy(), ledger)

    def calls(self, fault: str) -> int:
        """How many calls may fail."""
        counting = FaultyDisk(self.disk.copy(), fault, None)
        self.operation.run(counting, self.ledger.copy())
        return len(counting.calls)

    def stopped(self, number: int, fates: dict[str, Fate]) -> Iterator[str]:
        """Cut the power at a call, and try every fate of what was not synced."""
        disk, ledger = self.disk.copy(), self.ledger.copy()
        faulty = FaultyDisk(disk, "stop", number)
        try:
            self.operation.run(faulty, ledger)
        except PowerCutError:
            pass
        else:
            raise AssertionError("the power was not cut")
        for fate in fates.values():
            after, acknowledged = disk.after(fate), ledger.copy()
            yield verified(after, acknowledged)
            again = after.after(lambda _: "lost")
            assert_after_second_cut(again, acknowledged)

    def failed(self, fault: str, number: int, *, lasting: bool) -> str:
        """Let the system fail at a call; the program goes on, and later the power fails too."""
        disk, ledger = self.disk.copy(), self.ledger.copy()
        faulty = FaultyDisk(disk, fault, number, lasting=lasting)
        refused = False
        try:
            self.operation.run(faulty, ledger)
        except IoFailed:
            refused = True
        assert not disk.open, "a file was left open"
        assert not disk.locks
        outcome = verified(disk, ledger)
        assert_after_second_cut(disk.after(lambda _: "lost"), ledger)
        return outcome if refused else "went through"


def assert_after_second_cut(disk: MemoryDisk, ledger: Ledger) -> None:
    """What the second opening acknowledged lasts too."""
    with opened(disk, PATHS, ORIGIN, SIGNER, session=SESSION) as domain:
        assert domain.log.logseq >= ledger.size
    assert_whole(disk, ledger)


# By operation, fault and outcome; CALLS stands for how many calls were made to fail.
Tally = Counter[tuple[str, str, str]]
CALLS = "calls"
OUTCOMES = ("went through", "as before", "was committed", "rolled forward", "tail moved away")


def tally_lines(tally: Tally) -> list[str]:
    """The tally as a Markdown table."""
    lines = [
        f"| operation | fault | calls | cases | {' | '.join(OUTCOMES)} |",
        "|---|---|" + "---:|" * (len(OUTCOMES) + 2),
    ]
    for operation, fault in sorted({key[:2] for key in tally}):
        found = [tally[operation, fault, outcome] for outcome in OUTCOMES]
        numbers = (tally[operation, fault, CALLS], sum(found), *found)
        lines.append(f"| {operation} | {fault} | {' | '.join(map(str, numbers))} |")
    every = [sum(count for key, count in tally.items() if key[2] == outcome) for outcome in (CALLS, *OUTCOMES)]
    return [*lines, f"| all | | {every[0]} | {sum(every[1:])} | {' | '.join(map(str, every[1:]))} |"]


def _add(disk: Disk, data: bytes, paths: DomainPaths = PATHS) -> None:
    file = disk.open_write(paths.log_file(1))
    disk.write_at(file, memoryview(data), disk.size(file))
    disk.sync(file)
    disk.close(file)
