"""A person who holds a ceremony by reading the screen; as a program, in other surroundings."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path

from asl_authority.contract import ExitStatus
from asl_authority.front import cli
from asl_authority.front.outside import Outside
from asl_authority.operations.ceremony_watch import Revealed
from asl_authority.values.finding import Finding
from support.stories import asked_for

EXAMPLE = Path(__file__).parents[2] / "docs/ceremonies"
# What a ceremony asks, by how the question begins, and what a person says who has nothing to object.
ANSWERS = {"Enter runs it": "", "Is it so?": "yes", "Number:": "1", "Was it the same?": "yes"}


@dataclass
class Person:
    """Does what the screen asks, or what is planned; `at_question` may stop it, or do what nobody would."""

    planned: list[tuple[str, str]] = field(default_factory=list)
    at_question: Callable[[str], None] = lambda _: None
    screen: str = ""
    passphrases: Revealed = field(default_factory=Revealed)

    def say(self, text: str) -> None:
        self.screen += text
        self.passphrases.said(text)

    def ask(self, question: str) -> str:
        self._read(question)
        if self.planned and question.startswith(self.planned[0][0]):
            return self.planned.pop(0)[1]
        for beginning, answer in ANSWERS.items():
            if question.startswith(beginning):
                return answer
        if not question.startswith("To go on"):
            raise AssertionError(f"nobody has an answer to: {question}")
        return asked_for(question, self.screen)

    def secret(self, question: str) -> str:
        self._read(question)
        return self.passphrases.next()

    def reveal(self, text: str, question: str) -> None:
        self._read(question)
        self.passphrases.shown(text)

    def _read(self, question: str) -> None:
        self.screen += f"{question}\n"
        self.at_question(question)


def no_bytes(_: int) -> bytes:
    raise AssertionError("a rehearsal draws nothing from the kernel's pool")


def unprotected(_: Path) -> Iterable[Finding]:
    return ()


def call(person: Person, *words: str, machine: Path = Path("/nonexistent")) -> tuple[ExitStatus, str, str]:
    """What comes of a command line, on stdout and on stderr."""
    out, err = StringIO(), StringIO()
    outside = Outside(person, no_bytes, unprotected)
    status = cli.run(words, program="asl-auth-host", stdout=out, stderr=err, machine=machine, outside=outside)
    return status, out.getvalue(), err.getvalue()


def main(words: Sequence[str]) -> int:
    """Hold it, and print all that a person saw."""
    person = Person()
    status, out, err = call(person, *words)
    sys.stdout.write(person.screen + out + err)
    return int(status)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
