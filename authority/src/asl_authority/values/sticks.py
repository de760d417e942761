"""Which sticks are plugged in, as the root helper tells the authority, which may not look for itself."""

from __future__ import annotations

import re

from asl_authority.contract import STICKS
from asl_authority.values.canonical import Limits
from asl_authority.values.frozen import frozen
from asl_authority.values.kinds import Kind
from asl_authority.values.rules import Rule

PAPER = "ENC-ASL-AUTH-HOST/1"

RULES = (
    Rule("STICKS-SCHEMA", PAPER, "C", "What is plugged in is said by device, kind, label, place and size, or why not."),
)  # fmt: skip

MOST_STICKS = 64
KIND = Kind("sticks", limits=Limits(size=32 << 10, depth=4, count=10 * MOST_STICKS + 8))
DEVICE = re.compile("[a-z0-9]{1,32}")
MEMBERS = ("device", "kind", "label", "place", "read_only", "size", "why")
# Where a stick can lie: a plain name, just below.
PLACE = re.compile(rf"{re.escape(str(STICKS))}/[A-Za-z0-9][A-Za-z0-9_-]{{0,31}}")
_SAID = re.compile("[ -~]{0,200}")


@frozen
class SeenStick:
    """A stick or disc: the kernel's name of it, its file system and label, where it is open ("" where it is not), its
    size in bytes, and why it can't be opened ("" where it can)."""

    device: str
    kind: str
    label: str
    place: str
    read_only: bool
    size: int
    why: str


@frozen
class SeenSticks:
    """All that are there, in the kernel's order; `why` is what kept the helper from doing what it was asked."""

    sticks: tuple[SeenStick, ...]
    why: str = ""


def read_sticks(data: bytes) -> SeenSticks:
    """What the helper said. Raises Malformed."""
    whole = KIND.read(data, ("sticks", "why"))
    seen = []
    for each in whole.objects("sticks", MEMBERS, MOST_STICKS):
        device, place = each.text("device", DEVICE), each.text("place", _SAID)
        kind, label, why = (each.text(name, _SAID) for name in ("kind", "label", "why"))
        if place and not PLACE.fullmatch(place):
            raise each.wrong("place", f"{place!a} is no place where a stick is opened")
        seen.append(SeenStick(device, kind, label, place, each.flag("read_only"), each.integer("size"), why))
    return SeenSticks(tuple(seen), whole.text("why", _SAID))
