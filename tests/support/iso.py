"""An ISO cut apart without any program: where each file lies, its bytes, and copies with single bytes flipped."""

from __future__ import annotations

import re
import shutil
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

SECTOR = 2048
VOLUME = 16 * SECTOR


@dataclass(frozen=True)
class Extent:
    """Where a file lies on the medium, in bytes."""

    at: int
    size: int


@dataclass(frozen=True)
class Flip:
    """One byte of one file to be made wrong; a negative `at` counts from the file's end."""

    name: str
    at: int


class Iso:
    """An ISO 9660 image with Rock Ridge names; `files` has every file by its path, without a leading slash."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.files = dict(_files(path.read_bytes()))

    def read(self, name: str, at: int = 0, size: int = -1) -> bytes:
        """A file's bytes, or `size` of them from `at` on."""
        extent = self.files[name]
        with self.path.open("rb") as medium:
            medium.seek(extent.at + at)
            return medium.read(extent.size - at if size < 0 else size)

    def extract(self, name: str, to: Path) -> Path:
        """Write a file into the folder `to`."""
        (to / Path(name).name).write_bytes(self.read(name))
        return to / Path(name).name

    def flipped(self, flips: Iterable[Flip], to: Path) -> Path:
        """A copy of the image at `to` with these bytes wrong, and no others."""
        shutil.copyfile(self.path, to)
        with to.open("r+b") as medium:
            for flip in flips:
                extent = self.files[flip.name]
                if not -extent.size <= flip.at < extent.size:
                    raise ValueError(f"{flip.name} has {extent.size} bytes, and none at {flip.at}")
                medium.seek(extent.at + flip.at % extent.size)
                byte = medium.read(1)[0]
                medium.seek(-1, 1)
                medium.write(bytes([byte ^ 0x01]))
        return to

    # -- what is known of an image of ours

    def layers(self) -> tuple[str, ...]:
        """The layers' names, bottom first, as the kernel is told them."""
        return tuple(re.findall(r" asl\.layer=([^,]+),", self.command_line()))

    def command_line(self, *, mode: str = "host") -> str:
        """The words that the boot menu gives the kernel for a start on the serial line, in this mode."""
        menu = self.read("boot/grub/grub.cfg").decode()
        found = re.search(r"^ *linux /asl/vmlinuz (.*?) \$\{iso_words\}", menu, re.MULTILINE)
        serial = re.search(r"console=(ttyS[\w,]+)", menu)
        if found is None or serial is None:
            raise ValueError(f"{self.path}: its boot menu is not as expected")
        return f"{found[1]} asl.mode={mode} console=tty0 console={serial[1]}"

    def padding(self, layer: str) -> range:
        """The bytes of a layer's file behind the end of its squashfs, which nothing but the seal knows of."""
        name = f"asl/{layer}.squashfs"
        return range(self.squashfs_tables(layer)[-1], self.files[name].size)

    def squashfs_tables(self, layer: str) -> tuple[int, int, int]:
        """The first byte of a layer's inode table, that of its directory table, and how many bytes are in use."""
        superblock = self.read(f"asl/{layer}.squashfs", 0, 96)
        if superblock[:4] != b"hsqs":
            raise ValueError(f"{self.path}: layer {layer} is no squashfs")
        used, _, _, inodes, directories = struct.unpack_from("<QQQQQ", superblock, 40)
        return inodes, directories, used


def _files(medium: bytes) -> Iterator[tuple[str, Extent]]:
    if medium[VOLUME : VOLUME + 6] != b"\x01CD001":
        raise ValueError("no ISO 9660 image: it has no primary volume descriptor")
    folders = [("", *_extent(medium, VOLUME + 156))]
    while folders:
        prefix, start, size = folders.pop()
        for at in _records(medium, start, size):
            place, length = _extent(medium, at)
            name = _rock_ridge_name(medium, at)
            if name is None:  # the folder itself, and its parent
                continue
            if medium[at + 25] & 0x80:
                raise ValueError(f"{name}: a file in several extents")
            if medium[at + 25] & 2:
                folders.append((f"{prefix}{name}/", place, length))
            else:
                yield f"{prefix}{name}", Extent(place, length)


def _extent(medium: bytes, record: int) -> tuple[int, int]:
    place, length = struct.unpack_from("<I4xI", medium, record + 2)
    return place * SECTOR, length


def _records(medium: bytes, start: int, size: int) -> Iterator[int]:
    at = start
    while at < start + size:
        if medium[at] == 0:  # a record never crosses a sector's end
            at = (at // SECTOR + 1) * SECTOR
            continue
        yield at
        at += medium[at]


def _rock_ridge_name(medium: bytes, record: int) -> str | None:
    name_size = medium[record + 32]
    if medium[record + 33 : record + 33 + name_size] in (b"\0", b"\1"):
        return None
    at = record + 33 + name_size + (name_size % 2 == 0)
    name = b""
    while at + 4 <= record + medium[record] and medium[at + 2] >= 4:
        if medium[at : at + 2] == b"NM":
            name += medium[at + 5 : at + medium[at + 2]]
        at += medium[at + 2]
    if not name:
        raise ValueError("an entry without a Rock Ridge name")
    return name.decode()
