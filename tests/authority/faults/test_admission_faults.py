"""A decision of an admission, stopped or failed at its calls to the disk: found whole afterwards, or not at all."""

from __future__ import annotations

from contextlib import suppress
from functools import cache
from itertools import count
from pathlib import Path

import pytest

from asl_authority.errors import IoFailed, Refused
from asl_authority.operations.act import Done
from asl_authority.storage.disk import Disk
from support.admissions import LIMITED, STRANGER, decide, foreign, stand
from support.faulty_disk import FaultyDisk, PowerCutError
from support.genesis import founded
from support.memory_disk import Fate, MemoryDisk, fates

pytestmark = pytest.mark.any_python

ROOT = Path("/store")
WHATS_LEFT = {name: fate for name, fate in fates(1).items() if name in ("all kept", "all lost", "names only")}


@cache
def made() -> MemoryDisk:
    disk = MemoryDisk()
    disk.make_directory(ROOT)
    founded(disk, ROOT)
    return disk.copy()


def admit(disk: Disk, number: int = 1) -> Done:
    return decide(ROOT, foreign(number), LIMITED, disk=disk)


@cache
def calls(fault: str) -> int:
    counting = FaultyDisk(made().copy(), fault, None)
    admit(counting)
    return len(counting.calls)


def decided_whole(disk: Disk) -> bool:
    """Whether the decision is there once another has been made, which recovers: all of it, or nothing of it."""
    numbers = count(2)
    with suppress(Refused):  # what was interrupted was whole, and was committed: a person looks at it first
        admit(disk, next(numbers))
    admit(disk, next(numbers))
    report = stand(ROOT, "host", disk=disk).report
    history, names = report.history, [entry.type.name for _, entry in report.entries]

    assert [each.epoch for each in history.decided] == list(range(1, len(history.decided) + 1))
    assert disk.names(ROOT / "host/admission") == [str(each.epoch) for each in history.decided]
    assert names.count("ADMISSION") == len(history.of(STRANGER))
    ids = [each.record.body.request_id for each in history.decided]
    return foreign().request.body.request_id in ids


def stopped(number: int, left: dict[str, Fate]) -> set[bool]:
    disk = made().copy()
    with pytest.raises(PowerCutError):
        admit(FaultyDisk(disk, "stop", number))
    return {decided_whole(disk.after(fate)) for fate in left.values()}


def failed(fault: str, number: int) -> None:
    disk = made().copy()
    with suppress(IoFailed):
        admit(FaultyDisk(disk, fault, number))
    assert not disk.locks
    assert not disk.open
    decided_whole(disk)


def some(total: int) -> list[int]:
    return sorted({*range(1, total, max(total // 3, 1)), total})


def test_a_power_cut_leaves_the_decision_whole_or_not_there() -> None:
    found: set[bool] = set()
    for number in some(calls("stop")):
        found |= stopped(number, WHATS_LEFT)
    assert found == {True, False}


@pytest.mark.parametrize("fault", ["ENOSPC", "EIO"])
def test_a_disk_that_fails_leaves_a_receiver_that_goes_on(fault: str) -> None:
    for number in some(calls(fault))[::2]:
        failed(fault, number)


@pytest.mark.long
def test_a_power_cut_at_any_call_leaves_the_decision_whole_or_not_there() -> None:
    for number in range(1, calls("stop") + 1):
        stopped(number, WHATS_LEFT)
