"""Changes JSON inside, so that what comes out is still canonical and gets past the first check of a reader."""

from __future__ import annotations

import json
import random
from typing import Any

from asl_authority.values.canonical import canonical_bytes

ODD: tuple[Any, ...] = (
    *("", "a", "0" * 64, "f" * 63, "AA==", "..", "a/b", "\u0000", "\U0001f600", "x" * 300),
    *(0, 1, -1, 2**32, 2**53 - 1, True, False, [], {}, ["a", "a"], {"a": {}}, [[]], None, 1.5),
)


def change_json(data: bytes, seed: int) -> bytes | None:
    """The document with one to three changes; None when it is no JSON object, or is no more."""
    pick = random.Random(seed)  # noqa: S311  # libFuzzer's seed: the same run again
    try:
        value = json.loads(data)
        if type(value) is not dict:
            return None
        for _ in range(pick.randint(1, 3)):
            _change(value, pick)
        if data.startswith(b"{\n\t"):  # as sops writes it
            return (json.dumps(value, indent="\t", ensure_ascii=False) + "\n").encode()
        return canonical_bytes(value)
    except (ValueError, RecursionError):
        return None


def _change(value: Any, pick: random.Random) -> None:
    """Change one place somewhere below."""
    while True:
        keys: list[Any] = list(value) if isinstance(value, dict) else list(range(len(value)))
        if not keys:
            break
        key = pick.choice(keys)
        if isinstance(value[key], dict | list) and pick.random() < 0.7:
            value = value[key]
            continue
        way = pick.randrange(6)
        if way == 0:
            del value[key]
        elif way == 1 and isinstance(value, list):
            value.insert(key, value[pick.choice(keys)])
        elif way == 2 and isinstance(value[key], str):
            value[key] = _changed_text(value[key], pick)
        elif way == 3:
            value[key] = value[pick.choice(keys)]
        elif way == 4 and isinstance(value, dict):
            value[_changed_text(key, pick)] = value.pop(key)
        else:
            value[key] = pick.choice(ODD)
        return
    if isinstance(value, list):
        value.append(pick.choice(ODD))
    else:
        value["a"] = pick.choice(ODD)


def _changed_text(text: str, pick: random.Random) -> str:
    at = pick.randint(0, len(text))
    return text[:at] + pick.choice(("", "0", "/", "\n", "é", "\ud7ff", "A")) + text[at + pick.randint(0, 2) :]
