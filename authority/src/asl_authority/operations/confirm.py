"""Ask before what can't be taken back: the person types two words of the digest of what is about to be done.

An Enter too many never confirms. Which words are asked for follows from the digest, so that a printed script of the
ceremony can have a blank for each.
"""

from __future__ import annotations

import hashlib
import re
from typing import NamedTuple

from asl_authority.contract.words import hex_groups, spoken, spoken_lines
from asl_authority.errors import Aborted
from asl_authority.operations.terminal import Terminal

WORDS_PER_LINE = 4
TRIES = 3
TO_COMPARE = "SHA-256, to be compared with what was agreed:"
_SHOWN = re.compile(rf"^{TO_COMPARE}\n  ([0-9a-f]{{8}}(?: [0-9a-f]{{8}}){{7}})\n(?:  [0-9].*\n)+\Z", re.MULTILINE)


class Shown(NamedTuple):
    """A digest that is on the screen to be confirmed."""

    digest: bytes

    @property
    def words(self) -> tuple[str, str]:
        """The two words that are asked for."""
        words = spoken(self.digest)
        one, other = (words[_index(line, word)] for line, word in asked_words(self.digest))
        return one, other

    def accepts(self, answer: str) -> bool:
        """Whether these are the two words, however they are written."""
        return answer.lower().split() == [word.lower() for word in self.words]


def digest_text(digest: bytes) -> str:
    """A digest for eyes and ears: hexadecimal in groups, and its words."""
    return f"  {hex_groups(digest)}\n" + "".join(
        f"  {line}\n" for line in spoken_lines(digest, WORDS_PER_LINE).splitlines()
    )


def asked_words(digest: bytes) -> tuple[tuple[int, int], tuple[int, int]]:
    """The line and the place in it, from 1, of the two words that are asked for; never the same word twice."""
    first, second = hashlib.sha256(b"confirm" + digest).digest()[:2]
    one, other = first % len(digest), second % (len(digest) - 1)
    other += other >= one
    return _place(one), _place(other)


def question_for(digest: bytes) -> str:
    """How the two words are asked for."""
    (line, word), (line2, word2) = asked_words(digest)
    return f"To go on, type word {word} of line {line} and word {word2} of line {line2}: "


def confirm(terminal: Terminal, what: str, digest: bytes) -> None:
    """Have `what` confirmed by two words of its SHA-256. Raises Aborted after three wrong answers."""
    shown = Shown(digest)
    terminal.say(f"{what}\n{TO_COMPARE}\n{digest_text(digest)}")
    for _ in range(TRIES):
        if shown.accepts(terminal.ask(question_for(digest))):
            return
        terminal.say("Those are not the words. Ctrl-C ends, and nothing is changed.\n")
    raise Aborted("not confirmed: nothing was done", hint="compare the digest with the other person, and begin again")


def shown_digest(text: str) -> Shown | None:
    """The digest that `confirm` shows at the end of `text`, for who watches a terminal."""
    found = _SHOWN.search(text)
    return None if found is None else Shown(bytes.fromhex(found[1].replace(" ", "")))


def asked_digest(question: str, digest: bytes) -> bool:
    """Whether this is the question for the words of this digest."""
    return question == question_for(digest)


def _place(index: int) -> tuple[int, int]:
    line, word = divmod(index, WORDS_PER_LINE)
    return line + 1, word + 1


def _index(line: int, word: int) -> int:
    return (line - 1) * WORDS_PER_LINE + word - 1
