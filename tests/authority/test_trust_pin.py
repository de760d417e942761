"""Trust pins: made of what was admitted, and broken by another root key, policy or domain."""

from __future__ import annotations

from dataclasses import replace

import pytest

from asl_authority.errors import Malformed
from asl_authority.values.admission import Decision, Terms
from asl_authority.values.trust_pin import TrustPin, check_pin, make_pin, read_pin
from support.domains import DOMAIN, POLICY, admission_record, dam, secret

PIN = make_pin(admission_record(), dam().body)


def test_what_was_admitted_is_pinned() -> None:
    limited = admission_record(decision=Decision.ACCEPTED_LIMITED, lease=Terms(1, 1))

    assert TrustPin(DOMAIN, POLICY.hash, (secret("domain root").public.key_id,)) == PIN
    assert make_pin(limited, dam().body) == PIN
    assert read_pin(PIN.to_bytes()) == PIN


def test_what_was_not_admitted_or_came_with_another_dam_is_not_pinned() -> None:
    for record, body in (
        (admission_record(decision=Decision.DEFERRED, admitted_scope=()), dam().body),
        (admission_record(decision=Decision.REJECTED, admitted_scope=()), dam().body),
        (admission_record(), dam(version=2).body),
    ):
        with pytest.raises(ValueError, match="only a domain that was admitted"):
            make_pin(record, body)


def test_a_later_dam_with_the_same_root_and_policy_holds() -> None:
    assert check_pin(PIN, dam(version=9, principals=()).body).ok
    assert check_pin(replace(PIN, root_key_fingerprints=("00" * 32, *PIN.root_key_fingerprints)), dam().body).ok


@pytest.mark.parametrize(
    "other",
    [
        replace(dam().body, domain_id="other.example"),
        replace(dam().body, policy_hash="11" * 32),
        replace(dam().body, root_key=secret("stranger").public),
    ],
    ids=["domain", "policy", "root key"],
)
def test_another_domain_policy_or_root_key_is_not_as_pinned(other: object) -> None:
    finding = check_pin(PIN, other)  # type: ignore[arg-type]

    assert (finding.check_id, finding.ok) == ("TRUST-PIN-HOLDS", False)


def test_a_pin_without_a_root_key_can_not_be_made() -> None:
    with pytest.raises(Malformed) as refusal:
        replace(PIN, root_key_fingerprints=())

    assert refusal.value.check_id == "TRUST-PIN-ROOTS"
