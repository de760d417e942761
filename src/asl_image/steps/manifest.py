"""The manifest: what the image is made of, in JSON with a versioned form, the same bytes for the same image."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from asl_image import __version__
from asl_image.errors import CheckFailed
from asl_image.lock import Lock, render_lock
from asl_image.manifest import (
    FORMAT,
    MBR_CODE,
    BootCode,
    ImageManifest,
    LayerSeal,
    LockState,
    ManifestPackage,
    SizedFile,
    manifest_text,
    parse_manifest,
)
from asl_image.profile import Profile
from asl_image.programs import RECORD, read_record
from asl_image.step import Site, Step
from asl_image.steps.boot_tree import LAYERS, medium_files
from asl_image.steps.layer import read_seal

MENU = "boot/grub/grub.cfg"
BIOS_IMAGE = "boot/grub/eltorito.img"


@dataclass(frozen=True)
class Manifest(Step):
    """Leaves manifest.json beside the image. `tools_tree` is the digest of that lock, `steps` the ids of all before."""

    lock: Lock
    renewed: bool
    profile: Profile
    tools_tree: str
    steps: Mapping[str, str]

    def name(self) -> str:
        return "manifest"

    def needs(self) -> tuple[str, ...]:
        return ("tools-tree", "boot-tree", "iso", "file-list")

    def facts(self) -> dict[str, object]:
        """Without the steps' ids: the id of what it needs stands for them."""
        whole = {**super().facts(), "rendered": hashlib.sha256(render_lock(self.lock).encode()).hexdigest()}
        del whole["steps"]
        return whole

    def describe(self) -> tuple[str, ...]:
        return (
            "builder: writes manifest.json: lock, packages, tools, seals, kernel command lines, ids of steps, "
            "the build's own programs, and SHA-256 and size of every file of the medium",
        )

    def run(self, site: Site) -> None:
        work = site.work
        manifest = ImageManifest(
            format=FORMAT,
            builder=__version__,
            profile=self.profile.name,
            suite=self.profile.suite,
            architecture=self.profile.architecture,
            engine=self.profile.engine,
            epoch=self.lock.epoch,
            lock=LockState(
                state="renewed" if self.renewed else "reviewed",
                sha256=hashlib.sha256(render_lock(self.lock).encode()).hexdigest(),
                tools_tree=self.tools_tree,
            ),
            image=(work / "image-id").read_text(),
            iso=sized(work / "image.iso"),
            files=sized(work / "files.jsonl"),
            boot=boot_code(work),
            layers=tuple(LayerSeal(**vars(read_seal(work, layer))) for layer in LAYERS),
            command_lines=command_lines((work / "iso" / MENU).read_text()),
            medium={
                path.relative_to(work / "iso").as_posix(): sized(path) for path in medium_files(work) if path.is_file()
            },
            packages=tuple(
                ManifestPackage(name=each.name, version=each.version, arch=each.arch, sha256=each.sha256)
                for each in self.lock.packages
            ),
            tools=self.lock.tools,
            programs=read_record(work / RECORD),
            steps=dict(self.steps),
        )
        text = manifest_text(manifest)
        parse_manifest(text, "manifest.json")  # what a reader will refuse is not written
        (work / "manifest.json").write_text(text)


def boot_code(work: Path) -> BootCode:
    """The programs that firmware starts, as they were made; the first lies in the disc image only."""
    with (work / "image.iso").open("rb") as iso:
        mbr = iso.read(MBR_CODE)
    return BootCode(
        mbr=hashlib.sha256(mbr).hexdigest(),
        eltorito=sized(work / "iso" / BIOS_IMAGE),
        efi_image=sized(work / "efi.img"),
        efi_loader=sized(work / "bootx64.efi"),
    )


def sized(path: Path) -> SizedFile:
    """A file by its bytes."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return SizedFile(sha256=digest, size=path.stat().st_size)


def command_lines(menu: str) -> dict[str, str]:
    """Entry of the boot menu → what it says to the kernel.

    The menu's function `start` holds what all entries say, `$1` and so on stand for an entry's own words.
    Raises CheckFailed when an entry starts no kernel.
    """
    shared = re.search(r"^\s*linux /asl/vmlinuz (.*?)(?: \$[1-9])*$", menu, re.MULTILINE)
    entries = re.findall(r'^menuentry "([^"]+)"[^\n]*\{\n(.*?)^\}', menu, re.MULTILINE | re.DOTALL)
    found = {}
    for title, body in entries:
        own = re.search(r"^\s*start (.*)$", body, re.MULTILINE)
        if own and shared:
            found[title] = f"{shared[1]} {own[1]}"
    lacking = [title for title, _ in entries if title not in found]
    if lacking or not found:
        raise CheckFailed(f"{MENU}: what an entry says to the kernel can't be told", details=tuple(lacking))
    return found
