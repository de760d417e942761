"""Where files lie on the image's own medium: as much of ISO 9660 with Rock Ridge names as finding them takes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from asl_authority.errors import Malformed

SECTOR = 2048
VOLUME_AT = 16 * SECTOR
LARGEST_FOLDER = 1 << 20

# Bytes from an offset on; fewer where the medium ends.
ReadAt = Callable[[int, int], bytes]


@dataclass(frozen=True)
class Extent:
    """Where a file lies, in bytes."""

    at: int
    size: int


@dataclass(frozen=True)
class Volume:
    """A medium: how many bytes it says that it has, and its root folder."""

    size: int
    root: Extent


def read_volume(read: ReadAt) -> Volume:
    """The medium's descriptor. Raises Malformed for what is no ISO 9660 medium."""
    head = read(VOLUME_AT, SECTOR)
    if len(head) < SECTOR or head[:7] != b"\x01CD001\x01" or _u16(head, 128) != SECTOR:
        raise Malformed("no ISO 9660 medium")
    return Volume(_u32(head, 80) * SECTOR, _extent(head[156:190]))


def find_file(read: ReadAt, volume: Volume, path: tuple[str, ...]) -> Extent:
    """Where the file at `path` lies. Raises Malformed when there is none."""
    here, folder = volume.root, True
    for name in path:
        found = next((each for each in _entries(read, here) if folder and each[0] == name), None)
        if found is None:
            raise Malformed(f"the medium has no /{'/'.join(path)}")
        _, here, folder = found
    if folder or here.at + here.size > volume.size:
        raise Malformed(f"/{'/'.join(path)} is no file of the medium")
    return here


def _entries(read: ReadAt, folder: Extent) -> Iterator[tuple[str, Extent, bool]]:
    """Name, place and whether it is a folder, of everything in a folder."""
    if folder.size > LARGEST_FOLDER:
        raise Malformed("a folder of the medium is too large")
    data = read(folder.at, folder.size)
    at = 0
    while at < len(data):
        length = data[at]
        if length == 0:  # a record never crosses a sector's end
            at += SECTOR - at % SECTOR
            continue
        record = data[at : at + length]
        at += length
        if length < 34 or len(record) < length or 33 + record[32] > length:
            raise Malformed("a folder of the medium has a record that can't be")
        name = _name(record)
        if name:
            yield name, _extent(record), bool(record[25] & 2)


def _name(record: bytes) -> str:
    """The Rock Ridge name; "" for the two entries that every folder begins with."""
    area = record[33 + record[32] + (record[32] % 2 == 0) :]
    name = b""
    while len(area) >= 5 and area[2] >= 4:
        if area[:2] == b"NM":
            name += area[5 : area[2]]
        area = area[area[2] :]
    return name.decode("ascii", "replace")


def _extent(record: bytes) -> Extent:
    return Extent(_u32(record, 2) * SECTOR, _u32(record, 10))


def _u32(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 4], "little")


def _u16(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 2], "little")
