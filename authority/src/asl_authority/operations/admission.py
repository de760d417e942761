"""Admission as operations: a domain applies, and a receiver decides; each leaves its record and a receipt."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from asl_authority.errors import Refused, UsageError
from asl_authority.operations.act import DOMAIN_ACTS, Act, Bench, Made, Standing
from asl_authority.operations.admission_check import check_decision
from asl_authority.operations.admission_history import Decided
from asl_authority.operations.applications import Application, check_application, known_to
from asl_authority.operations.domain_reading import InForce
from asl_authority.operations.pieces import Piece
from asl_authority.operations.reading import HOST
from asl_authority.operations.twice import verified_elsewhere
from asl_authority.storage import layout
from asl_authority.values import admission
from asl_authority.values.admission import (
    STATE_AFTER,
    AdmissionRecord,
    AdmissionRequest,
    Decision,
    Lease,
    Receiver,
    Terms,
    check_asked,
    check_record,
    make_lease,
)
from asl_authority.values.canonical import canonical_bytes
from asl_authority.values.domain_state import State, check_move
from asl_authority.values.finding import Finding
from asl_authority.values.log_record import RecordType
from asl_authority.values.roles import Role
from asl_authority.values.signed import Signed, unsigned
from asl_authority.values.trust_pin import make_pin

MOST_CERTIFICATES = 256
HINTS = {
    "ADMISSION-REFUSED": "what says no, and why: admit check; what can't be accepted is DEFERRED or REJECTED",
    "ADMISSION-RECORD-EQUAL": "what says no, and why: admit check; what can't be accepted is DEFERRED or REJECTED",
    "ADMISSION-ADMITTED": "ACCEPTED admits all that was asked for; less, and never more, is ACCEPTED_LIMITED",
    "DOMAIN-STATE-MOVE": "see: admit show; what is REVOKED stays so, what is FULL is not made a courtesy",
}
# Until the operation has its claim, and with that the snapshot that it is pinned to.
NO_SNAPSHOT = "0" * 64


@dataclass(frozen=True)
class Ruling:
    """What people decide. Without a scope what is admitted is what was asked for; so with the lease's terms."""

    decision: Decision
    scope: tuple[Role, ...] = ()
    terms: Terms | None = None


@dataclass(frozen=True)
class Hearing:
    """An application before a receiver, judged: nothing is decided yet.

    `known_root` is the key id of the root key that the store itself knows the applicant by; empty where it does not.
    """

    standing: Standing
    sent: Application
    known_root: str
    receiver: Receiver
    found: tuple[Finding, ...]

    @property
    def failed(self) -> tuple[str, ...]:
        """The checks that say no, each once."""
        return tuple(sorted({each.check_id for each in self.found if not each.ok}))

    @property
    def foreign(self) -> bool:
        """Whether the roots that are trusted for the applicant are none that the receiver goes back to, or ever did."""
        return self.sent.roots not in [each.roots for each in self.standing.report.courts]

    def findings(self) -> tuple[Finding, ...]:
        """All that was found, and whether the applicant may be accepted at all, as things stand."""
        state = self.standing.report.history.state(self.sent.domain_id)
        return (*self.found, check_move(state, STATE_AFTER[Decision.ACCEPTED]))


def hear(standing: Standing, sent: Application, known_root: str = "") -> Hearing:
    """Judge an application. Raises Refused where a domain asks itself, UsageError for too much."""
    if len(sent.certificates) > MOST_CERTIFICATES:
        raise UsageError(f"{len(sent.certificates)} certificates: at most {MOST_CERTIFICATES}")
    if sent.domain_id == standing.domain_id:
        raise Refused(
            f"{sent.domain_id}: a domain does not admit itself",
            hint="who decides? see: --domain",
            check_id="ADMISSION-COLLISION",
        )
    report = standing.report
    receiver = known_to(report.history.receiver(standing.domain_id, report.policy), sent.domain_id, known_root)
    found = check_application(sent, receiver, report.history.pinned(sent.domain_id))
    return Hearing(standing, sent, known_root, receiver, found)


