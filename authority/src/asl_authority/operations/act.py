"""One operation in a domain that is there: judged, shown and confirmed before; here it is carried out.

In the order that a witness sees: the domain is opened by its one writer, a claim of this boot covers its head (or one
is made, and pinned), the artifacts are written, then the records that name them, with the receipt last, under one head;
and all of the domain is read back and held to every rule.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial

from asl_authority.errors import Aborted, AuthorityError, Busy, Damaged, IoFailed, Malformed, Refused
from asl_authority.operations.courtesy import expect_courtesy
from asl_authority.operations.domain_check import Report, check_domain
from asl_authority.operations.domain_reading import Reading
from asl_authority.operations.gate import Gate
from asl_authority.operations.genesis import USES
from asl_authority.operations.operation_check import Voucher
from asl_authority.operations.pieces import Piece, put
from asl_authority.operations.pinning import pin
from asl_authority.operations.reading import Source
from asl_authority.operations.receipts import PROGRAM, outputs_of, receipt_piece, records_of
from asl_authority.operations.views import left_behind, renew_held_view, renew_view
from asl_authority.storage.domains import HOST, Domain, opened
from asl_authority.storage.layout import StorePaths
from asl_authority.storage.log_writer import LogWriter
from asl_authority.storage.snapshots import take_inventory
from asl_authority.values.checkpoint import Checkpoint
from asl_authority.values.claim import Claim
from asl_authority.values.domain_state import STILL, State
from asl_authority.values.ed25519 import PublicKey, SecretKey, Signer
from asl_authority.values.finding import Finding
from asl_authority.values.head import Head
from asl_authority.values.levels import signer_of
from asl_authority.values.log_entry import Entry
from asl_authority.values.receipt import Receipt, read_receipt
from asl_authority.values.roles import Role
from asl_authority.values.rootset import RootSet
from asl_authority.values.signed_note import NoteKey, NoteSigner

DOMAIN_ACTS = "DOMAIN-ACTS"
# domain.json is derived: that it lags behind, because an operation was stopped after its commit, harms nobody.
RENEWED = ("DOMAIN-VIEW-CURRENT",)
# Opened for every operation: the log's key signs the head, the operator's the receipt.
ALWAYS = ("log", "operator")


@dataclass(frozen=True)
class Standing:
    """A domain before an operation, held to every rule; `trusted` are the roots that it goes back to."""

    source: Source
    store: StorePaths
    report: Report
    trusted: RootSet | None

    @property
    def domain_id(self) -> str:
        """The domain's id."""
        return self.source.domain_id

    @property
    def rehearsal(self) -> bool:
        """Whether the store is a rehearsal's."""
        return self.source.rehearsal


# What stands for a key that lies elsewhere, by the key's name and its public half.
Pretend = Callable[[str, PublicKey], Signer]


@dataclass(frozen=True)
class Bench:
    """Where an operation makes its records: the domain in its writer's hands, under a claim that covers its head.

    `logseq` is the number of the operation's first record; `signers` sign only what their levels may. In a trial
    nothing that they sign is a signature, and nothing is kept (operations/plan.py); there `pretend` gives what stands
    for every other key.
    """

    domain: Domain
    standing: Standing
    gate: Gate
    claim: Claim
    logseq: int
    signers: Mapping[str, Signer]
    logged: frozenset[str]
    pretend: Pretend | None = None

    @property
    def trial(self) -> bool:
        """Whether nothing that is signed is a signature."""
        return self.pretend is not None

    def signed_here(self, findings: Callable[[], Iterable[Finding]]) -> Iterable[Finding]:
        """What is to be said of signatures that were made here; in a trial there is none to speak of."""
        return () if self.trial else findings()

    def put(self, piece: Piece) -> Entry:
        """Write a piece's artifacts, and have its record. Raises Refused, IoFailed."""
        return put(self.domain, piece, self.logged)


