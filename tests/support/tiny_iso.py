"""A whole ISO 9660 image with Rock Ridge names and a boot catalogue, in some thirty sectors, made by hand."""

from __future__ import annotations

import stat
import struct
from collections.abc import Mapping

SECTOR = 2048
CATALOGUE, FIRST = 19, 20


def both(value: int, size: str = "I") -> bytes:
    """A number in both byte orders."""
    return struct.pack(f"<{size}", value) + struct.pack(f">{size}", value)


def record(identifier: bytes, sector: int, size: int, *, folder: bool, name: str = "") -> bytes:
    """A directory record; with a name it has Rock Ridge's fields."""
    fields = b""
    if name:
        mode = (stat.S_IFDIR | 0o555) if folder else (stat.S_IFREG | 0o444)
        fields = b"PX\x2c\x01" + both(mode) + both(1) + both(0) + both(0) + both(1)
        fields += b"NM" + bytes([5 + len(name), 1, 0]) + name.encode()
    body = both(sector) + both(size) + bytes(7) + bytes([2 if folder else 0, 0, 0]) + both(1, "H")
    body += bytes([len(identifier)]) + identifier + (b"" if len(identifier) % 2 else b"\0") + fields
    body += b"\0" * (len(body) % 2)
    return bytes([len(body) + 2, 0]) + body


def tiny_iso(files: Mapping[str, bytes]) -> bytearray:
    """An image with these files; one folder deep at the most, and a folder has one sector."""
    folders = sorted({name.split("/")[0] for name in files if "/" in name})
    at = {folder: FIRST + 1 + number for number, folder in enumerate(folders)}
    sector = FIRST + 1 + len(folders)
    content = bytearray()
    entries: dict[str, bytes] = dict.fromkeys(["", *folders], b"")
    for number, (name, data) in enumerate(sorted(files.items())):
        folder, _, last = name.rpartition("/")
        entries[folder] += record(b"F%d" % number, sector, len(data), folder=False, name=last)
        padded = data + bytes(-len(data) % SECTOR)
        content += padded
        sector += len(padded) // SECTOR
    for number, folder in enumerate(folders):
        entries[""] += record(b"D%d" % number, at[folder], SECTOR, folder=True, name=folder)
    image = bytearray(16 * SECTOR)
    volume = bytearray(b"\x01CD001\x01".ljust(SECTOR, b"\0"))
    volume[40:72] = b"TINY".ljust(32)
    volume[80:88] = both(sector)
    volume[156:190] = record(b"\0", FIRST, SECTOR, folder=True)
    image += volume
    image += (b"\x00CD001\x01" + b"EL TORITO SPECIFICATION".ljust(64, b"\0") + struct.pack("<I", CATALOGUE)).ljust(
        SECTOR, b"\0"
    )
    image += b"\xffCD001\x01".ljust(SECTOR, b"\0")
    catalogue = bytearray(b"\x01".ljust(30, b"\0") + b"\x55\xaa")
    catalogue[28:30] = struct.pack("<H", -sum(struct.unpack("<16H", catalogue)) & 0xFFFF)
    catalogue += struct.pack("<BBHBBHI", 0x88, 0, 0, 0, 0, 4, FIRST)
    image += catalogue.ljust(SECTOR, b"\0")
    for folder in ("", *folders):
        here, parent = (at[folder], FIRST) if folder else (FIRST, FIRST)
        start = record(b"\0", here, SECTOR, folder=True) + record(b"\1", parent, SECTOR, folder=True)
        image += (start + entries[folder]).ljust(SECTOR, b"\0")
    return image + content
