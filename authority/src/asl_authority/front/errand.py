"""The console's half of an errand: what the operator calls is carried out by the user `authority`, on this terminal.

The authority gets the words, the name of the directory, and descriptors of stdout, stderr and the terminal; nothing
of the operator's environment. Ctrl-C is passed on, and the status is the one that the authority ended with.
"""

from __future__ import annotations

import os
import signal
import termios
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from asl_authority.contract import ExitStatus
from asl_authority.errors import IoFailed, UsageError

if TYPE_CHECKING:
    from asl_authority.storage.errands import Line

STDOUT, STDERR = 1, 2


def have_done(machine: Path, program: str, words: Sequence[str], console: str = "/dev/tty") -> ExitStatus:
    """Have the authority carry it out, and wait. Raises UsageError, IoFailed."""
    from asl_authority.storage.errands import handed_over
    from asl_authority.values.errand import Errand

    try:
        errand = Errand(program, tuple(words), str(Path.cwd()))
    except FileNotFoundError:
        raise UsageError(
            "the directory that this is called in is gone", hint="cd to another one", check_id="PATH-MISSING"
        ) from None
    with (
        _terminal(console) as terminal,
        handed_over(machine, errand, (STDOUT, STDERR, *terminal)) as line,
        _stopped_by_keys(line),
    ):
        status = line.ended()
    if status is None or status not in list(ExitStatus):
        raise IoFailed("the authority did not say how it ended", hint="try again; is there enough memory?")
    return ExitStatus(status)


@contextmanager
def _terminal(console: str) -> Iterator[tuple[int, ...]]:
    """The terminal, when there is one and we are who is typed to; in the end it is as it was."""
    try:
        descriptor = os.open(console, os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:
        yield ()
        return
    try:
        if not _typed_to(descriptor):
            yield ()
            return
        before = termios.tcgetattr(descriptor)
        try:
            yield (descriptor,)
        finally:
            # The authority does so itself, unless it was killed.
            with suppress(termios.error):
                if termios.tcgetattr(descriptor) != before:
                    termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
    finally:
        os.close(descriptor)


def _typed_to(descriptor: int) -> bool:
    """Whether what is typed is meant for us: a job in the background would take it from the shell."""
    try:
        return os.tcgetpgrp(descriptor) == os.getpgrp()
    except OSError:
        return False


@contextmanager
def _stopped_by_keys(line: Line) -> Iterator[None]:
    """Ctrl-C asks the authority to stop. Ctrl-Z does nothing: the shell and the authority would both read."""

    def stop(_: int, __: FrameType | None) -> None:
        line.stop()

    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTSTP)}
    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTSTP, signal.SIG_IGN)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
