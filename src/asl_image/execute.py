"""Carry out a plan: run what has to run, reuse what is kept, and let go of nothing half-made."""

from __future__ import annotations

import errno
import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from asl_image.cache import Cache
from asl_image.clockguard import watched_clock
from asl_image.errors import Busy, CheckFailed, IoFailed, ProgramFailed
from asl_image.plan import Plan
from asl_image.screen import Screen
from asl_image.step import Site, Step
from asl_image.steps.evidence import RESULTS
from asl_image.steps.tools_tree import ToolsTree
from asl_image.store import sha256_of

# How programs say that the disk is full: the C library's words, and apt's.
FULL_DISK = (os.strerror(errno.ENOSPC), "enough free space")


@dataclass(frozen=True)
class Decision:
    """What will happen to a step, and why."""

    step: Step
    step_id: str
    action: str  # run, reuse, skip
    reason: str


@dataclass(frozen=True)
class Stamp:
    """What the last build of a profile left: each step's id and facts, and how its results look on disk."""

    ids: Mapping[str, str]
    facts: Mapping[str, Mapping[str, object]]
    results: Mapping[str, Mapping[str, int | str]]

    @classmethod
    def read(cls, folder: Path) -> Stamp | None:
        """The stamp of a build folder; None when there is none that can be read."""
        try:
            whole = json.loads((folder / "build.json").read_text())
            return cls(whole["ids"], whole["facts"], whole["results"])
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def fits(self, folder: Path, ids: Mapping[str, str], *, whole: bool = False) -> bool:
        """Whether the results in the folder are those of these ids, as they were left.

        By what stat says of them; with `whole` they are read as well, and were made from verified results only.
        """
        return dict(self.ids) == dict(ids) and all(
            looks(folder / name) == {key: seen[key] for key in ("size", "mtime_ns", "inode")}
            and (not whole or sha256_of(folder / name) == seen["sha256"])
            for name, seen in self.results.items()
        )


def looks(path: Path) -> dict[str, int] | None:
    """What stat says of a file; it changes whenever somebody writes to it."""
    try:
        status = path.stat()
    except OSError:
        return None
    return {"size": status.st_size, "mtime_ns": status.st_mtime_ns, "inode": status.st_ino}


def decide(
    plan: Plan, ids: Mapping[str, str], cache: Cache, stamp: Stamp | None, *, up_to_date: bool
) -> list[Decision]:
    """For each step whether it runs, and why. Demand flows backwards from the image."""
    wanted: dict[str, str] = {} if up_to_date else {plan.steps[-1].name(): "makes the results"}
    decisions: list[Decision] = []
    for step in reversed(plan.steps):
        name, step_id = step.name(), ids[step.name()]
        if up_to_date:
            decisions.append(Decision(step, step_id, "skip", "the image is up to date"))
        elif name not in wanted:
            decisions.append(Decision(step, step_id, "skip", "nothing that runs needs it"))
        elif cache.find(step, step_id) is not None:
            decisions.append(Decision(step, step_id, "reuse", "a result is kept under this id"))
            for needed in step.restored_with():
                wanted.setdefault(needed, f"{name} needs it")
        else:
            decisions.append(Decision(step, step_id, "run", why_run(step, step_id, stamp, ids, wanted[name])))
            for needed in step.needs():
                wanted.setdefault(needed, f"{name} needs it")
    return decisions[::-1]


def decide_on_sound(
    plan: Plan, ids: Mapping[str, str], cache: Cache, stamp: Stamp | None, screen: Screen, *, release: bool
) -> list[Decision]:
    """Like `decide`, with every result that is to be reused read again and held against its digest.

    A damaged one is named, thrown away and made again; for a release it is refused: raises CheckFailed.
    """
    sound: set[str] = set()
    while True:
        decisions = decide(plan, ids, cache, stamp, up_to_date=False)
        reused = [each for each in decisions if each.action == "reuse" and each.step.name() not in sound]
        problems = [(each, cache.problem(each.step, each.step_id)) for each in reused]
        damaged = [f"{each.step.name()}: {problem}" for each, problem in problems if problem]
        if not damaged:
            return decisions
        if release:
            raise CheckFailed(
                "a release is not made from kept results that can't be verified",
                details=tuple(damaged),
                hint="an ordinary build throws them away and makes them again; then release",
            )
        for each, problem in problems:
            if problem is None:
                sound.add(each.step.name())
            else:
                screen.warning(f"{each.step.name()}: its kept result is not used and is made again: {problem}")
                cache.discard(each.step, each.step_id)


def why_run(step: Step, step_id: str, stamp: Stamp | None, ids: Mapping[str, str], demand: str) -> str:
    """What is new about a step since the last build."""
    name = step.name()
    if stamp is None or name not in stamp.ids:
        return "it has not run here before"
    if stamp.ids[name] == step_id:
        return f"{demand}, and its result is not kept" if step.outputs() else demand
    then, now = stamp.facts.get(name, {}), json.loads(json.dumps(step.facts()))
    changed = list(differences(then, now))
    needed = [other for other in step.needs() if stamp.ids.get(other) != ids[other]]
    reasons = changed[:6] + ([f"and {len(changed) - 6} more"] if len(changed) > 6 else [])
    reasons += [f"{other} is new" for other in needed]
    return "; ".join(reasons) if reasons else "the step's own code changed"


