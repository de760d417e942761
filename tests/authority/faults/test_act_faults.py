"""An operation in a domain, stopped or failed at its calls to the disk: found whole afterwards, or not at all."""

from __future__ import annotations

from contextlib import suppress
from functools import cache

import pytest

from asl_authority.errors import IoFailed, Refused
from asl_authority.operations.act import Done, carry_out
from asl_authority.operations.gate import rehearsal_gate
from asl_authority.operations.store_acts import put_act
from asl_authority.storage.disk import Disk
from support.acts import ROOT, founded_disk, stand, standing_in
from support.faulty_disk import FaultyDisk, PowerCutError
from support.memory_disk import Fate, fates

pytestmark = pytest.mark.any_python

WHATS_LEFT = {name: fate for name, fate in fates(1).items() if name in ("all kept", "all lost", "names only")}
# What a genesis leaves.
FOUNDED = 11


def put(disk: Disk, data: bytes = b"a file\n") -> Done:
    standing = stand(ROOT, disk=disk)
    return carry_out(standing, put_act(standing, {"a.txt": data}), rehearsal_gate(), standing_in(standing))


@cache
def calls(fault: str) -> int:
    counting = FaultyDisk(founded_disk().copy(), fault, None)
    put(counting)
    return len(counting.calls)


def done_whole(disk: Disk) -> bool:
    """Whether the operation is there, once the next one has been done, which recovers: all of it, or nothing."""
    with suppress(Refused):  # what was interrupted was whole, and was committed: a person looks at it first
        put(disk, b"another\n")
    types = [entry.type.name for _, entry in stand(ROOT, disk=disk).report.entries][FOUNDED:]
    assert "".join(types).replace("ARTIFACTRECEIPT", "").replace("RECOVERY", "") == "", types
    put(disk, b"and one more\n")
    return types.count("ARTIFACT") == 2 or "RECOVERY" in types


def stopped(number: int, left: dict[str, Fate]) -> set[bool]:
    disk = founded_disk().copy()
    with pytest.raises(PowerCutError):
        put(FaultyDisk(disk, "stop", number))
    return {done_whole(disk.after(fate)) for fate in left.values()}


def failed(fault: str, number: int) -> None:
    disk = founded_disk().copy()
    with suppress(IoFailed):
        put(FaultyDisk(disk, fault, number))
    assert not disk.locks
    assert not disk.open
    done_whole(disk)


def some(count: int) -> list[int]:
    return sorted({*range(1, count, max(count // 8, 1)), *range(max(count - 3, 1), count + 1)})


def test_a_power_cut_leaves_the_operation_whole_or_not_there() -> None:
    found: set[bool] = set()
    for number in some(calls("stop")):
        found |= stopped(number, WHATS_LEFT)
    assert found == {True, False}


@pytest.mark.parametrize("fault", ["ENOSPC", "EIO"])
def test_a_disk_that_fails_leaves_a_domain_that_goes_on(fault: str) -> None:
    for number in some(calls(fault))[::3]:
        failed(fault, number)


@pytest.mark.long
def test_a_power_cut_at_any_call_leaves_the_operation_whole_or_not_there() -> None:
    for number in range(1, calls("stop") + 1):
        stopped(number, WHATS_LEFT)


@pytest.mark.long
@pytest.mark.parametrize("fault", ["ENOSPC", "EIO"])
def test_a_disk_that_fails_at_any_call_leaves_a_domain_that_goes_on(fault: str) -> None:
    for number in range(1, calls(fault) + 1):
        failed(fault, number)
