"""log kept, log accept-backup, log deviations: was the store rolled back, and what two persons do when it had to be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asl_authority.front.acting import ACTING, DOES, act, gate_of, standing_of
from asl_authority.front.given import REHEARSAL
from asl_authority.front.kept import KEEPING
from asl_authority.front.reading import DOMAIN, LOG_KEY, ROOTS, TRUST, domain_of, ended, keys_of, reads, source_of
from asl_authority.front.verb import Answer, Call, Verb

if TYPE_CHECKING:
    from asl_authority.operations.terminal import Terminal
    from asl_authority.values.log_entry import Entry

TRIES = 3
QUESTIONS = (
    "Why is an older backup gone on from, and what became of the newer store? ",
    "Name of the operator: ",
    "Name of the witness, who has seen this: ",
)


@reads
def kept(call: Call) -> Answer:
    """Whether the log begins with what was kept of it."""
    from asl_authority.front.kept import deviations_text, kept_of
    from asl_authority.operations.rollback import check_heads_kept, deviations

    source = source_of(call)
    findings = check_heads_kept(source, kept_of(call).heads(source.origin), keys_of(call, source) or ())
    reader = source.log()
    count, head = len(deviations(reader)), reader.head
    text = f"log      {head.origin}\nrecords  {head.size}\nroot     {head.root.hex()}\n{deviations_text(count)}"
    members: dict[str, object] = {"origin": head.origin, "size": head.size, "root": head.root.hex()}
    return ended(findings, text, {**members, "deviations": count})


def accept_backup(call: Call) -> Answer:
    """Two persons go on from an older backup."""
    from asl_authority.front.kept import kept_of, log_keys
    from asl_authority.operations.going_back import accept_backup_act
    from asl_authority.operations.rollback import lost_here
    from asl_authority.values.deviation import PERSON_LIMIT, REASON_LIMIT

    gate, standing = gate_of(call), standing_of(call, domain_of(call))
    source = standing.source
    lost = lost_here(source, kept_of(call).heads(source.origin), log_keys(source))
    limits = (REASON_LIMIT, PERSON_LIMIT, PERSON_LIMIT)
    answers = [_line(call.terminal, *each) for each in zip(QUESTIONS, limits, strict=True)]
    return act(call, gate, standing, accept_backup_act(standing, lost, *answers), going_back=True)


@reads
def deviations(call: Call) -> Answer:
    """Every deviation that the log has."""
    from asl_authority.front import ui
    from asl_authority.operations import rollback

    source = source_of(call)
    found = rollback.deviations(source.log())
    text = "".join(
        f"record {logseq}\n" + "".join(f"  {ui.plain(line)}\n" for line in _lines(source.domain_id, logseq, entry))
        for logseq, entry in found
    )
    members = [{**entry.facts, "logseq": logseq} for logseq, entry in found]
    return Answer(text or "There is no deviation in this log.\n", {"deviations": members})


def _lines(domain_id: str, logseq: int, entry: Entry) -> list[str]:
    from asl_authority.errors import Malformed
    from asl_authority.values.canonical import canonical_bytes
    from asl_authority.values.deviation import OLDER_BACKUP, older_backup_of

    if entry.facts.get("deviation") == OLDER_BACKUP:
        try:
            return ["an older backup is gone on from", *older_backup_of(domain_id, entry.facts).lines()]
        except Malformed as error:
            raise Malformed(f"record {logseq}: {error}", check_id=error.check_id) from None
    return [canonical_bytes(entry.facts).decode()]


def _line(terminal: Terminal, question: str, limit: int) -> str:
    """One line that is typed. Raises Aborted after three that are none."""
    from asl_authority.errors import Aborted
    from asl_authority.values.fields import LINE

    for _ in range(TRIES):
        answer = " ".join(terminal.ask(question).split())
        if len(answer) <= limit and LINE.fullmatch(answer):
            return answer
        terminal.say(f"1 to {limit} printable characters are expected. Ctrl-C ends, and nothing is changed.\n")
    raise Aborted("not answered: nothing was done")


VERBS = (
    Verb(
        "log kept",
        "hold a log to its last head, on the stick or on paper",
        "Says whether the log begins with every head that was kept of it: the signed checkpoint on the stick, and what "
        "is typed from paper. A log that is ahead is in order, for the store commits first. Ends with 3 when the log "
        "is behind (LOG-ROLLED-BACK: an older copy is here), has another past (LOG-FORKED), or when no head is at hand "
        f"(LOG-HEAD-UNKNOWN): to such a log nothing is added. {TRUST}",
        kept,
        (DOMAIN, *KEEPING, LOG_KEY, ROOTS, REHEARSAL),
    ),
    Verb(
        "log accept-backup",
        "go on from an older backup, two persons, when the newer store is lost",
        "When the newer store is lost for good, two persons may go on from an older copy. The heads that are given up "
        "come from --stick and --head: the log must not begin with them. Then it asks why, and for two names. What "
        "comes of it is a record of the log, a deviation, so that every later head carries it; `log head` and `domain "
        "show` say how many there are, `log deviations` shows them. With --stick the new head is kept there, and the "
        "one that was given up stays beside it." + DOES,
        accept_backup,
        (DOMAIN, *ACTING),
    ),
    Verb(
        "log deviations",
        "show every deviation that a log carries",
        "Shows each record of a deviation: who was there, why, which later heads were given up, and from where the log "
        "was gone on.",
        deviations,
        (DOMAIN, REHEARSAL),
    ),
)
