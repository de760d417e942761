"""Strict YAML: what is read has one meaning and knows its line and column; what is written reads back the same.

The only home of PyYAML on the builder. The dialect is small on purpose: mappings with text keys, lists, text,
whole numbers and true/false. What other readers of YAML understand otherwise must be quoted.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

import yaml

from asl_image.errors import ConfigError, IoFailed

KeyPath: TypeAlias = tuple[str | int, ...]
Plain: TypeAlias = "str | int | bool | list[Plain] | dict[str, Plain]"

DEEPEST = 24  # levels; nothing of ours comes near, and a hostile file must not exhaust the stack

_WHOLE_NUMBER = re.compile(r"0|-?[1-9][0-9]{0,17}")
_TRUTH_WORDS = frozenset({"true", "false", "yes", "no", "on", "off", "y", "n"})
_NULL_WORDS = frozenset({"~", "null"})
_SURPRISES: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"[-+]?0[0-7_]+"), "an octal number"),
    (re.compile(r"[-+]?0o[0-7_]+"), "an octal number"),
    (re.compile(r"[-+]?0x[0-9a-fA-F_]+"), "a hexadecimal number"),
    (re.compile(r"[-+]?0b[01_]+"), "a binary number"),
    (re.compile(r"[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?"), "a number in base 60"),
    (re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt \t].*)?"), "a date"),
    (re.compile(r"[-+]?([0-9][0-9_]*\.?[0-9_]*|\.[0-9][0-9_]*)([eE][-+]?[0-9]+)?"), "a number of another kind"),
    (re.compile(r"[-+]?\.(inf|nan)", re.IGNORECASE), "a number"),
    (re.compile(r"<<|="), "an instruction"),
)


@dataclass(frozen=True, order=True)
class Place:
    """A position in a file; lines and columns count from 1."""

    file: Path
    line: int = 1
    column: int = 1

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong, where it stands and which key it is about."""

    place: Place
    text: str
    path: KeyPath = ()

    def __str__(self) -> str:
        name = dotted(self.path)
        return f"{self.place}: {name}: {self.text}" if name else f"{self.place}: {self.text}"


@dataclass(frozen=True)
class Node:
    """A value with its place, and the place of its key (in a list: its own place again)."""

    value: str | int | bool | list[Node] | dict[str, Node]
    place: Place
    key_place: Place

    def plain(self) -> Plain:
        """The value without places."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        return self.value

    def at(self, path: Iterable[str | int]) -> Node:
        """The node at `path`, or the last one on the way to it that exists."""
        node = self
        for part in path:
            match node.value, part:
                case dict() as mapping, str() if part in mapping:
                    node = mapping[part]
                case list() as items, int() if part < len(items):
                    node = items[part]
                case _:
                    break
        return node


def dotted(path: KeyPath) -> str:
    """A key path as people write it; places in lists are left out, the line tells them."""
    return ".".join(part for part in path if isinstance(part, str))


def load_yaml(path: Path) -> Node:
    """The file's mapping. Raises ConfigError with every problem of the file, IoFailed when it can't be read."""
    node, problems = scan_yaml(path)
    raise_problems(str(path), problems)
    return node


def scan_yaml(path: Path) -> tuple[Node, list[Problem]]:
    """The file's mapping as far as it can be understood, and what is wrong with it."""
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such file") from None
    except OSError as error:
        raise IoFailed(f"{path}: {error.strerror}") from error
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        before = raw[: error.start]
        place = Place(path, before.count(b"\n") + 1, error.start - before.rfind(b"\n"))
        return _empty(path), [Problem(place, "not UTF-8 text")]
    return read_yaml(text, path)


