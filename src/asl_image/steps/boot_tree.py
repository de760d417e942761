"""The medium's tree: layers, kernel, initramfs, their checksums, and GRUB for BIOS and UEFI."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from asl_image import ownership, tree_writer
from asl_image.errors import CheckFailed
from asl_image.fat import read_fat
from asl_image.overlay import Overlay, brought_by, overlay_tree
from asl_image.startup import LOADER
from asl_image.step import WORK, Act, Site, Step
from asl_image.steps.layer import read_seal

LAYERS = ("base", "tools", "overlay")  # bottom first
SEALED = ("vmlinuz", "initrd", *(f"{layer}.{kind}" for layer in LAYERS for kind in ("squashfs", "verity")))

COMMON_MODULES = (
    "all_video", "boot", "configfile", "echo", "exfat", "ext2", "fat", "font", "gcry_sha256", "gfxterm", "halt",
    "hashsum", "iso9660", "linux", "loopback", "normal", "part_gpt", "part_msdos", "reboot", "regexp", "search",
    "search_fs_file", "serial", "sleep", "terminal", "test",
)  # fmt: skip
BIOS_MODULES = (*COMMON_MODULES, "biosdisk")
EFI_MODULES = (*COMMON_MODULES, "efi_gop", "efi_uga")

# Locked before anything is read from the medium: a menu that can't be read must not leave an open prompt.
# The disk that GRUB itself came from is asked first, or a stick with a file of that name could bring its own menu.
EARLY_CONFIG = """\
set superusers=""
export superusers
regexp --set=1:medium '^([^,]+)' $root
search.file /boot/grub/{image}.id root $medium $medium,
set prefix=($root)/boot/grub
"""

EFI_IMAGE_KIB = 4096
EFI_LABEL = "ASL_EFI    "  # all eleven characters, or mtools fills the rest with what lies in memory


@dataclass(frozen=True)
class BootTree(Step):
    """Leaves /work/iso, /work/efi.img and the El Torito image; the kernel command lines carry the seals."""

    overlays: tuple[Overlay, ...]
    values: Mapping[str, object]
    epoch: int

    def name(self) -> str:
        return "boot-tree"

    def needs(self) -> tuple[str, ...]:
        return ("tools-tree", "kernel", "initramfs", *(f"layer-{layer}" for layer in LAYERS))

    def facts(self) -> dict[str, object]:
        return {
            "overlays": {overlay.name: overlay.digest for overlay in self.overlays},
            "values": {name: str(value) for name, value in sorted(self.values.items())},
            "epoch": self.epoch,
        }

    def mkimage_act(self, target: str, modules: tuple[str, ...], output: str) -> Act:
        """GRUB finds its medium by a file whose name is the image's identity, never by a label or a device name."""
        return Act(
            (
                "grub-mkimage",
                "--format", target,
                "--prefix", "/boot/grub",
                "--config", f"{WORK}/grub-early.cfg",
                "--output", f"{WORK}/{output}",
                *modules,
            )
        )  # fmt: skip

    def efi_acts(self) -> tuple[Act, ...]:
        """A FAT image with one file; label, serial number and every date are set, the copy order is ours."""
        env = {"SOURCE_DATE_EPOCH": str(self.epoch)}
        image = f"{WORK}/efi.img"
        return (
            Act(
                (
                    "mkfs.fat", "--invariant",
                    "-F", "12",
                    "-n", EFI_LABEL.strip(),
                    "-i", f"{self.epoch & 0xFFFFFFFF:08x}",
                    "-C", image, str(EFI_IMAGE_KIB),
                ),
                env=env,
            ),
            Act(("mmd", "-i", image, "::/EFI", "::/EFI/BOOT"), env=env),
            Act(("mcopy", "-m", "-i", image, f"{WORK}/bootx64.efi", "::/EFI/BOOT/BOOTX64.EFI"), env=env),
        )  # fmt: skip

    def bios_act(self) -> Act:
        """The El Torito image: GRUB's CD loader with the core behind it."""
        return Act(("cat", "/usr/lib/grub/i386-pc/cdboot.img", f"{WORK}/core.img"), stdout="iso/boot/grub/eltorito.img")

    def describe(self) -> tuple[str, ...]:
        return (
            f"builder: writes /asl with SHA256SUMS over {', '.join(SEALED)}",
            "builder: renders the overlays' iso/ part with the seals on the kernel command lines",
            *(act.line() for act in self._acts()),
            f"builder: reads the FAT image back: it holds {LOADER} and nothing else",
        )

    def _acts(self) -> tuple[Act, ...]:
        return (
            self.mkimage_act("i386-pc", BIOS_MODULES, "core.img"),
            self.bios_act(),
            self.mkimage_act("x86_64-efi", EFI_MODULES, "bootx64.efi"),
            *self.efi_acts(),
        )

    def run(self, site: Site) -> None:
        medium = site.work / "iso"
        (medium / "asl").mkdir(parents=True)
        sums = ""
        for name in SEALED:
            os.link(site.work / name, medium / "asl" / name)
            with (site.work / name).open("rb") as sealed:
                sums += f"{hashlib.file_digest(sealed, 'sha256').hexdigest()}  {name}\n"
        (medium / "asl/SHA256SUMS").write_text(sums)
        image = hashlib.sha256(sums.encode()).hexdigest()
        seals = " ".join(read_seal(site.work, layer).word() for layer in LAYERS)
        values = {**self.values, "image": image, "seals": seals, "sums": sums.splitlines()}
        tree_writer.unpack(overlay_tree(self.overlays, "iso", values), medium)
        ownership.record(site.work, "iso", brought_by(self.overlays, "iso"))
        (medium / "boot/grub" / f"{image}.id").write_bytes(b"")
        (site.work / "grub-early.cfg").write_text(EARLY_CONFIG.format(image=image))
        for act in self._acts():
            if act.argv[0] == "mcopy":
                os.utime(site.work / "bootx64.efi", (self.epoch, self.epoch))
            site.act(act)
        check_efi_image(site.work)
        (site.work / "image-id").write_text(image)


def check_efi_image(work: Path) -> None:
    """Read the FAT image with our own reader. Raises CheckFailed unless it is the one file that was copied into it."""
    found = read_fat(memoryview((work / "efi.img").read_bytes()))
    if [(file.name, file.data) for file in found] != [(LOADER, (work / "bootx64.efi").read_bytes())]:
        raise CheckFailed(
            "efi.img does not read back as what was written",
            details=tuple(f"{file.name}: {len(file.data)} bytes" for file in found),
        )


def medium_files(work: Path) -> list[Path]:
    """Every file and folder of the medium's tree, sorted."""
    return sorted((work / "iso").rglob("*"))
