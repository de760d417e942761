"""The few calls through which the store meets a disk, so that a test can stop, lose or fail any one of them."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from pathlib import Path
from typing import Protocol

# What a store holds may be read by its group, but for private keys, encrypted as they are.
FILE_MODE = 0o640
PRIVATE_MODE = 0o600
DIRECTORY_MODE = 0o750
_PRIVATE = ".priv."
_A_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class Disk(Protocol):
    """A file system. A file is the number that an open call gave; every failure is an OSError.

    What has been written lasts after `sync`; a new, changed or removed name lasts after `sync_directory` of the
    directory that it is in. Nothing else is promised to survive a power cut, nor in which order it does.
    """

    def open_new(self, path: Path) -> int:
        """Make an empty file for writing. FileExistsError when the name is taken."""

    def open_write(self, path: Path) -> int:
        """Open an existing file for writing anywhere in it."""

    def open_read(self, path: Path) -> int:
        """Open an existing regular file for reading; links are not followed."""

    def close(self, file: int) -> None: ...

    def read_at(self, file: int, size: int, offset: int) -> bytes:
        """Up to `size` bytes; none at the end."""

    def read_into(self, file: int, buffer: memoryview) -> int:
        """Fill the beginning of `buffer` from where the last call stopped; 0 at the end."""

    def write_at(self, file: int, data: memoryview, offset: int) -> int:
        """Write some of `data` and say how many bytes."""

    def size(self, file: int) -> int: ...

    def cut(self, file: int, size: int) -> None:
        """Make the file this long."""

    def sync(self, file: int) -> None: ...

    def sync_directory(self, path: Path) -> None:
        """Make its names last. A link is followed, as it was by what made them: a person may name a directory so."""

    def link(self, old: Path, new: Path) -> None:
        """A second name for a file. FileExistsError when the name is taken."""

    def rename(self, old: Path, new: Path) -> None: ...

    def remove(self, path: Path) -> None:
        """Take a file's name away."""

    def make_directory(self, path: Path) -> None: ...

    def remove_directory(self, path: Path) -> None:
        """Take an empty directory away."""

    def names(self, path: Path) -> list[str]:
        """What a directory holds, sorted. A link to one is none: whoever sweeps would take away what lies elsewhere."""

    def is_file(self, path: Path) -> bool: ...

    def is_directory(self, path: Path) -> bool:
        """Whether it is one; a link to one is none."""

    def is_read_only(self, path: Path, /) -> bool:
        """Whether nothing can be written on the file system of a directory."""

    def lock(self, path: Path) -> int | None:
        """Hold a directory, no link to one, as its only writer until the number is closed; None when another does."""


class HostDisk:
    """The disk that this program runs on; new private keys get the mode `private`."""

    def __init__(self, private: int = PRIVATE_MODE) -> None:
        self._private = private

    def open_new(self, path: Path) -> int:
        mode = self._private if _PRIVATE in path.name else FILE_MODE
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode)

    def open_write(self, path: Path) -> int:
        return os.open(path, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC)

    def open_read(self, path: Path) -> int:
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)  # a FIFO would wait
        if not stat.S_ISREG(os.fstat(file).st_mode):
            os.close(file)
            raise OSError(errno.EINVAL, "not a regular file", str(path))
        return file

    def close(self, file: int) -> None:
        os.close(file)

    def read_at(self, file: int, size: int, offset: int) -> bytes:
        return os.pread(file, size, offset)

    def read_into(self, file: int, buffer: memoryview) -> int:
        return os.readv(file, [buffer])

    def write_at(self, file: int, data: memoryview, offset: int) -> int:
        return os.pwrite(file, data, offset)

    def size(self, file: int) -> int:
        return os.fstat(file).st_size

    def cut(self, file: int, size: int) -> None:
        os.ftruncate(file, size)

    def sync(self, file: int) -> None:
        os.fsync(file)

    def sync_directory(self, path: Path) -> None:
        directory = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)

    def link(self, old: Path, new: Path) -> None:
        os.link(old, new)

    def rename(self, old: Path, new: Path) -> None:
        old.rename(new)

    def remove(self, path: Path) -> None:
        path.unlink()

    def make_directory(self, path: Path) -> None:
        path.mkdir(DIRECTORY_MODE)

    def remove_directory(self, path: Path) -> None:
        path.rmdir()

    def names(self, path: Path) -> list[str]:
        directory = os.open(path, _A_DIRECTORY)
        try:
            return sorted(os.listdir(directory))  # noqa: PTH208 - names, of perhaps a million files
        finally:
            os.close(directory)

    def is_file(self, path: Path) -> bool:
        return path.is_file() and not path.is_symlink()

    def is_directory(self, path: Path) -> bool:
        return path.is_dir() and not path.is_symlink()

    def is_read_only(self, path: Path) -> bool:
        return bool(os.statvfs(path).f_flag & os.ST_RDONLY)

    def lock(self, path: Path) -> int | None:
        # On the directory itself: there is no lock file that a crash could leave behind.
        directory = os.open(path, _A_DIRECTORY)
        try:
            fcntl.flock(directory, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(directory)
            if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
                return None
            raise
        return directory


def disk_of_whoever_asked() -> HostDisk:
    """For files that somebody asked for, who is to have them: on a sealed host the operator, by the folder's group."""
    return HostDisk(private=FILE_MODE)
