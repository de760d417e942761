"""A stick that is pulled out, full or broken at any call: a head that was kept is still there, the old or the new."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from asl_authority.errors import IoFailed
from asl_authority.storage.stick import Stick
from asl_authority.values.checkpoint import Checkpoint
from asl_authority.values.signed_note import NoteSigner
from support.domains import secret
from support.faulty_disk import FaultyDisk, PowerCutError
from support.memory_disk import MemoryDisk, fates

pytestmark = pytest.mark.any_python

ROOT = Path("/stick")
ORIGIN = "asl/me.example"
LOG = NoteSigner(ORIGIN, secret("log"))


def note(size: int) -> bytes:
    return Checkpoint(ORIGIN, size, bytes([size]) * 32).signed(LOG).to_bytes()


@cache
def used(*sizes: int) -> MemoryDisk:
    """A stick with these heads, one after the other."""
    disk = MemoryDisk()
    disk.make_directory(ROOT)
    for size in sizes:
        Stick(disk, ROOT).keep(ORIGIN, note(size))
    return disk.copy()


def calls(before: MemoryDisk, fault: str) -> int:
    counting = FaultyDisk(before.copy(), fault, None)
    Stick(counting, ROOT).keep(ORIGIN, note(9))
    return len(counting.calls)


def found(disk: MemoryDisk) -> int | None:
    kept = Stick(disk, ROOT).load(ORIGIN)
    return kept.size if kept else None


@pytest.mark.parametrize("sizes", [(), (3,), (3, 5)], ids=str)
def test_a_stick_that_is_pulled_out_at_any_call_has_the_old_head_or_the_new(sizes: tuple[int, ...]) -> None:
    before, last = used(*sizes), sizes[-1] if sizes else None
    seen = set()
    for number in range(1, calls(before, "stop") + 1):
        disk = before.copy()
        with pytest.raises(PowerCutError):
            Stick(FaultyDisk(disk, "stop", number), ROOT).keep(ORIGIN, note(9))
        for fate in fates(3).values():
            after = disk.after(fate)
            seen.add(found(after))
            Stick(after, ROOT).keep(ORIGIN, note(9))
            assert found(after) == 9

    assert seen == {last, 9}


@pytest.mark.parametrize("fault", ["ENOSPC", "EIO", "EROFS"])
def test_a_stick_that_fails_at_any_call_says_so_and_has_the_old_head_or_the_new(fault: str) -> None:
    before = used(3, 5)
    for number in range(1, calls(before, fault) + 1):
        disk = before.copy()
        said = tried(FaultyDisk(disk, fault, number))
        assert said is None or "stick" in said
        assert found(disk) in ((5, 9) if said else (9,))
        assert not disk.open


def tried(disk: FaultyDisk) -> str | None:
    """What is said of a failure; None when there was none."""
    try:
        Stick(disk, ROOT).keep(ORIGIN, note(9))
    except IoFailed as error:
        return error.hint or ""
    return None


def test_a_kept_head_is_there_after_the_power_is_cut() -> None:
    disk = used(3).copy()
    Stick(disk, ROOT).keep(ORIGIN, note(9))
    for fate in fates(3).values():
        assert found(disk.after(fate)) == 9
