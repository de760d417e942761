"""Build in deliberately different surroundings and compare; when it differs, find out which of them is to blame."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path

from asl_image import tree_writer
from asl_image.again import PASSED, BuildFailed, compared
from asl_image.compare import FOLLOWS, Comparison, Difference
from asl_image.elsewhere import Errand
from asl_image.errors import Refused
from asl_image.house import House
from asl_image.inventory import Item
from asl_image.preload import compile_library
from asl_image.runner import Command, Runner
from asl_image.steps.evidence import RESULTS
from asl_image.surroundings import CAUSES, Surroundings, rules_for

SCRATCH = "again"  # in the build folder
# What a comparison says of a file that differs, and what that is called here.
ASPECTS = {**{each.name: each.name for each in fields(Item)}, "sha256": "content", "size": "content"}


@dataclass(frozen=True)
class Outcome:
    """What became of one second build. `papers` are results beside the image that have other bytes."""

    varied: tuple[str, ...]
    sha256: str
    comparison: Comparison
    papers: tuple[str, ...]

    @property
    def equal(self) -> bool:
        """Whether image and papers are the same, byte for byte."""
        return not self.comparison.differences and not self.papers

    def names(self) -> frozenset[str]:
        """What differs by itself, and does not only follow from another difference."""
        found = {name for each in self.comparison.differences if each.cause != FOLLOWS for name in names_of(each)}
        return frozenset(found) or frozenset(f"paper {name}" for name in self.papers)


def names_of(difference: Difference) -> tuple[str, ...]:
    """What differs, by name; of one file its mode may leak by one way and its content by another."""
    name = f"{difference.part} {difference.name}"
    words = {word.partition(" ")[0] for word in difference.before.split(", ")} & ASPECTS.keys()
    if difference.change != "changed" or not words:
        return (name,)
    return tuple(f"{name} ({aspect})" for aspect in sorted({ASPECTS[word] for word in words}))


@dataclass(frozen=True)
class Blame:
    """What one variation alone changes; `variation` is empty for what differs with nothing varied."""

    variation: str
    names: tuple[str, ...]


@dataclass(frozen=True)
class Bench:
    """Where second builds of one profile are made, from a first build that is there already."""

    house: House
    profile: str
    options: tuple[str, ...]
    seeds: tuple[str, ...]
    around: Callable[[Iterable[str]], Surroundings]  # what this host has to offer for some variations
    processors: int

    @property
    def scratch(self) -> Path:
        """Holds the second build folder while there is one, and then its results."""
        return self.house.build / SCRATCH / self.profile

    @property
    def results(self) -> Path:
        """What the last second build has left."""
        return self.scratch / "results"

    @property
    def image(self) -> Path:
        """The last second build's."""
        return self.results / f"{self.profile}.iso"

    @property
    def first_image(self) -> Path:
        """What it is held against."""
        return self.house.build / self.profile / f"{self.profile}.iso"

    def try_with(self, names: Sequence[str]) -> Outcome:
        """Build with just these variations, and compare. Raises AslImageError."""
        around = self.around(names)
        errand = self._errand(around)
        tree_writer.remove(self.results)
        if around.clock_offset_s or around.order_seed:
            library = self.scratch / "library/elsewhere.so"
            library.parent.mkdir(exist_ok=True)
            compile_library(
                self.house.build,
                Runner(self.scratch / "log"),
                library,
                clock_offset_s=around.clock_offset_s,
                order_seed=around.order_seed,
            )
            errand = errand.model_copy(update={"library": library})
        self._send(errand)
        return self._outcome(tuple(names), errand)

    def keep(self) -> Path:
        """Put what the last second build has left aside, in place of what was put there before; returns where."""
        kept = self.scratch / "kept"
        tree_writer.remove(kept)
        self.results.rename(kept)
        return kept

    @contextmanager
    def tidied(self) -> Iterator[None]:
        """At the end take away what only second builds need; of one that failed the logs stay."""
        for name in ("kept", "log"):
            tree_writer.remove(self.scratch / name)
        try:
            yield
            for path in (self.results, self.scratch / "log"):
                tree_writer.remove(path)
        finally:
            for name in ("library", "errand.json"):
                tree_writer.remove(self.scratch / name)

    def _errand(self, around: Surroundings) -> Errand:
        house = self.house
        return Errand(
            root=house.root.absolute(),
            profiles=house.profiles.absolute(),
            first=house.build,
            second=self.scratch / "build",
            results=self.results,
            profile=self.profile,
            options=self.options,
            progress=house.screen.progress,
            around=around,
            seeds=self.seeds,
            passed={key: house.environ[key] for key in PASSED if key in house.environ},
        )

    def _send(self, errand: Errand) -> None:
        self.scratch.mkdir(parents=True, exist_ok=True)
        at = self.scratch / "errand.json"
        at.write_text(errand.model_dump_json(indent=1))
        argv = (sys.executable, str(self.house.root / "build.py"), "--progress", errand.progress, "elsewhere", str(at))
        log = self.scratch / "log"
        status = Runner(log).enter(Command(elsewhere_argv(argv), env=errand.passed, stdout=log), itself=True)
        if status != 0:
            raise BuildFailed(self.profile, status, self.results / "logs")

    def _outcome(self, names: tuple[str, ...], errand: Errand) -> Outcome:
        first = self.first_image.parent
        own = [pattern.format(profile=self.profile) for pattern in RESULTS.values()]
        unlike = [name for name in own if digest(first / name) != digest(self.results / name)]
        comparison = Comparison((), {})
        if self.image.name in unlike:
            rules = rules_for(errand.around, errand.places(), self.processors)
            comparison = compared(self.first_image, self.image, self.house.build, self.house.screen, rules)
        papers = tuple(name for name in unlike if name != self.image.name)
        return Outcome(names, digest(self.image), comparison, papers)


