"""Before a secret comes into this process: no core file, no tracer, nothing swapped out, as far as this machine allows.

What can't be had is said in a finding, not passed over; Python can't promise to wipe what it held, and does not try.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Protocol

from asl_authority.storage.surroundings import load_swaps
from asl_authority.values.finding import Finding

PR_GET_DUMPABLE, PR_SET_DUMPABLE = 3, 4
MCL_CURRENT, MCL_FUTURE = 1, 2


class System(Protocol):
    """What is asked of the kernel; 0 is a yes."""

    def no_core(self) -> bool: ...

    def not_dumpable(self) -> bool: ...

    def lock_memory(self) -> str: ...


def protect_process(system: System, root: Path) -> Iterator[Finding]:
    """Do what can be done, once, before the first secret; one finding each. Raises IoFailed."""
    held = system.no_core()
    said = "no core file is written, whatever happens" if held else "a crash can write a core file, with secrets in it"
    yield Finding("HYGIENE-CORE", held, said)
    held = system.not_dumpable()
    said = "no other process of this user can look inside" if held else "other processes of this user can look inside"
    yield Finding("HYGIENE-DUMPABLE", held, said)
    trouble = system.lock_memory()
    swaps = load_swaps(root)
    said = "no swap" if not swaps else f"swap is on: {', '.join(map(str, swaps))}"
    yield Finding("HYGIENE-SWAP", not swaps or not trouble, said if not trouble else f"{said}; {trouble}")


@dataclass(frozen=True)
class ThisProcess:
    """The running process; `limit` is the memory that it may lock, in bytes, or None for any amount."""

    limit: Callable[[], int | None]

    def no_core(self) -> bool:
        """RLIMIT_CORE 0, hard and soft."""
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        return resource.getrlimit(resource.RLIMIT_CORE) == (0, 0)

    def not_dumpable(self) -> bool:
        """PR_SET_DUMPABLE 0."""
        libc = _libc()
        return bool(libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0 == libc.prctl(PR_GET_DUMPABLE, 0, 0, 0, 0))

    def lock_memory(self) -> str:
        """mlockall, where all that we will need may be locked; why not, else. With a limit it would starve scrypt."""
        if self.limit() is not None:
            return "memory is not locked: its limit is less than a key derivation needs"
        return "" if _libc().mlockall(MCL_CURRENT | MCL_FUTURE) == 0 else "memory is not locked: the kernel refuses"


def memory_limit() -> int | None:
    """How much memory may be locked; None for any amount."""
    import resource

    soft, _ = resource.getrlimit(resource.RLIMIT_MEMLOCK)
    return None if soft == resource.RLIM_INFINITY else soft


@cache
def _libc() -> Any:
    import ctypes

    return ctypes.CDLL(None, use_errno=True)
