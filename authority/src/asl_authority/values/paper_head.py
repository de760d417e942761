"""The head of a log for paper: its size, and twelve words to write down and to type again.

Eleven words are the first 110 bits of the SHA-256 of the head's text, which says origin, size and root; the twelfth
checks them, so that a slip of the pen is not taken for another log.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from asl_authority.errors import Malformed
from asl_authority.values.checkpoint import Checkpoint
from asl_authority.values.finding import Finding
from asl_authority.values.rules import Rule
from asl_authority.values.slip39 import words

PAPER = "C2SP tlog-checkpoint, tlog-proof"

RULES = (
    Rule("PAPER-FORM", PAPER, "C", "On paper a head is a size and twelve words of the list."),
    Rule("PAPER-CHECK-WORD", PAPER, "C", "The twelfth word fits the eleven before and the size."),
    Rule("PAPER-HEAD", PAPER, "C", "The log had, at the size on paper, the head that the words say."),
)  # fmt: skip

WORD_BITS = 10
WORDS = 11
_SIZE = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)


@dataclass(frozen=True)
class PaperHead:
    """What is on the paper."""

    size: int
    words: tuple[str, ...]

    def to_text(self) -> str:
        """As it is printed: the size, then three lines of four words."""
        return "\n".join((f"size {self.size}", *self.lines())) + "\n"

    def lines(self) -> list[str]:
        """The words, four a line."""
        return [" ".join(self.words[at : at + 4]) for at in range(0, len(self.words), 4)]


def paper_head(head: Checkpoint) -> PaperHead:
    """What to write down."""
    number = int.from_bytes(hashlib.sha256(head.to_text().encode()).digest(), "big") >> (256 - WORDS * WORD_BITS)
    most = (1 << WORD_BITS) - 1
    spoken = tuple(words()[number >> (WORD_BITS * place) & most] for place in reversed(range(WORDS)))
    return PaperHead(head.size, (*spoken, _check_word(head.size, spoken)))


def read_paper_head(size: str, typed: str) -> PaperHead:
    """What a person typed: the size, and the words with blanks between, of which four letters are enough.

    Raises Malformed.
    """
    size = size.strip()  # once: int() does not strip all that strip() does
    by_start = {word[:4]: word for word in words()}
    given = typed.lower().split()
    found = tuple(by_start.get(each[:4], "") for each in given)
    unknown = [
        n for n, (word, each) in enumerate(zip(found, given, strict=True), 1) if not word.startswith(each) or not word
    ]
    if not _SIZE.fullmatch(size) or len(found) != WORDS + 1 or unknown:
        where = f": number {unknown[0]} is not in the list" if unknown else ""
        raise Malformed(f"a size and {WORDS + 1} words are expected{where}", check_id="PAPER-FORM")
    if _check_word(int(size), found[:WORDS]) != found[WORDS]:
        raise Malformed("a word or the size is mistyped: the last word does not fit", check_id="PAPER-CHECK-WORD")
    return PaperHead(int(size), found)


def check_paper_head(paper: PaperHead, there: Checkpoint | None) -> Finding:
    """PAPER-HEAD: `there` is the log's head at the size on paper; None when the log is shorter."""
    if there is None or there.size != paper.size:
        return Finding("PAPER-HEAD", ok=False, detail=f"the log is shorter than the paper's {paper.size} records")
    ok = paper_head(there) == paper
    return Finding("PAPER-HEAD", ok, f"size {paper.size}" if ok else f"another log than the paper's, at {paper.size}")


def _check_word(size: int, spoken: tuple[str, ...]) -> str:
    digest = hashlib.sha256(f"{size} {' '.join(spoken)}".encode()).digest()
    return words()[int.from_bytes(digest[:2], "big") >> (16 - WORD_BITS)]
