"""The small piece of YAML that lock files are written in: top-level keys, lists, and one-line mappings.

A lock has hundreds of lines and is read at the start of every build, which a reader of all YAML makes slow (half a
second). This one reads exactly what `write` writes, and any YAML reader understands that too.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from asl_image.yamlfile import surprise

PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9+./_~%-]*")
KEY = re.compile(r"([a-z_0-9]+):(?: |$)")
STRING = re.compile(r'"(?:[^"\\\x00-\x1f]|\\["\\/bfnrt]|\\u[0-9a-f]{4})*"')
NUMBER = re.compile(r"(?:0|[1-9][0-9]{0,17})(?![A-Za-z0-9+./_~%-])")
COMMENT = re.compile(r"  # .*$")
# Versions and hashes look like numbers to YAML now and then: always quoted, so that lines look alike.
ALWAYS_QUOTED = frozenset({"version", "sha256", "date"})

Value = str | int | list["Value"] | dict[str, "Value"]
Path = tuple[str | int, ...]


class TextError(ValueError):
    """Something in the text that `write` never writes; `line` and `column` count from 1."""

    def __init__(self, line: int, column: int, why: str) -> None:
        super().__init__(why)
        self.line = line
        self.column = column


# --- writing -------------------------------------------------------------------------------------


def scalar(value: object, key: str = "") -> str:
    """One value: a whole number, a plain word, or a quoted string."""
    if isinstance(value, int):
        return str(value)
    text = str(value)
    if key not in ALWAYS_QUOTED and PLAIN.fullmatch(text) and surprise(text) is None and text not in ("true", "false"):
        return text
    return json.dumps(text)


def flow(value: object, key: str = "") -> str:
    """A value on one line."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{name}: {flow(item, name)}" for name, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(flow(item) for item in value)}]"
    return scalar(value, key)


def block(key: str, items: Iterable[object], indent: str = "") -> list[str]:
    """A list under its key, one item a line; an empty one in a form that still is a list."""
    lines = [f"{indent}- {flow(item)}" for item in items]
    return [f"{indent}{key}:", *lines] if lines else [f"{indent}{key}: []"]


# --- reading -------------------------------------------------------------------------------------


@dataclass
class Read:
    """What a text says, and the line of each key and list item, by path."""

    value: dict[str, Value]
    lines: dict[Path, int]

    def line_of(self, path: Path) -> int:
        """The line of what `path` leads to, or of the nearest thing around it."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)


def read(text: str) -> Read:
    """The text as values. Raises TextError at the first thing that is not ours."""
    found = Read({}, {})
    where: dict[str, Value] = found.value
    path: Path = ()
    items: list[Value] | None = None
    for number, line in enumerate(text.split("\n"), 1):
        if not line or line.startswith("#"):
            continue
        if items is not None and line.startswith(f"{'  ' * (len(path) - 1)}- "):
            found.lines[(*path, len(items))] = number
            items.append(whole(line, line.index("-") + 2, number))
            continue
        indent = len(line) - len(line.lstrip(" "))
        match = KEY.match(line, indent)
        if match is None or indent not in (0, 2) or (indent == 2 and not path):
            raise TextError(number, indent + 1, "a key is expected here")
        if indent == 0:
            where, path = found.value, ()
        elif isinstance(inner := found.value[str(path[0])], list):
            if inner:
                raise TextError(number, 3, "a list item or a key is expected here")
            found.value[str(path[0])] = where = {}
        path = (*path[:1], match[1]) if indent else (match[1],)
        if match[1] in where:
            raise TextError(number, indent + 1, f"{match[1]} is given twice")
        found.lines[path] = number
        items = None
        if match.end() < len(line):
            where[match[1]] = whole(line, match.end(), number)
        else:
            where[match[1]] = items = []
    return found


def whole(line: str, start: int, number: int) -> Value:
    """The value from `start` to the end of the line, or to a comment there."""
    value, end = one(line, start, number)
    if end != len(line) and not COMMENT.fullmatch(line, end):
        raise TextError(number, end + 1, "more than one value")
    return value


def one(line: str, at: int, number: int) -> tuple[Value, int]:
    """The value that starts at `at`, and where it ends."""
    if (match := STRING.match(line, at)) is not None:
        return str(json.loads(match[0])), match.end()
    if (match := NUMBER.match(line, at)) is not None:
        return int(match[0]), match.end()
    if (match := PLAIN.match(line, at)) is not None:
        return match[0], match.end()
    opening = line[at : at + 1]
    if opening == "[":
        return many(line, at, number)
    if opening == "{":
        return pairs(line, at, number)
    raise TextError(number, at + 1, "a value is expected here")


def many(line: str, at: int, number: int) -> tuple[Value, int]:
    """A list in brackets."""
    values: list[Value] = []
    at += 1
    while line[at : at + 1] != "]":
        value, at = one(line, at, number)
        values.append(value)
        at = separator(line, at, "]", number)
    return values, at + 1


def pairs(line: str, at: int, number: int) -> tuple[Value, int]:
    """A mapping in braces."""
    values: dict[str, Value] = {}
    at += 1
    while line[at : at + 1] != "}":
        match = KEY.match(line, at)
        if match is None or match[1] in values:
            raise TextError(number, at + 1, "a new key is expected here")
        values[match[1]], at = one(line, match.end(), number)
        at = separator(line, at, "}", number)
    return values, at + 1


def separator(line: str, at: int, closing: str, number: int) -> int:
    """Past a comma and a blank, or onto the closing bracket."""
    if line.startswith(", ", at) and line[at + 2 : at + 3] != closing:
        return at + 2
    if line[at : at + 1] == closing:
        return at
    raise TextError(number, at + 1, f"', ' or '{closing}' is expected here")
