"""Admission: every check of a request, every decision that may and may not be made, leases, states, levels of keys."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest

from asl_authority.errors import Malformed, Refused
from asl_authority.values import admission
from asl_authority.values import certificate as certificates
from asl_authority.values import dam as dams
from asl_authority.values.admission import (
    ASKED_FIRST,
    STATE_AFTER,
    AdmissionRecord,
    AdmissionRequest,
    Decision,
    Receiver,
    Terms,
    check_decided,
    check_lease,
    check_lease_holds,
    check_record,
    check_request,
    make_lease,
    read_lease,
    read_record,
    read_request,
)
from asl_authority.values.dam import Principal, check_dam
from asl_authority.values.domain_state import MOVES, State, check_move
from asl_authority.values.finding import Finding
from asl_authority.values.levels import Level, check_may_sign, signer_of
from asl_authority.values.request import KIND as AUTHORITY_REQUEST
from asl_authority.values.roles import Role
from asl_authority.values.rootset import ROOT_SIGNS
from asl_authority.values.signed import Signed, read_signed, unsigned
from support.domains import (
    DOMAIN,
    POLICY,
    RECEIVING,
    REQUEST_ID,
    ROOTS,
    admission_record,
    admission_request,
    certificate,
    dam,
    secret,
)

TRUSTING = replace(POLICY, federation=replace(POLICY.federation, trusted_domains=(DOMAIN,)))
RECEIVER = Receiver(RECEIVING, TRUSTING, known_roots={}, decided=frozenset(), last_epoch=4)
ROOT_ID = secret("domain root").public.key_id
LEASE = make_lease(
    admission_record(decision=Decision.ACCEPTED_LIMITED, admitted_scope=(Role.AUDIT,), lease=Terms(10, 1000))
)


def failed(findings: Iterable[Finding]) -> list[str]:
    return [each.check_id for each in findings if not each.ok]


def refused(request: Signed[AdmissionRequest] | None = None, by: Receiver = RECEIVER, **changes: Any) -> list[str]:
    """The checks that refuse a request."""
    return failed(check_request(request or admission_request(**changes), dam().body, POLICY, by))


def test_a_request_in_order_passes_every_check_in_the_papers_order() -> None:
    found = check_request(admission_request(), dam().body, POLICY, RECEIVER)

    assert [each.check_id for each in found] == [
        "ADMISSION-DAM-EQUAL",
        "ADMISSION-POSSESSION",
        "POLICY-HASH-EQUAL",
        "ADMISSION-RECEIVER",
        "ADMISSION-REPLAY",
        "ADMISSION-COLLISION",
        "ADMISSION-IN-SCOPE",
        "ADMISSION-COMPATIBLE",
    ]
    assert failed(found) == []


def test_a_request_that_the_root_key_did_not_sign_is_refused() -> None:
    body = admission_request().body
    other = admission_request(lease=None).envelope.signatures
    forged = unsigned(admission.REQUEST, body)

    for each in (forged, forged.signed_by(secret("operator")), forged.signed_by(secret("root 1"))):
        assert refused(each) == ["ADMISSION-POSSESSION"]
    assert refused(replace(forged, envelope=forged.envelope.with_signatures(other))) == ["ADMISSION-POSSESSION"]


def test_a_request_for_another_dam_is_refused() -> None:
    assert refused(dam_hash=dam(version=2).body.hash) == ["ADMISSION-DAM-EQUAL"]
    assert refused(domain_id="other.example") == ["ADMISSION-DAM-EQUAL"]


def test_a_policy_that_is_not_the_dams_is_refused() -> None:
    found = check_request(admission_request(), dam().body, replace(POLICY, version=2), RECEIVER)

    assert failed(found) == ["POLICY-HASH-EQUAL"]


def test_a_request_to_somebody_else_is_refused() -> None:
    assert refused(receiver="other.example") == ["ADMISSION-RECEIVER"]


def test_a_request_that_was_decided_is_not_decided_again() -> None:
    assert refused(None, replace(RECEIVER, decided={REQUEST_ID})) == ["ADMISSION-REPLAY"]


def test_a_known_domain_with_another_root_key_is_a_collision() -> None:
    assert refused(None, replace(RECEIVER, known_roots={DOMAIN: ROOT_ID})) == []
    assert refused(None, replace(RECEIVER, known_roots={DOMAIN: "00" * 32})) == ["ADMISSION-COLLISION"]


def test_more_than_the_dam_has_in_scope_is_refused() -> None:
    narrow = dam(scope=(Role.AUDIT,)).body
    asked = admission_request(dam_hash=narrow.hash)

    assert failed(check_request(asked, narrow, POLICY, RECEIVER)) == ["ADMISSION-IN-SCOPE"]


@pytest.mark.parametrize(
    ("scope", "theirs", "ours"),
    [
        ((Role.PUBLISH,), replace(POLICY, publication=replace(POLICY.publication, allowed_roles=())), TRUSTING),
        ((Role.PUBLISH,), POLICY, replace(TRUSTING, publication=replace(POLICY.publication, allowed_roles=()))),
        ((Role.EXECUTE,), replace(POLICY, execution=replace(POLICY.execution, allowed_roles=())), TRUSTING),
        ((Role.EXECUTE,), POLICY, replace(TRUSTING, execution=replace(POLICY.execution, allowed_roles=()))),
        ((Role.FEDERATE,), POLICY, POLICY),
    ],
)
def test_policies_must_allow_what_is_asked_for(scope: Any, theirs: Any, ours: Any) -> None:
    body = dam(policy_hash=theirs.hash).body
    asked = admission_request(dam_hash=body.hash, requested_scope=scope)
    wider = admission_request(dam_hash=dam().body.hash, requested_scope=tuple(Role))

    assert failed(check_request(asked, body, theirs, replace(RECEIVER, policy=ours))) == ["ADMISSION-COMPATIBLE"]
    assert failed(check_request(wider, dam().body, POLICY, RECEIVER)) == []


ANSWERED = (
    *check_dam(dam(), [certificate()], ROOTS, POLICY, None),
    *check_request(admission_request(), dam().body, POLICY, RECEIVER),
)


def judged(state: State = State.UNRECOGNIZED, found: Iterable[Finding] = ANSWERED, **changes: Any) -> list[str]:
    """The checks that refuse a decision about the request of these tests."""
    record = admission_record(**changes)
    return failed(check_record(record, admission_request().body, dam().body, found, RECEIVER, state))


LIMITED: dict[str, Any] = {"decision": Decision.ACCEPTED_LIMITED, "lease": Terms(10, 1000)}
NOTHING: dict[str, Any] = {"admitted_scope": ()}
NO = Finding("ADMISSION-REPLAY", False, "")
YES = Finding("ADMISSION-REPLAY", True, "")


def test_each_of_the_four_decisions_can_be_made() -> None:
    assert judged() == []
    assert judged(**LIMITED) == []
    assert judged(**LIMITED, admitted_scope=(Role.AUDIT,)) == []
    assert judged(**NOTHING, decision=Decision.DEFERRED) == []
    assert judged(**NOTHING, decision=Decision.REJECTED, reasons=("ADMISSION-REPLAY",)) == []


def test_what_failed_a_check_is_not_accepted() -> None:
    assert judged(found=[*ANSWERED, NO]) == ["ADMISSION-REFUSED"]
    assert judged(found=[*ANSWERED, NO], **LIMITED) == ["ADMISSION-REFUSED"]
    assert judged(found=[*ANSWERED, YES]) == []
    assert judged(found=[NO], **NOTHING, decision=Decision.REJECTED) == []


@pytest.mark.parametrize("check_id", ASKED_FIRST)
def test_what_was_not_looked_at_is_not_accepted(check_id: str) -> None:
    assert judged(found=[each for each in ANSWERED if each.check_id != check_id]) == ["ADMISSION-REFUSED"]


def test_a_dam_that_was_not_the_named_one_can_be_rejected_and_never_accepted() -> None:
    found = Finding("ADMISSION-DAM-EQUAL", False, "")
    newer, asked = dam(version=2).body, admission_request().body

    for decision, check_ids in (
        (Decision.REJECTED, []),
        (Decision.ACCEPTED, ["ADMISSION-RECORD-EQUAL", "ADMISSION-REFUSED"]),
    ):
        scope = asked.requested_scope if decision is Decision.ACCEPTED else ()
        record = admission_record(decision=decision, admitted_scope=scope)
        found_too = check_record(record, asked, newer, [*ANSWERED, found], RECEIVER, State.UNRECOGNIZED)
        assert failed(found_too) == check_ids


@pytest.mark.parametrize(
    "changes",
    [
        {"request_id": "00000000-0000-0000-0000-000000000000"},
        {"domain_id": "other.example"},
        {"dam_hash": "00" * 32},
        {"policy_hash": "00" * 32},
    ],
)
def test_a_record_about_something_else_is_refused(changes: dict[str, Any]) -> None:
    assert judged(**changes) == ["ADMISSION-RECORD-EQUAL"]


def test_no_more_is_admitted_than_was_asked_for() -> None:
    assert judged(admitted_scope=(Role.PUBLISH,)) == ["ADMISSION-ADMITTED"]  # less takes ACCEPTED_LIMITED
    assert judged(admitted_scope=(Role.PUBLISH, Role.AUDIT, Role.EXECUTE)) == ["ADMISSION-ADMITTED"]
    assert judged(**LIMITED, admitted_scope=(Role.EXECUTE,)) == ["ADMISSION-ADMITTED"]


@pytest.mark.parametrize("epoch", [1, 3, 4])
def test_epochs_only_grow(epoch: int) -> None:
    assert judged(decision_epoch=epoch) == ["ADMISSION-EPOCH"]


@pytest.mark.parametrize(
    ("state", "changes", "check_ids"),
    [
        (State.FULL, {}, []),
        (State.COURTESY, {}, []),
        (State.SUSPENDED, {}, []),
        (State.COURTESY, LIMITED, []),
        (State.FULL, LIMITED, ["DOMAIN-STATE-MOVE"]),
        (State.SUSPENDED, LIMITED, ["DOMAIN-STATE-MOVE"]),
        (State.REVOKED, {}, ["DOMAIN-STATE-MOVE"]),
        (State.REVOKED, LIMITED, ["DOMAIN-STATE-MOVE"]),
        (State.REVOKED, {**NOTHING, "decision": Decision.REJECTED}, []),
    ],
)
def test_an_acceptance_moves_a_domain_only_where_it_may_go(state: State, changes: Any, check_ids: list[str]) -> None:
    assert judged(state, **changes) == check_ids


def test_the_moves_are_those_of_the_table_and_what_is_revoked_stays_so() -> None:
    allowed = {(a, b) for a, b in itertools.product(State, repeat=2) if check_move(a, b).ok and a is not b}

    assert allowed == {(a, b) for a, after in MOVES.items() for b in after}
    assert not any(check_move(State.REVOKED, after).ok for after in State)
    assert all(check_move(before, State.REVOKED).ok for before in State if before is not State.REVOKED)
    assert not check_move(State.FULL, State.COURTESY).ok
    assert not check_move(State.FULL, State.UNRECOGNIZED).ok
    assert check_move(State.FULL, State.COURTESY).check_id == "DOMAIN-STATE-MOVE"
    assert set(STATE_AFTER.values()) == {State.FULL, State.COURTESY}


@pytest.mark.parametrize(
    "changes",
    [
        {"admitted_scope": ()},
        {"reasons": ("DAM-SCOPE",)},
        {"lease": Terms(1, 1)},
        {"decision": Decision.ACCEPTED_LIMITED},
        {"decision": Decision.DEFERRED},
        {"decision": Decision.REJECTED},
    ],
)
def test_a_decision_that_does_not_go_with_the_rest_can_not_be_made(changes: dict[str, Any]) -> None:
    with pytest.raises(Malformed) as refusal:
        admission_record(**changes)

    assert refusal.value.check_id == "ADMISSION-DECISION"


def test_a_request_for_nothing_can_not_be_made() -> None:
    with pytest.raises(Malformed) as refusal:
        admission_request(requested_scope=())

    assert refusal.value.check_id == "ADMISSION-SCOPE"


def signed_record(*names: str) -> Signed[AdmissionRecord]:
    return unsigned(admission.RECORD, admission_record()).signed_by(*(secret(name) for name in names))


def test_decisions_and_leases_are_signed_by_a_principal_that_may_execute() -> None:
    ours = dam().body
    leased = unsigned(admission.LEASE, LEASE)

    assert failed(check_decided(signed_record("operator"), ours)) == []
    assert failed(check_decided(signed_record("auditor", "operator"), ours)) == []
    assert failed(check_decided(leased.signed_by(secret("operator")), ours)) == []
    assert failed(check_decided(signed_record(), ours)) == ["DAM-PRINCIPAL-LISTED"]
    assert failed(check_decided(signed_record("domain root"), ours)) == ["DAM-PRINCIPAL-LISTED"]
    assert failed(check_decided(signed_record("auditor"), ours)) == ["DAM-ROLE-HELD"]
    assert failed(check_decided(leased.signed_by(secret("auditor")), ours)) == ["DAM-ROLE-HELD"]


def test_a_wrong_signature_of_a_principal_is_not_enough_and_not_outvoted() -> None:
    good = signed_record("operator")
    moved = unsigned(admission.RECORD, admission_record(decision_epoch=6))
    moved = replace(moved, envelope=moved.envelope.with_signatures(good.envelope.signatures))
    only_more = dam(principals=(*dam().body.principals, Principal(secret("second").public, (Role.EXECUTE,)))).body

    assert failed(check_decided(moved, dam().body)) == ["DAM-ACT-SIGNED"]
    assert failed(check_decided(moved.signed_by(secret("second")), only_more)) == ["DAM-ACT-SIGNED"]


def test_a_lease_is_what_its_record_grants() -> None:
    record = admission_record(**LIMITED, admitted_scope=(Role.AUDIT,))

    assert (LEASE.granted_epoch, LEASE.expires_epoch) == (5, 15)
    assert check_lease(LEASE, record).ok
    changes: list[dict[str, Any]] = [{"expires_epoch": 16}, {"quota_bytes": 1001}, {"scope": tuple(Role)}]
    for change in changes:
        finding = check_lease(replace(LEASE, **change), record)
        assert (finding.check_id, finding.ok) == ("ADMISSION-LEASE-EQUAL", False)
    assert not check_lease(LEASE, admission_record()).ok
    with pytest.raises(ValueError, match="no lease"):
        make_lease(admission_record())


@pytest.mark.parametrize(
    ("holds", "epoch", "role", "used"),
    [
        (True, 5, Role.AUDIT, 0),
        (True, 14, Role.AUDIT, 1000),
        (False, 4, Role.AUDIT, 0),
        (False, 15, Role.AUDIT, 0),
        (False, 5, Role.PUBLISH, 0),
        (False, 5, Role.AUDIT, 1001),
    ],
)
def test_a_lease_holds_between_its_epochs_for_its_scope_and_quota(
    holds: bool, epoch: int, role: Role, used: int
) -> None:
    finding = check_lease_holds(LEASE, epoch, role, used)

    assert (finding.check_id, finding.ok) == ("ADMISSION-LEASE-HOLDS", holds)


def test_what_was_signed_is_read_again_and_what_a_rehearsal_signed_is_refused() -> None:
    for kind, body, read in (
        (admission.REQUEST, admission_request().body, read_request),
        (admission.RECORD, admission_record(), read_record),
        (admission.LEASE, LEASE, read_lease),
    ):
        real = unsigned(kind, body).signed_by(secret("operator"))
        played = unsigned(kind, body, rehearsal=True).signed_by(secret("operator"))
        assert read_signed(real.to_bytes(), kind, read) == real
        with pytest.raises(Malformed) as refusal:
            read_signed(played.to_bytes(), kind, read)
        assert refusal.value.check_id == "DSSE-PAYLOAD-TYPE"


ROOTS_SIGN = [kind.payload_type for kind in ROOT_SIGNS]
DAM, REQUEST, ASKS = dams.KIND.payload_type, AUTHORITY_REQUEST.payload_type, admission.REQUEST.payload_type
RECEIPT = "application/vnd.in-toto+json"


@pytest.mark.parametrize(
    ("level", "check_id", "may"),
    [
        (Level.ROOT, "ROOT-SIGNS-ONLY", ROOTS_SIGN),
        (Level.DOMAIN_ROOT, "DOMAIN-ROOT-SIGNS-ONLY", [DAM, REQUEST, ASKS]),
        (Level.LOG, "LOG-SIGNS-ONLY", ["", REQUEST]),
        (Level.X509, "X509-SIGNS-ONLY", ["", REQUEST]),
        (Level.PRINCIPAL, "PRINCIPAL-SIGNS-ONLY", [REQUEST, RECEIPT, admission.RECORD.payload_type]),
    ],
)
def test_each_level_signs_what_is_its_own(level: Level, check_id: str, may: list[str]) -> None:
    every = ["", *ROOTS_SIGN, DAM, REQUEST, ASKS, RECEIPT, admission.RECORD.payload_type]
    found = {each: check_may_sign(level, each) for each in every}

    assert [each for each in every if found[each].ok] == sorted(may, key=every.index)
    assert {each.check_id for each in found.values()} == {check_id}


@pytest.mark.parametrize("level", Level)
def test_no_level_signs_for_both_a_rehearsal_and_the_real_thing(level: Level) -> None:
    kinds = (*ROOT_SIGNS, dams.KIND, AUTHORITY_REQUEST, admission.REQUEST, admission.RECORD)
    for kind in kinds:
        assert not check_may_sign(level, kind.rehearsal_type).ok
        assert not check_may_sign(level, kind.payload_type, rehearsal=True).ok
        assert (
            check_may_sign(level, kind.rehearsal_type, rehearsal=True).ok == check_may_sign(level, kind.payload_type).ok
        )


def test_a_key_in_its_holders_hand_refuses_what_is_not_its_levels() -> None:
    root = signer_of(Level.DOMAIN_ROOT, secret("domain root"))

    assert unsigned(dams.KIND, dam().body).signed_by(root) == dam()
    for attempt in (
        lambda: unsigned(admission.RECORD, admission_record()).signed_by(root),
        lambda: unsigned(dams.KIND, dam().body).signed_by(signer_of(Level.PRINCIPAL, secret("operator"))),
        lambda: unsigned(dams.KIND, dam().body).signed_by(signer_of(Level.LOG, secret("log"))),
        lambda: unsigned(dams.KIND, dam().body).signed_by(signer_of(Level.ROOT, secret("root 1"))),
        lambda: unsigned(certificates.KIND, dam().body).signed_by(signer_of(Level.PRINCIPAL, secret("operator"))),
        lambda: root.sign(b"me.example/log\n1\nAAAA\n"),
    ):
        with pytest.raises(Refused) as refused:
            attempt()
        assert refused.value.check_id.endswith("SIGNS-ONLY")
