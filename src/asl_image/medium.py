"""An ISO as data: its files, boot catalogue and every byte that is accounted for, read without mounting it.

It reads what our own builder writes (ISO 9660 with Rock Ridge names, El Torito) and nothing more: whatever is
truncated, circular or otherwise unexpected raises CheckFailed. It runs no program and needs no rights.
"""

from __future__ import annotations

import mmap
import stat
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from asl_image.errors import CheckFailed, IoFailed

SECTOR = 2048
VOLUME = 16  # the sector where volume descriptors begin
MOST_ENTRIES = 10_000  # ours have some twenty
DEEPEST = 8
PARTITION_OFFSET = 16  # sectors; a second set of directories is counted from there, for use as a partition
PATH_TABLES = {140: "<", 144: "<", 148: ">", 152: ">"}  # where the descriptor names them, and their byte order
PLATFORMS = {0x00: "bios", 0xEF: "uefi"}


@dataclass(frozen=True)
class Extent:
    """Where something lies on the medium, in bytes."""

    at: int
    size: int

    @property
    def end(self) -> int:
        return self.at + self.size


@dataclass(frozen=True)
class BootEntry:
    """One image that firmware may start: for whom, from which byte on, and how many bytes it loads at first."""

    platform: str
    at: int
    loads: int


@dataclass(frozen=True)
class Tree:
    """One set of volume descriptor, path tables and directories."""

    label: str
    size: int  # bytes, as the descriptor has it
    files: dict[str, Extent]
    folders: frozenset[str]
    used: tuple[Extent, ...]


@dataclass(frozen=True)
class Medium:
    """An open image; `data` is the whole of it."""

    path: Path
    data: memoryview
    tree: Tree
    partition_tree: Tree | None
    catalogue: Extent
    boot: tuple[BootEntry, ...]

    @property
    def files(self) -> dict[str, Extent]:
        """Every file by its path, without a leading slash, the boot catalogue apart."""
        return {name: extent for name, extent in self.tree.files.items() if extent.at != self.catalogue.at}

    def bytes_of(self, extent: Extent) -> memoryview:
        """What lies there. Raises CheckFailed when the image ends before."""
        return cut(self.data, extent.at, extent.size, "what is asked for")

    def read(self, name: str, most: int = 1 << 24) -> bytes:
        """A file's bytes. Raises CheckFailed when there is no such file, or it is larger than `most`."""
        extent = self.files.get(name)
        if extent is None:
            raise CheckFailed(f"the medium has no /{name}")
        if extent.size > most:
            raise CheckFailed(f"/{name} has {extent.size} bytes, which is too many")
        return bytes(self.bytes_of(extent))

    def used(self) -> list[Extent]:
        """Every place that descriptors, directories, the boot catalogue or files take."""
        trees = [self.tree] + ([self.partition_tree] if self.partition_tree else [])
        parts = [part for tree in trees for part in tree.used]
        return [*parts, Extent(17 * SECTOR, SECTOR), self.catalogue, *self.tree.files.values()]


@contextmanager
def opened(path: Path) -> Iterator[Medium]:
    """The image at `path`, read and checked for being one. Raises CheckFailed, or IoFailed."""
    with mapped(path) as data:
        try:
            medium = read_medium(path, data)
        except CheckFailed as error:
            raise CheckFailed(f"{path}: {error}", details=error.details) from None
        yield medium


@contextmanager
def mapped(path: Path) -> Iterator[memoryview]:
    """A file's bytes. Raises IoFailed, or CheckFailed when it is empty."""
    try:
        with path.open("rb") as file:
            if path.stat().st_size == 0:
                raise CheckFailed(f"{path}: the file is empty")
            mapping = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except OSError as error:
        raise IoFailed(f"{path}: {error.strerror}") from None
    data = memoryview(mapping)
    try:
        yield data
    finally:
        data.release()
        with suppress(BufferError):  # an error on its way up still holds a piece; it is closed with the error then
            mapping.close()


def read_medium(path: Path, data: memoryview) -> Medium:
    """What the image says of itself. Raises CheckFailed."""
    tree = read_tree(data, 0)
    inner = None
    if bytes(data[(VOLUME + PARTITION_OFFSET) * SECTOR :][:6]) == b"\x01CD001":
        inner = read_tree(data, PARTITION_OFFSET)
        if inner.files != tree.files or inner.folders != tree.folders:
            raise CheckFailed("the medium's two directory trees do not name the same files")
    catalogue, boot = read_boot(data)
    return Medium(path, data, tree, inner, catalogue, boot)


def cut(data: memoryview, at: int, size: int, what: str) -> memoryview:
    """`size` bytes from `at` on, all of them. Raises CheckFailed when the image ends before."""
    if at < 0 or size < 0 or at + size > len(data):
        raise CheckFailed(f"the image is cut short: {what} would end at byte {at + size} of {len(data)}")
    return data[at : at + size]


