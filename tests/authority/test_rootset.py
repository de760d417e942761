"""Offline roots: what they may sign, how many must, and how one set follows another."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from asl_authority.errors import Malformed, Refused
from asl_authority.values import dam as dams
from asl_authority.values import rootset
from asl_authority.values.dsse import Signature
from asl_authority.values.ed25519 import PublicKey
from asl_authority.values.rootset import (
    ROOT_SIGNS,
    Ratification,
    RootSet,
    Rotation,
    check_quorum,
    check_ratified,
    check_root_signs,
    check_rotation,
    read_ratification,
    read_rotation,
    root_signer,
)
from asl_authority.values.signed import LimitedSigner, Signed, read_signed, unsigned
from support.domains import DOMAIN, POLICY, ROOTS, certificate, dam, secret

NEW = RootSet(2, (*(secret(f"root {n}").public for n in (1, 2)), secret("root 4").public), 2)


def rotation(*signers: str, previous: str = ROOTS.digest, new: RootSet = NEW) -> Signed[Rotation]:
    return unsigned(rootset.ROTATION, Rotation(previous, new)).signed_by(*(secret(each) for each in signers))


def failed(signed: Signed[Rotation], held: RootSet = ROOTS) -> list[str]:
    return [each.check_id for each in check_rotation(signed, held) if not each.ok]


def test_the_order_of_keys_says_nothing() -> None:
    sets = {RootSet(1, keys, 2).to_bytes() for keys in itertools.permutations(ROOTS.root_keys)}

    assert sets == {ROOTS.to_bytes()}


def test_the_order_of_signatures_says_nothing() -> None:
    given = [certificate(None, *names).to_bytes() for names in itertools.permutations(("root 1", "root 2", "root 3"))]

    assert len(set(given)) == 1


@pytest.mark.parametrize(
    ("check_id", "keys", "threshold"),
    [
        ("ROOTSET-SIZE", (), 0),
        ("ROOTSET-SIZE", (*ROOTS.root_keys, secret("root 4").public), 1),
        ("ROOTSET-KEYS-UNIQUE", ROOTS.root_keys[:1] * 2, 1),
        ("ROOTSET-THRESHOLD", ROOTS.root_keys, 0),
        ("ROOTSET-THRESHOLD", ROOTS.root_keys, 4),
    ],
)
def test_a_set_that_is_not_valid_can_not_be_made(check_id: str, keys: tuple[PublicKey, ...], threshold: int) -> None:
    with pytest.raises(Malformed) as refusal:
        RootSet(1, keys, threshold)

    assert refusal.value.check_id == check_id


def test_as_many_roots_as_must_have_signed() -> None:
    assert check_quorum(certificate().envelope, ROOTS).ok
    assert check_quorum(certificate(None, "root 3", "root 1").envelope, ROOTS).ok
    for signers in (("root 1",), ("root 1", "root 4"), ("root 1", "domain root")):
        finding = check_quorum(certificate(None, *signers).envelope, ROOTS)
        assert (finding.check_id, finding.ok) == ("ROOTSET-QUORUM", False)


def test_a_wrong_signature_of_a_root_is_not_outvoted() -> None:
    envelope = certificate(None, "root 1", "root 2", "root 3").envelope
    first = envelope.signatures[0]
    spoiled = replace(envelope, signatures=(Signature(first.key_id, bytes(64)), *envelope.signatures[1:]))

    assert check_quorum(envelope, ROOTS).ok
    assert not check_quorum(spoiled, ROOTS).ok


def test_roots_sign_certificates_rotations_and_ratifications() -> None:
    assert [kind.payload_type for kind in ROOT_SIGNS] == [
        "application/vnd.asl.certificate.v1+json",
        "application/vnd.asl.root-rotation.v1+json",
        "application/vnd.asl.policy-ratification.v1+json",
    ]
    assert all(check_root_signs(kind.payload_type).ok for kind in ROOT_SIGNS)


@pytest.mark.parametrize("kind", ["dam", "per", "snapshot", "bundle", "claim", "checkpoint", "root-set"])
def test_roots_sign_nothing_else(kind: str) -> None:
    finding = check_root_signs(f"application/vnd.asl.{kind}.v1+json")

    assert (finding.check_id, finding.ok) == ("ROOT-SIGNS-ONLY", False)


def test_a_root_key_in_its_holders_hand_refuses_what_roots_do_not_sign() -> None:
    root = root_signer(secret("root 1"))

    assert certificate(None, "root 1").envelope == unsigned(ROOT_SIGNS[0], certificate().body).signed_by(root).envelope
    for refused in (
        lambda: unsigned(dams.KIND, dam().body).signed_by(root),
        lambda: unsigned(ROOT_SIGNS[0], certificate().body, rehearsal=True).signed_by(root),
        lambda: root.sign(b"log\n1\nAAAA\n"),
        lambda: root.sign(b"DSSEv1 3 application/vnd.asl.certificate.v1+json 2 {}"),
        lambda: root.sign(b""),
    ):
        with pytest.raises(Refused) as found:
            refused()
        assert found.value.check_id == "ROOT-SIGNS-ONLY"


def test_a_root_of_a_rehearsal_signs_for_rehearsals_only() -> None:
    root = root_signer(secret("root 1"), rehearsal=True)
    played = unsigned(ROOT_SIGNS[0], certificate().body, rehearsal=True).signed_by(root)

    assert isinstance(root, LimitedSigner)
    assert root.public == secret("root 1").public
    with pytest.raises(Refused):
        unsigned(ROOT_SIGNS[0], certificate().body).signed_by(root)
    with pytest.raises(Malformed) as refusal:
        read_signed(played.to_bytes(), ROOT_SIGNS[0], lambda _: certificate().body)
    assert refusal.value.check_id == "DSSE-PAYLOAD-TYPE"


def test_a_rotation_that_both_sets_signed_is_good() -> None:
    signed = rotation("root 1", "root 3", "root 4")

    assert failed(signed) == []
    assert read_signed(signed.to_bytes(), rootset.ROTATION, read_rotation) == signed
    assert failed(rotation("root 2", "root 1")) == []  # two keys that are in both sets


@pytest.mark.parametrize(
    ("check_ids", "signed"),
    [
        (["ROTATION-OLD-SIGNED"], rotation("root 1", "root 4")),
        (["ROTATION-NEW-SIGNED"], rotation("root 1", "root 3")),
        (["ROTATION-OLD-SIGNED", "ROTATION-NEW-SIGNED"], rotation()),
        (["ROTATION-PREVIOUS"], rotation("root 1", "root 2", previous="00" * 32)),
        (["ROTATION-VERSION"], rotation("root 1", "root 2", new=replace(NEW, version=3))),
        (["ROTATION-VERSION"], rotation("root 1", "root 2", new=replace(NEW, version=1))),
        (
            ["ROTATION-NEW-SIGNED"],
            rotation("root 1", "root 2", new=replace(NEW, root_keys=(secret("root 4").public,), threshold=1)),
        ),
    ],
)
def test_a_rotation_that_is_not_good_is_named(check_ids: list[str], signed: Signed[Rotation]) -> None:
    assert failed(signed) == check_ids


def test_a_rotation_does_not_lead_on_from_the_set_that_it_made() -> None:
    assert failed(rotation("root 1", "root 2"), NEW) == ["ROTATION-PREVIOUS", "ROTATION-VERSION"]


def test_a_ratification_is_of_this_policy_of_this_domain_by_enough_roots() -> None:
    def ratified(domain_id: str, policy_hash: str, *signers: str) -> list[str]:
        word = unsigned(rootset.RATIFICATION, Ratification(DOMAIN, POLICY.hash))
        signed = word.signed_by(*(secret(each) for each in signers))
        assert read_signed(signed.to_bytes(), rootset.RATIFICATION, read_ratification) == signed
        return [each.check_id for each in check_ratified(signed, domain_id, policy_hash, ROOTS) if not each.ok]

    assert ratified(DOMAIN, POLICY.hash, "root 1", "root 3") == []
    assert ratified("other.example", POLICY.hash, "root 1", "root 3") == ["POLICY-RATIFIED"]
    assert ratified(DOMAIN, "11" * 32, "root 1", "root 3") == ["POLICY-RATIFIED"]
    assert ratified(DOMAIN, POLICY.hash, "root 3", "operator") == ["ROOTSET-QUORUM"]
