"""A directory of files that a person names: written whole or not at all, read with limits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path, PurePosixPath

from asl_authority.errors import IoFailed, Malformed, Refused, UsageError
from asl_authority.storage import durable
from asl_authority.storage.disk import Disk
from asl_authority.storage.domains import held


def write_new_directory(disk: Disk, path: Path, files: Mapping[str, bytes]) -> None:
    """A new directory with these files, by their paths below it, which gets its name when all of it lasts.

    Raises Refused when the name is taken, UsageError when it leads nowhere, Busy, IoFailed.
    """
    expect_free(disk, path)
    part = durable.part_of(path)
    with held(disk, path.parent):
        try:
            durable.discard(disk, part)
            for folder in _folders(files):
                durable.make_directory(disk, part / folder)
            for name, data in files.items():
                durable.create(disk, part / name, data)
            durable.settle(disk, part)
            durable.rename_new(disk, part, path)
        except BaseException:  # Ctrl-C too leaves nothing behind
            with suppress(IoFailed):
                durable.discard(disk, part)
            raise


def _folders(names: Iterable[str]) -> list[PurePosixPath]:
    """The directories that files of these names lie in, each after the one above it."""
    found = {folder for name in names for folder in PurePosixPath(name).parents} | {PurePosixPath()}
    return sorted(found, key=lambda each: len(each.parts))


def add_new_files(disk: Disk, path: Path, files: Mapping[str, bytes]) -> None:
    """New files in a directory, all or none; one that is there with these bytes is left. Raises Refused, IoFailed."""
    made: list[Path] = []
    try:
        for name, data in files.items():
            # Before it is made: a name can be there although the sync that should have made it last has failed.
            made += [] if disk.is_file(path / name) else [path / name]
            durable.create(disk, path / name, data)
    except BaseException:  # Ctrl-C too leaves nothing behind
        for each in made:
            with suppress(IoFailed, FileNotFoundError):
                durable.remove(disk, each)
        raise


def expect_free(disk: Disk, path: Path) -> None:
    """A new directory can be made there. Raises UsageError, Refused, IoFailed."""
    if not disk.is_directory(path.parent):
        raise UsageError(f"{path.parent}: no such directory", check_id="PATH-MISSING")
    if disk.is_directory(path) or disk.is_file(path):
        raise Refused(f"{path}: is there already; nothing is overwritten", check_id="PATH-TAKEN")
    if durable.is_part(path.name):
        raise UsageError(f"{path.name}: a name of this form is for what is not finished", check_id="PATH-NAME")
    durable.expect_writable(disk, path.parent)


def read_files(disk: Disk, path: Path, names: Iterable[str], most: int) -> dict[str, bytes]:
    """Those of the files that are there. Raises Malformed for one longer than `most` bytes, IoFailed."""
    found = {}
    for name in names:
        try:
            data = durable.read_start(disk, path / name, most + 1)
        except FileNotFoundError:
            continue
        if len(data) > most:
            raise Malformed(f"{path / name}: longer than {most} bytes", check_id="PATH-SIZE")
        found[name] = data
    return found