def differences(then: object, now: object, at: str = "") -> Iterator[str]:
    """Where two plain values differ, a line each."""
    if isinstance(then, Mapping) and isinstance(now, Mapping):
        for key in sorted(then.keys() | now.keys()):
            where = f"{at}.{key}" if at else key
            if key not in now:
                yield f"{where} is gone"
            elif key not in then:
                yield f"{where} is new"
            else:
                yield from differences(then[key], now[key], where)
    elif isinstance(then, list) and isinstance(now, list):
        yield from (f"{at}: '{item}' is new" for item in now if item not in then)
        yield from (f"{at}: '{item}' is gone" for item in then if item not in now)
        if sorted(map(str, then)) == sorted(map(str, now)) and then != now:
            yield f"{at}: another order"
    elif then != now:
        yield f"{at} changed"


class BuildSite(Site, Protocol):
    """A site that can be opened and closed, with the tools tree mounted once there is one."""

    def opened(self) -> AbstractContextManager[None]:
        """Fresh, empty folders, gone again at the end."""

    def tools_mounted(self, tree: Path) -> AbstractContextManager[None]:
        """The tools tree in its place."""

    def settle(self) -> None:
        """Raise Refused for what a guard has seen since it was last asked, also of what a step left running."""


def execute(
    plan: Plan, decisions: Sequence[Decision], site: BuildSite, cache: Cache, screen: Screen, folder: Path
) -> None:
    """Run the plan and put its results into `folder`. Raises AslImageError; then `folder` is as it was."""
    with site.opened(), ExitStack() as mounts:
        for decision in decisions:
            if decision.action == "run":
                decision.step.check(site)
        for decision in decisions:
            if decision.action == "skip":
                continue
            with full_disk_named(decision.step.name(), folder):
                kept = run_or_reuse(decision, site, cache, screen)
            if isinstance(decision.step, ToolsTree) and kept is not None:
                mounts.enter_context(site.tools_mounted(kept / "tools-tree"))
        site.settle()
        with full_disk_named("results", folder):
            results = publish(plan, site.work, folder)
    write_stamp(folder, Stamp(plan.ids(), {step.name(): step.facts() for step in plan.steps}, results))
    cache.prune(plan.steps)


def run_or_reuse(decision: Decision, site: Site, cache: Cache, screen: Screen) -> Path | None:
    """Run one step, or take its result from the cache; returns where that is kept, if it is."""
    step = decision.step
    if decision.action == "reuse":
        kept = cache.find(step, decision.step_id)
        if kept is None:
            raise Busy(f"{step.name()}: its kept result is gone", hint="somebody cleared the cache; build again")
        cache.touch(kept)
        step.restore(site, kept)
        return kept
    with screen.step(step.name()):
        with watched_clock(step.name()):
            step.run(site)
        return cache.keep(step, decision.step_id, site.work) if step.outputs() else None


@contextmanager
def full_disk_named(what: str, folder: Path) -> Iterator[None]:
    """Say that the disk is full when that is why a program, or we, failed."""
    try:
        yield
    except ProgramFailed as error:
        if not any(words in line for line in error.details for words in FULL_DISK):
            raise
        raise full_disk(what, folder, error.details) from error
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise full_disk(what, folder) from error


def full_disk(what: str, folder: Path, details: tuple[str, ...] = ()) -> IoFailed:
    """The error for a disk that is full."""
    return IoFailed(
        f"{what}: the disk is full ({folder})",
        details=details,
        hint="free some space, or use --build DIR on another disk; nothing half-made was left",
    )


def publish(plan: Plan, work: Path, folder: Path) -> dict[str, dict[str, int | str]]:
    """Move the results to their names; the stamp of an older build goes first, so it never fits by chance."""
    results: dict[str, dict[str, int | str]] = {}
    for source, pattern in RESULTS.items():
        (work / source).chmod(0o644)
        with (work / source).open("rb+") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            os.fsync(file.fileno())
        results[pattern.format(profile=plan.profile)] = {**(looks(work / source) or {}), "sha256": digest}
    # Nothing of this needs room on the disk, so all of it is done or none.
    (folder / "build.json").unlink(missing_ok=True)
    for source, pattern in RESULTS.items():
        (work / source).rename(folder / pattern.format(profile=plan.profile))
    return results


def write_stamp(folder: Path, stamp: Stamp) -> None:
    """Last of all: what is said here is true from now on."""
    text = json.dumps({"ids": stamp.ids, "facts": stamp.facts, "results": stamp.results}, indent=1, sort_keys=True)
    half = folder / ".build.json.new"
    half.write_text(text + "\n")
    half.rename(folder / "build.json")
