"""The kernel, taken out of the root tree: it lies on the medium, beside the layers."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace

from asl_image import ownership
from asl_image.errors import CheckFailed
from asl_image.filelist import write_rows
from asl_image.step import Site, Step


@dataclass(frozen=True)
class Kernel(Step):
    """Leaves vmlinuz, and whose it is (vmlinuz.files).

    A step of its own, so that a new overlay needs no root tree to be laid out again.
    """

    after: str

    def name(self) -> str:
        return "kernel"

    def needs(self) -> tuple[str, ...]:
        return (self.after,)

    def outputs(self) -> tuple[str, ...]:
        return ("vmlinuz", "vmlinuz.files")

    def describe(self) -> tuple[str, ...]:
        return ("builder: copies the one kernel of /boot to vmlinuz",)

    def run(self, site: Site) -> None:
        kernels = sorted((site.work / "root/boot").glob("vmlinuz-*"))
        if len(kernels) != 1:
            raise CheckFailed(f"one kernel is expected in /boot, {len(kernels)} are there")
        shutil.copyfile(kernels[0], site.work / "vmlinuz")
        (site.work / "vmlinuz").chmod(0o644)
        origin = ownership.unchanged(site.work).origins[f"boot/{kernels[0].name}"]
        known_as = f"/boot/{kernels[0].name}"
        row = ownership.medium_row("asl/vmlinuz", site.work / "vmlinuz", replace(origin, known_as=known_as))
        write_rows(site.work / "vmlinuz.files", [row])
