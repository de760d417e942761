"""JSON as every paper of ours is written: one text for one value, whoever writes it and when."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import NoReturn


def rendered(value: object) -> str:
    """Sorted keys, one blank of indentation, ASCII, one newline at the end."""
    return json.dumps(value, indent=1, sort_keys=True, allow_nan=False) + "\n"


def digest(value: object) -> str:
    """SHA-256 (hex) of a value's text."""
    return hashlib.sha256(rendered(value).encode()).hexdigest()


def derived_uuid(sha256: str) -> str:
    """A UUID of version 8 (RFC 9562: made from a hash of the maker's choice) from a SHA-256 in hex."""
    bits = int(sha256[:32], 16)
    bits = bits & ~(0xF << 76) | 0x8 << 76  # the version
    bits = bits & ~(0x3 << 62) | 0x2 << 62  # the variant
    text = f"{bits:032x}"
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


def strict_value(text: str) -> object:
    """What a text of JSON says. Raises ValueError, also for a key given twice and for NaN."""

    def pairs(items: Iterable[tuple[str, object]]) -> dict[str, object]:
        whole: dict[str, object] = {}
        for key, value in items:
            if key in whole:
                raise ValueError(f"the key '{key}' is there twice")
            whole[key] = value
        return whole

    def constant(name: str) -> NoReturn:
        raise ValueError(f"{name} is no JSON")

    return json.loads(text, object_pairs_hook=pairs, parse_constant=constant)
