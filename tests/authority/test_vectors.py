"""The published vectors are current, and every reader takes and refuses what they say."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from asl_authority import values
from asl_authority.errors import Malformed
from support.published import FOLDER, Bad, Good, Vectors, published, reader_of, samples

GOOD, BAD = published()
MADE = dict(samples())
# Readers of formats in which one value has several texts.
SEVERAL_TEXTS = {case.reader for case in GOOD if "canonical" in case.says}


def check_ids() -> set[str]:
    """The id of every rule, and of the form of every kind."""
    modules = [importlib.import_module(f"{values.__name__}.{m.name}") for m in pkgutil.iter_modules(values.__path__)]
    return {rule.check_id for module in modules for rule in getattr(module, "RULES", ())}


def outcome(reader: str, data: bytes) -> tuple[str, bytes]:
    """The check that refused the bytes, or what they are when written again."""
    try:
        value = reader_of(reader)(data)
    except Malformed as refusal:
        return refusal.check_id, b""
    written: bytes = value.to_bytes()
    return "", written


def named(cases: Iterable[Good | Bad]) -> list[str]:
    return [f"{case.reader}: {case.name}" for case in cases]


@pytest.mark.parametrize(("name", "made"), MADE.items(), ids=list(MADE))
def test_the_published_file_is_what_the_samples_make(name: str, made: Vectors) -> None:
    assert (FOLDER / f"{name}.json").read_text() == made.to_text(), "run python -m support.published"


@pytest.mark.parametrize("case", GOOD, ids=named(GOOD))
def test_a_good_vector_is_read_and_written_as_the_same_bytes(case: Good) -> None:
    canonical = case.says.get("canonical")

    assert outcome(case.reader, case.data) == ("", case.data if canonical is None else canonical.encode())


@pytest.mark.parametrize("case", BAD, ids=named(BAD))
def test_a_bad_vector_is_refused_by_the_check_that_it_names(case: Bad) -> None:
    assert outcome(case.reader, case.data)[0] == case.check_id


@settings(max_examples=400, deadline=None)
@given(some.data())
def test_a_changed_vector_is_read_exactly_or_refused_by_a_rule(data: some.DataObject) -> None:
    case = data.draw(some.sampled_from(GOOD + BAD))
    start = data.draw(some.integers(0, len(case.data)))
    end = data.draw(some.integers(start, min(start + 8, len(case.data))))
    piece = data.draw(some.sampled_from([b"", b"0", b'"', b"{", b"\n", b"\xff", b"null"]) | some.binary(max_size=4))
    changed = case.data[:start] + piece + case.data[end:]

    check_id, written = outcome(case.reader, changed)

    if check_id:
        assert check_id in check_ids()
    elif case.reader not in SEVERAL_TEXTS:
        assert written == changed
