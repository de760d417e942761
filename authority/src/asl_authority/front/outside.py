"""What a call takes from the world besides files: the person, fresh random bytes, and a process that keeps secrets."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from asl_authority.front.terminal import ConsoleTerminal
from asl_authority.operations.terminal import Terminal

if TYPE_CHECKING:
    from asl_authority.values.finding import Finding  # a dataclass: too dear for every start


class Outside(NamedTuple):
    """What a call takes from the world, besides files; tests hand in their own.

    `random` gives as many fresh bytes as it is asked for. `protect` is called before the first secret comes into
    the process, with the machine's root, and says what it could do.
    """

    terminal: Terminal
    random: Callable[[int], bytes]
    protect: Callable[[Path], Iterable[Finding]]


def this_machine() -> Outside:
    """The real ones."""
    return Outside(ConsoleTerminal(), fresh_bytes, protect_this_process)


def fresh_bytes(count: int) -> bytes:
    """Bytes of the kernel's pool; waits until that is ready."""
    data = b""
    while len(data) < count:
        data += os.getrandom(count - len(data))
    return data


def protect_this_process(machine: Path) -> Iterable[Finding]:
    """No core, no tracer, no swap, as far as this machine allows."""
    from asl_authority.operations.hygiene import ThisProcess, memory_limit, protect_process

    return tuple(protect_process(ThisProcess(memory_limit), machine))
