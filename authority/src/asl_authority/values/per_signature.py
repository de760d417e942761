"""PER/SIGNATURE/1: the payload that binds a receipt to its domain, inputs and place in the log, and its signature.

The payload is big-endian bytes, recomputed from the receipt and never taken from a file. It is signed in DSSE; the
artifact carries that signature with the paper's members, and names the receipt.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from asl_authority.errors import Malformed
from asl_authority.values.big_endian import BytesReader, text_be, u32_be, u64_be
from asl_authority.values.dsse import Envelope, Signature, check_signatures
from asl_authority.values.ed25519 import SIGNATURE_BYTES, PublicKey, Signer
from asl_authority.values.finding import Finding
from asl_authority.values.identifiers import DOMAIN_ID
from asl_authority.values.kinds import Kind
from asl_authority.values.receipt import Receipt
from asl_authority.values.roles import Role
from asl_authority.values.rules import Rule
from asl_authority.values.snapshot import Snapshot

PAPER = "PER/SIGNATURE/1"

RULES = (
    Rule("PER-PAYLOAD", PAPER, "S", "The payload has the paper's fields in its order, big-endian, nothing left over."),
    Rule("PER-RESERVED", PAPER, "S", "reserved0 is 0."),
    Rule("PER-INPUTS", PAPER, "S", "Inputs are sorted, and each is there once."),
    Rule("PER-SIGNATURE-SCHEMA", PAPER, "S", "A signature has payload_hash, public_key, signature and algorithm."),
    Rule("PER-RECEIPT", PAPER, "C", "The signature names the receipt that it is held against."),
    Rule("PER-PAYLOAD-EQUAL", PAPER, "S", "The payload, recomputed from the receipt, has the hash that was signed."),
    Rule("PER-SIGNED", PAPER, "S", "The signature is the named key's over the recomputed payload."),
    Rule("PER-ROLE", PAPER, "S", "The key is a principal of the domain's manifest with the role execute."),
    Rule("PER-SNAPSHOT", PAPER, "S", "The receipt names the snapshot that it is held against, in the same domain."),
    Rule("PER-LOGSEQ", PAPER, "S", "logseq is the operation's place in the log, after what the snapshot pins."),
)  # fmt: skip

KIND = Kind("per-signature")
PAYLOAD_TYPE = "application/vnd.asl.per-signature.v1"
REHEARSAL_TYPE = "application/vnd.asl-rehearsal.per-signature.v1"
ALGORITHM = "ed25519"
MOST_INPUTS = 20_000


@dataclass(frozen=True)
class Payload:
    """PERSignaturePayload, in the paper's order; digests in hexadecimal. reserved0 is always 0."""

    domain_id: str
    snapshot_id: str
    per_artifact_id: str
    input_artifact_ids: tuple[str, ...]
    program_id: str
    logseq: int

    def to_bytes(self) -> bytes:
        """The canonical bytes."""
        return b"".join(
            (
                text_be(self.domain_id),
                bytes.fromhex(self.snapshot_id),
                bytes.fromhex(self.per_artifact_id),
                u32_be(len(self.input_artifact_ids)),
                *(bytes.fromhex(each) for each in self.input_artifact_ids),
                bytes.fromhex(self.program_id),
                u64_be(self.logseq),
                u32_be(0),
            )
        )


@dataclass(frozen=True)
class PerSignature:
    """PERSignature. `receipt` is the per_artifact_id of what was signed; the signature is DSSE's over the payload."""

    receipt: str
    payload_hash: str
    public_key: PublicKey
    signature: bytes

    def to_bytes(self) -> bytes:
        """The one text of the artifact."""
        return KIND.body(
            {
                "algorithm": ALGORITHM,
                "payload_hash": self.payload_hash,
                "public_key": self.public_key.text,
                "receipt": self.receipt,
                "signature": base64.b64encode(self.signature).decode(),
            }
        )


def payload_of(receipt: Receipt) -> Payload:
    """The payload that belongs to a receipt; there is no other way to one but reading it."""
    return Payload(
        domain_id=receipt.domain_id,
        snapshot_id=receipt.snapshot_id,
        per_artifact_id=receipt.per_artifact_id,
        input_artifact_ids=receipt.inputs,
        program_id=receipt.program,
        logseq=receipt.logseq,
    )


