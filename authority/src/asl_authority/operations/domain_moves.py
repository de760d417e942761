"""How the host stands to a domain, changed by hand: suspended, resumed, revoked. Each is an operation of the host's."""

from __future__ import annotations

from enum import StrEnum

from asl_authority.errors import Refused, UsageError
from asl_authority.operations.act import Act, Bench, Made, Standing
from asl_authority.operations.admission_history import MOST_REASON, check_by_hand
from asl_authority.operations.pieces import Piece
from asl_authority.values.canonical import canonical_bytes
from asl_authority.values.domain_state import State
from asl_authority.values.log_record import RecordType


class Move(StrEnum):
    """What is done; the word of its verb."""

    SUSPEND = "suspend"
    RESUME = "resume"
    REVOKE = "revoke"


AFTER = {Move.SUSPEND: State.SUSPENDED, Move.RESUME: State.FULL, Move.REVOKE: State.REVOKED}
MEANS = {
    Move.SUSPEND: (
        "Until it is resumed, or admitted anew, nothing is signed in it but a request to",
        "be admitted.",
    ),
    Move.RESUME: (),
    Move.REVOKE: (
        "THIS IS FINAL. Nothing is ever signed in it again, and it is never admitted",
        "again. What it signed before can still be read and verified.",
    ),
}
HINTS = {
    State.UNRECOGNIZED: "it was never admitted here: admit decide admits, domain revoke refuses it for ever",
    State.COURTESY: "what was admitted for a lease is admitted anew: admit decide",
    State.FULL: "see: admit show",
    State.SUSPENDED: "see: admit show; what had a lease before is admitted anew: admit decide",
    State.REVOKED: "a revoked domain stays so; its holder founds another one",
}


def move_act(host: Standing, domain_id: str, move: Move, reason: str = "") -> Act:
    """The change, to be recorded in the host's log. Raises Refused where it may not be made, UsageError."""
    if len(reason) > MOST_REASON or not reason.isprintable():
        raise UsageError(f"--reason: at most {MOST_REASON} printable characters")
    history, after = host.report.history, AFTER[move]
    there = host.source.disk.is_directory(host.store.domain(domain_id).log)
    if domain_id == host.domain_id or not (there or history.of(domain_id)):
        raise Refused(
            f"{domain_id}: no domain that the host has to do with",
            hint="which ones it has to do with: domain list, admit show",
            check_id="DOMAIN-UNKNOWN",
        )
    before = history.state(domain_id)
    finding = check_by_hand(history, domain_id, after)
    if not finding.ok:
        raise Refused(f"nothing is changed: {finding.detail}", hint=HINTS[before], check_id=finding.check_id)
    facts = {"domain_id": domain_id, "state": after.value, **({"reason": reason} if reason else {})}
    parameters = canonical_bytes({**facts, "before": before.value, "operation": f"domain-{move}"})

    def make(bench: Bench) -> Made:
        # A receipt has outputs: what was confirmed is one.
        entry = bench.put(Piece(RecordType.ADMISSION, blocks=(parameters,), facts=facts))
        return Made((entry,), concerns=(domain_id,))

    lines = [f"domain       {domain_id}", f"state        {before} -> {after}"]
    lines += [f"reason       {reason}"] if reason else []
    final = ", for ever" if move is Move.REVOKE else ""
    return Act(f"domain-{move}", f"{move} {domain_id}{final}", (*lines, *MEANS[move]), parameters, make)
