"""A ceremony's file and its record: one meaning, one digest, and a chain that nobody can cut or mend unseen."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as some

from asl_authority.errors import Malformed
from asl_authority.values import ceremony as ceremonies
from asl_authority.values import ceremony_record as records
from asl_authority.values.canonical import RULES as JSON_RULES
from asl_authority.values.canonical import canonical_bytes
from asl_authority.values.ceremony import Does, Role, read_ceremony
from asl_authority.values.ceremony_record import (
    REHEARSAL_TYPE,
    Event,
    Happened,
    Record,
    check_record,
    read_record,
    whole_lines,
)
from asl_authority.values.strict_yaml import RULES as YAML_RULES
from support.ceremony_samples import CEREMONY, DIGEST, EVENTS, TEXT, written

IDS = {rule.check_id for rules in (ceremonies, records) for rule in rules.RULES}
IDS |= {rule.check_id for rule in (*JSON_RULES, *YAML_RULES)}


def refusal(data: bytes) -> Malformed:
    with pytest.raises(Malformed) as raised:
        read_ceremony(data)
    return raised.value


def test_a_text_and_its_canonical_body_are_the_same_ceremony_with_the_same_digest() -> None:
    body = CEREMONY.to_bytes()

    assert read_ceremony(body) == CEREMONY
    assert read_ceremony(("# another comment\n" + TEXT).encode()).digest == CEREMONY.digest
    assert CEREMONY.digest == hashlib.sha256(body).digest()
    assert json.loads(body)["type"] == "asl.ceremony/1"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("title: A short one", "title: B"),
        ("version: 2", "version: 3"),
        ("seed: short", "seed: long"),
        ("name: Ben", "name: Eve"),
        ("whole.", "whole!"),
        ("minutes: 5", "minutes: 9"),
        ("--against", "--bogus"),
        ("GO TO 4", "GO TO 5"),
        ("  - {network: absent}\n", ""),
    ],
)
def test_every_parameter_is_in_the_digest(old: str, new: str) -> None:
    assert old in TEXT

    assert read_ceremony(TEXT.replace(old, new).encode()).digest != CEREMONY.digest


def test_what_a_step_does_and_who_is_there_is_understood() -> None:
    assert [step.does for step in CEREMONY.steps] == [
        Does.CHECK,
        Does.RUN,
        Does.READ_ALOUD,
        Does.DEVIATION,
        Does.RUN,
    ]
    assert CEREMONY.minutes == 15
    assert [person.name for person in CEREMONY.of_role(Role.WITNESS)] == ["Ben"]
    assert [step.sources for step in CEREMONY.steps] == [(), (), (2,), (), (2,)]
    assert CEREMONY.steps[0].say == "DO    Look at it.\nIF    it is broken\nTHEN  GO TO 4"
    assert read_ceremony(TEXT.replace("policy.yaml]", "7]").encode()).steps[1].run == ("policy", "hash", "7")


@pytest.mark.parametrize(
    ("old", "new", "check_id"),
    [
        ("title: A short one", "titel: A short one", "CEREMONY-SCHEMA"),
        ("title: A short one", f"title: {'A' * 61}", "CEREMONY-SCHEMA"),
        ("title: A short one", "type: asl.ceremony/1", "CEREMONY-SCHEMA"),
        ("version: 2", "version: 0", "CEREMONY-SCHEMA"),
        ("rehearsal: true", "rehearsal: 1", "CEREMONY-SCHEMA"),
        ("role: witness", "role: auditor", "CEREMONY-SCHEMA"),
        ("role: witness", "role: operator", "CEREMONY-PEOPLE"),
        ("role: operator", "role: witness", "CEREMONY-PEOPLE"),
        ("name: Ben", "name: ADA", "CEREMONY-PEOPLE"),
        ("seed: short\n", "", "CEREMONY-SEED"),
        ("rehearsal: true", "rehearsal: false", "CEREMONY-SEED"),
        ("seed: short", "seed: Short", "CEREMONY-SCHEMA"),
        ("network: absent", "network: present", "CEREMONY-SCHEMA"),
        ("claim: VERIFIED", "claim: UNVERIFIED", "CEREMONY-SCHEMA"),
        ("{store: absent}", "{shop: absent}", "CEREMONY-SCHEMA"),
        ("{store: absent}", "{store: absent, network: absent}", "CEREMONY-SCHEMA"),
        ("sha256: ab", "sha256: AB", "CEREMONY-SCHEMA"),
        ("    check: It is whole.\n", "", "CEREMONY-SCHEMA"),
        ("    check: It is whole.\n", "    check: It is whole.\n    read_aloud: 1\n", "CEREMONY-SCHEMA"),
        ("check: It is whole.", 'check: ""', "CEREMONY-SCHEMA"),
        ("run: [policy, hash, policy.yaml]", "run: []", "CEREMONY-SCHEMA"),
        ("run: [policy, hash, policy.yaml]", "run: policy hash policy.yaml", "CEREMONY-SCHEMA"),
        ("run: [policy, hash, policy.yaml]", "run: [policy, true]", "CEREMONY-SCHEMA"),
        ("minutes: 4", "minutes: 0", "CEREMONY-SCHEMA"),
        ("GO TO 4", "GO TO 6", "CEREMONY-GO-TO"),
        ("GO TO 4", "GO TO 0", "CEREMONY-GO-TO"),
        ("read_aloud: 2", "read_aloud: 1", "CEREMONY-EARLIER"),
        ("read_aloud: 2", "read_aloud: 5", "CEREMONY-EARLIER"),
        ("read_aloud: 2", "read_aloud: 9", "CEREMONY-EARLIER"),
        ("${2.", "${5.", "CEREMONY-EARLIER"),
        ("${2.", "${0.", "CEREMONY-EARLIER"),
        ("minutes: 4", "minutes: 4.0", "YAML-SCALAR"),
        ("name: Ben", "name: Ben, name: Bob", "YAML-KEYS"),
    ],
)
def test_a_text_that_is_no_ceremony_is_refused_by_its_rule(old: str, new: str, check_id: str) -> None:
    assert old in TEXT

    assert refusal(TEXT.replace(old, new, 1).encode()).check_id == check_id


def test_without_steps_there_is_nothing_to_hold() -> None:
    text = TEXT[: TEXT.index("steps:")] + "steps: []\n"

    assert refusal(text.encode()).check_id == "CEREMONY-SCHEMA"


@given(some.text(alphabet="rehasl: {}[]-\n\"'$0123456789.", max_size=200))
def test_nothing_but_a_named_refusal_comes_of_other_bytes(text: str) -> None:
    with pytest.raises(Malformed) as raised:
        read_ceremony(text.encode())

    assert raised.value.check_id in IDS


def test_a_record_is_read_as_it_was_written_and_its_last_line_pins_all_of_it() -> None:
    record, data = written(*EVENTS)

    assert read_record(data) == record
    assert record.fingerprint == hashlib.sha256(data.splitlines()[-1]).hexdigest()
    assert record.ended
    assert check_record(record, CEREMONY).ok
    assert REHEARSAL_TYPE.encode() in data
    assert b"asl-rehearsal" not in written(*EVENTS, rehearsal=False)[1]


def test_no_line_can_be_changed_left_out_or_moved() -> None:
    lines = written(*EVENTS)[1].splitlines(keepends=True)
    changed = lines.copy()
    changed[3] = changed[3].replace(b'"status":4', b'"status":3')
    moved = [lines[0], lines[2], lines[1], *lines[3:]]

    for bad in (changed, moved, lines[1:], [*lines[:5], *lines[6:]]):
        with pytest.raises(Malformed) as raised:
            read_record(b"".join(bad))
        assert raised.value.check_id == "CEREMONY-RECORD-CHAIN"


def test_half_a_line_is_no_line() -> None:
    data = written(*EVENTS)[1]

    with pytest.raises(Malformed) as raised:
        read_record(data[:-9])
    assert raised.value.check_id == "CEREMONY-RECORD-SCHEMA"
    assert raised.value.hint
    assert read_record(whole_lines(data[:-9])).events == EVENTS[:-1]
    assert whole_lines(data) == data
    assert whole_lines(b"half") == b""


@pytest.mark.parametrize(
    "events",
    [
        (EVENTS[1],),
        (EVENTS[0], EVENTS[0]),
        (EVENTS[0], Event(Happened.STARTED, 2)),
        (*EVENTS[:3], Event(Happened.STARTED, 2)),
        (*EVENTS[:3], Event(Happened.DONE, 2, people=("Ben",))),
        (*EVENTS[:2], Event(Happened.DONE, 2, status=0)),
        (*EVENTS[:3], replace(EVENTS[9], step=2)),
        (*EVENTS[:5], Event(Happened.STARTED, 2)),
        (*EVENTS[:3], EVENTS[-1]),
        (*EVENTS, EVENTS[5]),
        (EVENTS[-1],),
        (*EVENTS[:2], replace(EVENTS[4], step=1)),
    ],
)
def test_what_can_not_follow_is_refused(events: tuple[Event, ...]) -> None:
    with pytest.raises(Malformed) as raised:
        written(*events)

    assert raised.value.check_id == "CEREMONY-RECORD-ORDER"


@pytest.mark.parametrize(
    ("place", "change"),
    [
        (0, {"event": "opened"}),
        (0, {"step": 1}),
        (0, {"type": "asl.ceremony-record/2"}),
        (1, {"type": "asl.ceremony-record/1"}),
        (1, {"time": "now"}),
        (1, {"people": []}),
        (3, {"status": 11}),
        (3, {"check_id": "no"}),
        (7, {"confirmed": ["xy"]}),
        (7, {"digests": [{"name": "A", "sha256": "ab" * 32}]}),
        (7, {"head": {"size": 1, "root": "no"}}),
        (9, {"why": "two\nlines"}),
        (9, {"goes_on": "yes"}),
    ],
)
def test_a_line_of_another_form_is_refused(place: int, change: dict[str, object]) -> None:
    lines = written(*EVENTS)[1].splitlines()[: place + 1]
    lines[place] = canonical_bytes({**json.loads(lines[place]), **change})

    with pytest.raises(Malformed) as raised:
        read_record(b"\n".join(lines) + b"\n")
    assert raised.value.check_id == "CEREMONY-RECORD-SCHEMA"


def test_a_record_is_that_of_one_ceremony() -> None:
    other = replace(CEREMONY, version=3)
    real = replace(CEREMONY, rehearsal=False)
    shorter = replace(CEREMONY, steps=CEREMONY.steps[:3])
    longer = replace(CEREMONY, steps=(*CEREMONY.steps, CEREMONY.steps[0]))
    of_shorter = written(replace(EVENTS[0], ceremony=shorter.digest.hex()), *EVENTS[1:])[0]
    of_longer = written(replace(EVENTS[0], ceremony=longer.digest.hex()), *EVENTS[1:])[0]

    finding = check_record(written(*EVENTS)[0], other)
    assert (finding.check_id, finding.ok) == ("CEREMONY-RECORD-EQUAL", False)
    assert DIGEST in finding.detail
    assert not check_record(written(replace(EVENTS[0], ceremony=real.digest.hex()))[0], real).ok
    assert not check_record(of_shorter, shorter).ok
    assert not check_record(of_longer, longer).ok


def test_what_an_earlier_step_answered_is_taken_over_and_the_last_of_a_name_counts() -> None:
    record, _ = written(*EVENTS[:-3])

    assert record.filled(CEREMONY.steps[4]).run[-1] == "ef" * 32
    assert Record(rehearsal=True).filled(CEREMONY.steps[4]) == CEREMONY.steps[4]


def test_a_verb_that_was_running_when_the_record_stops_is_known() -> None:
    open_ = EVENTS[:3]

    assert written(*open_)[0].left_open
    assert written(*open_, EVENTS[4])[0].left_open
    assert written(*open_, EVENTS[4], EVENTS[5])[0].left_open
    assert not written(*EVENTS[:4])[0].left_open
    assert not Record(rehearsal=True).left_open
