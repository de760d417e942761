"""What the operator's console has the authority do: the words of one call, and where it is made."""

from __future__ import annotations

import re
from dataclasses import dataclass

from asl_authority.values.canonical import Limits
from asl_authority.values.kinds import Kind
from asl_authority.values.rules import Rule

PAPER = "ENC-ASL-AUTH-HOST/1"

RULES = (
    Rule("ERRAND-SCHEMA", PAPER, "C", "An errand says program, words and an absolute directory, and nothing else."),
)  # fmt: skip

MOST_WORDS = 256
KIND = Kind("errand", limits=Limits(size=64 << 10, depth=3, count=MOST_WORDS + 8))
_PROGRAM = re.compile(r"[a-z][a-z-]{0,31}", re.ASCII)
_WORD = re.compile(r"[^\0]*")
_DIRECTORY = re.compile(r"/[^\0]*")
_LONGEST = 4096


@dataclass(frozen=True)
class Errand:
    """`words` follow the program's name on the command line; `directory` is what relative paths in them start from."""

    program: str
    words: tuple[str, ...]
    directory: str

    def to_bytes(self) -> bytes:
        """The one text of it."""
        return KIND.body({"directory": self.directory, "program": self.program, "words": list(self.words)})


def read_errand(data: bytes) -> Errand:
    """An errand. Raises Malformed."""
    whole = KIND.read(data, ("directory", "program", "words"))
    words = whole.items("words", MOST_WORDS)
    for number, word in enumerate(words):
        if type(word) is not str or len(word) > _LONGEST or not _WORD.fullmatch(word):
            raise whole.wrong(f"words[{number}]", f"expected a string of at most {_LONGEST} characters, without a NUL")
    return Errand(whole.text("program", _PROGRAM), tuple(words), whole.text("directory", _DIRECTORY, _LONGEST))
