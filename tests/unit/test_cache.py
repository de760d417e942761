"""A result is found under its id or not at all, whole, and nothing half-made stays."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest

from asl_image.cache import KEPT, Cache
from asl_image.step import Site, Step


@dataclass(frozen=True)
class Thing(Step):
    """A step that leaves a file, or a folder."""

    left: tuple[str, ...] = ("thing",)

    def name(self) -> str:
        return "thing"

    def needs(self) -> tuple[str, ...]:
        return ()

    def outputs(self) -> tuple[str, ...]:
        return self.left

    def describe(self) -> tuple[str, ...]:
        return ()

    def run(self, site: Site) -> None:
        raise NotImplementedError


@dataclass(frozen=True)
class SharedThing(Thing):
    shared: ClassVar[bool] = True


@pytest.fixture
def work(tmp_path: Path) -> Path:
    work = tmp_path / "work"
    work.mkdir()
    (work / "thing").write_text("whole")
    return work


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache", "smoke")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


def test_what_was_kept_is_found_under_its_id_and_no_other(cache: Cache, work: Path) -> None:
    kept = cache.keep(Thing(), "1", work)

    assert (kept / "thing").read_text() == "whole"
    assert cache.find(Thing(), "1") == kept
    assert cache.find(Thing(), "2") is None
    assert Cache(cache.root, "other").find(Thing(), "1") is None


def test_a_file_stays_in_the_work_folder_and_a_folder_moves(cache: Cache, work: Path) -> None:
    (work / "tree").mkdir()
    cache.keep(Thing(("thing", "tree")), "1", work)

    assert names(work) == ["thing"]


def test_a_result_that_is_not_whole_is_not_kept(cache: Cache, work: Path) -> None:
    with pytest.raises(FileNotFoundError):
        cache.keep(Thing(("thing", "missing")), "1", work)

    assert cache.find(Thing(), "1") is None
    assert names(cache.root / "smoke/thing") == []


def test_what_another_profile_kept_first_stays(cache: Cache, work: Path) -> None:
    first = cache.keep(SharedThing(), "1", work)
    (first / "mark").touch()

    assert Cache(cache.root, "other").keep(SharedThing(), "1", work) == first
    assert names(first) == ["kept.json", "mark", "thing"]
    assert names(first.parent) == ["1"]


def flip(path: Path) -> None:
    path.write_bytes(bytes([path.read_bytes()[0] ^ 1]) + path.read_bytes()[1:])


DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "a flipped byte in a file": (lambda kept: flip(kept / "thing"), "thing is not what was kept"),
    "a flipped byte in a tree": (lambda kept: flip(kept / "tree/file"), "tree is not what was kept"),
    "a file added to a tree": (lambda kept: (kept / "tree/new").touch(), "tree is not what was kept"),
    "another mode in a tree": (lambda kept: (kept / "tree/file").chmod(0o777), "tree is not what was kept"),
    "a missing file": (lambda kept: (kept / "thing").unlink(), "it holds tree"),
    "an added file": (lambda kept: (kept / "new").touch(), "it holds new, thing, tree"),
    "no digest": (lambda kept: (kept / "kept.json").unlink(), "no digest was kept with it"),
    "a digest that is no JSON": (lambda kept: (kept / "kept.json").write_text("x"), "can't be read"),
    "a digest of something else": (lambda kept: (kept / "kept.json").write_text("[]"), "it holds thing, tree"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_kept_result_is_sound_until_somebody_changes_it(cache: Cache, work: Path, damage: str) -> None:
    (work / "tree").mkdir()
    (work / "tree/file").write_text("whole")
    step = Thing(("thing", "tree"))
    kept = cache.keep(step, "1", work)
    assert cache.problem(step, "1") is None

    change, words = DAMAGE[damage]
    change(kept)

    assert words in (cache.problem(step, "1") or "")


def test_what_is_thrown_away_is_gone_but_a_shared_tree_stays_for_whoever_uses_it(cache: Cache, work: Path) -> None:
    cache.keep(Thing(), "1", work)
    cache.keep(SharedThing(), "1", work)

    cache.discard(Thing(), "1")
    cache.discard(SharedThing(), "1")

    assert names(cache.root / "smoke/thing") == []
    assert cache.find(SharedThing(), "1") is None
    assert (cache.root / "shared/thing/.1.smoke.damaged/thing").read_text() == "whole"
    with cache.in_use():
        pass
    assert names(cache.root / "shared/thing") == []


def test_what_was_not_used_for_longest_goes_and_so_does_what_a_killed_build_left(cache: Cache, work: Path) -> None:
    for age in range(KEPT + 2):
        os.utime(cache.keep(Thing(), str(age), work), (1000 - age, 1000 - age))
    (cache.root / "smoke/thing/.9.smoke.new").mkdir()
    cache.touch(cache.root / "smoke/thing" / str(KEPT + 1))

    cache.prune((Thing(),))

    assert names(cache.root / "smoke/thing") == sorted([*map(str, range(KEPT - 1)), str(KEPT + 1)])


def test_what_is_shared_is_taken_away_only_when_nobody_else_uses_it(cache: Cache, work: Path) -> None:
    for age in range(KEPT + 1):
        os.utime(cache.keep(SharedThing(), str(age), work), (1000 - age, 1000 - age))
    home = cache.root / "shared/thing"

    with Cache(cache.root, "other").in_use():
        with cache.in_use():
            pass
        assert len(names(home)) == KEPT + 1
    assert len(names(home)) == KEPT
