"""Keys: the published answers, ids that openssl computes too, and keys that can't count."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

import pytest

from asl_authority.errors import Malformed
from asl_authority.values.ed25519 import FIELD_PRIME, SMALL_ORDER_Y, PublicKey, SecretKey, read_spki
from asl_authority.values.known_answers import ED25519_ANSWERS

SECRET = SecretKey(bytes(range(32)))


@pytest.mark.parametrize("answer", ED25519_ANSWERS, ids=lambda answer: answer.name)
def test_keys_and_signatures_are_those_of_the_rfc(answer: object) -> None:
    secret, message = SecretKey(bytes.fromhex(answer.secret)), bytes.fromhex(answer.message)  # type: ignore[attr-defined]

    assert secret.public.raw.hex() == answer.public  # type: ignore[attr-defined]
    assert secret.sign(message).hex() == answer.signature  # type: ignore[attr-defined]
    assert secret.public.verifies(message, secret.sign(message))
    assert not secret.public.verifies(message + b"x", secret.sign(message))


def test_openssl_reads_both_halves_and_computes_the_same_key_id(tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(SECRET.pkcs8)
    argv = ["openssl", "pkey", "-inform", "DER", "-in", str(tmp_path / "key"), "-pubout", "-outform", "DER"]
    spki = subprocess.run(argv, check=True, capture_output=True).stdout

    assert hashlib.sha256(spki).hexdigest() == SECRET.public.key_id
    assert read_spki(spki) == SECRET.public


def encoded(y: int, sign: int = 0) -> bytes:
    return (y | sign << 255).to_bytes(32, "little")


BAD = [
    ("KEY-LENGTH", b"\1" * 31),
    ("KEY-LENGTH", b""),
    *(("KEY-ORDER", encoded(y)) for y in sorted(SMALL_ORDER_Y)),
    *(("KEY-ORDER", encoded(y, 1)) for y in sorted(SMALL_ORDER_Y - {1, FIELD_PRIME - 1})),
    ("KEY-CANONICAL", encoded(FIELD_PRIME)),
    ("KEY-CANONICAL", encoded(FIELD_PRIME + 1)),
    ("KEY-CANONICAL", encoded(2**255 - 1)),
    ("KEY-CANONICAL", encoded(1, 1)),
    ("KEY-CANONICAL", encoded(FIELD_PRIME - 1, 1)),
]


@pytest.mark.parametrize(("check_id", "raw"), BAD)
def test_a_key_that_says_nothing_about_who_signed_is_refused(check_id: str, raw: bytes) -> None:
    with pytest.raises(Malformed) as refusal:
        PublicKey(raw)

    assert refusal.value.check_id == check_id


@pytest.mark.parametrize("data", [b"", SECRET.public.spki[:-1], b"\x31" + SECRET.public.spki[1:], SECRET.pkcs8])
def test_what_is_no_spki_is_refused(data: bytes) -> None:
    with pytest.raises(Malformed) as refusal:
        read_spki(data)

    assert refusal.value.check_id == "KEY-LENGTH"


def test_a_seed_shows_in_no_text_of_the_key() -> None:
    assert SECRET.seed.hex() not in repr(SECRET) + str(SECRET)
    assert repr(SECRET.seed) not in repr(SECRET)
