"""What runs and why; and that a build's results appear whole or not at all."""

from __future__ import annotations

import errno
import io
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from asl_image.cache import Cache
from asl_image.errors import CheckFailed, IoFailed, ProgramFailed, Refused
from asl_image.execute import Decision, Stamp, decide, decide_on_sound, execute
from asl_image.lock import Lock
from asl_image.plan import Inputs, Plan, make_plan
from asl_image.programs import RECORD
from asl_image.screen import Screen
from asl_image.step import Act, Site, Step
from asl_image.steps.evidence import RESULTS
from asl_image.steps.tools_tree import ToolsTree
from support.plans import locked_package, tiny_hooks, tiny_inputs, tiny_lock, tiny_overlay

AT_THE_END = ("boot-tree", "iso", "file-list", "manifest", "evidence")


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache", "authority")


def built(inputs: Inputs, cache: Cache) -> Stamp:
    """What a whole build of these inputs leaves: a stamp, and kept results."""
    plan = make_plan(inputs)
    ids = plan.ids()
    for step in plan.steps:
        if step.outputs():
            (cache.root / ("shared" if step.shared else "authority") / step.name() / ids[step.name()]).mkdir(
                parents=True, exist_ok=True
            )
    return Stamp(ids, {step.name(): step.facts() for step in plan.steps}, {})


def decided(inputs: Inputs, cache: Cache, stamp: Stamp | None, *, up_to_date: bool = False) -> dict[str, Decision]:
    plan = make_plan(inputs)
    return {each.step.name(): each for each in decide(plan, plan.ids(), cache, stamp, up_to_date=up_to_date)}


def named(decisions: dict[str, Decision], action: str) -> set[str]:
    return {name for name, decision in decisions.items() if decision.action == action}


def test_at_first_everything_runs_and_says_that_it_is_new(cache: Cache) -> None:
    decisions = decided(tiny_inputs(), cache, None)

    assert named(decisions, "run") == set(decisions)
    assert {decision.reason for decision in decisions.values()} == {"it has not run here before"}


def test_of_an_image_that_is_up_to_date_nothing_runs(cache: Cache) -> None:
    stamp = built(tiny_inputs(), cache)
    decisions = decided(tiny_inputs(), cache, stamp, up_to_date=True)

    assert named(decisions, "skip") == set(decisions)


def test_a_changed_overlay_reruns_its_layer_and_the_medium_and_lays_no_root_tree_out(cache: Cache) -> None:
    stamp = built(tiny_inputs(), cache)
    decisions = decided(tiny_inputs(overlays=(tiny_overlay(files={"root/etc/x": b"x"}),)), cache, stamp)

    assert named(decisions, "run") == {"files", "layer-overlay", *AT_THE_END}
    assert named(decisions, "reuse") == {"tools-tree", "kernel", "layer-base", "layer-tools", "sbom", "initramfs"}
    assert decisions["files"].reason == "overlays.base changed"
    assert decisions["layer-overlay"].reason == "files is new"
    assert decisions["root"].reason == "nothing that runs needs it"


def test_a_changed_hook_reruns_from_there_on_the_kept_root_tree(cache: Cache) -> None:
    stamp = built(tiny_inputs(), cache)
    decisions = decided(tiny_inputs(hooks=tiny_hooks("#!/bin/bash\nset -eu\ntrue\n")), cache, stamp)

    after = {"kernel", "kernel-modules", "clean", "layer-base", "initramfs", "files", "layer-overlay", *AT_THE_END}
    assert named(decisions, "run") == {"hooks-finalise", *after}
    assert named(decisions, "reuse") == {"tools-tree", "root", "layer-tools", "sbom"}
    assert decisions["hooks-finalise"].reason == "scripts changed"
    assert decisions["kernel"].reason == "hooks-finalise is new"


def test_a_new_version_of_a_package_is_named(cache: Cache) -> None:
    stamp = built(tiny_inputs(), cache)
    packages = [locked_package("bash", "2"), locked_package("libc6"), locked_package("linux-image-amd64")]
    decisions = decided(tiny_inputs(lock=tiny_lock("authority", packages)), cache, stamp)

    assert decisions["root"].reason == "packages.bash changed"


def test_a_kept_result_brings_in_what_it_takes_to_lay_it_out(cache: Cache) -> None:
    """Packing our own program needs the root tree; restoring that needs the tools tree, which nothing else asks for."""
    inputs = tiny_inputs()
    plan = make_plan(inputs)
    last = plan.step("tools")
    only_tools = Plan("authority", tuple(step for step in plan.steps if step.name() in ("tools-tree", "root", "tools")))
    built(inputs, cache)

    decisions = decide(only_tools, only_tools.ids(), cache, None, up_to_date=False)

    assert [(each.step.name(), each.action) for each in decisions] == [
        ("tools-tree", "reuse"),
        ("root", "reuse"),
        (last.name(), "run"),
    ]


