"""A ceremony is held: in order, on the record before the screen says so, and whatever stops it can be gone on from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from asl_authority.contract import ExitStatus
from asl_authority.errors import Aborted, AuthorityError, Malformed, Refused
from asl_authority.front.ceremony_desk import ConsoleDesk
from asl_authority.operations.ceremony_run import OnDisk, Outcome, hold, load_record
from asl_authority.values.ceremony import Ceremony, Does, Step
from asl_authority.values.ceremony_record import Event, Happened, HeadSeen, Record, read_record
from support.ceremonies import Person
from support.ceremony_samples import CEREMONY, EVENTS, written

DEVIATION = [("What happens", "another bag"), ("Why", "torn")]
# What follows a deviation at step 2: the planned one of step 4, and one at step 5, which takes something over from 2.
REST = [*DEVIATION, ("Which of these", "1"), *DEVIATION]
HASH = "ef" * 32


class Verbs:
    """Stands in for the real verbs: keeps what it was asked to run, and ends as it is told; 0 when nothing is said."""

    def __init__(self, *ends: int) -> None:
        self.ends = list(ends)
        self.ran: list[tuple[int, tuple[str, ...]]] = []

    def __call__(self, number: int, step: Step) -> Outcome:
        self.ran.append((number, step.run))
        status = ExitStatus(self.ends.pop(0) if self.ends else 0)
        if status is not ExitStatus.DONE:
            return Outcome(status, "no\n", "SOME-RULE")
        return Outcome(status, "yes\n", digests=(("policy_hash", HASH),), head=HeadSeen(7, "45" * 32))


def desk(person: Person, ceremony: Ceremony = CEREMONY) -> ConsoleDesk:
    return ConsoleDesk(person, "asl-auth-host", ceremony, lambda step: step.run)


def begin(path: Path, person: Person, verbs: Verbs) -> Record:
    return hold(CEREMONY, OnDisk(Record(rehearsal=True), path, 0), desk(person), verbs)


def go_on(path: Path, person: Person, verbs: Verbs) -> Record:
    return hold(CEREMONY, load_record(path, CEREMONY, go_on=True), desk(person), verbs)


def person(*planned: tuple[str, str], at: Callable[[str], None] = lambda _: None) -> Person:
    return Person([*planned], at)


def kinds(path: Path) -> list[str]:
    return [str(event.happened) for event in read_record(path.read_bytes()).events]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "record"


def test_steps_come_in_order_and_the_record_says_how_each_ended(path: Path) -> None:
    verbs = Verbs()
    record = begin(path, person(*DEVIATION), verbs)

    assert verbs.ran == [(2, ("policy", "hash", "policy.yaml")), (5, (*CEREMONY.steps[4].run[:-1], HASH))]
    assert read_record(path.read_bytes()) == record
    assert [event.step for event in record.events] == [0, 1, 2, 2, 3, 4, 5, 5, 0]
    assert record.done(3) == Event(Happened.DONE, 3, people=("Ada", "Ben"))
    assert record.events[5].people == ("Ada", "Ben")
    assert record.events[5].what == "another bag"
    assert record.ended


def test_what_is_on_the_screen_is_on_the_record_already(path: Path) -> None:
    seen = []

    class Watching(Person):
        def say(self, text: str) -> None:
            super().say(text)
            if "on the record" in text:
                seen.append((text.splitlines()[-1].split(" ")[1], read_record(path.read_bytes()).events[-1].step))

    begin(path, Watching([*DEVIATION]), Verbs())

    assert seen == [("1", 1), ("2", 2), ("3", 3), ("4", 4), ("5", 5)]


@pytest.mark.parametrize("status", [2, 3, 4, 6, 7, 10])
def test_where_nothing_was_changed_a_step_is_tried_again_and_both_tries_are_on_the_record(
    path: Path, status: int
) -> None:
    verbs = Verbs(status)
    begin(path, person(("Which of these", "1"), *DEVIATION), verbs)

    assert [number for number, _ in verbs.ran] == [2, 2, 5]
    assert kinds(path)[2:6] == ["started", "failed", "started", "done"]
    failed = read_record(path.read_bytes()).events[3]
    assert (failed.status, failed.check_id) == (status, "SOME-RULE")


@pytest.mark.parametrize("status", [1, 5, 8, 9])
def test_what_may_have_changed_something_is_never_tried_again(path: Path, status: int) -> None:
    verbs = Verbs(status)
    someone = person(("Which of these", "1"), *DEVIATION, *REST)
    record = begin(path, someone, verbs)

    assert "try this step again" not in someone.screen
    assert [number for number, _ in verbs.ran] == [2]
    assert record.events[4] == Event(
        Happened.DEVIATION, 2, what="another bag", why="torn", people=("Ada", "Ben"), goes_on=True
    )


def test_a_step_that_takes_over_what_was_never_answered_is_not_run(path: Path) -> None:
    verbs = Verbs(8)
    someone = person(("Which of these", "1"), *DEVIATION, *REST)
    begin(path, someone, verbs)

    assert [number for number, _ in verbs.ran] == [2]
    assert "an earlier step has not answered what it takes over" in someone.screen
    assert "do this step" not in someone.screen


def test_two_people_who_are_not_the_same_stand_for_a_deviation(path: Path) -> None:
    someone = person(("Which of these", "2"), *DEVIATION, ("Number", "2"), *REST)
    record = begin(path, someone, Verbs(4))

    assert record.events[4].people == ("Ben", "Ada")


def test_who_sees_that_it_is_not_so_does_not_go_on(path: Path) -> None:
    with pytest.raises(Aborted):
        begin(path, person(("Is it so?", "no"), ("Which of these", "4")), Verbs())

    assert kinds(path) == ["begun", "failed", "aborted"]
    assert read_record(path.read_bytes()).events[1].status == ExitStatus.CHECK_FAILED


def test_a_verb_that_is_not_wanted_is_not_run(path: Path) -> None:
    verbs = Verbs()
    with pytest.raises(Aborted):
        begin(path, person(("Enter runs it", "no"), ("Which of these", "3"), *DEVIATION), verbs)

    assert verbs.ran == []
    assert kinds(path)[2:] == ["deviation", "aborted"]
    assert read_record(path.read_bytes()).next_step == 2


def test_an_answer_that_is_none_is_asked_for_again_and_enter_confirms_nothing(path: Path) -> None:
    someone = person(("Is it so?", ""), ("Is it so?", "perhaps"), ("Number:", "0"), ("Number:", "x"), *DEVIATION)
    begin(path, someone, Verbs())

    assert someone.screen.count("That is none of the answers.") == 4


def test_a_deviation_needs_words(path: Path) -> None:
    someone = person(("What happens", "  "), ("What happens", "a\x07b"), *DEVIATION)

    assert begin(path, someone, Verbs()).events[5].what == "another bag"


@pytest.mark.parametrize("place", range(1, 13))
def test_ctrl_c_at_any_question_is_on_the_record_and_can_be_gone_on_from(path: Path, place: int) -> None:
    asked: list[str] = []

    def stop(question: str) -> None:
        asked.append(question)
        if len(asked) == place:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        begin(path, person(*DEVIATION, at=stop), Verbs())

    if place == 1:  # the ceremony was not agreed on: nothing has begun
        assert not path.exists()
        return
    assert kinds(path)[-1] == "aborted"
    before = read_record(path.read_bytes())
    record = go_on(path, person(*DEVIATION), Verbs())
    assert record.ended
    assert record.events[: len(before.events)] == before.events
    assert [event.step for event in record.events if event.happened is Happened.DONE] == [1, 2, 3, 5]


def test_there_are_as_many_questions_as_are_tried(path: Path) -> None:
    asked: list[str] = []
    begin(path, person(*DEVIATION, at=asked.append), Verbs())

    assert len(asked) == 12


def test_ctrl_c_within_a_verb_ends_the_ceremony(path: Path) -> None:
    def stopped(number: int, step: Step) -> Outcome:
        return Outcome(ExitStatus.ABORTED, stopped=True)

    with pytest.raises(KeyboardInterrupt):
        hold(CEREMONY, OnDisk(Record(rehearsal=True), path, 0), desk(person()), stopped)

    assert kinds(path)[-2:] == ["failed", "aborted"]
    assert not read_record(path.read_bytes()).left_open


def test_who_does_not_know_the_words_begins_nothing(path: Path) -> None:
    with pytest.raises(Aborted):
        begin(path, person(*[("To go on", "yes")] * 3), Verbs())

    assert not path.exists()


@pytest.mark.parametrize(("chosen", "runs"), [("1", [2, 5]), ("2", [])])
def test_after_a_power_cut_people_say_what_became_of_the_verb_that_was_running(
    path: Path, chosen: str, runs: list[int]
) -> None:
    path.write_bytes(written(*EVENTS[:3])[1] + b'{"event":"do')
    planned = DEVIATION if runs else [*DEVIATION, *REST]
    verbs, someone = Verbs(), person(("Which of these", chosen), *planned)
    record = go_on(path, someone, verbs)

    assert "the record ends while it was running" in someone.screen
    assert [number for number, _ in verbs.ran] == runs
    assert record.ended
    assert read_record(path.read_bytes()) == record


def test_a_record_is_continued_for_its_own_ceremony_and_while_something_is_left(path: Path) -> None:
    path.write_bytes(written(*EVENTS[:2])[1])
    other = replace(CEREMONY, version=9)
    with pytest.raises(Refused) as raised:
        load_record(path, other, go_on=True)
    assert raised.value.check_id == "CEREMONY-RECORD-EQUAL"

    path.write_bytes(written(*EVENTS)[1])
    with pytest.raises(Refused, match="nothing is left to do"):
        go_on(path, person(), Verbs())

    path.write_bytes(b"half a line")
    with pytest.raises(Malformed):
        load_record(path, CEREMONY, go_on=True)


def test_a_record_that_is_only_read_is_left_as_it_is(path: Path) -> None:
    half = written(*EVENTS[:3])[1][:-5]
    path.write_bytes(half)

    with pytest.raises(Malformed):
        load_record(path, CEREMONY, go_on=False)
    assert path.read_bytes() == half


def test_a_record_that_somebody_else_writes_too_is_not_written_over(path: Path) -> None:
    def meddle(question: str) -> None:
        if question.startswith("Enter"):
            path.write_bytes(path.read_bytes() + b"x")

    with pytest.raises(AuthorityError) as raised:
        begin(path, person(at=meddle), Verbs())
    assert raised.value.status is ExitStatus.IO_FAILED


def test_a_new_record_never_takes_the_place_of_another(path: Path) -> None:
    path.write_bytes(b"mine")

    with pytest.raises(Refused, match="nothing is overwritten"):
        begin(path, person(), Verbs())
    assert path.read_bytes() == b"mine"


def test_every_kind_of_step_is_held_here() -> None:
    assert {step.does for step in CEREMONY.steps} == set(Does)
