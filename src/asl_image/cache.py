"""Results of steps under their ids. What is found under an id is the result; there are no other markers.

    <cache>/<owner>/<step>/<id>/…     a whole result; it appears by rename only

`owner` is a profile, or "shared" for the tools tree. A profile's entries are used and pruned only by who
holds that profile's build lock; shared ones are guarded by a lock of their own (`in_use`).
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from asl_image import tree_writer
from asl_image.step import Step

# How many results of one step are kept: today's, and what a person goes back and forth to.
KEPT = 3

SHARED = "shared"


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
        half_made = home / f".{step_id}.{self.profile}.new"  # two profiles may make the same tools tree at once
        kept = home / step_id
        try:
            tree_writer.remove(half_made)
            half_made.mkdir()
            for output in step.outputs():
                _keep(work / output, half_made / Path(output).name)
            half_made.rename(kept)
        except OSError:
            if not kept.is_dir():  # else somebody else made the same thing meanwhile
                raise
        finally:
            tree_writer.remove(half_made)
        return kept

    def touch(self, kept: Path) -> None:
        """Remember that a result was used."""
        os.utime(kept)

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Hold what profiles share, so that nobody takes it away; at the end, take away what nobody uses."""
        shared = self.root / SHARED
        shared.mkdir(parents=True, exist_ok=True)
        with (shared / ".lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH)
            yield
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return
            for home in (path for path in shared.iterdir() if path.is_dir()):
                _prune(home)

    def prune(self, steps: tuple[Step, ...]) -> None:
        """Take away this profile's results that were not used for longest, and what a killed build left half made."""
        for step in steps:
            home = self._home(step)
            if step.outputs() and home.is_dir() and not step.shared:
                _prune(home)

    def _home(self, step: Step) -> Path:
        return self.root / (SHARED if step.shared else self.profile) / step.name()


def _keep(source: Path, target: Path) -> None:
    """Have the bytes on disk before they get a name that vouches for them: a power cut must not leave a lie."""
    if source.is_dir():
        source.rename(target)
        os.sync()
    else:
        with source.open("rb") as file:
            os.fsync(file.fileno())
        target.hardlink_to(source)


def _prune(home: Path) -> None:
    entries = [path for path in home.iterdir() if path.is_dir()]
    whole = [path for path in entries if not path.name.startswith(".")]
    oldest = sorted(whole, key=lambda found: found.stat().st_mtime, reverse=True)[KEPT:]
    for path in (*oldest, *(path for path in entries if path.name.startswith("."))):
        tree_writer.remove(path)
