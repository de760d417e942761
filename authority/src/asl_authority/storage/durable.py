"""The one way in which a file comes into the store: whole and for good, or not at all.

A temporary file beside the target is made exclusively, written, synced, given its name (by a link where nothing may be
overwritten, by a rename where something is replaced), and the directory is synced. A write counts when the call
returns.
"""

from __future__ import annotations

import errno
import hashlib
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from asl_authority.errors import Damaged, IoFailed, Refused
from asl_authority.storage.disk import Disk

# A name that begins so and ends so is a temporary: without a writer, it is garbage.
_PART_START, _PART_END = ".", ".part"
CHUNK = 1 << 20


# What a file system without hard links says to one.
_NO_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS)


def create(disk: Disk, path: Path, data: bytes) -> None:
    """Make a new file. Raises Refused when the name is taken by other bytes, IoFailed."""
    create_from(disk, path, [data])


def create_from(disk: Disk, path: Path, chunks: Iterable[bytes]) -> None:
    """Make a new file of many pieces. Raises Refused when the name is taken by other bytes, IoFailed."""
    part = part_of(path)

    def publish() -> None:
        try:
            disk.link(part, path)
        except FileExistsError:
            if not _same(disk, part, path):
                disk.remove(part)
                raise Refused(
                    f"{path}: is there already, with other contents; nothing is overwritten", check_id="PATH-TAKEN"
                ) from None
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            _publish_without_links(disk, part, path)
            return
        disk.remove(part)

    _written(disk, part, path, chunks, publish)


def _publish_without_links(disk: Disk, part: Path, path: Path) -> None:
    """On FAT, as sticks have it: take the name by an empty file that must be new, and put the whole one in its place.

    A power cut in between leaves an empty file, which is no key, signature or paper, and which the next try may have.
    The store itself is never on one.
    """
    made = False
    try:
        try:
            file = disk.open_new(path)
            made = True
            disk.close(file)
        except FileExistsError:
            if not _is_empty(disk, path) and not _same(disk, part, path):
                disk.remove(part)
                raise Refused(
                    f"{path}: is there already, with other contents; nothing is overwritten", check_id="PATH-TAKEN"
                ) from None
        disk.rename(part, path)
    except BaseException:  # Ctrl-C too leaves nothing behind
        with suppress(OSError):
            if made and _is_empty(disk, path):
                disk.remove(path)
        raise


def replace(disk: Disk, path: Path, data: bytes) -> None:
    """Put a file in the place of another, or of none. Raises IoFailed."""
    part = part_of(path)
    _written(disk, part, path, [data], lambda: disk.rename(part, path))


def append(disk: Disk, path: Path, data: bytes, offset: int) -> None:
    """Add to a file that has exactly `offset` bytes. Raises IoFailed; then the file may have grown by some of them."""
    with told("write", path):
        file = disk.open_write(path)
        try:
            if disk.size(file) != offset:
                raise OSError(errno.EIO, f"{disk.size(file)} bytes, {offset} were expected")
            write_all(disk, file, data, offset)
            disk.sync(file)
        finally:
            disk.close(file)


def scribble(disk: Disk, path: Path, data: bytes, offset: int) -> None:
    """Write into a cache, which need not survive anything; what is there already is left alone. Raises IoFailed."""
    try:
        try:
            file = disk.open_write(path)
        except FileNotFoundError:
            file = disk.open_new(path)
        try:
            if disk.size(file) < offset + len(data) or not _has(disk, path, data, offset):
                write_all(disk, file, data, offset)
        finally:
            disk.close(file)
    except OSError as error:
        raise failed("write", path, error) from None


def rewrite(disk: Disk, path: Path, start: int, end: int) -> None:
    """Write a part of a file once more, as it is read, and sync it. Raises IoFailed.

    After a sync that failed a file may read as if it were written, while no later sync would write it.
    """
    with told("write", path):
        file = disk.open_read(path)
        try:
            data = read_exactly(disk, file, end - start, start)
        finally:
            disk.close(file)
        file = disk.open_write(path)
        try:
            write_all(disk, file, data, start)
            disk.sync(file)
        finally:
            disk.close(file)


