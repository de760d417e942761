"""Which store a verb works on, and what must hold of it before anything is read as true or added to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asl_authority.front.verb import Call

if TYPE_CHECKING:
    from asl_authority.operations.domain_check import Report
    from asl_authority.storage.disk import Disk
    from asl_authority.values.rootset import RootSet


def expect_free(call: Call, domain_id: str) -> None:
    """There is a place for a store that can be written, and no such domain in it. Raises UsageError, Refused, IoFailed.

    Nobody writes there now, as far as that can be known before a person is asked for anything: Busy is raised too.
    """
    from asl_authority.errors import Refused, UsageError
    from asl_authority.operations.reading import HOST, expect_no_domains
    from asl_authority.storage.disk import HostDisk
    from asl_authority.storage.domains import expect_writable
    from asl_authority.storage.layout import StorePaths

    if not call.root.is_dir():
        raise UsageError(
            f"{call.root}: no such directory", hint="--root names the authority's tree", check_id="PATH-MISSING"
        )
    store = StorePaths(call.root)
    paths = store.host if domain_id == HOST else store.domain(domain_id)
    if domain_id == HOST and not paths.root.exists():
        expect_no_domains(HostDisk(), store)
    if paths.root.exists():
        raise Refused(
            f"{paths.root}: is there already; nothing is overwritten", hint="see: domain list", check_id="PATH-TAKEN"
        )
    # The host is held while a domain is founded beside it.
    expect_writable(HostDisk(), store.host.root if store.host.root.is_dir() else call.root)


def checked(call: Call, disk: Disk, domain_id: str, *, trusted: RootSet | None, rehearsal: bool) -> Report:
    """A domain, held to every rule. Raises Refused when there is none, Damaged, Malformed, IoFailed."""
    from asl_authority.operations.domain_check import check_domain
    from asl_authority.operations.reading import find_domain, only_reading
    from asl_authority.storage.layout import StorePaths

    with only_reading():
        paths = find_domain(disk, call.root, domain_id, rehearsal=rehearsal).paths
        return check_domain(disk, StorePaths(call.root), paths, domain_id, trusted=trusted, rehearsal=rehearsal)


def checked_host(call: Call, disk: Disk, *, rehearsal: bool) -> RootSet:
    """The roots that this store trusts, once the host holds to every rule. Raises Damaged when it does not."""
    from asl_authority.operations.act import expect_sound
    from asl_authority.operations.reading import HOST

    report = checked(call, disk, HOST, trusted=None, rehearsal=rehearsal)
    expect_sound(report, HOST)
    return report.authority.roots
