"""Public keys as files: what openssl writes is read, in one form, and nothing else."""

from __future__ import annotations

import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as some

from asl_authority.errors import Malformed
from asl_authority.values.ed25519 import SPKI_HEAD, SecretKey
from asl_authority.values.public_key_file import public_key_file, read_public_key_file

KEY = SecretKey(bytes(range(32)))
PEM = public_key_file(KEY.public)


def test_openssl_writes_what_we_write() -> None:
    argv = ["openssl", "pkey", "-inform", "DER", "-pubout"]

    assert subprocess.run(argv, input=KEY.pkcs8, capture_output=True, check=True).stdout == PEM


def test_pem_and_der_are_read() -> None:
    assert read_public_key_file(PEM) == KEY.public == read_public_key_file(KEY.public.spki)


@pytest.mark.parametrize(
    ("data", "check_id"),
    [
        (b"", "PUBLIC-KEY-FILE"),
        (PEM[:-1], "PUBLIC-KEY-FILE"),
        (PEM + b"\n", "PUBLIC-KEY-FILE"),
        (PEM + PEM, "PUBLIC-KEY-FILE"),
        (PEM.replace(b"\n", b"\r\n"), "PUBLIC-KEY-FILE"),
        (PEM.replace(b"PUBLIC", b"PRIVATE"), "PUBLIC-KEY-FILE"),
        (KEY.pkcs8, "PUBLIC-KEY-FILE"),
        (KEY.public.raw, "PUBLIC-KEY-FILE"),
        (SPKI_HEAD + bytes(32), "KEY-ORDER"),
        (SPKI_HEAD + b"\xff" * 32, "KEY-CANONICAL"),
    ],
)
def test_what_is_no_public_key_is_refused_by_name(data: bytes, check_id: str) -> None:
    with pytest.raises(Malformed) as refusal:
        read_public_key_file(data)

    assert refusal.value.check_id == check_id


@given(some.binary(max_size=120) | some.binary(max_size=60).map(lambda more: PEM[:60] + more))
def test_any_bytes_are_a_key_in_one_of_two_forms_or_are_refused(data: bytes) -> None:
    check_id, forms = "", [data]
    try:
        key = read_public_key_file(data)
        forms = [public_key_file(key), key.spki]
    except Malformed as refusal:
        check_id = refusal.check_id

    assert check_id in ("", "PUBLIC-KEY-FILE", "KEY-ORDER", "KEY-CANONICAL")
    assert data in forms
