"""One key id for one key, whatever form it comes in; and every odd key has its reason."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from asl_image.publickey import (
    PRIME,
    SMALL_ORDER,
    PublicKey,
    checked,
    from_spki,
    from_ssh_blob,
    from_ssh_line,
    packed,
    unpacked,
)
from support.signers import openssl_key, public_pem, run, spki_of, ssh_key

RAW = bytes(range(32))


def test_a_key_id_is_the_sha256_of_what_openssl_writes_in_der(tmp_path: Path) -> None:
    key = openssl_key(tmp_path / "key")
    der = run("openssl", "pkey", "-in", key, "-pubout", "-outform", "DER")
    pem = public_pem(key)

    assert from_spki(pem).key_id == hashlib.sha256(der).hexdigest()
    assert from_spki(base64.b64encode(der).decode()) == from_spki(pem) == from_spki(pem.rstrip())


def test_a_key_is_the_same_in_openssh_s_form(tmp_path: Path) -> None:
    line = ssh_key(tmp_path / "key").with_suffix(".pub").read_text()
    key = from_ssh_line(line)

    assert from_spki(spki_of(key.raw)) == key
    assert line.split()[:2] == key.ssh_line.split()


def test_a_security_key_is_another_key_with_the_same_bytes() -> None:
    key = PublicKey(RAW, "ssh:")

    assert from_ssh_line(key.ssh_line) == key != PublicKey(RAW)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "not the SubjectPublicKeyInfo"),
        ("MCow", "not the SubjectPublicKeyInfo"),
        (spki_of(RAW)[:-1], "not base64"),
        (spki_of(RAW + b"x"), "not the SubjectPublicKeyInfo"),
        (f"{spki_of(RAW)} x", "not base64"),
        (f"-----BEGIN PUBLIC KEY-----\n{spki_of(RAW)}\n-----END PUBLIC KEY-----\nmore\n", "not base64"),
        ("-----BEGIN PRIVATE KEY-----\nMC4C\n-----END PRIVATE KEY-----\n", "not base64"),
        (base64.b64encode(bytes.fromhex("302a300506032b656e032100") + RAW).decode(), "not the SubjectPublicKeyInfo"),
    ],
)
def test_a_text_that_is_no_ed25519_key_is_refused(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        from_spki(text)


@pytest.mark.parametrize(
    "line",
    [
        "ssh-ed25519",
        "ssh-ed25519 AAAA",
        f"ssh-rsa {base64.b64encode(packed([b'ssh-rsa', b'x', b'y'])).decode()}",
        f"ssh-rsa {PublicKey(RAW).ssh_line.split()[1]}",
        f"{PublicKey(RAW).ssh_line}\n{PublicKey(RAW).ssh_line}",
        f"ssh-ed25519 {base64.b64encode(packed([b'ssh-ed25519', RAW[:31]])).decode()}",
        f"ssh-ed25519 {base64.b64encode(packed([b'ssh-ed25519', RAW]) + b'x').decode()}",
    ],
)
def test_a_line_that_is_no_ed25519_key_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        from_ssh_line(line)


@pytest.mark.parametrize("sign", [0, 1 << 255])
@pytest.mark.parametrize("y", [*sorted(SMALL_ORDER), PRIME, PRIME + 1, 2**255 - 1])
def test_a_key_under_which_anybody_could_sign_is_refused(y: int, sign: int) -> None:
    with pytest.raises(ValueError, match="anybody can sign"):
        checked((y | sign).to_bytes(32, "little"))


def test_such_a_key_would_be_believed_by_the_library() -> None:
    """Why the check is there: R is the base point and s is 1, whatever the message is."""
    base_point = (4 * pow(5, -1, PRIME) % PRIME).to_bytes(32, "little")
    identity = Ed25519PublicKey.from_public_bytes((1).to_bytes(32, "little"))

    identity.verify(base_point + (1).to_bytes(32, "little"), b"anything")


def test_ssh_strings_are_read_as_they_are_written() -> None:
    assert unpacked(packed([b"a", b"", b"bc"])) == [b"a", b"", b"bc"]
    for broken in (b"", b"\0\0\0", b"\0\0\0\2a", packed([b"a"]) + b"x"):
        with pytest.raises(ValueError, match="cut off"):
            unpacked(broken)
    with pytest.raises(ValueError, match="only Ed25519"):
        from_ssh_blob(packed([b"ecdsa-sha2-nistp256", b"x"]))