def read_yaml(text: str, file: Path) -> tuple[Node, list[Problem]]:
    """Like `scan_yaml`, for text that stands in `file`."""
    reader = _Reader(text, file)
    try:
        return reader.document(), reader.problems
    except yaml.reader.ReaderError as error:
        before = text[: error.position]
        place = Place(file, before.count("\n") + 1, len(before) - before.rfind("\n"))
        reader.problems.append(Problem(place, f"the character U+{error.character:04X} may not stand here"))
    except yaml.MarkedYAMLError as error:
        reader.problems.append(_syntax_problem(error, text, file))
    except _TooDeepError as error:
        reader.problems.append(Problem(error.place, f"nested more than {DEEPEST} levels deep"))
    return _empty(file), reader.problems


def raise_problems(what: str, problems: Iterable[Problem]) -> None:
    """Raise one ConfigError that lists all `problems` in the order of files and lines; none, no error."""
    found = sorted(set(problems), key=lambda problem: (problem.place, str(problem)))
    if found:
        count = "1 problem" if len(found) == 1 else f"{len(found)} problems"
        raise ConfigError(f"{what}: {count}", details=tuple(str(problem) for problem in found))


def dump_yaml(value: object) -> str:
    """`value` (mappings, lists or tuples, text, whole numbers, truth values) as YAML in block style.

    Keys keep their order, the same value gives the same bytes, and `read_yaml` gives the value back.
    """
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False, default_flow_style=False, allow_unicode=True, width=2**20)


def dump_flow(value: object) -> str:
    """`value` like `dump_yaml`, but in one line without an end: `{name: bash, version: '5.2'}`."""
    text = yaml.dump(value, Dumper=_Dumper, sort_keys=False, default_flow_style=True, allow_unicode=True, width=2**20)
    return text.removesuffix("\n").removesuffix("\n...")


class _TooDeepError(Exception):
    def __init__(self, place: Place) -> None:
        super().__init__()
        self.place = place


@dataclass
class _Reader:
    """Builds nodes out of PyYAML's events, which are what it says before it starts to guess."""

    text: str
    file: Path
    problems: list[Problem] = field(default_factory=list)

    def document(self) -> Node:
        self._events: Iterator[yaml.Event] = yaml.parse(self.text, Loader=yaml.SafeLoader)
        self._next()  # the stream's start
        event = self._next()
        if isinstance(event, yaml.StreamEndEvent):
            self.problems.append(Problem(Place(self.file), "the file is empty"))
            return _empty(self.file)
        if isinstance(event, yaml.DocumentStartEvent) and (event.version or event.tags):
            self.problems.append(Problem(self._place(event), "directives (%) are not used here"))
        first = self._next()
        root = self._node(first, (), self._place(first))
        self._next()  # the document's end
        event = self._next()
        if not isinstance(event, yaml.StreamEndEvent):
            self.problems.append(Problem(self._place(event), "a second document starts here; a file is one document"))
        if not isinstance(root.value, dict):
            self.problems.append(Problem(root.place, "a mapping (key: value) is expected"))
            return _empty(self.file)
        return root

    def _next(self) -> yaml.Event:
        return next(self._events)

    def _place(self, event: yaml.Event) -> Place:
        mark = event.start_mark
        assert mark is not None  # noqa: S101 - every event of a text has one
        return Place(self.file, mark.line + 1, mark.column + 1)

    def _node(self, event: yaml.Event, path: KeyPath, key_place: Place | None) -> Node:
        place = self._place(event)
        key_place = key_place or place
        if len(path) > DEEPEST:
            raise _TooDeepError(place)
        if isinstance(event, yaml.AliasEvent):
            self.problems.append(Problem(place, f"*{event.anchor}: write the value out; aliases are not used", path))
            return Node("", place, key_place)
        if getattr(event, "anchor", None):
            self.problems.append(Problem(place, f"&{event.anchor}: anchors are not used", path))  # type: ignore[attr-defined]
        if getattr(event, "tag", None):
            self.problems.append(Problem(place, f"{event.tag}: tags are not used", path))  # type: ignore[attr-defined]
        if isinstance(event, yaml.MappingStartEvent):
            return Node(self._mapping(path), place, key_place)
        if isinstance(event, yaml.SequenceStartEvent):
            return Node(self._sequence(path), place, key_place)
        assert isinstance(event, yaml.ScalarEvent)  # noqa: S101 - there is no other kind of event here
        return Node(self._scalar(event, path), place, key_place)

    def _mapping(self, path: KeyPath) -> dict[str, Node]:
        found: dict[str, Node] = {}
        while not isinstance(event := self._next(), yaml.MappingEndEvent):
            place = self._place(event)
            key = self._key(event, path)
            value = self._next()
            node = self._node(value, (*path, key), place)
            if key in found:
                first = found[key].key_place
                self.problems.append(Problem(place, f"given twice (first in line {first.line})", (*path, key)))
            else:
                found[key] = node
        return found

    def _key(self, event: yaml.Event, path: KeyPath) -> str:
        if not isinstance(event, yaml.ScalarEvent):
            node = self._node(event, path, None)  # read on past it
            self.problems.append(Problem(node.place, "a key is text, not a list or a mapping", path))
            return ""
        value = self._node(event, (*path, str(event.value)), None).value
        if not isinstance(value, str):
            self.problems.append(Problem(self._place(event), f"the key {event.value} must be quoted", path))
        return str(event.value)

    def _sequence(self, path: KeyPath) -> list[Node]:
        found: list[Node] = []
        while not isinstance(event := self._next(), yaml.SequenceEndEvent):
            found.append(self._node(event, (*path, len(found)), None))
        return found

    def _scalar(self, event: yaml.ScalarEvent, path: KeyPath) -> str | int | bool:
        text: str = event.value
        if event.style is not None:
            return text
        if text in ("true", "false"):
            return text == "true"
        if _WHOLE_NUMBER.fullmatch(text):
            return int(text)
        if (why := surprise(text)) is not None:
            self.problems.append(Problem(self._place(event), why, path))
        return text