# ---- directories


def read_tree(data: memoryview, base: int) -> Tree:
    """Volume descriptor and directories that count their sectors from `base` on."""
    start = (VOLUME + base) * SECTOR
    volume = cut(data, start, SECTOR, "the volume descriptor")
    if bytes(volume[:7]) != b"\x01CD001\x01":
        raise CheckFailed("this is no ISO 9660 image: it has no volume descriptor")
    used = [Extent(at, SECTOR) for at in descriptors(data, start)]
    table_size = both(volume, 132, "L", "the path table's size")
    for at, order in PATH_TABLES.items():
        (table,) = struct.unpack_from(f"{order}I", volume, at)
        if table:
            cut(data, (base + table) * SECTOR, table_size, "a path table")
            used.append(Extent((base + table) * SECTOR, table_size))
    reader = _Reader(data, base)
    reader.folder("", *reader.extent(volume[156:190], "the root folder"), depth=0)
    for at, order in PATH_TABLES.items():
        (table,) = struct.unpack_from(f"{order}I", volume, at)
        if table:
            places = path_table(data[(base + table) * SECTOR :][:table_size], order)
            if sorted((base + place) * SECTOR for place in places) != sorted(reader.places):
                raise CheckFailed("a path table does not name the medium's folders")
    label = bytes(volume[40:72]).decode("ascii", "replace").rstrip()
    size = both(volume, 80, "L", "the volume's size") * SECTOR
    return Tree(label, size, reader.files, frozenset(reader.folders), (*used, *reader.used))


def path_table(table: memoryview, order: str) -> list[int]:
    """The sectors of the folders that a path table names. Raises CheckFailed."""
    at, found = 0, []
    while at + 8 <= len(table) and table[at]:
        found.append(int(struct.unpack_from(f"{order}I", table, at + 2)[0]))
        at += 8 + table[at] + table[at] % 2
    if at != len(table):
        raise CheckFailed("a path table has an entry that can't be")
    return found


def descriptors(data: memoryview, start: int) -> Iterator[int]:
    """Where volume descriptors lie, up to the one that ends the list."""
    for at in range(start, start + 8 * SECTOR, SECTOR):
        head = cut(data, at, SECTOR, "a volume descriptor")
        if bytes(head[1:6]) != b"CD001":
            break
        yield at
        if head[0] == 255:
            return
    raise CheckFailed("the list of volume descriptors has no end")


def both(data: memoryview, at: int, size: str, what: str) -> int:
    """A number that is written in both byte orders. Raises CheckFailed when they differ."""
    little, big = struct.unpack_from(f"<{size}", data, at)[0], struct.unpack_from(f">{size}", data, at + 4)[0]
    if little != big:
        raise CheckFailed(f"{what} is {little} in one byte order and {big} in the other")
    return int(little)


