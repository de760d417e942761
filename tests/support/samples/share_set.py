"""Samples of the record of a set of shares, and what is wrong with others."""

from __future__ import annotations

import hashlib

from asl_authority.values.keyfile import KeyKind
from asl_authority.values.share_set import make_share_set
from asl_authority.values.slip39 import Share, split
from support.domains import Cases, secret
from support.published import Vectors, changed

READ = "share_set.read_share_set"
SECRET = bytes(range(16))
KEY_FILE = b"an age file"
SALT = bytes(range(32))


def shares(threshold: int = 2, count: int = 3) -> tuple[Share, ...]:
    """A set whose shares everybody knows."""
    return split(SECRET, threshold, count, lambda size: hashlib.shake_256(b"a known set").digest(size))


RECORD = make_share_set(shares(), secret("log").public.key_id, KeyKind.LOG, hashlib.sha256(KEY_FILE).hexdigest(), SALT)


def vectors() -> Vectors:
    """The published ones."""
    made = Cases("ENC-ASL-AUTH-HOST/1, shares of a key at rest")
    body = RECORD.to_bytes()
    made.add("two of three", READ, body, shares=[" ".join(share.words) for share in shares()], secret=SECRET.hex())
    made.refuse("SHARE-SET-SCHEMA", "no salt", READ, changed(body, salt=None))
    made.refuse("SHARE-SET-SCHEMA", "a short salt", READ, changed(body, salt="00"))
    made.refuse("SHARE-SET-SCHEMA", "a share for a digest", READ, changed(body, digests__1="isolate corner"))
    made.refuse("SHARE-SET-SCHEMA", "a kind that no key has", READ, changed(body, key_kind="master"))
    made.refuse("SHARE-SET-SCHEMA", "more than sixteen", READ, changed(body, digests=["00" * 32] * 17))
    made.refuse("SHARE-SET-SCHEMA", "a threshold as text", READ, changed(body, threshold="2"))
    made.refuse("SHARE-SET-SCHEMA", "when it was made", READ, changed(body, made="2026-01-01"))
    made.refuse("SHARE-SET-THRESHOLD", "one share is enough", READ, changed(body, threshold=1))
    made.refuse("SHARE-SET-THRESHOLD", "more than there are", READ, changed(body, threshold=4))
    made.refuse("SHARE-SET-THRESHOLD", "no shares", READ, changed(body, digests=[]))
    return made.vectors()
