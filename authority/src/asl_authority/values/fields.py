"""Take the members of a paper's object one by one, each with its type and limits; what is left over is refused."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, TypeVar

from asl_authority.errors import Malformed
from asl_authority.values.canonical import MOST
from asl_authority.values.ed25519 import KEY_BYTES, PublicKey

_T = TypeVar("_T")
_E = TypeVar("_E", bound=StrEnum)

SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)
# What a person reads aloud or types: no control characters, no blanks at the ends.
LINE = re.compile(r"[^\x00-\x20\x7f-\xa0](?:[^\x00-\x1f\x7f-\x9f]*[^\x00-\x20\x7f-\xa0])?")
LINE_LIMIT = 256


class Fields:
    """The members of one object. `check_id` is that of the paper's schema; `what` names the object in messages."""

    def __init__(self, value: object, names: tuple[str, ...], what: str, check_id: str) -> None:
        """Demand an object with exactly `names`; one that ends in `?` may be absent. Raises Malformed."""
        self.what = what
        self.check_id = check_id
        if type(value) is not dict:
            raise self.wrong("", "expected an object")
        optional = {name.removesuffix("?") for name in names if name.endswith("?")}
        known = {name.removesuffix("?") for name in names}
        problems = [f"unknown member {name!a}" for name in sorted(value.keys() - known)]
        problems += [f"missing member {name!a}" for name in sorted(known - optional - value.keys())]
        if problems:
            raise self.wrong("", ", ".join(problems))
        self.value: dict[str, Any] = value

    def wrong(self, name: str, words: str) -> Malformed:
        """The error for a member; `name` is empty for the object itself."""
        return Malformed(f"{self.what}{'.' if name else ''}{name}: {words}", check_id=self.check_id)

    def has(self, name: str) -> bool:
        """Whether an optional member is there."""
        return name in self.value

    def flag(self, name: str) -> bool:
        """true or false."""
        return self._of(name, bool, "true or false")

    def integer(self, name: str, least: int = 0, most: int = MOST) -> int:
        """A whole number within limits."""
        number = self._of(name, int, "an integer")
        if not least <= number <= most:
            raise self.wrong(name, f"expected {least} to {most}")
        return number

    def text(self, name: str, pattern: re.Pattern[str] = LINE, limit: int = LINE_LIMIT) -> str:
        """A string of at most `limit` characters that `pattern` describes whole."""
        text = self._of(name, str, "a string")
        if len(text) > limit or not pattern.fullmatch(text):
            raise self.wrong(name, f"{text[:40]!a} is not of the form that is expected here")
        return text

    def sha256(self, name: str) -> str:
        """A SHA-256 in lower-case hexadecimal."""
        text = self._of(name, str, "a string")
        if not SHA256.fullmatch(text):
            raise self.wrong(name, "expected a SHA-256 in lower-case hexadecimal")
        return text

    def base64(self, name: str, size: int | None = None, limit: int = 1 << 20) -> bytes:
        """Bytes in standard base64 with padding, in the one form that base64 writes them in."""
        text = self._of(name, str, "a string")
        try:
            data = base64.b64decode(text, validate=True) if len(text) <= limit * 4 // 3 + 4 else None
        except (binascii.Error, ValueError):
            data = None
        if data is None or base64.b64encode(data).decode() != text:
            raise self.wrong(name, "expected base64")
        if size is not None and len(data) != size:
            raise self.wrong(name, f"expected {size} bytes, there are {len(data)}")
        return data

    def public_key(self, name: str) -> PublicKey:
        """A public key that may count: base64 of its bytes."""
        return PublicKey(self.base64(name, KEY_BYTES))

    def public_keys(self, name: str, limit: int) -> tuple[PublicKey, ...]:
        """An array of public keys, in its own order."""
        items = self.items(name, limit)
        names = tuple(str(n) for n in range(len(items)))
        every = Fields(dict(zip(names, items, strict=True)), names, f"{self.what}.{name}", self.check_id)
        return tuple(every.public_key(each) for each in names)

    def choice(self, name: str, kind: type[_E]) -> _E:
        """One of the words of an enumeration."""
        return self._word(name, self._of(name, str, "a string"), kind)

    def choices(self, name: str, kind: type[_E]) -> tuple[_E, ...]:
        """A set of words: sorted, each once."""
        return self.sorted_set(name, lambda item, at: self._word(at, item, kind))

    def digests(self, name: str, limit: int = 10_000) -> tuple[str, ...]:
        """A set of SHA-256: sorted, each once."""
        return self.texts(name, SHA256, limit)

    def digest_list(self, name: str, limit: int = 10_000) -> tuple[str, ...]:
        """An array of SHA-256, in its own order."""
        items = self.items(name, limit)
        for place, item in enumerate(items):
            if type(item) is not str or not SHA256.fullmatch(item):
                raise self.wrong(f"{name}[{place}]", "expected a SHA-256 in lower-case hexadecimal")
        return tuple(items)

    def texts(self, name: str, pattern: re.Pattern[str], limit: int = 10_000) -> tuple[str, ...]:
        """A set of strings that `pattern` describes: sorted, each once."""

        def text(item: object, at: str) -> str:
            if type(item) is not str or not pattern.fullmatch(item):
                raise self.wrong(at, f"{str(item)[:40]!a} is not of the form that is expected here")
            return item

        return self.sorted_set(name, text, limit)

    def items(self, name: str, limit: int = 10_000) -> list[Any]:
        """The items of an array."""
        items = self._of(name, list, "an array")
        if len(items) > limit:
            raise self.wrong(name, f"{len(items)} items, at most {limit} are read")
        return items

    def sorted_set(self, name: str, read: Callable[[object, str], _T], limit: int = 10_000) -> tuple[_T, ...]:
        """A set of what `read` makes of item and place: strings, sorted by their UTF-8 bytes, each once."""
        found = tuple(read(item, f"{name}[{n}]") for n, item in enumerate(self.items(name, limit)))
        keys = [str(item).encode() for item in found]
        if keys != sorted(set(keys)):
            raise self.wrong(name, "expected sorted items, each once")
        return found

    def within(self, name: str, names: tuple[str, ...]) -> Fields:
        """An object within, with its own members."""
        return Fields(self.value[name], names, f"{self.what}.{name}", self.check_id)

    def objects(self, name: str, names: tuple[str, ...], limit: int = 10_000) -> list[Fields]:
        """An array of objects of one form."""
        return [
            Fields(item, names, f"{self.what}.{name}[{n}]", self.check_id)
            for n, item in enumerate(self.items(name, limit))
        ]

    def mapping(self, name: str, limit: int = 10_000) -> Mapping[str, Any]:
        """An object whose names are data."""
        value: dict[str, Any] = self._of(name, dict, "an object")
        if len(value) > limit:
            raise self.wrong(name, f"{len(value)} members, at most {limit} are read")
        return value

    def _of(self, name: str, kind: type[_T], words: str) -> _T:
        value = self.value[name]
        if type(value) is not kind:  # so that true is not an integer
            raise self.wrong(name, f"expected {words}")
        return value

    def _word(self, name: str, item: object, kind: type[_E]) -> _E:
        try:
            return kind(str(item)) if type(item) is str else kind("\0")
        except ValueError:
            raise self.wrong(name, f"{str(item)[:40]!a} is none of {', '.join(kind)}") from None
