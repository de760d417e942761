"""A disk that takes every write into memory, over one that is only read: what would be done, is done there."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from asl_authority.storage.disk import Disk

# Numbers of files in memory begin here: no process has as many open ones as that.
_FIRST = 1 << 30


class TrialDisk:
    """A Disk over another, which is never written to; it is gone with this object.

    Whoever writes on the disk below meanwhile is found out as ever: by the lock, which is the real one.
    """

    def __init__(self, below: Disk) -> None:
        self._below = below
        self._files: dict[Path, bytearray] = {}
        self._directories: set[Path] = set()
        self._gone: set[Path] = set()
        self._open: dict[int, tuple[bytearray, list[int]]] = {}
        self._next = _FIRST

    def open_new(self, path: Path) -> int:
        self._expect_free(path)
        self._files[path] = bytearray()
        return self._opened(self._files[path])

    def open_write(self, path: Path) -> int:
        return self._opened(self._taken(path))

    def open_read(self, path: Path) -> int:
        if path in self._files:
            return self._opened(self._files[path])
        self._expect_not_gone(path)
        return self._below.open_read(path)

    def close(self, file: int) -> None:
        if file >= _FIRST:
            del self._open[file]
        else:
            self._below.close(file)

    def read_at(self, file: int, size: int, offset: int) -> bytes:
        if file < _FIRST:
            return self._below.read_at(file, size, offset)
        return bytes(memoryview(self._open[file][0])[offset : offset + size])

    def read_into(self, file: int, buffer: memoryview) -> int:
        if file < _FIRST:
            return self._below.read_into(file, buffer)
        place = self._open[file][1]
        data = self.read_at(file, len(buffer), place[0])
        buffer[: len(data)] = data
        place[0] += len(data)
        return len(data)

    def write_at(self, file: int, data: memoryview, offset: int) -> int:
        content = self._open[file][0]
        content.extend(bytes(max(offset - len(content), 0)))
        content[offset : offset + len(data)] = data
        return len(data)

    def size(self, file: int) -> int:
        return self._below.size(file) if file < _FIRST else len(self._open[file][0])

    def cut(self, file: int, size: int) -> None:
        del self._open[file][0][size:]

    def sync(self, file: int) -> None:
        """There is nothing to sync."""

    def sync_directory(self, path: Path) -> None:
        """There is nothing to sync."""

    def link(self, old: Path, new: Path) -> None:
        self._expect_free(new)
        self._files[new] = self._taken(old)

    def rename(self, old: Path, new: Path) -> None:
        if old not in self._directories:
            self._files[new] = self._taken(old)
            self.remove(old)
            return
        # Only what was made here is ever given another name.
        self._directories = {_moved(each, old, new) for each in self._directories}
        self._files = {_moved(path, old, new): data for path, data in self._files.items()}

    def remove(self, path: Path) -> None:
        if self._files.pop(path, None) is None and not self._below_has(path):
            raise _error(errno.ENOENT, path)
        self._gone.add(path)

    def make_directory(self, path: Path) -> None:
        self._expect_free(path)
        self._directories.add(path)

    def remove_directory(self, path: Path) -> None:
        if self.names(path):
            raise _error(errno.ENOTEMPTY, path)
        self._directories.discard(path)
        self._gone.add(path)

    def names(self, path: Path) -> list[str]:
        if not self.is_directory(path):
            raise _error(errno.ENOENT, path)
        below = self._below.names(path) if self._below.is_directory(path) and path not in self._gone else []
        found = {name for name in below if path / name not in self._gone}
        return sorted(found.union(each.name for each in (*self._files, *self._directories) if each.parent == path))

    def is_file(self, path: Path) -> bool:
        return path in self._files or (path not in self._gone and self._below.is_file(path))

    def is_directory(self, path: Path) -> bool:
        return path in self._directories or (path not in self._gone and self._below.is_directory(path))

    def is_read_only(self, _: Path) -> bool:
        """Never: nothing is written there."""
        return False

    def lock(self, path: Path) -> int | None:
        return self._opened(bytearray()) if path in self._directories else self._below.lock(path)

    def _opened(self, content: bytearray) -> int:
        self._next += 1
        self._open[self._next] = (content, [0])
        return self._next

    def _taken(self, path: Path) -> bytearray:
        """The contents of a file, to be changed here; those of one below are read first."""
        if path in self._files:
            return self._files[path]
        file = self.open_read(path)
        try:
            self._files[path] = bytearray(self._below.read_at(file, self._below.size(file), 0))
        finally:
            self.close(file)
        return self._files[path]

    def _below_has(self, path: Path) -> bool:
        return path not in self._gone and self._below.is_file(path)

    def _expect_free(self, path: Path) -> None:
        if self.is_file(path) or self.is_directory(path):
            raise _error(errno.EEXIST, path)
        if not self.is_directory(path.parent):
            raise _error(errno.ENOENT, path)

    def _expect_not_gone(self, path: Path) -> None:
        if path in self._gone:
            raise _error(errno.ENOENT, path)


def _moved(path: Path, old: Path, new: Path) -> Path:
    return new / path.relative_to(old) if path == old or old in path.parents else path


def _error(number: int, path: Path) -> OSError:
    return OSError(number, os.strerror(number), str(path))
