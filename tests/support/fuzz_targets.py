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
from asl_authority.values import iso9660, policy_text
from asl_authority.values.canonical import Limits
from asl_authority.values.checkpoint import Checkpoint, LogProof
from asl_authority.values.ed25519 import SecretKey
from asl_authority.values.log_record import OURS, Record, file_bytes
from asl_authority.values.merkle import leaf_hash
from asl_authority.values.paper_head import paper_head
from asl_authority.values.signed_note import NoteKey, NoteSigner
from support.published import FOLDER, published
from support.samples.share_set import shares

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
    """The first byte says which type of record of ours; no other is read as an entry."""
    types = sorted(OURS)

    def one(data: bytes) -> None:
        if read(types[(data or b"\0")[0] % len(types)], data[1:]).to_bytes() != data[1:]:
            raise AssertionError("read, and written again as something else")

    return one


def _typed(read: Callable[..., Any]) -> Reader:
    """The first line is one word of the operator's, the rest the other."""

    def one(data: bytes) -> None:
        first, _, rest = data.decode("utf-8", "replace").partition("\n")
        read(first, rest)

    return one


def _medium(read: Callable[..., Any]) -> Reader:
    """A medium from its descriptor on; a file is looked for too."""

    def one(data: bytes) -> None:
        medium = bytes(iso9660.VOLUME_AT) + data

        def read_at(at: int, size: int) -> bytes:
            return medium[at : at + size]

        iso9660.find_file(read_at, read(read_at), ("asl", "SHA256SUMS"))

    return one


def _volume() -> bytes:
    """A descriptor whose root folder lies in the next sector, and has a folder `asl` that is itself."""
    folder = bytearray(34)
    folder[0], folder[2], folder[11], folder[25], folder[32] = 34, 17, 8, 2, 1
    head = bytearray(iso9660.SECTOR)
    head[:7], head[80], head[129], head[156:190] = b"\x01CD001\x01", 20, 8, folder
    named = folder[:33] + b"ANM\x08\x01\0asl"
    named[0], named[32] = len(named), 1
    return bytes(head) + bytes(named).ljust(iso9660.SECTOR, b"\0")


def _signed(read: Callable[..., Any]) -> Reader:
    from asl_authority.values import dam

    return lambda data: read(data, dam.KIND, dam.read_dam)


# Readers that want more than the bytes.
MORE: Mapping[str, Callable[[Callable[..., Any]], Reader]] = {
    "age.read_header": _with(10),
    "cbor.read_cbor": _with(Limits()),
    "checkpoint.read_checkpoint": _with("example.org/log", ()),
    "checkpoint.read_checkpoint_text": _text,
    "dsse.read_envelope": _with("application/vnd.asl.dam.v1+json"),
    "iso9660.read_volume": _medium,
    "kernel_words.read_kernel_words": _text,
    "kept_head.read_kept_checkpoint": _with("example.org/log"),
    "kept_head.read_typed_head": _text,
    "log_entry.read_entry": _entry,
    "paper_head.read_paper_head": _typed,
    "signed.read_signed": _signed,
    "slip39.read_share": _text,
    "signed_note.read_note_key": _text,
    "snapshot.read_lines": _lines,
}
KEY = SecretKey(bytes(range(32)))
HEAD = Checkpoint("example.org/log", 1, leaf_hash(b"a"))
NOTE = HEAD.signed(NoteSigner("example.org/log", KEY))
PAPER = paper_head(HEAD)


def _envelopes() -> list[bytes]:
    return [case.says["envelope"].encode() for case in published()[0] if "envelope" in case.says]


# What a reader takes that no published vector is for.
SEEDS: Mapping[str, Callable[[], list[bytes]]] = {
    "age.read_header": lambda: [path.read_bytes() for path in sorted((FOLDER / "cctv-age").iterdir())],
    "cbor.read_cbor": lambda: [case.data for case in published()[0] if case.reader.startswith("cbor_views.")],
    "checkpoint.read_checkpoint": lambda: [NOTE.to_bytes()],
    "checkpoint.read_checkpoint_text": lambda: [NOTE.text.encode()],
    "checkpoint.read_log_proof": lambda: [LogProof(0, (), NOTE).to_bytes()],
    "dsse.read_envelope": _envelopes,
    "ed25519.read_spki": lambda: [KEY.public.spki],
    "iso9660.read_volume": lambda: [_volume()],
    "kernel_words.read_kernel_words": lambda: [
        f"quiet asl.image={'0' * 64} asl.layer=base,7,{'1' * 64},{'2' * 64} ro".encode()
    ],
    "paper_head.read_paper_head": lambda: [b"1\n" + " ".join(PAPER.words).encode()],
    "kept_head.read_kept_checkpoint": lambda: [NOTE.to_bytes()],
    "kept_head.read_typed_head": lambda: [PAPER.to_text().encode(), f"1 {HEAD.root.hex()}".encode()],
    "keyfile.read_pkcs8": lambda: [KEY.pkcs8],
    "log_entry.read_entry": lambda: [b'\0{"facts":{"a":1},"session":"' + b"0" * 32 + b'","type":"asl.log-domain/1"}'],
    "log_record.read_records": lambda: [file_bytes([Record(1, 0x8001, b"{}"), Record(2, 7, b"")])],
    "signed.read_signed": _envelopes,
    "slip39.read_share": lambda: [" ".join(share.words).encode() for share in shares()],
    "signed_note.read_note": lambda: [NOTE.to_bytes()],
    "signed_note.read_note_key": lambda: [NoteKey("example.org/log", KEY.public).to_text().encode()],
    "policy_text.read_policy_text": lambda: [policy_text.TEMPLATE.encode()],
}


# Readers of texts by people: one value has several, and no vector tells.
SEVERAL_TEXTS = frozenset(("policy_text.read_policy_text",))


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
        # A bare number has a method of this name too.
        if self.one_text and hasattr(value, "to_bytes") and not isinstance(value, int) and value.to_bytes() != data:
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
    several = {case.reader for case in good if "canonical" in case.says} | SEVERAL_TEXTS
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
