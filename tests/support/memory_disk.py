"""A disk in memory that knows what was synced, so that a test can cut the power and see what is left."""

from __future__ import annotations

import errno
import os
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

# What becomes of a change that was not synced when the power fails.
Fate = Callable[[str], str]


@dataclass
class File:
    """A file: what a reader sees, what has been synced, and the writes in between."""

    seen: bytearray = field(default_factory=bytearray)
    lasting: bytes = b""
    pending: list[tuple[int, bytes | None]] = field(default_factory=list)  # None: cut at that offset


@dataclass
class Directory:
    """A directory: what a reader sees, what has been synced, and the changes of names in between."""

    seen: dict[str, int] = field(default_factory=dict)
    lasting: dict[str, int] = field(default_factory=dict)
    pending: list[dict[str, int | None]] = field(default_factory=list)  # None: the name goes


class MemoryDisk:
    """A Disk (asl_authority.storage.disk) without a disk. A sync of a file says nothing about its name."""

    def __init__(self) -> None:
        self.nodes: dict[int, File | Directory] = {0: Directory()}
        self.next = 1
        self.open: dict[int, list[int]] = {}  # number: node, place for read_into
        self.locks: dict[int, int] = {}
        self.handles = 100

    def after(self, fate: Fate) -> MemoryDisk:
        """The disk after a power cut. `fate` says of each change that was not synced whether it is kept, lost, torn
        (its first half came through) or zeros (its space came through)."""
        new = MemoryDisk()
        new.next = self.next
        for number, node in self.nodes.items():
            if isinstance(node, File):
                data = bytearray(node.lasting)
                for offset, change in node.pending:
                    _apply(data, offset, change, fate("data"))
                new.nodes[number] = File(data, bytes(data))
            else:
                names = dict(node.lasting)
                for changes in node.pending:
                    if fate("name") == "kept":
                        names = _renamed(names, changes)
                new.nodes[number] = Directory(dict(names), names)
        return new

    def copy(self) -> MemoryDisk:
        """The same disk, with everything synced and nothing open."""
        return self.after(lambda _: "kept")

    # What the store calls.

    def open_new(self, path: Path) -> int:
        directory = self._directory(path.parent)
        if path.name in directory.seen:
            raise _error(errno.EEXIST, path)
        self._change(directory, {path.name: self._new(File())})
        return self._opened(directory.seen[path.name])

    def open_write(self, path: Path) -> int:
        return self._opened(self._file_number(path))

    def open_read(self, path: Path) -> int:
        return self._opened(self._file_number(path))

    def close(self, file: int) -> None:
        if file in self.locks:
            del self.locks[file]
        else:
            del self.open[file]

    def read_at(self, file: int, size: int, offset: int) -> bytes:
        return bytes(self._file(file).seen[offset : offset + size])

    def read_into(self, file: int, buffer: memoryview) -> int:
        data = self.read_at(file, len(buffer), self.open[file][1])
        buffer[: len(data)] = data
        self.open[file][1] += len(data)
        return len(data)

    def write_at(self, file: int, data: memoryview, offset: int) -> int:
        node, written = self._file(file), bytes(data)
        node.pending.append((offset, written))
        _apply(node.seen, offset, written, "kept")
        return len(written)

    def size(self, file: int) -> int:
        return len(self._file(file).seen)

    def cut(self, file: int, size: int) -> None:
        node = self._file(file)
        node.pending.append((size, None))
        _apply(node.seen, size, None, "kept")

    def sync(self, file: int) -> None:
        node = self._file(file)
        data = bytearray(node.lasting)
        for offset, change in node.pending:
            _apply(data, offset, change, "kept")
        node.lasting = bytes(data)
        node.pending.clear()

    def forget(self, file: int) -> None:
        """A sync that failed: readers still see the data, and no later sync writes it (as Linux does)."""
        self._file(file).pending.clear()

    def sync_directory(self, path: Path) -> None:
        directory = self._directory(path)
        directory.lasting = dict(directory.seen)
        directory.pending.clear()

    def link(self, old: Path, new: Path) -> None:
        directory = self._directory(new.parent)
        if new.name in directory.seen:
            raise _error(errno.EEXIST, new)
        self._change(directory, {new.name: self._file_number(old)})

    def rename(self, old: Path, new: Path) -> None:
        assert old.parent == new.parent, "a rename across directories is not used"
        directory = self._directory(old.parent)
        if old.name not in directory.seen:
            raise _error(errno.ENOENT, old)
        self._change(directory, {old.name: None, new.name: directory.seen[old.name]})

    def remove(self, path: Path) -> None:
        self._file_number(path)
        self._change(self._directory(path.parent), {path.name: None})

    def make_directory(self, path: Path) -> None:
        directory = self._directory(path.parent)
        if path.name in directory.seen:
            raise _error(errno.EEXIST, path)
        self._change(directory, {path.name: self._new(Directory())})

    def remove_directory(self, path: Path) -> None:
        if self._directory(path).seen:
            raise _error(errno.ENOTEMPTY, path)
        self._change(self._directory(path.parent), {path.name: None})

    def names(self, path: Path) -> list[str]:
        return sorted(self._directory(path).seen)

    def is_file(self, path: Path) -> bool:
        return isinstance(self._find(path), File)

    def is_directory(self, path: Path) -> bool:
        return isinstance(self._find(path), Directory)

    def is_read_only(self, _: Path) -> bool:
        return False

    def lock(self, path: Path) -> int | None:
        number = self._number(path)
        if number in self.locks.values():
            return None
        self.handles += 1
        self.locks[self.handles] = number
        return self.handles

    # How it works inside.

    def _number(self, path: Path) -> int:
        number = 0
        for part in path.parts[1:]:
            node = self.nodes[number]
            if not isinstance(node, Directory) or part not in node.seen:
                raise _error(errno.ENOENT, path)
            number = node.seen[part]
        return number

    def _find(self, path: Path) -> File | Directory | None:
        try:
            return self.nodes[self._number(path)]
        except FileNotFoundError:
            return None

    def _directory(self, path: Path) -> Directory:
        node = self.nodes[self._number(path)]
        if not isinstance(node, Directory):
            raise _error(errno.ENOTDIR, path)
        return node

    def _file_number(self, path: Path) -> int:
        number = self._number(path)
        if not isinstance(self.nodes[number], File):
            raise _error(errno.EISDIR, path)
        return number

    def _file(self, file: int) -> File:
        node = self.nodes[self.open[file][0]]
        assert isinstance(node, File)
        return node

    def _new(self, node: File | Directory) -> int:
        self.nodes[self.next] = node
        self.next += 1
        return self.next - 1

    def _opened(self, number: int) -> int:
        self.handles += 1
        self.open[self.handles] = [number, 0]
        return self.handles

    def _change(self, directory: Directory, changes: dict[str, int | None]) -> None:
        directory.pending.append(changes)
        directory.seen = _renamed(directory.seen, changes)


