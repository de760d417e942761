"""Build a profile once more, in a folder of its own, and say what differs from the first time."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from asl_image.attribution import RULES, Rule
from asl_image.compare import Comparison, compare
from asl_image.errors import ProgramFailed
from asl_image.facts import LAYER, gathered
from asl_image.runner import Command, Runner
from asl_image.screen import Screen
from asl_image.squash import Unpackers

PASSED = ("TERM", "COLUMNS", "NO_COLOR")  # of our environment, for the builder's progress
FAILED = frozenset(range(1, 11))  # statuses by which the builder says that it has told what is wrong


class BuildFailed(ProgramFailed):
    """The builder, started once more, has already said what is wrong; its status becomes ours. `logs` are its."""

    def __init__(self, profile: str, status: int, logs: Path) -> None:
        super().__init__(
            f"{profile}: building it once more failed with status {status}", hint=f"what it ran and said is in {logs}"
        )
        self.status = status if status in FAILED else ProgramFailed.status


@dataclass(frozen=True)
class Again:
    """What is to be built once more: the checkout that does it, and where its results go.

    `build` becomes a build folder of its own; of the first one's it shares the `store`, and nothing else. `options`
    stand behind the profile on the builder's command line, `progress` is how it shows what it does.
    """

    root: Path
    profiles: Path
    store: Path
    build: Path
    profile: str
    options: tuple[str, ...] = ()
    progress: str = "auto"

    @property
    def iso(self) -> Path:
        """Where the image will be."""
        return self.build / self.profile / f"{self.profile}.iso"

    def argv(self) -> tuple[str, ...]:
        """The builder's command line."""
        return (
            sys.executable,
            str(self.root / "build.py"),
            *("--profiles", str(self.profiles.absolute())),
            *("--build", str(self.build)),
            *("--progress", self.progress),
            *("build", self.profile, *self.options),
        )


def lay_out(build: Path, first: Path) -> None:
    """Put the renewed locks of the `first` build folder into a new one."""
    build.mkdir(parents=True, exist_ok=True)
    for renewed in sorted(first.glob("*/renewed.lock.yaml")):
        target = build / renewed.parent.name / renewed.name
        target.parent.mkdir()
        shutil.copyfile(renewed, target)


def build_again(again: Again, first: Path, log: Path, environ: Mapping[str, str]) -> Path:
    """Build in `again.build`, a folder that is not there yet; returns the image. `first` is the first build's folder.

    The builder's words go where ours go, what it prints on stdout to `log`. Raises BuildFailed, Aborted, Refused.
    """
    lay_out(again.build, first)
    (again.build / "store").symlink_to(again.store.absolute())
    passed = {key: environ[key] for key in PASSED if key in environ}
    status = Runner(log).enter(Command(again.argv(), env=passed, stdout=log), itself=True)
    if status != 0:
        raise BuildFailed(again.profile, status, again.build / again.profile / "logs")
    return again.iso


def compared(one: Path, other: Path, build: Path, screen: Screen, rules: tuple[Rule, ...] = RULES) -> Comparison:
    """What differs between two images, and for what causes; `build` is where a tools tree may be found.

    Raises CheckFailed when one is no image of ours, or IoFailed.
    """
    with TemporaryDirectory(prefix="asl-compare-") as scratch:
        unpackers = []
        for name in ("a", "b"):
            folder = Path(scratch) / name
            folder.mkdir()
            unpackers.append(Unpackers(Runner(folder / "commands.log"), build, folder))
        total = one.stat().st_size + other.stat().st_size
        with (
            screen.task(f"compare {one.name} and {other.name}", total, "B") as task,
            gathered(one, unpackers[0], {}, task.advance) as a,
        ):
            known = {a.medium[LAYER.format(layer)][1]: a.trees[layer] for layer in a.superblocks}
            with gathered(other, unpackers[1], known, task.advance) as b:
                return compare(a, b, rules)
