"""Hold a ceremony: its steps in order, each on the record before the screen says that it is done.

What is on the screen and who answers is the desk's, what a verb does its runner's; both are handed in.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from typing import NoReturn, Protocol

from asl_authority.contract import ExitStatus
from asl_authority.errors import Aborted, Malformed, Refused
from asl_authority.storage.growing_files import shorten, write_more
from asl_authority.storage.plain_files import named, read_file, write_new
from asl_authority.values.ceremony import TAKEN_OVER, Ceremony, Does, Step
from asl_authority.values.ceremony_record import (
    MOST_BYTES,
    Event,
    Happened,
    HeadSeen,
    Record,
    check_record,
    read_record,
    whole_lines,
)

# A verb that ends so has changed nothing, so it may be run once more.
UNCHANGED = (
    *(ExitStatus.USAGE, ExitStatus.CHECK_FAILED, ExitStatus.REFUSED, ExitStatus.ABORTED),
    *(ExitStatus.UNLOCK_FAILED, ExitStatus.BUSY),
)


class Choice(Enum):
    """What becomes of a step that did not go as it is written."""

    AGAIN = "again"
    GO_ON = "deviation, go on"
    END_WITH_WORDS = "deviation, end"
    END = "end"


@dataclass(frozen=True)
class Outcome:
    """How a verb ended, and what of its answer goes on the record. `stopped`: by Ctrl-C."""

    status: ExitStatus
    text: str = ""
    check_id: str = ""
    stopped: bool = False
    confirmed: tuple[str, ...] = ()
    digests: tuple[tuple[str, str], ...] = ()
    outputs: tuple[tuple[str, str], ...] = ()
    head: HeadSeen | None = None


Verbs = Callable[[int, Step], Outcome]


class Desk(Protocol):
    """Where people sit. Every question may raise Aborted or KeyboardInterrupt."""

    def agree(self) -> None:
        """The ceremony is the one that was agreed. Raises Aborted."""

    def announce(self, number: int, step: Step) -> None:
        """Show what comes."""

    def go(self) -> bool:
        """Whether the verb that was announced is to be run."""

    def ticked(self, step: Step) -> str | None:
        """Who has seen that it is so; nobody when it is not."""

    def read_aloud(self, number: int, source: Event, fingerprint: str) -> tuple[str, ...] | None:
        """Who has read what step `number` ended with, and who has heard it; None when it was not the same."""

    def deviation(self, number: int) -> Event:
        """What happened otherwise, why, and the two who stand for it."""

    def choose(self, why: str, *, again: bool) -> Choice:
        """What becomes of the step; `again` only where nothing was changed."""

    def finished(self, number: int, outcome: Outcome | None) -> None:
        """It is on the record: now say so."""

    def noted(self, number: int) -> None:
        """A deviation is on the record."""

    def failed(self, number: int, outcome: Outcome) -> None:
        """It is on the record that it did not go."""


class Kept:
    """A record in memory, for rehearsals that nobody holds."""

    def __init__(self, record: Record) -> None:
        self.record = record

    def add(self, event: Event) -> None:
        """Keep one more event."""
        self.record, _ = self.record.with_event(event)


class OnDisk(Kept):
    """A record in a file; an event is there for good when `add` returns. `cut`: half a line was taken away."""

    def __init__(self, record: Record, path: Path, size: int, *, cut: bool = False) -> None:
        super().__init__(record)
        self.cut = cut
        self._path, self._size = path, size

    def add(self, event: Event) -> None:
        """Write one more event. Raises IoFailed, and Refused when the record's name is taken."""
        after, line = self.record.with_event(event)
        if self._size:
            write_more(self._path, line, self._size)
        else:
            if self._path.exists():
                raise taken(self._path)
            write_new(self._path, line)
        self.record, self._size = after, self._size + len(line)


def taken(path: Path) -> Refused:
    """A record is there: it is continued, or another is made."""
    return Refused(
        f"{path}: is there already; nothing is overwritten",
        hint=f"to go on with it: --continue {path}",
        check_id="PATH-TAKEN",
    )


def load_record(path: Path, ceremony: Ceremony, *, go_on: bool) -> OnDisk:
    """The record in a file; who goes on with it takes a last line that was not written to its end away.

    Raises Malformed, Refused for the record of another ceremony or one that has ended, UsageError, IoFailed.
    """
    data = read_file(path, MOST_BYTES)
    whole = whole_lines(data) if go_on else data
    if not whole:
        raise Malformed(f"{path}: not one event is in it", check_id="CEREMONY-RECORD-SCHEMA")
    with named(path):
        record = read_record(whole)
    finding = check_record(record, ceremony)
    if not finding.ok:
        raise Refused(f"{path}: {finding.detail}", check_id=finding.check_id)
    if go_on and record.ended:
        raise Refused(
            "this ceremony has ended: nothing is left to do", hint="see: ceremony report", check_id="CEREMONY-ENDED"
        )
    if len(whole) < len(data):
        shorten(path, len(whole))
    return OnDisk(record, path, len(whole), cut=len(whole) < len(data))


