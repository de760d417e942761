"""Hand a secret to a child process without a file: memory with a descriptor, sealed against every change."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager

from asl_authority.errors import IoFailed

SEALS = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE


@contextmanager
def sealed_memory(name: str, data: bytes) -> Iterator[int]:
    """A descriptor of sealed memory that holds `data`, for as long as the `with`; `name` must be no secret.

    A child that is handed the descriptor reads it as /proc/self/fd/N, any number of times. Raises IoFailed.
    """
    try:
        descriptor = os.memfd_create(name, os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    except OSError as error:
        raise IoFailed(f"no memory for {name}: {error.strerror}") from None
    try:
        os.fchmod(descriptor, 0o400)
        view = memoryview(data)
        while view:
            view = view[os.write(descriptor, view) :]
        fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, SEALS)
        yield descriptor
    except OSError as error:
        raise IoFailed(f"{name} in memory: {error.strerror}") from None
    finally:
        os.close(descriptor)
