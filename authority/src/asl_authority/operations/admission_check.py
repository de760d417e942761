"""Every admission that a domain has decided, held to the rules that it was decided by, and every change by hand."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from asl_authority.operations.admission_history import (
    ADMISSION_FACTS,
    DECISION,
    Decided,
    History,
    Step,
    check_by_hand,
    facts_of,
)
from asl_authority.operations.applications import DAM, REQUEST, check_application, known_to
from asl_authority.operations.domain_reading import Authority, InForce, Reading
from asl_authority.operations.twice import verified_elsewhere
from asl_authority.storage import layout
from asl_authority.values.admission import (
    STATE_AFTER,
    AdmissionRecord,
    Lease,
    check_decided,
    check_lease,
    check_record,
)
from asl_authority.values.cbor_views import DAM_VIEW, DECISION_VIEW, REQUEST_VIEW
from asl_authority.values.dam import Dam
from asl_authority.values.finding import Finding
from asl_authority.values.signed import Signed
from asl_authority.values.snapshot import Snapshot
from asl_authority.values.trust_pin import check_pin, make_pin

ADMISSION_FILES = "ADMISSION-FILES"
ADMISSION_SNAPSHOT = "ADMISSION-SNAPSHOT"


def check_history(
    history: History, reading: Reading, authority: Authority, snapshots: Mapping[str, Snapshot]
) -> list[Finding]:
    """Everything that must hold of what a domain's log says of others. Raises Damaged, Malformed, IoFailed."""
    found: list[Finding] = []
    for number, step in enumerate(history.steps):
        before = History(history.steps[:number])
        found.append(_facts(step))
        if step.decided is None:
            found.append(check_by_hand(before, step.domain_id, step.state or before.state(step.domain_id)))
            continue
        in_force = authority.before(reading.operation_of(step.logseq))
        found += check_decision(before, step.decided, authority.domain_id, in_force, step.known_root)
        found += [*_views(reading, step.decided), _files(step, step.decided), _snapshot(step, snapshots)]
    return found


def check_decision(
    before: History, decided: Decided, domain_id: str, in_force: InForce, known_root: str
) -> list[Finding]:
    """Whether this decision may follow on those before it, and who of the receiver `domain_id` has signed it.

    A request that failed a check may have been deferred or rejected, and that is all: so of its own checks only the
    one for replay must hold.
    """
    record, sent, ours = decided.record.body, decided.sent, in_force.dam.body
    receiver = known_to(before.receiver(domain_id, in_force.policy), sent.domain_id, known_root)
    answers = check_application(sent, receiver, before.pinned(sent.domain_id))
    found = [each for each in answers if each.check_id == "ADMISSION-REPLAY"]
    found += check_record(record, sent.request.body, sent.dam.body, answers, receiver, before.state(sent.domain_id))
    found += _signed(decided.record, ours)
    accepted = record.decision in STATE_AFTER
    if decided.lease is not None:
        found += [check_lease(decided.lease.body, record), *_signed(decided.lease, ours)]
    if accepted and decided.pin is not None:
        found.append(check_pin(decided.pin, sent.dam.body))
    return found


def _signed(artifact: Signed[AdmissionRecord] | Signed[Lease], ours: Dam) -> list[Finding]:
    keys = [each.public_key for each in ours.principals]
    return [*check_decided(artifact, ours), *verified_elsewhere(artifact.envelope, keys)]


def _facts(step: Step) -> Finding:
    """ADMISSION-FACTS: the record says of the decision what the signed one says, and nothing else."""
    said = f"record {step.logseq}, {step.domain_id}"
    right = dict(step.entry.facts) == facts_of(step)
    if step.decided is not None:
        record = step.decided.record.body
        right &= record.domain_id == step.domain_id and step.state is STATE_AFTER.get(record.decision)
    return Finding(ADMISSION_FACTS, right, said if right else f"{said}: the record says otherwise than its files")


def _files(step: Step, decided: Decided) -> Finding:
    """ADMISSION-FILES: the record names the files of this decision, all of them, in their one form, and no other."""
    record = decided.record.body
    accepted = record.decision in STATE_AFTER
    whole = (decided.lease is not None) == (record.lease is not None)
    if accepted and record.dam_hash == decided.sent.dam.body.hash:
        whole &= decided.pin == make_pin(record, decided.sent.dam.body)
    else:
        whole &= decided.pin is None
    digests = {name: hashlib.sha256(data).hexdigest() for name, data in decided.files().items()}
    others = sorted({name for name, _ in {*step.entry.files.items()} ^ {*digests.items()}})
    said = f"epoch {decided.epoch}"
    if others:
        said = f"{said}: not what follows from the decision: {', '.join(others[:3])}"
    elif not whole:
        said = f"{said}: a lease or a pin is missing, or is not the decision's"
    return Finding(ADMISSION_FILES, whole and not others, said)


def _views(reading: Reading, decided: Decided) -> list[Finding]:
    sent = decided.sent
    views = (
        (DAM, DAM_VIEW, sent.dam.body.to_bytes()),
        (REQUEST, REQUEST_VIEW, sent.request.body.to_bytes()),
        (DECISION, DECISION_VIEW, decided.record.body.to_bytes()),
    )
    return [
        finding
        for name, view, body in views
        for finding in view.judge(reading.load(layout.admission_name(decided.epoch, f"{name}.cbor"), bytes), body)
    ]


def _snapshot(step: Step, snapshots: Mapping[str, Snapshot]) -> Finding:
    """ADMISSION-SNAPSHOT: the decision is pinned to a snapshot of the receiver that was there before it."""
    name = step.decided.record.body.snapshot_id if step.decided else ""
    there = name in snapshots and snapshots[name].logseq < step.logseq
    return Finding(ADMISSION_SNAPSHOT, there, name if there else f"{name} is no snapshot from before the decision")
