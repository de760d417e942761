"""domain suspend, resume, revoke: how the host stands to a domain, changed by hand."""

from __future__ import annotations

from asl_authority.front.acting import ACTING, ACTS, act, gate_of, standing_of
from asl_authority.front.verb import Answer, Argument, Call, Verb

DOMAIN = Argument(("DOMAIN",), "the domain's id", "DOMAIN", required=True)
REASON = Argument(("--reason",), "why, for who reads the log: at most 200 characters", "TEXT")


def suspend(call: Call) -> Answer:
    """For a while."""
    return _moved(call, "suspend")


def resume(call: Call) -> Answer:
    """No longer."""
    return _moved(call, "resume")


def revoke(call: Call) -> Answer:
    """For ever."""
    return _moved(call, "revoke")


def _moved(call: Call, word: str) -> Answer:
    from asl_authority.operations.domain_moves import Move, move_act
    from asl_authority.operations.reading import HOST

    gate, standing = gate_of(call), standing_of(call, HOST)
    asked = move_act(standing, call.values["domain"], Move(word), call.values.get("reason", ""))
    return act(call, gate, standing, asked)


MOVES = (
    Verb(
        "domain suspend",
        "let nothing be signed in a domain for a while",
        "Records in the host's log that a domain is SUSPENDED. Nothing is signed in it here until it is resumed or "
        "admitted anew, but for a request to be admitted; what it signed before can still be read and verified. The "
        "domain may lie in this store or elsewhere." + ACTS,
        suspend,
        (DOMAIN, REASON, *ACTING),
    ),
    Verb(
        "domain resume",
        "let a suspended domain go on",
        "Records in the host's log that a domain which was FULL before it was suspended is so again. One that was "
        "there by courtesy is admitted anew instead: see `admit decide`." + ACTS,
        resume,
        (DOMAIN, REASON, *ACTING),
    ),
    Verb(
        "domain revoke",
        "refuse a domain for ever",
        "Records in the host's log that a domain is REVOKED. That is final: nothing is ever signed in it here again, "
        "and it is never admitted again. What it signed before can still be read and verified." + ACTS,
        revoke,
        (DOMAIN, REASON, *ACTING),
    ),
)
