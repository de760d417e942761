"""Volumes on which nothing can be done: held by another, read-only, full. Each has its status, and nothing is lost."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import pytest

from asl_authority.contract import ExitStatus
from asl_authority.errors import Busy, IoFailed
from asl_authority.front import cli
from asl_authority.front.outside import Outside
from asl_authority.storage.disk import HostDisk
from asl_authority.storage.domains import expect_writable, held
from support.domains import DOMAIN
from support.memory_disk import MemoryDisk
from support.needs import lacking
from support.stories import Answers, no_randomness, unprotected
from support.story_domains import KEYS, PASSPHRASE, STORE, make_rehearsed

FILES = Path(__file__).parent / "stories/files"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A directory with a rehearsal's store, and a file to bring into it."""
    shutil.copytree(FILES / KEYS, tmp_path / KEYS)
    make_rehearsed(tmp_path)
    (tmp_path / "a.txt").write_bytes(b"a file\n")
    return tmp_path


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A file system of a few MiB."""
    at = tmp_path / "small"
    at.mkdir()
    mounted = subprocess.run(("mount", "-t", "tmpfs", "-o", "size=3m", "none", at), capture_output=True, check=False)
    if mounted.returncode != 0:
        lacking("mounting a tmpfs takes root")
    try:
        yield at
    finally:
        subprocess.run(("umount", at), check=True)


def put(root: Path, file: Path, outside: Outside | None = None) -> tuple[ExitStatus, str]:
    said = StringIO()
    outside = outside or Outside(Answers(["WORDS", PASSPHRASE], said.write), no_randomness("x"), unprotected)
    words = ("store", "put", str(file), "--domain", DOMAIN, "--rehearsal", "--root", str(root))
    machine = Path("/nonexistent")
    status = cli.run(words, program="asl-auth-host", stdout=said, stderr=said, machine=machine, outside=outside)
    return status, said.getvalue()


def tree(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_a_second_instance_ends_with_10(place: Path) -> None:
    before = tree(place / STORE)
    with held(HostDisk(), place / STORE / "domains" / DOMAIN):
        status, said = put(place / STORE, place / "a.txt")

    assert status is ExitStatus.BUSY
    assert "STORE-BUSY" in said
    assert "another program is writing there" in said
    assert tree(place / STORE) == before


def test_a_volume_that_is_read_only_ends_with_8(place: Path, small: Path) -> None:
    shutil.copytree(place / STORE, small / STORE)
    before = tree(small / STORE)
    subprocess.run(("mount", "-o", "remount,ro", small), check=True)
    status, said = put(small / STORE, place / "a.txt")

    assert status is ExitStatus.IO_FAILED
    assert "VOLUME-READ-ONLY" in said
    assert "read-only" in said
    assert tree(small / STORE) == before


def test_a_volume_that_is_full_ends_with_8_and_goes_on_once_there_is_room(place: Path, small: Path) -> None:
    shutil.copytree(place / STORE, small / STORE)
    filler = small / "filler"
    free = os.statvfs(small)
    filler.write_bytes(bytes(free.f_bavail * free.f_bsize))
    status, said = put(small / STORE, place / "a.txt")

    assert status is ExitStatus.IO_FAILED
    assert "VOLUME-FULL" in said
    assert "no space is left" in said
    assert "make some room" in said

    filler.unlink()
    status, said = put(small / STORE, place / "a.txt")
    assert status is ExitStatus.DONE, said


def test_what_can_not_be_written_is_known_before_anybody_is_asked() -> None:
    class ReadOnly(MemoryDisk):
        def is_read_only(self, _: Path) -> bool:
            return True

    there, shut = MemoryDisk(), ReadOnly()
    expect_writable(there, Path("/"))
    expect_writable(there, Path("/"))  # and nobody is kept out by having looked
    with pytest.raises(IoFailed) as refused:
        expect_writable(shut, Path("/"))
    assert refused.value.check_id == "VOLUME-READ-ONLY"
    with held(there, Path("/")), pytest.raises(Busy):
        expect_writable(there, Path("/"))


class Thief(Answers):
    """Confirms, and has taken a file away by then."""

    def __init__(self, takes: Path, said: StringIO) -> None:
        super().__init__(["WORDS"], said.write)
        self.takes = takes

    def ask(self, question: str) -> str:
        self.takes.unlink()
        return super().ask(question)


def test_a_key_that_is_gone_when_it_is_needed_ends_with_4(place: Path) -> None:
    said = StringIO()
    thief = Thief(place / STORE / "domains" / DOMAIN / "certs/operator.priv.enc", said)
    status, told = put(place / STORE, place / "a.txt", Outside(thief, no_randomness("x"), unprotected))

    assert status is ExitStatus.REFUSED
    assert "KEY-HERE" in told
    assert "operator.priv.enc: is not there" in told
