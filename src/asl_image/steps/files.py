"""The overlay's files as a tree of their own; nothing is ever run in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from asl_image import ownership, tree_writer
from asl_image.errors import ConfigError
from asl_image.filelist import hidden, read_rows
from asl_image.overlay import Overlay, brought_by, overlay_tree, replaced_by
from asl_image.step import Site, Step
from asl_image.tree_writer import Entry


@dataclass(frozen=True)
class Files(Step):
    """Leaves /work/overlay, rendered; a file that a lower layer has must be declared as replaced."""

    overlays: tuple[Overlay, ...]
    values: Mapping[str, object]
    papers: Mapping[str, str] = field(default_factory=dict)  # path in the image → file that the step `sbom` left

    def name(self) -> str:
        return "files"

    def needs(self) -> tuple[str, ...]:
        return ("layer-base", "layer-tools", *(["sbom"] if self.papers else []))

    def facts(self) -> dict[str, object]:
        return {
            "overlays": {overlay.name: overlay.digest for overlay in self.overlays},
            "values": {name: str(value) for name, value in sorted(self.values.items())},
            "papers": dict(sorted(self.papers.items())),
        }

    def describe(self) -> tuple[str, ...]:
        entries = overlay_tree(self.overlays, "root", self.values)
        return (
            *(f"builder: writes {entry.mode:04o} /{entry.name}" for entry in entries if entry.kind == "file"),
            *(f"builder: writes 0644 {path} (it is {paper})" for path, paper in sorted(self.papers.items())),
        )

    def run(self, site: Site) -> None:
        entries = with_papers(overlay_tree(self.overlays, "root", self.values), self.papers, site.work)
        self._check_covers(site, {f"/{entry.name}": entry.kind for entry in entries})
        papers = {path.lstrip("/"): "generator sbom" for path in self.papers}
        ownership.record(site.work, "overlay", {**brought_by(self.overlays, "root"), **papers})
        tree_writer.unpack_owned(entries, site.work / "overlay")

    def _check_covers(self, site: Site, brought: Mapping[str, str]) -> None:
        """No layer hides what a lower one has; only overlays can declare that they mean to. `brought`: path → kind."""
        base, tools = (
            {row.path: row.kind for row in read_rows(site.work / f"{layer}.files")} for layer in ("base", "tools")
        )
        below = {**base, **tools}
        declared = {str(path) for path in replaced_by(self.overlays)}
        problems = [f"{path}: lies in the layers base and tools" for path in hidden(base, tools)]
        problems += [f"{path}: lies in a lower layer too" for path in hidden(below, brought) if path not in declared]
        problems += [
            f"{path}: declared as replaced, but no lower layer has it"
            for path in sorted(declared)
            if below.get(path, "directory") == "directory"
        ]
        if problems:
            raise ConfigError(
                "the layers disagree",
                details=tuple(problems),
                hint="list what an overlay is meant to cover under `replaces` in overlay.yaml; a tool covers nothing",
            )


def with_papers(entries: list[Entry], papers: Mapping[str, str], work: Path) -> list[Entry]:
    """The entries, and the builder's own papers among them. Raises ConfigError when an overlay has one too."""
    own = [tree_writer.file(path.lstrip("/"), (work / paper).read_bytes()) for path, paper in papers.items()]
    taken = sorted({entry.name for entry in entries} & {entry.name for entry in own})
    if taken:
        raise ConfigError("the builder writes this file itself", details=tuple(f"/{name}" for name in taken))
    return tree_writer.with_parents([*entries, *own]) if own else entries
