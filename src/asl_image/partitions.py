"""The partition tables of a hybrid image: MBR, GPT and its backup, held against their checksums and each other."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

from asl_image.errors import CheckFailed
from asl_image.medium import Extent, cut

LBA = 512  # bytes; partition tables count in these
MOST_ENTRIES = 1024
ESP = bytes.fromhex("28732ac11ff8d211ba4b00a0c93ec93b")  # EFI system partition, as it lies on the disk


@dataclass(frozen=True)
class Partition:
    """One entry of the GPT."""

    kind: bytes
    extent: Extent

    @property
    def is_efi(self) -> bool:
        return self.kind == ESP


@dataclass(frozen=True)
class Partitions:
    """What the tables say, and where they lie."""

    entries: tuple[Partition, ...]
    active: bool  # some MBR entry is marked bootable: picky firmware wants that of a stick
    used: tuple[Extent, ...]


def read_partitions(data: memoryview) -> Partitions:
    """MBR and GPT of an image. Raises CheckFailed when a checksum is wrong or the copies differ."""
    sector = cut(data, 0, LBA, "the master boot record")
    if bytes(sector[510:]) != b"\x55\xaa":
        raise CheckFailed("the image has no master boot record")
    mbr = [sector[446 + 16 * number : 462 + 16 * number] for number in range(4)]
    if not any(entry[4] == 0xEE for entry in mbr):
        raise CheckFailed("the master boot record does not point to a GPT")
    first, used = _gpt(data, 1, "the GPT")
    backup, backup_used = _gpt(data, len(data) // LBA - 1, "the GPT's backup")
    if first != backup:
        raise CheckFailed("the GPT and its backup differ")
    return Partitions(first, any(entry[0] == 0x80 for entry in mbr), (Extent(0, LBA), *used, *backup_used))


def _gpt(data: memoryview, lba: int, what: str) -> tuple[tuple[Partition, ...], tuple[Extent, ...]]:
    place = lba * LBA
    header = bytes(cut(data, place, LBA, what))
    size, checksum = struct.unpack_from("<II", header, 12)
    if header[:8] != b"EFI PART" or not 92 <= size <= LBA:
        raise CheckFailed(f"{what} is missing")
    if zlib.crc32(header[:16] + bytes(4) + header[20:size]) != checksum:
        raise CheckFailed(f"{what} has a wrong checksum")
    own, _, _, _ = struct.unpack_from("<QQQQ", header, 24)
    table, count, entry_size, table_checksum = struct.unpack_from("<QIII", header, 72)
    if own != lba or count > MOST_ENTRIES or entry_size != 128:
        raise CheckFailed(f"{what} does not say where it is")
    body = bytes(cut(data, table * LBA, count * entry_size, f"the table of {what}"))
    if zlib.crc32(body) != table_checksum:
        raise CheckFailed(f"the table of {what} has a wrong checksum")
    entries = []
    for at in range(0, len(body), entry_size):
        first, last = struct.unpack_from("<QQ", body, at + 32)
        if any(body[at : at + 16]):
            entries.append(Partition(body[at : at + 16], Extent(first * LBA, (last - first + 1) * LBA)))
            cut(data, first * LBA, (last - first + 1) * LBA, f"a partition of {what}")
    return tuple(entries), (Extent(place, LBA), Extent(table * LBA, len(body)))
