"""Ask before what can't be taken back: the person types two words of the digest of what is about to be done.

An Enter too many never confirms. Which words are asked for follows from the digest, so that a printed script of the
ceremony can have a blank for each.
"""

from __future__ import annotations

import hashlib

from asl_authority.contract.words import hex_groups, spoken, spoken_lines
from asl_authority.errors import Aborted
from asl_authority.operations.terminal import Terminal

WORDS_PER_LINE = 4
TRIES = 3


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


def confirm(terminal: Terminal, what: str, digest: bytes) -> None:
    """Have `what` confirmed by two words of its SHA-256. Raises Aborted after three wrong answers."""
    words = spoken(digest)
    (line, word), (line2, word2) = asked_words(digest)
    expected = [words[_index(line, word)].lower(), words[_index(line2, word2)].lower()]
    terminal.say(f"{what}\nSHA-256, to be compared with what was agreed:\n{digest_text(digest)}")
    question = f"To go on, type word {word} of line {line} and word {word2} of line {line2}: "
    for _ in range(TRIES):
        if terminal.ask(question).lower().split() == expected:
            return
        terminal.say("Those are not the words. Ctrl-C ends, and nothing is changed.\n")
    raise Aborted("not confirmed: nothing was done", hint="compare the digest with the other person, and begin again")


def _place(index: int) -> tuple[int, int]:
    line, word = divmod(index, WORDS_PER_LINE)
    return line + 1, word + 1


def _index(line: int, word: int) -> int:
    return (line - 1) * WORDS_PER_LINE + word - 1
