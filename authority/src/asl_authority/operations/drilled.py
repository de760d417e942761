"""Which keys of a domain were never restored in a drill: its log has none of them that passed."""

from __future__ import annotations

from collections.abc import Iterable

from asl_authority.errors import Malformed
from asl_authority.operations.genesis import USES
from asl_authority.storage import durable, layout
from asl_authority.storage.disk import Disk
from asl_authority.storage.layout import DomainPaths
from asl_authority.values.log_entry import Entry
from asl_authority.values.log_record import RecordType
from asl_authority.values.public_key_file import MOST_BYTES, read_public_key_file


def undrilled(disk: Disk, paths: DomainPaths, entries: Iterable[tuple[int, Entry]]) -> tuple[str, ...]:
    """Their names, in the order of a genesis; a key that lies elsewhere is none. Raises Damaged, IoFailed."""
    drilled = {
        entry.facts.get("key_id")
        for _, entry in entries
        if entry.type is RecordType.ARTIFACT and "drill" in entry.facts and entry.facts.get("passed") is True
    }
    return tuple(name for name in USES if _key_id(disk, paths, name) not in {None, *drilled})


def _key_id(disk: Disk, paths: DomainPaths, name: str) -> str | None:
    """The id of a key whose private half is at rest here; None when it is not, or nothing says which it is."""
    if not disk.is_file(paths.root / layout.private_key_name(name)):
        return None
    try:
        return read_public_key_file(durable.read(disk, paths.root / layout.public_key_name(name), MOST_BYTES)).key_id
    except (FileNotFoundError, Malformed):
        return None