@dataclass(frozen=True)
class Made:
    """What an operation has written: its records, and the digests of what went in.

    `again` are the digests of outputs that the same inputs would make again: the receipt declares all others. `names`
    has what outputs are called, by digest, where that is not their place in the domain. `program` is the digest of what
    did it. `concerns` are other domains of which the host has said something.
    """

    entries: tuple[Entry, ...]
    inputs: tuple[str, ...] = ()
    names: Mapping[str, str] = field(default_factory=dict)
    again: frozenset[str] = frozenset()
    program: str = PROGRAM
    concerns: tuple[str, ...] = ()


@dataclass(frozen=True)
class Act:
    """An operation, prepared: it can be shown, confirmed, refused and tried, and nothing has been done.

    `operation` is the receipt's word for it, `what` names it for a person, `lines` are what is shown. `parameters` are
    canonical bytes of all that was asked for: two people compare their SHA-256. `keys` are the private keys that it
    takes besides the log's and the operator's. Where a domain is suspended or revoked, only what has `in_any_state`
    is done. Where it is there by courtesy, its lease must have `role`, if there is one, and room for what `adds` bytes
    to the store.
    """

    operation: str
    what: str
    lines: tuple[str, ...]
    parameters: bytes
    make: Callable[[Bench], Made]
    keys: tuple[str, ...] = ()
    in_any_state: bool = False
    role: Role | None = None
    adds: int = 0

    @property
    def digest(self) -> bytes:
        """SHA-256 of what was asked for."""
        return hashlib.sha256(self.parameters).digest()

    @property
    def all_keys(self) -> tuple[str, ...]:
        """Every private key that it takes, by name."""
        return tuple(dict.fromkeys((*ALWAYS, *self.keys)))


@dataclass(frozen=True)
class Done:
    """What there is now. `notes` say what opening the domain found and did, and what was left undone afterwards.

    `read_back` is what was found when the domain was read back, None where that was stopped.
    """

    head: Checkpoint
    receipt: Receipt
    read_back: Report | None
    notes: tuple[str, ...]

    @property
    def report(self) -> Report:
        """The domain, read back. Raises ValueError when it was not."""
        if self.read_back is None:
            raise ValueError("it was not read back")
        return self.read_back


def expect_sound(report: Report, name: str) -> None:
    """Let through a domain that holds to every rule. Raises Damaged by the first that it breaks."""
    for finding in report.findings:
        if not finding.ok and finding.check_id not in RENEWED:
            raise Damaged(f"{name}: {finding.detail}", check_id=finding.check_id, hint=f"see: domain check {name}")


def expect_may_act(standing: Standing, act: Act) -> None:
    """DOMAIN-ACTS: nothing is done in a domain that the host has suspended or revoked. Raises Refused.

    ADMISSION-LEASE-HOLDS: in one that is there by courtesy, nothing but what its lease allows.
    """
    state = standing.report.view.state
    if act.in_any_state and state is not State.REVOKED:
        return
    if state is State.COURTESY:
        expect_courtesy(standing.source, standing.store, act.role, act.adds)
    if state in STILL:
        raise Refused(
            f"{standing.domain_id} is {state}: nothing is signed in it",
            hint="see: domain show; what was signed before can still be read and verified",
            check_id=DOMAIN_ACTS,
        )


