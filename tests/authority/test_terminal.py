"""The real terminal: what is secret is not echoed, what is revealed is taken away, and nothing stays as it was not."""

from __future__ import annotations

import os
import select
import termios
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from asl_authority.errors import Aborted, Refused
from asl_authority.front.terminal import LONGEST_LINE, ConsoleTerminal


@dataclass
class Person:
    """Somebody at the other end of a terminal, who types when a question has been asked."""

    master: int
    slave: int
    seen: list[bytes] = field(default_factory=list)
    gone: threading.Event = field(default_factory=threading.Event)

    def echo(self) -> bool:
        """Whether the terminal shows what is typed."""
        return bool(termios.tcgetattr(self.slave)[3] & termios.ECHO)

    def types(self, typed: bytes, *, after: bytes, unseen: bool = False) -> threading.Thread:
        """Type it once `after` was shown and, where it must be unseen, the echo is off."""

        def act() -> None:
            deadline = time.monotonic() + 20
            while after not in b"".join(self.seen) or (unseen and self.echo()):
                assert time.monotonic() < deadline, self.seen
                time.sleep(0.01)
            os.write(self.master, typed)

        thread = threading.Thread(target=act)
        thread.start()
        return thread

    def reads(self) -> None:
        """Keep what is shown."""
        while not self.gone.is_set():
            if select.select([self.master], [], [], 0.02)[0]:
                self.seen.append(os.read(self.master, 4096))


@pytest.fixture
def person() -> Iterator[Person]:
    master, slave = os.openpty()
    found = Person(master, slave)
    reader = threading.Thread(target=found.reads, daemon=True)
    reader.start()
    yield found
    found.gone.set()
    reader.join(20)
    os.close(master)
    os.close(slave)


def answered(person: Person, typed: bytes, act: Callable[[ConsoleTerminal], str | None], **how: bool) -> str | None:
    typing = person.types(typed, after=b"Q? ", **how)
    terminal = ConsoleTerminal(os.ttyname(person.slave))
    try:
        return act(terminal)
    finally:
        typing.join(20)
        time.sleep(0.05)


def test_an_answer_is_the_line_that_is_typed(person: Person) -> None:
    assert answered(person, b"two words\n", lambda terminal: terminal.ask("Q? ")) == "two words"
    assert b"two words" in b"".join(person.seen)


def test_a_secret_is_not_echoed_and_the_echo_comes_back(person: Person) -> None:
    assert answered(person, b"hunter2\n", lambda terminal: terminal.secret("Q? "), unseen=True) == "hunter2"
    assert b"hunter2" not in b"".join(person.seen)
    assert person.echo()


def test_who_answers_a_secret_question_at_once_is_not_seen_and_is_heard(person: Person) -> None:
    assert answered(person, b"hunter2\n", lambda terminal: terminal.secret("Q? ")) == "hunter2"
    assert b"hunter2" not in b"".join(person.seen)


def test_what_is_revealed_lies_on_another_screen_that_is_left(person: Person) -> None:
    answered(person, b"\n", lambda terminal: terminal.reveal("the words\n", "Q? "))

    shown = b"".join(person.seen)
    assert shown.index(b"\x1b[?1049h") < shown.index(b"the words") < shown.index(b"\x1b[?1049l")


def test_a_closed_terminal_aborts_and_the_echo_comes_back(person: Person) -> None:
    with pytest.raises(Aborted):
        answered(person, b"\x04", lambda terminal: terminal.secret("Q? "), unseen=True)

    assert person.echo()


@pytest.mark.parametrize("typed", [b"\xff\xfe\n", b"x" * 100 + b"\xc3\n"])
def test_what_is_no_text_is_refused(person: Person, typed: bytes) -> None:
    with pytest.raises(Refused) as refused:
        answered(person, typed, lambda terminal: terminal.ask("Q? "))

    assert refused.value.check_id == "TERMINAL-LINE"


def test_without_a_terminal_nothing_is_asked(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="no terminal") as refused:
        ConsoleTerminal(str(tmp_path / "tty")).ask("Q? ")

    assert refused.value.check_id == "TERMINAL-MISSING"


def test_a_line_without_an_end_is_refused(tmp_path: Path) -> None:
    (tmp_path / "tty").write_text("x" * (LONGEST_LINE + 10))

    with pytest.raises(Refused) as refused:
        ConsoleTerminal(str(tmp_path / "tty")).ask("")

    assert refused.value.check_id == "TERMINAL-LINE"
