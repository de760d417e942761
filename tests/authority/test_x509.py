"""X.509 certificates for outsiders: openssl and a library's own builder are the judges of what we write."""

from __future__ import annotations

import datetime as dt
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as some

from asl_authority.errors import AuthorityError, Malformed, Refused
from asl_authority.operations import x509 as exports
from asl_authority.operations.x509 import Domain, Export
from asl_authority.values import der, rfc8032
from asl_authority.values.dam import Principal
from asl_authority.values.ed25519 import PublicKey
from asl_authority.values.finding import Finding
from asl_authority.values.request import SubjectType
from asl_authority.values.roles import Role
from asl_authority.values.x509 import (
    FOR_EVER,
    REHEARSAL_OID,
    Exported,
    Validity,
    certificate_der,
    certificate_of,
    certificate_pem,
    check_issuer,
    check_read_back,
    check_subjects,
    serial_of,
    x509_keys,
)
from support.domains import DOMAIN, POLICY, ROOTS, certificate, dam, request, secret

KEY, OPERATOR, AUDITOR = (secret(name).public for name in ("x509", "operator", "auditor"))
DAYS = Validity("2026-01-01", "2055-12-31")
VOUCHED = "ab" * 32
CA = Exported(DOMAIN, KEY, KEY, DAYS, VOUCHED)
LEAF = Exported(DOMAIN, KEY, OPERATOR, DAYS, VOUCHED)
CERTIFICATES = [certificate(), certificate(request("x509", SubjectType.X509).body)]
GIVEN = Domain(dam(), CERTIFICATES, ROOTS, POLICY)


def written(wanted: Exported, signer: str = "x509") -> bytes:
    """The certificate, signed by a test key."""
    return certificate_der(wanted.tbs(), secret(signer).sign(wanted.tbs()))


def prepared(*key_ids: str, domain: Domain = GIVEN, rehearsal: bool = False) -> Export:
    return exports.prepare_export(domain, exports.find_issuer(domain), key_ids, DAYS, rehearsal=rehearsal)


def refused(work: Any) -> tuple[type[AuthorityError], str]:
    with pytest.raises(AuthorityError) as refusal:
        work()
    return type(refusal.value), refusal.value.check_id


def built(wanted: Exported) -> bytes:
    """What is to be signed, as the library's own builder has it from the same facts."""
    key, issuer = (Ed25519PublicKey.from_public_bytes(each.raw) for each in (wanted.subject, wanted.issuer))
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, wanted.domain_id)])
    principal = x509.NameAttribute(NameOID.COMMON_NAME, wanted.subject.key_id)
    organization = x509.NameAttribute(NameOID.ORGANIZATION_NAME, wanted.domain_id)
    first, last = (
        dt.datetime.strptime(each, "%Y%m%d%H%M%SZ").replace(tzinfo=dt.UTC) for each in wanted.validity.moments
    )
    assert issuer is not None
    signs = {"digital_signature": not wanted.authority, "key_cert_sign": wanted.authority}
    never = ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "crl_sign")
    usage = x509.KeyUsage(**signs, **dict.fromkeys(never, False), encipher_only=False, decipher_only=False)
    ids = [bytes.fromhex(each.key_id) for each in (wanted.issuer, wanted.subject)]
    builder = (
        x509.CertificateBuilder(name, name if wanted.authority else x509.Name([organization, principal]), key)
        .serial_number(serial_of(wanted._rest()))
        .not_valid_before(first)
        .not_valid_after(last)
        .add_extension(x509.AuthorityKeyIdentifier(ids[0], None, None), critical=False)
        .add_extension(x509.SubjectKeyIdentifier(ids[1]), critical=False)
        .add_extension(usage, critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.UniformResourceIdentifier(each) for each in wanted.uris]), critical=False
        )
        .add_extension(x509.BasicConstraints(wanted.authority, 0 if wanted.authority else None), critical=True)
    )
    if wanted.rehearsal:
        mark = x509.UnrecognizedExtension(x509.ObjectIdentifier(REHEARSAL_OID), der.utf8("REHEARSAL"))
        builder = builder.add_extension(mark, critical=True)
    return builder.sign(Ed25519PrivateKey.generate(), None).tbs_certificate_bytes


