"""What can go wrong in the authority program, each with its exit status.

Raised low, worded for a person, shown once at the front door. A bug is none of these.
"""

from __future__ import annotations

from asl_authority.contract import ExitStatus


class AuthorityError(Exception):
    """Something a person can mend: the message says what and where, `hint` what to do now.

    `check_id` names the rule that was broken, where one was.
    """

    status = ExitStatus.OUR_FAULT

    def __init__(self, message: str, *, hint: str | None = None, check_id: str = "") -> None:
        super().__init__(message)
        self.hint = hint
        self.check_id = check_id


class UsageError(AuthorityError):
    """The command line can't be understood."""

    status = ExitStatus.USAGE


class ConfigError(AuthorityError):
    """A configuration that can't be followed: it is not what it should be, and nobody guesses what was meant."""

    status = ExitStatus.USAGE


class Malformed(AuthorityError):
    """Bytes that are not what they should be; `check_id` names the rule that they break (docs/papers.md)."""

    status = ExitStatus.CHECK_FAILED


class Refused(AuthorityError):
    """Understood, but a policy or a precondition forbids it."""

    status = ExitStatus.REFUSED


class IoFailed(AuthorityError):
    """A file or a device can't be read or written."""

    status = ExitStatus.IO_FAILED


class UnlockFailed(AuthorityError):
    """A passphrase, or shares, that do not open what they should."""

    status = ExitStatus.UNLOCK_FAILED


class Damaged(AuthorityError):
    """What the store holds is not what was committed to it: it can be read with care, and nothing more."""

    status = ExitStatus.STORE_DAMAGED


class Busy(AuthorityError):
    """Somebody else holds what only one may have."""

    status = ExitStatus.BUSY


class Aborted(AuthorityError):
    """The operator stopped it: Ctrl-C, a closed terminal, or an answer of no."""

    status = ExitStatus.ABORTED
