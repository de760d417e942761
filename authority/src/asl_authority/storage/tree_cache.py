"""Hashes of a log's tree and places of its records, kept so that reading need not replay: a cache, never trusted.

`index/tree-<level>.hashes` has the hash of every complete subtree of 2^level records, one after the other, and
`index/places.idx` where in its file each record begins (u64, little-endian). Whatever is taken from here is held
against the checkpoint's root before it is believed.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Self

from asl_authority.errors import IoFailed
from asl_authority.storage import durable
from asl_authority.storage.disk import Disk
from asl_authority.storage.layout import DomainPaths
from asl_authority.storage.log_files import Batch
from asl_authority.values.merkle import HASH_BYTES, node_hash, tree_root

# A node between two levels is computed from at most 256 of the lower one.
LEVELS = (0, 8, 16, 24)
_PLACE = struct.Struct("<Q")


class CacheLacks(Exception):
    """The cache does not have what was asked for."""


class TreeCache:
    """The cache of one log, for reading; use it in a `with` of its own."""

    def __init__(self, disk: Disk, paths: DomainPaths) -> None:
        self.disk = disk
        self.paths = paths
        self._files: dict[Path, int] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for file in self._files.values():
            self.disk.close(file)
        self._files.clear()

    def node(self, level: int, index: int) -> bytes:
        """The hash of a complete subtree. Raises CacheLacks."""
        kept = max(each for each in LEVELS if each <= level)
        count = 1 << (level - kept)
        data = self._read(tree_file(self.paths, kept), index * count * HASH_BYTES, count * HASH_BYTES)
        nodes = [data[at : at + HASH_BYTES] for at in range(0, len(data), HASH_BYTES)]
        while len(nodes) > 1:
            nodes = [node_hash(left, right) for left, right in zip(nodes[::2], nodes[1::2], strict=True)]
        return nodes[0]

    def offset(self, logseq: int) -> int:
        """Where in its file a record is said to begin. Raises CacheLacks."""
        (offset,) = _PLACE.unpack(self._read(places_file(self.paths), (logseq - 1) * _PLACE.size, _PLACE.size))
        return int(offset)

    def leads_to(self, size: int, root: bytes) -> bool:
        """Whether the cache's right edge gives this root: then it is probably whole."""
        try:
            if size:
                self.offset(size)
            return tree_root(size, self.node) == root
        except CacheLacks:
            return False

    def _read(self, path: Path, offset: int, size: int) -> bytes:
        try:
            if path not in self._files:
                self._files[path] = self.disk.open_read(path)
            data = durable.read_exactly(self.disk, self._files[path], size, offset)
        except OSError as error:
            raise CacheLacks(str(error)) from None
        if len(data) != size:
            raise CacheLacks(f"{path}: too short")
        return data


class TreeCacheWriter:
    """Keeps the cache up to date, as long as the disk lets it: no failure here is a failure of the log."""

    def __init__(self, disk: Disk, paths: DomainPaths, counts: dict[int, int] | None = None, records: int = 0) -> None:
        self.disk = disk
        self.paths = paths
        self.counts = counts or dict.fromkeys(LEVELS, 0)
        self.records = records
        self.broken = False
        self._trees = {level: tree_file(paths, level) for level in LEVELS}
        self._places = places_file(paths)

    def tell(self, level: int, nodes: list[bytes]) -> None:
        """Take in new complete subtrees, as a Frontier tells of them."""
        if level in self.counts:
            self._put(self._trees[level], b"".join(nodes), self.counts[level] * HASH_BYTES)
            self.counts[level] += len(nodes)

    def add_places(self, batch: Batch) -> None:
        """Take in where these records begin."""
        self.add_offsets(batch.offsets())

    def add_offsets(self, offsets: list[int]) -> None:
        """Take in where the next records begin."""
        data = struct.pack(f"<{len(offsets)}Q", *offsets)
        self._put(self._places, data, self.records * _PLACE.size)
        self.records += len(offsets)

    def _put(self, path: Path, data: bytes, offset: int) -> None:
        if not self.broken:
            try:
                durable.scribble(self.disk, path, data, offset)
            except IoFailed:
                self.broken = True


def drop(disk: Disk, paths: DomainPaths) -> None:
    """Take the cache away, as far as the disk lets us."""
    for path in (places_file(paths), *(tree_file(paths, level) for level in LEVELS)):
        with suppress(OSError):
            disk.remove(path)


def tree_file(paths: DomainPaths, level: int) -> Path:
    """Where the hashes of one level lie."""
    return paths.index / f"tree-{level}.hashes"


def places_file(paths: DomainPaths) -> Path:
    """Where the places of records lie."""
    return paths.index / "places.idx"


Tell = Callable[[int, list[bytes]], None]
