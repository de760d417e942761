"""The project's own files: as git has them, as they lie there, or as the list names them."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from asl_image.checkout import PARTS, find_checkout
from asl_image.errors import ConfigError, ProgramFailed
from asl_image.runner import Runner

HOUSE = Path(__file__).parents[2]
FILES = ("build.py", "profiles/try.yaml", "overlays/base/root/etc/issue", "src/asl_image/cli.py", ".gitignore")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in FILES:
        (tmp_path / "project" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "project" / name).write_text(f"{name}\n")
    (tmp_path / "project/.gitignore").write_text("*.log\n__pycache__/\n/build/\n")
    return tmp_path / "project"


def git(root: Path, *words: str) -> None:
    who = {
        "GIT_AUTHOR_NAME": "a",
        "GIT_AUTHOR_EMAIL": "a@b.c",
        "GIT_COMMITTER_NAME": "a",
        "GIT_COMMITTER_EMAIL": "a@b.c",
    }
    env = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", **who}
    subprocess.run(["git", "-C", str(root), *words], check=True, capture_output=True, env=env)


@pytest.fixture
def committed(root: Path) -> Path:
    git(root, "init", "-q")
    git(root, "add", "-A")
    git(root, "commit", "-qm", "first")
    return root


def look(root: Path) -> tuple[str, str | None, set[str]]:
    found = find_checkout(root, root / "profiles", Runner(root.parent / "log"))
    assert all(path.exists() for path in found.files.values())
    return found.state, found.commit, set(found.files)


def test_a_clean_checkout_is_its_tracked_files_and_its_commit(committed: Path) -> None:
    (committed / "build").mkdir()
    (committed / "build/some.iso").touch()
    (committed / "note.log").touch()
    state, commit, files = look(committed)

    assert (state, files) == ("clean", set(FILES))
    assert commit is not None
    assert len(commit) == 40


@pytest.mark.parametrize("name", ["build.py", "overlays/base/root/etc/motd", "docs/new.md"])
def test_a_changed_or_a_new_file_makes_it_dirty_and_is_taken_as_it_lies_there(committed: Path, name: str) -> None:
    (committed / name).parent.mkdir(exist_ok=True)
    (committed / name).write_text("changed\n")
    state, _, files = look(committed)

    assert (state, files) == ("dirty", {*FILES, name})


def test_a_removed_file_makes_it_dirty_and_is_left_out(committed: Path) -> None:
    (committed / "profiles/try.yaml").unlink()

    assert look(committed)[::2] == ("dirty", {*FILES} - {"profiles/try.yaml"})


def test_what_git_ignores_and_a_build_reads_comes_too(committed: Path) -> None:
    (committed / "overlays/base/root/boot.log").touch()
    (committed / "src/asl_image/__pycache__").mkdir()
    (committed / "src/asl_image/__pycache__/cli.pyc").touch()

    (committed / "overlays/base/root/__pycache__").mkdir()
    (committed / "overlays/base/root/__pycache__/x.pyc").touch()
    read = {"overlays/base/root/boot.log", "overlays/base/root/__pycache__/x.pyc"}

    assert look(committed)[2] == {*FILES, *read}


@pytest.mark.parametrize("name", ["alice.key", "smoke.kit.tar", "received/authority.iso"])
def test_what_lies_in_a_checkout_and_is_nothing_of_the_project_is_left_alone(committed: Path, name: str) -> None:
    (committed / name).parent.mkdir(exist_ok=True)
    (committed / name).touch()

    assert look(committed)[::2] == ("clean", {*FILES})


def test_without_git_it_is_what_the_list_names_even_inside_somebody_s_checkout(root: Path) -> None:
    git(root.parent, "init", "-q")
    (root / "secret.txt").touch()

    assert look(root) == ("none", None, set(FILES))


def test_profiles_from_elsewhere_take_the_place_of_the_project_s_own(committed: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/other.yaml").touch()
    found = find_checkout(committed, tmp_path / "mine", Runner(tmp_path / "log"))

    assert found.state == "dirty"
    assert set(found.files) == {*FILES} - {"profiles/try.yaml"} | {"profiles/other.yaml"}


def test_a_checkout_that_git_can_t_read_is_not_guessed_at(root: Path) -> None:
    (root / ".git").mkdir()

    with pytest.raises(ProgramFailed):
        look(root)


def test_a_pipe_among_the_sources_is_refused(root: Path) -> None:
    os.mkfifo(root / "overlays/base/pipe")

    with pytest.raises(ConfigError, match="neither a file"):
        look(root)


def test_the_list_covers_the_whole_project() -> None:
    argv = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(argv, cwd=HOUSE, capture_output=True, check=True, text=True).stdout
    missed = {name.split("/")[0] for name in listed.split("\0") if name} - set(PARTS)

    assert missed == set(), "add it to PARTS in checkout.py"