def carry_out(standing: Standing, act: Act, gate: Gate, keys: Mapping[str, SecretKey]) -> Done:
    """Do it, or leave the domain as it was. Raises Refused, Busy, Damaged when it reads back wrong, IoFailed.

    `keys` has `act.all_keys`. When the power is cut, the next opening finds the operation whole or clears it away.
    """
    expect_may_act(standing, act)
    gate.expect_still_open()
    source, rehearsal = standing.source, standing.rehearsal
    signers = {name: signer_of(USES[name].level, keys[name], rehearsal=rehearsal) for name in act.all_keys}
    with held_for(standing, gate, NoteSigner(source.origin, signers["log"])) as domain:
        notes = tuple(domain.lines())
        if notes:  # of what was recovered domain.json says nothing yet, and what follows may be refused
            with suppress(IoFailed):
                renew_view(source.disk, standing.store, source.domain_id, rehearsal=rehearsal)
        head, receipt, made = work(domain, standing, act, gate, signers)
        own = partial(renew_view, source.disk, standing.store, source.domain_id, rehearsal=rehearsal)
        notes += _afterwards("domain.json was not renewed", own)
    behind: list[str] = []
    if source.domain_id == HOST:
        look = partial(left_behind, source.disk, standing.store, standing.report.history, rehearsal=rehearsal)
        notes += _afterwards("domain.json of other domains was not looked at", lambda: behind.extend(look()))
    for domain_id in dict.fromkeys((*made.concerns, *behind)):
        other = partial(renew_held_view, source.disk, standing.store, domain_id, rehearsal=rehearsal)
        # What is wrong with another domain is for its own check: it may be why it was suspended.
        notes += _afterwards(f"domain.json of {domain_id} was not renewed", other, but=(Damaged, Malformed))
    reports: list[Report] = []
    notes += _afterwards("what was written was not read back", lambda: reports.append(_read_back(standing)))
    return Done(head, receipt, reports[0] if reports else None, notes)


def work(
    domain: Domain,
    standing: Standing,
    act: Act,
    gate: Gate,
    signers: Mapping[str, Signer],
    *,
    pretend: Pretend | None = None,
) -> tuple[Checkpoint, Receipt, Made]:
    """The operation itself, in a domain that is held: claim, artifacts, records, receipt. Raises Refused, IoFailed.

    A trial does the same on a disk that keeps nothing, with signers that sign nothing: then there is `pretend`.
    """
    _expect_the_same(domain.log.head, standing, tuple(domain.lines()), trial=pretend is not None)
    claim = _covering(domain, standing, gate)
    logged = frozenset(name for _, entry in standing.report.entries for name in entry.files)
    with _nothing_done():
        made = act.make(Bench(domain, standing, gate, claim, domain.log.logseq + 1, signers, logged, pretend))
        receipt = _receipt(standing, act, made, claim, domain.log)
        last = put(domain, receipt_piece(receipt, signers["operator"], act.parameters), logged)
    return domain.commit(*made.entries, last), receipt, made


@contextmanager
def _nothing_done() -> Iterator[None]:
    """Say of a disk that fails that nothing counts yet: an operation is done when its records are."""
    try:
        yield
    except IoFailed as error:
        from asl_authority.operations.own_rules import what_now

        hint = f"{error.hint or what_now(error)}; nothing of this was done"
        raise IoFailed(str(error), hint=hint, check_id=error.check_id) from None


def _afterwards(what: str, do: Callable[[], object], but: tuple[type[AuthorityError], ...] = ()) -> tuple[str, ...]:
    """What is left to do once it was committed: whatever stops it now, the operation is done, and that is what is said.

    Raises Damaged all the same, unless it is among `but`.
    """
    try:
        do()
    except AuthorityError as error:
        if not isinstance(error, (Busy, IoFailed, *but)):
            raise
        return (f"{what}: {error}; the operation is done all the same: see domain check",)
    except KeyboardInterrupt:
        return (f"{what}: stopped by you, when the operation was done already: see domain check",)
    return ()


def held_for(
    standing: Standing, gate: Gate, note: NoteSigner, keys: Sequence[NoteKey] = ()
) -> AbstractContextManager[Domain]:
    """The domain in its writer's hands. Nothing is signed in it but what was looked at, or what a receipt covers.

    `keys` are those that its checkpoints may be signed by besides the signer's own. Raises Busy, Damaged, Refused.
    """
    source, report = standing.source, standing.report

    def read() -> Reading:
        return Reading(source.disk, standing.store, source.paths, source.log(), list(report.entries))

    return opened(
        source.disk,
        source.paths,
        source.origin,
        note,
        keys=keys,
        session=gate.session_id,
        vouched=Voucher(read, report.authority, report.last_receipt, report.last_claim),
        expect=lambda head: _expect_the_same(head, standing, ()),
    )


