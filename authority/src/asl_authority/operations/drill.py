"""The recovery drill: open the backup copy of a key file as one would after a loss, and have the key sign.

It ends in a record, whether the key came back or not. What the persons typed at it is not kept.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace

from asl_authority.errors import AuthorityError, Malformed, UnlockFailed, UsageError
from asl_authority.operations.act import Act, Bench, Made
from asl_authority.operations.keys import prove
from asl_authority.operations.pieces import Piece
from asl_authority.operations.shares import open_with_shares
from asl_authority.operations.terminal import Terminal
from asl_authority.operations.unlock import unlock
from asl_authority.values.age import read_header
from asl_authority.values.drill import MOST_PERSONS, Drill, Method, SharesUsed
from asl_authority.values.ed25519 import PublicKey, SecretKey
from asl_authority.values.fields import LINE, LINE_LIMIT
from asl_authority.values.finding import Finding
from asl_authority.values.keyfile import WORK, KeyKind
from asl_authority.values.log_record import RecordType
from asl_authority.values.share_set import ShareSet, check_key_file
from asl_authority.values.slip39 import Share

DRILL_OPENS = "DRILL-OPENS"


@dataclass(frozen=True)
class Backup:
    """What is tried: the copy `name` of a key file, and the public half that it is held against.

    `record` is that of the shares, when the key is restored from shares; without it from its passphrase.
    """

    name: str
    data: bytes
    kind: KeyKind
    public: PublicKey
    record: ShareSet | None


@dataclass(frozen=True)
class Held:
    """A drill that was held: its record, every check, and what went wrong, if something did."""

    drill: Drill
    findings: tuple[Finding, ...]
    trouble: AuthorityError | None


def hold_drill(terminal: Terminal, random: Callable[[int], bytes], backup: Backup, *, rehearsal: bool) -> Held:
    """Guide the persons through it. Raises Aborted, and Refused for too little memory: then there was no drill."""
    method = Method.PASSPHRASE if backup.record is None else Method.SHARES
    terminal.say(f"A recovery drill: {backup.name}, by {method}.\n")
    persons = ask_persons(terminal)
    taken: list[Share] = []
    findings: list[Finding] = []
    trouble: AuthorityError | None = None
    try:
        key = _restored(terminal, backup, taken, findings)
        findings += [Finding("KEYFILE-PUBLIC", True, key.public.key_id), *prove(key, random(32))]
    except (UnlockFailed, Malformed) as error:
        trouble = error
        findings.append(Finding(error.check_id or DRILL_OPENS, False, str(error)))
    drill = Drill(
        key_id=backup.public.key_id,
        key_kind=backup.kind,
        key_file=hashlib.sha256(backup.data).hexdigest(),
        method=method,
        shares=_used(backup.record, taken),
        persons=persons,
        failed=tuple(finding.check_id for finding in findings if not finding.ok),
        rehearsal=rehearsal,
    )
    return Held(drill, tuple(findings), trouble)


def drill_act(drill: Drill) -> Act:
    """Bring the record of a drill into a domain's log, whether it passed or not."""
    data = drill.to_bytes()
    digest = hashlib.sha256(data).hexdigest()
    result = "passed" if drill.passed else f"failed: {', '.join(drill.failed)}"
    lines = (f"the record of a drill with the key {drill.key_id}", f"  {digest}", f"  {result}")

    def make(bench: Bench) -> Made:
        facts = {"drill": digest, "key_id": drill.key_id, "passed": drill.passed}
        return Made((bench.put(Piece(RecordType.ARTIFACT, blocks=(data,), facts=facts)),), names={digest: "drill.json"})

    return replace(drill_to_come(), lines=lines, parameters=data, make=make)


def drill_to_come() -> Act:
    """What may or may not be done, before there is a record."""

    def make(_: Bench) -> Made:
        raise ValueError("there is no record of a drill yet")

    return Act("key-drill", "the record of a drill is kept", (), b"", make)


def ask_persons(terminal: Terminal) -> tuple[str, ...]:
    """Who is there. Raises Aborted."""
    terminal.say("Who is present? A name a line; an empty line ends the list.\n")
    persons: list[str] = []
    while len(persons) < MOST_PERSONS:
        name = terminal.ask("Name: ").strip()
        if not name and persons:
            break
        if len(name) > LINE_LIMIT or not LINE.fullmatch(name):
            terminal.say("At least one name is needed.\n" if not name else "That can be no name.\n")
            continue
        persons.append(name)
    return tuple(persons)


def expect_record_of(backup: Backup) -> None:
    """The record of the shares is of this key. Raises UsageError: another drill was meant."""
    record = backup.record
    if record is not None and (record.key_id, record.key_kind) != (backup.public.key_id, backup.kind):
        raise UsageError(
            f"the record of the shares is of the key {record.key_id}, a {record.key_kind} key",
            hint="say which files belong together: --share-set, --public-key, --kind",
        )


def _restored(terminal: Terminal, backup: Backup, taken: list[Share], findings: list[Finding]) -> SecretKey:
    read_header(backup.data, WORK[backup.kind])
    if backup.record is None:
        key = unlock(terminal, backup.name, backup.data, backup.kind, backup.public)
    else:
        same = check_key_file(backup.record, backup.data)
        if not same.ok:
            raise Malformed(same.detail, check_id=same.check_id)
        findings.append(same)
        key = open_with_shares(terminal, backup.name, backup.data, backup.kind, backup.public, backup.record, taken)
    findings.append(Finding(DRILL_OPENS, True, backup.name))
    return key


def _used(record: ShareSet | None, taken: list[Share]) -> SharesUsed | None:
    if record is None:
        return None
    used = tuple(sorted(share.number for share in taken))
    return SharesUsed(record.sha256, record.threshold, len(record.digests), used)