def test_a_kept_result_that_was_cleared_is_made_again_and_said(cache: Cache) -> None:
    stamp = built(tiny_inputs(), cache)
    (cache.root / "authority/initramfs" / stamp.ids["initramfs"]).rmdir()
    decisions = decided(tiny_inputs(), cache, stamp)

    assert decisions["initramfs"].reason == "boot-tree needs it, and its result is not kept"
    assert decisions["kernel-modules"].reason == "initramfs needs it"


def test_a_change_of_the_code_alone_is_said(cache: Cache) -> None:
    stamp = built(tiny_inputs(), cache)
    other = replace(stamp, ids={**stamp.ids, "iso": "0" * 64})
    decisions = decided(tiny_inputs(), cache, other)

    assert decisions["iso"].reason == "the step's own code changed"


# --- carrying out --------------------------------------------------------------------------------


@dataclass
class FakeSite:
    """A site without a program or a mount; keeps what happened."""

    home: Path
    events: list[str] = field(default_factory=list)
    seen: str = ""

    @property
    def work(self) -> Path:
        return self.home / "scratch"

    @property
    def tools_tree(self) -> Path:
        return self.home / "tools"

    @contextmanager
    def opened(self) -> Iterator[None]:
        self.work.mkdir(parents=True)
        try:
            yield
        finally:
            for path in sorted(self.home.rglob("*"), reverse=True):
                path.rmdir() if path.is_dir() else path.unlink()
            self.home.rmdir()

    @contextmanager
    def tools_mounted(self, tree: Path) -> Iterator[None]:
        self.events.append(f"mounted {tree.name}")
        yield
        self.events.append("unmounted")

    def settle(self) -> None:
        if self.seen:
            raise Refused(self.seen)

    def act(self, act: Act) -> None:
        raise NotImplementedError

    def read(self, act: Act) -> str:
        raise NotImplementedError

    def repository(self, lock: Lock) -> Path:
        raise NotImplementedError

    def stored(self, sha256: str, name: str) -> Path:
        raise NotImplementedError

    def note(self, text: str) -> None:
        raise NotImplementedError


@dataclass(frozen=True)
class FakeTools(ToolsTree):
    def run(self, site: Site) -> None:
        (site.work / "tools-tree").mkdir()
        (site.work / RECORD).touch()


@dataclass(frozen=True)
class Writes(Step):
    """Writes files that say what was read."""

    title: str
    below: tuple[str, ...]
    files: tuple[tuple[str, str], ...]
    kept: bool = False
    fails: str = ""
    wrong: str = ""

    def name(self) -> str:
        return self.title

    def needs(self) -> tuple[str, ...]:
        return self.below

    def outputs(self) -> tuple[str, ...]:
        return tuple(name for name, _ in self.files) if self.kept else ()

    def describe(self) -> tuple[str, ...]:
        return ()

    def check(self, site: Site) -> None:
        if self.wrong:
            raise CheckFailed(self.wrong)

    def run(self, site: Site) -> None:
        if self.fails == "clock":
            time.time()
            return
        if self.fails == "disk":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        if self.fails == "program":
            raise ProgramFailed("mksquashfs ended with status 1", details=("write: No space left on device",))
        if self.fails:
            raise ProgramFailed(self.fails)
        for name, text in self.files:
            (site.work / name).write_text(text)


def toy_plan(text: str = "1", fails: str = "", wrong: str = "") -> Plan:
    results = tuple((name, text if name == "image.iso" else "{}") for name in RESULTS)
    return Plan(
        "toy",
        (
            FakeTools(tiny_lock("tools-tree", [])),
            Writes("layer", ("tools-tree",), (("layer", "kept"),), kept=True),
            Writes("image", ("tools-tree", "layer"), results, fails=fails, wrong=wrong),
        ),
    )


@dataclass
class Toy:
    """A toy profile's build folder."""

    folder: Path
    cache: Cache
    site: FakeSite
    said: io.StringIO = field(default_factory=io.StringIO)

    def build(self, plan: Plan, *, release: bool = False) -> list[str]:
        screen = Screen(io.StringIO(), self.said)
        decisions = decide_on_sound(plan, plan.ids(), self.cache, Stamp.read(self.folder), screen, release=release)
        execute(plan, decisions, self.site, self.cache, screen, self.folder)
        return [f"{each.action} {each.step.name()}" for each in decisions]

    def up_to_date(self, plan: Plan) -> bool:
        stamp = Stamp.read(self.folder)
        return stamp is not None and stamp.fits(self.folder, plan.ids())

    def files(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in self.folder.iterdir()}


@pytest.fixture
def toy(tmp_path: Path) -> Toy:
    folder = tmp_path / "toy"
    folder.mkdir()
    return Toy(folder, Cache(tmp_path / "cache", "toy"), FakeSite(folder / "work"))


