"""Canonical JSON: one value, one text (RFC 8785 over the values that the papers use), and its strict reader.

Values are strings, booleans, integers within 53 bits, arrays and objects: no floats and no nulls, so that no two
programs can read them differently. What is read must be what would be written, byte for byte.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from asl_authority.errors import Malformed
from asl_authority.values.frozen import frozen
from asl_authority.values.rules import Rule

PAPER = "RFC 8785"

RULES = (
    Rule("JSON-SIZE", PAPER, "C", "A document has no more bytes than its kind allows; it is not parsed before."),
    Rule("JSON-DEPTH", PAPER, "C", "Objects and arrays lie no deeper in one another than allowed."),
    Rule("JSON-COUNT", PAPER, "C", "There are no more objects, arrays and members than allowed."),
    Rule("JSON-TEXT", PAPER, "S", "It is one JSON text in UTF-8, without a repeated name or a lone surrogate."),
    Rule("JSON-VALUES", PAPER, "C", "Objects, arrays, strings, booleans and integers of 53 bits: no float, no null."),
    Rule("JSON-OBJECT", PAPER, "C", "The outermost value is an object."),
    Rule("JSON-CANONICAL", PAPER, "S", "The bytes are the canonical ones of the value that they say."),
)  # fmt: skip

MOST = 2**53 - 1  # what every JSON reader keeps exactly

_LONG_NUMBER = re.compile(r"[0-9]{16}", re.ASCII)
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)


@frozen
class Limits:
    """What is looked at before anything is parsed: bytes, nesting, and objects, arrays and members in all."""

    size: int = 1 << 20
    depth: int = 16
    count: int = 50_000


DEFAULT = Limits()


def canonical_bytes(value: Mapping[str, Any]) -> bytes:
    """The one text of an object. Raises ValueError for what the papers' JSON can't say: a fault of ours."""
    _check_values(value)
    return _written(value)


def _written(value: Mapping[str, Any]) -> bytes:
    text = _ENCODER.encode(value)
    if text.isascii():
        return text.encode()
    # Python sorts names by code point, RFC 8785 by UTF-16 unit: they differ beyond the basic plane only.
    return json.dumps(_sorted(value), ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def _sorted(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _sorted(value[name]) for name in sorted(value, key=lambda name: name.encode("utf-16-be"))}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_sorted(item) for item in value]
    return value


def read_canonical(data: bytes, limits: Limits = DEFAULT) -> dict[str, Any]:
    """The object that `data` says. Raises Malformed with the check that refused it."""
    check_limits(data, limits)
    try:
        text = data.decode("utf-8")
        value = _DECODER.decode(text)
        if type(value) is not dict:
            raise Malformed("the outermost value is no object", check_id="JSON-OBJECT")
        if "null" in text or _LONG_NUMBER.search(text):  # quick looks: either may stand in a string
            _check_read(value)
        same = _written(value) == data
    except UnicodeDecodeError as error:
        raise Malformed(f"not UTF-8 at byte {error.start}", check_id="JSON-TEXT") from None
    except UnicodeEncodeError:
        raise Malformed("a string has half of a surrogate pair", check_id="JSON-TEXT") from None
    except json.JSONDecodeError as error:
        raise Malformed(f"not JSON: {error.msg} at character {error.pos}", check_id="JSON-TEXT") from None
    except RecursionError:
        raise Malformed("nested too deeply", check_id="JSON-DEPTH") from None
    except ValueError:  # an integer of thousands of digits
        raise Malformed("an integer of more than 53 bits", check_id="JSON-VALUES") from None
    if not same:
        json.loads(text, object_pairs_hook=_without_repeats)  # a repeated name is why, if there is one
        at = _first_difference(_written(value), data)
        raise Malformed(f"not in canonical form at byte {at}", check_id="JSON-CANONICAL")
    return value


def check_limits(data: bytes, limits: Limits) -> None:
    """Raise Malformed when `data` is larger, deeper or fuller than allowed; nothing is parsed for it."""
    if len(data) > limits.size:
        raise Malformed(f"{len(data)} bytes, at most {limits.size} are read", check_id="JSON-SIZE")
    opened, commas = data.count(b"{") + data.count(b"["), data.count(b",")
    if opened <= limits.depth and opened + commas <= limits.count:
        return  # no string can hide more than there is
    bare = _STRING.sub(b"", data)
    if bare.count(b"{") + bare.count(b"[") + bare.count(b",") > limits.count:
        raise Malformed(f"more than {limits.count} objects, arrays and members", check_id="JSON-COUNT")
    depth = 0
    for byte in bare:
        depth += (byte in b"{[") - (byte in b"}]")
        if depth > limits.depth:
            raise Malformed(f"nested more than {limits.depth} deep", check_id="JSON-DEPTH")


def _check_values(value: object) -> None:
    """A fault of ours is found here, before it is signed."""
    if isinstance(value, Mapping):
        for name, item in value.items():
            if type(name) is not str:
                raise ValueError(f"a name is a {type(name).__name__}, not a string")
            _check_values(item)
    elif isinstance(value, list | tuple):
        for item in value:
            _check_values(item)
    elif type(value) is int:
        if abs(value) > MOST:
            raise ValueError(f"{value} has more than 53 bits")
    elif not isinstance(value, str | bool):
        raise ValueError(f"a {type(value).__name__} has no place in a paper")


def _check_read(value: object) -> None:
    if value is None:
        raise Malformed("null is not used here", check_id="JSON-VALUES")
    if type(value) is int and abs(value) > MOST:
        raise Malformed(f"{value:.3e}: an integer of more than 53 bits", check_id="JSON-VALUES")
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        _check_read(item)


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise Malformed("a name is given twice", check_id="JSON-TEXT")
    return value


def _refuse(text: str) -> NoReturn:
    raise Malformed(f"{text[:40]} is not a whole number", check_id="JSON-VALUES")


def _first_difference(one: bytes, other: bytes) -> int:
    return next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


# Made once: making them takes longer than a short document.
_DECODER = json.JSONDecoder(parse_float=_refuse, parse_constant=_refuse)
_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":"))
