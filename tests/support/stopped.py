"""A person who does all that the screen asks for, until one question is asked at which Ctrl-C is pressed."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path

from asl_authority.contract import ExitStatus
from asl_authority.front import cli
from asl_authority.front.outside import Outside
from asl_authority.front.parser import parse
from support.stories import asked_for, no_randomness, unprotected
from support.story_files import PASSPHRASE

WORDS = re.compile(r"word [0-9] of line")
SHOWN = re.compile(r"^ +[0-9]+: (.+)$", re.MULTILINE)
SHARE_WORDS = re.compile(r"Words ([0-9]+) to ([0-9]+)")


@dataclass
class Stopping:
    """Answers from the list, and when that is at its end what the screen says; stops at question `at`, if there is one.

    `questions` are those that were asked.
    """

    answers: list[str]
    at: int = 0
    questions: list[str] = field(default_factory=list)
    screen: str = ""
    shown: str = ""

    def say(self, text: str) -> None:
        """Read it."""
        self.screen += text

    def ask(self, question: str) -> str:
        """The words that confirm; else what is planned, or Enter alone."""
        self._asked(question)
        if WORDS.search(question):
            return asked_for(question, self.screen)
        return self.answers.pop(0) if self.answers else ""

    def secret(self, question: str) -> str:
        """What is planned; else what was shown on the other screen, or the passphrase of all the keys of tests."""
        self._asked(question)
        if self.answers:
            return self.answers.pop(0)
        if found := SHARE_WORDS.search(question):
            return " ".join(self.shown.split()[int(found[1]) - 1 : int(found[2])])
        return self.shown if "back" in question else PASSPHRASE

    def reveal(self, text: str, question: str) -> None:
        """Write it down."""
        self._asked(question)
        self.shown = " ".join(SHOWN.findall(text))

    def _asked(self, question: str) -> None:
        self.questions.append(question)
        self.screen += f"{question}\n"
        if len(self.questions) == self.at:
            raise KeyboardInterrupt


def called(line: str, person: Stopping) -> tuple[ExitStatus, str]:
    """How a command line ends on the machine of a story's directory, which is the current one; all that was said."""
    said = StringIO()
    words = shlex.split(line)
    outside = Outside(person, no_randomness("stopped"), unprotected)
    status = cli.run(
        words[1:], program=words[0], stdout=said, stderr=said, machine=Path.cwd() / "machine", outside=outside
    )
    return status, person.screen + said.getvalue()


def verb_of(line: str) -> str:
    """The verb that a command line calls."""
    words = shlex.split(line)
    verb = parse(words[0], words[1:]).verb
    assert verb is not None, line
    return verb.name


def tree(here: Path, but: str = "") -> dict[str, bytes | None]:
    """Everything below `here`, each file with its bytes, but what has the name `but`."""
    return dict(_tree(here, but))


def _tree(here: Path, but: str) -> Iterator[tuple[str, bytes | None]]:
    for path in sorted(here.rglob("*")):
        if path.name != but:
            yield str(path.relative_to(here)), path.read_bytes() if path.is_file() else None
