"""Makes and verifies snapshots: the list of a domain's store as `sha256sum -c` reads it, and its meta file."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from asl_authority.errors import Damaged
from asl_authority.storage import durable
from asl_authority.storage.blocks import BlockStore
from asl_authority.storage.disk import Disk
from asl_authority.storage.index import segments_of
from asl_authority.storage.layout import DomainPaths, snapshot_of
from asl_authority.values.checkpoint import Checkpoint
from asl_authority.values.finding import Finding
from asl_authority.values.head import Head
from asl_authority.values.snapshot import (
    MOST_BYTES,
    Method,
    Snapshot,
    StoreFile,
    block_lines,
    check_checksum,
    check_count,
    check_files,
    check_head,
    check_snapshot_id,
    read_lines,
    read_snapshot,
)

META_BYTES = 64 * 1024


@dataclass(frozen=True)
class Inventory:
    """What lies in a domain's store at one head of its log: the list, and how much it is."""

    domain_id: str
    head: Checkpoint
    lines: bytes
    block_count: int
    byte_count: int

    @property
    def checksum(self) -> str:
        """The store checksum."""
        return hashlib.sha256(self.lines).hexdigest()

    def snapshot(self, claim: str) -> Snapshot:
        """The meta file, once the claim of this snapshot's id is made; `claim` is its SHA-256."""
        size = self.head.size
        return Snapshot(
            domain_id=self.domain_id,
            logseq=size,
            head=Head(size, self.head.root.hex()),
            store_checksum=self.checksum,
            block_count=self.block_count,
            byte_count=self.byte_count,
            sealed_segments=segments_of(size),
            method=Method.LIST,
            claim=claim,
        )

    @property
    def snapshot_id(self) -> str:
        """The id, which no claim is part of."""
        return self.snapshot("0" * 64).snapshot_id


def take_inventory(
    disk: Disk, paths: DomainPaths, domain_id: str, head: Checkpoint, progress: Callable[[int], None] = lambda _: None
) -> Inventory:
    """Read and verify every file of the store. Raises Damaged at the first block that is not its name's, IoFailed."""
    count = read = 0
    lines = []
    for file, size in _store_files(disk, paths):
        lines.append(file)
        count, read = count + 1, read + size
        progress(read)
    return Inventory(domain_id, head, b"".join(block_lines(lines)), count, read)


def write_snapshot(disk: Disk, paths: DomainPaths, inventory: Inventory, claim: str) -> dict[str, str]:
    """Make the snapshot's two files, and return their paths below the domain with their SHA-256, for the log."""
    snapshot = inventory.snapshot(claim)
    files = {paths.snapshot_blocks(snapshot.snapshot_id): inventory.lines}
    files[paths.snapshot_meta(snapshot.snapshot_id)] = snapshot.to_bytes()
    for path, data in files.items():
        durable.create(disk, path, data)
    return {str(path.relative_to(paths.root)): hashlib.sha256(data).hexdigest() for path, data in files.items()}


def snapshot_ids(disk: Disk, paths: DomainPaths) -> list[str]:
    """All snapshots, sorted by their ids. Raises IoFailed."""
    with durable.told("list", paths.snapshots):
        found = (snapshot_of(name) for name in disk.names(paths.snapshots))
        return sorted(snapshot_id for snapshot_id in found if snapshot_id is not None)


def load_snapshot(disk: Disk, paths: DomainPaths, snapshot_id: str) -> Snapshot:
    """A snapshot's meta file. Raises FileNotFoundError, Malformed, IoFailed."""
    return read_snapshot(durable.read(disk, paths.snapshot_meta(snapshot_id), META_BYTES))


def check_snapshot(
    disk: Disk, paths: DomainPaths, snapshot_id: str, root_at: Callable[[int], bytes | None]
) -> tuple[Finding, ...]:
    """Hold a snapshot to itself, to the store and to the log, of which `root_at` says earlier roots.

    Files that came to the store later are none of its business. Raises FileNotFoundError, Malformed, IoFailed.
    """
    snapshot = load_snapshot(disk, paths, snapshot_id)
    listed = durable.read(disk, paths.snapshot_blocks(snapshot_id), MOST_BYTES)
    root = root_at(snapshot.head.size)
    bad, count, read = [], 0, 0
    for file in read_lines(listed.splitlines(keepends=True)):
        size, found = _look(disk, paths, file.name)
        count, read = count + 1, read + size
        if found != file.sha256:
            bad.append(file.name)
    return (
        check_snapshot_id(snapshot, snapshot_id),
        check_checksum(snapshot, hashlib.sha256(listed).hexdigest()),
        check_count(snapshot, count, read),
        check_head(snapshot, root.hex() if root is not None else None),
        check_files(count, bad),
    )


def _store_files(disk: Disk, paths: DomainPaths) -> Iterator[tuple[StoreFile, int]]:
    blocks = BlockStore(disk, paths)
    for block_id in blocks.ids():
        size = _verified(blocks, block_id)
        yield StoreFile(f"store/{block_id}.bin", block_id), size
        size, digest = _look(disk, paths, f"store/{block_id}.meta")
        yield StoreFile(f"store/{block_id}.meta", digest), size


def _verified(blocks: BlockStore, block_id: str) -> int:
    try:
        return blocks.verify(block_id)
    except FileNotFoundError:
        raise Damaged(f"{blocks.paths.block(block_id)}: is gone", check_id="STORE-FILE-LOST") from None


def _look(disk: Disk, paths: DomainPaths, name: str) -> tuple[int, str]:
    size, digest = 0, hashlib.sha256()
    try:
        for chunk in durable.chunks_of(disk, paths.root / name):
            size += len(chunk)
            digest.update(chunk)
    except FileNotFoundError:
        return 0, ""
    return size, digest.hexdigest()
