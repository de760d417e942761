"""Published test vectors, made from support/samples: how they are written, and how they are read again.

A vector names the reader that it is for. A good one is read and written again as the same bytes; a bad one is refused
by the check that it names. `says` is what follows from a good one: digests, ids, payloads, signatures.
"""

from __future__ import annotations

import base64
import hashlib
import importlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from asl_authority.values.canonical import canonical_bytes
from asl_authority.values.ed25519 import SecretKey

FOLDER = Path(__file__).parents[1] / "authority/vectors"
WARNING = "The private keys in this file are public. Never use them for anything but tests."


@dataclass(frozen=True)
class Good:
    """Bytes that are read. `reader` is module.function of values/."""

    name: str
    reader: str
    data: bytes
    says: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Bad:
    """Bytes that are refused, and by which check."""

    name: str
    reader: str
    data: bytes
    check_id: str


@dataclass(frozen=True)
class Vectors:
    """One file of vectors; keys by the name that `says` and other vectors use."""

    paper: str
    good: Sequence[Good]
    bad: Sequence[Bad]
    keys: Mapping[str, SecretKey] = field(default_factory=dict)

    def to_text(self) -> str:
        """The file, as people read it too."""
        keys = {
            name: {
                "private_key_never_use": key.seed.hex(),
                "public_key": base64.b64encode(key.public.raw).decode(),
                "key_id": key.public.key_id,
            }
            for name, key in self.keys.items()
        }
        good = [
            {"name": each.name, "read": each.reader, **_shown(each.data)}
            | {"sha256": hashlib.sha256(each.data).hexdigest(), **each.says}
            for each in self.good
        ]
        bad = [
            {"name": each.name, "read": each.reader, **_shown(each.data), "check_id": each.check_id}
            for each in self.bad
        ]
        whole = {"paper": self.paper, "warning": WARNING, "keys": keys, "good": good, "bad": bad}
        return json.dumps(whole, indent=1, ensure_ascii=True) + "\n"


def _shown(data: bytes) -> dict[str, str]:
    """Text as text, other bytes in hexadecimal."""
    printable = data.isascii() and data.decode().replace("\n", "").isprintable()
    return {"text": data.decode()} if printable else {"hex": data.hex()}


def _bytes(case: Mapping[str, Any]) -> bytes:
    return bytes.fromhex(case["hex"]) if "hex" in case else str(case["text"]).encode()


def read_vectors(path: Path) -> tuple[list[Good], list[Bad]]:
    """The vectors of a published file."""
    whole = json.loads(path.read_text())
    return (
        [Good(case["name"], case["read"], _bytes(case), case) for case in whole["good"]],
        [Bad(case["name"], case["read"], _bytes(case), case["check_id"]) for case in whole["bad"]],
    )


@cache
def published() -> tuple[tuple[Good, ...], tuple[Bad, ...]]:
    """Every vector of this form."""
    good: list[Good] = []
    bad: list[Bad] = []
    for name, _ in samples():
        more_good, more_bad = read_vectors(FOLDER / f"{name}.json")
        good += more_good
        bad += more_bad
    return tuple(good), tuple(bad)


def samples() -> Iterator[tuple[str, Vectors]]:
    """What each module of support/samples makes, by the name of its file."""
    for path in sorted((Path(__file__).parent / "samples").glob("*.py")):
        module = importlib.import_module(f"support.samples.{path.stem}")
        yield path.stem, module.vectors()


def reader_of(name: str) -> Callable[[bytes], Any]:
    """The reader that a vector names."""
    module, function = name.split(".")
    found: Callable[[bytes], Any] = getattr(importlib.import_module(f"asl_authority.values.{module}"), function)
    return found


def changed(data: bytes, **members: Any) -> bytes:
    """A canonical body with other members; `a__b=1` goes into objects, `a=None` takes the member out."""
    value = json.loads(data)
    for path, new in members.items():
        *parents, name = path.split("__")
        inner = value
        for parent in parents:
            inner = inner[int(parent) if isinstance(inner, list) else parent]
        if isinstance(inner, list):
            inner[int(name)] = new
        elif new is None:
            del inner[name]
        else:
            inner[name] = new
    return canonical_bytes(value)


def main() -> None:
    """Write every file; git shows what changed."""
    for name, vectors in samples():
        (FOLDER / f"{name}.json").write_text(vectors.to_text())


if __name__ == "__main__":
    main()
