"""Was the store rolled back? Its log is held to heads that were kept elsewhere, and its new head is kept there.

The store commits first, then the stick: a log that is ahead of what was kept is accepted when it begins with it. One
that is behind or has another past is refused, and so is writing where nothing was kept: then it can only be read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from asl_authority.errors import IoFailed, Malformed, Refused
from asl_authority.operations.reading import Source
from asl_authority.storage.log_reader import LogReader
from asl_authority.storage.stick import Stick
from asl_authority.values.checkpoint import Checkpoint
from asl_authority.values.deviation import lost_heads
from asl_authority.values.ed25519 import PublicKey
from asl_authority.values.finding import Finding
from asl_authority.values.kept_head import KeptHead, check_kept, is_same
from asl_authority.values.log_entry import Entry
from asl_authority.values.log_record import RecordType

LOG_HEAD_UNKNOWN = "LOG-HEAD-UNKNOWN"
LOG_NOT_LOST = "LOG-NOT-LOST"
LOST = ("LOG-ROLLED-BACK", "LOG-FORKED")
ACCEPT = "log accept-backup"

_WHAT_NOW = {
    "LOG-ROLLED-BACK": "find the newer volume and use that; only when it is lost for good, two persons may go on from "
    f"here: {ACCEPT}",
    "LOG-FORKED": "an older copy was written to, or the head is another store's: find the volume that was used last; "
    f"when it is lost for good: {ACCEPT}",
    "LOG-HEAD-SIGNED": "somebody else has written this file: find out who; type the head from paper: --head",
}
UNKNOWN = "no head of this log is at hand: whether it was rolled back nobody can tell, so it is only read"
BRING = 'bring the stick (--stick DIR), or type the head from paper (--head "SIZE WORDS")'


@dataclass(frozen=True)
class Kept:
    """The heads of one log that are at hand: from the stick, if there is one, and typed."""

    stick: Stick | None = None
    typed: tuple[KeptHead, ...] = ()

    @property
    def given(self) -> bool:
        """Whether a stick or a head was named."""
        return self.stick is not None or bool(self.typed)

    def heads(self, origin: str) -> tuple[KeptHead, ...]:
        """All of them. Raises Malformed for a file on the stick that is none, IoFailed."""
        found = self.stick.load(origin) if self.stick else None
        return (*((found,) if found else ()), *self.typed)


def deviations(reader: LogReader) -> list[tuple[int, Entry]]:
    """The records of deviations in a log, with their numbers. Raises Damaged, Malformed, IoFailed."""
    found = (record for record in reader.records() if record.type == RecordType.DEVIATION)
    return [(record.logseq, reader.entry(record)) for record in found]


def check_heads_kept(source: Source, heads: Sequence[KeptHead], keys: Sequence[PublicKey]) -> tuple[Finding, ...]:
    """What comes of each head that was kept; those that a recorded deviation gave up count for nothing.

    None at all is a finding too. `keys` are those that the log's checkpoints may be signed by. Raises Malformed,
    Damaged, IoFailed.
    """
    reader = source.log()
    lost = _given_up(source, reader)
    counting = [kept for kept in heads if not any(is_same(kept, each, source.origin) for each in lost)]
    if counting:
        return tuple(_check(source, reader, kept, keys) for kept in counting)
    given_up = "; the one that is here was given up for an older backup" if heads else ""
    return (Finding(LOG_HEAD_UNKNOWN, False, f"{UNKNOWN}{given_up}"),)


def expect_kept(source: Source, kept: Kept, keys: Sequence[PublicKey]) -> tuple[Finding, ...]:
    """Let through who works on a log that is ahead of every head that was kept, or at it, and begins with it.

    Raises Refused, Malformed for a file on the stick that is no head of it, Damaged, IoFailed.
    """
    found = check_heads_kept(source, kept.heads(source.origin), keys)
    for finding in found:
        if not finding.ok:
            hint = _WHAT_NOW.get(finding.check_id, BRING)
            raise Refused(f"{source.domain_id}: {finding.detail}", hint=hint, check_id=finding.check_id)
    return found


def expect_new(origin: str, domain_id: str, stick: Stick) -> None:
    """Let through who founds a domain of which the stick has no head. Raises Refused, Malformed, IoFailed."""
    kept = stick.load(origin)
    if kept is not None:
        raise Refused(
            f"{domain_id}: the stick has a head of its log, {kept.size} records, and there is no such domain here",
            hint="find the volume that has it; or keep the heads of another store in a directory of their own",
            check_id="LOG-ROLLED-BACK",
        )


def keep_head(source: Source, stick: Stick, keys: Sequence[PublicKey]) -> Path:
    """Keep the log's last signed head on the stick, and say where. Raises IoFailed.

    What is there already is replaced only by a head of the same log that goes on from it, or when it was given up: who
    has put in another stick meanwhile loses nothing.
    """
    reader = source.log()
    signed = reader.heads.signed
    if signed is None or signed[0] != reader.head:
        raise IoFailed(f"{source.paths.checkpoint}: does not cover the log's last record")
    path = stick.path(source.origin)
    try:
        there = stick.load(source.origin)
    except Malformed as error:
        raise IoFailed(str(error), hint=error.hint, check_id=error.check_id) from None
    if there is not None:
        finding = _check(source, reader, there, keys)
        if not finding.ok:
            _set_aside(source, reader, stick, there, finding)
    stick.keep(source.origin, signed[1].to_bytes())
    return path


def lost_here(source: Source, heads: Sequence[KeptHead], keys: Sequence[PublicKey]) -> tuple[KeptHead, ...]:
    """The heads that the log does not begin with, each once, but for those that were given up before.

    Raises Refused when there is none: then nothing is lost. Raises Malformed, Damaged, IoFailed.
    """
    if not heads:
        raise Refused(f"{source.domain_id}: which later head is given up?", hint=BRING, check_id=LOG_HEAD_UNKNOWN)
    reader = source.log()
    known, found = list(_given_up(source, reader)), []
    for kept in heads:
        lost = _check(source, reader, kept, keys).check_id in LOST
        if lost and not any(is_same(kept, each, source.origin) for each in known):
            known.append(kept)
            found.append(kept)
    if not found:
        raise Refused(
            f"{source.domain_id}: nothing is lost: the log begins with what was kept, or that was given up before",
            hint="see: log kept",
            check_id=LOG_NOT_LOST,
        )
    return tuple(found)


def _set_aside(source: Source, reader: LogReader, stick: Stick, there: KeptHead, finding: Finding) -> None:
    if not any(is_same(there, each, source.origin) for each in _given_up(source, reader)):
        raise IoFailed(
            f"{stick.path(source.origin)}: this log does not go on from it; it is left as it is",
            hint="put the right stick in; until then the head is on paper only",
            check_id=finding.check_id,
        )
    stick.set_aside(source.origin, there)


def _given_up(source: Source, reader: LogReader) -> tuple[KeptHead, ...]:
    return lost_heads(source.domain_id, (entry for _, entry in deviations(reader)))


def _check(source: Source, reader: LogReader, kept: KeptHead, keys: Sequence[PublicKey]) -> Finding:
    size = reader.head.size
    there = None if kept.size > size else Checkpoint(source.origin, kept.size, reader.root_at(kept.size))
    return check_kept(kept, there, source.origin, size, keys)
