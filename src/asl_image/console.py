"""What a machine says on its serial line: cleaned of escape sequences, with the time of every piece.

Pure: bytes and times go in, text and findings come out. `machine.py` feeds it.
"""

from __future__ import annotations

import codecs
import re
from bisect import bisect_right
from dataclasses import dataclass

from asl_image.errors import CheckFailed

# CSI, OSC (ended by BEL or ST), DCS and its like (ended by ST), two-byte escapes, and bytes that only move a cursor.
_CURSOR = re.compile(r"\x1b\[[0-9;]*[Hf]")
_NOISE = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)"
    r"|\x1b[PX^_][^\x1b]*\x1b\\|\x1b[ -/]*[0-OQ-WYZ`-~\\]|[\x00\x07\x08\r]"
)
_UNFINISHED = re.compile(r"\x1b(?:\[[0-?]*[ -/]*|\][^\x07\x1b]*\x1b?|[PX^_][^\x1b]*\x1b?|[ -/]*)?$")
LONGEST_ESCAPE = 256

TAIL_LINES = 20


def plain(text: str) -> str:
    """`text` without escape sequences; one that puts the cursor somewhere counts as a new line."""
    return _NOISE.sub("", _CURSOR.sub("\n", text))


class Transcript:
    """Everything heard so far: clean text, and when each part of it came (seconds since the start)."""

    def __init__(self) -> None:
        self.text = ""
        self._unfinished = ""
        # Keeps the beginning of a character that is cut between two chunks.
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._starts: list[int] = []
        self._times: list[float] = []

    def hear(self, chunk: bytes, at_s: float) -> None:
        """Add what came at `at_s`; an escape sequence may be cut anywhere between two chunks."""
        raw = self._unfinished + self._decoder.decode(chunk)
        cut = _UNFINISHED.search(raw)
        kept = len(raw) if cut is None or len(raw) - cut.start() > LONGEST_ESCAPE else cut.start()
        self._unfinished = raw[kept:]
        clean = plain(raw[:kept])
        if clean:
            self._starts.append(len(self.text))
            self._times.append(at_s)
            self.text += clean

    def time_at(self, position: int) -> float:
        """When the character at `position` came."""
        return self._times[bisect_right(self._starts, position) - 1]

    def first_seen(self, pattern: str) -> float | None:
        """When the first match of `pattern` was complete, or None."""
        found = re.search(pattern, self.text, re.MULTILINE)
        return self.time_at(max(found.start(), found.end() - 1)) if found else None

    def tail(self, lines: int = TAIL_LINES) -> tuple[str, ...]:
        """The last lines with something in them."""
        return tuple([line.rstrip() for line in self.text.splitlines() if line.strip()][-lines:])


class MachineFailed(CheckFailed):
    """The machine did not do what it was started for."""


class KernelPanicked(MachineFailed):
    """The guest's kernel gave up."""


class ShellOfLastResort(MachineFailed):
    """The guest fell into an emergency, rescue or initramfs shell."""


class SealStopped(MachineFailed):
    """The sealed initramfs refused to go on, and said why."""


class BootLoaderFailed(MachineFailed):
    """The boot loader did not find what it needs."""


class MachineEnded(MachineFailed):
    """QEMU ended while something was still expected of the machine."""


class WaitedTooLong(MachineFailed):
    """What was waited for did not come in time."""


ErrorClass = type[MachineFailed]

# No word of these is an echoed command line: `panic=10` is one, and is harmless. A line must be whole before it counts.
FATAL: tuple[tuple[ErrorClass, re.Pattern[str]], ...] = (
    (KernelPanicked, re.compile(r"Kernel panic - not syncing[^\n]*\n")),
    (SealStopped, re.compile(r"asl-seal: STOP: [^\n]*\n")),
    (ShellOfLastResort, re.compile(r"You are in (?:emergency|rescue) mode[^\n]*\n")),
    (ShellOfLastResort, re.compile(r"Give root password for maintenance[^\n]*\n|Entering emergency mode[^\n]*\n")),
    (ShellOfLastResort, re.compile(r"^\(initramfs\) ", re.MULTILINE)),
    (BootLoaderFailed, re.compile(r"^Entering rescue mode|^grub rescue> ", re.MULTILINE)),
)


@dataclass(frozen=True)
class Fatal:
    """A message after which nothing good can come, where it starts and ends, and the error it means."""

    error: ErrorClass
    start: int
    end: int
    words: str


def find_fatal(text: str, start: int = 0) -> Fatal | None:
    """The first message in `text` from `start` on that means the end of this machine."""
    found = [
        Fatal(error, match.start(), match.end(), match.group().strip())
        for error, pattern in FATAL
        if (match := pattern.search(text, start))
    ]
    return min(found, key=lambda fatal: fatal.start, default=None)


@dataclass
class Listener:
    """Reads a transcript in order: what is matched once is behind us.

    A fatal message ends every wait for something else. It is forgiven when what is waited for comes before
    it or touches it, so that a test may wait for the very message that stops the machine.
    """

    transcript: Transcript
    position: int = 0
    forgiven: int = 0

    def look_for(self, pattern: re.Pattern[str]) -> re.Match[str] | Fatal | None:
        """The next match, or the fatal message that comes before one, or None when neither is there yet."""
        text = self.transcript.text
        match = pattern.search(text, self.position)
        fatal = find_fatal(text, self.forgiven)
        if match and (fatal is None or match.start() < fatal.end):
            self.position = match.end()
            if fatal and match.end() > fatal.start:
                self.forgiven = fatal.end
            return match
        if fatal is None:  # messages are lines: what is behind the last whole line need not be read again
            self.forgiven = max(self.forgiven, text.rfind("\n") + 1)
        return fatal
