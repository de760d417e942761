"""Take the members of a map that a person wrote, each by its form; all that is wrong is noted, each with its place."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, TypeVar

from asl_authority.values.fields import LINE_LIMIT
from asl_authority.values.finding import Finding
from asl_authority.values.strict_yaml import YamlPath

_T = TypeVar("_T")
_E = TypeVar("_E", bound=StrEnum)


class Unfit(ValueError):
    """A value that is not of the form that is expected; the words say of which."""


class Mistakes:
    """What is wrong, each with its place."""

    def __init__(self, schema: str, places: Mapping[YamlPath, str]) -> None:
        """`schema` is the id of the rule that most of them break."""
        self.schema, self.places = schema, places
        self.found: list[tuple[tuple[int, ...], Finding]] = []

    def add(self, path: YamlPath, words: str, check_id: str | None = None) -> None:
        """Something wrong with the member at `path`."""
        name = "".join(f"[{each}]" if isinstance(each, int) else f".{each}" for each in path).lstrip(".")
        place = self.places.get(path, "1:1")
        finding = Finding(check_id or self.schema, False, f"{place}: {name or 'the whole'}: {words}")
        self.found.append((tuple(int(number) for number in place.split(":")), finding))

    def in_order(self) -> tuple[Finding, ...]:
        """All of them, as a reader of the text meets them."""
        return tuple(finding for _, finding in sorted(self.found, key=lambda each: each[0]))


class Members:
    """The members of one map, each read by its form. What is wrong is noted, and something that fits given instead."""

    def __init__(self, mistakes: Mistakes, value: object, path: YamlPath) -> None:
        self.mistakes, self.path = mistakes, path
        self.value: dict[str, Any] = value if isinstance(value, dict) else {}
        if not isinstance(value, dict):
            mistakes.add(path, "expected a map")

    def expect(self, *names: str) -> Members:
        """Note every member that is none of `names`."""
        for name in self.value:
            if name not in names:
                self.wrong(name, f"unknown member{_did_you_mean(name, names)}")
        return self

    def wrong(self, name: str, words: str, check_id: str | None = None) -> None:
        """Note what is wrong with a member."""
        self.mistakes.add((*self.path, name), words, check_id)

    def need(self, name: str, form: Callable[[object], _T], instead: _T) -> _T:
        """A member that must be there."""
        if name not in self.value:
            self.mistakes.add(self.path, f"{name} is missing")
        return self.take(name, form, instead)

    def take(self, name: str, form: Callable[[object], _T], instead: _T) -> _T:
        """A member that may be left out."""
        try:
            return form(self.value[name]) if name in self.value else instead
        except Unfit as error:
            self.wrong(name, str(error))
            return instead

    def within(self, name: str, *names: str) -> Members:
        """A map within, empty where there is none."""
        inner = Members(self.mistakes, self.value.get(name, {}), (*self.path, name))
        return inner.expect(*names) if names else inner


def text(pattern: re.Pattern[str]) -> Callable[[object], str]:
    """A string that `pattern` describes whole."""

    def form(value: object) -> str:
        if not isinstance(value, str):
            raise Unfit('expected a text (quote it: "...")')
        if len(value) > LINE_LIMIT or not pattern.fullmatch(value):
            raise Unfit(f"{value[:40]!a} is not of the form that is expected here")
        return value

    return form


def exactly(text: str) -> Callable[[object], str]:
    """This very text."""

    def form(value: object) -> str:
        if value != text:
            raise Unfit(f"on this host it is {text}, or left out")
        return text

    return form


def one_of(kind: type[_E]) -> Callable[[object], _E]:
    """A word of an enumeration."""

    def form(value: object) -> _E:
        try:
            return kind(value if isinstance(value, str) else "\0")
        except ValueError:
            raise Unfit(f"{str(value)[:40]!a} is none of {', '.join(kind)}") from None

    return form


def list_of(form: Callable[[object], _T]) -> Callable[[object], tuple[_T, ...]]:
    """A list of what `form` reads."""
    return lambda value: tuple(form(each) for each in items(value))


def items(value: object) -> list[Any]:
    """A list."""
    if not isinstance(value, list):
        raise Unfit("expected a list")
    return value


def flag(value: object) -> bool:
    """true or false."""
    if not isinstance(value, bool):
        raise Unfit("expected true or false")
    return value


def _did_you_mean(word: str, known: tuple[str, ...]) -> str:
    import difflib

    near = difflib.get_close_matches(word, known, n=1)
    return f" (did you mean {near[0]}?)" if near else ""
