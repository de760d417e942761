"""Domains on disk: made whole or not at all, opened by one writer at a time, read by anybody."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from asl_authority import contract
from asl_authority.errors import Busy, Damaged, IoFailed, Refused
from asl_authority.storage import durable
from asl_authority.storage.blocks import BlockStore
from asl_authority.storage.disk import Disk
from asl_authority.storage.layout import (
    DOMAIN_DIRECTORIES,
    HOST_DIRECTORIES,
    STORE_DIRECTORIES,
    DomainPaths,
    StorePaths,
)
from asl_authority.storage.log_reader import LogReader
from asl_authority.storage.log_recovery import Vouched, only_bare
from asl_authority.storage.log_writer import Expect, LogWriter, any_head
from asl_authority.values.checkpoint import Checkpoint, origin_of
from asl_authority.values.domain_view import DomainView, check_current, derive
from asl_authority.values.finding import Finding
from asl_authority.values.identifiers import DOMAIN_ID
from asl_authority.values.log_entry import Entry
from asl_authority.values.log_record import OURS
from asl_authority.values.signed_note import NoteKey, NoteSigner

VIEW_BYTES = 64 * 1024
HOST = contract.HOST.name
DOMAIN_DIRECTORY = "DOMAIN-DIRECTORY"


@dataclass
class Domain:
    """A domain, or the host, held by its one writer."""

    disk: Disk
    paths: DomainPaths
    log: LogWriter
    blocks: BlockStore
    swept: tuple[Path, ...]
    remade: tuple[Path, ...] = ()

    def lines(self) -> list[str]:
        """What opening it found and did, in words; nothing is done silently."""
        swept = [f"{path}: left by an interrupted write, removed" for path in self.swept]
        remade = [f"{path}: was not there; it is a cache, and was made anew" for path in self.remade]
        return remade + swept + self.log.opening.lines()

    def write(self, name: str, data: bytes) -> str:
        """Make a file of the domain, by its path below it, and return its SHA-256. Raises Refused, IoFailed."""
        durable.create(self.disk, self.paths.root / name, data)
        return hashlib.sha256(data).hexdigest()

    def clear_directory(self, name: str) -> None:
        """Have an empty directory below one of the domain's own, for what is about to be logged. Raises IoFailed.

        No record may speak of anything in it: what is there was left by an interrupted try, and is taken away.
        """
        durable.make_directory(self.disk, self.paths.root / name)
        durable.empty(self.disk, self.paths.root / name)

    def commit(self, *entries: Entry) -> Checkpoint:
        """Log one operation whose artifacts are all there. Raises Refused when one is not, IoFailed."""
        for entry in entries:
            if missing := lacks(self.disk, self.paths, entry):
                raise Refused(
                    f"{self.paths.root}: {missing}: an operation is logged after its artifacts, not before",
                    check_id="DOMAIN-ARTIFACTS",
                )
        return self.log.commit(*entries)


def domain_ids(disk: Disk, store: StorePaths) -> list[str]:
    """The ids of the domains that are there, sorted. Raises IoFailed."""
    if not disk.is_directory(store.domains):
        return []
    with durable.told("list", store.domains):
        return [name for name in disk.names(store.domains) if DOMAIN_ID.fullmatch(name)]


def entries_of(reader: LogReader) -> list[tuple[int, Entry]]:
    """The records of a log that are ours, with their numbers. Raises Damaged, Malformed, IoFailed."""
    ours = (record for record in reader.records() if record.type in OURS)
    return [(record.logseq, reader.entry(record)) for record in ours]


def host_entries(disk: Disk, store: StorePaths, domain_id: str, *, rehearsal: bool) -> list[tuple[int, Entry]]:
    """What the host's log says of this domain; of the host itself nobody says anything. Raises Damaged, IoFailed."""
    if not disk.is_directory(store.host.log) or domain_id == HOST:
        return []
    entries = entries_of(read_log(disk, store.host, origin_of(HOST, rehearsal=rehearsal)))
    return [(logseq, entry) for logseq, entry in entries if entry.facts.get("domain_id") == domain_id]


def derive_view(reader: LogReader, domain_id: str, host: Sequence[tuple[int, Entry]] = ()) -> DomainView:
    """What its log says of the domain, and the host's records of it in `host`. Raises Damaged, Malformed, IoFailed."""
    return derive(domain_id, entries_of(reader), reader.head.size, host)


