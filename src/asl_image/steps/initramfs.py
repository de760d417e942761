"""The initramfs: our own /init, the kernel modules that reach the medium, and the words it permits."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from asl_image import ownership, tree_writer
from asl_image.errors import ConfigError
from asl_image.filelist import INITRAMFS, write_rows
from asl_image.kernel import ModuleFolder, module_name
from asl_image.ownership import Origin
from asl_image.step import WORK, Act, Site, Step
from asl_image.tree_writer import Entry


@dataclass(frozen=True)
class Initramfs(Step):
    """Leaves initrd, a cpio by our own writer, packed by zstd; and what it holds, initrd.files.

    `sources` are the C files of init by name; `words` the kernel command-line words that it accepts,
    exact or as `prefix*`; `load` is always inserted, `coldplug` only when a device asks, and `iso` when the image
    is a file on a file system that one of them reads.
    """

    sources: Mapping[str, bytes]
    load: tuple[str, ...]
    iso: tuple[str, ...]
    coldplug: tuple[str, ...]
    words: tuple[str, ...]
    epoch: int

    def name(self) -> str:
        return "initramfs"

    def needs(self) -> tuple[str, ...]:
        return ("tools-tree", "kernel-modules")

    def outputs(self) -> tuple[str, ...]:
        return ("initrd", "initrd.files")

    def facts(self) -> dict[str, object]:
        return {
            "sources": {name: hashlib.sha256(text).hexdigest() for name, text in sorted(self.sources.items())},
            "load": list(self.load),
            "iso": list(self.iso),
            "coldplug": list(self.coldplug),
            "words": list(self.words),
            "epoch": self.epoch,
        }

    def compile_act(self) -> Act:
        """A static program of its own: nothing that could be told to be a shell is in the initramfs."""
        names = sorted(name for name in self.sources if name.endswith(".c"))
        return Act(
            (
                "musl-gcc", "-std=c11", "-D_GNU_SOURCE", "-O2", "-static", "-s",
                "-Wall", "-Wextra", "-Werror", "-Wno-format-truncation",  # texts are cut on purpose
                "-fno-ident", "-ffile-prefix-map=/work/init-sources=.", "-Wl,--build-id=none",
                "-o", f"{WORK}/init",
                *(f"{WORK}/init-sources/{name}" for name in names),
            )
        )  # fmt: skip

    def pack_act(self) -> Act:
        """One thread: with more, zstd's frames may differ."""
        return Act(
            ("zstd", "--quiet", "--force", "-15", "--single-thread", f"{WORK}/initrd.cpio", "-o", f"{WORK}/initrd")
        )

    def describe(self) -> tuple[str, ...]:
        return (
            self.compile_act().line(),
            f"builder: writes initrd.cpio: /init, {len(self.words)} permitted words, modules always loaded: "
            f"{' '.join(self.load)}",
            self.pack_act().line(),
        )

    def run(self, site: Site) -> None:
        entries = [tree_writer.file(name, text) for name, text in self.sources.items()]
        tree_writer.unpack(tree_writer.with_parents(entries), site.work / "init-sources")
        site.act(self.compile_act())
        entries = tree_writer.with_parents(
            [
                tree_writer.file("init", (site.work / "init").read_bytes(), 0o755),
                tree_writer.file("asl/words", "".join(f"{word}\n" for word in self.words).encode()),
                *self._modules(site.work / "root"),
                *(tree_writer.directory(name) for name in ("dev", "proc", "sys", "run", "sysroot")),
            ]
        )
        origins = ownership.unchanged(site.work).origins
        whose = {
            entry.name: origins[entry.source.relative_to(site.work / "root").as_posix()]
            if entry.source is not None
            else Origin(f"generator {self.name()}")
            for entry in entries
        }
        write_rows(site.work / "initrd.files", ownership.rows_of(INITRAMFS, entries, whose))
        with (site.work / "initrd.cpio").open("wb") as out:
            tree_writer.write_cpio(entries, out, self.epoch)
        site.act(self.pack_act())
        (site.work / "initrd.cpio").unlink()
        (site.work / "initrd").chmod(0o644)

    def _modules(self, root: Path) -> list[Entry]:
        folder = ModuleFolder.read(root)
        builtin = folder.builtin()
        by_name = {module_name(path): path for path in folder.dependencies}
        named = [kernel_name(name) for name in (*self.load, *self.iso)]
        missing = [name for name in named if name not in by_name.keys() | builtin]
        on_demand, idle = folder.select(self.coldplug)
        if missing or idle:
            raise ConfigError(
                f"kernel {folder.version} has no module of these names, or the profile does not keep it",
                details=(*missing, *sorted(idle)),
                hint="mend `initramfs` or `modules` in the profile",
            )

        def paths(names: tuple[str, ...]) -> list[str]:
            return [by_name[name] for name in map(kernel_name, names) if name not in builtin]

        always = folder.load_order(paths(self.load))
        rules = coldplug_rules(folder, on_demand) + file_system_rules(folder, paths(self.iso))
        carried = folder.closure({*always, *paths(self.iso), *on_demand})
        return [
            tree_writer.file("asl/modules.load", "".join(f"{module_name(path)}.ko\n" for path in always).encode()),
            tree_writer.file("asl/modules.coldplug", rules.encode()),
            *(from_disk(f"asl/modules/{module_name(path)}.ko", folder.at / path) for path in sorted(carried)),
        ]


def from_disk(name: str, source: Path) -> Entry:
    """A file as it lies in the root tree, so that it is known where it comes from."""
    return Entry(name, "file", 0o644, size=source.stat().st_size, source=source)


def coldplug_rules(folder: ModuleFolder, on_demand: Iterable[str]) -> str:
    """A line for each pattern that a module serves: the pattern, then the files to insert, in order."""
    aliases = folder.aliases()
    rules = []
    for path in sorted(on_demand):
        files = " ".join(f"{module_name(needed)}.ko" for needed in folder.load_order([path]))
        rules += [f"{pattern}\t{files}\n" for pattern in aliases.get(module_name(path), [])]
    return "".join(rules)


def file_system_rules(folder: ModuleFolder, chosen: Sequence[str]) -> str:
    """A line `fs-<type>` for each file system among `chosen`, which begins with those that are none.

    Those are what file systems ask the kernel for by name (checksums, code pages), and nothing in the
    initramfs answers the kernel.
    """
    aliases = folder.aliases()
    types = {
        path: [alias for alias in aliases.get(module_name(path), []) if alias.startswith("fs-")] for path in chosen
    }
    helpers = [path for path in chosen if not types[path]]
    rules = []
    for path in chosen:
        files = " ".join(f"{module_name(needed)}.ko" for needed in folder.load_order([*helpers, path]))
        rules += [f"{alias}\t{files}\n" for alias in types[path]]
    return "".join(rules)


def kernel_name(name: str) -> str:
    """A module's name as the kernel has it."""
    return name.replace("-", "_")
