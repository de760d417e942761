"""Samples of requests and certificates for every kind of key, and what is wrong with others."""

from __future__ import annotations

from dataclasses import replace

from asl_authority.values import certificate as certificates
from asl_authority.values import request as requests
from asl_authority.values.request import SubjectType
from asl_authority.values.roles import Role
from asl_authority.values.signed import unsigned
from support.domains import POLICY, ROOTS, SMALL_ORDER, Cases, certificate, request
from support.published import Vectors, changed

REQUEST = "request.read_request"
CERTIFICATE = "certificate.read_certificate"


def vectors() -> Vectors:
    """The published ones."""
    made = Cases("ASL/OCS/1")
    subjects = (
        ("a domain's root", "domain root", SubjectType.DOMAIN_ROOT, ()),
        ("a principal", "operator", SubjectType.PRINCIPAL, (Role.EXECUTE, Role.PUBLISH)),
        ("a log's key", "log", SubjectType.LOG, ()),
        ("an X.509 key", "x509", SubjectType.X509, ()),
    )
    roots = {"root_set": ROOTS.to_bytes().decode()}
    shown = {**roots, "policy": POLICY.to_bytes().decode()}
    for name, subject, kind, roles in subjects:
        asked = unsigned(requests.KIND, request(subject, kind, *roles).body)
        made.add_signed(name, REQUEST, asked, subject, against=shown, fails=[])
        given = unsigned(certificates.KIND, certificate(asked.body).body)
        made.add_signed(name, CERTIFICATE, given, "root 1", "root 2", against=roots, fails=[])
    mine = unsigned(requests.KIND, request().body)
    made.add_signed("without the key", REQUEST, mine, "operator", against=shown, fails=["REQUEST-POSSESSION"])
    a_root = unsigned(requests.KIND, request("root 3").body)
    made.add_signed("of a root", REQUEST, a_root, "root 3", against=shown, fails=["REQUEST-NOT-A-ROOT"])
    updated = {**roots, "policy": replace(POLICY, version=2).to_bytes().decode()}
    made.add_signed("under another policy", REQUEST, mine, "domain root", against=updated, fails=["POLICY-HASH-EQUAL"])
    given = unsigned(certificates.KIND, certificate().body)
    made.add_signed("by one root", CERTIFICATE, given, "root 1", against=roots, fails=["ROOTSET-QUORUM"])
    others = ("root 2", "root 3")
    made.add_signed("not by its issuer", CERTIFICATE, given, *others, against=roots, fails=["CERTIFICATE-ISSUER"])
    certified = unsigned(certificates.KIND, certificate(a_root.body).body)
    both = ("root 1", "root 2")
    made.add_signed("for a root", CERTIFICATE, certified, *both, against=roots, fails=["CERTIFICATE-NOT-A-ROOT"])
    asked_for, body = request().body.to_bytes(), certificate().body.to_bytes()
    for read, check_id, data in (
        (REQUEST, "AUTHORITY-REQUEST-SCHEMA", asked_for),
        (CERTIFICATE, "CERTIFICATE-SCHEMA", body),
    ):
        made.refuse(check_id, "an unknown subject", read, changed(data, subject_type="host"))
        made.refuse(check_id, "no policy", read, changed(data, policy_hash=None))
        made.refuse(check_id, "a domain that climbs", read, changed(data, domain_id="a..b"))
        made.refuse("KEY-ORDER", "a key of small order", read, changed(data, subject_pubkey=SMALL_ORDER))
    made.refuse("CERTIFICATE-SCHEMA", "version 0", CERTIFICATE, changed(body, version=0))
    made.refuse("CERTIFICATE-SCHEMA", "a date", CERTIFICATE, changed(body, not_after="2030-01-01"))
    made.refuse(
        "CERTIFICATE-SUBJECT-ID",
        "another key's id",
        CERTIFICATE,
        changed(body, subject_id="00" * 32),
    )
    for read, check_id, data in (
        (REQUEST, "REQUEST-ROLES", asked_for),
        (CERTIFICATE, "CERTIFICATE-ROLES", body),
    ):
        made.refuse(check_id, "a domain's root with a role", read, changed(data, roles=["audit"]))
        made.refuse(check_id, "a principal without a role", read, changed(data, subject_type="principal"))
        made.refuse(check_id, "a log key with a role", read, changed(data, subject_type="log", roles=["audit"]))
    return made.vectors()
