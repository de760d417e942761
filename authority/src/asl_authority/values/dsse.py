"""DSSE v1 envelopes: a payload, its type, and signatures over both. The home of the signature format.

Nothing else in the program knows what is signed or where signatures lie. An envelope is canonical JSON; its
signatures are sorted by key id, each key once.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Mapping

from asl_authority.errors import Malformed
from asl_authority.values.canonical import DEFAULT, Limits, canonical_bytes, read_canonical
from asl_authority.values.ed25519 import SIGNATURE_BYTES, PublicKey, Signer
from asl_authority.values.fields import Fields
from asl_authority.values.finding import Finding
from asl_authority.values.frozen import frozen, replace
from asl_authority.values.rules import Rule

PAPER = "DSSE v1"

RULES = (
    Rule("DSSE-SCHEMA", PAPER, "S", "An envelope has payload, payloadType and signatures (keyid, sig), in base64."),
    Rule("DSSE-KEYS-UNIQUE", PAPER, "C", "Signatures are sorted by key id, and no key signs twice."),
    Rule("DSSE-PAYLOAD-TYPE", PAPER, "S", "The payload is of the type that is asked for, and no other passes for it."),
    Rule("DSSE-SIGNATURES", PAPER, "S", "Every signature of a known key verifies: a bad one spoils the envelope."),
    Rule("DSSE-BODY-EQUAL", PAPER, "C", "A body that lies beside its envelope is the envelope's payload."),
    Rule("DSSE-THRESHOLD", PAPER, "S", "At least as many different known keys have signed as are asked for."),
)  # fmt: skip

MOST_SIGNATURES = 64
PAYLOAD_TYPE = re.compile(r"application/[a-z0-9.+-]{1,100}", re.ASCII)
_MESSAGE = re.compile(rb"DSSEv1 ([0-9]{1,3}) ([a-z0-9.+/-]{1,200}) [0-9]{1,10} ")


@frozen
class Signature:
    """One signature; `key_id` is a hint that only counts when it is the id of the key that verifies."""

    key_id: str
    sig: bytes


@frozen
class Envelope:
    """A signed payload."""

    payload_type: str
    payload: bytes
    signatures: tuple[Signature, ...] = ()

    def message(self) -> bytes:
        """What is signed: DSSE's pre-authentication encoding."""
        return message_of(self.payload_type, self.payload)

    def to_bytes(self) -> bytes:
        """The one text of the envelope."""
        return canonical_bytes(
            {
                "payload": base64.b64encode(self.payload).decode(),
                "payloadType": self.payload_type,
                "signatures": [
                    {"keyid": each.key_id, "sig": base64.b64encode(each.sig).decode()} for each in self.signatures
                ],
            }
        )

    def signed_by(self, *signers: Signer) -> Envelope:
        """The envelope with these signatures too. Raises ValueError when a key has signed already."""
        new = [Signature(signer.public.key_id, signer.sign(self.message())) for signer in signers]
        return self.with_signatures(new)

    def with_signatures(self, new: Iterable[Signature]) -> Envelope:
        """The envelope with signatures that were made elsewhere. Raises ValueError when a key has signed already."""
        every = sorted((*self.signatures, *new), key=lambda each: each.key_id)
        if len({each.key_id for each in every}) != len(every):
            raise ValueError("this key has signed already")
        return replace(self, signatures=tuple(every))


def message_of(payload_type: str, payload: bytes) -> bytes:
    """DSSE's pre-authentication encoding (PAE) of a payload and its type."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)


def payload_type_of(message: bytes) -> str:
    """The payload type in what is to be signed; "" when that is no message of an envelope."""
    found = _MESSAGE.match(message)
    return found[2].decode() if found and len(found[2]) == int(found[1]) else ""


def read_envelope(data: bytes, payload_type: str, limits: Limits = DEFAULT) -> Envelope:
    """The envelope in `data`, whose payload must be of `payload_type`. Raises Malformed; no signature is looked at.

    `limits` are those of the payload.
    """
    most = Limits(limits.size * 4 // 3 + MOST_SIGNATURES * 256 + 512, 4, 8 + 4 * MOST_SIGNATURES)
    fields = Fields(read_canonical(data, most), ("payload", "payloadType", "signatures"), "envelope", "DSSE-SCHEMA")
    said = fields.text("payloadType", PAYLOAD_TYPE)
    if said != payload_type:
        raise Malformed(f"the envelope is of the type {said}, not {payload_type}", check_id="DSSE-PAYLOAD-TYPE")
    signatures = tuple(
        Signature(each.sha256("keyid"), each.base64("sig", SIGNATURE_BYTES))
        for each in fields.objects("signatures", ("keyid", "sig"), MOST_SIGNATURES)
    )
    ids = [each.key_id for each in signatures]
    if ids != sorted(set(ids)):
        raise Malformed("signatures are not sorted by key id, or a key signs twice", check_id="DSSE-KEYS-UNIQUE")
    return Envelope(said, fields.base64("payload", limit=limits.size), signatures)


def check_signatures(envelope: Envelope, keys: Mapping[str, PublicKey], threshold: int = 1) -> tuple[Finding, ...]:
    """DSSE-SIGNATURES and DSSE-THRESHOLD: who of `keys` (by key id) has signed, and whether that is enough.

    Signatures of unknown keys are neither for nor against. Raises ValueError for a threshold below 1.
    """
    if threshold < 1:
        raise ValueError("a threshold is at least 1")
    message = envelope.message()
    good: list[str] = []
    bad: list[str] = []
    for each in envelope.signatures:
        key = keys.get(each.key_id)
        if key is not None:
            (good if key.key_id == each.key_id and key.verifies(message, each.sig) else bad).append(each.key_id)
    count = len({keys[key_id].raw for key_id in good})
    return (
        Finding("DSSE-SIGNATURES", not bad, f"wrong: {', '.join(bad)}" if bad else f"{len(good)} verified"),
        Finding("DSSE-THRESHOLD", count >= threshold, f"{count} of {threshold} keys that must sign have signed"),
    )


def check_body(envelope: Envelope, body: bytes) -> Finding:
    """DSSE-BODY-EQUAL: the file beside the envelope holds what was signed."""
    same, signed = envelope.payload == body, len(envelope.payload)
    said = f"{len(body)} bytes, signed {signed}" if same else f"{len(body)} bytes, not the {signed} that were signed"
    return Finding("DSSE-BODY-EQUAL", same, said)
