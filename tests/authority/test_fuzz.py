"""The fuzzer finds every reader by itself, tells a finding from a refusal, and runs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from asl_authority.errors import Malformed
from asl_authority.values.canonical import canonical_bytes, read_canonical
from support import fuzz
from support.fuzz_json import change_json
from support.fuzz_targets import MORE, Reader, Target, readers, seeds, targets, wants_more

TARGETS = targets()


def refuse(check_id: str) -> Reader:
    def read(data: bytes) -> None:
        raise Malformed("no", check_id=check_id)

    return read


def test_every_reader_of_values_is_a_target() -> None:
    missing = [name for name, _, _ in readers() if name not in TARGETS]

    assert missing == [], "a reader that wants more than bytes needs a line in MORE"
    assert {name for name, function, _ in readers() if wants_more(function)} == set(MORE)


@pytest.mark.parametrize("name", TARGETS)
def test_a_target_takes_its_seeds_and_their_halves_without_a_finding(name: str) -> None:
    assert seeds(name)
    for data in seeds(name)[:200]:
        TARGETS[name].try_bytes(data)
        TARGETS[name].try_bytes(data[: len(data) // 2])


@pytest.mark.parametrize(
    ("read", "ids", "error"),
    [
        (lambda data: {}[data], frozenset(), KeyError),
        (lambda data: data.decode("ascii"), frozenset(), UnicodeDecodeError),
        (refuse("X-A"), frozenset({"X-B"}), AssertionError),
        (refuse(""), frozenset({"X-B"}), AssertionError),
        (lambda _: Path(), frozenset(), None),
        (lambda _: 1 << 20, frozenset(), None),
        (refuse("X-A"), frozenset({"X-A"}), None),
        (refuse(""), None, None),
    ],
)
def test_anything_but_a_refusal_by_a_rule_is_a_finding(
    read: Reader, ids: frozenset[str] | None, error: type[Exception] | None
) -> None:
    target = Target("x", read, ids, one_text=True)
    if error is None:
        target.try_bytes(b"\xff")
    else:
        with pytest.raises(error):
            target.try_bytes(b"\xff")


def test_a_value_that_is_written_as_other_bytes_is_a_finding_where_there_is_one_text() -> None:
    class Value:
        def to_bytes(self) -> bytes:
            return b"other"

    with pytest.raises(AssertionError, match="something else"):
        Target("x", lambda _: Value(), frozenset(), one_text=True).try_bytes(b"one")
    Target("x", lambda _: Value(), frozenset(), one_text=False).try_bytes(b"one")


def test_changed_json_differs_and_is_still_canonical() -> None:
    start = canonical_bytes({"a": {"b": ["c", 1]}, "d": True})
    changed = [each for seed in range(200) if (each := change_json(start, seed)) is not None]

    assert len({each for each in changed if each != start}) > 100
    assert all(canonical_bytes(read_canonical(each)) == each for each in changed)
    assert change_json(start, 7) == change_json(start, 7)
    assert change_json(b"no JSON", 1) is None
    sops = change_json(json.dumps({"a": {"b": 1}}, indent="\t").encode(), 4)
    assert sops is None or sops.endswith(b"}\n")


@pytest.mark.workstation
def test_atheris_runs_a_target_for_the_time_that_it_is_given() -> None:
    result = fuzz.run("snapshot.read_blocks", 1)

    assert (result.status, result.found) == (0, ())
    assert result.runs > 1000
    assert result.coverage > 10
