"""Public Ed25519 keys: read from what openssl and ssh-keygen write, and known by one key id in every form."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass

# A SubjectPublicKeyInfo of Ed25519 (RFC 8410) is these bytes and the key's 32.
SPKI = bytes.fromhex("302a300506032b6570032100")
SIZE = 32

SSH = "ssh-ed25519"
SSH_HARDWARE = "sk-ssh-ed25519@openssh.com"

PEM = re.compile(r"-----BEGIN PUBLIC KEY-----\n([A-Za-z0-9+/=\n]+)-----END PUBLIC KEY-----\n?")

# Under a point of small order the group has at most eight elements: a signature can be made without any key.
PRIME = 2**255 - 19
SMALL_ORDER = frozenset(
    {
        0,
        1,
        PRIME - 1,
        int.from_bytes(bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"), "little"),
        int.from_bytes(bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"), "little"),
    }
)


@dataclass(frozen=True)
class PublicKey:
    """A key by its 32 bytes. `application` is that of a security key, which can sign in OpenSSH's form only."""

    raw: bytes
    application: str | None = None

    @property
    def spki(self) -> bytes:
        """SubjectPublicKeyInfo, DER."""
        return SPKI + self.raw

    @property
    def key_id(self) -> str:
        """SHA-256 (hex) of the SubjectPublicKeyInfo."""
        return hashlib.sha256(self.spki).hexdigest()

    @property
    def kind(self) -> str:
        """What OpenSSH calls this kind of key."""
        return SSH if self.application is None else SSH_HARDWARE

    @property
    def ssh_line(self) -> str:
        """The key as OpenSSH writes it, without a comment."""
        parts = [self.kind.encode(), self.raw]
        if self.application is not None:
            parts.append(self.application.encode())
        return f"{self.kind} {base64.b64encode(packed(parts)).decode()}"


def checked(raw: bytes, application: str | None = None) -> PublicKey:
    """The key of these bytes. Raises ValueError for what no honest signer has."""
    if len(raw) != SIZE:
        raise ValueError(f"an Ed25519 key has {SIZE} bytes, not {len(raw)}")
    y = int.from_bytes(raw, "little") & ~(1 << 255)
    if y >= PRIME or y in SMALL_ORDER:
        raise ValueError("no honest Ed25519 key: anybody can sign under it")
    return PublicKey(raw, application)


def from_spki(text: str) -> PublicKey:
    """The key in a PEM, as `openssl pkey -pubout` writes it, or in the base64 inside of one. Raises ValueError."""
    found = PEM.fullmatch(text if text.endswith("\n") else f"{text}\n")
    inner = "".join(found[1].split("\n")) if found else text.strip()
    der = exact_base64(inner)
    if len(der) != len(SPKI) + SIZE or not der.startswith(SPKI):
        raise ValueError("not the SubjectPublicKeyInfo of an Ed25519 key")
    return checked(der[len(SPKI) :])


def from_ssh_line(line: str) -> PublicKey:
    """The key in a line of OpenSSH's `.pub` files. Raises ValueError."""
    words = line.strip().split(None, 2)
    if len(words) < 2 or "\n" in line.strip():
        raise ValueError("not one line of OpenSSH: kind, base64, comment")
    key = from_ssh_blob(exact_base64(words[1]))
    if words[0] != key.kind:
        raise ValueError(f"says {words[0]} and holds {key.kind}")
    return key


def from_ssh_blob(blob: bytes) -> PublicKey:
    """The key in OpenSSH's own bytes. Raises ValueError."""
    kind, *parts = unpacked(blob)
    name = kind.decode("ascii", "replace")
    if name == SSH and len(parts) == 1:
        return checked(parts[0])
    if name == SSH_HARDWARE and len(parts) == 2:
        return checked(parts[0], parts[1].decode("ascii"))
    raise ValueError(f"a key of kind {name!r:.40}: only Ed25519 is used here")


def exact_base64(text: str) -> bytes:
    """What a base64 text says; there is one text for it. Raises ValueError."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("not base64") from None
    if base64.b64encode(data).decode() != text:
        raise ValueError("not the one base64 text of its bytes")
    return data


def packed(parts: list[bytes]) -> bytes:
    """Byte strings as SSH puts them one after the other (RFC 4251)."""
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)


def unpacked(data: bytes) -> list[bytes]:
    """The byte strings in `data`, at least one. Raises ValueError when they don't fill it."""
    parts: list[bytes] = []
    while data or not parts:
        size = int.from_bytes(data[:4], "big")
        if len(data) < 4 + size:
            raise ValueError("cut off")
        parts.append(data[4 : 4 + size])
        data = data[4 + size :]
    return parts
