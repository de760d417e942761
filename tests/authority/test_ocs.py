"""Requests and certificates: who may ask, who may certify, and that asking twice changes nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from asl_authority.errors import Malformed
from asl_authority.values import certificate as certificates
from asl_authority.values import request as requests
from asl_authority.values.certificate import (
    check_certificate,
    check_issued,
    check_log_key,
    check_principal,
    issue,
    read_certificate,
)
from asl_authority.values.request import AuthorityRequest, SubjectType, check_request, read_request
from asl_authority.values.roles import Role
from asl_authority.values.signed import read_signed, unsigned
from support.domains import DOMAIN, POLICY, ROOTS, certificate, request, secret

ROOT_1, ROOT_2 = secret("root 1").public, secret("root 2").public


def test_a_request_and_its_certificate_are_read_as_they_were_written() -> None:
    asked = request("operator", SubjectType.PRINCIPAL, Role.PUBLISH, Role.EXECUTE)
    given = certificate(asked.body)

    assert read_signed(asked.to_bytes(), requests.KIND, read_request) == asked
    assert read_signed(given.to_bytes(), certificates.KIND, read_certificate) == given
    assert all(each.ok for each in (*check_request(asked, ROOTS, POLICY), *check_certificate(given, ROOTS)))


def failed_request(**changes: object) -> list[str]:
    """What is wrong with a request that was changed after it had been signed."""
    asked = request()
    body = replace(asked.body, **changes)  # type: ignore[arg-type]
    forged = unsigned(requests.KIND, body)
    forged = replace(forged, envelope=forged.envelope.with_signatures(asked.envelope.signatures))
    return [each.check_id for each in check_request(forged, ROOTS, POLICY) if not each.ok]


def test_a_request_that_its_subject_did_not_sign_is_refused() -> None:
    unsigned_one = unsigned(requests.KIND, request().body)
    by_another = unsigned_one.signed_by(secret("operator"))

    assert failed_request(domain_id="other.example") == ["REQUEST-POSSESSION"]
    for each in (unsigned_one, by_another):
        assert [f.check_id for f in check_request(each, ROOTS, POLICY) if not f.ok] == ["REQUEST-POSSESSION"]


def test_a_root_is_never_certified() -> None:
    asked = request("root 3")
    given = certificate(asked.body)

    assert [f.check_id for f in check_request(asked, ROOTS, POLICY) if not f.ok] == ["REQUEST-NOT-A-ROOT"]
    assert [f.check_id for f in check_certificate(given, ROOTS) if not f.ok] == ["CERTIFICATE-NOT-A-ROOT"]


def test_a_request_under_another_policy_is_refused() -> None:
    other = replace(POLICY, version=2)

    assert [f.check_id for f in check_request(request(), ROOTS, other) if not f.ok] == ["POLICY-HASH-EQUAL"]


@pytest.mark.parametrize(
    ("kind", "roles"),
    [
        (SubjectType.DOMAIN_ROOT, (Role.EXECUTE,)),
        (SubjectType.LOG, (Role.EXECUTE,)),
        (SubjectType.X509, (Role.PUBLISH,)),
        (SubjectType.PRINCIPAL, ()),
    ],
)
def test_roles_go_with_principals_only(kind: SubjectType, roles: tuple[Role, ...]) -> None:
    with pytest.raises(Malformed) as refusal:
        AuthorityRequest(kind, secret("operator").public, DOMAIN, roles, POLICY.hash)
    assert refusal.value.check_id == "REQUEST-ROLES"

    with pytest.raises(Malformed) as refusal:
        replace(certificate().body, subject_type=kind, roles=roles)
    assert refusal.value.check_id == "CERTIFICATE-ROLES"


def test_asking_twice_gives_the_same_certificate_byte_for_byte() -> None:
    first = certificate()
    again = unsigned(certificates.KIND, issue(request().body, ROOT_1, [first.body]))

    assert again.signed_by(secret("root 2"), secret("root 1")).to_bytes() == first.to_bytes()
    assert check_issued(first.body, request().body, [first.body]).ok


def test_another_request_for_the_same_key_gets_the_next_version() -> None:
    first = certificate().body
    later = issue(replace(request().body, policy_hash="11" * 32), ROOT_1, [first])
    back = issue(request().body, ROOT_1, [later, first])

    assert (later.version, back.version) == (2, 3)  # what was superseded does not come back to life
    assert issue(request().body, ROOT_2, [first]).version == 2
    assert issue(replace(request().body, domain_id="other.example"), ROOT_1, [first]).version == 1
    assert issue(request("operator").body, ROOT_1, [first]).version == 1


def test_a_certificate_that_was_not_asked_for_is_named() -> None:
    for forged in (
        replace(certificate().body, version=2),
        replace(certificate().body, policy_hash="11" * 32),
        replace(certificate().body, subject_pubkey=secret("operator").public),
    ):
        finding = check_issued(forged, request().body)
        assert (finding.check_id, finding.ok) == ("CERTIFICATE-ISSUED", False)


def test_a_certificate_that_too_few_roots_signed_is_refused() -> None:
    failed = [each.check_id for each in check_certificate(certificate(None, "root 1"), ROOTS) if not each.ok]

    assert failed == ["ROOTSET-QUORUM"]


def test_the_issuer_is_a_root_that_has_signed() -> None:
    by_others = certificate(None, "root 2", "root 3")
    stranger = unsigned(certificates.KIND, issue(request().body, secret("operator").public))
    stranger = stranger.signed_by(secret("operator"), secret("root 1"), secret("root 2"))

    for each in (by_others, stranger):
        assert [f.check_id for f in check_certificate(each, ROOTS) if not f.ok] == ["CERTIFICATE-ISSUER"]


def test_a_certificate_of_strangers_is_no_certificate() -> None:
    failed = [f.check_id for f in check_certificate(certificate(None, "root 4", "operator"), ROOTS) if not f.ok]

    assert failed == ["CERTIFICATE-ISSUER", "ROOTSET-QUORUM"]


def test_a_request_passes_for_no_certificate() -> None:
    with pytest.raises(Malformed) as refusal:
        read_signed(request().to_bytes(), certificates.KIND, read_certificate)
    assert refusal.value.check_id == "DSSE-PAYLOAD-TYPE"

    with pytest.raises(Malformed) as refusal:
        read_certificate(request().body.to_bytes())
    assert refusal.value.check_id == "CERTIFICATE-SCHEMA"


def test_a_log_key_is_certified_like_any_other_and_for_its_domain_only() -> None:
    key = secret("log").public
    good = certificate(request("log", SubjectType.LOG).body)

    assert check_log_key(key, DOMAIN, [good], ROOTS).ok
    for wrong in (
        certificate(request("log", SubjectType.LOG).body, "root 1"),
        certificate(request("log", SubjectType.PRINCIPAL, Role.EXECUTE).body),
        certificate(replace(request("log", SubjectType.LOG).body, domain_id="other.example")),
        certificate(request("operator", SubjectType.LOG).body),
    ):
        finding = check_log_key(key, DOMAIN, [wrong], ROOTS)
        assert (finding.check_id, finding.ok) == ("LOG-KEY-CERTIFIED", False)


def test_a_principal_is_certified_for_its_roles_under_its_policy() -> None:
    key, roles = secret("operator").public, (Role.EXECUTE, Role.PUBLISH)
    asked = request("operator", SubjectType.PRINCIPAL, *roles).body

    assert check_principal(key, roles, DOMAIN, POLICY.hash, [certificate(asked)], ROOTS).ok
    assert check_principal(key, roles[:1], DOMAIN, POLICY.hash, [certificate(asked)], ROOTS).ok
    for given, policy_hash in (
        ([], POLICY.hash),
        ([certificate(asked)], "11" * 32),
        ([certificate(asked, "root 1")], POLICY.hash),
        ([certificate(replace(asked, roles=roles[:1]))], POLICY.hash),
    ):
        finding = check_principal(key, roles, DOMAIN, policy_hash, given, ROOTS)
        assert (finding.check_id, finding.ok) == ("PRINCIPAL-CERTIFIED", False)
    assert not check_principal(key, (), DOMAIN, POLICY.hash, [], ROOTS).ok
