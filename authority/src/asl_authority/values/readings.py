"""What the root helper has read of layers and medium, as it tells those who may not read them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from asl_authority.values.canonical import Limits
from asl_authority.values.fields import Fields
from asl_authority.values.kinds import Kind
from asl_authority.values.rules import Rule

PAPER = "ENC-ASL-AUTH-HOST/1"

RULES = (
    Rule("READINGS-SCHEMA", PAPER, "C", "What was read says root hashes by layer, and the medium's digests or none."),
)  # fmt: skip

KIND = Kind("readings", limits=Limits(size=16 << 10, depth=4, count=200))
MEDIUM = ("image", "initrd", "kernel", "medium")


@dataclass(frozen=True)
class Readings:
    """`roots`: layer → root hash, recomputed. The rest is the medium's, SHA-256: its list of files (which is the
    image's identity), the whole of it, kernel and initramfs; all None when it could not be read."""

    roots: Mapping[str, str] = field(default_factory=dict)
    image: str | None = None
    medium: str | None = None
    kernel: str | None = None
    initrd: str | None = None

    def to_bytes(self) -> bytes:
        """The one text of it."""
        of_medium = {name: getattr(self, name) for name in MEDIUM if getattr(self, name) is not None}
        return KIND.body({"roots": dict(self.roots), **of_medium})


def read_readings(data: bytes) -> Readings:
    """What was read. Raises Malformed."""
    whole = KIND.read(data, ("roots", *(f"{name}?" for name in MEDIUM)))
    names = tuple(whole.mapping("roots", 16))
    roots: Fields = whole.within("roots", names)
    found = {name: whole.sha256(name) for name in MEDIUM if whole.has(name)}
    if found and len(found) != len(MEDIUM):
        raise whole.wrong("", f"expected all of {', '.join(MEDIUM)}, or none")
    return Readings({name: roots.sha256(name) for name in names}, **found)
