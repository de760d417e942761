"""Which keys of a domain were never restored in a drill: its log has none that passed since their passphrase is new."""

from __future__ import annotations

from collections.abc import Iterable

from asl_authority.errors import Damaged, Malformed, Refused
from asl_authority.operations.genesis import USES
from asl_authority.operations.key_files import KeyFile, follower_of, key_files
from asl_authority.storage import durable, layout
from asl_authority.storage.blocks import BlockStore
from asl_authority.storage.disk import Disk
from asl_authority.storage.layout import DomainPaths
from asl_authority.values.drill import read_drill
from asl_authority.values.log_entry import Entry
from asl_authority.values.log_record import RecordType
from asl_authority.values.public_key_file import MOST_BYTES, read_public_key_file

UNREADABLE = (FileNotFoundError, Damaged, Malformed, Refused)


def undrilled(disk: Disk, paths: DomainPaths, entries: Iterable[tuple[int, Entry]]) -> tuple[str, ...]:
    """Their names, in the order of a genesis; a key that lies elsewhere is none. Raises IoFailed.

    What else is wrong with the domain is said by its check, of which this is a note.
    """
    entries, drilled, former = list(entries), set[str](), set[str]()
    for _, entry in entries:
        if entry.type is RecordType.ARTIFACT and "drill" in entry.facts and entry.facts.get("passed") is True:
            if not former or _file_of(disk, paths, entry) not in former:
                drilled.add(str(entry.facts.get("key_id")))
        elif follower_of(entry):  # nobody has tried what opens this one
            drilled.discard(str(entry.facts.get("key_id")))
            former.add(str(entry.facts.get("follows")))
    files = key_files(entries)
    held = {name: _key_id(disk, paths, files.get(name, KeyFile(name))) for name in USES}
    return tuple(name for name, key_id in held.items() if key_id not in {None, *drilled})


def _file_of(disk: Disk, paths: DomainPaths, entry: Entry) -> str:
    """The SHA-256 of the key file that a drill was held with; empty where its record can't be read."""
    try:
        return read_drill(BlockStore(disk, paths).read(str(entry.facts["drill"]))).key_file
    except UNREADABLE:
        return ""


def _key_id(disk: Disk, paths: DomainPaths, file: KeyFile) -> str | None:
    """The id of a key whose private half is at rest here; None when it is not, or nothing says which it is."""
    if not disk.is_file(paths.root / file.path):
        return None
    try:
        return read_public_key_file(
            durable.read(disk, paths.root / layout.public_key_name(file.key), MOST_BYTES)
        ).key_id
    except UNREADABLE:
        return None
