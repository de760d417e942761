"""The tools layer's tree: pinned binaries and the project's own programs, each under its version."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from asl_authority import contract
from asl_image import ownership, tree_writer
from asl_image.pack import compile_command, load_compiled, pack_program
from asl_image.step import Act, Site, Step
from asl_image.tree_writer import Entry

# Where sources lie in the image's root while its Python compiles them.
SOURCES = PurePosixPath("/run/asl-sources")
COMPILED = PurePosixPath("/run/asl-compiled")


@dataclass(frozen=True)
class PinnedFile:
    """A file of a tool: its name beside the tool, its mode, and the hash under which the store has it."""

    name: str
    mode: int
    sha256: str


@dataclass(frozen=True)
class PinnedTool:
    """A program made elsewhere, brought in by hash."""

    name: str
    version: str
    files: tuple[PinnedFile, ...]
    licence: str = "NOASSERTION"  # an SPDX expression


@dataclass(frozen=True)
class OwnProgram:
    """A program of this project: sources by their path in the package, other names for it, and scripts beside it."""

    name: str
    version: str
    sources: Mapping[str, bytes]
    entry: str
    aliases: tuple[str, ...] = ()
    licence: str = "NOASSERTION"  # an SPDX expression
    scripts: Mapping[str, bytes] = field(default_factory=dict)

    def facts(self) -> dict[str, object]:
        """The sources by their hashes."""
        return {
            "name": self.name,
            "version": self.version,
            "entry": self.entry,
            "aliases": list(self.aliases),
            "sources": _digests(self.sources),
            "scripts": _digests(self.scripts),
        }


@dataclass(frozen=True)
class Tools(Step):
    """Leaves /work/tools with <root>/tools/versions/<name>-<version>/ and a stable link to each."""

    pinned: tuple[PinnedTool, ...]
    own: tuple[OwnProgram, ...]

    def name(self) -> str:
        return "tools"

    def needs(self) -> tuple[str, ...]:
        return ("root",) if self.own else ()

    def act(self) -> Act:
        """The image's own Python compiles, so that its byte code is taken without a look at the source."""
        return Act(compile_command(SOURCES, COMPILED), where="image")

    def describe(self) -> tuple[str, ...]:
        lines = [
            f"builder: installs {contract.TOOL_VERSIONS}/{tool.name}-{tool.version}/{item.name} ({item.sha256})"
            for tool in self.pinned
            for item in tool.files
        ]
        for program in self.own:
            lines += [
                self.act().line(),
                f"builder: packs {contract.TOOL_VERSIONS}/{program.name}-{program.version}/{program.name}",
            ]
            lines += [
                f"builder: installs {contract.TOOL_VERSIONS}/{program.name}-{program.version}/{name}"
                for name in sorted(program.scripts)
            ]
        return tuple(lines)

    def check(self, site: Site) -> None:
        for tool in self.pinned:
            for item in tool.files:
                site.stored(item.sha256, f"{tool.name} {tool.version} ({item.name})")

    def run(self, site: Site) -> None:
        entries: list[Entry] = []
        origins: dict[str, str] = {}
        for tool in self.pinned:
            folder = f"{contract.TOOL_VERSIONS}/{tool.name}-{tool.version}".lstrip("/")
            for item in tool.files:
                data = site.stored(item.sha256, f"{tool.name} {tool.version} ({item.name})").read_bytes()
                entries.append(tree_writer.file(f"{folder}/{item.name}", data, item.mode))
                entries.append(stable_link(tool.name, tool.version, item.name, item.name))
                origins |= {entry.name: f"tool {tool.name} {tool.version}" for entry in entries[-2:]}
        for program in self.own:
            folder = f"{contract.TOOL_VERSIONS}/{program.name}-{program.version}".lstrip("/")
            entries.append(tree_writer.file(f"{folder}/{program.name}", self._pack(site, program), 0o755))
            names = {program.name: program.name, **dict.fromkeys(program.aliases, program.name)}
            for script, text in sorted(program.scripts.items()):
                entries.append(tree_writer.file(f"{folder}/{script}", text, 0o755))
                names[script] = script
            entries += [stable_link(program.name, program.version, target, name) for name, target in names.items()]
            own = entries[-1 - len(program.scripts) - len(names) :]
            origins |= {entry.name: f"tool {program.name} {program.version}" for entry in own}
        ownership.record(site.work, "tools", origins)
        (site.work / "tools").mkdir()
        tree_writer.unpack(tree_writer.with_parents(entries), site.work / "tools")

    def _pack(self, site: Site, program: OwnProgram) -> bytes:
        root = site.work / "root"
        at, compiled = (root / str(path).lstrip("/") for path in (SOURCES, COMPILED))
        try:
            entries = [tree_writer.file(path, text) for path, text in program.sources.items()]
            tree_writer.unpack(tree_writer.with_parents(entries), at)
            site.act(self.act())
            return pack_program(program.sources, load_compiled(compiled), program.entry)
        finally:
            tree_writer.remove(at)
            tree_writer.remove(compiled)


def _digests(files: Mapping[str, bytes]) -> dict[str, str]:
    return {path: hashlib.sha256(text).hexdigest() for path, text in sorted(files.items())}


def stable_link(tool: str, version: str, target: str, name: str) -> Entry:
    """The unversioned name, a link that stays inside the tools folder."""
    return tree_writer.symlink(f"{contract.TOOLS}/{name}".lstrip("/"), f"versions/{tool}-{version}/{target}")
