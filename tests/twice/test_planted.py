"""When a leak is planted, building in other surroundings finds it and calls it by its name."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from asl_image.surroundings import CAUSES, NAMES
from support.checkout import borrow_results
from support.leaks import plant

pytestmark = pytest.mark.host

HOUSE = Path(__file__).parents[2]
LEAKS = "/usr/share/leaks/"
CASES = ("clock", "zone", "locale", "umask", "hostname", "user", "cpus", "path", "file system", "order", "random")
VARIED = tuple(name for name in NAMES if os.geteuid() == 0 or name != "user")
PLANTED = tuple(case for case in CASES if os.geteuid() == 0 or case != "user")


@dataclass(frozen=True)
class Planted:
    """The checkout with the leaks, and its own build folder."""

    root: Path

    def run(self, *words: str) -> tuple[int, dict[str, Any]]:
        """Test it; the status, and the answer as it is for programs."""
        argv = [
            sys.executable,
            str(self.root / "build.py"),
            "--progress",
            "plain",
            "repro-test",
            "smoke",
            "--json",
            *words,
        ]
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        assert "Traceback" not in done.stderr, done.stderr
        answer: dict[str, Any] = json.loads(done.stdout)
        assert "error" not in answer, done.stderr
        return done.returncode, answer


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Planted:
    """Its store and its cache are the real one's, so that the first build is short."""
    built = HOUSE / "build"
    if not (built / "cache/smoke").is_dir():
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)("smoke is not built: build.py build smoke")
    root = tmp_path_factory.mktemp("planted")
    root.chmod(0o755)
    plant(HOUSE, root)
    borrow_results(built, root, "smoke", "smoke", "root")
    return Planted(root)


@pytest.fixture(scope="module")
def answer(planted: Planted) -> Mapping[str, Any]:
    status, found = planted.run("--variations", ",".join(VARIED), "--no-narrow")
    assert status == 3
    return found


def causes(answer: Mapping[str, Any]) -> dict[str, str]:
    """The cause of every planted file that differs."""
    return {
        each["name"].removeprefix(LEAKS): each["cause"]
        for each in answer["differences"]
        if each["name"].startswith(LEAKS) and "/many" not in each["name"]
    }


@pytest.mark.parametrize("case", PLANTED)
def test_a_planted_leak_is_called_by_its_name(answer: Mapping[str, Any], case: str) -> None:
    assert causes(answer).get(case) == case


def test_what_leaks_in_the_tools_tree_is_found_too(answer: Mapping[str, Any]) -> None:
    found = causes(answer)

    assert (found["clock-outside"], found["order-outside"]) == ("clock", "order")


def test_modes_that_an_umask_made_are_called_so(answer: Mapping[str, Any]) -> None:
    modes = {each["name"]: each["cause"] for each in answer["differences"]}

    assert modes[f"{LEAKS}many/1"] == "umask"


@pytest.mark.long
def test_each_planted_leak_is_narrowed_down_to_its_variation(planted: Planted) -> None:
    status, answer = planted.run("--variations", ",".join(name for name in VARIED if name != "cache"))

    assert status == 3
    blamed: dict[str, str | None] = {}
    for blame in answer["blame"]:
        for name in blame["names"]:  # the order of a directory follows from the file system too, which is tried later
            short = name.removeprefix(f"layer base {LEAKS}").removesuffix(" (content)")
            blamed.setdefault(short, blame["variation"])
    wanted = {CAUSES[name]: name for name in VARIED if CAUSES[name] in PLANTED and name != "time"}
    assert {case: blamed.get(case, "") for case in wanted} == wanted
    assert (blamed["clock-day"], blamed["clock-day (mode)"]) == ("time", "umask")
    assert blamed["clock"] is blamed["random"] is None  # never the same twice, whatever is varied