@pytest.mark.parametrize("rehearsal", [False, True])
@pytest.mark.parametrize("last", ["2026-01-01", "2049-12-31", "2050-01-01", FOR_EVER])
@pytest.mark.parametrize("wanted", [CA, LEAF], ids=["authority", "principal"])
def test_our_bytes_are_those_of_the_librarys_builder(wanted: Exported, last: str, rehearsal: bool) -> None:
    wanted = replace(wanted, validity=Validity("2026-01-01", last), rehearsal=rehearsal)

    assert wanted.tbs() == built(wanted)
    assert [each.ok for each in check_read_back(wanted, written(wanted))] == [True, True]


@given(some.from_regex(r"[a-z0-9][a-z0-9_-]{0,63}", fullmatch=True), some.dates(dt.date(1950, 1, 1)))
def test_every_domain_and_day_is_read_back_with_a_serial_number_of_twenty_bytes(name: str, day: dt.date) -> None:
    wanted = replace(LEAF, domain_id=name, validity=Validity(day.isoformat()))
    found = x509.load_der_x509_certificate(written(wanted))

    assert all(finding.ok for finding in check_read_back(wanted, written(wanted)))
    assert len(der.integer(found.serial_number)) == 2 + 20
    assert written(wanted) == written(wanted)


@pytest.mark.parametrize(
    "other",
    [
        {"domain_id": "other.example"},
        {"subject": AUDITOR},
        {"subject": KEY},
        {"issuer": AUDITOR},
        {"validity": Validity("2026-01-02", "2055-12-31")},
        {"validity": Validity("2026-01-01")},
        {"vouched": "cd" * 32},
        {"rehearsal": True},
    ],
    ids=str,
)
def test_another_certificate_is_not_read_as_the_wanted_one_and_has_another_number(other: dict[str, Any]) -> None:
    changed = replace(LEAF, **other)
    found, _ = check_read_back(LEAF, written(changed))

    assert (found.check_id, found.ok) == ("X509-READ-BACK", False)
    assert "serial" in found.detail
    assert changed.expected()["serial"] != LEAF.expected()["serial"]


@pytest.mark.parametrize("at", range(0, 400, 7))
def test_a_changed_byte_is_seen(at: int) -> None:
    data = bytearray(written(LEAF))
    data[at] ^= 1

    assert not all(finding.ok for finding in check_read_back(LEAF, bytes(data)))


def test_what_is_no_certificate_is_read_as_none() -> None:
    for data in (b"", b"\x30\x00", written(LEAF)[:-1], written(LEAF) + b"\0"):
        assert [(each.check_id, each.ok) for each in check_read_back(LEAF, data)] == [("X509-READ-BACK", False)]


def test_a_key_of_another_kind_is_refused_by_name() -> None:
    key = Ed448PrivateKey.generate()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, DOMAIN)])
    usage = dict.fromkeys(("digital_signature", "content_commitment", "key_encipherment", "data_encipherment"), False)
    more = dict.fromkeys(("key_agreement", "crl_sign", "encipher_only", "decipher_only"), False)
    day = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    other = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, day, day)
        .add_extension(x509.AuthorityKeyIdentifier(b"1", None, None), critical=False)
        .add_extension(x509.SubjectKeyIdentifier(b"1"), critical=False)
        .add_extension(x509.KeyUsage(**usage, **more, key_cert_sign=True), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.UniformResourceIdentifier("urn:x:y")]), critical=False)
        .add_extension(x509.BasicConstraints(True, 0), critical=True)
        .sign(key, None)
    )
    found = check_read_back(CA, other.public_bytes(Encoding.DER))

    assert found[1] == Finding("X509-ALGORITHM", False, "ca: 1.3.101.113, Ed448")


