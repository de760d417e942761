"""What can go wrong in the authority program, each with its exit status.

Raised low, worded for a person, shown once at the front door. A bug is none of these.
"""

from __future__ import annotations

from asl_authority.contract import ExitStatus


class AuthorityError(Exception):
    """Something a person can mend: the message says what and where, `hint` what to do now.

    `check_id` names the rule that was broken; where none is given it is the one that every error of its class breaks.
    """

    status = ExitStatus.OUR_FAULT
    general_id = "OUR-FAULT"

    def __init__(self, message: str, *, hint: str | None = None, check_id: str = "") -> None:
        super().__init__(message)
        self.hint = hint
        self.check_id = check_id


class UsageError(AuthorityError):
    """The command line can't be understood."""

    status = ExitStatus.USAGE
    general_id = "COMMAND-LINE"


class ConfigError(AuthorityError):
    """A configuration that can't be followed, and nobody guesses what was meant: always by a rule of its own."""

    status = ExitStatus.USAGE
    general_id = ""


class Malformed(AuthorityError):
    """Bytes that are not what they should be; `check_id` names the rule that they break (docs/papers.md)."""

    status = ExitStatus.CHECK_FAILED
    general_id = "FILE-FORM"


class Refused(AuthorityError):
    """Understood, but a policy or a precondition forbids it: always by a rule of its own."""

    status = ExitStatus.REFUSED
    general_id = ""


class IoFailed(AuthorityError):
    """A file or a device can't be read or written."""

    status = ExitStatus.IO_FAILED
    general_id = "INPUT-OUTPUT"


class UnlockFailed(AuthorityError):
    """A passphrase, or shares, that do not open what they should."""

    status = ExitStatus.UNLOCK_FAILED
    general_id = "PASSPHRASE-WRONG"


class Damaged(AuthorityError):
    """What the store holds is not what was committed to it: it can be read with care, and nothing more."""

    status = ExitStatus.STORE_DAMAGED
    general_id = "STORE-DAMAGED"


class Busy(AuthorityError):
    """Somebody else holds what only one may have."""

    status = ExitStatus.BUSY
    general_id = "STORE-BUSY"


class Aborted(AuthorityError):
    """The operator stopped it: Ctrl-C, a closed terminal, or an answer of no."""

    status = ExitStatus.ABORTED
    general_id = "STOPPED"
