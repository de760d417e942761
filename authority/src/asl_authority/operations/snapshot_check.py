"""The snapshots of a domain: which there are, and whether the store still holds what one of them pins."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from asl_authority.errors import Damaged, Malformed, UsageError
from asl_authority.operations.reading import Source, check_heads
from asl_authority.storage.snapshots import check_snapshot, load_snapshot, snapshot_ids
from asl_authority.values.dam import Dam, check_reference
from asl_authority.values.ed25519 import PublicKey
from asl_authority.values.fields import SHA256
from asl_authority.values.finding import Finding
from asl_authority.values.signed import Signed
from asl_authority.values.snapshot import Blocks, Snapshot, check_checksum, check_snapshot_id

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


def check_referred(signed: Signed[Dam], snapshot: Snapshot, blocks: Blocks, named: str) -> tuple[Finding, ...]:
    """Whether a snapshot of its domain refers to a DAM, with files alone. `named` is the id that the files have.

    A DAM is a block of its store as its envelope, which has its body.
    """
    dam, envelope = signed.body, hashlib.sha256(signed.to_bytes()).hexdigest()
    there = any(each.sha256 == envelope for each in blocks.files)
    same = snapshot.domain_id == dam.domain_id
    return (
        Finding(SNAPSHOT_DOMAIN, same, f"of {snapshot.domain_id}" + ("" if same else f", not of {dam.domain_id}")),
        check_snapshot_id(snapshot, named),
        check_checksum(snapshot, blocks.checksum),
        check_reference(dam, dam.hash if there else None),
    )
