"""A whole rehearsal through the door: from an empty directory to a published DAM and a snapshot that holds."""

from __future__ import annotations

import os
import re
from io import StringIO
from pathlib import Path

import pytest

from asl_authority.contract import ExitStatus
from asl_authority.errors import Aborted
from asl_authority.front import cli
from asl_authority.front.outside import Outside
from asl_authority.values.policy_text import TEMPLATE

LINE = re.compile(r"^  (\d): (.+)$", re.MULTILINE)
ASKED = re.compile(r"type word (\d) of line (\d) and word (\d) of line (\d): $")

STOPPED = "asl-auth-host: STOPPED: stopped by you\n  nothing half-made is left; begin again when you are ready\n"


class Person:
    """Reads the screen and does what it asks: types the words of the digest, and the passphrase that was shown."""

    def __init__(self, stop_at: str = "") -> None:
        self.screen = ""
        self.shown = ""
        self.stop_at = stop_at

    def say(self, text: str) -> None:
        self.screen += text

    def ask(self, question: str) -> str:
        self._read(question)
        lines = {int(number): words.split() for number, words in LINE.findall(self.screen)}
        found = ASKED.search(question)
        assert found is not None
        word, line, word2, line2 = (int(each) for each in found.groups())
        return f"{lines[line][word - 1]} {lines[line2][word2 - 1]}"

    def secret(self, question: str) -> str:
        self._read(question)
        return self.shown

    def reveal(self, text: str, question: str) -> None:
        self._read(question)
        self.shown = " ".join(words for _, words in LINE.findall(text))

    def _read(self, question: str) -> None:
        self.screen += f"{question}\n"
        if self.stop_at and self.stop_at in question:
            raise KeyboardInterrupt


def no_bytes(_: int) -> bytes:
    raise AssertionError("a rehearsal draws nothing from the kernel's pool")


def call(person: Person, *words: str) -> tuple[ExitStatus, str]:
    said = StringIO()
    outside = Outside(person, no_bytes, lambda _: ())
    machine = Path("/nonexistent")
    status = cli.run(words, program="asl-auth-host", stdout=said, stderr=said, machine=machine, outside=outside)
    return status, said.getvalue()


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "store").mkdir()
    (tmp_path / "policy.yaml").write_text(TEMPLATE)
    return tmp_path


def init(place: Path, *more: str) -> tuple[str, ...]:
    store = ("--policy", str(place / "policy.yaml"), "--root", str(place / "store"))
    return ("root", "init", "--threshold", "2", *store, *more)


def ceremony(place: Path) -> tuple[str, dict[str, bytes]]:
    """Everything that a rehearsal says and writes; `place` is where it is held."""
    store = ("--root", str(place / "store"))
    policy = ("--policy", str(place / "policy.yaml"))
    transcript = ""
    for words in (
        init(place, "--rehearsal"),
        ("domain", "create", "Me", "--id", "me.example", "--dam-signer", "--rehearsal", *policy, *store),
        ("domain", "list", "--rehearsal", *store),
        ("domain", "show", "me.example", "--rehearsal", *store),
        ("domain", "check", "me.example", "--rehearsal", *store),
    ):
        person = Person()
        status, said = call(person, *words)
        assert status is ExitStatus.DONE, said
        transcript += person.screen + said
    files = sorted(path for path in (place / "store").rglob("*") if path.is_file())
    return transcript, {str(path.relative_to(place / "store")): path.read_bytes() for path in files}