def test_a_build_leaves_the_results_and_a_stamp_that_fits_them(toy: Toy) -> None:
    assert toy.build(toy_plan()) == ["run tools-tree", "run layer", "run image"]
    assert sorted(toy.files()) == sorted(["build.json", *(name.format(profile="toy") for name in RESULTS.values())])
    assert toy.site.events == ["mounted tools-tree", "unmounted"]
    assert toy.up_to_date(toy_plan())
    assert not toy.up_to_date(toy_plan("2"))


def test_the_next_build_takes_from_the_cache_what_did_not_change(toy: Toy) -> None:
    toy.build(toy_plan())

    assert toy.build(toy_plan("2")) == ["reuse tools-tree", "reuse layer", "run image"]
    assert toy.files()["toy.iso"] == b"2"
    assert toy.site.events[2:] == ["mounted tools-tree", "unmounted"]


def damage(toy: Toy, how: str) -> None:
    """Spoil what the cache has of the step `layer`."""
    kept = next((toy.cache.root / "toy/layer").iterdir())
    if how == "flipped":
        (kept / "layer").write_bytes(b"k\x64pt")
    else:
        (kept / "kept.json").unlink()


@pytest.mark.parametrize(
    ("how", "words"), [("flipped", "layer is not what was kept"), ("undigested", "no digest was kept with it")]
)
def test_a_kept_result_that_is_damaged_is_named_and_made_again(toy: Toy, how: str, words: str) -> None:
    toy.build(toy_plan())
    damage(toy, how)

    assert toy.build(toy_plan("2")) == ["reuse tools-tree", "run layer", "run image"]
    assert f"layer: its kept result is not used and is made again: {words}" in toy.said.getvalue()
    assert toy.build(toy_plan("3")) == ["reuse tools-tree", "reuse layer", "run image"]


@pytest.mark.parametrize(
    ("how", "words"), [("flipped", "layer is not what was kept"), ("undigested", "no digest was kept with it")]
)
def test_a_release_is_not_made_from_a_damaged_result_and_leaves_everything_as_it_was(
    toy: Toy, how: str, words: str
) -> None:
    toy.build(toy_plan())
    damage(toy, how)
    before = toy.files()

    with pytest.raises(CheckFailed) as caught:
        toy.build(toy_plan("2"), release=True)

    assert caught.value.details == (f"layer: {words}",)
    assert toy.files() == before
    assert len(list((toy.cache.root / "toy/layer").iterdir())) == 1


@pytest.mark.parametrize("change", ["touched", "gone", "replaced"])
def test_an_image_that_somebody_changed_is_not_up_to_date(toy: Toy, change: str) -> None:
    toy.build(toy_plan())
    iso = toy.folder / "toy.iso"
    if change == "touched":
        os.utime(iso, (5, 5))
    else:
        iso.unlink()
    if change == "replaced":
        iso.write_bytes(b"1")

    assert not toy.up_to_date(toy_plan())


@pytest.mark.parametrize("text", ["", "{", '{"ids": {}}', "[]"])
def test_a_stamp_that_can_t_be_read_is_no_stamp(toy: Toy, text: str) -> None:
    (toy.folder / "build.json").write_text(text)

    assert Stamp.read(toy.folder) is None


def test_a_step_that_fails_leaves_the_older_results_as_they_were_and_no_scratch(toy: Toy) -> None:
    toy.build(toy_plan())
    before = toy.files()

    with pytest.raises(ProgramFailed, match="xorriso ended"):
        toy.build(toy_plan("2", fails="xorriso ended with status 5"))

    assert toy.files() == before
    assert toy.up_to_date(toy_plan())
    assert not toy.site.home.exists()


def test_a_step_that_reads_the_clock_is_named_and_leaves_the_older_results_as_they_were(toy: Toy) -> None:
    toy.build(toy_plan())
    before = toy.files()

    with pytest.raises(Refused, match="image: the step reads the clock") as caught:
        toy.build(toy_plan("2", fails="clock"))

    assert f"time at {__file__}:" in caught.value.details[0]
    assert toy.files() == before


def test_what_a_guard_has_seen_after_the_last_program_still_stops_the_build(toy: Toy) -> None:
    toy.build(toy_plan())
    before = toy.files()
    toy.site.seen = "a program that a hook left running reaches for a network"

    with pytest.raises(Refused, match="left running"):
        toy.build(toy_plan("2"))

    assert toy.files() == before


@pytest.mark.parametrize("fails", ["disk", "program"])
def test_a_full_disk_is_named_whoever_met_it(toy: Toy, fails: str) -> None:
    with pytest.raises(IoFailed, match="image: the disk is full") as caught:
        toy.build(toy_plan(fails=fails))

    assert "--build DIR" in str(caught.value.hint)
    assert toy.files() == {}


def test_what_can_be_seen_to_be_wrong_stops_a_build_before_its_first_step(toy: Toy) -> None:
    with pytest.raises(CheckFailed, match="sops: flipped"):
        toy.build(toy_plan(wrong="sops: flipped"))

    assert toy.site.events == []
    assert not (toy.cache.root / "shared").exists()
