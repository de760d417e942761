"""The list of every file of the image, with its hash and where it comes from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from asl_image.filelist import FileRow, file_list_text, in_order, read_rows
from asl_image.ownership import Origin, medium_row, origins_of
from asl_image.step import Site, Step
from asl_image.steps.boot_tree import LAYERS, medium_files


@dataclass(frozen=True)
class FileList(Step):
    """Leaves files.jsonl: what the steps said of layers, initramfs and kernel, and the rest of the medium."""

    profile: str

    def name(self) -> str:
        return "file-list"

    def needs(self) -> tuple[str, ...]:
        return ("boot-tree",)

    def describe(self) -> tuple[str, ...]:
        return ("builder: writes files.jsonl: every file of the image with its hash, and where it comes from",)

    def run(self, site: Site) -> None:
        work = site.work
        rows = [row for part in (*LAYERS, "initrd") for row in read_rows(work / f"{part}.files")]
        (work / "files.jsonl").write_text(file_list_text(self.profile, in_order([*rows, *self._medium(work)])))

    def _medium(self, work: Path) -> list[FileRow]:
        """Files of the medium: what the build made, overlays brought, and the kernel, which is a package's."""
        kernel = read_rows(work / "vmlinuz.files")
        made = {"asl/initrd": Origin("generator initramfs")}
        for layer in LAYERS:
            made |= {f"asl/{layer}.{kind}": Origin(f"generator layer-{layer}") for kind in ("squashfs", "verity")}
        made |= origins_of(work, "iso")
        names = [path.relative_to(work / "iso").as_posix() for path in medium_files(work) if path.is_file()]
        others = [name for name in names if f"/{name}" not in {row.path for row in kernel}]
        found = [
            medium_row(name, work / "iso" / name, made.get(name, Origin("generator boot-tree"))) for name in others
        ]
        return [*kernel, *found]
