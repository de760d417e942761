"""Ask a person, on the terminal itself: never through a pipe, and secrets without an echo."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from asl_authority.errors import Aborted, IoFailed, Refused
from asl_authority.operations.terminal import Terminal as Terminal

LONGEST_LINE = 4096


class ConsoleTerminal:
    """The terminal that controls this process, opened when first used; or the open one that was handed to it."""

    def __init__(self, device: str = "/dev/tty", descriptor: int | None = None) -> None:
        self._device = device if descriptor is None else "the console"
        self._open = descriptor
        self._read = b""

    def say(self, text: str) -> None:
        """Show lines."""
        left = memoryview(text.encode())
        descriptor = self._tty()
        try:
            while left:
                left = left[os.write(descriptor, left) :]
        except OSError as error:
            raise IoFailed(f"{self._device}: {error.strerror}") from None

    def ask(self, question: str) -> str:
        """Ask, and wait."""
        self.say(question)
        return self._line()

    def secret(self, question: str) -> str:
        """Ask without an echo; the terminal is as it was afterwards, however it ends."""
        try:
            # Silent before it asks: who answers at once is not seen either.
            with self._silent():
                self.say(question)
                return self._line()
        finally:
            self.say("\n")

    def reveal(self, text: str, question: str) -> None:
        """Show on the other screen that consoles and terminals have, which leaves no trace in what scrolls back."""
        self.say("\x1b[?1049h\x1b[2J\x1b[H" + text)
        try:
            self.ask(question)
        finally:
            self.say("\x1b[2J\x1b[H\x1b[?1049l")

    def _line(self) -> str:
        # By descriptor: Python's files that read and write want to seek, and a terminal can't.
        descriptor = self._tty()
        while b"\n" not in self._read:
            if len(self._read) > LONGEST_LINE:
                raise Refused(f"a line has at most {LONGEST_LINE} bytes", check_id="TERMINAL-LINE")
            try:
                piece = os.read(descriptor, LONGEST_LINE + 1)
            except OSError as error:
                raise IoFailed(f"{self._device}: {error.strerror}") from None
            if not piece:
                raise Aborted("the terminal was closed")
            self._read += piece
        line, _, self._read = self._read.partition(b"\n")
        try:
            return line.decode()
        except UnicodeDecodeError:
            raise Refused("what was typed is not UTF-8", check_id="TERMINAL-LINE") from None

    def _tty(self) -> int:
        if self._open is None:
            try:
                self._open = os.open(self._device, os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
            except OSError:
                raise Refused(
                    "this asks questions, and there is no terminal to ask on",
                    hint="run it on the host's console",
                    check_id="TERMINAL-MISSING",
                ) from None
        return self._open

    @contextmanager
    def _silent(self) -> Iterator[None]:
        import termios

        descriptor = self._tty()
        before = termios.tcgetattr(descriptor)
        silent = termios.tcgetattr(descriptor)
        silent[3] &= ~(termios.ECHO | termios.ECHONL)
        try:
            termios.tcsetattr(descriptor, termios.TCSAFLUSH, silent)
            yield
        finally:
            # Somebody else may have the terminal by now: a shell whose program was killed while we asked.
            if termios.tcgetattr(descriptor)[3] == silent[3]:
                termios.tcsetattr(descriptor, termios.TCSAFLUSH, before)
