"""Samples of admissions: requests, the four decisions, a lease, and what is wrong with others."""

from __future__ import annotations

from asl_authority.values import admission
from asl_authority.values.admission import Decision, Terms, make_lease
from asl_authority.values.roles import Role
from asl_authority.values.signed import unsigned
from support.domains import POLICY, RECEIVING, Cases, admission_record, admission_request, dam
from support.published import Vectors, changed

REQUEST = "admission.read_request"
RECORD = "admission.read_record"
LEASE = "admission.read_lease"

LIMITED = admission_record(
    decision=Decision.ACCEPTED_LIMITED, admitted_scope=(Role.AUDIT,), lease=Terms(epochs=4, quota_bytes=1 << 20)
)
REJECTED = admission_record(
    decision=Decision.REJECTED, admitted_scope=(), reasons=("ADMISSION-REPLAY", "ADMISSION-COLLISION")
)


def vectors() -> Vectors:
    """The published ones."""
    made = Cases("ASL/DAP/1")
    asked = admission_request().body
    against = {
        "dam": dam().body.to_bytes().decode(),
        "policy": POLICY.to_bytes().decode(),
        "receiver": {"domain_id": RECEIVING, "policy": POLICY.to_bytes().decode(), "known_roots": {}, "decided": []},
    }
    plain = admission_request(lease=None).body
    elsewhere = admission_request(receiver="other.example").body
    for name, body, signer, fails in (
        ("with a lease", asked, "domain root", ()),
        ("without a lease", plain, "domain root", ()),
        ("without the key", asked, "operator", ("ADMISSION-POSSESSION",)),
        ("to somebody else", elsewhere, "domain root", ("ADMISSION-RECEIVER",)),
    ):
        signed = unsigned(admission.REQUEST, body)
        made.add_signed(name, REQUEST, signed, signer, against=against, fails=list(fails))
    deferred = admission_record(decision=Decision.DEFERRED, admitted_scope=())
    ours = {"receiver_dam": dam().body.to_bytes().decode()}
    for record in (admission_record(), LIMITED, deferred, REJECTED):
        signed_record = unsigned(admission.RECORD, record)
        made.add_signed(record.decision, RECORD, signed_record, "operator", against=ours, fails=[])
    lease = make_lease(LIMITED)
    leased = unsigned(admission.LEASE, lease)
    made.add_signed("of four epochs", LEASE, leased, "operator", against=ours, fails=[])
    made.add_signed("by an auditor", LEASE, leased, "auditor", against=ours, fails=["DAM-ROLE-HELD"])

    request, terms_of = asked.to_bytes(), lease.to_bytes()
    accepted = admission_record().to_bytes()
    made.refuse("ADMISSION-REQUEST-SCHEMA", "an id in upper case", REQUEST, changed(request, request_id="A" * 36))
    made.refuse("ADMISSION-REQUEST-SCHEMA", "a lease of no epoch", REQUEST, changed(request, lease__epochs=0))
    made.refuse("ADMISSION-REQUEST-SCHEMA", "a lease of no size", REQUEST, changed(request, lease__quota_bytes=None))
    made.refuse("ADMISSION-REQUEST-SCHEMA", "no DAM", REQUEST, changed(request, dam_hash=None))
    made.refuse("ADMISSION-REQUEST-SCHEMA", "an artifact too many", REQUEST, changed(request, artifacts=[]))
    made.refuse("ADMISSION-SCOPE", "nothing is asked for", REQUEST, changed(request, requested_scope=[]))
    made.refuse("ADMISSION-RECORD-SCHEMA", "an unknown decision", RECORD, changed(accepted, decision="MAYBE"))
    made.refuse("ADMISSION-RECORD-SCHEMA", "epoch 0", RECORD, changed(accepted, decision_epoch=0))
    made.refuse("ADMISSION-RECORD-SCHEMA", "a time", RECORD, changed(accepted, decided_at="2026-01-01"))
    made.refuse("ADMISSION-RECORD-SCHEMA", "a reason that is no check", RECORD, changed(accepted, reasons=["because"]))
    made.refuse("ADMISSION-DECISION", "accepted without a scope", RECORD, changed(accepted, admitted_scope=[]))
    made.refuse("ADMISSION-DECISION", "accepted against a reason", RECORD, changed(accepted, reasons=["DAM-SCOPE"]))
    terms = {"epochs": 1, "quota_bytes": 1}
    made.refuse("ADMISSION-DECISION", "a lease for what is accepted whole", RECORD, changed(accepted, lease=terms))
    limited = changed(LIMITED.to_bytes(), lease=None)
    made.refuse("ADMISSION-DECISION", "limited without a lease", RECORD, limited)
    for refused in ("DEFERRED", "REJECTED"):
        made.refuse("ADMISSION-DECISION", f"{refused} with a scope", RECORD, changed(accepted, decision=refused))
    made.refuse("ADMISSION-LEASE-SCHEMA", "ends where it begins", LEASE, changed(terms_of, expires_epoch=5))
    made.refuse("ADMISSION-LEASE-SCHEMA", "a negative quota", LEASE, changed(terms_of, quota_bytes=-1))
    return made.vectors()