def cut(disk: Disk, path: Path, size: int) -> None:
    """Shorten a file. Raises IoFailed."""
    with told("shorten", path):
        file = disk.open_write(path)
        try:
            disk.cut(file, size)
            disk.sync(file)
        finally:
            disk.close(file)


def remove(disk: Disk, path: Path) -> None:
    """Take a file away. Raises IoFailed."""
    with told("remove", path):
        disk.remove(path)
        disk.sync_directory(path.parent)


def make_directory(disk: Disk, path: Path) -> None:
    """Make a directory, unless there is one. Raises IoFailed."""
    with told("make", path):
        if not disk.is_directory(path):
            disk.make_directory(path)
        disk.sync_directory(path.parent)


def settle(disk: Disk, directory: Path) -> None:
    """Make every name in a directory last. Raises IoFailed."""
    with told("sync", directory):
        disk.sync_directory(directory)


def rename_new(disk: Disk, part: Path, path: Path) -> None:
    """Give a directory that is complete its name, which must be free. Raises Refused, IoFailed."""
    with told("make", path):
        if disk.is_directory(path) or disk.is_file(path):
            raise Refused(f"{path}: is there already; nothing is overwritten", check_id="PATH-TAKEN")
        disk.rename(part, path)
        disk.sync_directory(path.parent)


def size_of(disk: Disk, path: Path) -> int:
    """How many bytes a file has. Raises FileNotFoundError, IoFailed."""
    with told("read", path):
        file = disk.open_read(path)
        try:
            return disk.size(file)
        finally:
            disk.close(file)


def digest(disk: Disk, path: Path, start: int = 0) -> str:
    """The SHA-256 of a file from byte `start` on. Raises FileNotFoundError, IoFailed."""
    found = hashlib.sha256()
    for chunk in chunks_of(disk, path, start):
        found.update(chunk)
    return found.hexdigest()


def chunks_of(disk: Disk, path: Path, start: int = 0) -> Generator[bytes, None, None]:
    """A file in pieces, from byte `start` on. Raises FileNotFoundError, IoFailed."""
    with told("read", path):
        file = disk.open_read(path)
        try:
            while chunk := disk.read_at(file, CHUNK, start):
                yield chunk
                start += len(chunk)
        finally:
            disk.close(file)


def read(disk: Disk, path: Path, most: int) -> bytes:
    """All of a store's own file, which has at most `most` bytes. Raises Damaged, FileNotFoundError, IoFailed."""
    with told("read", path):
        file = disk.open_read(path)
        try:
            data = read_exactly(disk, file, most + 1, 0)
        finally:
            disk.close(file)
    if len(data) > most:
        raise Damaged(
            f"{path}: longer than {most} bytes, which no such file of a store is",
            hint="write nothing to this volume any more: copy it, and look at this file in the copy",
            check_id="PATH-SIZE",
        )
    return data


def read_start(disk: Disk, path: Path, size: int) -> bytes:
    """The first `size` bytes of a file, or all of a shorter one. Raises FileNotFoundError, IoFailed."""
    with told("read", path):
        file = disk.open_read(path)
        try:
            return read_exactly(disk, file, size, 0)
        finally:
            disk.close(file)


def read_exactly(disk: Disk, file: int, size: int, offset: int) -> bytes:
    """`size` bytes, or fewer where the file ends."""
    data = disk.read_at(file, size, offset)
    if len(data) == size or not data:
        return data
    pieces = [data]
    while data and size > sum(map(len, pieces)):
        got = sum(map(len, pieces))
        data = disk.read_at(file, size - got, offset + got)
        pieces.append(data)
    return b"".join(pieces)


def write_all(disk: Disk, file: int, data: bytes, offset: int) -> int:
    """Write all of `data` and return where it ends."""
    view = memoryview(data)
    while view:
        done = disk.write_at(file, view, offset)
        if done <= 0:
            raise OSError(errno.EIO, "nothing was written")
        view, offset = view[done:], offset + done
    return offset