def write_view(disk: Disk, paths: DomainPaths, view: DomainView) -> None:
    """Renew domain.json, which is derived and nothing more. Raises IoFailed."""
    durable.replace(disk, paths.view, view.to_bytes())


def check_view(disk: Disk, paths: DomainPaths, view: DomainView) -> Finding:
    """DOMAIN-VIEW-CURRENT: domain.json is what the log makes. Raises IoFailed."""
    return check_current(view, kept_view(disk, paths))


def kept_view(disk: Disk, paths: DomainPaths) -> bytes | None:
    """domain.json as it lies there, no more of it than one can have; None where there is none. Raises IoFailed."""
    try:
        return durable.read_start(disk, paths.view, VIEW_BYTES + 1)
    except FileNotFoundError:
        return None


def lacks(disk: Disk, paths: DomainPaths, entry: Entry) -> str:
    """Which artifact of an entry is not there as it should be; empty when all are. Raises IoFailed when who knows."""
    blocks = BlockStore(disk, paths)
    for block_id in entry.blocks:
        try:
            blocks.verify(block_id)
        except FileNotFoundError:
            return f"block {block_id} is not there"
        except Damaged as error:
            return str(error)
    for name, digest in entry.files.items():
        try:
            found = durable.digest(disk, paths.root / name)
        except FileNotFoundError:
            return f"{name} is not there"
        if found != digest:
            return f"{name} has other contents than its record says"
    return ""


def create_store(disk: Disk, root: Path, host_origin: str) -> StorePaths:
    """Make the directories of an empty store, the host as its first domain among them. Raises IoFailed.

    What is there already is left as it is, so that an interrupted making can be repeated.
    """
    paths = create_directories(disk, root)
    with held(disk, root):
        if not disk.is_directory(paths.host.root):
            _create_tree(disk, paths.host, host_origin, HOST_DIRECTORIES)
    return paths


def create_directories(disk: Disk, root: Path) -> StorePaths:
    """Make the directories of a store without a host in it; what is there is left as it is. Raises Busy, IoFailed."""
    with held(disk, root):
        durable.sweep(disk, root)
        for name in STORE_DIRECTORIES:
            durable.make_directory(disk, root / name)
    return StorePaths(root)


def create_domain(disk: Disk, store: StorePaths, domain_id: str, origin: str) -> DomainPaths:
    """Make an empty domain. Raises Refused when there is one of this id, Busy, IoFailed."""
    paths = store.domain(domain_id)
    with held(disk, store.domains):
        if disk.is_directory(paths.root):
            raise Refused(f"{domain_id}: there is such a domain already", check_id="DOMAIN-TAKEN")
        durable.sweep(disk, store.domains)
        _create_tree(disk, paths, origin, DOMAIN_DIRECTORIES)
    return paths


@contextmanager
def growing(
    disk: Disk,
    paths: DomainPaths,
    origin: str,
    signer: NoteSigner,
    directories: Sequence[str] = DOMAIN_DIRECTORIES,
    *,
    session: str = "",
) -> Iterator[Domain]:
    """Hold a new domain that is filled beside its place, and is there once the block has ended well: not before.

    Whatever stops it, nothing of it is left for readers. Raises Refused when the name is taken, Busy, IoFailed.
    """
    above = paths.root.parent
    with held(disk, above):
        if disk.is_directory(paths.root):
            raise Refused(
                f"{paths.root}: there is such a domain already; nothing is overwritten", check_id="DOMAIN-TAKEN"
            )
        durable.sweep(disk, above)
        try:
            part = _build_tree(disk, paths, origin, directories)
            log = LogWriter(disk, part, origin, signer, session=session)
            log.open(lambda entry: lacks(disk, part, entry))
            yield Domain(disk, part, log, BlockStore(disk, part), ())
            for directory in (part.root, *(part.root / name for name in directories)):
                durable.settle(disk, directory)
            durable.rename_new(disk, part.root, paths.root)
        except BaseException:  # Ctrl-C too leaves nothing behind
            with suppress(IoFailed):
                durable.sweep(disk, above)
            raise


