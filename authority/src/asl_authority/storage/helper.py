"""Ask the sealed image's root helper: connect, and read its one answer. It takes no words from whoever asks."""

from __future__ import annotations

import socket
import stat
from pathlib import Path

from asl_authority.contract import MEASURE_SOCKET
from asl_authority.errors import IoFailed
from asl_authority.storage.paths import inside
from asl_authority.values.readings import KIND, Readings, read_readings

# It reads the whole medium: minutes from a worn disc.
TIMEOUT_S = 900.0


def ask_readings(root: Path) -> Readings | None:
    """What the helper reads of layers and medium; None on a machine without one. Raises IoFailed, Malformed."""
    path = inside(root, MEASURE_SOCKET)
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
            while size <= KIND.limits.size and (piece := line.recv(4096)):
                pieces.append(piece)
                size += len(piece)
    except OSError as error:
        raise IoFailed(
            f"{MEASURE_SOCKET}: {error.strerror or error}", hint="try again, or restart this machine"
        ) from None
    if not pieces:
        raise IoFailed(
            "layers and medium could not be read", hint="is the medium damaged? check it: boot menu, entry m"
        )
    return read_readings(b"".join(pieces))