@pytest.mark.parametrize(
    ("first", "last"),
    [
        ("2026-1-1", FOR_EVER),
        ("1949-12-31", FOR_EVER),
        ("2026-02-29", FOR_EVER),
        ("2100-02-29", FOR_EVER),
        ("2026-04-31", FOR_EVER),
        ("2026-00-10", FOR_EVER),
        ("2026-13-01", FOR_EVER),
        ("2026-01-00", FOR_EVER),
        ("2026-01-01\n", FOR_EVER),
        ("2026-01-01", "today"),
        ("2026-01-02", "2026-01-01"),
    ],
)
def test_what_is_no_day_or_ends_before_it_begins_is_refused(first: str, last: str) -> None:
    assert refused(lambda: Validity(first, last)) == (Malformed, "X509-VALIDITY")


def test_a_leap_day_is_a_day_and_a_validity_may_be_of_one() -> None:
    assert Validity("2024-02-29", "2024-02-29").moments == ("20240229000000Z", "20240229235959Z")
    assert Validity("2000-02-29").words == "2000-02-29 to no end"


def test_an_id_that_is_too_long_for_a_name_is_refused() -> None:
    assert replace(CA, domain_id="a" * 64).tbs()
    assert refused(lambda: replace(CA, domain_id="a" * 65)) == (Malformed, "X509-NAME")


def openssl(*words: str, here: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["openssl", *words], cwd=here, capture_output=True, text=True, check=False)


def test_openssl_verifies_a_principal_by_the_authority_and_by_no_other(tmp_path: Path) -> None:
    other = secret("stranger").public
    for name, wanted, signer in (
        ("ca", CA, "x509"),
        ("leaf", LEAF, "x509"),
        ("forged", LEAF, "stranger"),
        ("below", replace(LEAF, issuer=OPERATOR, subject=AUDITOR), "operator"),
        ("other", replace(CA, issuer=other, subject=other), "stranger"),
    ):
        (tmp_path / f"{name}.pem").write_bytes(certificate_pem(written(wanted, signer)))

    def verifies(name: str, by: str = "ca", *more: str) -> bool:
        argv = ("verify", "-x509_strict", "-check_ss_sig", "-CAfile", f"{by}.pem", *more, f"{name}.pem")
        return openssl(*argv, here=tmp_path).returncode == 0

    assert verifies("ca")
    assert verifies("leaf")
    assert not verifies("forged")
    assert not verifies("leaf", "other")
    assert not verifies("below", "ca", "-untrusted", "leaf.pem")  # a principal certifies nobody


def test_openssl_refuses_what_a_rehearsal_has_signed(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_bytes(certificate_pem(written(replace(CA, rehearsal=True))))
    done = openssl("verify", "-CAfile", "ca.pem", "ca.pem", here=tmp_path)

    assert done.returncode != 0
    assert "unhandled critical extension" in done.stderr


def test_no_serial_number_is_shorter_or_longer_than_twenty_bytes() -> None:
    assert {serial_of(number.to_bytes(2, "big")).bit_length() for number in range(2000)} == {159}


def test_a_pem_file_has_one_form() -> None:
    pem = certificate_pem(written(CA))

    assert certificate_of(pem) == written(CA)
    assert max(map(len, pem.splitlines())) == 64
    for other in (pem[:-1], pem + b"\n", pem.replace(b"\n", b"\r\n"), b"", pem.replace(b"BEGIN", b"BEGIM"), b"\xff"):
        assert certificate_of(other) == b""


def test_a_signature_that_can_be_none_is_our_fault() -> None:
    with pytest.raises(ValueError, match="64 bytes"):
        certificate_der(CA.tbs(), b"")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (der.integer(0), "020100"),
        (der.integer(127), "02017f"),
        (der.integer(128), "02020080"),
        (der.integer(256), "02020100"),
        (der.octets(bytes(127))[:2], "047f"),
        (der.octets(bytes(128))[:3], "048180"),
        (der.octets(bytes(256))[:4], "04820100"),
        (der.object_id("2.5.29.15"), "0603551d0f"),
        (der.object_id("1.3.101.112"), "06032b6570"),
        (der.object_id("2.999.128"), "060488378100"),
        (der.named_bits(0), "03020780"),
        (der.named_bits(5), "03020204"),
        (der.named_bits(0, 2), "030205a0"),
        (der.boolean_true(), "0101ff"),
    ],
)
def test_der_is_written_in_its_shortest_form(value: bytes, expected: str) -> None:
    assert value.hex() == expected


