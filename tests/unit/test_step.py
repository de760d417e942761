"""A step's id: every field counts, and nothing else does."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from asl_image.profile import Iso
from asl_image.step import FRAME, Act, Site, Step, code_digest, plain, step_id

HOUSE = Path(__file__).parents[2]
LABEL_A = Iso(label="A")
LABEL_B = Iso(label="B")


@dataclass(frozen=True)
class Toy(Step):
    """A step with a field of each kind."""

    text: str = "a"
    number: int = 1
    words: tuple[str, ...] = ("a", "b")
    names: Mapping[str, int] | None = None
    iso: Iso = LABEL_A

    def name(self) -> str:
        return "toy"

    def needs(self) -> tuple[str, ...]:
        return ("below",)

    def describe(self) -> tuple[str, ...]:
        return ()

    def run(self, site: Site) -> None:
        raise NotImplementedError


def id_of(step: Step, below: str = "1", code: str = "") -> str:
    return step_id(step, {"below": below}, code)


@pytest.mark.parametrize(
    "change",
    [{"text": "b"}, {"number": 2}, {"words": ("b", "a")}, {"names": {"a": 1}}, {"iso": LABEL_B}],
    ids=str,
)
def test_each_field_changes_the_id(change: dict[str, object]) -> None:
    assert id_of(replace(Toy(), **change)) != id_of(Toy())  # type: ignore[arg-type]


def test_what_is_needed_and_the_code_change_the_id() -> None:
    assert len({id_of(Toy()), id_of(Toy(), below="2"), id_of(Toy(), code="x")}) == 3


def test_the_order_in_which_a_mapping_was_filled_does_not_matter() -> None:
    assert id_of(Toy(names={"a": 1, "b": 2})) == id_of(Toy(names={"b": 2, "a": 1}))


def test_a_field_that_has_no_plain_form_is_refused() -> None:
    with pytest.raises(TypeError, match="object has no place in a step's id"):
        plain(object())


PRINT_IDS = """
import sys
sys.path[:0] = ["src", "authority/src", "tests"]
from support.plans import tiny_inputs
from asl_image.plan import make_plan
print(sorted(make_plan(tiny_inputs()).ids().items()))
"""


def test_ids_are_the_same_in_another_process_with_another_hash_seed_and_place() -> None:
    said = [
        subprocess.run(
            [sys.executable, "-c", PRINT_IDS],
            env={**os.environ, "PYTHONHASHSEED": seed, "TZ": zone, "HOME": home},
            cwd=HOUSE,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed, zone, home in (("1", "UTC", "/"), ("2", "Asia/Tokyo", "/nowhere"))
    ]

    assert said[0] == said[1]
    assert "boot-tree" in said[0]


@pytest.mark.parametrize(
    ("step", "used"),
    [
        ("kernel_modules", "asl_image.kernel"),
        ("tools", "asl_image.pack"),
        ("files", "asl_image.overlay"),
        ("hook_phase", "asl_image.hooks"),
        ("boot_tree", "asl_image.steps.layer"),
        ("tools", "asl_authority.contract"),
        ("root", "asl_image.site"),
        ("root", "asl_image.repository"),
        ("tools_tree", "asl_image.deb"),
        ("tools_tree", "asl_image.programs"),
        ("layer", "asl_image.tree_writer"),
    ],
)
def test_the_code_that_a_step_uses_counts_as_its_own(step: str, used: str) -> None:
    module = f"asl_image.steps.{step}"

    assert code_digest(module) != code_digest(module, FRAME | {used})


def test_an_act_is_shown_as_a_person_would_type_it() -> None:
    act = Act(("sqfstar", "a b"), env={"B": "2 3", "A": "1"}, stdin="in.tar", stdout="iso/out")

    assert act.line() == "tools: A=1 B='2 3' sqfstar 'a b' < /work/in.tar > /work/iso/out"