@contextmanager
def opened(
    disk: Disk,
    paths: DomainPaths,
    origin: str,
    signer: NoteSigner | None,
    *,
    keys: Sequence[NoteKey] = (),
    session: str = "",
    vouched: Vouched = only_bare,
    expect: Expect = any_head,
) -> Iterator[Domain]:
    """Hold a domain for writing; what an interruption left is recovered first, and `lines` of the domain says how.

    `vouched` says for which interrupted operations somebody vouches; `expect` hears of the committed head first.
    Raises Busy when another writer has it, Damaged when only reading is left, Refused, IoFailed.
    """
    if strange := strange_directories(disk, paths):
        raise Damaged(
            f"{paths.root / strange[0]}: is no directory, or a link to one; nothing is written there",
            hint="look at the volume on another machine; a directory that was lost: snapshot restore, --from a copy",
            check_id=DOMAIN_DIRECTORY,
        )
    with held(disk, paths.root):
        # The log is opened with its cache; that one's empty directory is all that is made before the log is judged.
        remade = [paths.index] if _lacks_cache(disk, paths) else []
        for directory in remade:
            durable.make_directory(disk, directory)
        # A name may be seen although the sync that should have made it last has failed.
        for directory in (paths.root.parent, *_directories(paths)):
            durable.settle(disk, directory)
        log = LogWriter(disk, paths, origin, signer, session=session)
        log.open(lambda entry: lacks(disk, paths, entry), keys, vouched, expect)
        # Not before the log was found to be sound: in a damaged store nothing is touched.
        swept = [path for directory in _directories(paths) for path in durable.sweep(disk, directory)]
        swept += durable.empty(disk, paths.root / "tmp")
        yield Domain(disk, paths, log, BlockStore(disk, paths), tuple(swept), tuple(remade))


def strange_directories(disk: Disk, paths: DomainPaths) -> list[str]:
    """Which of a domain's directories, by their paths below it, are none of its own: not there, a link, a file.

    Whoever wrote into them, or swept them, would make and take away what is not the store's. That there is no index is
    nothing strange: it is a cache, which the next writer makes anew.
    """
    strange = [path for path in _directories(paths) if not disk.is_directory(path)]
    if paths.index in strange and _lacks_cache(disk, paths):
        strange.remove(paths.index)
    return [str(path.relative_to(paths.root)) for path in strange]


def _lacks_cache(disk: Disk, paths: DomainPaths) -> bool:
    """Whether nothing at all lies where the index belongs: no directory, no file, no link."""
    with durable.told("list", paths.root):
        return disk.is_directory(paths.root) and paths.index.name not in disk.names(paths.root)


def read_log(disk: Disk, paths: DomainPaths, origin: str, keys: Sequence[NoteKey] = ()) -> LogReader:
    """The domain's log for reading, without a lock. Raises Damaged, IoFailed."""
    return LogReader.open(disk, paths, origin, keys)


@contextmanager
def held(disk: Disk, directory: Path) -> Iterator[None]:
    """Be the one writer of a directory. Raises Busy, IoFailed."""
    with durable.told("lock", directory):
        lock = disk.lock(directory)
    if lock is None:
        raise Busy(
            f"{directory}: another program is writing there",
            hint="wait until it has ended, and begin again",
            check_id="STORE-BUSY",
        )
    try:
        yield
    finally:
        with suppress(OSError):
            disk.close(lock)


def expect_writable(disk: Disk, directory: Path) -> None:
    """Nobody writes there now, and it can be written: to be known before a person is asked for anything.

    Raises Busy, IoFailed. Who writes looks again, for both may have changed by then.
    """
    with held(disk, directory):
        durable.expect_writable(disk, directory)


def _create_tree(disk: Disk, paths: DomainPaths, origin: str, directories: Sequence[str]) -> None:
    """Build the tree beside its place and give it its name when all of it lasts."""
    durable.rename_new(disk, _build_tree(disk, paths, origin, directories).root, paths.root)


def _build_tree(disk: Disk, paths: DomainPaths, origin: str, directories: Sequence[str]) -> DomainPaths:
    """The tree with an empty log, beside its place."""
    part = DomainPaths(durable.part_of(paths.root))
    durable.make_directory(disk, part.root)
    for name in directories:
        durable.make_directory(disk, part.root / name)
    LogWriter.create(disk, part, origin)
    return part


def _directories(paths: DomainPaths) -> list[Path]:
    return [paths.root, *(paths.root / name for name in directories_of(paths))]


def directories_of(paths: DomainPaths) -> tuple[str, ...]:
    """The directories that this domain has, or the host."""
    return HOST_DIRECTORIES if paths.root.name == HOST else DOMAIN_DIRECTORIES
