"""What our own log records say: canonical JSON that names the artifacts of an operation."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from asl_authority.errors import Malformed
from asl_authority.values.canonical import Limits, canonical_bytes, read_canonical
from asl_authority.values.fields import SHA256, Fields
from asl_authority.values.finding import Finding
from asl_authority.values.log_record import MOST_PAYLOAD, OURS, RecordType
from asl_authority.values.rules import Rule

PAPER = "ENC/ASL-LOG/1"

RULES = (
    Rule("LOG-ENTRY-SCHEMA", PAPER, "C", "Ours say their type and no more than session, left, blocks, files, facts."),
    Rule("LOG-ENTRY-TYPE", PAPER, "C", "What a record says of itself is the type that it is filed under."),
    Rule("DAM-RECORDED", PAPER, "C", "The record that brought a DAM into force names it and its envelope by digest."),
    Rule("LOG-ENTRY-PATHS", PAPER, "C", "Files are named by plain paths below the log's own domain."),
)  # fmt: skip

LIMITS = Limits(size=MOST_PAYLOAD, depth=12, count=50_000)
MOST_NAMED = 10_000
SESSION = re.compile(r"[0-9a-f]{32}", re.ASCII)
PATH = re.compile(r"[a-z0-9][A-Za-z0-9._-]{0,127}(?:/[A-Za-z0-9][A-Za-z0-9._-]{0,127}){0,7}", re.ASCII)
_NOTHING: Mapping[str, Any] = MappingProxyType({})
_NAMES = ("type", "session?", "left?", "blocks?", "files?", "facts?")
_TYPES: Mapping[int, str] = {kind: f"asl.log-{kind.name.lower().replace('_', '-')}/1" for kind in OURS}


@dataclass(frozen=True)
class Entry:
    """One record of ours.

    `session` is the boot's, in 32 hexadecimal digits. `left` is how many records of the same operation follow. `blocks`
    are ids in the store, sorted; `files` are paths below the log's domain, with their SHA-256. `facts` is whatever that
    type of record says besides.
    """

    type: RecordType
    session: str = ""
    left: int = 0
    blocks: tuple[str, ...] = ()
    files: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    facts: Mapping[str, Any] = field(default_factory=lambda: _NOTHING)

    def to_bytes(self) -> bytes:
        """The payload. Raises Malformed or ValueError for what no reader would take."""
        members: dict[str, Any] = {"session": self.session, "left": self.left, "blocks": list(self.blocks)}
        members |= {"files": dict(self.files), "facts": dict(self.facts)}
        present = {name: value for name, value in members.items() if value}
        payload = canonical_bytes({"type": _TYPES[self.type], **present})
        read_entry(self.type, payload)
        return payload


def numbered(entries: Sequence[Entry], session: str, more: int = 0) -> list[Entry]:
    """The records of one operation as they will lie in the log, when `more` follow these."""
    count = len(entries) + more
    return [
        replace(entry, session=entry.session or session, left=count - place - 1) for place, entry in enumerate(entries)
    ]


def check_recorded(entry: Entry, dam: str, envelope: str) -> Finding:
    """DAM-RECORDED: the record is that of this DAM with this envelope, both by SHA-256."""
    if entry.type is not RecordType.DAM:
        return Finding("DAM-RECORDED", False, f"a record {entry.type.name}, which brings no DAM into force")
    names = entry.facts.get("dam") == dam and envelope in entry.blocks
    said = f"a record {entry.type.name} that names the DAM {entry.facts.get('dam', 'none')}; this is {dam},"
    words = f"the record names the DAM {dam}, and" if names else said
    return Finding("DAM-RECORDED", names, f"{words} its envelope {envelope}")


def check_type(kind: int, value: Mapping[str, Any]) -> None:
    """Raise Malformed unless the payload `value` of a record of ours says the type that the record has."""
    if value.get("type") != _TYPES[kind]:
        raise Malformed(f"{str(value.get('type'))[:60]!a} in a record {_TYPES[kind]}", check_id="LOG-ENTRY-TYPE")


def read_entry(kind: int, payload: bytes) -> Entry:
    """What a record of ours says; `kind` is the record's type. Raises Malformed."""
    value = read_canonical(payload, LIMITS)
    check_type(kind, value)
    fields = Fields(value, _NAMES, "record", "LOG-ENTRY-SCHEMA")
    for name in ("session", "left", "blocks", "files", "facts"):
        if fields.has(name) and not fields.value[name]:
            raise fields.wrong(name, "what is empty is left out")
    files = fields.mapping("files", MOST_NAMED) if fields.has("files") else _NOTHING
    for path, digest in files.items():
        if not PATH.fullmatch(path) or ".." in path:
            raise Malformed(f"{path[:60]!a} is no plain path below a domain", check_id="LOG-ENTRY-PATHS")
        if type(digest) is not str or not SHA256.fullmatch(digest):
            raise fields.wrong("files", f"{path}: expected a SHA-256 in lower-case hexadecimal")
    return Entry(
        type=RecordType(kind),
        session=fields.text("session", SESSION) if fields.has("session") else "",
        left=fields.integer("left", 1, MOST_NAMED) if fields.has("left") else 0,
        blocks=fields.digests("blocks", MOST_NAMED) if fields.has("blocks") else (),
        files=files,
        facts=fields.mapping("facts") if fields.has("facts") else _NOTHING,
    )
