"""Every operation on a store, stopped or failed at every call that it makes: nothing acknowledged is ever gone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.memory_disk import Fate, fates
from support.store_faults import CALLS, OPERATIONS, Operation, Prepared, Tally, tally_lines

pytestmark = pytest.mark.any_python

HOUSE = Path(__file__).parents[3]
SHORT = fates(1)
LONG = fates(40)

by_operation = pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)


@pytest.fixture(scope="module")
def tally() -> Iterator[Tally]:
    """Counts what came out; the table goes to build/faults."""
    counted = Tally()
    yield counted
    folder = HOUSE / "build/faults"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tally.md").write_text("\n".join(tally_lines(counted)) + "\n", "utf-8")


def cut_everywhere(operation: Operation, fates: dict[str, Fate], tally: Tally, name: str) -> None:
    prepared = Prepared.of(operation)
    calls = tally[operation.name, name, CALLS] = prepared.calls("stop")
    for number in range(1, calls + 1):
        for outcome in prepared.stopped(number, fates):
            tally[operation.name, name, outcome] += 1


def fail_everywhere(operation: Operation, fault: str, tally: Tally, *, lasting: bool) -> None:
    prepared = Prepared.of(operation)
    name = f"{fault} from then on" if lasting else fault
    calls = tally[operation.name, name, CALLS] = prepared.calls(fault)
    for number in range(1, calls + 1):
        tally[operation.name, name, prepared.failed(fault, number, lasting=lasting)] += 1


@by_operation
def test_a_power_cut_at_any_call_loses_nothing_acknowledged(operation: Operation, tally: Tally) -> None:
    cut_everywhere(operation, SHORT, tally, "power cut")


@by_operation
@pytest.mark.parametrize("fault", ["ENOSPC", "EIO"])
def test_a_disk_that_fails_at_any_call_loses_nothing_acknowledged(
    operation: Operation, fault: str, tally: Tally
) -> None:
    fail_everywhere(operation, fault, tally, lasting=False)


@pytest.mark.long
@by_operation
def test_power_cuts_with_many_fates_lose_nothing_acknowledged(operation: Operation, tally: Tally) -> None:
    cut_everywhere(operation, LONG, tally, "power cut, many fates")


@pytest.mark.long
@by_operation
@pytest.mark.parametrize("fault", ["ENOSPC", "EIO"])
def test_a_disk_that_fails_from_a_call_on_loses_nothing_acknowledged(
    operation: Operation, fault: str, tally: Tally
) -> None:
    fail_everywhere(operation, fault, tally, lasting=True)
