"""Preparing a genesis, signing it and founding it, stopped or failed at calls to the disk: all of a step, or none."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path

import pytest

from asl_authority.errors import IoFailed, Refused, UsageError
from asl_authority.operations.domain_check import check_domain
from asl_authority.operations.founding import found_domain
from asl_authority.operations.prepared import PreparedGenesis, load_prepared, write_prepared
from asl_authority.operations.root_sessions import keep_signatures, sign_here, signature_files
from asl_authority.storage import durable
from asl_authority.storage.disk import Disk
from asl_authority.storage.domains import create_directories
from asl_authority.storage.layout import StorePaths
from support.faulty_disk import FaultyDisk, PowerCutError
from support.genesis import ROOT_KEYS, ROOTS, founding_of, prepared
from support.memory_disk import MemoryDisk, fates

pytestmark = pytest.mark.any_python

STORE = StorePaths(Path("/store"))
PLACE = Path("/stick/prepared")
WHATS_LEFT = {name: fate for name, fate in fates(1).items() if name in ("all kept", "all lost", "names only")}


@cache
def waiting() -> PreparedGenesis:
    return prepared("me")


@cache
def signed() -> PreparedGenesis:
    return sign_here(sign_here(waiting(), ROOT_KEYS[0]), ROOT_KEYS[1])


@cache
def stick() -> MemoryDisk:
    """An empty stick beside an empty store."""
    disk = MemoryDisk()
    disk.make_directory(PLACE.parent)
    disk.make_directory(STORE.root)
    create_directories(disk, STORE.root)
    return disk.copy()


@cache
def stick_with_it() -> MemoryDisk:
    disk = stick().copy()
    write_prepared(disk, PLACE, waiting())
    return disk.copy()


def there(disk: Disk) -> bool:
    """Whether it is there, whole; when not, what has its name is nothing, and what has not is refused."""
    part = durable.part_of(PLACE)
    if disk.is_directory(part):
        with pytest.raises(Refused):
            load_prepared(disk, part, rehearsal=True)
    if disk.is_directory(PLACE):
        assert load_prepared(disk, PLACE, rehearsal=True) == waiting()
        return True
    with pytest.raises(UsageError):
        load_prepared(disk, PLACE, rehearsal=True)
    return False


def prepare_on(disk: Disk) -> None:
    write_prepared(disk, PLACE, waiting())


def sign_on(disk: Disk) -> None:
    keep_signatures(disk, PLACE, waiting(), signed())


def count(start: MemoryDisk, step: Callable[[Disk], None], fault: str) -> int:
    counting = FaultyDisk(start.copy(), fault, None)
    step(counting)
    return len(counting.calls)


def some(count: int, steps: int = 8) -> list[int]:
    return sorted({*range(1, count, max(count // steps, 1)), *range(max(count - 3, 1), count + 1)})


def prepare_stopped(number: int) -> set[bool]:
    disk = stick().copy()
    with pytest.raises(PowerCutError):
        prepare_on(FaultyDisk(disk, "stop", number))
    found = {there(disk.after(fate)) for fate in WHATS_LEFT.values()}
    after = disk.after(WHATS_LEFT["names only"])
    if not there(after):
        prepare_on(after)
        assert there(after)
    return found


def test_a_power_cut_leaves_all_that_was_prepared_or_nothing_under_its_name() -> None:
    found: set[bool] = set()
    for number in some(count(stick(), prepare_on, "stop")):
        found |= prepare_stopped(number)
    assert found == {True, False}


@pytest.mark.long
def test_a_power_cut_at_any_call_leaves_all_that_was_prepared_or_nothing() -> None:
    for number in range(1, count(stick(), prepare_on, "stop") + 1):
        prepare_stopped(number)


@pytest.mark.parametrize("fault", ["ENOSPC", "EIO"])
def test_a_stick_that_fails_is_left_without_half_a_genesis(fault: str) -> None:
    for number in some(count(stick(), prepare_on, fault)):
        disk = stick().copy()
        with suppress(IoFailed):
            prepare_on(FaultyDisk(disk, fault, number))
        there(disk)
        assert not disk.locks
        assert not disk.open


def sign_stopped(number: int) -> None:
    """Whatever came through is signatures that hold, and the session can be held again."""
    disk = stick_with_it().copy()
    with pytest.raises(PowerCutError):
        sign_on(FaultyDisk(disk, "stop", number))
    for fate in WHATS_LEFT.values():
        after = disk.after(fate)
        before = load_prepared(after, PLACE, rehearsal=True)
        assert signature_files(before).items() <= signature_files(signed()).items()
        keep_signatures(after, PLACE, before, signed())
        assert load_prepared(after, PLACE, rehearsal=True) == signed()


def test_a_session_that_a_power_cut_ends_can_be_held_again() -> None:
    for number in some(count(stick_with_it(), sign_on, "stop"), 4):
        sign_stopped(number)


@pytest.mark.parametrize("fault", ["ENOSPC", "EIO"])
def test_a_stick_that_fails_keeps_all_signatures_of_a_session_or_none(fault: str) -> None:
    for number in some(count(stick_with_it(), sign_on, fault), 4):
        disk = stick_with_it().copy()
        with suppress(IoFailed):
            sign_on(FaultyDisk(disk, fault, number))
        kept = signature_files(load_prepared(disk, PLACE, rehearsal=True))
        assert kept in ({}, signature_files(signed())), number


def test_a_power_cut_while_it_is_founded_leaves_no_half_domain_and_all_that_was_prepared() -> None:
    start = stick_with_it().copy()
    sign_on(start)

    def found_on(disk: Disk) -> None:
        found_domain(disk, STORE, founding_of(load_prepared(disk, PLACE, rehearsal=True)))

    domain_id = waiting().new.domain_id
    paths = STORE.domain(domain_id)
    found = set()
    for number in some(count(start, found_on, "stop"), 5):
        disk = start.copy()
        with pytest.raises(PowerCutError):
            found_on(FaultyDisk(disk, "stop", number))
        after = disk.after(WHATS_LEFT["names only"])
        found.add(after.is_directory(paths.root))
        assert load_prepared(after, PLACE, rehearsal=True) == signed()
        if not after.is_directory(paths.root):
            found_on(after)
        report = check_domain(after, STORE, paths, domain_id, trusted=ROOTS, rehearsal=True)
        assert [finding for finding in report.findings if not finding.ok] == []
        with pytest.raises(Refused, match="nothing is overwritten"):
            found_on(after)
    assert found == {True, False}
