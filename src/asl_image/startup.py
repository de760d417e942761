"""What firmware starts from the medium: GRUB's image for BIOS with its boot information, and the EFI image."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Mapping

from asl_image.fat import read_fat
from asl_image.manifest import MBR_CODE, BootCode
from asl_image.medium import SECTOR, VOLUME, BootEntry, Medium
from asl_image.partitions import Partitions

BOOT_INFO = slice(8, 64)  # where mkisofs' boot information table is written, zero before
GRUB_INFO = slice(2548, 2556)  # where GRUB is told its own place, in sectors of 512 bytes
GRUB_UNTOLD = struct.pack("<Q", 2)  # what stands there before
LOADER = "/EFI/BOOT/BOOTX64.EFI"
CODE = {
    "mbr": "the boot code in the master boot record",
    "eltorito": "GRUB for BIOS",
    "efi_image": "the EFI image",
    "efi_loader": f"{LOADER} in it",
}
PE_AMD64 = 0x8664


def without_boot_info(image: bytes) -> bytes:
    """The BIOS image as GRUB's tools made it, before the medium was written."""
    if len(image) < GRUB_INFO.stop:
        return image
    plain = bytearray(image)
    plain[BOOT_INFO] = bytes(BOOT_INFO.stop - BOOT_INFO.start)
    plain[GRUB_INFO] = GRUB_UNTOLD
    return bytes(plain)


def check_bios(medium: Medium, entry: BootEntry, name: str) -> list[str]:
    """What is wrong with the image that BIOS starts: it must be the file `name`, told its own place and checksum."""
    extent = medium.files.get(name)
    if extent is None or extent.at != entry.at or entry.loads != SECTOR:
        return [f"the boot catalogue's entry for BIOS is not /{name}"]
    image = bytes(medium.bytes_of(extent))
    if len(image) < GRUB_INFO.stop:
        return [f"/{name} is too short"]
    words = struct.unpack(f"<{(len(image) - 64) // 4}I", image[64 : 64 + (len(image) - 64) // 4 * 4])
    rest = image[64 + len(words) * 4 :]
    total = (sum(words) + int.from_bytes(rest, "little")) & 0xFFFFFFFF
    table = struct.pack("<IIII40x", VOLUME, extent.at // SECTOR, extent.size, total)
    place = struct.pack("<Q", extent.at // 512 + 5)  # GRUB's core begins behind the CD loader and one more sector
    return [
        f"/{name}: {what}"
        for what, right in (
            ("its boot information is wrong", image[BOOT_INFO] == table),
            ("GRUB is told a wrong place", image[GRUB_INFO] == place),
        )
        if not right
    ]


def boot_code(medium: Medium, partitions: Partitions, bios_image: str) -> dict[str, str]:
    """SHA-256 (hex) of each program that firmware starts, by the manifest's name for it; GRUB without its place."""
    code = {"mbr": medium.data[:MBR_CODE]}
    if bios_image in medium.files:
        code["eltorito"] = memoryview(without_boot_info(medium.read(bios_image)))
    for image in (medium.bytes_of(each.extent) for each in partitions.entries if each.is_efi):
        code["efi_image"] = image
        for file in read_fat(image):
            if file.name == LOADER:
                code["efi_loader"] = memoryview(file.data)
    return {name: hashlib.sha256(data).hexdigest() for name, data in code.items()}


def check_code(found: Mapping[str, str], expected: BootCode) -> list[str]:
    """Which programs of firmware are not the manifest's; `found` is what `boot_code` found."""
    wanted = {
        "mbr": expected.mbr,
        "eltorito": expected.eltorito.sha256,
        "efi_image": expected.efi_image.sha256,
        "efi_loader": expected.efi_loader.sha256,
    }
    return [f"{CODE[name]} is not the manifest's" for name in wanted if found.get(name) != wanted[name]]


def check_uefi(medium: Medium, entry: BootEntry, partitions: Partitions, image: str) -> list[str]:
    """What is wrong with the EFI image: one partition, named by El Torito too, with one loader, made for this image."""
    found = [partition.extent for partition in partitions.entries if partition.is_efi]
    if len(found) != 1:
        return [f"there are {len(found)} EFI partitions instead of one"]
    if (found[0].at, found[0].size) != (entry.at, entry.loads):
        return ["the boot catalogue's entry for UEFI is not the EFI partition"]
    files = read_fat(medium.bytes_of(found[0]))
    if [file.name for file in files] != [LOADER]:
        return [f"the EFI image does not hold {LOADER} and nothing else: {', '.join(file.name for file in files)}"]
    loader = files[0].data
    at = struct.unpack_from("<I", loader, 60)[0] if len(loader) > 64 else 0
    if loader[:2] != b"MZ" or loader[at : at + 6] != b"PE\0\0" + struct.pack("<H", PE_AMD64):
        return [f"{LOADER} is no EFI program"]
    if f"/boot/grub/{image}.id".encode() not in loader:
        return [f"{LOADER} looks for another image than this one"]
    return []
