"""A person at a machine's serial line who does what a ceremony asks: compares, types words, keeps a passphrase."""

from __future__ import annotations

import re
from dataclasses import dataclass

from asl_image.machine import Machine

# What may come next: two words of the digest, a passphrase to write down, the same unseen, an old one, or the end.
_NEXT = (
    r"type word (?P<word>\d) of line (?P<line>\d) and word (?P<word2>\d) of line (?P<line2>\d): "
    r"|(?P<reveal>Write it down, then press Enter: )"
    r"|(?P<back>Type it back \(not shown\): )"
    r"|(?P<old>Passphrase \(not shown\): )"
    r"|^ended (?P<status>\d+) here\n"
)
_LINES = re.compile(r"^  (\d): ([^\n]+)$", re.MULTILINE)


@dataclass(frozen=True)
class Held:
    """How a verb ended that asked questions, all that was seen of it, and the passphrase that was written down."""

    status: int
    screen: str
    passphrase: str


def hold(machine: Machine, command: str, timeout_s: float = 600.0, old: str = "") -> Held:
    """Type a command at the shell that waits on the serial line, and answer what it asks; `old` opens old locks."""
    machine.type(f"{command}; echo ended $? he''re\n")
    start, passphrase = len(machine.transcript.text), ""
    while True:
        asked = machine.wait_for(_NEXT, timeout_s)
        screen = machine.transcript.text[start : asked.end()]
        if asked["status"] is not None:
            return Held(int(asked["status"]), screen, passphrase)
        lines = {int(number): words.split() for number, words in _LINES.findall(screen)}
        if asked["word"] is not None:
            one, other = lines[int(asked["line"])], lines[int(asked["line2"])]
            machine.type(f"{one[int(asked['word']) - 1]} {other[int(asked['word2']) - 1]}\n")
        elif asked["reveal"] is not None:
            last = screen.rindex("The passphrase, ")
            passphrase = " ".join(words for _, words in _LINES.findall(screen[last:]))
            machine.type("\n")
        else:
            machine.type(f"{passphrase if asked['back'] else old}\n")
