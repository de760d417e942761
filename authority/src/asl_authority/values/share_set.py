"""Which share is which: the public record of a set of shares, by which each one that is typed is judged at once.

It has no secret, and none can be guessed by it: a share holds 128 random bits, and whoever has all but one of the
shares that are needed must still try 2^128 for the last. (A record of a passphrase would let anybody guess without
paying for scrypt.) The salt makes the records of two sets, even of the same shares, differ.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass

from asl_authority.errors import Malformed
from asl_authority.values.canonical import Limits
from asl_authority.values.fields import Fields
from asl_authority.values.finding import Finding
from asl_authority.values.keyfile import KeyKind
from asl_authority.values.kinds import Kind
from asl_authority.values.rules import Rule
from asl_authority.values.slip39 import LEAST_THRESHOLD, MOST_SHARES, Share

PAPER = "ENC-ASL-AUTH-HOST/1"

RULES = (
    Rule("SHARE-SET-SCHEMA", PAPER, "C", "The record of a set names key, key file and threshold; a digest a share."),
    Rule("SHARE-SET-THRESHOLD", PAPER, "C", "Two shares or more are needed, and no more than there are, at most 16."),
    Rule("SHARE-SET-FILE", PAPER, "C", "The key file is the one that the set was made for, byte for byte."),
    Rule("SHARE-DIGEST", PAPER, "C", "A share is the one that was given out under its number."),
)  # fmt: skip

KIND = Kind("share-set", limits=Limits(size=1 << 12, depth=3, count=64))
SALT_BYTES = 32


@dataclass(frozen=True)
class ShareSet:
    """A set: `key_file` is the SHA-256 of the file that it opens, `digests` are the shares' in order."""

    key_id: str
    key_kind: KeyKind
    key_file: str
    threshold: int
    salt: bytes
    digests: tuple[str, ...]

    def __post_init__(self) -> None:
        """Raises Malformed for a threshold that no set has."""
        if not LEAST_THRESHOLD <= self.threshold <= len(self.digests) <= MOST_SHARES:
            words = f"a threshold of {self.threshold} with {len(self.digests)} shares"
            raise Malformed(words, check_id="SHARE-SET-THRESHOLD")

    @property
    def sha256(self) -> str:
        """What another record names it by."""
        return hashlib.sha256(self.to_bytes()).hexdigest()

    def to_bytes(self) -> bytes:
        """Its canonical bytes."""
        return KIND.body(
            {
                "key_id": self.key_id,
                "key_kind": str(self.key_kind),
                "key_file": self.key_file,
                "threshold": self.threshold,
                "salt": self.salt.hex(),
                "digests": list(self.digests),
            }
        )


def read_share_set(data: bytes) -> ShareSet:
    """The record in `data`. Raises Malformed."""
    fields = KIND.read(data, ("key_id", "key_kind", "key_file", "threshold", "salt", "digests"))
    every = fields.items("digests", MOST_SHARES)
    names = tuple(str(n) for n in range(len(every)))
    digests = Fields(dict(zip(names, every, strict=True)), names, f"{fields.what}.digests", fields.check_id)
    return ShareSet(
        fields.sha256("key_id"),
        fields.choice("key_kind", KeyKind),
        fields.sha256("key_file"),
        fields.integer("threshold", 0, MOST_SHARES),
        bytes.fromhex(fields.sha256("salt")),
        tuple(digests.sha256(name) for name in names),
    )


def make_share_set(shares: Sequence[Share], key_id: str, kind: KeyKind, key_file: str, salt: bytes) -> ShareSet:
    """The record of these shares, which are all of the set and in order; `salt` is SALT_BYTES fresh bytes."""
    if not shares or len(salt) != SALT_BYTES or [share.number for share in shares] != list(range(1, len(shares) + 1)):
        raise ValueError("32 bytes of salt and every share of the set are expected")
    return ShareSet(key_id, kind, key_file, shares[0].threshold, salt, tuple(_digest(salt, each) for each in shares))


def check_share(record: ShareSet, share: Share) -> Finding:
    """SHARE-DIGEST: it is the one that was given out under its number."""
    kept = dict(enumerate(record.digests, 1)).get(share.number, "")
    ok = hmac.compare_digest(kept, _digest(record.salt, share))
    return Finding("SHARE-DIGEST", ok, f"share {share.number} is {'' if ok else 'not '}of this key file's set")


def check_key_file(record: ShareSet, data: bytes) -> Finding:
    """SHARE-SET-FILE: it is the file that the set was made for."""
    found = hashlib.sha256(data).hexdigest()
    ok = found == record.key_file
    return Finding("SHARE-SET-FILE", ok, found if ok else f"the shares open {record.key_file}, this is {found}")


def _digest(salt: bytes, share: Share) -> str:
    return hmac.digest(salt, f"asl share {share.number} {' '.join(share.words)}".encode(), "sha256").hex()
