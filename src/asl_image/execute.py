"""Carry out a plan: run what has to run, reuse what is kept, and let go of nothing half-made."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from asl_image.cache import Cache
from asl_image.plan import Plan
from asl_image.screen import Screen
from asl_image.site import LocalSite
from asl_image.step import Step
from asl_image.steps.tools_tree import ToolsTree

# What a build leaves in its folder, by the name in the work folder: the image, and beside it its papers.
RESULTS = {"image.iso": "{profile}.iso", "manifest.json": "{profile}.manifest.json"}


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

    def fits(self, folder: Path, ids: Mapping[str, str]) -> bool:
        """Whether the results in the folder are those of these ids, as they were left."""
        return dict(self.ids) == dict(ids) and all(
            looks(folder / name) == {key: seen[key] for key in ("size", "mtime_ns", "inode")}
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
        else:
            decisions.append(Decision(step, step_id, "run", why_run(step, step_id, stamp, ids, wanted[name])))
            for needed in step.needs():
                wanted.setdefault(needed, f"{name} needs it")
    return decisions[::-1]


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


@contextmanager
def _step_around(screen: Screen, decision: Decision) -> Iterator[None]:
    with screen.step(f"{decision.step.name()}"):
        yield


def execute(
    plan: Plan, decisions: Sequence[Decision], site: LocalSite, cache: Cache, screen: Screen, folder: Path
) -> None:
    """Run the plan and put its results into `folder`. Raises AslImageError; then `folder` is as it was."""
    ids = plan.ids()
    with site.opened(), ExitStack() as mounts:
        for decision in decisions:
            step = decision.step
            if decision.action == "skip":
                continue
            if decision.action == "reuse":
                kept = cache.find(step, decision.step_id)
                assert kept is not None, step.name()  # noqa: S101 - nobody else takes entries away while we hold the lock
                cache.touch(kept)
                step.restore(site, kept)
            else:
                with _step_around(screen, decision):
                    step.run(site)
                kept = cache.keep(step, decision.step_id, site.work) if step.outputs() else None
            if isinstance(step, ToolsTree):
                assert kept is not None  # noqa: S101 - it has outputs
                mounts.enter_context(site.tools_mounted(kept / "tools-tree"))
        results = publish(plan, site.work, folder)
    write_stamp(folder, Stamp(ids, {step.name(): step.facts() for step in plan.steps}, results))
    cache.prune(plan.steps)


def publish(plan: Plan, work: Path, folder: Path) -> dict[str, dict[str, int | str]]:
    """Move the results to their names; the stamp of an older build goes first, so it never fits by chance."""
    (folder / "build.json").unlink(missing_ok=True)
    results: dict[str, dict[str, int | str]] = {}
    for source, pattern in RESULTS.items():
        name = pattern.format(profile=plan.profile)
        (work / source).chmod(0o644)
        with (work / source).open("rb+") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            os.fsync(file.fileno())
        (work / source).rename(folder / name)
        seen = looks(folder / name)
        assert seen is not None, name  # noqa: S101 - it was just put there
        results[name] = {**seen, "sha256": digest}
    return results


def write_stamp(folder: Path, stamp: Stamp) -> None:
    """Last of all: what is said here is true from now on."""
    text = json.dumps({"ids": stamp.ids, "facts": stamp.facts, "results": stamp.results}, indent=1, sort_keys=True)
    half = folder / ".build.json.new"
    half.write_text(text + "\n")
    half.rename(folder / "build.json")
