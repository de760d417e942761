"""The recording of a claim, stopped or failed at any call to the disk: the store opens, and takes the next claim."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from asl_authority.errors import IoFailed
from asl_authority.operations.claim import PreparedClaim, StoreState
from asl_authority.operations.record_claim import Recorded, Word, last_claim, record_claim
from asl_authority.storage.disk import Disk
from asl_authority.storage.domains import create_store, read_log
from asl_authority.storage.layout import StorePaths
from asl_authority.values.checkpoint import origin_of
from asl_authority.values.claim import read_claim
from support.faulty_disk import FaultyDisk, PowerCutError
from support.memory_disk import MemoryDisk, fates
from support.samples.claim import GENESIS

pytestmark = pytest.mark.any_python

ROOT = Path("/store")
ORIGIN = origin_of("host", rehearsal=False)
WHATS_LEFT = {name: fate for name, fate in fates(1).items() if name in ("all kept", "all lost", "names only")}


def worded(session: str) -> Word:
    """What this boot says of any state."""

    def word(said: StoreState) -> PreparedClaim:
        return PreparedClaim(replace(GENESIS, **vars(said), session_id=session), (), ())

    return word


def recorded(disk: Disk, session: str) -> Recorded:
    return record_claim(disk, ROOT, session, worded(session))


@cache
def begun() -> MemoryDisk:
    """A host that has claimed once."""
    disk = MemoryDisk()
    disk.make_directory(ROOT)
    create_store(disk, ROOT, ORIGIN)
    recorded(disk, "01" * 16)
    return disk.copy()


def calls(fault: str) -> int:
    counting = FaultyDisk(begun().copy(), fault, None)
    recorded(counting, "02" * 16)
    return len(counting.calls)


def expect_usable(disk: Disk) -> bool:
    """Everything that is logged is there, and another boot can make its claim; whether that could be stored."""
    reader = read_log(disk, StorePaths(ROOT).host, ORIGIN)
    assert reader.head.size in (2, 4)
    before = last_claim(reader)
    again = recorded(disk, "03" * 16)
    claim = again.prepared.claim
    assert claim.previous == before
    if again.stored:
        file = disk.open_read(StorePaths(ROOT).claim(claim.snapshot_id))
        assert read_claim(disk.read_at(file, 1 << 20, 0)) == claim
        disk.close(file)
    else:
        assert "recovering takes the log's key" in again.notes[0]
    return again.stored


def test_a_power_cut_at_any_call_leaves_a_store_that_opens_and_takes_the_next_claim() -> None:
    found = set()
    for number in range(1, calls("stop") + 1):
        disk = begun().copy()
        with pytest.raises(PowerCutError):
            recorded(FaultyDisk(disk, "stop", number), "02" * 16)
        for fate in WHATS_LEFT.values():
            found.add(expect_usable(disk.after(fate)))
    assert found == {True, False}


@pytest.mark.parametrize("fault", ["ENOSPC", "EIO"])
def test_a_disk_that_fails_at_any_call_leaves_one_too(fault: str) -> None:
    for number in range(1, calls(fault) + 1):
        disk = begun().copy()
        with suppress(IoFailed):
            recorded(FaultyDisk(disk, fault, number), "02" * 16)
        expect_usable(disk)
        assert not disk.locks
        assert not disk.open
