"""What lies in a domain's directory and belongs to nothing: no record of its log names it, and nothing reads it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from asl_authority.storage import durable
from asl_authority.storage.disk import Disk
from asl_authority.storage.layout import DomainPaths, log_file_first
from asl_authority.values.log_entry import Entry


def find_strays(disk: Disk, paths: DomainPaths, entries: Iterable[tuple[int, Entry]]) -> tuple[str, ...]:
    """The paths, below the domain, of files that an interruption left or somebody put there, sorted; links too.

    Which log files are the log's own is seen by replaying it (`log verify`). Raises IoFailed.
    """
    named = {paths.root / name for _, entry in entries for name in entry.files}
    for block_id in {block_id for _, entry in entries for block_id in entry.blocks}:
        named |= {paths.block(block_id), paths.block_meta(block_id)}
    named |= {paths.view, paths.checkpoint, paths.unsigned_checkpoint}
    # What only makes reading fast, what recovery has put aside, and what the next writer sweeps.
    whole = {paths.index, paths.recovered, paths.root / "tmp"}
    found = (path for path in _files(disk, paths.root, whole) if path not in named)
    strays = (path for path in found if path.parent != paths.log or log_file_first(path.name) is None)
    return tuple(sorted(str(path.relative_to(paths.root)) for path in strays))


def _files(disk: Disk, directory: Path, whole: Iterable[Path]) -> Iterator[Path]:
    with durable.told("list", directory):
        names = disk.names(directory)
    for path in (directory / name for name in names):
        if path in whole:
            continue
        if disk.is_directory(path):
            yield from _files(disk, path, whole)
        else:
            yield path
