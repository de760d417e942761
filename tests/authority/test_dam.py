"""DAMs: everything that makes one valid, one bad case for each rule, and what differs between two."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from asl_authority.errors import Malformed
from asl_authority.values import certificate as certificates
from asl_authority.values import dam as dams
from asl_authority.values.canonical import RULES as JSON_RULES
from asl_authority.values.certificate import Certificate
from asl_authority.values.dam import (
    Dam,
    Principal,
    check_dam,
    check_may,
    check_reference,
    check_root_certified,
    read_dam,
)
from asl_authority.values.dam_diff import Change, diff_dams
from asl_authority.values.dsse import check_body
from asl_authority.values.ed25519 import RULES as KEY_RULES
from asl_authority.values.identifiers import DOMAIN_ID, U32
from asl_authority.values.request import SubjectType
from asl_authority.values.roles import Role
from asl_authority.values.signed import Signed, read_signed, unsigned
from support.domains import DOMAIN, POLICY, ROOTS, certificate, dam, request, secret

IDS = {rule.check_id for rule in (*dams.RULES, *JSON_RULES, *KEY_RULES)}
OPERATOR, AUDITOR, STRANGER = (secret(name).public for name in ("operator", "auditor", "stranger"))

ROLES = some.lists(some.sampled_from(Role), min_size=1).map(tuple)
PRINCIPALS = some.lists(
    some.builds(Principal, some.sampled_from([secret(f"principal {n}").public for n in range(9)]), ROLES),
    unique_by=lambda each: each.principal_id,
).map(tuple)
DAMS = some.builds(
    Dam,
    some.from_regex(DOMAIN_ID, fullmatch=True),
    some.integers(1, U32),
    some.just(secret("domain root").public),
    PRINCIPALS,
    some.binary(min_size=32, max_size=32).map(bytes.hex),
    some.none() | ROLES,
)


def failed(
    signed: Signed[Dam] | None = None,
    given: tuple[Signed[Certificate], ...] | None = None,
    pinned: Dam | None = None,
    **changes: Any,
) -> list[str]:
    """The ids of the checks that refuse a DAM."""
    found = check_dam(signed or dam(**changes), (certificate(),) if given is None else given, ROOTS, POLICY, pinned)
    return [each.check_id for each in found if not each.ok]


@given(DAMS)
def test_any_dam_is_read_as_it_was_written(one: Dam) -> None:
    assert read_dam(one.to_bytes()) == one


@given(DAMS.map(Dam.to_bytes), some.data())
def test_any_bytes_are_a_dam_or_refused_by_a_rule(data: bytes, draw: some.DataObject) -> None:
    at = draw.draw(some.integers(0, len(data) - 1))
    data = data[:at] + draw.draw(some.binary(max_size=3)) + data[at + 1 :]
    try:
        again = read_dam(data).to_bytes()
    except Malformed as refusal:
        again = data if refusal.check_id in IDS else b""
    assert again == data


def test_as_many_principals_as_may_be_are_read_and_no_more() -> None:
    keys = [secret(f"one of many {n}").public for n in range(dams.MOST_PRINCIPALS + 1)]
    many = [Principal(key, tuple(Role)) for key in keys]
    full = dam(principals=tuple(many[1:]), scope=tuple(Role))

    assert read_signed(full.to_bytes(), dams.KIND, read_dam) == full
    with pytest.raises(Malformed) as refusal:
        read_dam(dam(principals=tuple(many)).body.to_bytes())
    assert refusal.value.check_id == "DAM-SCHEMA"


def test_a_dam_in_order_passes_every_check() -> None:
    ids = [each.check_id for each in check_dam(dam(version=2), [certificate()], ROOTS, POLICY, dam().body)]

    assert ids == ["DAM-SIGNATURE", "DAM-ROOT-CERTIFIED", "POLICY-HASH-EQUAL", "DAM-VERSION"]
    assert failed(version=2, pinned=dam().body) == []
    assert failed() == []


def test_a_dam_whose_root_key_nobody_certified_is_refused_by_name() -> None:
    assert failed(given=()) == ["DAM-ROOT-CERTIFIED"]


@pytest.mark.parametrize(
    "given",
    [
        certificate(None, "root 1"),
        certificate(None, "root 4", "operator"),
        certificate(replace(request().body, domain_id="other.example")),
        certificate(request("operator").body),
        certificate(request("domain root", SubjectType.PRINCIPAL, Role.EXECUTE).body),
        certificate(request("domain root", SubjectType.LOG).body),
    ],
    ids=["one root", "strangers", "another domain", "another key", "as a principal", "as a log key"],
)
def test_a_certificate_for_something_else_certifies_no_root_key(given: Signed[Certificate]) -> None:
    assert failed(given=(given,)) == ["DAM-ROOT-CERTIFIED"]


def test_a_root_key_that_is_an_offline_root_is_not_certified() -> None:
    signed = unsigned(dams.KIND, replace(dam().body, root_key=secret("root 3").public)).signed_by(secret("root 3"))

    assert failed(signed, (certificate(request("root 3").body),)) == ["DAM-ROOT-CERTIFIED"]


def test_a_dam_that_its_root_key_did_not_sign_is_refused() -> None:
    body = dam().body
    nobody = unsigned(dams.KIND, body)
    other = dam(version=2).envelope.signatures

    assert failed(nobody) == ["DAM-SIGNATURE"]
    assert failed(nobody.signed_by(secret("operator"), secret("root 1"))) == ["DAM-SIGNATURE"]
    assert failed(replace(nobody, envelope=nobody.envelope.with_signatures(other))) == ["DAM-SIGNATURE"]


def test_dam_certificate_and_policy_speak_of_one_policy() -> None:
    other = certificate(replace(request().body, policy_hash="11" * 32))

    assert failed(policy_hash="11" * 32) == ["POLICY-HASH-EQUAL"]
    assert failed(given=(other,)) == ["POLICY-HASH-EQUAL"]
    assert failed(given=(other, certificate())) == []


def test_of_several_certificates_the_one_for_the_policy_counts_and_else_the_newest() -> None:
    newer = [
        unsigned(certificates.KIND, replace(certificate().body, version=n, policy_hash=f"{n:02}" * 32)).signed_by(
            secret("root 1"), secret("root 2")
        )
        for n in (2, 3)
    ]

    assert check_root_certified(dam().body, [certificate(), *newer], ROOTS)[0] == certificate().body
    assert check_root_certified(dam().body, newer, ROOTS)[0] == newer[1].body


@pytest.mark.parametrize("changes", [{"version": 1}, {"version": 2}, {"version": 9, "domain_id": "other.example"}])
def test_an_older_dam_does_not_replace_a_newer_one(changes: dict[str, Any]) -> None:
    assert "DAM-VERSION" in failed(pinned=dam(version=2).body, **changes)


def test_the_dam_is_the_one_that_the_snapshot_refers_to() -> None:
    assert check_reference(dam().body, dam().body.hash).ok

    for referred in (dam().body.hash, None):
        finding = check_reference(dam(version=2).body, referred)
        assert (finding.check_id, finding.ok) == ("DAM-REFERENCE", False)


@pytest.mark.parametrize(
    ("check_ids", "key", "role", "scope"),
    [
        ([], OPERATOR, Role.EXECUTE, None),
        ([], AUDITOR, Role.AUDIT, (Role.AUDIT,)),
        (["DAM-PRINCIPAL-LISTED", "DAM-ROLE-HELD"], STRANGER, Role.EXECUTE, None),
        (["DAM-PRINCIPAL-LISTED", "DAM-ROLE-HELD"], secret("domain root").public, Role.EXECUTE, None),
        (["DAM-ROLE-HELD"], AUDITOR, Role.EXECUTE, None),
        (["DAM-ROLE-HELD"], OPERATOR, Role.FEDERATE, None),
        (["DAM-IN-SCOPE"], OPERATOR, Role.EXECUTE, (Role.PUBLISH, Role.AUDIT)),
        (["DAM-ROLE-HELD", "DAM-IN-SCOPE"], AUDITOR, Role.EXECUTE, (Role.AUDIT,)),
    ],
)
def test_who_acts_is_listed_has_the_role_and_is_in_scope(
    check_ids: list[str], key: Any, role: Role, scope: Any
) -> None:
    found = check_may(dam(scope=scope).body, key, role)

    assert [each.check_id for each in found] == ["DAM-PRINCIPAL-LISTED", "DAM-ROLE-HELD", "DAM-IN-SCOPE"]
    assert [each.check_id for each in found if not each.ok] == check_ids


@pytest.mark.parametrize(
    ("check_id", "changes"),
    [
        ("DAM-PRINCIPALS-UNIQUE", {"principals": (Principal(OPERATOR, (Role.AUDIT,)),) * 2}),
        ("DAM-ROOT-APART", {"principals": (Principal(secret("domain root").public, (Role.AUDIT,)),)}),
        ("DAM-SCOPE", {"scope": ()}),
    ],
)
def test_a_dam_whose_members_do_not_go_together_can_not_be_made(check_id: str, changes: dict[str, Any]) -> None:
    with pytest.raises(Malformed) as refusal:
        dam(**changes)

    assert refusal.value.check_id == check_id


def test_a_principal_without_a_role_can_not_be_made() -> None:
    with pytest.raises(Malformed) as refusal:
        Principal(OPERATOR, ())

    assert refusal.value.check_id == "DAM-PRINCIPAL-ROLES"


def test_the_dam_of_a_rehearsal_is_refused() -> None:
    played = unsigned(dams.KIND, dam().body, rehearsal=True).signed_by(secret("domain root"))

    with pytest.raises(Malformed) as refusal:
        read_signed(played.to_bytes(), dams.KIND, read_dam)
    assert refusal.value.check_id == "DSSE-PAYLOAD-TYPE"
    assert read_signed(played.to_bytes(), dams.KIND, read_dam, rehearsal=True) == played
    with pytest.raises(Malformed):
        read_signed(dam().to_bytes(), dams.KIND, read_dam, rehearsal=True)


def test_a_file_beside_the_envelope_that_says_something_else_is_named() -> None:
    assert check_body(dam().envelope, dam().body.to_bytes()).ok

    finding = check_body(dam().envelope, dam(version=2).body.to_bytes())
    assert (finding.check_id, finding.ok) == ("DSSE-BODY-EQUAL", False)


def test_an_artifact_with_the_envelope_of_another_can_not_be_made() -> None:
    with pytest.raises(ValueError, match="another body"):
        Signed(dam().body, dam(version=2).envelope)


def test_two_dams_differ_in_what_was_changed_and_nothing_else() -> None:
    before = dam().body
    promoted, newcomer = Principal(AUDITOR, (Role.AUDIT, Role.EXECUTE)), Principal(STRANGER, (Role.AUDIT,))
    after = dam(version=2, principals=(promoted, newcomer), scope=(Role.AUDIT,)).body

    diff = diff_dams(before, after)

    assert (diff.version, diff.scope) == (Change(1, 2), Change(None, (Role.AUDIT,)))
    assert (diff.root_key, diff.policy_hash) == (None, None)
    assert (diff.added, diff.removed) == ((newcomer,), (Principal(OPERATOR, (Role.EXECUTE, Role.PUBLISH)),))
    assert diff.changed == (Change(Principal(AUDITOR, (Role.AUDIT,)), promoted),)
    assert diff.added[0].public_key.raw == STRANGER.raw  # whole keys, for a person to compare


def test_a_new_root_key_and_policy_show() -> None:
    after = replace(dam().body, root_key=STRANGER, policy_hash="11" * 32)
    diff = diff_dams(dam().body, after)

    assert diff.root_key == Change(secret("domain root").public, STRANGER)
    assert diff.policy_hash == Change(POLICY.hash, "11" * 32)
    assert (diff.added, diff.removed, diff.changed) == ((), (), ())


def test_dams_of_two_domains_are_not_compared() -> None:
    with pytest.raises(ValueError, match="two domains"):
        diff_dams(dam().body, dam(domain_id="other.example").body)
    assert dam().body.domain_id == DOMAIN
