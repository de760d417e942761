"""Samples of PER signatures: payload bytes and signature artifacts, with their key."""

from __future__ import annotations

from asl_authority.values.ed25519 import SecretKey
from asl_authority.values.per_signature import payload_of, sign_receipt
from support.published import Bad, Good, Vectors, changed
from support.samples.receipt import BUNDLE, RECEIPT

PRINCIPAL = SecretKey(bytes(range(32)))
PAYLOAD = payload_of(RECEIPT)
SIGNATURE = sign_receipt(RECEIPT, PRINCIPAL)


def vectors() -> Vectors:
    """The published ones."""
    payload, artifact = PAYLOAD.to_bytes(), SIGNATURE.to_bytes()
    read, signature = "per_signature.read_payload", "per_signature.read_per_signature"
    at = 4 + len(RECEIPT.domain_id) + 64  # where the count of inputs stands
    count, first, second = (payload[at + a : at + b] for a, b in ((0, 4), (4, 36), (36, 68)))
    return Vectors(
        "PER/SIGNATURE/1",
        keys={"principal": PRINCIPAL},
        good=[
            Good("a payload", read, payload, {"receipt": RECEIPT.to_bytes().decode()}),
            Good("a payload without inputs", read, payload_of(BUNDLE).to_bytes()),
            Good("a signature", signature, artifact, {"key": "principal", "payload_hex": payload.hex()}),
        ],
        bad=[
            Bad("nothing", read, b"", "PER-PAYLOAD"),
            Bad("cut off", read, payload[:-1], "PER-PAYLOAD"),
            Bad("a byte too many", read, payload + b"\0", "PER-PAYLOAD"),
            Bad("a domain with a slash", read, payload.replace(b"me.example", b"me/example"), "PER-PAYLOAD"),
            Bad("four thousand million inputs", read, payload.replace(count, b"\xff" * 4), "PER-PAYLOAD"),
            Bad("reserved0 of 1", read, payload[:-1] + b"\1", "PER-RESERVED"),
            Bad("inputs out of order", read, payload.replace(first + second, second + first), "PER-INPUTS"),
            Bad("an input twice", read, payload.replace(first + second, first + first), "PER-INPUTS"),
            Bad("no algorithm", signature, changed(artifact, algorithm=None), "PER-SIGNATURE-SCHEMA"),
            Bad("another algorithm", signature, changed(artifact, algorithm="rsa"), "PER-SIGNATURE-SCHEMA"),
            Bad("a short signature", signature, changed(artifact, signature="AAAA"), "PER-SIGNATURE-SCHEMA"),
            Bad("a key of small order", signature, changed(artifact, public_key="A" * 43 + "="), "KEY-ORDER"),
        ],
    )