def elsewhere_argv(argv: tuple[str, ...], *, uid: int | None = None) -> tuple[str, ...]:
    """`argv` as root of mount and host name namespaces of its own; it ends when we do, however we end."""
    uid = os.geteuid() if uid is None else uid
    user = () if uid == 0 else ("--user", "--map-auto", "--map-root-user")
    return ("setpriv", "--pdeathsig", "KILL", "unshare", *user, "--mount", "--uts", *argv)


def digest(path: Path) -> str:
    """SHA-256 (hex) of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def narrowed(
    whole: Outcome, tried: Callable[[Sequence[str]], Outcome], told: Callable[[str], None]
) -> tuple[list[Blame], frozenset[str]]:
    """Which variation changes what, each tried alone; and what none of them changes alone.

    First nothing is varied: what differs then differs by itself. Then come the variations that the causes speak of,
    then the others, until everything that differed is seen again.
    """
    blames: list[Blame] = []
    by_itself: frozenset[str] = frozenset()
    open_ = set(whole.names())
    spoken = whole.comparison.causes()
    ordered = sorted(whole.varied, key=lambda name: CAUSES[name] not in spoken)
    for number, name in enumerate(("", *ordered)):
        if not open_:
            break
        told(f"to narrow it down, build {number + 1} of at most {len(ordered) + 1}: " + (name or "nothing is varied"))
        found = (tried((name,) if name else ()).names() & whole.names()) - by_itself
        by_itself = by_itself or (found if not name else frozenset())
        if found:
            blames.append(Blame(name, tuple(sorted(found))))
            open_ -= found
    return blames, frozenset(open_)


def as_lines(found: Outcome, blames: Iterable[Blame], left: Iterable[str]) -> list[str]:
    """Who is to blame, for people."""
    causes = {name: each.cause for each in found.comparison.differences for name in names_of(each)}
    lines = []
    for blame in blames:
        named = ", ".join(sorted({causes.get(name, "unexplained") for name in blame.names}))
        lines.append(f"  {blame.variation or '(nothing varied)':18}{len(blame.names)} differ  [{named}]")
        lines += [f"    {name}  [{causes.get(name, 'unexplained')}]" for name in blame.names[:MOST_NAMES]]
        if len(blame.names) > MOST_NAMES:
            lines.append(f"    and {len(blame.names) - MOST_NAMES} more")
    lines += [f"  (only together)   {name}  [{causes.get(name, 'unexplained')}]" for name in sorted(left)]
    return lines


MOST_NAMES = 20


def check_possible(asked: Sequence[str], impossible: Mapping[str, str], *, strict: bool) -> tuple[str, ...]:
    """The variations that can be tried of those asked for. Raises Refused when `strict` and one can't."""
    barred = {name: impossible[name] for name in asked if name in impossible}
    if barred and strict:
        raise Refused(
            "this host can't vary everything that was asked for",
            details=tuple(f"{name}: {why}" for name, why in barred.items()),
            hint="leave these out with --variations, or use a host that can",
        )
    return tuple(name for name in asked if name not in barred)
