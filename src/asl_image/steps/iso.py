"""Write the disc image. Everything xorriso must know is here and nowhere else."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from asl_image.errors import CheckFailed
from asl_image.medium import Medium, opened
from asl_image.partitions import read_partitions
from asl_image.profile import Iso as IsoSettings
from asl_image.startup import without_boot_info
from asl_image.step import WORK, Act, Site, Step
from asl_image.steps.boot_tree import medium_files

# xorriso reads ~/.xorrisorc and /etc/default/xorriso unless this comes first.
NO_STARTUP_FILES = ("-no_rc",)
ELTORITO = "boot/grub/eltorito.img"
CHUNK = 1 << 20


@dataclass(frozen=True)
class Iso(Step):
    """Leaves image.iso: bootable from CD and, the same bytes, from a USB stick, by BIOS and by UEFI."""

    iso: IsoSettings
    epoch: int

    def name(self) -> str:
        return "iso"

    def needs(self) -> tuple[str, ...]:
        return ("tools-tree", "boot-tree")

    def act(self) -> Act:
        """One call in mkisofs' manner; the volume's date is also its UUID."""
        date = datetime.fromtimestamp(self.epoch, UTC).strftime("%Y%m%d%H%M%S00")
        return Act(
            (
                "xorriso", *NO_STARTUP_FILES, "-as", "mkisofs",
                "-o", f"{WORK}/image.iso",
                "-iso-level", "3",
                "-r",  # Rock Ridge, owner 0:0
                "-V", self.iso.label,
                "-publisher", self.iso.publisher,
                "-p", "asl-image",  # else xorriso writes its own version there
                f"--modification-date={date}",
                "--set_all_file_dates", date,
                # BIOS: El Torito for a CD, the same core behind an MBR for a stick
                "-b", ELTORITO, "-c", "boot/grub/boot.cat",
                "-no-emul-boot", "-boot-load-size", "4", "-boot-info-table", "--grub2-boot-info",
                "--grub2-mbr", "/usr/lib/grub/i386-pc/boot_hybrid.img",
                "--mbr-force-bootable",  # some firmware boots no stick without an active partition
                # UEFI: one FAT image, appended as a partition and named by El Torito, not stored twice
                "-append_partition", "2", "0xef", f"{WORK}/efi.img", "-appended_part_as_gpt",
                "-eltorito-alt-boot", "-e", "--interval:appended_partition_2:all::", "-no-emul-boot",
                "-partition_offset", "16",  # so that partition tools see the ISO as a partition too
                f"{WORK}/iso",
            ),
            env={"SOURCE_DATE_EPOCH": str(self.epoch)},
        )  # fmt: skip

    def describe(self) -> tuple[str, ...]:
        return (
            f"builder: sets every date of /work/iso to {self.epoch}, and every mode to 0644 or 0755",
            self.act().line(),
            "builder: reads image.iso back, and compares every file and the EFI image with what was written",
        )

    def run(self, site: Site) -> None:
        for path in (*medium_files(site.work), site.work / "iso"):
            path.chmod(0o755 if path.is_dir() else 0o644)
            os.utime(path, (self.epoch, self.epoch))
        site.act(self.act())
        if wrong := read_back(site.work):
            raise CheckFailed("image.iso does not read back as what was written", details=tuple(wrong))


def read_back(work: Path) -> list[str]:
    """What of image.iso is not as it was handed to xorriso, as our own reader sees it. Raises CheckFailed."""
    tree = {path.relative_to(work / "iso").as_posix(): path for path in medium_files(work)}
    files = {name: path for name, path in tree.items() if path.is_file()}
    with opened(work / "image.iso") as medium:
        wrong = [f"/{name}: was not written" for name in sorted(files.keys() - medium.files.keys())]
        wrong += [f"/{name}: nobody asked for it" for name in sorted(medium.files.keys() - files.keys())]
        wrong += [f"/{name}: not this folder" for name in sorted((tree.keys() - files.keys()) ^ medium.tree.folders)]
        shared = sorted(files.keys() & medium.files.keys())
        wrong += [f"/{name}: other bytes" for name in shared if not written(medium, name, files[name])]
        images = [bytes(medium.bytes_of(each.extent)) for each in read_partitions(medium.data).entries if each.is_efi]
        wrong += ["the EFI image: other bytes"] if images != [(work / "efi.img").read_bytes()] else []
    return wrong


def written(medium: Medium, name: str, path: Path) -> bool:
    """Whether a file of the medium has the bytes of the one at `path`."""
    found = medium.bytes_of(medium.files[name])
    if name == ELTORITO:  # xorriso tells it where it lies; `verify` checks what is told
        return without_boot_info(bytes(found)) == path.read_bytes()
    return same(path, found)


def same(path: Path, data: memoryview) -> bool:
    """Whether a file has just these bytes."""
    if path.stat().st_size != len(data):
        return False
    with path.open("rb") as file:
        return all(file.read(CHUNK) == data[at : at + CHUNK] for at in range(0, len(data), CHUNK))
