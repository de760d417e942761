"""Whose each file is: told by package lists, by what changed while a step was at work, and never guessed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from asl_image import ownership
from asl_image.dpkgdb import package_files
from asl_image.errors import CheckFailed
from asl_image.ownership import Origin
from asl_image.tree_writer import file, scan_tree, with_parents

LISTS = {
    "base-files": "/.\n/bin\n/etc\n/usr\n/usr/bin\n",
    "libc6:amd64": "/.\n/usr\n/lib/ld.so\n/usr/lib\n",
    "dash": "/.\n/usr\n/usr/bin\n/usr/bin/sh\n/usr/bin/dash\n",
    "busybox": "/usr/bin/sh\n",
}
DIVERSIONS = "/bin/sh\n/usr/bin/sh.distrib\nbusybox\n"


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """A root tree of a few packages, as the bootstrap left it."""
    info = tmp_path / "root/var/lib/dpkg/info"
    info.mkdir(parents=True)
    for name, text in LISTS.items():
        (info / f"{name}.list").write_text(text)
    (info.parent / "diversions").write_text(DIVERSIONS)
    for name in ("usr/bin/dash", "usr/bin/sh", "usr/bin/sh.distrib", "usr/lib/ld.so", "etc/passwd"):
        (tmp_path / "root" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "root" / name).write_text(name)
    (tmp_path / "root/bin").symlink_to("usr/bin")
    ownership.begin(tmp_path)
    return tmp_path


def origins(work: Path) -> dict[str, Origin]:
    found = ownership.origins_of(work, "root")
    return {name: origin for name, origin in found.items() if not name.startswith("var")}


def test_a_package_owns_what_its_list_names_through_aliases_and_diversions() -> None:
    found = package_files(LISTS, DIVERSIONS)

    assert found["usr/lib/ld.so"] == ("libc6", "usr/lib/ld.so")
    assert found["bin"] == ("base-files", "bin")
    assert found["usr/bin/sh"] == ("busybox", "usr/bin/sh")
    assert found["usr/bin/sh.distrib"] == ("dash", "usr/bin/sh")
    assert found["usr"][0] == "base-files"
    assert "." not in found


def test_what_no_package_owns_after_the_bootstrap_was_made_by_it(work: Path) -> None:
    assert origins(work)["usr/bin/dash"] == Origin("package dash")
    assert origins(work)["usr/bin/sh.distrib"] == Origin("package dash", known_as="/usr/bin/sh")
    assert origins(work)["etc/passwd"] == Origin("generator bootstrap")


def rewrite(path: Path) -> None:
    path.write_text("another")


@pytest.mark.parametrize(
    "change",
    [rewrite, lambda path: path.chmod(0o600), lambda path: os.utime(path), lambda path: path.rename(f"{path}.old")],
    ids=["bytes", "mode", "times", "gone"],
)
def test_a_change_is_its_step_s_whose_it_is_and_nobody_s_when_none_is_at_work(work: Path, change: object) -> None:
    assert callable(change)
    with ownership.changing(work, "hook finalise (asl-tiny)"):
        rewrite(work / "root/etc/passwd")
        rewrite(work / "root/etc/new")
    change(work / "root/usr/bin/dash")

    with pytest.raises(CheckFailed, match="changed while no step was at work on it") as caught:
        origins(work)
    assert "/usr/bin/dash: no origin is known" in caught.value.details
    with pytest.raises(CheckFailed), ownership.changing(work, "generator clean"):
        pass


def test_what_a_step_makes_is_its_own_and_what_it_changes_has_two_names(work: Path) -> None:
    with ownership.changing(work, "hook finalise (asl-tiny)"):
        (work / "root/etc/new").touch()
        (work / "root/usr/bin/dash").chmod(0o700)
    with ownership.changing(work, "generator clean"):
        (work / "root/usr/bin/dash").write_text("x")
        (work / "root/usr/bin/sh").unlink()

    found = origins(work)
    assert found["etc/new"] == Origin("hook finalise (asl-tiny)")
    assert found["usr/bin/dash"] == Origin("package dash", ("hook finalise (asl-tiny)", "generator clean"))
    assert found["usr/lib/ld.so"] == Origin("package libc6")
    assert found["usr/bin"] == Origin("package base-files")
    assert "usr/bin/sh" not in found


def test_a_file_that_was_taken_away_and_made_again_is_still_its_package_s(work: Path) -> None:
    with ownership.changing(work, "generator one"):
        (work / "root/usr/bin/dash").unlink()
    with ownership.changing(work, "generator two"):
        (work / "root/usr/bin/dash").touch()

    assert origins(work)["usr/bin/dash"] == Origin("package dash", ("generator two",))


def test_a_file_made_from_another_has_its_origin_and_says_its_old_name(work: Path) -> None:
    with ownership.changing(work, "generator kernel-modules") as made_from:
        (work / "root/usr/lib/ld").touch()
        made_from["usr/lib/ld"] = "usr/lib/ld.so"

    assert origins(work)["usr/lib/ld"] == Origin("package libc6", ("generator kernel-modules",), "/usr/lib/ld.so")


def test_a_tree_without_a_record_is_refused(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()

    with pytest.raises(CheckFailed, match="no record of where its files come from"):
        ownership.unchanged(tmp_path)


def test_a_folder_of_which_nobody_spoke_is_there_for_the_first_thing_in_it(tmp_path: Path) -> None:
    ownership.record(tmp_path, "tools", {"a/c/y": "tool y 1", "a/b": "tool x 1"})

    found = ownership.origins_of(tmp_path, "tools")
    assert {name: origin.first for name, origin in found.items()} == {
        "a": "tool x 1",
        "a/b": "tool x 1",
        "a/c": "tool y 1",
        "a/c/y": "tool y 1",
    }


def test_a_file_without_an_owner_is_refused_by_name() -> None:
    entries = with_parents([file("a/stray", b"")])

    with pytest.raises(CheckFailed, match="overlay: 1 files have no owner") as caught:
        ownership.rows_of("overlay", entries, {"a": Origin("overlay base")})
    assert caught.value.details == ("/a/stray: no origin is known",)


def test_two_trees_made_in_another_order_have_the_same_rows(work: Path) -> None:
    entries = scan_tree(work / "root")
    whose = ownership.origins_of(work, "root")

    rows = ownership.rows_of("base", entries, whose)
    assert rows == ownership.rows_of("base", scan_tree(work / "root"), dict(reversed(list(whose.items()))))
    assert rows[0].path == "/bin"
