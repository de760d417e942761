"""A stick of somebody else's: one FAT partition with their GRUB for UEFI, and our image on it as a file."""

from __future__ import annotations

import struct
from pathlib import Path

from asl_image.steps.boot_tree import EFI_MODULES
from support.toolstree import ToolsTree

SECTOR = 512
PARTITION_AT = 2048 * SECTOR

EARLY = "search.file /boot/grub/grub.cfg root\nset prefix=($root)/boot/grub\n"
MENU = """\
loopback loop {iso}
set root=(loop)
set iso_path={iso}
export iso_path
configfile /boot/grub/loopback.cfg
"""


def make_stick(iso: Path, tools: ToolsTree, to: Path, path: str) -> Path:
    """Write the stick to `to`; the image lies at `path` on it. Its GRUB reads the image's own loopback.cfg."""
    work = to.parent
    size = iso.stat().st_size // (1 << 20) + 48 << 20
    with to.open("wb") as stick:
        stick.write(_partition_table(size))
        stick.truncate(PARTITION_AT + size)
    (work / "early.cfg").write_text(EARLY)
    (work / "grub.cfg").write_text(MENU.format(iso=path))
    tools.run(
        "grub-mkimage", "--directory", str(tools.at / "usr/lib/grub/x86_64-efi"),
        "--format", "x86_64-efi", "--prefix", "/boot/grub", "--config", str(work / "early.cfg"),
        "--output", str(work / "bootx64.efi"), *EFI_MODULES,
    )  # fmt: skip
    first = str(PARTITION_AT // SECTOR)
    tools.run("mkfs.fat", "-F", "32", "--offset", first, str(to), str(size // 1024))
    image = f"{to}@@{PARTITION_AT}"
    tools.run("mmd", "-i", image, "::/EFI", "::/EFI/BOOT", "::/boot", "::/boot/grub", *_folders(path))
    for file, place in (
        (work / "bootx64.efi", "/EFI/BOOT/BOOTX64.EFI"),
        (work / "grub.cfg", "/boot/grub/grub.cfg"),
        (iso, path),
    ):
        tools.run("mcopy", "-i", image, str(file), f"::{place}")
    return to


def _folders(path: str) -> list[str]:
    parents = list(Path(path).parents)[-2::-1]
    return [f"::{parent}" for parent in parents]


def _partition_table(size: int) -> bytes:
    entry = struct.pack(
        "<B3sB3sII", 0x80, b"\xfe\xff\xff", 0xEF, b"\xfe\xff\xff", PARTITION_AT // SECTOR, size // SECTOR
    )
    return bytes(446) + entry + bytes(48) + b"\x55\xaa"
