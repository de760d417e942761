"""Public keys as files: the PEM that openssl writes and reads, in its one form, or the DER within it."""

from __future__ import annotations

import base64

from asl_authority.errors import Malformed
from asl_authority.values.ed25519 import PublicKey, read_spki
from asl_authority.values.rules import Rule

PAPER = "RFC 8410"

RULES = (
    Rule(
        "PUBLIC-KEY-FILE", PAPER, "C", "A file with a public key is its SubjectPublicKeyInfo, in PEM's one form or DER."
    ),
)

MOST_BYTES = 4096
_BEGIN, _END = b"-----BEGIN PUBLIC KEY-----\n", b"\n-----END PUBLIC KEY-----\n"


def public_key_file(key: PublicKey) -> bytes:
    """The PEM, as `openssl pkey -pubin` reads it."""
    return _BEGIN + base64.b64encode(key.spki) + _END


def read_public_key_file(data: bytes) -> PublicKey:
    """The key in a file. Raises Malformed."""
    try:
        pem = data.startswith(_BEGIN[:5])
        der = base64.b64decode(data.removeprefix(_BEGIN).removesuffix(_END), validate=True) if pem else data
        found = read_spki(der)
    except ValueError:
        raise _not_one() from None
    except Malformed as error:
        if error.check_id != "KEY-LENGTH":
            raise  # there is a key, and its own id says what is wrong with it
        raise _not_one() from None
    if pem and public_key_file(found) != data:
        raise _not_one()
    return found


def _not_one() -> Malformed:
    return Malformed(
        "not the file of an Ed25519 public key",
        check_id="PUBLIC-KEY-FILE",
        hint="make one with: openssl pkey -in PRIVATE -pubout",
    )
