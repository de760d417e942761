"""A release is refused with every reason in one go; each is planted in a small git checkout."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from asl_image.errors import Refused
from asl_image.plan import Inputs
from asl_image.release import release_commit
from asl_image.runner import Runner
from support.plans import tiny_inputs, tiny_profile

FILES = (
    "src/asl_image/cli.py",
    "profiles/smoke.yaml",
    "overlays/base/root/etc/hostname",
    "hooks/a/finalise.d/10-a",
    "README.md",
)


def git(root: Path, *words: str) -> str:
    who = ("-c", "user.name=A", "-c", "user.email=a@example.org")
    return subprocess.run(("git", *who, "-C", str(root), *words), check=True, capture_output=True, text=True).stdout


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A checkout with everything committed."""
    root = tmp_path / "project"
    for name in FILES:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)
    (root / ".gitignore").write_text("build/\n*.bak\n__pycache__/\n")
    git(tmp_path, "init", "-q", str(root))
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "all")
    return root


def inputs(**changes: object) -> Inputs:
    return tiny_inputs(**{"profile": tiny_profile().model_copy(update={"compression": "release"}), **changes})


def reasons(root: Path, given: Inputs | None = None, **places: Path) -> tuple[str, ...]:
    where = {"profiles": root / "profiles", "builder": root / "src/asl_image", **places}
    with pytest.raises(Refused, match="authority can't be released like this") as caught:
        release_commit(given or inputs(), {}, root, runner=Runner(root.parent / "log"), **where)
    return caught.value.details


def test_a_clean_checkout_gives_its_commit_and_is_not_touched(root: Path) -> None:
    (root / "build").mkdir()
    (root / "build/x").touch()
    (root / "src/asl_image/__pycache__").mkdir()
    (root / "src/asl_image/__pycache__/cli.cpython-313.pyc").touch()
    (root / "notes.txt").touch()  # no build reads it
    index = (root / ".git/index").read_bytes()

    found = release_commit(inputs(), {}, root, root / "profiles", Runner(root.parent / "log"), root / "src/asl_image")

    assert found == git(root, "rev-parse", "HEAD").strip()
    assert (root / ".git/index").read_bytes() == index


def in_folder(path: Path) -> None:
    path.parent.mkdir(parents=True)
    path.touch()


def change(root: Path) -> None:
    (root / "README.md").write_text("other")


def change_mode(root: Path) -> None:
    git(root, "config", "core.fileMode", "false")
    (root / "hooks/a/finalise.d/10-a").chmod(0o755)


def stage(root: Path) -> None:
    change(root)
    git(root, "add", "-A")


def hide(root: Path) -> None:
    git(root, "update-index", "--assume-unchanged", "README.md")
    change(root)


def skip(root: Path) -> None:
    git(root, "update-index", "--skip-worktree", "README.md")


DIRT: dict[str, tuple[Callable[[Path], object], str]] = {
    "a changed file": (change, "README.md: changed since the commit"),
    "a staged file": (stage, "README.md: changed since the commit"),
    "a changed mode": (change_mode, "hooks/a/finalise.d/10-a: changed since the commit"),
    "a file gone": (
        lambda root: (root / "profiles/smoke.yaml").unlink(),
        "profiles/smoke.yaml: changed since the commit",
    ),
    "an untracked file": (
        lambda root: (root / "overlays/base/root/x").touch(),
        "overlays/base/root/x: not in the commit",
    ),
    "an ignored file": (lambda root: (root / "overlays/base/x.bak").touch(), "overlays/base/x.bak: not in the commit"),
    "a compiled file in an overlay": (
        lambda root: (root / "overlays/base/root/x.pyc").touch(),
        "overlays/base/root/x.pyc: not in the commit",
    ),
    "a file in an overlay's cache": (
        lambda root: in_folder(root / "overlays/base/root/var/font_cache/x"),
        "overlays/base/root/var/font_cache/x: not in the commit",
    ),
    "a program in a folder called a cache": (
        lambda root: in_folder(root / "authority/src/a_cache/x.py"),
        "authority/src/a_cache/x.py: not in the commit",
    ),
    "a hidden change": (hide, "README.md: git is told not to look at it"),
    "a skipped file": (skip, "README.md: git is told not to look at it"),
}


@pytest.mark.parametrize("dirt", DIRT)
def test_a_checkout_that_is_another_than_its_commit_is_refused(root: Path, dirt: str) -> None:
    plant, words = DIRT[dirt]
    plant(root)

    assert words in reasons(root)


def test_every_reason_is_named_in_one_go(root: Path, tmp_path: Path) -> None:
    change(root)
    given = inputs(profile=tiny_profile(), renewed=True, commit="0" * 40)
    head = git(root, "rev-parse", "HEAD").strip()

    assert reasons(root, given, profiles=tmp_path, builder=tmp_path) == (
        "the profile's compression is 'dev', a release has 'release'",
        "its lock is a renewed one, which nobody has reviewed",
        f"the builder that runs does not lie in {root}: its own sources are not those of the commit",
        f"{tmp_path}: profiles that are not the checkout's own",
        "README.md: changed since the commit",
        f"--commit {'0' * 40}: the checkout is at {head}",
    )


def test_no_checkout_at_all_and_one_without_a_commit_are_refused(root: Path, tmp_path: Path) -> None:
    (root / ".git").rename(tmp_path / "git")
    assert reasons(root) == (f"{root} is no git checkout",)

    git(tmp_path, "init", "-q", str(root))
    (words,) = reasons(root)
    assert words.startswith("git can't read the checkout: ")


def test_an_override_is_refused_and_the_commit_may_be_said_when_it_is_the_right_one(root: Path) -> None:
    head = git(root, "rev-parse", "HEAD").strip()
    place = (root, root / "profiles", Runner(root.parent / "log"), root / "src/asl_image")

    assert release_commit(replace(inputs(), commit=head), {}, *place) == head
    with pytest.raises(Refused) as caught:
        release_commit(inputs(), {"engine": "debootstrap"}, *place)
    assert caught.value.details == ("--engine debootstrap: a release has the profile's own",)
