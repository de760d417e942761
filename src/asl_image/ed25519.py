"""Signs and verifies with Ed25519; the home of `cryptography`. Only keys in PKCS #8 are opened."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from asl_image.errors import ConfigError, UnlockFailed
from asl_image.publickey import PublicKey, checked

SIGNATURE_SIZE = 64
PEM = re.compile(rb"-----BEGIN (?P<kind>(?:ENCRYPTED )?PRIVATE KEY)-----\n[A-Za-z0-9+/=\n]+-----END (?P=kind)-----\n?")
MAKE_ONE = "openssl genpkey -algorithm ed25519 -aes256 -out KEY makes one"


@dataclass(frozen=True)
class PrivateKey:
    """A key that can sign; it never shows itself."""

    public: PublicKey
    _key: Ed25519PrivateKey = field(repr=False)

    def sign(self, data: bytes) -> bytes:
        """The signature, which is read back and verified before anybody sees it."""
        signature = self._key.sign(data)
        if not verifies(self.public, signature, data):
            raise AssertionError("a signature of our own does not verify")
        return signature


def is_pem(data: bytes) -> bool:
    """Whether a file is for `load_private_key` to open or to refuse."""
    return not data.startswith((b"-----BEGIN OPENSSH PRIVATE KEY-----", b"ssh-", b"sk-"))


def load_private_key(data: bytes, name: str, ask: Callable[[str], bytes]) -> PrivateKey:
    """The key in a PEM; `ask` is asked for its passphrase, with a question, when it is encrypted.

    Raises ConfigError when it is none of ours, UnlockFailed for a wrong passphrase.
    """
    found = PEM.fullmatch(data)
    if found is None:
        held = re.match(rb"-----BEGIN ([A-Z0-9 ]{1,40})-----", data)
        said = f"holds '{held[1].decode()}'" if held else "is no PEM"
        raise ConfigError(f"{name}: not a private key in PKCS #8: it {said}, or more than that", hint=MAKE_ONE)
    encrypted = found["kind"].startswith(b"ENCRYPTED")
    passphrase = ask(f"passphrase of {name}: ") if encrypted else None
    try:
        key = load_pem_private_key(data, passphrase)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        if encrypted:
            raise UnlockFailed(f"{name}: not opened: the passphrase is wrong, or the file is damaged") from None
        raise ConfigError(f"{name}: not a private key that can be read", hint=MAKE_ONE) from None
    if not isinstance(key, Ed25519PrivateKey):
        raise ConfigError(f"{name}: not an Ed25519 key", hint=MAKE_ONE)
    return PrivateKey(checked(key.public_key().public_bytes_raw()), key)


def verifies(key: PublicKey, signature: bytes, data: bytes) -> bool:
    """Whether `signature` is the key's over `data`."""
    try:
        Ed25519PublicKey.from_public_bytes(key.raw).verify(signature, data)
    except InvalidSignature:
        return False
    return True
