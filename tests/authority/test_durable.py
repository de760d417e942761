"""The one write routine: whole or not at all, never over something else, and what a full disk is called."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from asl_authority.errors import Damaged, IoFailed, Refused
from asl_authority.storage import durable
from asl_authority.storage.disk import HostDisk
from support.memory_disk import MemoryDisk

DISK = HostDisk()


class FailingDisk(HostDisk):
    """Fails at one kind of call."""

    def __init__(self, call: str, number: int) -> None:
        self.call = call
        self.number = number

    def _fail(self, call: str) -> None:
        if call == self.call:
            raise OSError(self.number, "told to fail")

    def sync(self, file: int) -> None:
        self._fail("sync")

    def write_at(self, file: int, data: memoryview, offset: int) -> int:
        self._fail("write")
        return super().write_at(file, data[:3], offset)  # short writes are legal


def test_a_new_file_is_whole_and_alone_and_its_group_may_read_it(tmp_path: Path) -> None:
    durable.create(FailingDisk("none", 0), tmp_path / "a", b"0123456789")

    assert (tmp_path / "a").read_bytes() == b"0123456789"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o640


def test_a_private_key_in_a_store_is_its_owners_alone(tmp_path: Path) -> None:
    durable.create(DISK, tmp_path / "root.priv.enc", b"age")
    durable.create(HostDisk(private=0o640), tmp_path / "handed-out.priv.enc", b"age")

    assert (tmp_path / "root.priv.enc").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "handed-out.priv.enc").stat().st_mode & 0o777 == 0o640


def test_nothing_is_overwritten_but_the_same_bytes_may_come_twice(tmp_path: Path) -> None:
    durable.create(DISK, tmp_path / "a", b"one")
    durable.create(DISK, tmp_path / "a", b"one")
    with pytest.raises(Refused, match="nothing is overwritten"):
        durable.create(DISK, tmp_path / "a", b"two")

    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    assert (tmp_path / "a").read_bytes() == b"one"


def test_a_replaced_file_is_the_new_one(tmp_path: Path) -> None:
    durable.replace(DISK, tmp_path / "a", b"one")
    durable.replace(DISK, tmp_path / "a", b"two")

    assert (tmp_path / "a").read_bytes() == b"two"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_what_an_interrupted_write_left_is_in_nobodys_way(tmp_path: Path) -> None:
    (tmp_path / ".a.part").write_bytes(b"half")
    (tmp_path / ".b.part").mkdir()
    (tmp_path / ".b.part/x").write_bytes(b"half")
    durable.create(DISK, tmp_path / "a", b"one")

    assert durable.sweep(DISK, tmp_path) == [tmp_path / ".b.part"]
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


@pytest.mark.parametrize(
    ("call", "number", "words"),
    [("write", errno.ENOSPC, "no space is left"), ("write", errno.EIO, "told to fail"), ("sync", errno.EIO, "told to")],
)
def test_a_disk_that_fails_is_named_and_leaves_nothing(tmp_path: Path, call: str, number: int, words: str) -> None:
    (tmp_path / "old").write_bytes(b"old")
    for write in (durable.create, durable.replace):
        with pytest.raises(IoFailed, match=words) as failure:
            write(FailingDisk(call, number), tmp_path / "old", b"new")
        assert str(tmp_path / "old") in str(failure.value)
        assert failure.value.hint

    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("old", b"old")]


def test_a_file_of_another_length_is_not_appended_to(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"123")
    durable.append(DISK, tmp_path / "a", b"45", 3)
    with pytest.raises(IoFailed, match="were expected"):
        durable.append(DISK, tmp_path / "a", b"6", 3)

    assert (tmp_path / "a").read_bytes() == b"12345"


def test_a_link_or_a_fifo_is_not_read(tmp_path: Path) -> None:
    import os

    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "link").symlink_to("file")
    (tmp_path / "file").write_bytes(b"x")
    for name in ("fifo", "link"):
        with pytest.raises(IoFailed, match=name):
            durable.read(DISK, tmp_path / name, 10)


def test_a_file_of_the_store_that_is_too_long_is_damage(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x")
    with pytest.raises(Damaged, match="longer than 0") as found:
        durable.read(DISK, tmp_path / "file", 0)

    assert found.value.check_id == "PATH-SIZE"
    assert found.value.hint
    assert durable.read(DISK, tmp_path / "file", 1) == b"x"


class FatDisk(MemoryDisk):
    """A file system without hard links, as on sticks."""

    def link(self, old: Path, new: Path) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")


def test_where_there_are_no_hard_links_a_file_appears_whole_and_overwrites_nothing() -> None:
    disk, path = FatDisk(), Path("/stick/a")
    disk.make_directory(path.parent)
    durable.create(disk, path, b"mine")
    durable.create(disk, path, b"mine")

    assert durable.read(disk, path, 10) == b"mine"
    with pytest.raises(Refused, match="nothing is overwritten"):
        durable.create(disk, path, b"others")
    assert durable.read(disk, path, 10) == b"mine"
    assert disk.names(path.parent) == ["a"]


@pytest.mark.parametrize("stop", [KeyboardInterrupt(), OSError(errno.EIO, "Input/output error")])
def test_where_there_are_no_hard_links_what_stops_a_write_leaves_nothing(stop: BaseException) -> None:
    class Stopped(FatDisk):
        def rename(self, old: Path, new: Path) -> None:
            raise stop

    disk, path = Stopped(), Path("/stick/a")
    disk.make_directory(path.parent)
    with pytest.raises((KeyboardInterrupt, IoFailed)):
        durable.create(disk, path, b"mine")
    assert disk.names(path.parent) == []


def test_where_there_are_no_hard_links_an_empty_file_that_a_power_cut_left_is_free() -> None:
    disk, path = FatDisk(), Path("/stick/a")
    disk.make_directory(path.parent)
    disk.close(disk.open_new(path))
    durable.create(disk, path, b"mine")

    assert durable.read(disk, path, 10) == b"mine"
    assert disk.names(path.parent) == ["a"]


def test_another_failure_of_a_link_is_none_of_a_file_system_without_links() -> None:
    class Failing(MemoryDisk):
        def link(self, old: Path, new: Path) -> None:
            raise OSError(errno.EIO, "Input/output error")

    disk, path = Failing(), Path("/stick/a")
    disk.make_directory(path.parent)
    with pytest.raises(IoFailed):
        durable.create(disk, path, b"mine")
    assert disk.names(path.parent) == []
