"""Ed25519 keys and signatures (RFC 8032), and the names of keys; signed and verified by the first implementation.

A public key counts only when its 32 bytes are the canonical encoding of a point of large order: for others a
signature says nothing about who signed.
"""

from __future__ import annotations

import base64
import hashlib
from functools import cached_property
from typing import Protocol

from asl_authority.errors import Malformed
from asl_authority.values.frozen import frozen
from asl_authority.values.primitives import ed25519_public, ed25519_sign, ed25519_verifies
from asl_authority.values.rules import Rule

PAPER = "RFC 8032"

RULES = (
    Rule("KEY-LENGTH", PAPER, "S", "An Ed25519 public key has 32 bytes."),
    Rule("KEY-CANONICAL", PAPER, "S", "A public key is written in the one canonical encoding of its point."),
    Rule("KEY-ORDER", PAPER, "C", "A public key is a point of large order: of small order, any signature may fit."),
)  # fmt: skip

# DER of a SubjectPublicKeyInfo before the 32 bytes (RFC 8410), and of a PKCS#8 PrivateKeyInfo before the seed.
SPKI_HEAD = bytes.fromhex("302a300506032b6570032100")
PKCS8_HEAD = bytes.fromhex("302e020100300506032b657004220420")
KEY_BYTES = 32
SIGNATURE_BYTES = 64

FIELD_PRIME = 2**255 - 19
# The y coordinates of the eight points of small order, as canonical encodings without the sign bit.
SMALL_ORDER_Y = frozenset(
    (
        0,
        1,
        FIELD_PRIME - 1,
        0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7,
        0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826,
    )
)


@frozen
class PublicKey:
    """A public key that may count. `raw` is its 32 bytes."""

    raw: bytes

    def __post_init__(self) -> None:
        """Raises Malformed for a key that no signature can be believed of."""
        if len(self.raw) != KEY_BYTES:
            raise Malformed(f"a public key of {len(self.raw)} bytes, not {KEY_BYTES}", check_id="KEY-LENGTH")
        sign, y = self.raw[31] >> 7, int.from_bytes(self.raw, "little") & (2**255 - 1)
        if y >= FIELD_PRIME or (sign and y in (1, FIELD_PRIME - 1)):
            raise Malformed("a public key that is not in canonical form", check_id="KEY-CANONICAL")
        if y in SMALL_ORDER_Y:
            raise Malformed("a public key of small order", check_id="KEY-ORDER")

    @property
    def spki(self) -> bytes:
        """The SubjectPublicKeyInfo, DER."""
        return SPKI_HEAD + self.raw

    @property
    def text(self) -> str:
        """The key as a paper's body says it: base64 of its bytes."""
        return base64.b64encode(self.raw).decode()

    @cached_property
    def key_id(self) -> str:
        """SHA-256 (hex) of the SubjectPublicKeyInfo; always computed, never taken from a file."""
        return hashlib.sha256(self.spki).hexdigest()

    def verifies(self, message: bytes, signature: bytes) -> bool:
        """Whether the signature is this key's over the message, by the first implementation."""
        return len(signature) == SIGNATURE_BYTES and ed25519_verifies(self.raw, message, signature)


class Signer(Protocol):
    """What signs: a key in memory, or one that asks its holder."""

    @property
    def public(self) -> PublicKey: ...

    def sign(self, message: bytes) -> bytes: ...


@frozen
class SecretKey:
    """A private key in memory; `seed` is its 32 bytes and shows in no text of it."""

    seed: bytes

    def __post_init__(self) -> None:
        if len(self.seed) != KEY_BYTES:
            raise ValueError("an Ed25519 seed has 32 bytes")

    def __repr__(self) -> str:
        return f"SecretKey of {self.public.key_id}"

    @cached_property
    def public(self) -> PublicKey:
        """Its public half."""
        return PublicKey(ed25519_public(self.seed))

    def sign(self, message: bytes) -> bytes:
        """The 64 bytes of the one signature that this key gives this message."""
        return ed25519_sign(self.seed, message)

    @property
    def pkcs8(self) -> bytes:
        """The PrivateKeyInfo, DER, as `openssl pkey` reads it."""
        return PKCS8_HEAD + self.seed


def read_spki(data: bytes) -> PublicKey:
    """The key in a SubjectPublicKeyInfo. Raises Malformed."""
    if len(data) != len(SPKI_HEAD) + KEY_BYTES or not data.startswith(SPKI_HEAD):
        raise Malformed("not an Ed25519 SubjectPublicKeyInfo", check_id="KEY-LENGTH")
    return PublicKey(data[len(SPKI_HEAD) :])
