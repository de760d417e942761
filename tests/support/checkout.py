"""A second checkout beside the one that is tested: to be made wrong, or to be somebody's own."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

PARTS = ("build.py", "src", "authority/src", "authority/tools", "overlays", "hooks", "profiles")


def copy_checkout(house: Path, at: Path) -> None:
    """Copy what a build is made from to the directory `at`."""
    for part in PARTS:
        (at / part).parent.mkdir(parents=True, exist_ok=True)
        if (house / part).is_dir():
            shutil.copytree(house / part, at / part, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copyfile(house / part, at / part)
    (at / ".venv").symlink_to((house / ".venv").resolve())


def borrow_results(built: Path, at: Path, profile: str, name: str, *steps: str) -> None:
    """Let the checkout at `at` begin its profile `name` with what the build folder `built` has kept of another."""
    (at / "build/cache" / name).mkdir(parents=True)
    (at / "build/store").symlink_to(built / "store")
    (at / "build/cache/shared").symlink_to(built / "cache/shared")
    for step in steps:
        shutil.copytree(
            built / "cache" / profile / step, at / "build/cache" / name / step, symlinks=True, copy_function=_linked
        )
    for renewed in built.glob("*/renewed.lock.yaml"):
        (at / "build" / renewed.parent.name).mkdir(exist_ok=True)
        shutil.copyfile(renewed, at / "build" / renewed.parent.name / renewed.name)


def _linked(source: str, target: str) -> str:
    """The same file once more, or a copy where a link can't lead."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
    return target
