"""Recovery drills: what passes, what fails and is recorded, and what is no drill at all."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from asl_authority.errors import Aborted, Malformed, Refused, UnlockFailed, UsageError
from asl_authority.operations.drill import Backup, Held, ask_persons, expect_record_of, hold_drill
from asl_authority.values.drill import Drill, Method, SharesUsed, read_drill
from asl_authority.values.keyfile import KeyKind
from asl_authority.values.share_set import read_share_set
from support.domains import secret
from support.samples.drill import DRILL
from support.stories import Answers, no_randomness
from support.story_files import PASSPHRASE, SHARES

FILES = Path(__file__).parent / "stories/files"
PUBLIC = secret("log").public
RECORD = read_share_set((FILES / "shared.shares.json").read_bytes())
SHARED = Backup("shared.priv.enc", (FILES / "shared.priv.enc").read_bytes(), KeyKind.LOG, PUBLIC, RECORD)
ALONE = Backup("log.priv.enc", (FILES / "log.priv.enc").read_bytes(), KeyKind.LOG, PUBLIC, None)
TYPED = [" ".join(share.words) for share in SHARES]


def held(backup: Backup, *answers: str, rehearsal: bool = False) -> Held:
    person = Answers(["Alice", "", *answers], lambda _: None)
    found = hold_drill(person, no_randomness("drill"), backup, rehearsal=rehearsal)
    assert person.answers == []
    return found


def answers(found: Held) -> list[tuple[str, bool]]:
    return [(finding.check_id, finding.ok) for finding in found.findings]


def test_a_key_comes_back_from_shares_and_signs() -> None:
    found = held(SHARED, TYPED[2], TYPED[0])

    assert found.drill == Drill(
        PUBLIC.key_id,
        KeyKind.LOG,
        hashlib.sha256(SHARED.data).hexdigest(),
        Method.SHARES,
        SharesUsed(RECORD.sha256, 2, 3, (1, 3)),
        ("Alice",),
        (),
        rehearsal=False,
    )
    assert read_drill(found.drill.to_bytes()) == found.drill
    assert answers(found) == [
        *(("SHARE-SET-FILE", True), ("DRILL-OPENS", True), ("KEYFILE-PUBLIC", True)),
        *(("SIGN-VERIFIED", True), ("SIGN-VERIFIED-ELSEWHERE", True)),
    ]
    assert found.trouble is None


def test_a_key_comes_back_from_its_passphrase_and_a_rehearsal_says_that_it_is_one() -> None:
    found = held(ALONE, "wrong", PASSPHRASE, rehearsal=True)

    assert (found.drill.passed, found.drill.method, found.drill.shares) == (True, Method.PASSPHRASE, None)
    assert found.drill.rehearsal
    assert b'"rehearsal":true' in found.drill.to_bytes()


DAMAGED = replace(SHARED, data=SHARED.data[:-1] + bytes([SHARED.data[-1] ^ 1]))


@pytest.mark.parametrize(
    ("backup", "typed", "check_id", "error", "used"),
    [
        (DAMAGED, (), "SHARE-SET-FILE", Malformed, ()),
        (replace(SHARED, data=b"nothing"), (), "AGE-HEADER", Malformed, ()),
        (SHARED, (TYPED[1], *[TYPED[1]] * 3), "DRILL-OPENS", UnlockFailed, (2,)),
        (
            replace(DAMAGED, record=replace(RECORD, key_file=hashlib.sha256(DAMAGED.data).hexdigest())),
            TYPED[:2],
            "AGE-PAYLOAD",
            Malformed,
            (1, 2),
        ),
        (replace(ALONE, public=secret("stranger").public), (PASSPHRASE,), "KEYFILE-PUBLIC", Malformed, None),
    ],
    ids=["other file", "no key file", "too few shares", "damaged", "other key"],
)
def test_a_drill_that_fails_leaves_a_record_that_says_why(
    backup: Backup, typed: tuple[str, ...], check_id: str, error: type[Exception], used: tuple[int, ...] | None
) -> None:
    found = held(backup, *typed)

    assert found.drill.failed == (check_id,)
    assert read_drill(found.drill.to_bytes()) == found.drill
    assert not found.drill.passed
    assert type(found.trouble) is error
    assert used == (None if found.drill.shares is None else found.drill.shares.used)


@pytest.mark.parametrize("answers", [["^C"], ["Alice", "^C"], ["Alice", "", "^C"], ["Alice", "", TYPED[0], "^C"]])
def test_a_drill_that_is_stopped_is_none(answers: list[str]) -> None:
    with pytest.raises(KeyboardInterrupt):
        hold_drill(Answers(answers, lambda _: None), no_randomness("drill"), SHARED, rehearsal=False)


def test_a_closed_terminal_is_no_failed_drill() -> None:
    with pytest.raises(Aborted):
        hold_drill(Answers(["Alice", "", "^D"], lambda _: None), no_randomness("drill"), ALONE, rehearsal=False)


class Poor(Answers):
    """A person at a machine without memory: no passphrase comes to be tried."""

    def secret(self, question: str) -> str:
        raise Refused(f"{question}: and scrypt gets no memory")


def test_a_machine_that_can_not_try_it_says_nothing_of_the_backup() -> None:
    with pytest.raises(Refused, match="memory"):
        hold_drill(Poor(["Alice", ""], lambda _: None), no_randomness("drill"), ALONE, rehearsal=False)


def test_names_are_asked_for_until_there_is_one_and_must_be_names() -> None:
    said: list[str] = []
    person = Answers(["", "  ", "\x1b[A", "x" * 257, " Bob ", "Alice", ""], said.append)

    assert ask_persons(person) == ("Bob", "Alice")
    assert "".join(said).count("At least one name is needed") == 2
    assert "".join(said).count("That can be no name") == 2
    many = Answers([f"Person {n}" for n in range(20)], said.append)
    assert len(ask_persons(many)) == 16


@pytest.mark.parametrize(
    "backup", [replace(SHARED, public=secret("stranger").public), replace(SHARED, kind=KeyKind.PRINCIPAL)]
)
def test_the_record_of_another_keys_shares_is_no_drill(backup: Backup) -> None:
    expect_record_of(SHARED)
    expect_record_of(ALONE)
    with pytest.raises(UsageError, match="the record of the shares is of the key"):
        expect_record_of(backup)


def test_persons_and_failed_checks_are_sets() -> None:
    drill = replace(DRILL, persons=("Bob", "Alice", "Bob"), failed=("X-B", "X-A", "X-B"))

    assert (drill.persons, drill.failed) == (("Alice", "Bob"), ("X-A", "X-B"))


@pytest.mark.parametrize(
    ("members", "check_id"),
    [
        ({"persons": ()}, "DRILL-PERSONS"),
        ({"method": Method.PASSPHRASE}, "DRILL-SHARES"),
        ({"shares": None}, "DRILL-SHARES"),
        ({"shares": SharesUsed("22" * 32, 1, 3, (1,))}, "DRILL-SHARES"),
        ({"shares": SharesUsed("22" * 32, 2, 17, (1, 2))}, "DRILL-SHARES"),
        ({"shares": SharesUsed("22" * 32, 2, 3, (0, 1))}, "DRILL-SHARES"),
    ],
)
def test_what_can_be_no_record_can_not_be_made(members: dict[str, Any], check_id: str) -> None:
    with pytest.raises(Malformed) as refusal:
        replace(DRILL, **members)

    assert refusal.value.check_id == check_id