def hold(ceremony: Ceremony, kept: Kept, desk: Desk, verbs: Verbs) -> Record:
    """All steps that are left, and the record of it.

    Raises Aborted or KeyboardInterrupt when people end it, which is on the record then; IoFailed.
    """
    record = kept.record
    desk.agree()
    left_open = record.left_open
    kept.add(Event(Happened.CONTINUED) if record.events else Event(Happened.BEGUN, ceremony=ceremony.digest.hex()))
    try:
        for number, step in enumerate(ceremony.steps[kept.record.next_step - 1 :], kept.record.next_step):
            _hold_step(kept, desk, verbs, number, step, unknown=left_open)
            left_open = False
    except (KeyboardInterrupt, Aborted):
        kept.add(Event(Happened.ABORTED, kept.record.next_step))
        raise
    kept.add(Event(Happened.ENDED))
    return kept.record


def _hold_step(kept: Kept, desk: Desk, verbs: Verbs, number: int, step: Step, *, unknown: bool) -> None:
    step = kept.record.filled(step)
    desk.announce(number, step)
    why = "the record ends while it was running: see first what became of it" if unknown else ""
    while True:
        if not why:
            event, outcome = _try(kept, desk, verbs, number, step)
            if event is not None:
                kept.add(event)
                desk.finished(number, outcome)
                return
            why = _why(step, outcome)
            again = not _lacking(step) and (outcome is None or outcome.status in UNCHANGED)
        else:
            again = True  # nothing is ever overwritten, so what was done is refused
        match desk.choose(why, again=again):
            case Choice.AGAIN:
                why = ""
            case Choice.GO_ON:
                kept.add(desk.deviation(number))
                desk.noted(number)
                return
            case Choice.END_WITH_WORDS:
                kept.add(replace(desk.deviation(number), goes_on=False))
                desk.noted(number)
                _end(number)
            case Choice.END:
                _end(number)


def _end(number: int) -> NoReturn:
    raise Aborted(
        f"the ceremony was ended at step {number}",
        hint="to go on with it: ceremony run FILE --continue RECORD",
        check_id="CEREMONY-STOPPED",
    )


def _try(kept: Kept, desk: Desk, verbs: Verbs, number: int, step: Step) -> tuple[Event | None, Outcome | None]:
    """The event that ends the step, or None when it did not go; and how the verb ended, where one was run."""
    match step.does:
        case Does.RUN:
            return _run(kept, desk, verbs, number, step)
        case Does.DEVIATION:
            return desk.deviation(number), None
        case Does.CHECK:
            who = desk.ticked(step)
            people: tuple[str, ...] | None = None if who is None else (who,)
        case Does.READ_ALOUD:
            people = _read_aloud(kept.record, desk, step.aloud)
    if people is None:
        kept.add(Event(Happened.FAILED, number, status=ExitStatus.CHECK_FAILED))
        return None, Outcome(ExitStatus.CHECK_FAILED)
    return Event(Happened.DONE, number, people=people), None


def _run(kept: Kept, desk: Desk, verbs: Verbs, number: int, step: Step) -> tuple[Event | None, Outcome | None]:
    if _lacking(step) or not desk.go():
        return None, None
    kept.add(Event(Happened.STARTED, number))
    outcome = verbs(number, step)
    if outcome.status is ExitStatus.DONE:
        made = Event(
            Happened.DONE,
            number,
            status=outcome.status,
            confirmed=outcome.confirmed,
            digests=outcome.digests,
            outputs=outcome.outputs,
            head=outcome.head,
        )
        return made, outcome
    kept.add(Event(Happened.FAILED, number, status=outcome.status, check_id=outcome.check_id))
    if outcome.stopped:
        raise KeyboardInterrupt
    desk.failed(number, outcome)
    return None, outcome


def _read_aloud(record: Record, desk: Desk, number: int) -> tuple[str, ...] | None:
    source = record.done(number)
    if source is None:  # it was deviated from: what happened is read
        source = record.of_step(number)[-1]
    return desk.read_aloud(number, source, record.lines[record.events.index(source)])


def _lacking(step: Step) -> bool:
    return any(TAKEN_OVER.fullmatch(word) for word in step.run)


def _why(step: Step, outcome: Outcome | None) -> str:
    if _lacking(step):
        return "an earlier step has not answered what it takes over"
    if outcome is None:
        return "it was not run"
    return f"it ended with {int(outcome.status)}" if step.does is Does.RUN else "it is not as it is written"
