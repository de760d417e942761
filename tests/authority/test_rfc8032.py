"""The second implementation holds to Wycheproof, and agrees with the first wherever both are asked."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from asl_authority.values import rfc8032
from asl_authority.values.ed25519 import SecretKey
from asl_authority.values.known_answers import ED25519_ANSWERS
from asl_authority.values.primitives import ed25519_verifies

WYCHEPROOF = json.loads((Path(__file__).parent / "vectors/wycheproof/ed25519_test.json").read_text())
CASES = [(group["publicKey"]["pk"], test) for group in WYCHEPROOF["testGroups"] for test in group["tests"]]


def test_wycheproof_has_as_many_vectors_as_it_says() -> None:
    assert len(CASES) == WYCHEPROOF["numberOfTests"] == 151
    assert {test["result"] for _, test in CASES} == {"valid", "invalid"}


@pytest.mark.parametrize(("public", "test"), CASES, ids=[f"{test['tcId']} {test['comment']}" for _, test in CASES])
def test_both_implementations_hold_to_wycheproof(public: str, test: dict[str, str]) -> None:
    asked = (bytes.fromhex(public), bytes.fromhex(test["msg"]), bytes.fromhex(test["sig"]))

    assert rfc8032.verifies(*asked) == (test["result"] == "valid")
    assert ed25519_verifies(*asked) == (test["result"] == "valid")


@pytest.mark.parametrize("answer", ED25519_ANSWERS, ids=lambda answer: answer.name)
def test_it_verifies_the_answers_of_the_rfc(answer: object) -> None:
    public, message, signature = (bytes.fromhex(getattr(answer, name)) for name in ("public", "message", "signature"))

    assert rfc8032.verifies(public, message, signature)
    assert not rfc8032.verifies(public, message + b"\0", signature)


@given(some.binary(min_size=32, max_size=32), some.binary(max_size=80), some.integers(0, 96 * 8 - 1))
def test_it_agrees_with_the_first_on_good_signatures_and_on_every_flipped_bit(
    seed: bytes, message: bytes, bit: int
) -> None:
    key = SecretKey(seed)
    signature = key.sign(message)
    flipped = bytearray(signature + key.public.raw)
    flipped[bit // 8] ^= 1 << bit % 8
    changed = (bytes(flipped[64:]), message, bytes(flipped[:64]))

    assert rfc8032.verifies(key.public.raw, message, signature)
    assert rfc8032.verifies(*changed) == ed25519_verifies(*changed)


@pytest.mark.parametrize(("key", "signature"), [(b"", bytes(64)), (bytes(32), b""), (bytes(31), bytes(64))])
def test_what_has_the_wrong_length_does_not_verify(key: bytes, signature: bytes) -> None:
    assert not rfc8032.verifies(key, b"", signature)


def test_an_s_at_the_order_or_above_is_refused_though_the_equation_holds() -> None:
    key = SecretKey(bytes(32))
    signature = key.sign(b"x")
    s = int.from_bytes(signature[32:], "little") + rfc8032.L

    assert not rfc8032.verifies(key.public.raw, b"x", signature[:32] + s.to_bytes(32, "little"))


def test_it_says_the_same_of_a_key_however_often_it_was_asked() -> None:
    key = SecretKey(b"asked often, answered the same.!")
    for n in range(2 * rfc8032.OFTEN):
        message = bytes([n])
        signature = key.sign(message)

        assert rfc8032.verifies(key.public.raw, message, signature)
        assert not rfc8032.verifies(key.public.raw, message + b"\0", signature)
        assert not rfc8032.verifies(key.public.raw, message, signature[:32] + key.sign(b"other")[32:])


def test_multiples_are_made_only_for_a_key_that_signs_often() -> None:
    key = SecretKey(b"seldom, and then often enough...")
    made = []
    for _ in range(rfc8032.OFTEN):
        rfc8032.verifies(key.public.raw, b"", key.sign(b""))
        made.append("multiples" in vars(rfc8032._key(key.public.raw)))

    assert made == [False] * (rfc8032.OFTEN - 1) + [True]
