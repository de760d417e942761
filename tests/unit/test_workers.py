"""Several workers share the tests so that no machine is booted twice, and the longest do not begin last."""

from __future__ import annotations

from pathlib import Path, PurePath

import pytest

from support.workers import FILES_ALONE, LONGEST_FIRST, rank, shared_by

TESTS = Path(__file__).parents[1]


@pytest.mark.parametrize(
    ("nodeid", "together"),
    [
        ("tests/boot/test_matrix.py::test_x[uefi::usb]", "machines"),
        ("tests/image/test_tools.py::test_x[booted]", "machines"),
        ("tests/image/test_damage.py::test_x", "tests/image/test_damage.py"),
        ("tests/image/test_authority_suite.py::test_x[own]", "tests/image/test_authority_suite.py"),
        ("tests/unit/test_verify.py::test_x", "tests/unit/test_verify.py"),
        ("tests/twice/test_planted.py::test_x[clock]", "tests/twice/test_planted.py"),
    ],
)
def test_what_shares_something_is_one_workers(nodeid: str, together: str) -> None:
    assert shared_by(nodeid) == together


def test_what_takes_minutes_begins_first() -> None:
    places = [PurePath(name) for name in ("unit/test_x.py", "image/test_tools.py", "image/test_authority_suite.py")]

    assert sorted(places, key=rank) == places[::-1]


def test_what_is_told_of_files_is_there() -> None:

    assert [name for name in LONGEST_FIRST if not (TESTS / name).exists()] == []
    assert [name for name in FILES_ALONE if not (TESTS / f"image/test_{name}.py").exists()] == []
