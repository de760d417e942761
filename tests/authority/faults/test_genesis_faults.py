"""The making of a domain, stopped or failed at its calls to the disk: the domain is there whole, or not at all."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from asl_authority.errors import IoFailed
from asl_authority.operations.domain_check import check_domain
from asl_authority.operations.founding import Founding, found_domain
from asl_authority.operations.reading import HOST
from asl_authority.storage import durable
from asl_authority.storage.disk import Disk
from asl_authority.storage.domains import create_directories
from asl_authority.storage.layout import StorePaths
from support.faulty_disk import FaultyDisk, PowerCutError
from support.genesis import ROOTS, founding
from support.memory_disk import Fate, MemoryDisk, fates

pytestmark = pytest.mark.any_python

STORE = StorePaths(Path("/store"))
WHATS_LEFT = {name: fate for name, fate in fates(1).items() if name in ("all kept", "all lost", "names only")}


@cache
def new(domain_id: str) -> Founding:
    """A new domain; an empty id is made from its root key."""
    return founding("me", domain_id=domain_id)


@cache
def empty() -> MemoryDisk:
    disk = MemoryDisk()
    disk.make_directory(STORE.root)
    create_directories(disk, STORE.root)
    return disk.copy()


def calls(domain_id: str, fault: str) -> int:
    counting = FaultyDisk(empty().copy(), fault, None)
    found_domain(counting, STORE, new(domain_id))
    return len(counting.calls)


def there(disk: Disk, domain_id: str) -> bool:
    """Whether the domain is there; when it is, it holds to every rule, and when not, nothing says that it was."""
    whole = new(domain_id).new.domain_id
    paths = STORE.host if whole == HOST else STORE.domain(whole)
    if not disk.is_directory(paths.root):
        left = [name for name in disk.names(paths.root.parent) if not durable.is_part(name)]
        assert left == ([] if whole != HOST else disk_names_of_a_store())
        return False
    report = check_domain(disk, STORE, paths, whole, trusted=ROOTS, rehearsal=True)
    assert [finding for finding in report.findings if not finding.ok] == []
    return True


def disk_names_of_a_store() -> list[str]:
    return empty().names(STORE.root)


def stopped(domain_id: str, number: int, left: dict[str, Fate]) -> set[bool]:
    """Cut the power at a call; then the same domain is made again, wherever it is not there."""
    disk = empty().copy()
    with pytest.raises(PowerCutError):
        found_domain(FaultyDisk(disk, "stop", number), STORE, new(domain_id))
    found = set()
    for fate in left.values():
        after = disk.after(fate)
        found.add(there(after, domain_id))
    after = disk.after(left["names only"])
    if not there(after, domain_id):
        found_domain(after, STORE, new(domain_id))
        assert there(after, domain_id)
    return found


def some(count: int) -> list[int]:
    """A few calls over the whole way, and the last ones, where the domain gets its name."""
    return sorted({*range(1, count, max(count // 6, 1)), *range(max(count - 3, 1), count + 1)})


def test_a_power_cut_leaves_no_half_domain() -> None:
    found: set[bool] = set()
    for number in some(calls("", "stop")):
        found |= stopped("", number, WHATS_LEFT)
    assert found == {True, False}


def test_a_power_cut_leaves_no_half_host_and_it_can_be_made_again() -> None:
    for number in some(calls(HOST, "stop"))[::2]:
        stopped(HOST, number, WHATS_LEFT)


@pytest.mark.parametrize("fault", ["ENOSPC", "EIO"])
def test_a_disk_that_fails_leaves_no_half_domain(fault: str) -> None:
    for number in some(calls("", fault))[::2]:
        failed(fault, number)


def failed(fault: str, number: int) -> None:
    disk = empty().copy()
    try:
        found_domain(FaultyDisk(disk, fault, number), STORE, new(""))
    except IoFailed:
        pass
    else:
        assert there(disk, "")
    there(disk, "")
    there(disk.after(lambda _: "lost"), "")
    assert not disk.locks
    assert not disk.open


@pytest.mark.long
def test_a_power_cut_at_any_call_leaves_no_half_domain() -> None:
    for domain_id in ("", HOST):
        for number in range(1, calls(domain_id, "stop") + 1):
            stopped(domain_id, number, WHATS_LEFT)


@pytest.mark.long
@pytest.mark.parametrize("fault", ["ENOSPC", "EIO"])
def test_a_disk_that_fails_at_any_call_leaves_no_half_domain(fault: str) -> None:
    for number in range(1, calls("", fault) + 1):
        failed(fault, number)
