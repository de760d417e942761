"""What a step is: data that can be printed and hashed, and one method that does the work.

A step's id is the SHA-256 over its kind, its fields, the source text of its module and of those it uses, and
the ids of the steps it needs. Whatever can change its bytes is in there, so a result found under an id is the
result: there are no other markers.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import shlex
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import ClassVar, Literal, Protocol

from asl_image.lock import Lock
from asl_image.runner import CLEAN_ENVIRONMENT

Place = Literal["host", "tools", "image"]

# A mark in argv and paths for places that differ from builder to builder; only the first step, which
# runs on the host itself, needs them. In the tools tree every path is the same everywhere.
WORK = "/work"
REPO = "/repo"

# Modules whose text is no part of a step's id: what they make of their input is in the step's fields already, or they
# can only stop a build. (Of the runner, the environment that programs get is in the id by itself.)
FRAME = frozenset(
    f"asl_image.{name}"
    for name in ("errors", "lock", "profile", "step", "hosttools", "mounts", "netguard", "runner", "store")
)
# What every step works with, though no step imports the site: it puts the tools tree and the packages in their place.
EVERYWHERE = ("asl_image.tree_writer", "asl_image.site")


@dataclass(frozen=True)
class Act:
    """A program that a step runs: in the tools tree, in the image's own root, or (once) on the host.

    `stdin` and `stdout` are files below the work folder.
    """

    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    where: Place = "tools"
    stdin: str | None = None
    stdout: str | None = None

    def line(self) -> str:
        """The act as a person would type it at that place."""
        words = [f"{name}={shlex.quote(value)}" for name, value in sorted(self.env.items())]
        words += [shlex.quote(word) for word in self.argv]
        if self.stdin is not None:
            words += ["<", shlex.quote(f"{WORK}/{self.stdin}")]
        if self.stdout is not None:
            words += [">", shlex.quote(f"{WORK}/{self.stdout}")]
        return f"{self.where}: {' '.join(words)}"


class Site(Protocol):
    """Where a step works: what `execute` offers it."""

    @property
    def work(self) -> Path:
        """The scratch folder; `/work` in the tools tree."""

    @property
    def tools_tree(self) -> Path:
        """The root of the tools tree; only the step that makes it may find it empty."""

    def act(self, act: Act) -> None:
        """Run a program to its end. Raises ProgramFailed."""

    def read(self, act: Act) -> str:
        """Run a program and return what it printed. Raises ProgramFailed."""

    def repository(self, lock: Lock) -> Path:
        """Put a local package archive of just what the lock names at `/repo`; returns where that is on the host."""

    def stored(self, sha256: str, name: str) -> Path:
        """A file of the package store, verified; `name` is what a person calls it. Raises CheckFailed."""

    def note(self, text: str) -> None:
        """Say something in the build log."""


@dataclass(frozen=True)
class Step:
    """One piece of a build. Subclasses are frozen dataclasses whose fields are all that they know."""

    shared: ClassVar[bool] = False  # whether its result is the same for every profile, and kept once

    def name(self) -> str:
        """What the step leaves behind, unique in a plan."""
        raise NotImplementedError

    def needs(self) -> tuple[str, ...]:
        """Names of the steps whose results it reads or changes."""
        raise NotImplementedError

    def restored_with(self) -> tuple[str, ...]:
        """Names of the steps whose results it takes to make a cached result usable."""
        return ()

    def outputs(self) -> tuple[str, ...]:
        """What it leaves in the work folder that a cache can keep; empty when it is not cached."""
        return ()

    def facts(self) -> dict[str, object]:
        """Everything about the step that can change its bytes, as plain JSON values."""
        return {item.name: plain(getattr(self, item.name)) for item in fields(self)}

    def describe(self) -> tuple[str, ...]:
        """Exact commands, and one sentence for what the builder itself does."""
        raise NotImplementedError

    def check(self, site: Site) -> None:
        """Look at what can be seen to be wrong before any step runs. Raises AslImageError."""

    def run(self, site: Site) -> None:
        """Do it. Raises AslImageError; leaves nothing outside the work folder."""
        raise NotImplementedError

    def restore(self, site: Site, kept: Path) -> None:
        """Make a cached result usable for the steps that follow (`kept` is its folder in the cache)."""
        for output in self.outputs():
            put(kept / Path(output).name, site.work / output)


def put(kept: Path, target: Path) -> None:
    """Make a kept file usable in the work folder; nobody writes to it there."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        target.hardlink_to(kept)
    except OSError:  # the cache lies on another file system
        shutil.copyfile(kept, target)


def plain(value: object) -> object:
    """A field as plain JSON."""
    if isinstance(value, str | int | bool) or value is None:
        return value
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in sorted(value.items())}
    if isinstance(value, tuple | list | frozenset):
        items = sorted(value, key=str) if isinstance(value, frozenset) else value
        return [plain(item) for item in items]
    if hasattr(value, "facts"):
        return value.facts()
    if hasattr(value, "model_dump"):
        return plain(value.model_dump(mode="json"))
    if hasattr(value, "__dataclass_fields__"):
        return {item.name: plain(getattr(value, item.name)) for item in fields(value)}  # type: ignore[arg-type]
    raise TypeError(f"{type(value).__name__} has no place in a step's id")


def step_id(step: Step, needed: Mapping[str, str], code: str) -> str:
    """SHA-256 (hex) of the step, given the ids of what it needs and the digest of its code."""
    whole = {
        "kind": type(step).__name__,
        "facts": step.facts(),
        "needs": [needed[name] for name in step.needs()],
        "code": code,
        "environment": dict(CLEAN_ENVIRONMENT),
    }
    return hashlib.sha256(json.dumps(whole, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


@cache
def code_digest(module_name: str, frame: frozenset[str] = FRAME) -> str:
    """SHA-256 (hex) of the text of a step's module, and of all modules of ours that this and the site are made of."""
    names: set[str] = set()
    waiting = [module_name, *EVERYWHERE]
    while waiting:
        name = waiting.pop()
        if name not in names and name not in frame:
            names.add(name)
            used = {home_of(value) for value in vars(import_module(name)).values()}
            waiting += (other for other in used if other.startswith(("asl_image.", "asl_authority.")))
    texts = ("\0".join((name, inspect.getsource(sys.modules[name]))) for name in sorted(names))
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()


def home_of(value: object) -> str:
    """The name of the module that a thing was defined in; empty for plain values."""
    return value.__name__ if isinstance(value, ModuleType) else str(getattr(value, "__module__", ""))
