"""Write the disc image. Everything xorriso must know is here and nowhere else."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime

from asl_image.profile import Iso as IsoSettings
from asl_image.step import WORK, Act, Site, Step
from asl_image.steps.boot_tree import medium_files

# xorriso reads ~/.xorrisorc and /etc/default/xorriso unless this comes first.
NO_STARTUP_FILES = ("-no_rc",)


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
                "-b", "boot/grub/eltorito.img", "-c", "boot/grub/boot.cat",
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
        return (f"builder: sets every date of /work/iso to {self.epoch}", self.act().line())

    def run(self, site: Site) -> None:
        for path in (*medium_files(site.work), site.work / "iso"):
            os.utime(path, (self.epoch, self.epoch))
        site.act(self.act())
