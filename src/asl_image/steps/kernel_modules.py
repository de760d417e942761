"""Which kernel modules stay: those the profile keeps and what they need, less whatever can make a net device."""

from __future__ import annotations

from dataclasses import dataclass

from asl_image import ownership
from asl_image.errors import ConfigError
from asl_image.kernel import ModuleFolder, read_module
from asl_image.step import WORK, Act, Site, Step


@dataclass(frozen=True)
class KernelModules(Step):
    """Prunes the root tree's module folder, unpacks what stays, and has depmod index it anew.

    Modules lie unpacked in the image: the layer is compressed as a whole, and the kernel's own
    unpacking of each file costs boot time.
    """

    keep: tuple[str, ...]
    after: str

    def name(self) -> str:
        return "kernel-modules"

    def needs(self) -> tuple[str, ...]:
        return (self.after,)

    def act(self, version: str = "VERSION") -> Act:
        """The index is made by the tools tree's depmod."""
        return Act(("depmod", "-b", f"{WORK}/root", version))

    def describe(self) -> tuple[str, ...]:
        return (
            f"builder: keeps {len(self.keep)} modules and folders, drops the rest and what can make a net device",
            self.act().line(),
        )

    def run(self, site: Site) -> None:
        with ownership.changing(site.work, f"generator {self.name()}") as made_from:
            made_from.update(self._prune(site))

    def _prune(self, site: Site) -> dict[str, str]:
        """Returns each unpacked module with the packed one that it was made from."""
        folder = ModuleFolder.read(site.work / "root")
        chosen, idle = folder.select(self.keep)
        if idle:
            raise ConfigError(
                f"kernel {folder.version} has no module or folder of these names",
                details=tuple(sorted(idle)),
                hint="mend `modules` in the profile; names are relative to /lib/modules/<version>/kernel/",
            )
        candidates = folder.closure(chosen)
        refused = {path for path in candidates if folder.makes_net_device(path)}
        kept = {path for path in candidates - refused if not refused & set(folder.dependencies[path])}
        for path in sorted(candidates - kept):
            site.note(f"left out, can make a net device or needs one that can: {path}")
        below = f"usr/lib/modules/{folder.version}"
        made_from = {}
        for path in folder.dependencies:
            at = folder.at / path
            if path in kept and at.suffix == ".xz":
                at.with_suffix("").write_bytes(read_module(at))
                made_from[f"{below}/{path.removesuffix('.xz')}"] = f"{below}/{path}"
            if path not in kept or at.suffix == ".xz":
                at.unlink()
        self._drop_empty_folders(site, folder.version)
        site.act(self.act(folder.version))
        return made_from

    def _drop_empty_folders(self, site: Site, version: str) -> None:
        at = site.work / "root/usr/lib/modules" / version
        for folder in sorted((path for path in at.rglob("*") if path.is_dir()), reverse=True):
            if not any(folder.iterdir()):
                folder.rmdir()
