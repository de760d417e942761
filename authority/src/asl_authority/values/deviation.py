"""Starting again from an older backup: two persons say why, and which later heads of the log are given up for it.

It is a record of the log, so that every later head of the log carries it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from asl_authority.errors import Malformed
from asl_authority.values.canonical import canonical_bytes
from asl_authority.values.fields import Fields
from asl_authority.values.head import Head, head_of
from asl_authority.values.kept_head import MEMBERS, KeptHead, kept_head_of
from asl_authority.values.log_entry import Entry
from asl_authority.values.log_record import RecordType
from asl_authority.values.rules import Rule

PAPER = "ENC/ASL-LOG/1"

RULES = (
    Rule("DEVIATION-SCHEMA", PAPER, "C", "It says what, why, who was there, what is given up, what is gone on from."),
    Rule("DEVIATION-PERSONS", PAPER, "C", "Two different persons are there: one acts, one witnesses."),
    Rule("DEVIATION-LOST", PAPER, "C", "At least one later head of the log is named that is given up."),
)  # fmt: skip

OLDER_BACKUP = "older-backup"
REASON_LIMIT = 1000
PERSON_LIMIT = 128
MOST_LOST = 16
_NAMES = ("deviation", "reason", "operator", "witness", "lost", "from")


@dataclass(frozen=True)
class OlderBackup:
    """The deviation. `lost` are the heads that are given up, `start` is the head that the log goes on from."""

    domain_id: str
    reason: str
    operator: str
    witness: str
    lost: tuple[KeptHead, ...]
    start: Head

    def __post_init__(self) -> None:
        """Raises Malformed."""
        if _plain(self.operator) == _plain(self.witness):
            raise Malformed("it takes two persons, and the same name was given twice", check_id="DEVIATION-PERSONS")
        if not 0 < len(self.lost) <= MOST_LOST:
            raise Malformed(f"1 to {MOST_LOST} later heads are given up", check_id="DEVIATION-LOST")

    def facts(self) -> dict[str, Any]:
        """What its record says."""
        facts = {
            "deviation": OLDER_BACKUP,
            "reason": self.reason,
            "operator": self.operator,
            "witness": self.witness,
            "lost": [each.members() for each in self.lost],
            "from": self.start.members(),
        }
        older_backup_of(self.domain_id, facts)
        return facts

    def to_bytes(self) -> bytes:
        """All of it, and the domain that it is for: of this the two persons compare the SHA-256."""
        return canonical_bytes({**self.facts(), "domain_id": self.domain_id})

    def lines(self) -> list[str]:
        """For a person."""
        return [
            f"domain       {self.domain_id}",
            "goes on from",
            f"  {self.start.size} records",
            f"  {self.start.root}",
            *(line for each in self.lost for line in ("gives up", *(f"  {line}" for line in each.lines()))),
            f"why          {self.reason}",
            f"operator     {self.operator}",
            f"witness      {self.witness}",
        ]


def older_backup_of(domain_id: str, facts: Mapping[str, Any]) -> OlderBackup:
    """What the record of such a deviation says. Raises Malformed."""
    fields = Fields(dict(facts), _NAMES, "deviation", "DEVIATION-SCHEMA")
    if fields.text("deviation") != OLDER_BACKUP:
        raise fields.wrong("deviation", f"expected {OLDER_BACKUP}")
    return OlderBackup(
        domain_id,
        fields.text("reason", limit=REASON_LIMIT),
        fields.text("operator", limit=PERSON_LIMIT),
        fields.text("witness", limit=PERSON_LIMIT),
        tuple(kept_head_of(each) for each in fields.objects("lost", MEMBERS, MOST_LOST)),
        head_of(fields, "from"),
    )


def deviations(entries: Iterable[Entry]) -> list[Entry]:
    """The records of deviations, of whatever kind, among a log's own."""
    return [entry for entry in entries if entry.type is RecordType.DEVIATION]


def lost_heads(domain_id: str, entries: Iterable[Entry]) -> tuple[KeptHead, ...]:
    """Every head that was given up by a recorded deviation. Raises Malformed."""
    backups = [entry.facts for entry in deviations(entries) if entry.facts.get("deviation") == OLDER_BACKUP]
    return tuple(head for facts in backups for head in older_backup_of(domain_id, facts).lost)


def _plain(name: str) -> str:
    return " ".join(name.casefold().split())
