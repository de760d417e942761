"""What can go wrong, said so that a person knows what, where and what now.

Few classes, one per meaning; each carries the exit status of the one table (docs/reference.md).
They are raised low and worded once, at the front door (cli.py). A bug is not one of these: it
keeps its traceback and ends with status 1.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class AslImageError(Exception):
    """Something a person can mend.

    `message` says what and where, `details` are further lines (one problem each), `hint` is the
    next thing to do. `status` is the exit status.
    """

    status = 1

    def __init__(self, message: str, *, details: tuple[str, ...] = (), hint: str | None = None) -> None:
        super().__init__(message)
        self.details = details
        self.hint = hint


class ConfigError(AslImageError):
    """The command line, a profile, a lock, an overlay or a hook is not well formed."""

    status = 2


class CheckFailed(AslImageError):
    """A verification was carried out and its answer is no."""

    status = 3


class Refused(AslImageError):
    """Well formed, but a policy or a precondition forbids it: a stale lock, a missing host program."""

    status = 4


class Aborted(AslImageError):
    """The operator stopped it (Ctrl-C, SIGTERM, or an answer of no)."""

    status = 6


class UnlockFailed(AslImageError):
    """A key could not be unlocked: a wrong passphrase."""

    status = 7


class IoFailed(AslImageError):
    """A disk is full, a mirror is down, a file can't be read or written."""

    status = 8


class ProgramFailed(AslImageError):
    """Another program ended badly."""

    status = 9


class Busy(AslImageError):
    """Somebody else holds what is needed; trying again later helps."""

    status = 10


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The end of an error line that names the nearest known word; empty when nothing is near."""
    near = get_close_matches(word, sorted(known), n=1)
    return f" (did you mean '{near[0]}'?)" if near else ""
