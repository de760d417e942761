"""Reads every block of a store and says which are not what they were; goes on where it was interrupted."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from asl_authority.errors import Damaged, IoFailed, Malformed
from asl_authority.storage import durable
from asl_authority.storage.blocks import BlockStore
from asl_authority.values.block import check_block_id, check_block_meta
from asl_authority.values.finding import Finding
from asl_authority.values.scrub import ScrubState, read_scrub_state

STATE_BYTES = 1 << 20
# How much is read again after an interruption, at most.
SAVE_EVERY_BYTES = 1 << 30
SAVE_EVERY_BLOCKS = 10_000


@dataclass(frozen=True)
class Progress:
    """How far a scrub is: blocks and bytes looked at in this run, blocks in all."""

    done: int
    total: int
    read_bytes: int


def scrub(
    blocks: BlockStore,
    progress: Callable[[Progress], None] = lambda _: None,
    *,
    resume: bool = True,
    save_blocks: int = SAVE_EVERY_BLOCKS,
) -> tuple[Finding, ...]:
    """Verify every block and meta file; what is found wrong, in the earlier part of an interrupted run too.

    Raises IoFailed when the state can't be kept. A block that can't be read is a finding, not an error.
    """
    path = blocks.paths.index / "scrub.json"
    state = _load(blocks) if resume else ScrubState()
    ids = blocks.ids()
    left = [block_id for block_id in ids if block_id > state.after]
    total, read, unsaved, count = len(ids), 0, 0, 0
    buffer = memoryview(bytearray(durable.CHUNK))
    try:
        for number, block_id in enumerate(left, 1):
            size, findings = _judge(blocks, block_id, buffer)
            read += size
            unsaved += size
            count += 1
            state = state.behind(block_id, findings)
            if unsaved >= SAVE_EVERY_BYTES or count >= save_blocks:
                durable.replace(blocks.disk, path, state.to_bytes())
                unsaved = count = 0
            progress(Progress(len(ids) - len(left) + number, total, read))
    except KeyboardInterrupt:
        if state.after:
            durable.replace(blocks.disk, path, state.to_bytes())
        raise
    if blocks.disk.is_file(path):
        durable.remove(blocks.disk, path)
    return state.findings


def _load(blocks: BlockStore) -> ScrubState:
    try:
        return read_scrub_state(durable.read(blocks.disk, blocks.paths.index / "scrub.json", STATE_BYTES))
    except (FileNotFoundError, Damaged, Malformed):
        return ScrubState()  # begin again: that is always right


def _judge(blocks: BlockStore, block_id: str, buffer: memoryview) -> tuple[int, tuple[Finding, ...]]:
    digest, size = hashlib.sha256(), 0
    path = blocks.paths.block(block_id)
    try:
        file = blocks.disk.open_read(path)
        try:
            while got := blocks.disk.read_into(file, buffer):
                digest.update(buffer[:got])
                size += got
        finally:
            blocks.disk.close(file)
        meta = blocks.meta(block_id)
    except (OSError, IoFailed) as error:
        return size, (Finding("BLOCK-ID", ok=False, detail=f"{block_id}: can't be read: {error}"),)
    except Damaged as error:
        return size, (Finding("BLOCK-META", ok=False, detail=str(error)),)
    checks = (check_block_id(block_id, digest.hexdigest()), check_block_meta(block_id, size, meta))
    return size, tuple(finding for finding in checks if not finding.ok)
