"""Which store a verb works on, and what must hold of it before anything is read as true or added to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asl_authority.front.verb import Call

if TYPE_CHECKING:
    from asl_authority.operations.domain_check import Report
    from asl_authority.storage.disk import Disk
    from asl_authority.storage.layout import StorePaths
    from asl_authority.values.rootset import RootSet

KIND = "STORE-REHEARSAL"


def store_here(call: Call) -> StorePaths:
    """The store, which has a host. Raises UsageError."""
    from asl_authority.errors import UsageError
    from asl_authority.storage.layout import StorePaths

    store = StorePaths(call.root)
    if not store.host.root.is_dir():
        raise UsageError(f"{call.root}: no store is there yet", hint="found one: root init")
    return store


def expect_free(call: Call, domain_id: str) -> None:
    """There is a place for a store, and no such domain in it. Raises UsageError, Refused."""
    from asl_authority.errors import Refused, UsageError
    from asl_authority.operations.genesis import HOST_DOMAIN
    from asl_authority.storage.layout import StorePaths

    if not call.root.is_dir():
        raise UsageError(f"{call.root}: no such directory", hint="--root names the authority's tree")
    store = StorePaths(call.root)
    paths = store.host if domain_id == HOST_DOMAIN else store.domain(domain_id)
    if paths.root.exists():
        raise Refused(f"{paths.root}: is there already; nothing is overwritten", hint="see: domain list")


def checked(call: Call, disk: Disk, domain_id: str, *, trusted: RootSet | None, rehearsal: bool) -> Report:
    """A domain, held to every rule. Raises UsageError when there is none, Damaged, Malformed, IoFailed."""
    from asl_authority.errors import UsageError
    from asl_authority.operations.domain_check import check_domain
    from asl_authority.operations.genesis import HOST_DOMAIN

    store = store_here(call)
    _expect_kind(disk, store, rehearsal=rehearsal)
    paths = store.host if domain_id == HOST_DOMAIN else store.domain(domain_id)
    if not paths.root.is_dir():
        raise UsageError(f"{domain_id}: no such domain here", hint="see: domain list")
    return check_domain(disk, store, paths, domain_id, trusted=trusted, rehearsal=rehearsal)


def checked_host(call: Call, disk: Disk, *, rehearsal: bool) -> RootSet:
    """The roots that this store trusts, once the host holds to every rule. Raises Damaged when it does not."""
    from asl_authority.errors import Damaged
    from asl_authority.operations.domain_check import held_roots
    from asl_authority.operations.genesis import HOST_DOMAIN

    report = checked(call, disk, HOST_DOMAIN, trusted=None, rehearsal=rehearsal)
    bad = [finding for finding in report.findings if not finding.ok]
    if bad:
        raise Damaged(f"the host: {bad[0].detail}", check_id=bad[0].check_id, hint="see: domain check host")
    return held_roots(disk, store_here(call).host)


def _expect_kind(disk: Disk, store: StorePaths, *, rehearsal: bool) -> None:
    """A rehearsal opens no real store, and nothing else a rehearsal's. Raises Refused."""
    from asl_authority.errors import Refused
    from asl_authority.operations.genesis import REHEARSAL_ORIGIN
    from asl_authority.storage import durable

    try:
        start = durable.read_start(disk, store.host.checkpoint, len(REHEARSAL_ORIGIN))
    except FileNotFoundError:
        return  # the log says what is wrong with it
    found = start == REHEARSAL_ORIGIN.encode()
    if found and not rehearsal:
        raise Refused("this store is a rehearsal's: nothing in it is real", check_id=KIND, hint="say --rehearsal")
    if rehearsal and not found:
        raise Refused("this store is no rehearsal's: a rehearsal does not open it", check_id=KIND)