def fates(rounds: int) -> dict[str, Fate]:
    """The power cuts that are tried: everything or one kind of change lost, and so many at random."""
    found: dict[str, Fate] = {
        "all kept": lambda _: "kept",
        "all lost": lambda _: "lost",
        "names only": lambda kind: "kept" if kind == "name" else "lost",
        "names and zeros": lambda kind: "kept" if kind == "name" else "zeros",
        "data only": lambda kind: "lost" if kind == "name" else "kept",
        "torn": lambda kind: "kept" if kind == "name" else "torn",
    }
    for seed in range(rounds):
        dice = random.Random(seed)  # noqa: S311 - the same cuts every time
        found[f"random {seed}"] = lambda kind, dice=dice: dice.choice(  # type: ignore[misc]
            ("kept", "lost") if kind == "name" else ("kept", "lost", "torn", "zeros")
        )
    return found


def _apply(data: bytearray, offset: int, change: bytes | None, fate: str) -> None:
    if fate == "lost":
        return
    if change is None:
        del data[offset:]
        return
    change = change[: len(change) // 2] if fate == "torn" else bytes(len(change)) if fate == "zeros" else change
    if len(data) < offset:
        data.extend(bytes(offset - len(data)))
    data[offset : offset + len(change)] = change


def _renamed(names: dict[str, int], changes: dict[str, int | None]) -> dict[str, int]:
    new = {name: number for name, number in names.items() if name not in changes}
    return new | {name: number for name, number in changes.items() if number is not None}


def _error(number: int, path: Path) -> OSError:
    return OSError(number, os.strerror(number), str(path))