def _expect_the_same(head: Checkpoint | None, standing: Standing, notes: Iterable[str], *, trial: bool = False) -> None:
    """What is changed is what was looked at. Raises Refused when the log has grown since."""
    if head != standing.report.head:
        notes = tuple(notes)
        if trial:  # what it recovered has come to no disk
            raise Refused(
                f"{standing.domain_id}: an interruption has left something behind the head of the log, and a dry run "
                "recovers nothing",
                hint="see: log verify; without --dry-run it is recovered, and nothing else is done: then try again",
                check_id="CLAIM-COVERS",
            )
        raise Refused(
            f"{standing.domain_id}: the log is not as it was when this was shown: " + "; ".join(notes or ("it grew",)),
            hint="nothing more was done now; "
            + (
                "was this what was interrupted? look (receipt list), and if not, "
                if notes
                else "look at the domain, and "
            )
            + "do it again",
            check_id="CLAIM-COVERS",
        )


def _covering(domain: Domain, standing: Standing, gate: Gate) -> Claim:
    """The claim that this is done under: the domain's last where it covers the head, else a new one, pinned first."""
    head, found = standing.report.head, standing.report.last_claim
    if found is not None and _covers(found, standing, gate):
        return found
    inventory = take_inventory(domain.disk, domain.paths, standing.domain_id, head)
    claim = gate.claim(inventory, found.digest if found else None)
    with _claim_alone():
        grown = domain.commit(*pin(domain, standing.store, inventory, claim))
    gate.expect_covered(claim, _head(grown), head.root.hex(), [gate.session_id] * (grown.size - head.size))
    return claim


@contextmanager
def _claim_alone() -> Iterator[None]:
    """Say of what stops a claim that it stopped nothing else: counts the claim or not, the rest was not begun."""
    hint = "only the claim before it was being written, what you asked for was not begun; begin again"
    try:
        yield
    except IoFailed as error:
        raise IoFailed(str(error), hint=hint, check_id=error.check_id) from None
    except Aborted as error:
        raise Aborted(str(error), hint=hint) from None


def _covers(claim: Claim, standing: Standing, gate: Gate) -> bool:
    """Whether what is signed now may be signed under this claim."""
    head, size = standing.report.head, claim.head.size
    there = standing.source.log().root_at(size).hex() if size <= head.size else None
    sessions = [entry.session for logseq, entry in standing.report.entries if logseq > size]
    try:
        gate.expect_covered(claim, _head(head), there, sessions)
    except Refused:
        return False
    return True


def _receipt(standing: Standing, act: Act, made: Made, claim: Claim, log: LogWriter) -> Receipt:
    """The receipt, as it will be read. Raises Malformed for one that no reader would take; nothing is committed yet."""
    inputs = tuple(sorted(set(made.inputs)))
    outputs = outputs_of(made.entries, inputs, made.names)
    receipt = Receipt(
        domain_id=standing.domain_id,
        operation=act.operation,
        program=made.program,
        inputs=inputs,
        outputs=outputs,
        parameters=act.digest.hex(),
        policy_hash=standing.report.policy.hash,
        snapshot_id=claim.snapshot_id,
        claim=claim.digest,
        logseq=log.logseq + len(made.entries) + 1,
        records=records_of(made.entries, log.session),
        declared=tuple(sorted(each.sha256 for each in outputs if each.sha256 not in made.again)),
        previous=standing.report.last_receipt,
        rehearsal=standing.rehearsal,
    )
    if read_receipt(receipt.to_bytes(), rehearsal=receipt.rehearsal) != receipt:
        raise AssertionError("a receipt that reads otherwise than it was written")
    return receipt


def _read_back(standing: Standing) -> Report:
    source = standing.source
    report = check_domain(
        source.disk,
        standing.store,
        source.paths,
        source.domain_id,
        trusted=standing.trusted,
        rehearsal=source.rehearsal,
    )
    for finding in report.findings:
        if not finding.ok and finding.check_id not in RENEWED:
            raise Damaged(f"what was written reads back otherwise: {finding.detail}", check_id=finding.check_id)
    return report


def _head(head: Checkpoint) -> Head:
    return Head(head.size, head.root.hex())