def decide_act(heard: Hearing, ruling: Ruling) -> Act:
    """The decision, to be recorded. Raises Refused by the first rule that forbids it, UsageError."""
    standing, sent = heard.standing, heard.sent
    record = make_record(heard, ruling)
    if record.request_id in heard.receiver.decided:
        raise Refused(
            f"request {record.request_id} was decided before, and no request is decided twice",
            hint="the applicant asks anew, with a request of its own id: admit apply, or admit request",
            check_id="ADMISSION-REPLAY",
        )
    history = standing.report.history
    _expect(
        check_record(
            record, sent.request.body, sent.dam.body, heard.found, heard.receiver, history.state(sent.domain_id)
        ),
        HINTS,
    )

    def make(bench: Bench) -> Made:
        decided = sign_decision(heard, replace(record, snapshot_id=bench.claim.snapshot_id), bench)
        in_force = InForce(0, standing.report.authority.dams[-1].dam, standing.report.policy)
        _expect(
            bench.signed_here(lambda: check_decision(history, decided, standing.domain_id, in_force, heard.known_root))
        )
        bench.domain.clear_directory(layout.admission_name(record.decision_epoch, "").rstrip("/"))
        blocks = (sent.request.to_bytes(), decided.record.to_bytes())
        entry = bench.put(Piece(RecordType.ADMISSION, decided.files(), blocks, record_facts(heard, record)))
        given = sorted({hashlib.sha256(data).hexdigest() for data in sent.files().values()})
        concerns = (sent.domain_id,) if standing.domain_id == HOST else ()
        return Made((entry,), inputs=tuple(given), concerns=concerns)

    what = f"{record.decision} for {sent.domain_id}, epoch {record.decision_epoch}"
    return Act("admit-decide", what, tuple(_lines(heard, record)), _parameters(heard, record), make)


def apply_act(standing: Standing, receiver: str, scope: Iterable[Role], terms: Terms | None) -> Act:
    """A domain of this store asks another to admit it. Raises Refused for what it may not ask.

    One that is suspended, or whose lease is over, may ask too: that is the way back.
    """
    report = standing.report
    if report.view.state is State.REVOKED:
        raise Refused(
            f"{standing.domain_id} is {State.REVOKED}: it is never admitted again, and nothing is signed in it",
            hint="its holder founds another domain: domain create",
            check_id=DOMAIN_ACTS,
        )
    if receiver == standing.domain_id:
        raise Refused(
            f"{receiver}: a domain does not admit itself",
            hint="who is asked? see: --receiver",
            check_id="ADMISSION-COLLISION",
        )
    asked = AdmissionRequest(
        _request_id(standing, receiver), receiver, standing.domain_id, report.dam.hash, tuple(scope), terms
    )
    body = unsigned(admission.REQUEST, asked, rehearsal=standing.rehearsal)
    _expect(each for each in check_asked(body, report.dam) if each.check_id != "ADMISSION-POSSESSION")
    name = layout.admission_request_name(asked.request_id)

    def make(bench: Bench) -> Made:
        signed = body.signed_by(bench.signers["root"])
        by = (report.dam.root_key,)
        _expect(bench.signed_here(lambda: [*check_asked(signed, report.dam), *verified_elsewhere(signed.envelope, by)]))
        files = {name: asked.to_bytes(), f"{name}.sig": signed.to_bytes()}
        facts = {"receiver": receiver, "request_id": asked.request_id}
        return Made((bench.put(Piece(RecordType.ARTIFACT, files, (signed.to_bytes(),), facts)),))

    lines = [
        f"{standing.domain_id} asks {receiver} to be admitted",
        *_asked_lines(asked),
        f"DAM {report.dam.version}",
        f"  {asked.dam_hash}",
        "the request will lie in",
        f"  {name}",
    ]
    parameters = canonical_bytes({"operation": "admit-apply", "request": asked.to_bytes().decode()})
    what = f"{standing.domain_id} asks {receiver}"
    return Act("admit-apply", what, tuple(lines), parameters, make, keys=("root",), in_any_state=True)


def _request_id(standing: Standing, receiver: str) -> str:
    """An id that no other request has: a log that grows never has this head again."""
    head = standing.report.head
    said = f"admission request\n{standing.domain_id}\n{receiver}\n{head.size}\n{head.root.hex()}\n"
    text = hashlib.sha256(said.encode()).hexdigest()
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:32]))


def make_record(heard: Hearing, ruling: Ruling) -> AdmissionRecord:
    """The record of a decision. Raises UsageError where a decision is given what does not go with it."""
    asked, decision = heard.sent.request.body, ruling.decision
    accepts, limited = decision in STATE_AFTER, decision is Decision.ACCEPTED_LIMITED
    if (ruling.scope and not accepts) or (ruling.terms is not None and not limited):
        raise UsageError(
            f"{decision} takes no {'scope' if ruling.scope and not accepts else 'lease'}",
            hint="ACCEPTED has a scope, ACCEPTED_LIMITED a scope and a lease, DEFERRED and REJECTED neither",
        )
    terms = (ruling.terms or asked.lease) if limited else None
    if limited and terms is None:
        raise UsageError("ACCEPTED_LIMITED takes a lease, and none was asked for", hint="--epochs N --quota-bytes N")
    return AdmissionRecord(
        request_id=asked.request_id,
        domain_id=asked.domain_id,
        dam_hash=asked.dam_hash,
        policy_hash=heard.sent.dam.body.policy_hash,
        admitted_scope=(ruling.scope or asked.requested_scope) if accepts else (),
        decision=decision,
        decision_epoch=heard.receiver.last_epoch + 1,
        snapshot_id=NO_SNAPSHOT,
        lease=terms,
        reasons=() if accepts else heard.failed,
    )