def part_of(path: Path) -> Path:
    """The temporary beside a target."""
    return path.parent / f"{_PART_START}{path.name}{_PART_END}"


def is_part(name: str) -> bool:
    """Whether a name is that of a temporary."""
    return name.startswith(_PART_START) and name.endswith(_PART_END)


def sweep(disk: Disk, directory: Path) -> list[Path]:
    """Take away the temporaries that an interrupted write left in a directory, and say which. Only for its writer."""
    swept = []
    with told("clean", directory):
        for name in disk.names(directory):
            if is_part(name):
                _remove_tree(disk, directory / name)
                swept.append(directory / name)
    return swept


def discard(disk: Disk, part: Path) -> None:
    """Take a temporary away, with all that is in it; there need be none. Raises IoFailed."""
    with told("clean", part), suppress(FileNotFoundError):
        _remove_tree(disk, part)


def empty(disk: Disk, directory: Path) -> list[Path]:
    """Take everything in a directory of transient things away, and say what it was. Only for its writer."""
    with told("clean", directory):
        gone = [directory / name for name in disk.names(directory)]
        for path in gone:
            _remove_tree(disk, path)
    return gone


@contextmanager
def told(verb: str, path: Path) -> Iterator[None]:
    """Turn a failure of the disk into words; a missing file stays FileNotFoundError."""
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        raise failed(verb, path, error) from None


def expect_writable(disk: Disk, directory: Path) -> None:
    """Files can be made in this directory, as far as its file system goes. Raises IoFailed, as writing would."""
    with told("write", directory):
        if disk.is_read_only(directory):
            raise OSError(errno.EROFS, "read-only")


def failed(verb: str, path: Path, error: OSError) -> IoFailed:
    """What a failure of the disk means for a person."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return IoFailed(
            f"{path}: can't {verb}: no space is left",
            hint="make some room on this volume",
            check_id="VOLUME-FULL",
        )
    if error.errno == errno.EROFS:
        return IoFailed(f"{path}: can't {verb}: the volume is read-only", check_id="VOLUME-READ-ONLY")
    hint = "copy the volume while it can be read, then replace the medium" if error.errno == errno.EIO else None
    return IoFailed(f"{path}: can't {verb}: {error.strerror}", hint=hint)


def _written(disk: Disk, part: Path, path: Path, chunks: Iterable[bytes], publish: Callable[[], None]) -> None:
    with told("write", path):
        file = _opened_part(disk, part)
        try:
            try:
                offset = 0
                for chunk in chunks:
                    offset = write_all(disk, file, chunk, offset)
                disk.sync(file)
            finally:
                disk.close(file)
            publish()
        except BaseException:  # Ctrl-C too leaves nothing behind
            with suppress(OSError):
                disk.remove(part)
            raise
        disk.sync_directory(path.parent)


def _opened_part(disk: Disk, part: Path) -> int:
    try:
        return disk.open_new(part)
    except FileExistsError:  # of an interrupted write: there is one writer, and it is us
        _remove_tree(disk, part)
        return disk.open_new(part)


def _has(disk: Disk, path: Path, data: bytes, offset: int) -> bool:
    file = disk.open_read(path)
    try:
        return read_exactly(disk, file, len(data), offset) == data
    finally:
        disk.close(file)


def _is_empty(disk: Disk, path: Path) -> bool:
    file = disk.open_read(path)
    try:
        return disk.size(file) == 0
    finally:
        disk.close(file)


def _same(disk: Disk, one: Path, other: Path) -> bool:
    files: list[int] = []
    try:
        files.append(disk.open_read(one))
        files.append(disk.open_read(other))
        offset = 0
        while True:
            pieces = [read_exactly(disk, file, CHUNK, offset) for file in files]
            if pieces[0] != pieces[1]:
                return False
            if not pieces[0]:
                return True
            offset += len(pieces[0])
    finally:
        for file in files:
            disk.close(file)


def _remove_tree(disk: Disk, path: Path) -> None:
    if not disk.is_directory(path):
        disk.remove(path)
        return
    for name in disk.names(path):
        _remove_tree(disk, path / name)
    disk.remove_directory(path)
