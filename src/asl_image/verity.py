"""dm-verity, recomputed: a layer's hash tree and root hash, without a superblock, as the kernel reads them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

BLOCK = 4096  # bytes, of data and of hashes
REPORT_BLOCKS = 1024  # progress is told once in so many


def no_progress(amount: int) -> None:
    """Nobody wants to know."""


def hash_tree(data: memoryview, salt: bytes, advance: Callable[[int], None] = no_progress) -> tuple[str, bytes]:
    """Root hash (hex) and the tree as veritysetup stores it: the topmost level first.

    `data` is a whole number of blocks, and at least one (ValueError); `advance` is told the bytes that are done.
    """
    if len(data) == 0 or len(data) % BLOCK:
        raise ValueError("not a whole number of blocks")
    salted = hashlib.sha256(salt)
    level = _hashes(data, salted, advance)
    levels: list[bytes] = []
    while len(level) > salted.digest_size:
        level += bytes(-len(level) % BLOCK)
        levels.insert(0, level)
        level = _hashes(memoryview(level), salted, no_progress)
    return level.hex(), b"".join(levels)


def _hashes(data: memoryview, salted: hashlib._Hash, advance: Callable[[int], None]) -> bytes:
    found = []
    for start in range(0, len(data), BLOCK * REPORT_BLOCKS):
        piece = data[start : start + BLOCK * REPORT_BLOCKS]
        for at in range(0, len(piece), BLOCK):
            block = salted.copy()
            block.update(piece[at : at + BLOCK])
            found.append(block.digest())
        advance(len(piece))
    return b"".join(found)
