"""Envelopes: DSSE's own example, openssl's word, and every way to forge or double a signature."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from asl_authority.errors import Malformed
from asl_authority.values.dsse import Envelope, Signature, check_signatures, message_of, read_envelope
from asl_authority.values.ed25519 import SecretKey

KIND = "application/vnd.asl.dam.v1+json"
KEYS = tuple(SecretKey(bytes([n]) * 32) for n in range(1, 4))
KNOWN = {key.public.key_id: key.public for key in KEYS[:2]}
SIGNED = Envelope(KIND, b'{"a":1}').signed_by(KEYS[0], KEYS[1])


def test_the_encoding_before_signing_is_that_of_the_specification() -> None:
    assert message_of("http://example.com/HelloWorld", b"hello world") == (
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )


def test_an_envelope_is_read_as_it_was_written_and_its_keys_are_counted() -> None:
    read = read_envelope(SIGNED.to_bytes(), KIND)

    assert read == SIGNED
    assert all(finding.ok for finding in check_signatures(read, KNOWN, 2))


def test_openssl_verifies_what_we_signed(tmp_path: Path) -> None:
    for name, data in (
        ("key", KEYS[0].public.spki),
        ("message", SIGNED.message()),
        ("sig", next(each.sig for each in SIGNED.signatures if each.key_id == KEYS[0].public.key_id)),
    ):
        (tmp_path / name).write_bytes(data)
    argv = ["openssl", "pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey", "key", "-rawin"]

    subprocess.run([*argv, "-in", "message", "-sigfile", "sig"], cwd=tmp_path, check=True, capture_output=True)


def test_a_signature_over_another_type_does_not_count() -> None:
    other = Envelope("application/vnd.asl.claim.v1+json", SIGNED.payload, SIGNED.signatures)

    assert [f.check_id for f in check_signatures(other, KNOWN) if not f.ok] == ["DSSE-SIGNATURES", "DSSE-THRESHOLD"]


def test_a_stranger_counts_neither_for_nor_against() -> None:
    findings = check_signatures(SIGNED.signed_by(KEYS[2]), KNOWN, 3)

    assert [f.check_id for f in findings if not f.ok] == ["DSSE-THRESHOLD"]


def test_one_bad_signature_of_a_known_key_spoils_the_envelope() -> None:
    first = SIGNED.signatures[0]
    spoiled = Envelope(KIND, SIGNED.payload, (Signature(first.key_id, bytes(64)), SIGNED.signatures[1]))

    assert [f.check_id for f in check_signatures(spoiled, KNOWN) if not f.ok] == ["DSSE-SIGNATURES"]


def test_a_key_under_another_name_does_not_count() -> None:
    names = sorted(KNOWN)
    swapped = dict(zip(names, reversed([KNOWN[name] for name in names]), strict=True))

    assert not any(finding.ok for finding in check_signatures(SIGNED, swapped))


def test_a_key_can_not_sign_twice() -> None:
    with pytest.raises(ValueError, match="already"):
        SIGNED.signed_by(KEYS[0])
    twice = Envelope(KIND, SIGNED.payload, (SIGNED.signatures[0], SIGNED.signatures[0]))
    with pytest.raises(Malformed) as refusal:
        read_envelope(twice.to_bytes(), KIND)
    assert refusal.value.check_id == "DSSE-KEYS-UNIQUE"


@pytest.mark.parametrize(
    ("check_id", "change"),
    [
        ("DSSE-KEYS-UNIQUE", lambda whole: whole),
        ("DSSE-SCHEMA", lambda whole: whole.replace(b'"keyid"', b'"keyIX"')),
        ("DSSE-SCHEMA", lambda whole: whole.replace(b'"payload":"eyJhIjoxfQ=="', b'"payload":"eyJhIjoxfQ"')),
        ("DSSE-SCHEMA", lambda whole: whole.replace(b'"payload":"eyJhIjoxfQ=="', b'"payload":"eyJhIjoxfR=="')),
        ("DSSE-PAYLOAD-TYPE", lambda whole: whole.replace(b"asl.dam", b"asl.per")),
        ("DSSE-PAYLOAD-TYPE", lambda whole: whole.replace(b"vnd.asl.", b"vnd.asl-rehearsal.")),
    ],
)
def test_an_envelope_of_another_form_is_refused_by_name(check_id: str, change: object) -> None:
    backwards = Envelope(KIND, SIGNED.payload, SIGNED.signatures[::-1])
    start = backwards if check_id == "DSSE-KEYS-UNIQUE" else SIGNED
    with pytest.raises(Malformed) as refusal:
        read_envelope(change(start.to_bytes()), KIND)  # type: ignore[operator]

    assert refusal.value.check_id == check_id


def test_a_threshold_of_none_is_a_fault_of_ours() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        check_signatures(SIGNED, KNOWN, 0)
