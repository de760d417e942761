"""The snapshots of a domain: which there are, and whether the store still holds what one of them pins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from asl_authority.errors import Damaged, Malformed, UsageError
from asl_authority.operations.reading import Source, check_heads
from asl_authority.storage.snapshots import check_snapshot, load_snapshot, snapshot_ids
from asl_authority.values.ed25519 import PublicKey
from asl_authority.values.fields import SHA256
from asl_authority.values.finding import Finding
from asl_authority.values.snapshot import Snapshot

SNAPSHOT_DOMAIN = "SNAPSHOT-DOMAIN"


@dataclass(frozen=True)
class Listed:
    """The snapshots by the length of the log that they pin, and what is wrong with the others."""

    snapshots: tuple[Snapshot, ...]
    damaged: tuple[Finding, ...]


def list_snapshots(source: Source) -> Listed:
    """What the meta files say; nothing else is looked at. Raises IoFailed."""
    good, damaged = [], []
    for snapshot_id in snapshot_ids(source.disk, source.paths):
        try:
            good.append(load_snapshot(source.disk, source.paths, snapshot_id))
        except Malformed as error:
            damaged.append(Finding(error.check_id, False, f"snapshot {snapshot_id}: {error}"))
    return Listed(tuple(sorted(good, key=lambda each: (each.logseq, each.snapshot_id))), tuple(damaged))


def verify_snapshot(source: Source, snapshot_id: str, keys: Sequence[PublicKey] | None) -> tuple[Finding, ...]:
    """Hold a snapshot to itself, to the store, and to the log with its signed head.

    Raises UsageError when there is none of this id, Damaged, IoFailed.
    """
    if not SHA256.fullmatch(snapshot_id) or snapshot_id not in snapshot_ids(source.disk, source.paths):
        raise UsageError(f"{snapshot_id[:70]!a}: no such snapshot here", hint="see: snapshot list")
    reader = source.log()
    try:
        pinned = load_snapshot(source.disk, source.paths, snapshot_id)
        found = check_snapshot(
            source.disk,
            source.paths,
            snapshot_id,
            lambda size: reader.root_at(size) if size <= reader.head.size else None,
        )
    except FileNotFoundError:
        raise Damaged(
            f"{source.paths.snapshot_blocks(snapshot_id)}: the list is gone", check_id="STORE-FILE-LOST"
        ) from None
    except Malformed as error:
        raise Damaged(f"snapshot {snapshot_id}: {error}", check_id=error.check_id) from None
    same = Finding(SNAPSHOT_DOMAIN, pinned.domain_id == source.domain_id, f"of {pinned.domain_id}")
    return (same, *found, *check_heads(reader.heads, keys))
