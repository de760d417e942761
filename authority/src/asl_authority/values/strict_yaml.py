"""The part of YAML that has one meaning: strings, booleans, whole numbers, lists and maps. The home of PyYAML.

What YAML 1.1 and 1.2 read differently, or only seem to say (010, 1:30, on, 1.0, a date, ~), must be quoted. There are
no tags, anchors, aliases, merges, directives or second documents, and no key is given twice.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Any

from asl_authority.errors import Malformed
from asl_authority.values.canonical import MOST
from asl_authority.values.rules import Rule

PAPER = "YAML 1.2"

RULES = (
    Rule("YAML-SIZE", PAPER, "C", "A document has no more bytes, depth and nodes than allowed."),
    Rule("YAML-TEXT", PAPER, "S", "It is one YAML document in UTF-8, without directives, and a map."),
    Rule("YAML-ALIAS", PAPER, "C", "No anchors, aliases and merges: every value stands where it counts."),
    Rule("YAML-TAG", PAPER, "C", "No tags: a value is what it looks like."),
    Rule("YAML-KEYS", PAPER, "S", "Keys are strings, each once."),
    Rule("YAML-SCALAR", PAPER, "C", "A plain scalar has one meaning in every YAML; what has two is quoted."),
)  # fmt: skip

_INTEGER = re.compile(r"0|-?[1-9][0-9]{0,15}", re.ASCII)
# What the core schema of YAML 1.2 takes for a number or nothing, and 1.1 may not.
_CORE = re.compile(
    r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|0o[0-7]+|0x[0-9a-fA-F]+|[-+]?\.inf|\.nan", re.IGNORECASE
)
_BOOLEANS = {"true": True, "false": False}


@dataclass(frozen=True)
class YamlLimits:
    """The most that is read: bytes, depth, and scalars, lists and maps in all."""

    size: int = 64 << 10
    depth: int = 8
    count: int = 4096


DEFAULT = YamlLimits()
# Where a value lies in a document: the keys and the numbers of items that lead to it.
YamlPath = tuple[str | int, ...]


@cache
def _library() -> Any:
    import yaml  # takes a third of the program's start: only who reads YAML pays

    return yaml


class _Builder:
    """Makes the value of a stream of parser events."""

    def __init__(self, limits: YamlLimits, places: dict[YamlPath, str]) -> None:
        self.limits, self.yaml, self.count, self.places = limits, _library(), 0, places
        # PyYAML's own table of what a plain scalar may mean in YAML 1.1, by its first character.
        self.meanings = self.yaml.SafeLoader.yaml_implicit_resolvers

    def value(self, events: Any, event: Any, depth: int = 1, path: YamlPath = ()) -> Any:
        """The value that begins with `event`."""
        yaml = self.yaml
        self._common(event, depth)
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event)
        if isinstance(event, yaml.SequenceStartEvent):
            items: list[Any] = []
            while not isinstance(event := next(events), yaml.SequenceEndEvent):
                self.places[(*path, len(items))] = _place(event)
                items.append(self.value(events, event, depth + 1, (*path, len(items))))
            return items
        members: dict[str, Any] = {}
        while not isinstance(event := next(events), yaml.MappingEndEvent):
            key = self.value(events, event, depth + 1)
            if type(key) is not str or key in members:
                words = "a key that is no string" if type(key) is not str else f"key {key[:40]!a} is given twice"
                raise _wrong("YAML-KEYS", words, event)
            self.places[(*path, key)] = _place(event)
            members[key] = self.value(events, next(events), depth + 1, (*path, key))
        return members

    def _common(self, event: Any, depth: int) -> None:
        self.count += 1
        if depth > self.limits.depth or self.count > self.limits.count:
            words = f"more than {self.limits.depth} deep or {self.limits.count} values"
            raise _wrong("YAML-SIZE", words, event)
        if event.anchor is not None:  # an alias has one too
            raise _wrong("YAML-ALIAS", "an anchor or an alias", event)
        if event.tag is not None:
            raise _wrong("YAML-TAG", f"the tag {event.tag[:40]!a}", event)

    def _scalar(self, event: Any) -> str | bool | int:
        text: str = event.value
        if any("\ud800" <= character <= "\udfff" for character in text):
            raise _wrong("YAML-TEXT", "half of a surrogate pair", event)
        if event.style is not None:  # quoted, or a block: a string whatever it looks like
            return text
        if text in _BOOLEANS:
            return _BOOLEANS[text]
        if _INTEGER.fullmatch(text) and abs(int(text)) <= MOST:
            return int(text)
        meanings = (*self.meanings.get(text[:1], ()), *self.meanings.get(None, ()))
        if text == "<<":
            raise _wrong("YAML-ALIAS", "a merge", event)
        if _CORE.fullmatch(text) or any(meaning.match(text) for _, meaning in meanings):
            raise _wrong("YAML-SCALAR", f"{text[:40]!a} has more than one meaning: quote it", event)
        return text


def read_yaml(data: bytes, limits: YamlLimits = DEFAULT, places: dict[YamlPath, str] | None = None) -> dict[str, Any]:
    """The map in `data`. Raises Malformed with the place, line and column from 1.

    `places` is filled with the place of every key and item, for who finds something wrong with one later.
    """
    if len(data) > limits.size:
        raise Malformed(f"{len(data)} bytes, at most {limits.size} are read", check_id="YAML-SIZE")
    yaml = _library()
    try:
        text = data.decode("utf-8")
        if text.startswith("\ufeff"):
            raise Malformed("it begins with a byte order mark", check_id="YAML-TEXT")
        # The parser in Python, not libyaml's: the same refusals everywhere.
        return _document(yaml.parse(text, Loader=yaml.SafeLoader), limits, {} if places is None else places)
    except UnicodeDecodeError as error:
        raise Malformed(f"not UTF-8 at byte {error.start}", check_id="YAML-TEXT") from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = f" at {mark.line + 1}:{mark.column + 1}" if mark else ""
        raise Malformed(f"not YAML: {error.problem}{place}", check_id="YAML-TEXT") from None
    except yaml.YAMLError:
        raise Malformed("not YAML: a character that has no place in a text", check_id="YAML-TEXT") from None
    except (ValueError, OverflowError):  # PyYAML's scanner: "\U00110000" is no character
        raise Malformed("not YAML: an escape that stands for no character", check_id="YAML-TEXT") from None


def _document(events: Any, limits: YamlLimits, places: dict[YamlPath, str]) -> dict[str, Any]:
    yaml = _library()
    next(events)  # the stream's start
    start = next(events)
    if isinstance(start, yaml.StreamEndEvent):
        raise Malformed("there is nothing in it", check_id="YAML-TEXT")
    if start.version is not None or start.tags:
        raise _wrong("YAML-TEXT", "a directive", start)
    first = next(events)
    value = _Builder(limits, places).value(events, first)
    if type(value) is not dict:
        raise _wrong("YAML-TEXT", "the outermost value is no map", first)
    next(events)  # the document's end
    after = next(events)
    if not isinstance(after, yaml.StreamEndEvent):
        raise _wrong("YAML-TEXT", "a second document", after)
    return value


def _wrong(check_id: str, words: str, event: Any) -> Malformed:
    return Malformed(f"{words} at {_place(event)}", check_id=check_id)


def _place(event: Any) -> str:
    return f"{event.start_mark.line + 1}:{event.start_mark.column + 1}"
