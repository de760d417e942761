"""Two at a ceremony's terminal: one notes which digests were confirmed, one does whatever the screen asks."""

from __future__ import annotations

import re

from asl_authority.errors import Refused
from asl_authority.operations.confirm import Shown, asked_digest, shown_digest
from asl_authority.operations.terminal import Terminal
from asl_authority.operations.unlock import WRONG

NUMBERED = re.compile(r"^  [0-9]+: (.+)$", re.MULTILINE)


class Watched:
    """A person's terminal, and the digests of which the words that were asked for have been typed."""

    def __init__(self, person: Terminal) -> None:
        self.confirmed: list[str] = []
        self._person = person
        self._shown: Shown | None = None

    def say(self, text: str) -> None:
        """Show it, and see whether it is a digest to be confirmed."""
        self._shown = shown_digest(text) or self._shown
        self._person.say(text)

    def ask(self, question: str) -> str:
        """Ask, and see whether it was confirmed."""
        answer = self._person.ask(question)
        if self._shown and asked_digest(question, self._shown.digest) and self._shown.accepts(answer):
            self.confirmed.append(self._shown.digest.hex())
            self._shown = None
        return answer

    def secret(self, question: str) -> str:
        """Ask; what is typed is nobody's business."""
        return self._person.secret(question)

    def reveal(self, text: str, question: str) -> None:
        """Show it, and forget it."""
        self._person.reveal(text, question)


class Revealed:
    """The passphrases that a rehearsal has shown, the last one first; after a wrong one, the one before it."""

    def __init__(self) -> None:
        self._known: list[str] = []
        self._tried = 0

    def shown(self, text: str) -> None:
        """One more."""
        self._known.append(" ".join(NUMBERED.findall(text)))
        self._tried = 0

    def said(self, text: str) -> None:
        """See whether the one before was wrong."""
        if not text.startswith(WRONG):
            self._tried = 0

    def next(self) -> str:
        """What to type, or nothing when none is known."""
        self._tried += 1
        return self._known[-1 - (self._tried - 1) % len(self._known)] if self._known else ""


class Obedient:
    """Nobody at all: confirms what is shown and types back what was revealed. For rehearsals without people only."""

    def __init__(self) -> None:
        self._shown: Shown | None = None
        self._passphrases = Revealed()

    def say(self, text: str) -> None:
        """Read it."""
        self._passphrases.said(text)
        self._shown = shown_digest(text) or self._shown

    def ask(self, question: str) -> str:
        """The words that are asked for. Raises Refused for any other question."""
        if self._shown is None or not asked_digest(question, self._shown.digest):
            raise Refused(
                f"only a person can answer this: {question.strip()}", hint=BLANK, check_id="CEREMONY-UNANSWERED"
            )
        return " ".join(self._shown.words)

    def secret(self, question: str) -> str:
        """A passphrase that was revealed. Raises Refused when there is none."""
        if not (known := self._passphrases.next()):
            raise Refused(f"only a person knows this: {question.strip()}", hint=BLANK, check_id="CEREMONY-UNANSWERED")
        return known

    def reveal(self, text: str, question: str) -> None:  # noqa: ARG002 - as Terminal has it
        """Keep it."""
        self._passphrases.shown(text)


BLANK = "give --blank for a script with blanks, or --record FILE with the record of a rehearsal"
