"""What happened in a ceremony: canonical JSON, a line for each event, each naming the SHA-256 of the line before it.

There is no time, no host and no secret in it: the order is that of the lines, and what they name they name by digest.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property
from typing import Any

from asl_authority.contract import ExitStatus
from asl_authority.errors import Malformed
from asl_authority.values.canonical import Limits, canonical_bytes, read_canonical
from asl_authority.values.ceremony import MOST_STEPS, PATH_LIMIT, TAKEN_OVER, TITLE_LIMIT, Ceremony, Step
from asl_authority.values.fields import LINE, LINE_LIMIT, Fields
from asl_authority.values.finding import Finding
from asl_authority.values.kinds import Kind
from asl_authority.values.rules import Rule

PAPER = "ASL/AUTH-HOST/1"

RULES = (
    Rule("CEREMONY-RECORD-SCHEMA", PAPER, "C", "A line of a record has the members that are named for its event."),
    Rule("CEREMONY-RECORD-CHAIN", PAPER, "C", "Lines count from 1, and each names the SHA-256 of the one before it."),
    Rule("CEREMONY-RECORD-ORDER", PAPER, "C", "Steps come in order, each begun before it ends, none after the end."),
    Rule("CEREMONY-RECORD-EQUAL", PAPER, "C", "The record is that of this ceremony, by its digest."),
)  # fmt: skip

KIND = Kind("ceremony-record", limits=Limits(size=64 << 10, depth=6, count=4096))
REHEARSAL_TYPE = KIND.type.replace("asl.", "asl-rehearsal.", 1)
MOST_BYTES, MOST_LINES = 4 << 20, 10_000
SHA256_BYTES = 64
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}", re.ASCII)
_CHECK_ID = re.compile(r"[A-Z][A-Z0-9-]{0,59}", re.ASCII)
_WORDS = re.compile(r"[a-z]+(?: [a-z]+)*", re.ASCII)


class Happened(StrEnum):
    """The kinds of event."""

    BEGUN = "begun"
    CONTINUED = "continued"
    STARTED = "started"
    DONE = "done"
    FAILED = "failed"
    DEVIATION = "deviation"
    ABORTED = "aborted"
    ENDED = "ended"


_MEMBERS: Mapping[Happened, tuple[str, ...]] = {
    Happened.BEGUN: ("ceremony",),
    Happened.CONTINUED: (),
    Happened.STARTED: ("step",),
    Happened.DONE: ("step", "status?", "confirmed?", "digests?", "outputs?", "head?", "people?"),
    Happened.FAILED: ("step", "status", "check_id?"),
    Happened.DEVIATION: ("step", "what", "why", "people", "goes_on"),
    Happened.ABORTED: ("step",),
    Happened.ENDED: (),
}


@dataclass(frozen=True)
class HeadSeen:
    """The head of a log that a step ended with; `words` are those for paper, where the verb says them."""

    size: int
    root: str
    words: str = ""


@dataclass(frozen=True)
class Event:
    """Something that happened at a step; which members are there, its kind says.

    `confirmed` are the digests of which two words were typed, `digests` what the verb answers, by name, `outputs` its
    new files by name with their SHA-256, `people` who read and ticked, or who stands for a deviation.
    """

    happened: Happened
    step: int = 0
    ceremony: str = ""
    status: int | None = None
    check_id: str = ""
    confirmed: tuple[str, ...] = ()
    digests: tuple[tuple[str, str], ...] = ()
    outputs: tuple[tuple[str, str], ...] = ()
    head: HeadSeen | None = None
    people: tuple[str, ...] = ()
    what: str = ""
    why: str = ""
    goes_on: bool = False

    def members(self) -> dict[str, Any]:
        """As a line says it."""
        every: dict[str, Any] = {
            "step": self.step,
            "ceremony": self.ceremony,
            "status": None if self.status is None else int(self.status),
            "check_id": self.check_id or None,
            "confirmed": list(self.confirmed) or None,
            "digests": [{"name": name, "sha256": digest} for name, digest in self.digests] or None,
            "outputs": [{"file": name, "sha256": digest} for name, digest in self.outputs] or None,
            "head": None if self.head is None else _head_members(self.head),
            "people": list(self.people) or None,
            "what": self.what,
            "why": self.why,
            "goes_on": self.goes_on,
        }
        names = [name.removesuffix("?") for name in _MEMBERS[self.happened]]
        return {"event": self.happened, **{name: every[name] for name in names if every[name] is not None}}


@dataclass(frozen=True)
class Record:
    """All that happened so far, with the SHA-256 of each line."""

    rehearsal: bool
    events: tuple[Event, ...] = ()
    lines: tuple[str, ...] = ()

    @property
    def fingerprint(self) -> str:
        """The SHA-256 of the last line, which pins all of them."""
        return self.lines[-1] if self.lines else ""

    @cached_property
    def next_step(self) -> int:
        """The first step that has not ended, from 1."""
        return 1 + sum(_closes(event) for event in self.events)

    @property
    def ended(self) -> bool:
        """Whether nothing more can follow."""
        return bool(self.events) and self.events[-1].happened is Happened.ENDED

    @property
    def left_open(self) -> bool:
        """Whether the record stops while a verb was running: nobody knows what became of it."""
        stops = (Happened.ABORTED, Happened.CONTINUED)
        last = next((event for event in reversed(self.events) if event.happened not in stops), None)
        return last is not None and last.happened is Happened.STARTED

    def of_step(self, number: int) -> tuple[Event, ...]:
        """What happened at a step."""
        return tuple(event for event in self.events if event.step == number)

    def done(self, number: int) -> Event | None:
        """How a step ended, unless it ended otherwise."""
        return next((event for event in self.of_step(number) if event.happened is Happened.DONE), None)

    def filled(self, step: Step) -> Step:
        """The step, with the digests that it takes over from earlier ones; a word that nothing answers stays."""
        return replace(step, run=tuple(self._word(word) for word in step.run))

    def _word(self, word: str) -> str:
        found = TAKEN_OVER.fullmatch(word)
        done = None if found is None else self.done(int(found[1]))
        values = [] if done is None or found is None else [each for name, each in done.digests if name == found[2]]
        return values[-1] if values else word

    def with_event(self, event: Event) -> tuple[Record, bytes]:
        """The record after one more event, and the line to write. Raises Malformed for what can't follow."""
        _expect_order(self, event)
        chained = {"number": len(self.lines) + 1, "previous": self.fingerprint}
        line = canonical_bytes({"type": _type(self.rehearsal), **chained, **event.members()})
        digest = hashlib.sha256(line).hexdigest()
        return Record(self.rehearsal, (*self.events, event), (*self.lines, digest)), line + b"\n"