def test_der_writes_no_number_below_zero() -> None:
    with pytest.raises(ValueError, match="from 0"):
        der.integer(-1)


def checked(key: PublicKey, **members: Any) -> dict[str, bool]:
    _, findings = check_issuer(key, dam(**members).body, CERTIFICATES, ROOTS)
    return {finding.check_id: finding.ok for finding in findings}


def test_who_issues_is_certified_for_it_and_for_nothing_else() -> None:
    principal = Principal(KEY, (Role.AUDIT,))

    assert checked(KEY) == {"X509-KEY-CERTIFIED": True, "X509-KEY-APART": True}
    assert checked(KEY, principals=(principal,)) == {"X509-KEY-CERTIFIED": True, "X509-KEY-APART": False}
    assert checked(KEY, root_key=KEY) == {"X509-KEY-CERTIFIED": True, "X509-KEY-APART": False}
    assert checked(KEY, policy_hash="5a" * 32)["X509-KEY-CERTIFIED"] is False
    assert checked(KEY, domain_id="other.example")["X509-KEY-CERTIFIED"] is False
    assert checked(OPERATOR) == {"X509-KEY-CERTIFIED": False, "X509-KEY-APART": False}
    assert checked(ROOTS.root_keys[0])["X509-KEY-APART"] is False


def test_a_certificate_that_too_few_roots_signed_makes_no_x509_key() -> None:
    alone = certificate(request("x509", SubjectType.X509).body, "root 1")

    assert x509_keys(dam().body, CERTIFICATES, ROOTS) == [KEY]
    assert x509_keys(dam().body, [certificate(), alone], ROOTS) == []


def test_only_principals_are_certified() -> None:
    assert check_subjects(dam().body, [OPERATOR.key_id, AUDITOR.key_id]).ok
    assert check_subjects(dam().body, [secret("domain root").public.key_id]) == Finding(
        "X509-SUBJECT", False, f"no principal: {secret('domain root').public.key_id}"
    )


def test_all_principals_are_exported_or_those_that_are_named() -> None:
    assert [each.name for each in prepared().certificates] == ["ca", *sorted((OPERATOR.key_id, AUDITOR.key_id))]
    assert [each.name for each in prepared(AUDITOR.key_id, AUDITOR.key_id).certificates] == ["ca", AUDITOR.key_id]
    assert prepared().certificates[0].vouched == CERTIFICATES[1].body.digest
    assert {each.vouched for each in prepared().certificates[1:]} == {dam().body.hash}


def test_the_dam_and_every_certificate_are_verified_by_the_second_implementation_too() -> None:
    said = [finding.detail for finding in prepared().findings if finding.check_id == "SIGN-VERIFIED-ELSEWHERE"]
    roots = [secret(f"root {number}").public.key_id for number in (1, 2)]

    assert sorted(said) == sorted([secret("domain root").public.key_id, *roots, *roots])


