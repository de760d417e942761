"""Fresh random bytes for those below the door, who do not draw their own."""

from __future__ import annotations

import os


def fresh_bytes(count: int) -> bytes:
    """Bytes of the kernel's pool; waits until that is ready."""
    data = b""
    while len(data) < count:
        data += os.getrandom(count - len(data))
    return data
