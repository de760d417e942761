"""Ask the sealed image's root helpers: connect, say one of the words that they know, and read their one answer."""

from __future__ import annotations

import socket
import stat
from pathlib import Path, PurePosixPath

from asl_authority.contract import MEASURE_SOCKET, STICK_SOCKET
from asl_authority.errors import IoFailed
from asl_authority.storage.paths import inside
from asl_authority.values import readings, sticks
from asl_authority.values.readings import Readings, read_readings
from asl_authority.values.sticks import SeenSticks, read_sticks

# One reads the whole medium, minutes from a worn disc; the other may have a large volume to check.
TIMEOUT_S = 900.0


def ask_readings(root: Path) -> Readings | None:
    """What the helper reads of layers and medium; None on a machine without one. Raises IoFailed, Malformed."""
    said = _asked(root, MEASURE_SOCKET, b"", readings.KIND.limits.size)
    if said == b"":
        raise IoFailed(
            "layers and medium could not be read", hint="is the medium damaged? check it: boot menu, entry m"
        )
    return None if said is None else read_readings(said)


def ask_sticks(root: Path, words: str) -> SeenSticks | None:
    """What is plugged in when the helper has done what the words say (`list`, `open NAME`, `close NAME`, `store`).

    None on a machine without one. Raises IoFailed, Malformed.
    """
    said = _asked(root, STICK_SOCKET, f"{words}\n".encode(), sticks.KIND.limits.size)
    if said == b"":
        raise IoFailed("who opens sticks does not answer", hint="try again, or restart this machine")
    return None if said is None else read_sticks(said)


def _asked(root: Path, socket_path: PurePosixPath, words: bytes, limit: int) -> bytes | None:
    """The answer, a byte more than `limit` at most; None where nobody listens."""
    path = inside(root, socket_path)
    try:
        if not stat.S_ISSOCK(path.stat().st_mode):
            return None
    except FileNotFoundError:
        return None
    pieces, size = [], 0
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
            line.settimeout(TIMEOUT_S)
            line.connect(str(path))
            if words:
                line.sendall(words)
            while size <= limit and (piece := line.recv(4096)):
                pieces.append(piece)
                size += len(piece)
    except OSError as error:
        raise IoFailed(f"{socket_path}: {error.strerror or error}", hint="try again, or restart this machine") from None
    return b"".join(pieces)
