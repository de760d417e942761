"""domain.json, which the logs make: renewed after an operation, and where it was left behind in another domain."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from asl_authority.errors import Damaged, IoFailed, Malformed
from asl_authority.operations.admission_history import History
from asl_authority.storage.disk import Disk
from asl_authority.storage.domains import HOST, derive_view, held, host_entries, kept_view, read_log, write_view
from asl_authority.storage.layout import DomainPaths, StorePaths
from asl_authority.values.checkpoint import origin_of
from asl_authority.values.domain_state import STILL
from asl_authority.values.domain_view import DomainView


def renew_view(disk: Disk, store: StorePaths, domain_id: str, *, rehearsal: bool) -> None:
    """Derive domain.json of a domain that its writer holds. Raises Damaged, Malformed, IoFailed."""
    write_view(disk, _paths(store, domain_id), _derived(disk, store, domain_id, rehearsal=rehearsal))


def renew_held_view(disk: Disk, store: StorePaths, domain_id: str, *, rehearsal: bool) -> None:
    """The same for another domain, of which the host has said something. Raises Busy, Damaged, Malformed, IoFailed."""
    paths = _paths(store, domain_id)
    if disk.is_directory(paths.log):
        with held(disk, paths.root):
            renew_view(disk, store, domain_id, rehearsal=rehearsal)


def left_behind(disk: Disk, store: StorePaths, history: History, *, rehearsal: bool) -> Iterator[str]:
    """Domains of the host's `history` that write nothing any more, and whose domain.json is not what the logs say."""
    for domain_id in history.domains:
        paths = _paths(store, domain_id)
        if history.state(domain_id) not in STILL or not disk.is_directory(paths.log):
            continue
        with suppress(Damaged, Malformed, IoFailed):  # what is wrong with another domain is for its own check
            if kept_view(disk, paths) != _derived(disk, store, domain_id, rehearsal=rehearsal).to_bytes():
                yield domain_id


def _derived(disk: Disk, store: StorePaths, domain_id: str, *, rehearsal: bool) -> DomainView:
    reader = read_log(disk, _paths(store, domain_id), origin_of(domain_id, rehearsal=rehearsal))
    return derive_view(reader, domain_id, host_entries(disk, store, domain_id, rehearsal=rehearsal))


def _paths(store: StorePaths, domain_id: str) -> DomainPaths:
    return store.host if domain_id == HOST else store.domain(domain_id)
