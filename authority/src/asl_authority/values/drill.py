"""The record of a recovery drill: that a key was restored from its backup, by whom and from what, or that it was not.

It has no time and no secret. A drill that failed leaves a record too: that is what drills are for.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from asl_authority.errors import Malformed
from asl_authority.values.canonical import Limits
from asl_authority.values.fields import LINE, Fields
from asl_authority.values.keyfile import KeyKind
from asl_authority.values.kinds import Kind
from asl_authority.values.rules import Rule
from asl_authority.values.slip39 import LEAST_THRESHOLD, MOST_SHARES

PAPER = "ASL/AUTH-HOST/1"

RULES = (
    Rule("DRILL-SCHEMA", PAPER, "C", "A drill's record names key, backup, method, persons and result; no time."),
    Rule("DRILL-PERSONS", PAPER, "C", "At least one person was there; names are sorted, each once."),
    Rule("DRILL-SHARES", PAPER, "C", "It names a set and the shares that were used, in order, just when shares were."),
    Rule("DRILL-RESULT", PAPER, "C", "A drill failed when a check did, and the checks that failed are named."),
)  # fmt: skip

KIND = Kind("drill", limits=Limits(size=1 << 14, depth=4, count=256))
MOST_PERSONS = 16
MOST_FAILED = 16
PASSED, FAILED = "passed", "failed"
_CHECK_ID = re.compile(r"[A-Z0-9]{1,32}(?:-[A-Z0-9]{1,32}){1,7}", re.ASCII)


class Method(StrEnum):
    """What the key was restored from, beside the backup copy of its file."""

    PASSPHRASE = "passphrase"  # noqa: S105 - a word
    SHARES = "shares"


@dataclass(frozen=True)
class SharesUsed:
    """Which shares of which set: `record` is the SHA-256 of the set's record."""

    record: str
    threshold: int
    count: int
    used: tuple[int, ...]


@dataclass(frozen=True)
class Drill:
    """One drill. `key_file` is the SHA-256 of the backup copy, `failed` the ids of the checks that did not hold."""

    key_id: str
    key_kind: KeyKind
    key_file: str
    method: Method
    shares: SharesUsed | None
    persons: tuple[str, ...]
    failed: tuple[str, ...]
    rehearsal: bool

    def __post_init__(self) -> None:
        """Sorts what is a set. Raises Malformed."""
        object.__setattr__(self, "persons", tuple(sorted(set(self.persons), key=str.encode)))
        object.__setattr__(self, "failed", tuple(sorted(set(self.failed))))
        if not self.persons:
            raise Malformed("nobody was there", check_id="DRILL-PERSONS")
        if (self.shares is not None) != (self.method is Method.SHARES):
            raise Malformed(f"the method is {self.method}", check_id="DRILL-SHARES")
        if self.shares is not None:
            _expect_sound(self.shares, passed=self.passed)

    @property
    def passed(self) -> bool:
        """Whether the key was restored, and signed."""
        return not self.failed

    def to_bytes(self) -> bytes:
        """Its canonical bytes."""
        members: dict[str, object] = {
            "key_id": self.key_id,
            "key_kind": str(self.key_kind),
            "key_file": self.key_file,
            "method": str(self.method),
            "persons": list(self.persons),
            "result": PASSED if self.passed else FAILED,
            "failed": list(self.failed),
            "rehearsal": self.rehearsal,
        }
        if self.shares is not None:
            of = self.shares
            members["shares"] = {
                "record": of.record,
                "threshold": of.threshold,
                "count": of.count,
                "used": list(of.used),
            }
        return KIND.body(members)


def read_drill(data: bytes) -> Drill:
    """The record in `data`. Raises Malformed."""
    names = ("key_id", "key_kind", "key_file", "method", "shares?", "persons", "result", "failed", "rehearsal")
    fields = KIND.read(data, names)
    drill = Drill(
        fields.sha256("key_id"),
        fields.choice("key_kind", KeyKind),
        fields.sha256("key_file"),
        fields.choice("method", Method),
        _shares(fields.within("shares", ("record", "threshold", "count", "used"))) if fields.has("shares") else None,
        fields.texts("persons", LINE, MOST_PERSONS),
        fields.texts("failed", _CHECK_ID, MOST_FAILED),
        fields.flag("rehearsal"),
    )
    if fields.text("result") != (PASSED if drill.passed else FAILED):
        raise Malformed(f"the result does not follow from {len(drill.failed)} failed checks", check_id="DRILL-RESULT")
    return drill


def _shares(fields: Fields) -> SharesUsed:
    used = fields.items("used", MOST_SHARES)
    if any(type(each) is not int for each in used):
        raise fields.wrong("used", "expected numbers of shares")
    threshold, count = (fields.integer(name, 1, MOST_SHARES) for name in ("threshold", "count"))
    return SharesUsed(fields.sha256("record"), threshold, count, tuple(used))


def _expect_sound(shares: SharesUsed, *, passed: bool) -> None:
    """What is used are shares of the set, in order, and for a drill that passed as many as are needed."""
    used, most = list(shares.used), shares.threshold
    sound = LEAST_THRESHOLD <= most <= shares.count <= MOST_SHARES and used == sorted(set(used))
    within = all(1 <= number <= shares.count for number in used)
    if not sound or not within or not (len(used) == most if passed else len(used) <= most):
        words = ", ".join(map(str, used)) or "none"
        raise Malformed(f"shares {words:.60} of {shares.threshold} of {shares.count}", check_id="DRILL-SHARES")
