"""Results of steps under their ids. What is found under an id is the result, once its digest says so too.

    <cache>/<owner>/<step>/<id>/…             a whole result; it appears by rename only
    <cache>/<owner>/<step>/<id>/kept.json     the digest of each output, taken when it was kept

`owner` is a profile, or "shared" for the tools tree. A profile's entries are used and pruned only by who
holds that profile's build lock; shared ones are guarded by a lock of their own (`in_use`). Before a result is
used again all of it is read (`problem`): a flipped byte, a missing or an added file is named, never built in.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from asl_image import tree_writer
from asl_image.errors import AslImageError
from asl_image.step import Step
from asl_image.store import sha256_of

# How many results of one step are kept: today's, and what a person goes back and forth to.
KEPT = 3

SHARED = "shared"
DIGESTS = "kept.json"


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
            digests = {path.name: digest_of(path) for path in sorted(half_made.iterdir())}
            (half_made / DIGESTS).write_text(json.dumps(digests, indent=1, sort_keys=True) + "\n")
            half_made.rename(kept)
        except OSError:
            if not kept.is_dir():  # else somebody else made the same thing meanwhile
                raise
        finally:
            tree_writer.remove(half_made)
        return kept

    def problem(self, step: Step, step_id: str) -> str | None:
        """What is wrong with a kept result, after reading all of it; None when it is what was kept."""
        kept = self._home(step) / step_id
        try:
            recorded = json.loads((kept / DIGESTS).read_text())
        except FileNotFoundError:
            return "no digest was kept with it"
        except (OSError, ValueError):
            return "the digest that was kept with it can't be read"
        names = sorted(path.name for path in kept.iterdir() if path.name != DIGESTS)
        if names != sorted(Path(output).name for output in step.outputs()) or not isinstance(recorded, dict):
            return f"it holds {', '.join(names) or 'nothing'}"
        wrong = [name for name in names if recorded.get(name) != _digest_or_none(kept / name)]
        return f"{', '.join(wrong)} is not what was kept" if wrong else None

    def discard(self, step: Step, step_id: str) -> None:
        """Throw a kept result away. One that profiles share may be in use elsewhere: it only loses its name here."""
        kept = self._home(step) / step_id
        nameless = kept.with_name(f".{step_id}.{self.profile}.damaged")
        tree_writer.remove(nameless)
        kept.rename(nameless)
        if not step.shared:
            tree_writer.remove(nameless)

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


def digest_of(kept: Path) -> str:
    """What a kept output is: of a folder the digest of its whole tree, of a file that of its bytes."""
    if kept.is_dir():
        return f"tree {tree_writer.tree_digest(tree_writer.scan_tree(kept))}"
    return f"sha256 {sha256_of(kept)}"


def _digest_or_none(kept: Path) -> str | None:
    try:
        return digest_of(kept)
    except (AslImageError, OSError, ValueError):
        return None


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
