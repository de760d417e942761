"""What a claim says of the machine that it was made on: each fact with the status that it deserves.

A fact is *verified* (measured and equal to the reference), *measured*, *declared* (a person said so) or *absent*.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, fields
from enum import StrEnum
from pathlib import PurePosixPath
from typing import Generic, TypeVar

from asl_authority.contract import STICKS
from asl_authority.errors import Malformed
from asl_authority.values.fields import Fields
from asl_authority.values.rules import Rule

PAPER = "ENC-ASL-AUTH-HOST/1"

RULES = (
    Rule("CLAIM-STATUS", PAPER, "C", "A fact is verified, measured or declared with a value, or absent without one."),
    Rule("CLAIM-LAYERS", PAPER, "C", "A layer is verified only when the hash on the command line was recomputed."),
    Rule("CLAIM-DECLARED", PAPER, "C", "What a person declares has its fact's form, and was not measured already."),
    Rule("CLAIM-SETS", PAPER, "C", "Layers, interfaces, mounts, tools, PCRs and the rest are sorted, each named once."),
)  # fmt: skip

_V = TypeVar("_V")
CMDLINE_LIMIT = 4096
MOST_ITEMS = 1024
# What a person adds to measured words begins so.
DECLARED_WORD = "declared:"
WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@:+-]*", re.ASCII)
PATH = re.compile(r"/(?:[^\x00-\x1f\x7f/]+(?:/[^\x00-\x1f\x7f/]+)*)?")
PRINTABLE = re.compile(r"[!-~]+", re.ASCII)
# What the root helper opens a stick with.
STICK_OPTIONS = frozenset({"nodev", "noexec", "nosuid", "nosymfollow"})


class Status(StrEnum):
    """How much a fact is worth."""

    VERIFIED = "verified"
    MEASURED = "measured"
    DECLARED = "declared"
    ABSENT = "absent"


@dataclass(frozen=True)
class Fact(Generic[_V]):
    """A value with its status. Raises Malformed when they do not fit."""

    status: Status
    value: _V | None = None

    def __post_init__(self) -> None:
        if (self.status is Status.ABSENT) is not (self.value is None):
            raise Malformed(f"a fact that is {self.status} and its value do not fit", check_id="CLAIM-STATUS")


@dataclass(frozen=True)
class LayerSeal:
    """A layer's root hash of dm-verity: from the kernel's command line, and recomputed from the medium's bytes."""

    name: str
    stated: str
    recomputed: str | None
    status: Status

    def __post_init__(self) -> None:
        if self.status is Status.ABSENT or (self.status is Status.VERIFIED and self.stated != self.recomputed):
            words = f"stated is {self.stated}, recomputed {self.recomputed or 'nothing'}"
            raise Malformed(f"layer {self.name} can't be {self.status}: {words}", check_id="CLAIM-LAYERS")

    def members(self) -> dict[str, object]:
        """As the claim writes it."""
        said: dict[str, object] = {"name": self.name, "stated": self.stated, "status": self.status}
        return said | ({} if self.recomputed is None else {"recomputed": self.recomputed})


@dataclass(frozen=True)
class Interface:
    """A network interface that the kernel shows."""

    name: str
    state: str

    def members(self) -> dict[str, object]:
        """As the claim writes it."""
        return {"name": self.name, "state": self.state}


@dataclass(frozen=True)
class Mount:
    """A mounted file system; `options` sorted."""

    path: str
    kind: str
    options: tuple[str, ...]

    def is_stick(self) -> bool:
        """Whether it is a stick where sticks are opened, from which nothing is run, and no device or link counts."""
        return PurePosixPath(self.path).parent == STICKS and set(self.options) >= STICK_OPTIONS

    def members(self) -> dict[str, object]:
        """As the claim writes it."""
        return {"kind": self.kind, "options": list(self.options), "path": self.path}


@dataclass(frozen=True)
class Tool:
    """A program that this host relies on."""

    path: str
    sha256: str
    version: str

    def members(self) -> dict[str, object]:
        """As the claim writes it."""
        return {"path": self.path, "sha256": self.sha256, "version": self.version}


@dataclass(frozen=True)
class Register:
    """One register (PCR) of a TPM's SHA-256 bank."""

    index: int
    sha256: str

    def members(self) -> dict[str, object]:
        """As the claim writes it."""
        return {"index": self.index, "sha256": self.sha256}


@dataclass(frozen=True)
class Environment:
    """The machine and the image that runs on it. The names are those of the claim."""

    image_id: Fact[str]
    medium: Fact[str]
    layers: tuple[LayerSeal, ...]
    kernel_release: Fact[str]
    kernel_cmdline: Fact[str]
    kernel: Fact[str]
    initrd: Fact[str]
    secure_boot: Fact[bool]
    tpm: Fact[tuple[Register, ...]]
    entropy: Fact[tuple[str, ...]]
    interfaces: Fact[tuple[Interface, ...]]
    swap: Fact[tuple[str, ...]]
    mounts: Fact[tuple[Mount, ...]]
    tools: Fact[tuple[Tool, ...]]
    config: Fact[str]

    def members(self) -> dict[str, object]:
        """As the claim writes it."""
        said: dict[str, object] = {"layers": [layer.members() for layer in self.layers]}
        return said | {name: _written(getattr(self, name)) for name in FACTS}

    def having(self, status: Status) -> tuple[str, ...]:
        """The names of the facts and layers of this status."""
        facts = [name for name in FACTS if getattr(self, name).status is status]
        return (*facts, *(f"layer {layer.name}" for layer in self.layers if layer.status is status))

    def differs_from(self, other: Environment) -> tuple[str, ...]:
        """The names of what is not the same, whatever its status; but sticks, which come and go, are left out."""
        return tuple(name for name in (*FACTS, "layers") if _bare(getattr(self, name)) != _bare(getattr(other, name)))


