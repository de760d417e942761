"""Samples of requests and certificates for every kind of key, and what is wrong with others."""

from __future__ import annotations

from asl_authority.values import certificate as certificates
from asl_authority.values import request as requests
from asl_authority.values.request import SubjectType
from asl_authority.values.roles import Role
from asl_authority.values.signed import unsigned
from support.domains import SMALL_ORDER, Cases, certificate, request
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
    for name, subject, kind, roles in subjects:
        asked = request(subject, kind, *roles)
        made.add_signed(name, REQUEST, unsigned(requests.KIND, asked.body), subject)
        given = certificate(asked.body)
        made.add_signed(name, CERTIFICATE, unsigned(certificates.KIND, given.body), "root 1", "root 2")
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