def read_payload(data: bytes) -> Payload:
    """A payload. Raises Malformed."""
    reader = BytesReader(data, "payload", "PER-PAYLOAD")
    domain_id = reader.text(128)
    if not DOMAIN_ID.fullmatch(domain_id):
        raise reader.wrong("not the name of a domain")
    snapshot, receipt = reader.take(32).hex(), reader.take(32).hex()
    inputs = tuple(reader.take(32).hex() for _ in range(reader.count(32, MOST_INPUTS)))
    if list(inputs) != sorted(set(inputs)):
        raise Malformed("inputs are not sorted, or one is given twice", check_id="PER-INPUTS")
    payload = Payload(domain_id, snapshot, receipt, inputs, reader.take(32).hex(), reader.u64())
    if reader.u32() != 0:
        raise Malformed("reserved0 is not 0", check_id="PER-RESERVED")
    reader.end()
    return payload


def sign_receipt(receipt: Receipt, signer: Signer) -> PerSignature:
    """The signature over the receipt's payload; the same key and receipt give the same bytes."""
    envelope = _envelope(receipt).signed_by(signer)
    payload_hash = hashlib.sha256(envelope.payload).hexdigest()
    return PerSignature(receipt.per_artifact_id, payload_hash, signer.public, envelope.signatures[0].sig)


def _envelope(receipt: Receipt, *signatures: Signature) -> Envelope:
    payload_type = REHEARSAL_TYPE if receipt.rehearsal else PAYLOAD_TYPE
    return Envelope(payload_type, payload_of(receipt).to_bytes(), signatures)


def read_per_signature(data: bytes) -> PerSignature:
    """The signature artifact. Raises Malformed; nothing is verified."""
    fields = KIND.read(data, ("algorithm", "payload_hash", "public_key", "receipt", "signature"))
    if fields.value["algorithm"] != ALGORITHM:
        raise fields.wrong("algorithm", f"expected {ALGORITHM}")
    return PerSignature(
        receipt=fields.sha256("receipt"),
        payload_hash=fields.sha256("payload_hash"),
        public_key=fields.public_key("public_key"),
        signature=fields.base64("signature", SIGNATURE_BYTES),
    )


def check_per_signature(
    signature: PerSignature, receipt: Receipt, roles: Mapping[str, Collection[Role]]
) -> tuple[Finding, ...]:
    """PER-RECEIPT, PER-PAYLOAD-EQUAL, PER-SIGNED and PER-ROLE.

    `roles` are those of the principals in the domain's manifest, by key id, as far as its scope allows them.
    """
    key, named = signature.public_key, receipt.per_artifact_id
    envelope = _envelope(receipt, Signature(key.key_id, signature.signature))
    payload_hash = hashlib.sha256(envelope.payload).hexdigest()
    signed = all(finding.ok for finding in check_signatures(envelope, {key.key_id: key}))
    own = roles.get(key.key_id)
    has = "is no principal" if own is None else f"has {', '.join(sorted(own)) or 'no role'}"
    return (
        Finding("PER-RECEIPT", signature.receipt == named, f"names {signature.receipt}, this is {named}"),
        Finding(
            "PER-PAYLOAD-EQUAL",
            signature.payload_hash == payload_hash,
            f"signed {signature.payload_hash}, recomputed {payload_hash}",
        ),
        Finding("PER-SIGNED", signed, f"key {key.key_id}"),
        Finding("PER-ROLE", own is not None and Role.EXECUTE in own, f"key {key.key_id} {has}"),
    )


def check_place(receipt: Receipt, snapshot: Snapshot, logseq: int) -> tuple[Finding, ...]:
    """PER-SNAPSHOT and PER-LOGSEQ: `logseq` is where the log has the receipt's operation."""
    same = (receipt.domain_id, receipt.snapshot_id) == (snapshot.domain_id, snapshot.snapshot_id)
    fits = receipt.logseq == logseq and receipt.logseq > snapshot.logseq
    return (
        Finding("PER-SNAPSHOT", same, f"names {receipt.snapshot_id}, this is {snapshot.snapshot_id}"),
        Finding("PER-LOGSEQ", fits, f"names {receipt.logseq}, the log has {logseq}, the snapshot {snapshot.logseq}"),
    )
