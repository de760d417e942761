"""Make what the benchmark compares with: a plain mmdebstrap + live-boot + mksquashfs + xorriso image.

    bench/baseline.py FOLDER --store STORE --tools-tree TREE

It holds the packages of bench/baseline.yaml and the pinned programs of profile `authority`, uses the same tools tree,
the same codec and the same boot loader as ours, and keeps kernel and initramfs out of the squashfs. Leaves
FOLDER/baseline.iso and FOLDER/times.json (seconds by step). Runs in namespaces without a network, like a build.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "authority" / "src")]

from asl_image.lock import Lock, read_lock  # noqa: E402
from asl_image.netguard import NetworkGuard  # noqa: E402
from asl_image.profile import Iso as IsoSettings  # noqa: E402
from asl_image.profile import load_tool  # noqa: E402
from asl_image.programs import names, record  # noqa: E402
from asl_image.runner import Runner  # noqa: E402
from asl_image.site import LocalSite  # noqa: E402
from asl_image.step import REPO, WORK, Act  # noqa: E402
from asl_image.steps.boot_tree import BIOS_MODULES, EFI_MODULES, BootTree  # noqa: E402
from asl_image.steps.iso import Iso  # noqa: E402
from asl_image.steps.layer import COMPRESSION  # noqa: E402
from asl_image.store import Store  # noqa: E402

PROGRAMS = ("sops",)
AUTOLOGIN = "[Service]\nExecStart=\nExecStart=-/sbin/agetty --autologin operator --noclear --keep-baud 115200 - $TERM\n"
EARLY = "search.file /live/filesystem.squashfs root\nset prefix=($root)/boot/grub\n"
MENU = """\
serial --unit=0 --speed=115200
terminal_input console serial
terminal_output console serial
set timeout=5
menuentry "Baseline (a)" --hotkey=a {
  linux /live/vmlinuz boot=live quiet console=tty0
  initrd /live/initrd.img
}
menuentry "Baseline on the serial console too (s)" --hotkey=s {
  linux /live/vmlinuz boot=live quiet console=tty0 console=ttyS0,115200n8
  initrd /live/initrd.img
}
"""


def root(site: LocalSite, lock: Lock) -> None:
    """The root tree, with the initramfs that initramfs-tools makes of itself, a user and a console."""
    site.repository(lock)
    names = ",".join(package.name for package in lock.packages)
    site.act(
        Act(
            (
                *("mmdebstrap", "--mode=root", "--format=directory", "--variant=custom", f"--include={names}"),
                '--aptopt=APT::Install-Recommends "false"',
                # Debian has a group of that name, for tape drives.
                "--customize-hook=chroot \"$1\" useradd --create-home --gid operator --shell /bin/bash operator",
                *(lock.request.suite, f"{WORK}/root", f"deb [trusted=yes] copy:{REPO} {lock.request.suite} main"),
            )
        )
    )  # fmt: skip
    tree = site.work / "root"
    for getty in ("getty@tty1", "serial-getty@ttyS0"):
        drop_in = tree / f"etc/systemd/system/{getty}.service.d"
        drop_in.mkdir(parents=True)
        (drop_in / "autologin.conf").write_text(AUTOLOGIN)
    (tree / "etc/hostname").write_text("baseline\n")
    for program in PROGRAMS:
        for file in load_tool(program, ROOT / "profiles" / "tools").files:
            target = tree / "usr/local/bin" / file.install
            shutil.copyfile(site.stored(file.sha256, program), target)
            target.chmod(0o755)


def squashfs(site: LocalSite, compression: str) -> None:
    """The one layer; kernel and initramfs lie beside it."""
    live = site.work / "iso/live"
    live.mkdir(parents=True)
    for pattern, name in (("vmlinuz-*", "vmlinuz"), ("initrd.img-*", "initrd.img")):
        (found,) = (site.work / "root/boot").glob(pattern)
        shutil.copyfile(found, live / name)
    options = (*COMPRESSION[compression], "-b", "128K", "-noappend", "-no-progress", "-quiet", "-mem", "512M")
    target = f"{WORK}/iso/live/filesystem.squashfs"
    site.act(Act(("mksquashfs", f"{WORK}/root", target, *options, "-e", "boot")))


def medium(site: LocalSite, epoch: int) -> None:
    """GRUB for BIOS and UEFI, and the disc image, by the very commands of our own steps."""
    grub = site.work / "iso/boot/grub"
    grub.mkdir(parents=True)
    (grub / "grub.cfg").write_text(MENU)
    (site.work / "grub-early.cfg").write_text(EARLY)
    boot = BootTree((), {}, epoch)
    for act in (
        boot.mkimage_act("i386-pc", BIOS_MODULES, "core.img"),
        boot.bios_act(),
        boot.mkimage_act("x86_64-efi", EFI_MODULES, "bootx64.efi"),
        *boot.efi_acts(),
        Iso(IsoSettings(label="BASELINE", publisher=""), epoch).act(),
    ):
        site.act(act)


def main() -> int:
    """Make the image; what went wrong comes as a traceback, for this is a tool of ours."""
    parser = argparse.ArgumentParser(description="Make the benchmark's baseline image.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--lock", type=Path, default=ROOT / "bench/baseline.lock.yaml")
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--tools-tree", type=Path, required=True)
    parser.add_argument("--compression", choices=tuple(COMPRESSION), default="release")
    given = parser.parse_args()
    folder = given.folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    os.umask(0o022)
    lock = read_lock(given.lock)
    runner, store = Runner(folder / "build.log"), Store(given.store.absolute())
    site = LocalSite(folder / "work", runner, store, NetworkGuard())
    times: dict[str, float] = {}

    def timed(name: str, step: Callable[[], None]) -> None:
        before = time.monotonic()
        step()
        times[name] = round(time.monotonic() - before, 2)

    programs = record(given.tools_tree, (*names(), "mksquashfs"))
    with site.opened(), site.tools_mounted(given.tools_tree.absolute(), programs):
        timed("root", lambda: root(site, lock))
        timed("squashfs", lambda: squashfs(site, given.compression))
        timed("medium", lambda: medium(site, lock.epoch))
        (site.work / "image.iso").replace(folder / "baseline.iso")
    (folder / "times.json").write_text(json.dumps(times, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
