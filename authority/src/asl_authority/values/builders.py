"""The builders whose word on an image counts: their keys, and how many of them it takes; sealed into the image."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from asl_authority.contract import BUILDERS_FORMAT
from asl_authority.errors import Malformed
from asl_authority.values.canonical import Limits, canonical_bytes, read_canonical
from asl_authority.values.ed25519 import PublicKey
from asl_authority.values.fields import Fields
from asl_authority.values.rules import Rule

PAPER = "ENC-ASL-AUTH-HOST/1"

RULES = (
    Rule("BUILDERS-SCHEMA", PAPER, "C", "The sealed list has a threshold and builders, each with a name and its keys."),
    Rule("BUILDERS-UNIQUE", PAPER, "C", "Builders are sorted by name, each once; so are a builder's keys."),
    Rule("BUILDERS-KEYS", PAPER, "C", "No two builders share a key: a builder counts once."),
    Rule("BUILDERS-THRESHOLD", PAPER, "C", "The threshold is at least 1 and no more than there are builders."),
)  # fmt: skip

LIMITS = Limits(size=64 << 10, depth=5, count=1000)
NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}", re.ASCII)
MOST_BUILDERS = 32
MOST_KEYS = 8


@dataclass(frozen=True)
class Builder:
    """One who builds, on a machine of their own; counts once, however many keys they sign with."""

    name: str
    keys: tuple[PublicKey, ...]


@dataclass(frozen=True)
class Builders:
    """All of them, and how many must have signed."""

    threshold: int
    builders: tuple[Builder, ...]

    def __post_init__(self) -> None:
        """Raises Malformed for a list whose threshold means nothing."""
        names = [each.name for each in self.builders]
        keys = [key for each in self.builders for key in each.keys]
        sorted_keys = [[key.text for key in each.keys] for each in self.builders]
        if names != sorted(set(names)) or any(texts != sorted(set(texts)) for texts in sorted_keys):
            raise Malformed("builders or keys are not sorted, or one is there twice", check_id="BUILDERS-UNIQUE")
        if len({key.raw for key in keys}) != len(keys):
            raise Malformed("two builders share a key", check_id="BUILDERS-KEYS")
        if not 1 <= self.threshold <= len(names):
            words = f"a threshold of {self.threshold} with {len(names)} builders"
            raise Malformed(words, check_id="BUILDERS-THRESHOLD")

    @property
    def keys(self) -> Mapping[str, PublicKey]:
        """Every key under its id."""
        return {key.key_id: key for each in self.builders for key in each.keys}

    def owners(self) -> Mapping[str, str]:
        """Key id → the name of the builder whose key it is."""
        return {key.key_id: each.name for each in self.builders for key in each.keys}

    def to_bytes(self) -> bytes:
        """The one text of the list."""
        listed = [{"keys": [key.text for key in each.keys], "name": each.name} for each in self.builders]
        return canonical_bytes({"builders": listed, "threshold": self.threshold, "type": BUILDERS_FORMAT})


def read_builders(data: bytes) -> Builders:
    """The list in `data`. Raises Malformed."""
    whole = Fields(read_canonical(data, LIMITS), ("builders", "threshold", "type"), "builders", "BUILDERS-SCHEMA")
    if whole.value["type"] != BUILDERS_FORMAT:
        raise whole.wrong("type", f"{whole.value['type']!a:.60} is not {BUILDERS_FORMAT}")
    found = tuple(
        Builder(each.text("name", NAME), _keys(each))
        for each in whole.objects("builders", ("keys", "name"), MOST_BUILDERS)
    )
    return Builders(whole.integer("threshold", 0), found)


def _keys(each: Fields) -> tuple[PublicKey, ...]:
    keys = each.public_keys("keys", MOST_KEYS)
    if not keys:
        raise each.wrong("keys", "there is none")
    return keys
