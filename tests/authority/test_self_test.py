"""The self-test passes here, and each of its checks notices what it is there for."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from asl_authority.errors import Malformed, UnlockFailed
from asl_authority.operations import self_test
from asl_authority.operations.self_test import (
    answered,
    check_age,
    check_ed25519,
    check_json,
    check_random,
    check_scrypt,
    check_sha256,
    check_slip39,
    check_tree,
    run_self_test,
)
from asl_authority.values.canonical import canonical_bytes, read_canonical
from asl_authority.values.finding import Finding
from asl_authority.values.known_answers import AGE_ANSWERS, ED25519_ANSWERS, SHA256_ANSWERS, TREE_ROOTS, AgeAnswer
from asl_authority.values.merkle import Frontier


def sha256(message: bytes) -> bytes:
    return hashlib.sha256(message).digest()


class Ed25519Table:
    """Answers from the printed vectors; subclasses get one thing wrong."""

    def public(self, secret: bytes) -> bytes:
        return next(bytes.fromhex(a.public) for a in ED25519_ANSWERS if a.secret == secret.hex())

    def sign(self, secret: bytes, message: bytes) -> bytes:
        return next(bytes.fromhex(a.signature) for a in ED25519_ANSWERS if a.secret == secret.hex())

    def verifies(self, public: bytes, message: bytes, signature: bytes) -> bool:
        return any(
            (a.public, a.message, a.signature) == (public.hex(), message.hex(), signature.hex())
            for a in ED25519_ANSWERS
        )


class AcceptsEverything(Ed25519Table):
    def verifies(self, public: bytes, message: bytes, signature: bytes) -> bool:
        return True


class RefusesEverything(Ed25519Table):
    def verifies(self, public: bytes, message: bytes, signature: bytes) -> bool:
        return False


class WrongKey(Ed25519Table):
    def public(self, secret: bytes) -> bytes:
        return secret


class WrongSignature(Ed25519Table):
    def sign(self, secret: bytes, message: bytes) -> bytes:
        return bytes(64)


def test_this_machine_passes_every_check_by_its_name() -> None:
    findings = list(run_self_test())

    assert [(f.check_id, f.ok) for f in findings] == [
        ("SELFTEST-SHA256", True),
        ("SELFTEST-ED25519", True),
        ("SELFTEST-SCRYPT", True),
        ("SELFTEST-SLIP39", True),
        ("SELFTEST-JSON", True),
        ("SELFTEST-TREE", True),
        ("SELFTEST-AGE", True),
        ("SELFTEST-RANDOM", True),
    ]


@pytest.mark.parametrize("name", [name for name, _, _ in SHA256_ANSWERS])
def test_a_sha256_that_is_wrong_for_one_message_is_named(name: str) -> None:
    spoiled = next(message for n, message, _ in SHA256_ANSWERS if n == name)

    finding = check_sha256(lambda message: bytes(32) if message == spoiled else sha256(message))

    assert not finding.ok
    assert name in finding.detail


def test_shares_that_give_another_secret_are_named() -> None:
    finding = check_slip39(lambda *_: bytes(16))

    assert not finding.ok
    assert "vector 4: another secret" in finding.detail
    assert "vector 43: a misread share is accepted" in finding.detail


def test_a_faultless_ed25519_passes() -> None:
    assert check_ed25519(Ed25519Table()).ok


@pytest.mark.parametrize(
    ("broken", "word"),
    [
        (AcceptsEverything(), "a flipped bit in the signature is accepted"),
        (AcceptsEverything(), "a changed message is accepted"),
        (RefusesEverything(), "a good signature is refused"),
        (WrongKey(), "public key"),
        (WrongSignature(), "test 3: signature"),
    ],
)
def test_an_ed25519_with_one_fault_is_refused(broken: self_test.Ed25519, word: str) -> None:
    finding = check_ed25519(broken)

    assert not finding.ok
    assert word in finding.detail


def test_an_scrypt_that_ignores_its_cost_is_refused() -> None:
    finding = check_scrypt(lambda a: hashlib.scrypt(a.password, salt=a.salt, n=16, r=a.r, p=a.p, dklen=64))

    assert not finding.ok
    assert "N=1024" in finding.detail
    assert "N=16;" not in finding.detail


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ImportError("no module"), "a package can't be loaded: no module"),
        (UnlockFailed("it does not open"), "a known answer is refused: it does not open"),
        (Malformed("not that form"), "a known answer is refused: not that form"),
    ],
)
def test_what_refuses_a_good_answer_or_is_not_there_has_failed_and_the_rest_is_told(
    error: Exception, words: str
) -> None:
    def broken(_: AgeAnswer) -> bytes:
        raise error

    finding = answered("SELFTEST-AGE", lambda: check_age(broken))

    assert (finding.check_id, finding.ok, finding.detail) == ("SELFTEST-AGE", False, words)


def test_a_fault_of_ours_in_a_check_is_no_finding() -> None:
    def broken() -> Finding:
        raise ValueError("ours")

    with pytest.raises(ValueError, match="ours"):
        answered("SELFTEST-AGE", broken)


def test_json_in_another_order_or_read_loosely_is_refused() -> None:
    def by_code_points(value: Mapping[str, object]) -> bytes:
        return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()

    assert check_json(canonical_bytes, read_canonical).ok
    assert check_json(by_code_points, read_canonical).detail == "wrong: sorted names: another text"
    assert check_json(canonical_bytes, json.loads).detail == "wrong: sorted names: another form is accepted"
    assert "read as something else" in check_json(canonical_bytes, lambda _: {}).detail


def test_a_tree_without_marked_leaves_or_with_any_proof_is_refused() -> None:
    def unmarked(entries: Sequence[bytes]) -> bytes:
        tree = Frontier()
        tree.extend([sha256(each) for each in entries])
        return tree.root()

    root = [bytes.fromhex(each) for each in TREE_ROOTS]
    known, never = (
        check_tree(lambda entries: root[len(entries)], lambda *_: False),
        check_tree(unmarked, lambda *_: True),
    )
    assert known.detail == "wrong: a good proof is refused"
    assert "the root of 8 entries" in never.detail
    assert "the root of 0 entries" not in never.detail
    assert never.detail.endswith("a proof of another tree is accepted")


def test_an_age_that_opens_everything_or_gives_another_content_is_refused() -> None:
    assert check_age(lambda _: b"").detail == (
        "wrong: scrypt: another content; scrypt: another passphrase is accepted; scrypt: a flipped bit is accepted"
    )


def test_the_age_file_is_the_published_one() -> None:
    vector = Path(__file__).parent / "vectors/cctv-age/scrypt"
    head, _, body = vector.read_bytes().partition(b"\n\n")

    assert [each.file for each in AGE_ANSWERS] == [body]
    assert f"payload: {AGE_ANSWERS[0].content_sha256}".encode() in head


def test_a_kernel_pool_that_is_not_ready_is_refused() -> None:
    def not_ready(size: int) -> bytes:
        raise BlockingIOError

    assert check_random(os.urandom).ok
    assert "not initialised" in check_random(not_ready).detail
    assert not check_random(not_ready).ok


def test_a_stuck_random_source_is_refused() -> None:
    assert not check_random(bytes).ok
    assert not check_random(lambda size: os.urandom(size - 1)).ok
