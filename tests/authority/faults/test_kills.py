"""Real writers on real file systems, killed at every call or at any moment, and the power cut under a mounted one."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from asl_authority.errors import IoFailed
from asl_authority.storage.domains import opened
from support.needs import lacking
from support.store_faults import (
    OPERATIONS,
    ORIGIN,
    PATHS,
    ROOT,
    SESSION,
    SIGNER,
    Ledger,
    Operation,
    empty,
    used,
    verified,
)
from support.store_kills import RootedDisk, ended, heard, make_file_system, mounted, started, work_on

pytestmark = pytest.mark.any_python

SOME = tuple(each for each in OPERATIONS if each.name in ("commit an operation", "roll forward, recover half"))
FILE_SYSTEMS = ("ext4", "btrfs")


@pytest.fixture(params=FILE_SYSTEMS)
def image(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A file system of one kind in a file, which this machine can mount."""
    kind: str = request.param
    made = tmp_path / f"{kind}.img"
    if os.geteuid() != 0 or shutil.which(f"mkfs.{kind}") is None:
        lacking(f"mounting {kind} takes root and mkfs.{kind}")
    try:
        make_file_system(kind, made)
        with mounted(made, tmp_path / "at"):
            pass
    except subprocess.CalledProcessError as error:
        lacking(f"{kind} can't be mounted here: {error.stderr!r}")
    return made


@pytest.fixture
def volume(image: Path, tmp_path: Path) -> Iterator[Path]:
    """That file system, mounted."""
    with mounted(image, tmp_path / "at") as at:
        yield at


def kill_everywhere(operation: Operation, folder: Path) -> int:
    """Kill the operation at each of its calls in turn, verify after each, and return how many those were."""
    kills, prepared, told = 0, folder / "prepared", folder / "told"
    prepared.mkdir()
    if operation.prepare is not empty:
        RootedDisk(prepared).make_directory(ROOT)
    ledger = operation.prepare(RootedDisk(prepared))
    while True:
        root = folder / str(kills)
        shutil.copytree(prepared, root)
        disk = RootedDisk(root)
        killed = ended(started(operation.run, RootedDisk(root, kill_at=kills + 1), ledger, told))
        verified(disk, heard(ledger, told))
        shutil.rmtree(root)
        if not killed:
            return kills
        kills += 1


@pytest.mark.parametrize("operation", SOME, ids=lambda operation: operation.name)
def test_a_writer_killed_at_any_call_loses_nothing_acknowledged(operation: Operation, tmp_path: Path) -> None:
    assert kill_everywhere(operation, tmp_path) > 20


@pytest.mark.long
@pytest.mark.host
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_a_writer_killed_at_any_call_on_any_file_system_loses_nothing_acknowledged(
    operation: Operation, volume: Path
) -> None:
    assert kill_everywhere(operation, volume) > 5


def kill_again_and_again(root: Path, rounds: int) -> None:
    disk = RootedDisk(root)
    disk.make_directory(ROOT)
    ledger, dice, told = used(disk), random.Random(rounds), root / "told"  # noqa: S311 - no secret
    for _ in range(rounds):
        child = started(work_on, disk, ledger, told)
        time.sleep(dice.uniform(0.02, 0.3))
        os.kill(child, signal.SIGKILL)
        assert ended(child)
        ledger = heard(ledger, told)
        verified(disk, ledger)
    assert ledger.size > 6


def test_a_writer_killed_at_any_moment_loses_nothing_acknowledged(tmp_path: Path) -> None:
    kill_again_and_again(tmp_path, 5)


@pytest.mark.long
@pytest.mark.host
def test_a_writer_killed_again_and_again_on_any_file_system_loses_nothing(volume: Path) -> None:
    kill_again_and_again(volume, 40)


@pytest.mark.long
@pytest.mark.host
def test_what_a_mounted_file_system_has_on_its_device_at_any_moment_is_enough(image: Path, tmp_path: Path) -> None:
    """The image is copied while the writer is held: what was not synced is not in it, as after a power cut."""
    at, told, cut = tmp_path / "at", tmp_path / "told", tmp_path / "cut.img"
    disk, dice = RootedDisk(at), random.Random(1)  # noqa: S311 - no secret
    with mounted(image, at):
        disk.make_directory(ROOT)
        ledger = used(disk)
    for _ in range(12):
        with mounted(image, at):
            child = started(work_on, disk, ledger, told)
            time.sleep(dice.uniform(0.05, 0.6))
            os.kill(child, signal.SIGSTOP)
            os.waitpid(child, os.WUNTRACED)
            ledger = heard(ledger, told)
            subprocess.run(["cp", "--sparse=always", str(image), str(cut)], check=True)
            os.kill(child, signal.SIGKILL)
            assert ended(child)
        with mounted(cut, at):
            verified(disk, ledger)
        cut.replace(image)


def fill(disk: RootedDisk, ledger: Ledger) -> None:
    for number in range(1000):
        with opened(disk, PATHS, ORIGIN, SIGNER, session=SESSION) as domain:
            ledger.put(domain, bytes([number % 251]) * (4 << 20) + b"%d" % number)


@pytest.mark.long
@pytest.mark.host
def test_a_file_system_that_is_full_loses_nothing_acknowledged(volume: Path) -> None:
    disk = RootedDisk(volume)
    disk.make_directory(ROOT)
    ledger = used(disk)
    (volume / "ballast").write_bytes(bytes(40 << 20))
    with pytest.raises(IoFailed, match="no space is left"):
        fill(disk, ledger)
    (volume / "ballast").unlink()
    verified(disk, ledger)