def whole_lines(data: bytes) -> bytes:
    """`data` without a last line that was not written to its end."""
    return data[: data.rfind(b"\n") + 1]


def read_record(data: bytes) -> Record:
    """The record in a file. Raises Malformed."""
    if len(data) > MOST_BYTES or data.count(b"\n") > MOST_LINES:
        raise Malformed("record: longer than any ceremony", check_id="CEREMONY-RECORD-SCHEMA")
    if not data.endswith(b"\n"):
        raise Malformed(
            "record: its last line was not written to the end",
            hint="ceremony run --continue takes that line away" if b"\n" in data else None,
            check_id="CEREMONY-RECORD-SCHEMA",
        )
    events: list[Event] = []
    lines: list[str] = []
    rehearsal = None
    for n, line in enumerate(data[:-1].split(b"\n"), 1):
        fields, is_rehearsal = _line(line, n)
        if rehearsal not in (None, is_rehearsal):
            raise fields.wrong("type", "a rehearsal and what is real in one record")
        rehearsal = is_rehearsal
        if (fields.integer("number", 1), fields.value["previous"]) != (n, lines[-1] if lines else ""):
            raise Malformed(f"record: line {n} does not follow the one before it", check_id="CEREMONY-RECORD-CHAIN")
        event = _event(fields)
        _expect_order(Record(is_rehearsal, tuple(events), tuple(lines)), event)
        events.append(event)
        lines.append(hashlib.sha256(line).hexdigest())
    return Record(bool(rehearsal), tuple(events), tuple(lines))


def check_record(record: Record, ceremony: Ceremony) -> Finding:
    """CEREMONY-RECORD-EQUAL: the record is that of this ceremony, and knows no step that it has not."""
    found = record.events[0].ceremony
    ok = found == ceremony.digest.hex() and record.rehearsal == ceremony.rehearsal
    ok = ok and record.next_step <= len(ceremony.steps) + 1
    ok = ok and (not record.ended or record.next_step == len(ceremony.steps) + 1)
    detail = f"ceremony {found}" if ok else f"the record is of another ceremony, {found}"
    return Finding("CEREMONY-RECORD-EQUAL", ok, detail)


