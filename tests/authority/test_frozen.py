"""Frozen values behave as those of dataclasses do, which stay the judge."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from asl_authority.values.frozen import frozen, replace

SOURCES = Path(__file__).parents[2] / "authority/src"


class Plain:
    """Three fields, the last with a default; the second is made text."""

    one: int
    two: str
    three: tuple[int, ...] = (3,)

    def __post_init__(self) -> None:
        object.__setattr__(self, "two", str(self.two))


def both() -> list[Any]:
    """The same class as one of ours and as theirs."""
    return [
        make(type("Plain", (), {name: Plain.__dict__[name] for name in ("__annotations__", "three", "__post_init__")}))
        for make in (frozen, dataclasses.dataclass(frozen=True))
    ]


OURS, THEIRS = both()


def told(cls: Any, given: tuple[Any, ...], named: dict[str, Any]) -> object:
    """The value's text, or the kind of error that making it raises."""
    try:
        return repr(cls(*given, **named))
    except TypeError:
        return TypeError


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ((1, "2"), {}),
        ((1, "2", ()), {}),
        ((1,), {"two": 2}),
        ((), {"three": (), "two": "2", "one": 1}),
        ((1,), {}),
        ((1, "2", (), 4), {}),
        ((1, "2"), {"two": "3"}),
        ((1, "2"), {"four": 4}),
    ],
)
def test_it_takes_the_arguments_that_a_dataclass_takes_and_shows_them_alike(
    given: tuple[Any, ...], named: dict[str, Any]
) -> None:
    assert told(OURS, given, named) == told(THEIRS, given, named)


def test_values_are_equal_when_class_and_all_fields_are() -> None:
    assert OURS(1, "2") == OURS(1, 2)
    assert hash(OURS(1, "2")) == hash(OURS(1, 2))
    assert OURS(1, "2") != OURS(1, "2", ())
    assert OURS(1, "2") != THEIRS(1, "2")
    assert OURS(1, "2") != (1, "2", (3,))


def test_a_value_never_changes() -> None:
    value = OURS(1, "2")

    with pytest.raises(AttributeError, match="never changes"):
        value.one = 2
    with pytest.raises(AttributeError, match="never changes"):
        value.four = 4
    with pytest.raises(AttributeError, match="never changes"):
        del value.one


def test_another_value_has_other_fields_and_is_checked_like_a_new_one() -> None:
    changed = OURS(5, "2", ())

    assert replace(OURS(1, "2", ()), one=5) == dataclasses.replace(OURS(1, "2", ()), one=5) == changed
    assert replace(changed, two=7).two == "7"
    with pytest.raises(TypeError):
        replace(changed, four=4)


def test_dataclasses_find_its_fields() -> None:
    assert dataclasses.asdict(OURS(1, "2")) == {"one": 1, "two": "2", "three": (3,)}
    assert [each.name for each in dataclasses.fields(OURS)] == ["one", "two", "three"]


def test_what_the_class_says_itself_stays() -> None:
    @frozen
    class Secret:
        seed: bytes

        def __repr__(self) -> str:
            return "not shown"

    assert repr(Secret(b"x")) == "not shown"


def test_verifying_a_dam_loads_no_dataclasses() -> None:
    modules = (
        *("asl_authority.values.dam", "asl_authority.operations.artifacts", "asl_authority.operations.root_chain"),
        *("asl_authority.front.ui", "asl_authority.front.verbs.dam", "asl_authority.front.signing"),
    )
    code = (
        f"import sys; sys.path.insert(0, {str(SOURCES)!r})\n"
        f"import {', '.join(modules)}\n"
        "print(*sorted({'cryptography', 'dataclasses', 'yaml', 'textwrap'} & sys.modules.keys()))"
    )

    done = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "\n"
