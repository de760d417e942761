"""Every operation on a store, stopped or failed at every call that it makes: nothing acknowledged is ever gone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.memory_disk import fates
from support.store_faults import OPERATIONS, Operation, Prepared, Tally, tally_lines

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


@by_operation
def test_a_power_cut_at_any_call_loses_nothing_acknowledged(operation: Operation, tally: Tally) -> None:
    prepared = Prepared.of(operation)
    for number in range(1, prepared.calls("stop") + 1):
        for outcome in prepared.stopped(number, SHORT):
            tally[operation.name, "power cut", outcome] += 1


@by_operation
@pytest.mark.parametrize("fault", ["ENOSPC", "EIO"])
def test_a_disk_that_fails_at_any_call_loses_nothing_acknowledged(
    operation: Operation, fault: str, tally: Tally
) -> None:
    prepared = Prepared.of(operation)
    for number in range(1, prepared.calls(fault) + 1):
        tally[operation.name, fault, prepared.failed(fault, number, lasting=False)] += 1


@pytest.mark.long
@by_operation
def test_power_cuts_with_many_fates_lose_nothing_acknowledged(operation: Operation, tally: Tally) -> None:
    prepared = Prepared.of(operation)
    for number in range(1, prepared.calls("stop") + 1):
        for outcome in prepared.stopped(number, LONG):
            tally[operation.name, "power cut, many fates", outcome] += 1


@pytest.mark.long
@by_operation
@pytest.mark.parametrize("fault", ["ENOSPC", "EIO"])
def test_a_disk_that_fails_from_a_call_on_loses_nothing_acknowledged(
    operation: Operation, fault: str, tally: Tally
) -> None:
    prepared = Prepared.of(operation)
    for number in range(1, prepared.calls(fault) + 1):
        tally[operation.name, f"{fault} from then on", prepared.failed(fault, number, lasting=True)] += 1
