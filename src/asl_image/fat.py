"""A FAT12 or FAT16 image as a list of its files; just enough to read the one that UEFI starts."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from asl_image.errors import CheckFailed

ENTRY = 32
DEEPEST = 8
END_OF_CHAIN = {12: 0xFF8, 16: 0xFFF8}


@dataclass(frozen=True)
class FatFile:
    """One file: its path in capitals, as 8.3 names are, and its bytes."""

    name: str
    data: bytes


def read_fat(data: memoryview) -> tuple[FatFile, ...]:
    """Every file of the image, sorted by path. Raises CheckFailed."""
    return tuple(sorted(_Fat(data).files(), key=lambda file: file.name))


class _Fat:
    def __init__(self, data: memoryview) -> None:
        if len(data) < 512 or bytes(data[510:512]) != b"\x55\xaa":
            raise CheckFailed("the EFI image is no FAT file system")
        sector, per_cluster, reserved, copies, self._roots, small = struct.unpack_from("<HBHBHH", data, 11)
        _, per_fat = struct.unpack_from("<BH", data, 21)
        total = small or struct.unpack_from("<I", data, 32)[0]
        if sector != 512 or not per_cluster or not copies or not per_fat or total * sector != len(data):
            raise CheckFailed("the EFI image's FAT has sizes that can't be")
        self._cluster = sector * per_cluster
        self._root = (reserved + copies * per_fat) * sector
        self._start = self._root + -(-self._roots * ENTRY // sector) * sector
        self._clusters = (len(data) - self._start) // self._cluster
        self._bits = 12 if self._clusters < 4085 else 16
        self._table = data[reserved * sector : (reserved + per_fat) * sector]
        self._data = data
        if self._start > len(data) or (self._clusters + 2) * self._bits > len(self._table) * 8:
            raise CheckFailed("the EFI image's FAT has sizes that can't be")
        tables = [
            data[(reserved + n * per_fat) * sector : (reserved + (n + 1) * per_fat) * sector] for n in range(copies)
        ]
        if any(table != self._table for table in tables):
            raise CheckFailed("the EFI image's copies of its FAT differ")

    def files(self) -> Iterator[FatFile]:
        root = bytes(self._data[self._root : self._root + self._roots * ENTRY])
        yield from self._folder("", root, 0)

    def _next(self, cluster: int) -> int:
        if self._bits == 16:
            return int(struct.unpack_from("<H", self._table, cluster * 2)[0])
        pair = int(struct.unpack_from("<H", self._table, cluster * 3 // 2)[0])
        return pair >> 4 if cluster % 2 else pair & 0xFFF

    def _chain(self, cluster: int, name: str) -> bytes:
        found, seen = [], set()
        while cluster < END_OF_CHAIN[self._bits]:
            if cluster in seen or not 2 <= cluster < self._clusters + 2:
                raise CheckFailed(f"the EFI image's {name} leads nowhere")
            seen.add(cluster)
            at = self._start + (cluster - 2) * self._cluster
            found.append(bytes(self._data[at : at + self._cluster]))
            cluster = self._next(cluster)
        return b"".join(found)

    def _folder(self, path: str, entries: bytes, depth: int) -> Iterator[FatFile]:
        if depth > DEEPEST:
            raise CheckFailed(f"the EFI image's {path} is too deep")
        for at in range(0, len(entries), ENTRY):
            entry = entries[at : at + ENTRY]
            if entry[0] == 0:
                return
            if entry[0] == 0xE5 or entry[11] & 0x08 or entry[:1] == b".":  # deleted, a label or long name, itself
                continue
            base, suffix = (part.decode("ascii", "replace").rstrip() for part in (entry[:8], entry[8:11]))
            name = f"{path}/{base}.{suffix}" if suffix else f"{path}/{base}"
            first, size = struct.unpack_from("<HI", entry, 26)
            body = self._chain(first, name) if first else b""
            if entry[11] & 0x10:
                yield from self._folder(name, body, depth + 1)
            elif len(body) < size:
                raise CheckFailed(f"the EFI image's {name} is cut short")
            else:
                yield FatFile(name, body[:size])