def surprise(text: str) -> str | None:
    """What is wrong with `text` as a scalar without quotes; None when every reader takes it for text."""
    if not text:
        return "no value: write one, or leave the key out"
    if text.lower() in _NULL_WORDS:
        return f"{text} means no value: leave the key out, or quote it"
    if text.lower() in _TRUTH_WORDS:
        return f"{text} is a truth value to some readers of YAML: write true or false, or quote it"
    for pattern, meaning in _SURPRISES:
        if pattern.fullmatch(text):
            return f"{text} is {meaning} to some readers of YAML: quote it"
    return None


def _empty(file: Path) -> Node:
    return Node({}, Place(file), Place(file))


def _syntax_problem(error: yaml.MarkedYAMLError, text: str, file: Path) -> Problem:
    mark = error.problem_mark or error.context_mark
    if mark is None:
        return Problem(Place(file), f"not YAML: {error.problem}")
    place = Place(file, mark.line + 1, mark.column + 1)
    if text[mark.index : mark.index + 1] == "\t":
        return Problem(place, "a tab stands here: indent with spaces")
    return Problem(place, "not YAML: " + ", ".join(part for part in (error.context, error.problem) if part))


class _Dumper(yaml.SafeDumper):
    """PyYAML's writer, held to our dialect."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 - the name is PyYAML's
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002
        super().increase_indent(flow, False)


def _text_node(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    safe = surprise(text) is None and text not in ("true", "false") and not _WHOLE_NUMBER.fullmatch(text)
    style = None if safe else "'"
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style if text.isprintable() else '"')


def _refuse(_: _Dumper, value: object) -> yaml.ScalarNode:
    raise TypeError(f"{value!r} has no place in our YAML")


_Dumper.add_representer(str, _text_node)
for _kind in (float, bytes, type(None), set, dt.date, dt.datetime):
    _Dumper.add_representer(_kind, _refuse)
