"""How far an interrupted scrub of a store had come, and what it had found."""

from __future__ import annotations

from dataclasses import dataclass

from asl_authority.values.fields import SHA256
from asl_authority.values.finding import Finding
from asl_authority.values.kinds import Kind
from asl_authority.values.rules import Rule

PAPER = "ENC-ASL-AUTH-HOST/1"

RULES = (
    Rule("SCRUB-SCHEMA", PAPER, "C", "An interrupted scrub says after which block it stopped, and what was wrong."),
)

KIND = Kind("scrub")
# More damage than this is not worth a list.
MOST_FINDINGS = 1000


@dataclass(frozen=True)
class ScrubState:
    """`after` is the last block that was looked at; `findings` are those that were not ok."""

    after: str = ""
    findings: tuple[Finding, ...] = ()

    def behind(self, block_id: str, findings: tuple[Finding, ...]) -> ScrubState:
        """The state after one more block."""
        return ScrubState(block_id, (self.findings + findings)[:MOST_FINDINGS])

    def to_bytes(self) -> bytes:
        """The one text of the state."""
        found = [{"check": each.check_id, "detail": each.detail[:400]} for each in self.findings]
        return KIND.body({"after": self.after, "findings": found})


def read_scrub_state(data: bytes) -> ScrubState:
    """A state file. Raises Malformed."""
    fields = KIND.read(data, ("after", "findings"))
    found = fields.objects("findings", ("check", "detail"), MOST_FINDINGS)
    return ScrubState(
        fields.text("after", SHA256),
        tuple(Finding(each.text("check"), False, each.text("detail", limit=400)) for each in found),
    )
