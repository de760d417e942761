"""The project's own files: those of its git checkout, or where there is none those that a list names."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from asl_image.errors import ConfigError
from asl_image.runner import Command, Runs

# What a build reads: the profiles' folder may be elsewhere, these lie in the project's root.
PROFILES = "profiles"
READ_BY_BUILDS = ("authority", "hooks", "overlays", PROFILES, "src")
TAKEN_WHOLE = ("hooks", "overlays")
# All that the project has at its root; what is made there (build, .venv, caches) is not on the list.
PARTS = (
    *READ_BY_BUILDS,
    *(".ci", "bench", "docs", "tests", "tools"),
    *("build.py", "requirements.txt", "pyproject.toml", "Makefile", ".gitignore"),
    *("README.md", "ARCHITECTURE.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"),
)
# Whoever owns the checkout: we read it, and run nothing of it.
GIT = ("git", "-c", "safe.directory=*", "-c", "core.fsmonitor=false")


@dataclass(frozen=True)
class Checkout:
    """The project's files by their path, and what git says of them."""

    state: Literal["clean", "dirty", "none"]
    commit: str | None
    files: dict[str, Path]


def find_checkout(root: Path, profiles: Path, runner: Runs) -> Checkout:
    """The project at `root`, its profiles those in `profiles`. Raises ProgramFailed when git can't read it."""
    # Asked only for the project's own repository: git would go up and find one that the project happens to lie in.
    if not (root / ".git").exists():
        return Checkout("none", None, project_files(root, profiles))
    git = (*GIT, "-C", str(root))
    commit = runner.read(Command((*git, "rev-parse", "HEAD"))).strip()
    status = runner.read(Command((*git, "status", "--porcelain", "-z", "--untracked-files=all")))
    changed = [entry for entry in status.split("\0") if entry and not (entry.startswith("?? ") and foreign(entry[3:]))]
    tracked = runner.read(Command((*git, "ls-files", "-z", "--cached"))).split("\0")
    added = runner.read(Command((*git, "ls-files", "-z", "--others", "--exclude-standard"))).split("\0")
    names = {*tracked, *(name for name in added if not foreign(name))} - {""}
    present = sorted(name for name in names if os.path.lexists(root / name))
    files = {name: root / name for name in present if not name.startswith(f"{PROFILES}/")}
    own = profiles.resolve() == (root / PROFILES).resolve()
    # With what a build reads and git ignores: an overlay brings every file that lies in it.
    return Checkout("dirty" if changed or not own else "clean", commit, {**files, **read_by_builds(root, profiles)})


def foreign(name: str) -> bool:
    """Whether what git does not track lies where the project has nothing: somebody's key, a kit, what they received."""
    return name.split("/")[0] not in PARTS


def project_files(root: Path, profiles: Path) -> dict[str, Path]:
    """The files of a project that is no git checkout, by their path."""
    found = {name: root / name for part in PARTS if part != PROFILES for name in names_below(root, part)}
    return {**found, **read_by_builds(root, profiles)}


def read_by_builds(root: Path, profiles: Path) -> dict[str, Path]:
    """The files that can change an image, by their path in the project."""
    found = {name: root / name for part in READ_BY_BUILDS if part != PROFILES for name in names_below(root, part)}
    return {**found, **{f"{PROFILES}/{name}": profiles / name for name in names_below(profiles, "")}}


def names_below(root: Path, part: str) -> Iterator[str]:
    """Every file and link at or below `root`/`part`, but what Python and its tools leave lying about.

    Of overlays and hooks nothing is left out: what lies there goes into the image, whatever it is called.
    """
    path = root / part
    if path.is_symlink() or path.is_file():
        yield part
        return
    if not path.is_dir():
        return
    for child in sorted(path.iterdir()):
        if part.split("/")[0] not in TAKEN_WHOLE and left_by_tools(child):
            continue
        name = f"{part}/{child.name}" if part else child.name
        if not child.is_symlink() and not child.is_dir() and not child.is_file():
            raise ConfigError(f"{child}: neither a file nor a folder nor a link", hint="take it away")
        yield from names_below(root, name)


def left_by_tools(path: Path) -> bool:
    """True for what is made from sources and never is one."""
    tools_own = path.name.startswith(".") and path.name.endswith("_cache")
    return path.name == "__pycache__" or path.suffix in (".pyc", ".egg-info") or tools_own
