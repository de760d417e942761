"""JSON objects from bytes, with everything refused that two readers could understand differently."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NoReturn, TypeVar

from asl_authority.errors import Malformed

_T = TypeVar("_T")


def read_object(data: bytes) -> dict[str, Any]:
    """The JSON object in `data`: UTF-8, no repeated key, no float, no null. Raises Malformed."""
    try:
        value = json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_without_repeats,
            parse_float=_refuse_number,
            parse_constant=_refuse_number,
        )
    except UnicodeDecodeError as error:
        raise Malformed(f"not UTF-8 at byte {error.start}") from None
    except json.JSONDecodeError as error:
        raise Malformed(f"not JSON: {error.msg} at line {error.lineno}, column {error.colno}") from None
    except (RecursionError, ValueError):  # ValueError: an integer of thousands of digits
        raise Malformed("not JSON of a reasonable depth and size") from None
    if not isinstance(value, dict):
        raise Malformed("not a JSON object")
    return value


def expect_keys(value: Mapping[str, object], keys: frozenset[str], what: str) -> None:
    """Demand exactly `keys`. Raises Malformed naming each that is missing or unknown."""
    problems = [f"unknown key {key!a}" for key in sorted(value.keys() - keys)]
    problems += [f"missing key {key!a}" for key in sorted(keys - value.keys())]
    if problems:
        raise Malformed(f"{what}: {', '.join(problems)}")


def expect(value: object, kind: type[_T], what: str) -> _T:
    """Demand a value of exactly `kind` (so that true is not an integer). Raises Malformed."""
    if type(value) is not kind:
        raise Malformed(f"{what}: expected {_NAMES.get(kind, kind.__name__)}")
    return value


_NAMES: Mapping[type, str] = {
    str: "a string",
    int: "an integer",
    bool: "true or false",
    list: "a list",
    dict: "an object",
}


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise Malformed("a key is given twice")
    if any(member is None for member in value.values()):
        raise Malformed("null is not used here")
    return value


def _refuse_number(text: str) -> NoReturn:
    raise Malformed(f"{text[:40]} is not a whole number")
