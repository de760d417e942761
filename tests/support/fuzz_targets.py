"""What can be fuzzed: every reader of values/, found by its name, with what else it wants and where to begin.

A new `read_…` is a target without a word here, unless it needs more than the bytes: then it needs a line in MORE, and a
test says so.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from asl_authority import values
from asl_authority.errors import Malformed
from support.published import FOLDER, published

Reader = Callable[[bytes], Any]
SEED_LIMIT = 16 << 10


def _itself(read: Callable[..., Any]) -> Reader:
    return read


def _with(*more: Any) -> Callable[[Callable[..., Any]], Reader]:
    return lambda read: lambda data: read(data, *more)


def _text(read: Callable[..., Any]) -> Reader:
    return lambda data: read(data.decode("utf-8", "replace"))


def _lines(read: Callable[..., Any]) -> Reader:
    return lambda data: list(read(data.splitlines(keepends=True)))


def _entry(read: Callable[..., Any]) -> Reader:
    """The first byte says which type of record."""
    return lambda data: read(0x8000 + (data or b"\0")[0], data[1:])


def _signed(read: Callable[..., Any]) -> Reader:
    from asl_authority.values import dam

    return lambda data: read(data, dam.KIND, dam.read_dam)


# Readers that want more than the bytes.
MORE: Mapping[str, Callable[[Callable[..., Any]], Reader]] = {
    "age.read_header": _with(10),
    "checkpoint.read_checkpoint": _with("example.org/log", ()),
    "checkpoint.read_checkpoint_text": _text,
    "dsse.read_envelope": _with("application/vnd.asl.dam.v1+json"),
    "log_entry.read_entry": _entry,
    "signed.read_signed": _signed,
    "signed_note.read_note_key": _text,
    "snapshot.read_lines": _lines,
}
# What a reader takes that no published vector is for.
SEEDS: Mapping[str, Callable[[], list[bytes]]] = {
    "age.read_header": lambda: [path.read_bytes() for path in sorted((FOLDER / "cctv-age").iterdir())],
}


@dataclass(frozen=True)
class Target:
    """One reader by the name that vectors use. `check_ids` are what it may refuse by; None: it has no rules yet."""

    name: str
    read: Reader
    check_ids: frozenset[str] | None
    one_text: bool

    def try_bytes(self, data: bytes) -> None:
        """Read them. Whatever is raised, beside what a reader may raise, is a finding."""
        try:
            value = self.read(data)
        except Malformed as refusal:
            if self.check_ids is not None and refusal.check_id not in self.check_ids:
                raise AssertionError(f"refused by {refusal.check_id!r}, which is no rule") from refusal
            return
        if self.one_text and hasattr(value, "to_bytes") and value.to_bytes() != data:
            raise AssertionError("read, and written again as something else")


def _modules() -> Iterator[tuple[str, ModuleType]]:
    for info in pkgutil.iter_modules(values.__path__):
        yield info.name, importlib.import_module(f"{values.__name__}.{info.name}")


def readers() -> Iterator[tuple[str, Callable[..., Any], ModuleType]]:
    """Every `read_…` of values/ where it is defined."""
    for name, module in _modules():
        for word, function in vars(module).items():
            if word.startswith("read_") and inspect.isfunction(function) and function.__module__ == module.__name__:
                yield f"{name}.{word}", function, module


def wants_more(function: Callable[..., Any]) -> bool:
    """Whether bytes alone do not suffice."""
    first, *others = inspect.signature(function).parameters.values()
    return first.annotation != "bytes" or any(each.default is inspect.Parameter.empty for each in others)


def targets() -> dict[str, Target]:
    """Every reader that can be driven, by name."""
    rules = frozenset(rule.check_id for _, module in _modules() for rule in getattr(module, "RULES", ()))
    good, _ = published()
    several = {case.reader for case in good if "canonical" in case.says}
    found = {}
    for name, function, module in readers():
        if name in MORE or not wants_more(function):
            # strict_json and state are older than the rules, and refuse without an id.
            known = rules if hasattr(module, "RULES") or name.startswith("signed.") else None
            read = MORE.get(name, _itself)(function)
            found[name] = Target(name, read, known, name not in several)
    return found


@cache
def seeds(name: str) -> tuple[bytes, ...]:
    """Where to begin: the reader's own vectors, or all of them when it has none."""
    cases = [case for part in published() for case in part]
    own = [case.data for case in cases if case.reader == name] + (SEEDS[name]() if name in SEEDS else [])
    found = own or [case.data for case in published()[0]]
    return tuple(sorted({data for data in found if len(data) <= SEED_LIMIT}))


def write_seeds(name: str, folder: Path) -> None:
    """A file for each seed; names are numbers."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, data in enumerate(seeds(name)):
        (folder / f"seed-{number:04}").write_bytes(data)
