"""A claim and the snapshot that pins it, written before the records that name them are logged."""

from __future__ import annotations

from pathlib import Path

from asl_authority.storage import durable
from asl_authority.storage.disk import Disk
from asl_authority.storage.domains import Domain
from asl_authority.storage.layout import StorePaths
from asl_authority.storage.snapshots import Inventory, write_snapshot
from asl_authority.values.claim import Claim
from asl_authority.values.fields import SHA256
from asl_authority.values.log_entry import Entry
from asl_authority.values.log_record import RecordType


def pin(domain: Domain, store: StorePaths, inventory: Inventory, claim: Claim) -> list[Entry]:
    """Write a claim and the snapshot that pins it; the records that say so are to be committed. Raises IoFailed.

    The inventory must be of the log's head: a record that named this snapshot would lie after it. So what an
    interrupted try has left under its name is named by nothing, and is taken away.
    """
    disk, data, name = domain.disk, claim.to_bytes(), claim.snapshot_id
    _clear(disk, store.claim(name))
    for path in (domain.paths.snapshot_blocks(name), domain.paths.snapshot_meta(name)):
        _clear(disk, path)
    durable.create(disk, store.claim(name), data)
    files = write_snapshot(disk, domain.paths, inventory, claim.digest)
    facts = {"snapshot_id": inventory.snapshot_id}
    return [
        Entry(RecordType.SNAPSHOT, files=files, facts=facts),
        Entry(RecordType.CLAIM, blocks=(domain.blocks.put(data),), facts=facts),
    ]


def claim_of(entry: Entry) -> tuple[str, str] | None:
    """The snapshot that a record pins a claim of, and the claim's SHA-256, under which its bytes are a block too."""
    snapshot_id = entry.facts.get("snapshot_id")
    if entry.type is not RecordType.CLAIM or len(entry.blocks) != 1 or type(snapshot_id) is not str:
        return None
    return (snapshot_id, entry.blocks[0]) if SHA256.fullmatch(snapshot_id) else None


def _clear(disk: Disk, path: Path) -> None:
    if disk.is_file(path):
        durable.remove(disk, path)
