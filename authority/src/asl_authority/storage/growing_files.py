"""A file that grows piece by piece, such as a ceremony's record, and a scratch directory that is gone afterwards."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from asl_authority.errors import UsageError
from asl_authority.storage.disk import HostDisk
from asl_authority.storage.durable import append, cut, make_directory, told
from asl_authority.storage.plain_files import write_new


def write_more(path: Path, data: bytes, size: int) -> None:
    """Add to a file of exactly `size` bytes; on the disk when this returns. Raises UsageError, IoFailed."""
    try:
        append(HostDisk(), path, data, size)
    except FileNotFoundError:
        raise UsageError(f"{path}: no such file", check_id="PATH-MISSING") from None


def shorten(path: Path, size: int) -> None:
    """Take away what stands after `size` bytes of a file. Raises IoFailed."""
    cut(HostDisk(), path, size)


@contextmanager
def scratch(parent: Path, files: Mapping[PurePosixPath, bytes], folders: Iterable[str]) -> Iterator[Path]:
    """A new directory below `parent` with these files and folders, which is gone afterwards. Raises IoFailed."""
    disk = HostDisk()
    with told("make", parent):
        made = tempfile.TemporaryDirectory(dir=parent, prefix="asl-")
    with made as name:
        for folder in folders:
            make_directory(disk, Path(name) / folder)
        for path, data in files.items():
            for above in reversed(path.parents[:-1]):
                make_directory(disk, Path(name) / above)
            write_new(Path(name) / path, data)
        yield Path(name)
