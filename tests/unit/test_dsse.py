"""The envelope: one text for its signatures, read strictly, and the same form that the authority reads."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from asl_authority.values.dsse import read_envelope as authority_reads
from asl_image.dsse import Envelope, pre_authentication, read_envelope
from asl_image.errors import CheckFailed
from asl_image.signable import PAYLOAD_TYPES

ENVELOPE = Envelope("application/x", b'{"a": 1}\n', {"b" * 64: b"2" * 64, "a" * 64: b"1" * 64})


def as_json(**changes: Any) -> bytes:
    return json.dumps({**json.loads(ENVELOPE.text()), **changes}).encode()


def test_the_signed_bytes_are_those_of_the_specification() -> None:
    expected = b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"

    assert pre_authentication("http://example.com/HelloWorld", b"hello world") == expected


def test_an_envelope_is_read_as_it_was_written_whoever_signed_first() -> None:
    other = Envelope(ENVELOPE.payload_type, ENVELOPE.payload, {})
    for key_id in sorted(ENVELOPE.signatures):
        other = other.with_signature(key_id, ENVELOPE.signatures[key_id])

    assert read_envelope(ENVELOPE.text().encode(), "x") == ENVELOPE
    assert other.text() == ENVELOPE.text()


def test_an_envelope_that_another_tool_laid_out_differently_is_read() -> None:
    assert read_envelope(json.dumps(json.loads(ENVELOPE.text()), indent=4).encode(), "x") == ENVELOPE


@pytest.mark.parametrize("payload_type", PAYLOAD_TYPES.values())
def test_the_authority_reads_what_the_builder_writes(payload_type: str) -> None:
    text = Envelope(payload_type, ENVELOPE.payload, ENVELOPE.signatures).text()
    read = authority_reads(text.encode(), payload_type)

    assert (read.payload, read.message()) == (ENVELOPE.payload, pre_authentication(payload_type, ENVELOPE.payload))
    assert {each.key_id: each.sig for each in read.signatures} == ENVELOPE.signatures


SIGNED = {"keyid": "a" * 64, "sig": "AAAA"}


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "Expecting value"),
        (b"\xff", "can't decode"),
        (b"[]", "its keys are not"),
        (ENVELOPE.text().encode() + b"x", "Extra data"),
        (ENVELOPE.text().encode()[:-9], "delimiter|Unterminated|Expecting"),
        (as_json(more=1), "its keys are not"),
        (as_json(payloadType=1), "payloadType is text"),
        (as_json(payload=base64.b64encode(b"ab").decode().rstrip("=")), "payload: not base64"),
        (as_json(payload="YWJ="), "payload: not the one base64 text"),
        (as_json(payload="YW\nI="), "payload: not base64"),
        (as_json(payload="-_-_"), "payload: not base64"),
        (as_json(payload=None), "payload is not text"),
        (as_json(signatures=[SIGNED, SIGNED]), "the key a{64} signed twice"),
        (as_json(signatures=[{**SIGNED, "keyid": "A" * 64}]), "a keyid is a SHA-256"),
        (as_json(signatures=[{"sig": "AAAA"}]), "a signature has a keyid and a sig"),
        (as_json(signatures=[{**SIGNED, "cert": "x"}]), "a signature has a keyid and a sig"),
        (b'{"payload": "", "payload": "", "payloadType": "x", "signatures": []}', "there twice"),
        (b"[" * 100_000, "recursion|Expecting"),
    ],
)
def test_what_is_no_envelope_is_named_with_the_reason(data: bytes, why: str) -> None:
    with pytest.raises(CheckFailed, match=f"x.json: not a DSSE envelope: .*({why})"):
        read_envelope(data, "x.json")
