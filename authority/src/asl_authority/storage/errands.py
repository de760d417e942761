"""The line on which the operator's console hands an errand to the authority, and hears how it ended.

One connection is one errand: it comes as one message, with the descriptors that it may write to and ask on. After
it the console says nothing but "stop", or hangs up, which means the same. The answer is one byte, the exit status.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from asl_authority.contract import ERRAND_SOCKET
from asl_authority.errors import IoFailed, Malformed, UsageError
from asl_authority.storage.paths import inside
from asl_authority.values.errand import KIND, Errand, read_errand

STOP = b"stop"
# stdout and stderr, and perhaps a terminal.
LEAST_DESCRIPTORS, MOST_DESCRIPTORS = 2, 3


class Line:
    """One errand's connection, at either end."""

    def __init__(self, line: socket.socket) -> None:
        self._line = line

    def stop(self) -> None:
        """Ask for the errand to be stopped; whoever has ended already need not hear it."""
        with suppress(OSError):
            self._line.send(STOP, socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)

    def heard_stop(self) -> bool:
        """Wait until the console says stop, or, False, is gone."""
        try:
            return bool(self._line.recv(len(STOP)))
        except OSError:
            return False

    def end(self, status: int) -> None:
        """Say how it ended; nobody may be there any more."""
        with suppress(OSError):
            self._line.send(bytes([status]), socket.MSG_NOSIGNAL)

    def close(self) -> None:
        """Hang up."""
        self._line.close()

    def ended(self) -> int | None:
        """Wait for how it ended; None when that was never said."""
        try:
            answer = self._line.recv(2)
        except OSError:
            return None
        return answer[0] if len(answer) == 1 else None


class Received(NamedTuple):
    """An errand at the end that carries it out; the descriptors are its own from now on."""

    line: Line
    errand: Errand
    descriptors: tuple[int, ...]


@contextmanager
def handed_over(root: Path, errand: Errand, descriptors: Sequence[int]) -> Iterator[Line]:
    """Hand an errand over. Raises UsageError for one that is too long, IoFailed."""
    try:
        data = errand.to_bytes()
    except UnicodeEncodeError:
        raise UsageError("a word of the command line is not UTF-8") from None
    if len(data) > KIND.limits.size:
        raise UsageError(f"the command line is longer than {KIND.limits.size} bytes")
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as line:
        try:
            line.connect(str(inside(root, ERRAND_SOCKET)))
            socket.send_fds(line, [data], list(descriptors))
        except OSError as error:
            raise IoFailed(
                f"{ERRAND_SOCKET}: {error.strerror or error}", hint="try again, or restart this machine"
            ) from None
        yield Line(line)


def received(descriptor: int) -> Received:
    """The errand that comes on a connection. Raises Malformed, IoFailed."""
    line = socket.socket(fileno=os.dup(descriptor))
    found: list[int] = []
    try:
        limit = KIND.limits.size + 1
        data, found, cut, _ = socket.recv_fds(line, limit, MOST_DESCRIPTORS + 1, socket.MSG_CMSG_CLOEXEC)
        if cut & (socket.MSG_TRUNC | socket.MSG_CTRUNC) or not LEAST_DESCRIPTORS <= len(found) <= MOST_DESCRIPTORS:
            raise Malformed(f"an errand with {len(found)} descriptors", check_id="ERRAND-SCHEMA")
        return Received(Line(line), read_errand(data), tuple(found))
    except (OSError, Malformed) as error:
        line.close()
        for each in found:
            os.close(each)
        if isinstance(error, OSError):
            raise IoFailed(f"no errand came: {error.strerror}") from None
        raise
