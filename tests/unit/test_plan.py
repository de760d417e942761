"""The plan is pure, whole and readable, and an id changes with all that its step is made from."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from asl_image.hooks import HookSet
from asl_image.plan import Inputs, make_plan
from support.plans import locked_package, tiny_hooks, tiny_inputs, tiny_lock, tiny_overlay, tiny_profile

GOLDEN = Path(__file__).parents[1] / "golden" / "plan-authority.txt"
AFTER_ROOT = {"hooks-finalise", "kernel", "kernel-modules", "clean", "layer-base", "initramfs"}
FROM_BOOT_TREE = {"boot-tree", "iso", "file-list", "manifest", "evidence"}
FROM_TOOLS = {"tools", "layer-tools", "sbom", "files", "layer-overlay", *FROM_BOOT_TREE}


def same_code(module: str) -> str:
    """Stands in for the digests of the code, which a golden text must not depend on."""
    return module


def test_the_plan_reads_as_it_did_when_somebody_last_looked() -> None:
    """After a change that is meant: `UPDATE_GOLDEN=1 pytest tests/unit/test_plan.py`, and review the diff."""
    plan = make_plan(tiny_inputs())
    text = plan.text(plan.ids(same_code))
    if os.environ.get("UPDATE_GOLDEN") == "1":
        GOLDEN.write_text(text, "utf-8")

    assert text == GOLDEN.read_text("utf-8")


def test_every_step_comes_after_what_it_needs() -> None:
    seen: set[str] = set()
    for step in make_plan(tiny_inputs()).steps:
        assert set(step.needs()) | set(step.restored_with()) <= seen, step.name()
        assert step.name() not in seen
        seen.add(step.name())


def changed(inputs: Inputs) -> set[str]:
    before, after = (make_plan(each).ids(same_code) for each in (tiny_inputs(), inputs))
    return {name for name, step_id in after.items() if before.get(name) != step_id}


def test_the_same_inputs_give_the_same_ids() -> None:
    assert changed(tiny_inputs()) == set()


def test_another_overlay_file_changes_only_what_holds_it() -> None:
    overlay = tiny_overlay(files={"root/etc/issue.j2": b"another\n"})

    assert changed(tiny_inputs(overlays=(overlay,))) == {"files", "layer-overlay", *FROM_BOOT_TREE}


def test_another_hook_changes_everything_from_there() -> None:
    hooks = tiny_hooks("#!/bin/bash\nset -eu\ntrue\n")

    assert changed(tiny_inputs(hooks=hooks)) == AFTER_ROOT | {"files", "layer-overlay"} | FROM_BOOT_TREE


def test_another_package_changes_the_root_and_all_above_but_not_the_tools_tree() -> None:
    lock = tiny_lock("authority", [locked_package(name, "2") for name in ("bash", "libc6", "linux-image-amd64")])

    assert changed(tiny_inputs(lock=lock)) == {"root", "licences"} | AFTER_ROOT | FROM_TOOLS


def test_another_tools_tree_changes_every_step() -> None:
    plan = make_plan(tiny_inputs())
    tools_tree = tiny_lock("tools-tree", [locked_package("xorriso", "2")])

    assert changed(tiny_inputs(tools_tree=tools_tree)) == {step.name() for step in plan.steps}


def test_another_pin_changes_the_tools_layer_and_what_is_above() -> None:
    pinned = tiny_inputs().pinned[0]

    assert changed(tiny_inputs(pinned=(replace(pinned, version="3.12.0"),))) == FROM_TOOLS


def test_a_renewed_lock_changes_the_manifest_and_the_papers_that_go_with_it() -> None:
    assert changed(tiny_inputs(renewed=True)) == {"manifest", "evidence"}


def test_how_an_image_starts_changes_no_bill_of_materials() -> None:
    profile = tiny_profile().model_copy(update={"boot": tiny_profile().boot.model_copy(update={"timeout_s": 9})})

    assert changed(tiny_inputs(profile=profile)).isdisjoint({"sbom", "licences"})


def test_a_commit_that_a_person_names_changes_the_papers_alone() -> None:
    assert changed(tiny_inputs(commit="c" * 40)) == {"evidence"}


def test_without_a_hook_there_is_no_phase_and_the_kernel_follows_the_root() -> None:
    plan = make_plan(tiny_inputs(hooks=HookSet((), ())))

    assert [step.name() for step in plan.steps][:4] == ["tools-tree", "root", "licences", "kernel"]
    assert plan.step("kernel").needs() == ("root",)


@pytest.mark.parametrize("word", ["init=/bin/sh", "break", "systemd.debug_shell"])
def test_the_initramfs_permits_no_word_that_the_profile_did_not_say(word: str) -> None:
    text = make_plan(tiny_inputs()).step("initramfs").facts()["words"]

    assert isinstance(text, list)
    assert word not in text
    assert not any(word.startswith(known.rstrip("*")) for known in text if known.endswith("*"))


def test_a_word_of_the_profile_is_permitted_and_reaches_every_menu_entry() -> None:
    profile = tiny_profile().model_copy(
        update={"boot": tiny_profile().boot.model_copy(update={"cmdline": ("splash",)})}
    )
    plan = make_plan(tiny_inputs(profile=profile))
    values = plan.step("boot-tree").facts()["values"]

    assert isinstance(values, dict)
    assert values["cmdline"] == "splash asl.ram=2048 asl.wait=60"
    assert "splash" in str(plan.step("initramfs").facts()["words"])