class _Reader:
    """Goes through folders once each, and never into one that it has seen."""

    def __init__(self, data: memoryview, base: int) -> None:
        self.data = data
        self.base = base
        self.files: dict[str, Extent] = {}
        self.folders: set[str] = set()
        self.used: list[Extent] = []
        self.places: list[int] = []
        self._entries = 0

    def extent(self, record: memoryview, what: str) -> tuple[int, int]:
        """Where what the record names lies, and its size, both in bytes."""
        if len(record) < 34:
            raise CheckFailed(f"the directory record of {what} is cut short")
        at = (self.base + both(record, 2, "L", f"the place of {what}")) * SECTOR
        size = both(record, 10, "L", f"the size of {what}")
        if size:
            cut(self.data, at, size, what)
        return at, size

    def folder(self, path: str, at: int, size: int, depth: int) -> None:
        """Everything in this folder and below it."""
        name = f"/{path}"
        if depth > DEEPEST or any(part.at == at for part in self.used):
            raise CheckFailed(f"the folder {name} leads back into itself, or too deep")
        self.used.append(Extent(at, size))
        self.places.append(at)
        for number, record in enumerate(self._records(at, size, name)):
            identifier = record[33 : 33 + record[32]]
            if number < 2:
                if identifier != bytes([number]):
                    raise CheckFailed(f"the folder {name} does not begin with itself and its parent")
                list(self._fields(record, name))
                continue
            self._entry(path, record, depth)

    def _entry(self, path: str, record: memoryview, depth: int) -> None:
        found, mode = b"", None
        for kind, body in self._fields(record, f"/{path}"):
            if kind == b"NM":
                found += body[1:]
            elif kind == b"PX":
                mode = struct.unpack_from("<I", body.ljust(4, b"\0"))[0]
            elif kind in (b"SL", b"CL", b"PL", b"RE", b"SF", b"ZF"):
                raise CheckFailed(f"/{path}: an entry is neither a file nor a folder")
        try:
            name = found.decode("ascii")
        except UnicodeDecodeError:
            raise CheckFailed(f"/{path}: a name has bytes that are not ASCII") from None
        if name in ("", ".", "..") or "/" in name or not name.isprintable():
            raise CheckFailed(f"/{path}: an entry has no proper name: {name!r}")
        whole = f"{path}/{name}" if path else name
        if whole in self.files or whole in self.folders:
            raise CheckFailed(f"/{whole} is there twice")
        is_folder = bool(record[25] & 2)
        wanted = stat.S_IFDIR if is_folder else stat.S_IFREG
        if mode is None or stat.S_IFMT(mode) != wanted:
            raise CheckFailed(f"/{whole}: an entry is neither a plain file nor a folder")
        at, size = self.extent(record, f"/{whole}")
        if is_folder:
            self.folders.add(whole)
            self.folder(whole, at, size, depth + 1)
        else:
            self.files[whole] = Extent(at, size)

    def _records(self, at: int, size: int, name: str) -> Iterator[memoryview]:
        here, end = at, at + size
        while here < end:
            length = self.data[here]
            room = SECTOR - here % SECTOR  # a record never crosses a sector's end
            if length == 0:
                here += room
                continue
            self._entries += 1
            if length < 34 or length > min(room, end - here) or self._entries > MOST_ENTRIES:
                raise CheckFailed(f"the folder {name} has a record that can't be")
            record = self.data[here : here + length]
            if 33 + record[32] > length or record[1] or record[25] & ~3 or record[26] or record[27]:
                raise CheckFailed(f"the folder {name} has a record that can't be")
            yield record
            here += length

    def _fields(self, record: memoryview, name: str) -> Iterator[tuple[bytes, bytes]]:
        """Rock Ridge's fields of a record, through its continuations."""
        area = record[33 + record[32] + (record[32] % 2 == 0) :]
        for _ in range(8):
            onward = None
            while len(area) >= 4 and area[0]:
                size = area[2]
                if size < 4 or size > len(area):
                    raise CheckFailed(f"the folder {name} has a field that can't be")
                kind, body = bytes(area[:2]), bytes(area[4:size])
                area = area[size:]
                if kind == b"CE" and len(body) == 24:
                    onward = struct.unpack("<I4xI4xI4x", body)
                elif kind == b"ST":
                    break
                else:
                    yield kind, body
            if onward is None:
                return
            start = (self.base + onward[0]) * SECTOR + onward[1]
            area = cut(self.data, start, onward[2], "a directory's continuation")
            self.used.append(Extent(start, onward[2]))
        raise CheckFailed(f"the folder {name} has a field without end")


# ---- what firmware starts


def read_boot(data: memoryview) -> tuple[Extent, tuple[BootEntry, ...]]:
    """El Torito's catalogue and its entries. Raises CheckFailed."""
    record = cut(data, (VOLUME + 1) * SECTOR, SECTOR, "the boot record")
    if bytes(record[:7]) != b"\x00CD001\x01" or bytes(record[7:30]) != b"EL TORITO SPECIFICATION":
        raise CheckFailed("the medium has no boot record: no firmware starts it")
    catalogue = Extent(struct.unpack_from("<I", record, 71)[0] * SECTOR, SECTOR)
    text = cut(data, catalogue.at, SECTOR, "the boot catalogue")
    if text[0] != 1 or bytes(text[30:32]) != b"\x55\xaa" or sum(struct.unpack_from("<16H", text)) & 0xFFFF:
        raise CheckFailed("the boot catalogue's checksum is wrong")
    entries = [boot_entry(text, 32, text[1])]
    at = 64
    while text[at] in (0x90, 0x91):
        last, platform, count = text[at] == 0x91, text[at + 1], struct.unpack_from("<H", text, at + 2)[0]
        if at + 32 * (count + 1) > SECTOR - 32:
            raise CheckFailed("the boot catalogue has more entries than room")
        entries += [boot_entry(text, at + 32 * number, platform) for number in range(1, count + 1)]
        at += 32 * (count + 1)
        if last:
            break
    if any(text[at:]):
        raise CheckFailed("the boot catalogue has something behind its last entry")
    return catalogue, tuple(entries)


def boot_entry(catalogue: memoryview, at: int, platform: int) -> BootEntry:
    """One bootable entry without emulation. Raises CheckFailed."""
    bootable, medium, _, _, _, sectors, place = struct.unpack_from("<BBHBBHI", catalogue, at)
    if bootable != 0x88 or medium != 0 or platform not in PLATFORMS:
        raise CheckFailed("the boot catalogue has an entry of a kind that we never write")
    return BootEntry(PLATFORMS[platform], place * SECTOR, sectors * 512)
