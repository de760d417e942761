"""Results of steps under their ids. What is found under an id is the result; there are no other markers.

    <cache>/<owner>/<step>/<id>/…     a whole result; it appears by rename only

`owner` is a profile, or "shared" for the tools tree. A profile's entries are used and pruned only by who
holds that profile's build lock; shared ones are guarded by a lock of their own.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from asl_image import tree_writer
from asl_image.step import Step

# How many results of one step are kept: today's, and what a person goes back and forth to.
KEPT = 3


@dataclass(frozen=True)
class Cache:
    """The cache folder as one profile's build sees it."""

    root: Path
    profile: str

    def find(self, step: Step, step_id: str) -> Path | None:
        """The folder of a kept result, or None."""
        at = self._home(step) / step_id
        return at if step.outputs() and at.is_dir() else None

    def keep(self, step: Step, step_id: str, work: Path) -> Path:
        """Keep what a step left in the work folder: files stay there too, a folder is moved here."""
        home = self._home(step)
        home.mkdir(parents=True, exist_ok=True)
        half_made = home / f".{step_id}.new"
        tree_writer.remove(half_made)
        half_made.mkdir()
        for output in step.outputs():
            source, target = work / output, half_made / Path(output).name
            if source.is_dir():
                source.rename(target)
            else:
                os.link(source, target)
        kept = home / step_id
        try:
            half_made.rename(kept)
        except OSError:
            if not kept.is_dir():
                raise
            tree_writer.remove(half_made)  # somebody else made the same thing meanwhile
        return kept

    def touch(self, kept: Path) -> None:
        """Remember that a result was used."""
        os.utime(kept)

    def prune(self, steps: tuple[Step, ...]) -> None:
        """Take away what was not used for longest, and what a killed build left half made."""
        for step in steps:
            home = self._home(step)
            if not step.outputs() or not home.is_dir() or home.parent.name == "shared":
                continue
            entries = [path for path in home.iterdir() if path.is_dir()]
            for path in entries:
                if path.name.startswith("."):
                    tree_writer.remove(path)
            whole = [path for path in entries if not path.name.startswith(".")]
            for path in sorted(whole, key=lambda found: found.stat().st_mtime, reverse=True)[KEPT:]:
                tree_writer.remove(path)

    def _home(self, step: Step) -> Path:
        owner = "shared" if not step.needs() and step.name() == "tools-tree" else self.profile
        return self.root / owner / step.name()