def _written(fact: Fact[object]) -> dict[str, object]:
    value = fact.value
    if value is None:
        return {"status": fact.status}
    if isinstance(value, tuple):
        value = [item.members() if hasattr(item, "members") else item for item in value]
    return {"status": fact.status, "value": value}


def _bare(value: object) -> object:
    """A fact's value without its sticks, or of each layer what the command line says of it."""
    if not isinstance(value, Fact):
        return [(layer.name, layer.stated) for layer in value] if isinstance(value, tuple) else value
    if not isinstance(value.value, tuple):
        return value.value
    return tuple(each for each in value.value if not (isinstance(each, Mount) and each.is_stick()))


def _sha256(fact: Fields) -> str:
    return fact.sha256("value")


def _line(fact: Fields) -> str:
    return fact.text("value")


def _cmdline(fact: Fields) -> str:
    return fact.text("value", limit=CMDLINE_LIMIT)


def _flag(fact: Fields) -> bool:
    return fact.flag("value")


def _words(fact: Fields, name: str = "value") -> tuple[str, ...]:
    found = tuple(Fields({"word": item}, ("word",), f"{fact.what}.{name}", fact.check_id).text("word", PRINTABLE)
                  for item in fact.items(name, MOST_ITEMS))  # fmt: skip
    return _in_order(found, found, fact)


def _tpm(fact: Fields) -> tuple[Register, ...]:
    found = tuple(
        Register(each.integer("index", 0, 23), each.sha256("sha256"))
        for each in fact.objects("value", ("index", "sha256"), 24)
    )
    return _in_order(found, tuple(each.index for each in found), fact)


def _interfaces(fact: Fields) -> tuple[Interface, ...]:
    found = tuple(
        Interface(each.text("name", WORD, 64), each.text("state", WORD, 64))
        for each in fact.objects("value", ("name", "state"), MOST_ITEMS)
    )
    return _in_order(found, tuple(each.name for each in found), fact)


def _mounts(fact: Fields) -> tuple[Mount, ...]:
    found = tuple(
        Mount(each.text("path", PATH, CMDLINE_LIMIT), each.text("kind", WORD, 64), _words(each, "options"))
        for each in fact.objects("value", ("path", "kind", "options"), MOST_ITEMS)
    )
    return _in_order(found, tuple(each.path for each in found), fact)


def _tools(fact: Fields) -> tuple[Tool, ...]:
    found = tuple(
        Tool(each.text("path", PATH, CMDLINE_LIMIT), each.sha256("sha256"), each.text("version"))
        for each in fact.objects("value", ("path", "sha256", "version"), MOST_ITEMS)
    )
    return _in_order(found, tuple(each.path for each in found), fact)


FACTS: dict[str, Callable[[Fields], object]] = {
    "config": _sha256,
    "entropy": _words,
    "image_id": _sha256,
    "initrd": _sha256,
    "interfaces": _interfaces,
    "kernel": _sha256,
    "kernel_cmdline": _cmdline,
    "kernel_release": _line,
    "medium": _sha256,
    "mounts": _mounts,
    "secure_boot": _flag,
    "swap": _words,
    "tools": _tools,
    "tpm": _tpm,
}
NAMES = tuple(field.name for field in fields(Environment))


def declared(name: str, words: tuple[str, ...]) -> Fact[object]:
    """A fact as a person says it: a digest or a word, `on` or `off`, or several words. Raises Malformed.

    Facts of other forms (mounts, tools and the like) can't be declared.
    """
    read = FACTS[name]
    value: object = list(words)
    if read is not _words:
        value = words[0] if len(words) == 1 and read in (_sha256, _line, _cmdline) else None
    if read is _flag and words in (("on",), ("off",)):
        value = words == ("on",)
    if value is None:
        raise Malformed(
            f"{name}: {', '.join(words)!a:.80} is not what can be declared of it", check_id="CLAIM-DECLARED"
        )
    return Fact(Status.DECLARED, read(Fields({"value": value}, ("value",), name, "CLAIM-DECLARED")))


def environment_of(whole: Fields) -> Environment:
    """The environment under a claim's member. Raises Malformed."""
    within = whole.within("environment", NAMES)
    facts = {name: _fact(within.within(name, ("status", "value?")), read) for name, read in FACTS.items()}
    layers = tuple(_layer(each) for each in within.objects("layers", ("name", "stated", "recomputed?", "status"), 64))
    _in_order(layers, tuple(layer.name for layer in layers), within)
    return Environment(layers=layers, **facts)  # type: ignore[arg-type]  # FACTS reads each as its field says


def _fact(fact: Fields, read: Callable[[Fields], object]) -> Fact[object]:
    status, value = fact.choice("status", Status), read(fact) if fact.has("value") else None
    try:
        return Fact(status, value)
    except Malformed as error:
        raise Malformed(f"{fact.what}: {error}", check_id=error.check_id) from None


def _layer(each: Fields) -> LayerSeal:
    recomputed = each.sha256("recomputed") if each.has("recomputed") else None
    return LayerSeal(each.text("name", WORD, 64), each.sha256("stated"), recomputed, each.choice("status", Status))


def _in_order(found: tuple[_V, ...], keys: tuple[str, ...] | tuple[int, ...], fact: Fields) -> tuple[_V, ...]:
    if list(keys) != sorted(set(keys), key=lambda key: (key if isinstance(key, int) else 0, str(key).encode())):
        raise Malformed(f"{fact.what}: not sorted, or one is named twice", check_id="CLAIM-SETS")
    return found
