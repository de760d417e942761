"""Policies: the bytes that are hashed, the view beside them, and who means the same policy."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as some

from asl_authority.errors import Malformed
from asl_authority.values import policy as policies
from asl_authority.values.canonical import RULES as JSON_RULES
from asl_authority.values.identifiers import DOMAIN_ID, U32
from asl_authority.values.policy import (
    DomainPolicy,
    ExecutionPolicy,
    FederationPolicy,
    PublicationPolicy,
    RetentionPolicy,
    VisibilityPolicy,
    check_hash_equal,
    check_role_allowed,
    hash_file,
    read_hash_file,
    read_hashed_bytes,
    read_policy,
)
from asl_authority.values.roles import Role
from support.domains import POLICY

IDS = {rule.check_id for rule in (*policies.RULES, *JSON_RULES)}

FLAGS = some.booleans()
ROLES = some.lists(some.sampled_from(Role)).map(tuple)
DOMAINS = some.lists(some.from_regex(DOMAIN_ID, fullmatch=True), max_size=4).map(tuple)
NUMBERS = some.integers(0, U32)
POLICIES = some.builds(
    DomainPolicy,
    some.integers(1, U32),
    some.builds(PublicationPolicy, FLAGS, ROLES, FLAGS),
    some.builds(ExecutionPolicy, FLAGS, ROLES, FLAGS),
    some.builds(FederationPolicy, FLAGS, FLAGS, DOMAINS),
    some.builds(RetentionPolicy, FLAGS, NUMBERS),
    some.builds(VisibilityPolicy, FLAGS, FLAGS),
)


def test_the_canonical_bytes_are_those_of_the_paper_field_by_field() -> None:
    assert POLICY.hashed_bytes().hex(" ", -4) == bytes.fromhex(
        "00000001"  # version
        "01 00000002 03 04 01"  # publication: signature, publish and federate, snapshot
        "01 00000001 02 01"  # execution: signed receipts, execute, deterministic
        "01 01 00000002 00000006 636f6d6d6f6e 0000000d 6f746865722e6578616d706c65"  # federation: common, other.example
        "00 00000003"  # retention
        "01 01"  # visibility
        "00000000"  # reserved0
    ).hex(" ", -4)


def test_the_hash_is_of_the_bytes_and_not_of_the_view() -> None:
    assert POLICY.hash == hashlib.sha256(POLICY.hashed_bytes()).hexdigest()
    assert POLICY.hash != hashlib.sha256(POLICY.to_bytes()).hexdigest()


@given(POLICIES)
def test_a_policy_is_the_same_in_both_forms(policy: DomainPolicy) -> None:
    assert read_policy(policy.to_bytes()) == policy
    assert read_hashed_bytes(policy.hashed_bytes()) == policy


@given(POLICIES, POLICIES)
def test_two_policies_have_two_hashes(one: DomainPolicy, other: DomainPolicy) -> None:
    assert (one.hash == other.hash) == (one == other)


def test_the_order_in_which_roles_and_domains_are_given_says_nothing() -> None:
    turned = replace(
        POLICY,
        publication=replace(POLICY.publication, allowed_roles=POLICY.publication.allowed_roles[::-1] * 2),
        federation=replace(POLICY.federation, trusted_domains=POLICY.federation.trusted_domains[::-1] * 2),
    )

    assert (turned, turned.hash) == (POLICY, POLICY.hash)


@given(some.binary(max_size=80) | POLICIES.map(DomainPolicy.hashed_bytes).flatmap(lambda data: flipped(data)))
def test_any_bytes_are_a_policy_or_refused_by_a_rule(data: bytes) -> None:
    try:
        again = read_hashed_bytes(data).hashed_bytes()
    except Malformed as refusal:
        again = data if refusal.check_id in IDS else b""
    assert again == data


@given(POLICIES.map(DomainPolicy.to_bytes).flatmap(lambda data: flipped(data)))
def test_any_view_is_a_policy_or_refused_by_a_rule(data: bytes) -> None:
    try:
        again = read_policy(data).to_bytes()
    except Malformed as refusal:
        again = data if refusal.check_id in IDS else b""
    assert again == data


def flipped(data: bytes) -> some.SearchStrategy[bytes]:
    """The bytes with one of them changed."""
    return some.builds(
        lambda at, byte: data[:at] + bytes((byte,)) + data[at + 1 :],
        some.integers(0, len(data) - 1),
        some.integers(0, 255),
    )


def test_as_many_domains_as_may_be_are_read_in_both_forms_and_no_more() -> None:
    names = tuple(f"{n:0128}" for n in range(policies.MOST_DOMAINS + 1))
    full = replace(POLICY, federation=replace(POLICY.federation, trusted_domains=names[1:]))
    over = replace(POLICY, federation=replace(POLICY.federation, trusted_domains=names))

    assert read_policy(full.to_bytes()) == read_hashed_bytes(full.hashed_bytes()) == full
    for check_id, read, data in (
        ("POLICY-SCHEMA", read_policy, over.to_bytes()),
        ("POLICY-BYTES", read_hashed_bytes, over.hashed_bytes()),
    ):
        with pytest.raises(Malformed) as refusal:
            read(data)
        assert refusal.value.check_id == check_id


def test_who_speaks_of_another_policy_is_named() -> None:
    assert check_hash_equal(POLICY, {"the DAM": POLICY.hash}).ok

    finding = check_hash_equal(POLICY, {"the DAM": POLICY.hash, "the certificate": "00" * 32})
    assert (finding.check_id, finding.ok) == ("POLICY-HASH-EQUAL", False)
    assert "the certificate says 000" in finding.detail


def test_a_changed_bit_of_the_policy_is_another_policy() -> None:
    other = replace(POLICY, visibility=replace(POLICY.visibility, internal_hidden=False))

    assert not check_hash_equal(other, {"the DAM": POLICY.hash}).ok


def test_only_an_allowed_role_may_act_and_an_empty_list_allows_nobody() -> None:
    nobody = replace(POLICY, execution=replace(POLICY.execution, allowed_roles=()))

    assert check_role_allowed(POLICY, "execute", Role.EXECUTE).ok
    assert check_role_allowed(POLICY, "publish", Role.FEDERATE).ok
    for policy, act, role in ((POLICY, "publish", Role.EXECUTE), (nobody, "execute", Role.EXECUTE)):
        finding = check_role_allowed(policy, act, role)  # type: ignore[arg-type]
        assert (finding.check_id, finding.ok) == ("POLICY-ROLE-ALLOWED", False)


def test_a_hash_file_may_say_its_algorithm() -> None:
    assert read_hash_file(hash_file(POLICY.hash)) == POLICY.hash
    assert read_hash_file(f"sha256:{POLICY.hash}\n".encode()) == POLICY.hash


@pytest.mark.parametrize("data", [b"", b"\n", b"sha256:\n", b" " + hash_file(POLICY.hash), hash_file(POLICY.hash) * 2])
def test_a_hash_file_of_another_form_is_refused(data: bytes) -> None:
    with pytest.raises(Malformed) as refusal:
        read_hash_file(data)

    assert refusal.value.check_id == "POLICY-HASH-FILE"
