"""What `build`, `plan` and `explain` refuse before anything is touched, with status and words."""

from __future__ import annotations

import io
import shutil
from pathlib import Path

import pytest

from asl_image.cli import run
from asl_image.screen import Screen
from asl_image.site import private_argv
from asl_image.verbs import House

HOUSE = Path(__file__).parents[2]


@pytest.fixture
def house(tmp_path: Path) -> House:
    """This project's profiles, overlays and hooks, to be changed; and an empty build folder."""
    shutil.copytree(HOUSE / "profiles", tmp_path / "profiles")
    for name in ("overlays", "hooks", "authority"):
        (tmp_path / name).symlink_to(HOUSE / name)
    return House(tmp_path, tmp_path / "profiles", tmp_path / "build", Screen(io.StringIO(), io.StringIO()), {})


def said(house: House, *argv: str) -> tuple[int, str]:
    status = run(argv, house)
    assert isinstance(house.screen.err, io.StringIO)
    return status, house.screen.err.getvalue()


def add(house: House, text: str) -> None:
    """One more line in the smoke profile."""
    path = house.profiles / "smoke.yaml"
    path.write_text(f"{path.read_text()}{text}\n")


@pytest.mark.parametrize("verb", ["build", "plan", "explain"])
def test_an_unknown_profile_is_status_2(house: House, verb: str) -> None:
    status, words = said(house, verb, "smok")

    assert status == 2
    assert "there is no profile 'smok'" in words
    assert "did you mean 'smoke'?" in words


@pytest.mark.parametrize("commit", ["HEAD", "22b806b", "g" * 40, "A" * 40])
def test_a_commit_that_is_no_whole_digest_is_status_2(house: House, commit: str) -> None:
    status, words = said(house, "plan", "--commit", commit, "smoke")

    assert status == 2
    assert f"--commit {commit}: not a whole git commit" in words


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("overlays: [bsae]", "overlays: 'bsae'"),
        ("hooks: [asl-user]", "hooks: 'asl-user'"),
        ("tools: [sop]", "tools: 'sop'"),
    ],
)
def test_an_unknown_overlay_hook_or_tool_is_status_2_and_named_with_its_line(
    house: House, line: str, words: str
) -> None:
    add(house, line)
    status, text = said(house, "build", "smoke")

    assert status == 2
    assert words.split(": ")[1].strip("'") in text
    assert "smoke.yaml:" in text
    assert "did you mean" in text
    assert not house.build.exists()


def test_a_lock_that_does_not_match_its_profile_is_status_4_with_every_difference(house: House) -> None:
    add(house, "packages: [sl, -grep]")
    status, text = said(house, "build", "smoke")

    assert status == 4
    assert "error: the lock of smoke does not match its profile" in text
    assert "package sl: in the profile, not in the lock" in text
    assert "package grep: in the lock, no longer in the profile" in text
    assert "hint: build.py lock smoke" in text


def test_a_lock_that_somebody_edited_is_status_2_with_its_line(house: House) -> None:
    lock = house.profiles / "smoke.lock.yaml"
    lock.write_text(lock.read_text().replace("format:", "fromat:"))
    status, text = said(house, "build", "smoke")

    assert status == 2
    assert "smoke.lock.yaml:" in text


def test_packages_that_are_not_in_the_store_are_status_4_and_listed(house: House) -> None:
    status, text = said(house, "build", "smoke")

    assert status == 4
    assert "are not in the store" in text
    assert "\n  bash " in text
    assert "hint: build.py fetch smoke" in text


def test_a_release_with_something_preloaded_is_status_2(house: House) -> None:
    status, text = said(house, "build", "smoke", "--release", "--preloaded", "x.json")

    assert status == 2
    assert "a release has nothing preloaded" in text


def test_a_build_has_no_network_and_dies_with_whoever_started_it() -> None:
    argv = private_argv(("true",), uid=0)

    assert argv[:4] == ("setpriv", "--pdeathsig", "KILL", "unshare")
    assert {"--net", "--mount", "--pid", "--kill-child"} < set(argv)
    assert "--user" not in argv


def test_an_ordinary_user_builds_in_a_user_namespace_with_a_range_of_ids() -> None:
    assert {"--user", "--map-auto", "--map-root-user"} < set(private_argv(("true",), uid=1000))
