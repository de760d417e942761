"""ASL/HOST/1: how a host stands to a domain, and which way that may change."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from asl_authority.values.finding import Finding
from asl_authority.values.rules import Rule

PAPER = "ASL/HOST/1"

RULES = (
    Rule(
        "DOMAIN-STATE-MOVE",
        PAPER,
        "C",
        "A domain goes from UNRECOGNIZED to COURTESY or FULL, from COURTESY to FULL or SUSPENDED, from FULL to"
        " SUSPENDED and back, and from anywhere to REVOKED, where it stays. (Only the states are the paper's.)",
    ),
)  # fmt: skip


class State(StrEnum):
    """How a host stands to a domain. UNRECOGNIZED is one that was made here and never admitted."""

    UNRECOGNIZED = "UNRECOGNIZED"
    COURTESY = "COURTESY"
    FULL = "FULL"
    SUSPENDED = "SUSPENDED"
    REVOKED = "REVOKED"


# Nothing is signed in a domain of these, or next to nothing.
STILL = (State.SUSPENDED, State.REVOKED)

MOVES: Mapping[State, frozenset[State]] = {
    State.UNRECOGNIZED: frozenset({State.COURTESY, State.FULL, State.REVOKED}),
    State.COURTESY: frozenset({State.FULL, State.SUSPENDED, State.REVOKED}),
    State.FULL: frozenset({State.SUSPENDED, State.REVOKED}),
    State.SUSPENDED: frozenset({State.FULL, State.REVOKED}),
    State.REVOKED: frozenset(),
}


def check_move(before: State, after: State) -> Finding:
    """DOMAIN-STATE-MOVE: the change is allowed; that nothing changes is, except for what is REVOKED."""
    stays = before is after and before is not State.REVOKED
    return Finding("DOMAIN-STATE-MOVE", stays or after in MOVES[before], f"from {before} to {after}")
