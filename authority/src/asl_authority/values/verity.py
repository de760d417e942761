"""dm-verity's root hash, recomputed: the data goes by once, and a few blocks of hashes are all that is remembered."""

from __future__ import annotations

import hashlib

BLOCK = 4096  # bytes, of data and of hashes


class RootHash:
    """The hash tree over blocks of 4096 bytes, without a superblock, as the kernel's dm-verity reads it (version 1)."""

    def __init__(self, salt: bytes) -> None:
        """`salt` is hashed before every block."""
        self._salted = hashlib.sha256(salt)
        self._levels: list[bytearray] = []
        self._blocks = 0

    @property
    def blocks(self) -> int:
        """How many blocks of data there were."""
        return self._blocks

    def add(self, data: bytes) -> None:
        """The next blocks. Raises ValueError for what is not a whole number of them."""
        if len(data) % BLOCK:
            raise ValueError("not a whole number of blocks")
        view = memoryview(data)
        for at in range(0, len(data), BLOCK):
            self._put(0, self._digest(view[at : at + BLOCK]))
        self._blocks += len(data) // BLOCK

    def hexdigest(self) -> str:
        """The root hash. Raises ValueError when there was no data; nothing can be added any more."""
        if not self._blocks:
            raise ValueError("no block")
        level = 0
        while level < len(self._levels):
            held = self._levels[level]
            if level == len(self._levels) - 1 and len(held) == self._salted.digest_size:
                break
            if held:
                self._close(level)
            level += 1
        return self._levels[level].hex()

    def _put(self, level: int, digest: bytes) -> None:
        if level == len(self._levels):
            self._levels.append(bytearray())
        held = self._levels[level]
        if len(held) == BLOCK:  # closed only when one more comes: a level of one full block has one parent
            self._close(level)
        held += digest

    def _close(self, level: int) -> None:
        held = self._levels[level]
        digest = self._digest(bytes(held).ljust(BLOCK, b"\0"))
        held.clear()
        self._put(level + 1, digest)

    def _digest(self, block: bytes | memoryview) -> bytes:
        salted = self._salted.copy()
        salted.update(block)
        return salted.digest()
