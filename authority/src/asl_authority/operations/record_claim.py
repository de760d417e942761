"""The claim goes into the store: under its snapshot's id, pinned by that snapshot, and logged, without any key.

What is logged before a key is unlocked is countersigned when one is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from asl_authority.errors import Damaged, IoFailed, Malformed, Refused
from asl_authority.operations.claim import HOST_ID, PreparedClaim, StoreState
from asl_authority.operations.pinning import pin
from asl_authority.operations.views import renew_view
from asl_authority.storage.disk import Disk
from asl_authority.storage.domains import opened, read_log
from asl_authority.storage.layout import DomainPaths, StorePaths
from asl_authority.storage.log_reader import LogReader
from asl_authority.storage.snapshots import Inventory, take_inventory
from asl_authority.values.checkpoint import origin_of
from asl_authority.values.log_record import RecordType

# How a state of the store gets its claim.
Word = Callable[[StoreState], PreparedClaim]


@dataclass(frozen=True)
class Recorded:
    """A claim that was worded; `notes` say what opening the log did, or why the claim was not stored."""

    prepared: PreparedClaim
    stored: bool
    notes: tuple[str, ...]


def has_host(disk: Disk, root: Path) -> bool:
    """Whether there is a store at `root` with the host's own log in it."""
    return disk.is_directory(StorePaths(root).host.log)


def record_claim(disk: Disk, root: Path, session_id: str, word: Word) -> Recorded:
    """Word the claim of the host's state, store it and log it. Raises Busy, Damaged, IoFailed.

    When an interrupted operation waits for the log's key, the claim is worded for what is committed, and not stored:
    nothing can be, until that key is unlocked, which takes a claim.
    """
    store = StorePaths(root)
    paths, origin = store.host, origin_of(HOST_ID, rehearsal=False)
    with ExitStack() as held:
        try:
            domain = held.enter_context(opened(disk, paths, origin, None, session=session_id))
        except Refused as error:
            prepared, _ = _worded(disk, paths, origin, word)
            return Recorded(prepared, False, (f"not stored: {error} ({error.check_id})",))
        prepared, inventory = _worded(disk, paths, origin, word)
        domain.commit(*pin(domain, store, inventory, prepared.claim))
        return Recorded(prepared, True, (*domain.lines(), *_view_renewed(disk, store)))


def _view_renewed(disk: Disk, store: StorePaths) -> Iterator[str]:
    """The host's domain.json says of its log what that says now; else why not: the claim stands all the same."""
    try:
        renew_view(disk, store, HOST_ID, rehearsal=False)
    except (Damaged, Malformed, IoFailed) as error:
        yield f"domain.json was not renewed: {error}"


def _worded(disk: Disk, paths: DomainPaths, origin: str, word: Word) -> tuple[PreparedClaim, Inventory]:
    """The claim of what is committed."""
    reader = read_log(disk, paths, origin)
    inventory = take_inventory(disk, paths, HOST_ID, reader.head)
    return word(StoreState.of(inventory, last_claim(reader))), inventory


def last_claim(reader: LogReader) -> str | None:
    """The SHA-256 of the last claim in a log, which is its block's id. Raises Damaged, Malformed, IoFailed."""
    found = None
    for record in reader.records():
        if record.type == RecordType.CLAIM and (blocks := reader.entry(record).blocks):
            found = blocks[0]
    return found