def sign_decision(heard: Hearing, record: AdmissionRecord, bench: Bench) -> Decided:
    """The decision, its lease and its pin, signed by the receiver's operator."""
    operator, rehearsal = bench.signers["operator"], heard.standing.rehearsal
    signed = unsigned(admission.RECORD, record, rehearsal=rehearsal).signed_by(operator)
    lease: Signed[Lease] | None = None
    if record.lease is not None:
        lease = unsigned(admission.LEASE, make_lease(record), rehearsal=rehearsal).signed_by(operator)
    pin = make_pin(record, heard.sent.dam.body) if record.decision in STATE_AFTER else None
    return Decided(heard.sent, signed, lease, pin)


def record_facts(heard: Hearing, record: AdmissionRecord) -> dict[str, object]:
    """What the receiver's log says of the decision."""
    facts: dict[str, object] = {"domain_id": record.domain_id, "request_id": record.request_id}
    facts |= {"decision": record.decision.value, "epoch": record.decision_epoch}
    facts |= {"state": STATE_AFTER[record.decision].value} if record.decision in STATE_AFTER else {}
    return facts | ({"known_root": heard.known_root} if heard.known_root else {})


def _parameters(heard: Hearing, record: AdmissionRecord) -> bytes:
    """All of the decision but the snapshot that it will be pinned to, and the roots that it trusts."""
    said = replace(record, snapshot_id=NO_SNAPSHOT).to_bytes().decode()
    sent = {name: hashlib.sha256(data).hexdigest() for name, data in heard.sent.files().items()}
    return canonical_bytes(
        {"domain_id": heard.standing.domain_id, "operation": "admit-decide", "record": said, "sent": sent}
    )


def _asked_lines(asked: AdmissionRequest) -> list[str]:
    return [
        f"request      {asked.request_id}",
        f"asked for    {', '.join(asked.requested_scope)}",
        f"lease asked  {terms_text(asked.lease)}",
    ]


def _lines(heard: Hearing, record: AdmissionRecord) -> list[str]:
    sent, history = heard.sent, heard.standing.report.history
    dam, roots = sent.dam.body, sent.roots
    lines = [
        f"{sent.domain_id} asks {heard.standing.domain_id} to be admitted",
        *_asked_lines(sent.request.body),
        *(f"DAM {dam.version}", f"  {dam.hash}", "root key", f"  {dam.root_key.key_id}"),
        *("policy", f"  {dam.policy_hash}"),
    ]
    whose = "NOT THIS STORE'S" if heard.foreign else "this store's own"
    lines += [f"roots        version {roots.version}, {roots.threshold} of {len(roots.root_keys)}, {whose}"]
    lines += [f"  {roots.digest}"]
    if heard.foreign and record.decision in STATE_AFTER:
        lines += ["THESE ROOTS ARE TRUSTED for this domain, if you go on:"]
        lines += [f"  {key.key_id}" for key in roots.root_keys]
    lines += [f"checks       {len(heard.found)}, " + ("and all hold" if not heard.failed else "of which say no:")]
    lines += [f"  {check_id}" for check_id in heard.failed]
    state = history.state(sent.domain_id)
    lines += [f"decided      {record.decision}, epoch {record.decision_epoch}"]
    lines += [f"scope        {', '.join(record.admitted_scope)}"] if record.admitted_scope else []
    lines += [f"lease        {terms_text(record.lease)}"] if record.lease else []
    after = STATE_AFTER.get(record.decision)
    return [*lines, f"state        {state}" + (f" -> {after}" if after else ", as before")]


def terms_text(terms: Terms | None) -> str:
    """A lease, in words."""
    if terms is None:
        return "none"
    return f"{terms.epochs} epoch{'s' if terms.epochs != 1 else ''}, {terms.quota_bytes} bytes"


def _expect(findings: Iterable[Finding], hints: Mapping[str, str] = MappingProxyType({})) -> None:
    for finding in findings:
        if not finding.ok:
            hint = hints.get(finding.check_id)
            raise Refused(f"nothing is recorded: {finding.detail}", hint=hint, check_id=finding.check_id)