def _closes(event: Event) -> bool:
    return event.happened is Happened.DONE or (event.happened is Happened.DEVIATION and event.goes_on)


def _type(rehearsal: bool) -> str:
    return REHEARSAL_TYPE if rehearsal else KIND.type


def _line(data: bytes, n: int) -> tuple[Fields, bool]:
    value = read_canonical(data, KIND.limits)
    what = f"record: line {n}"
    try:
        happened = Happened(str(value.get("event")))
    except ValueError:
        raise Malformed(f"{what}: no such event", check_id="CEREMONY-RECORD-SCHEMA") from None
    fields = Fields(value, ("type", "number", "previous", "event", *_MEMBERS[happened]), what, KIND.schema_id)
    if fields.value["type"] not in (KIND.type, REHEARSAL_TYPE):
        raise fields.wrong("type", f"expected {KIND.type} or {REHEARSAL_TYPE}")
    return fields, fields.value["type"] == REHEARSAL_TYPE


def _event(fields: Fields) -> Event:
    has = fields.has
    head = fields.within("head", ("size", "root", "words?")) if has("head") else None
    return Event(
        Happened(fields.value["event"]),
        fields.integer("step", 1, MOST_STEPS) if has("step") else 0,
        fields.sha256("ceremony") if has("ceremony") else "",
        fields.integer("status", 0, max(ExitStatus)) if has("status") else None,
        fields.text("check_id", _CHECK_ID) if has("check_id") else "",
        _texts(fields, "confirmed"),
        _named(fields, "digests", "name"),
        _named(fields, "outputs", "file"),
        None if head is None else _head(head),
        _texts(fields, "people"),
        fields.text("what", LINE, LINE_LIMIT) if has("what") else "",
        fields.text("why", LINE, LINE_LIMIT) if has("why") else "",
        fields.flag("goes_on") if has("goes_on") else False,
    )


def _texts(fields: Fields, name: str) -> tuple[str, ...]:
    """The digests or names in an optional array, which is absent rather than empty."""
    if not fields.has(name):
        return ()
    items = fields.items(name, MOST_STEPS)
    every = Fields(
        {str(n): item for n, item in enumerate(items)},
        tuple(str(n) for n in range(len(items))),
        f"{fields.what}.{name}",
        fields.check_id,
    )
    if not items:
        raise fields.wrong(name, "expected something, or no such member")
    read = every.sha256 if name == "confirmed" else lambda each: every.text(each, LINE, TITLE_LIMIT)
    return tuple(read(str(n)) for n in range(len(items)))


def _named(fields: Fields, name: str, key: str) -> tuple[tuple[str, str], ...]:
    if not fields.has(name):
        return ()
    found = fields.objects(name, (key, "sha256"), MOST_LINES)
    if not found:
        raise fields.wrong(name, "expected something, or no such member")
    pattern, limit = (_NAME, LINE_LIMIT) if key == "name" else (LINE, PATH_LIMIT)
    return tuple((each.text(key, pattern, limit), each.sha256("sha256")) for each in found)


def _head(fields: Fields) -> HeadSeen:
    return HeadSeen(
        fields.integer("size"), fields.sha256("root"), fields.text("words", _WORDS) if fields.has("words") else ""
    )


def _head_members(head: HeadSeen) -> dict[str, Any]:
    return {"size": head.size, "root": head.root, **({"words": head.words} if head.words else {})}


def _expect_order(record: Record, event: Event) -> None:
    """What may follow what. Raises Malformed."""
    last = record.events[-1].happened if record.events else None
    at_step = event.step in (0, record.next_step)
    running = last is Happened.STARTED
    fits = {
        Happened.BEGUN: last is None,
        Happened.CONTINUED: last is not None,
        Happened.STARTED: not running,
        Happened.DONE: running == (event.status is not None),
        Happened.FAILED: True,
        Happened.DEVIATION: not running,
        Happened.ABORTED: True,
        Happened.ENDED: not running,
    }[event.happened]
    stopped = last is Happened.ABORTED and event.happened is not Happened.CONTINUED
    begins = (last is None) != (event.happened is Happened.BEGUN)
    if not fits or not at_step or stopped or begins or record.ended:
        what = f"{event.happened} of step {event.step}" if event.step else event.happened
        after = "at the beginning" if last is None else f"after {last}"
        due = "" if at_step else f": step {record.next_step} is next"
        raise Malformed(
            f"record: line {len(record.events) + 1}: {what} can't stand {after}{due}", check_id="CEREMONY-RECORD-ORDER"
        )