def test_what_does_not_hold_is_not_exported() -> None:
    unsigned_dam = replace(dam(), envelope=replace(dam().envelope, signatures=()))
    two = [*CERTIFICATES, certificate(request("log", SubjectType.X509).body)]

    with_operator = [*CERTIFICATES, certificate(request("operator", SubjectType.X509).body)]
    apart = replace(GIVEN, certificates=with_operator)

    assert refused(lambda: exports.prepare_export(apart, OPERATOR, (), DAYS, rehearsal=False)) == (
        Refused,
        "X509-KEY-APART",
    )
    assert refused(lambda: prepared("5a" * 32)) == (Refused, "X509-SUBJECT")
    assert refused(lambda: prepared(domain=replace(GIVEN, dam=unsigned_dam))) == (Refused, "DAM-SIGNATURE")
    assert refused(lambda: prepared(domain=replace(GIVEN, certificates=CERTIFICATES[1:]))) == (
        Refused,
        "DAM-ROOT-CERTIFIED",
    )
    assert refused(lambda: exports.find_issuer(replace(GIVEN, certificates=two))) == (Refused, "X509-KEY-CERTIFIED")
    assert refused(lambda: exports.find_issuer(replace(GIVEN, certificates=[]))) == (Refused, "X509-KEY-CERTIFIED")


def test_what_is_judged_is_signed_written_and_read_back(tmp_path: Path) -> None:
    export = prepared()
    findings = exports.lint(export, secret("throw-away"))
    made = exports.finished(export, exports.signed_here(export, lambda: secret("x509")))
    paths = exports.write_certificates(export, made, tmp_path)

    ids = [finding.check_id for finding in findings]
    assert all(finding.ok for finding in findings)
    assert [ids.count(each) for each in ("X509-READ-BACK", "SIGN-VERIFIED", "X509-SIGNS-ONLY")] == [3, 3, 1]
    assert [path.read_bytes() for path in paths] == list(made.values())
    assert made["ca"] == certificate_pem(written(export.certificates[0]))


def test_a_signature_that_is_missing_or_anothers_makes_no_certificate() -> None:
    export = prepared()
    good = exports.signed_here(export, lambda: secret("x509"))

    assert refused(lambda: exports.finished(export, {**good, "ca": b""})) == (Malformed, "SIGN-VERIFIED")
    assert refused(lambda: exports.finished(export, {"ca": good["ca"]})) == (Malformed, "SIGN-VERIFIED")
    assert refused(lambda: exports.finished(export, exports.signed_here(export, lambda: secret("stranger")))) == (
        Malformed,
        "SIGN-VERIFIED",
    )


def test_what_only_the_first_implementation_verifies_is_not_exported(monkeypatch: pytest.MonkeyPatch) -> None:
    export = prepared()
    signatures = exports.signed_here(export, lambda: secret("x509"))
    monkeypatch.setattr(rfc8032, "verifies", lambda *_: False)

    assert refused(prepared) == (Refused, "SIGN-VERIFIED-ELSEWHERE")
    assert refused(lambda: exports.lint(export, secret("throw-away"))) == (Refused, "SIGN-VERIFIED-ELSEWHERE")
    assert refused(lambda: exports.finished(export, signatures)) == (Malformed, "SIGN-VERIFIED-ELSEWHERE")


@pytest.mark.parametrize(
    ("rotten", "check_id"), [(b"rotten", "X509-READ-BACK"), (certificate_pem(written(CA, "stranger")), "SIGN-VERIFIED")]
)
def test_a_medium_that_keeps_something_else_is_found_out(
    rotten: bytes, check_id: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    domain = replace(GIVEN, dam=dam(principals=()))
    export = replace(prepared(domain=domain), certificates=(CA,))
    made = exports.finished(export, exports.signed_here(export, lambda: secret("x509")))
    monkeypatch.setattr(exports, "read_file", lambda *_: rotten)

    assert refused(lambda: exports.write_certificates(export, made, tmp_path)) == (Malformed, check_id)


def test_nothing_is_written_where_one_name_is_taken(tmp_path: Path) -> None:
    export = prepared()
    made = exports.finished(export, exports.signed_here(export, lambda: secret("x509")))
    (tmp_path / f"{OPERATOR.key_id}.pem").write_bytes(b"another")

    assert refused(lambda: exports.write_certificates(export, made, tmp_path))[0] is Refused
    assert [path.name for path in tmp_path.iterdir()] == [f"{OPERATOR.key_id}.pem"]
