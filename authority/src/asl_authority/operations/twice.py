"""Signatures by both implementations, and where an envelope lies: what verifying and signing have in common."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from asl_authority.values import rfc8032
from asl_authority.values.dsse import Envelope
from asl_authority.values.ed25519 import PublicKey
from asl_authority.values.finding import Finding

SIGN_VERIFIED = "SIGN-VERIFIED"
SIGN_VERIFIED_ELSEWHERE = "SIGN-VERIFIED-ELSEWHERE"


def envelope_beside(body: Path) -> Path:
    """Where the envelope of a body lies."""
    return body.with_name(f"{body.name}.sig")


def verified_elsewhere(envelope: Envelope, keys: Iterable[PublicKey]) -> list[Finding]:
    """Each signature of these keys, by the second implementation."""
    by_id = {key.key_id: key for key in keys}
    return [
        _elsewhere(envelope.message(), by_id[each.key_id], each.sig)
        for each in envelope.signatures
        if each.key_id in by_id
    ]


def verified(message: bytes, key: PublicKey, signature: bytes) -> list[Finding]:
    """What both implementations say of a signature."""
    return [
        Finding(SIGN_VERIFIED, key.verifies(message, signature), key.key_id),
        _elsewhere(message, key, signature),
    ]


def _elsewhere(message: bytes, key: PublicKey, signature: bytes) -> Finding:
    good = rfc8032.verifies(key.raw, message, signature)
    return Finding(SIGN_VERIFIED_ELSEWHERE, good, key.key_id)
