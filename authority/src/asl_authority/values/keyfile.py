"""Private keys at rest: PKCS#8 inside an age file for a passphrase, at a cost that is fixed by the kind of key.

`age -d root.priv.enc | openssl pkey -inform DER` opens one without us, in an emergency.
"""

from __future__ import annotations

from enum import StrEnum

from asl_authority.errors import Malformed
from asl_authority.values import age
from asl_authority.values.ed25519 import KEY_BYTES, PKCS8_HEAD, PublicKey, SecretKey
from asl_authority.values.rules import Rule

PAPER = "ENC-ASL-AUTH-HOST/1"

RULES = (
    Rule("KEYFILE-PKCS8", PAPER, "C", "What is inside is the PKCS#8 of one Ed25519 key and nothing else."),
    Rule("KEYFILE-PUBLIC", PAPER, "C", "The private key is the one whose public half lies beside it."),
)

RANDOM_BYTES = age.RANDOM_BYTES


class KeyKind(StrEnum):
    """What a key is for; it decides what opening it costs whoever guesses."""

    OFFLINE_ROOT = "offline-root"
    DOMAIN_ROOT = "domain-root"
    DAM_SIGNER = "dam-signer"
    LOG = "log"
    PRINCIPAL = "principal"
    X509 = "x509"
    AGE_IDENTITY = "age-identity"


# log2 of scrypt's cost: 2^18 takes 256 MiB and about a second, 2^20 1 GiB and about five.
WORK = {kind: 20 if kind in (KeyKind.OFFLINE_ROOT, KeyKind.DOMAIN_ROOT) else 18 for kind in KeyKind}


def cost_words(kind: KeyKind) -> str:
    """The cost as it is printed and logged."""
    return f"scrypt 2^{WORK[kind]}, r 8, p 1 ({(1 << WORK[kind]) >> 10} MiB)"


def seal_key(key: SecretKey, passphrase: str, kind: KeyKind, random: bytes) -> bytes:
    """The file for a private key; `random` is RANDOM_BYTES fresh bytes. Raises Refused for too little memory."""
    return age.seal(key.pkcs8, passphrase, WORK[kind], random)


def open_key(data: bytes, passphrase: str, kind: KeyKind, public: PublicKey) -> SecretKey:
    """The private key of `public`. Raises UnlockFailed, Malformed or Refused."""
    key = read_pkcs8(age.unseal(data, passphrase, WORK[kind]))
    if key.public != public:
        raise Malformed("this is the private key of another public key", check_id="KEYFILE-PUBLIC")
    return key


def read_pkcs8(data: bytes) -> SecretKey:
    """The key in a PKCS#8 PrivateKeyInfo. Raises Malformed, which says nothing of what is in it."""
    if len(data) != len(PKCS8_HEAD) + KEY_BYTES or not data.startswith(PKCS8_HEAD):
        raise Malformed("what is inside is not the PKCS#8 of an Ed25519 key", check_id="KEYFILE-PKCS8")
    return SecretKey(data[len(PKCS8_HEAD) :])