@pytest.mark.long
def test_two_rehearsals_in_different_surroundings_are_the_same(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said, made = ceremony(place)
    other = place / "elsewhere"
    (other / "store").mkdir(parents=True)
    (other / "policy.yaml").write_text(TEMPLATE)
    monkeypatch.chdir(other)
    monkeypatch.setenv("TZ", "Pacific/Kiritimati")
    monkeypatch.setenv("LC_ALL", "C")
    before = os.umask(0o077)
    try:
        said_again, made_again = ceremony(other)
    finally:
        os.umask(before)

    assert said_again == said
    assert made_again == made
    assert {"domains/me.example/dam/dam-1.json.sig", "domains/me.example/receipts/receipt-11.per"} <= set(made)
    assert "All " in said.splitlines()[-1]
    assert "REHEARSAL" in said


@pytest.mark.long
def test_a_rehearsal_in_sessions_ends_with_the_same_bytes_as_one_at_once(place: Path) -> None:
    _, made = ceremony(place)
    other = place / "elsewhere"
    (other / "store").mkdir(parents=True)
    (other / "policy.yaml").write_text(TEMPLATE)
    store, policy = ("--root", str(other / "store")), ("--policy", str(other / "policy.yaml"))
    for name, words in (
        ("host", init(other, "--rehearsal")),
        ("me", ("domain", "create", "Me", "--id", "me.example", "--dam-signer", "--rehearsal", *policy, *store)),
    ):
        prepared = str(other / name)
        person = Person()
        for step in (
            (*words, "--prepare", prepared),
            *(("domain", "sign", prepared, "--rehearsal", *store) for _ in range(2)),
            ("domain", "found", prepared, "--rehearsal", *policy, *store),
        ):
            status, said = call(person, *step)
            assert status is ExitStatus.DONE, said
    files = sorted(path for path in (other / "store").rglob("*") if path.is_file())

    assert {str(path.relative_to(other / "store")): path.read_bytes() for path in files} == made


@pytest.mark.parametrize("question", ["To go on", "Write it down", "Type it back"])
def test_ctrl_c_at_any_question_prepares_nothing(place: Path, question: str) -> None:
    words = init(place, "--rehearsal", "--prepare", str(place / "prepared"))
    status, said = call(Person(stop_at=question), *words)

    assert (status, said) == (ExitStatus.ABORTED, STOPPED)
    assert sorted(path.name for path in place.iterdir()) == ["policy.yaml", "store"]
    assert list((place / "store").iterdir()) == []


def test_without_a_claim_nothing_real_is_founded(place: Path) -> None:
    status, said = call(Person(), *init(place))

    assert status is ExitStatus.REFUSED
    assert "CLAIM-MISSING" in said
    assert list((place / "store").iterdir()) == []


def test_a_dry_run_shows_what_would_be_signed_and_does_nothing(place: Path) -> None:
    status, said = call(Person(), *init(place, "--rehearsal", "--dry-run"))

    assert status is ExitStatus.DONE
    assert "Nothing was done." in said
    assert list((place / "store").iterdir()) == []


@pytest.mark.parametrize("question", ["To go on", "Write it down", "Type it back"])
def test_ctrl_c_at_any_question_leaves_the_store_as_it_was(place: Path, question: str) -> None:
    status, said = call(Person(stop_at=question), *init(place, "--rehearsal"))

    assert (status, said) == (ExitStatus.ABORTED, STOPPED)
    assert list((place / "store").iterdir()) == []


class Careless(Person):
    """Presses Enter."""

    def ask(self, question: str) -> str:
        self._read(question)
        return ""


def test_who_does_not_compare_the_digest_signs_nothing(place: Path) -> None:
    assert call(Careless(), *init(place, "--rehearsal"))[0] is Aborted.status
    assert list((place / "store").iterdir()) == []


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (("domain", "list"), ExitStatus.REFUSED, "there is no store here"),
        (("domain", "check", "me.example"), ExitStatus.REFUSED, "there is no store here"),
        (("domain", "create", "Me", "--rehearsal", "--policy", "POLICY"), ExitStatus.REFUSED, "there is no store here"),
        (
            ("domain", "create", "Me", "--rehearsal", "--id", "host", "--policy", "POLICY"),
            ExitStatus.USAGE,
            "own domain",
        ),
        (("root", "init", "--rehearsal", "--threshold", "4", "--policy", "POLICY"), ExitStatus.USAGE, "--threshold"),
    ],
)
def test_what_can_not_be_done_is_said(place: Path, words: tuple[str, ...], status: ExitStatus, said: str) -> None:
    given = (str(place / "policy.yaml") if word == "POLICY" else word for word in words)
    found, text = call(Person(), *given, "--root", str(place / "store"))

    assert found is status
    assert said in text
