"""A prepared genesis: the index of a directory in which all of a new domain waits for the roots' signatures."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from asl_authority.errors import Malformed
from asl_authority.values.canonical import Limits
from asl_authority.values.ed25519 import PublicKey
from asl_authority.values.fields import SHA256
from asl_authority.values.finding import Finding
from asl_authority.values.identifiers import DOMAIN_ID
from asl_authority.values.kinds import Kind
from asl_authority.values.rootset import RootSet
from asl_authority.values.rules import Rule

PAPER = "ENC-ASL-AUTH-HOST/1"

RULES = (
    Rule(
        "PREPARED-GENESIS-SCHEMA",
        PAPER,
        "C",
        "The index of a prepared genesis says what shall be founded, with which keys, and each file by its SHA-256.",
    ),
    Rule("PREPARED-FILES", PAPER, "C", "Every file that the index names is there, with the bytes that it names."),
    Rule(
        "PREPARED-FOLLOWS",
        PAPER,
        "C",
        "Certificates, DAM and payloads are those that follow from requests, policy and roots: they are made again.",
    ),
    Rule(
        "PREPARED-ROOTS",
        PAPER,
        "C",
        "A domain is founded under the roots that it was prepared for: when they were rotated, it is prepared again.",
    ),
)

LIMITS = Limits(size=1 << 16, depth=4, count=256)
KIND = Kind("prepared-genesis", limits=LIMITS)
MOST_FILES = 64
_LABEL = re.compile(r".{1,128}", re.DOTALL)
_KEY = re.compile(r"[a-z][a-z-]{0,31}", re.ASCII)
_FILE = re.compile(r"[a-z][a-z0-9-]{0,40}(?:\.[a-z0-9]{1,12}){1,3}", re.ASCII)
_NAMES = ("label", "domain_id", "common?", "issuer", "keys", "digest", "files", "rehearsal", "weak_passphrase")


@dataclass(frozen=True)
class PreparedIndex:
    """What a directory holds. `issuer` is the root that must sign, whoever else does; `keys` are their names, sorted.

    `digest` is the SHA-256 of what is confirmed by words; `files` has the SHA-256 of each file, by its name.
    """

    label: str
    domain_id: str
    issuer: PublicKey
    keys: tuple[str, ...]
    digest: str
    files: Mapping[str, str] = field(default_factory=dict)
    common: str = ""
    rehearsal: bool = False
    weak_passphrase: bool = False

    def to_bytes(self) -> bytes:
        """Its canonical bytes."""
        members = {
            "label": self.label,
            "domain_id": self.domain_id,
            "issuer": self.issuer.text,
            "keys": list(self.keys),
            "digest": self.digest,
            "files": dict(self.files),
            "rehearsal": self.rehearsal,
            "weak_passphrase": self.weak_passphrase,
        }
        return KIND.body(members | ({"common": self.common} if self.common else {}))


def read_prepared_index(data: bytes) -> PreparedIndex:
    """The index in `data`. Raises Malformed; no file is looked at."""
    fields = KIND.read(data, _NAMES)
    files = fields.mapping("files", MOST_FILES)
    for name, digest in files.items():
        if not _FILE.fullmatch(name) or type(digest) is not str or not SHA256.fullmatch(digest):
            raise fields.wrong("files", f"{name[:60]!a}: expected the name of a file and its SHA-256")
    return PreparedIndex(
        label=fields.text("label", _LABEL),
        domain_id=fields.text("domain_id", DOMAIN_ID),
        issuer=fields.public_key("issuer"),
        keys=fields.texts("keys", _KEY, 16),
        digest=fields.sha256("digest"),
        files=files,
        common=fields.text("common", DOMAIN_ID) if fields.has("common") else "",
        rehearsal=fields.flag("rehearsal"),
        weak_passphrase=fields.flag("weak_passphrase"),
    )


def expect_files(index: PreparedIndex, found: Mapping[str, str | None]) -> None:
    """PREPARED-FILES: `found` has the SHA-256 of what lies under each name, None for nothing. Raises Malformed."""
    missing = sorted(name for name in index.files if found.get(name) is None)
    if missing:
        raise Malformed(f"{missing[0]} is not there", check_id="PREPARED-FILES")
    other = sorted(name for name, digest in index.files.items() if found[name] != digest)
    if other:
        raise Malformed(f"{other[0]} has other bytes than were prepared", check_id="PREPARED-FILES")


def expect_follows(made: Mapping[str, bytes], found: Mapping[str, bytes]) -> None:
    """PREPARED-FOLLOWS: what is made again is what lies there, and nothing is missing. Raises Malformed."""
    for name, data in sorted(made.items()):
        if found.get(name) != data:
            raise Malformed(f"{name} is not what follows from the rest", check_id="PREPARED-FOLLOWS")


def check_roots(prepared: RootSet, held: RootSet) -> Finding:
    """PREPARED-ROOTS: nobody has rotated the roots since."""
    words = f"prepared for root set {prepared.version} ({prepared.digest}), held is {held.version} ({held.digest})"
    return Finding("PREPARED-ROOTS", prepared == held, words)
