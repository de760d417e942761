"""A person's terminal tied to a machine's serial line, key by key."""

from __future__ import annotations

import os
import select
import termios
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager

# As in QEMU's own terminal, so that nobody has to learn two.
ESCAPE = b"\x01"
QUIT = b"x"
HOW_TO_LEAVE = "Ctrl-a x switches the machine off; Ctrl-a Ctrl-a sends a Ctrl-a"
POLL_S = 0.2


class Keys:
    """Takes what a person types apart: what goes to the machine, and the wish to leave."""

    def __init__(self) -> None:
        self._escaped = False
        self.leave = False

    def take(self, typed: bytes) -> bytes:
        """The bytes of `typed` that are meant for the machine."""
        meant = b""
        for byte in (typed[place : place + 1] for place in range(len(typed))):
            if self._escaped:
                self._escaped = False
                if byte == QUIT:
                    self.leave = True
                    break
                meant += byte if byte == ESCAPE else ESCAPE + byte
            elif byte == ESCAPE:
                self._escaped = True
            else:
                meant += byte
        return meant


@contextmanager
def raw(descriptor: int) -> Iterator[None]:
    """Hand over every key as it is pressed, Ctrl-C too, and put the terminal back as it was."""
    if not os.isatty(descriptor):
        yield
        return
    before = termios.tcgetattr(descriptor)
    tty.setraw(descriptor)
    try:
        yield
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


def converse(descriptor: int, send: Callable[[bytes], None], still_on: Callable[[], bool]) -> None:
    """Send what is typed at `descriptor` until the person leaves or the machine ends; its end of file is no leave."""
    keys = Keys()
    listening = [descriptor]
    while still_on() and not keys.leave:
        readable, _, _ = select.select(listening, [], [], POLL_S)
        if not readable:
            continue
        typed = os.read(descriptor, 1024)
        if not typed:
            listening = []
            continue
        meant = keys.take(typed)
        if meant:
            send(meant)
