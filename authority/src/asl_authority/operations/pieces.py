"""One record of an operation with its artifacts, and how these come into a domain: before the record does."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from asl_authority.storage import durable
from asl_authority.storage.domains import Domain
from asl_authority.values.log_entry import Entry
from asl_authority.values.log_record import RecordType


@dataclass(frozen=True)
class Piece:
    """One record with its artifacts: files by their path below the domain, blocks by content."""

    type: RecordType
    files: Mapping[str, bytes] = field(default_factory=dict)
    blocks: tuple[bytes, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)


def put(domain: Domain, piece: Piece, logged: Collection[str] = ()) -> Entry:
    """Write what a record names, and only then have the record. `logged` are the paths that the log names already.

    Any other file under one of the piece's names was left by an interrupted try: nothing speaks of it, and it is taken
    away. Raises Refused when a name is taken by what the log speaks of, IoFailed.
    """
    for name in piece.files:
        path = domain.paths.root / name
        if name not in logged and domain.disk.is_file(path):
            durable.remove(domain.disk, path)
    files = {name: domain.write(name, data) for name, data in piece.files.items()}
    blocks = tuple(sorted({domain.blocks.put(data) for data in piece.blocks}))
    return Entry(piece.type, blocks=blocks, files=files, facts=piece.facts)
