"""Snapshots as operations: one of what the store holds now, and the return to an earlier one, with nothing lost."""

from __future__ import annotations

from asl_authority.errors import Refused, UsageError
from asl_authority.operations.act import Act, Bench, Made, Standing
from asl_authority.operations.pieces import Piece
from asl_authority.operations.pinning import pin
from asl_authority.storage.snapshots import check_snapshot, load_snapshot, take_inventory
from asl_authority.values.canonical import canonical_bytes
from asl_authority.values.fields import SHA256
from asl_authority.values.log_record import RecordType


def create_act(standing: Standing) -> Act:
    """Pin the head of the log and everything in the store, under a claim of its own."""
    head = standing.report.head
    asked = {"domain_id": standing.domain_id, "operation": "snapshot-create", "root": head.root.hex()}
    parameters = canonical_bytes({**asked, "size": head.size})
    lines = (
        f"a snapshot of {standing.domain_id}",
        f"  head of its log now: {head.size} records",
        f"  {head.root.hex()}",
    )

    def make(bench: Bench) -> Made:
        domain = bench.domain
        now = domain.log.head
        if now is None:
            raise AssertionError("a log that is not open")
        inventory = take_inventory(domain.disk, domain.paths, standing.domain_id, now)
        claim = bench.gate.claim(inventory, bench.claim.digest)
        return Made(tuple(pin(domain, standing.store, inventory, claim)))

    return Act("snapshot-create", "a snapshot", lines, parameters, make)


def restore_act(standing: Standing, snapshot_id: str) -> Act:
    """Go back to what an earlier snapshot pins: the log goes on, and says so.

    Raises UsageError when there is no such snapshot, Refused when the store does not hold what it pins.
    """
    source, kind = standing.source, RecordType.SNAPSHOT
    pinned = [str(entry.facts.get("snapshot_id")) for _, entry in standing.report.entries if entry.type is kind]
    if not SHA256.fullmatch(snapshot_id) or snapshot_id not in pinned:
        raise UsageError(f"{snapshot_id[:70]!a}: no such snapshot in its log", hint="see: snapshot list")
    if standing.report.view.current_snapshot == snapshot_id:
        raise Refused(f"{snapshot_id} is the current one: there is nothing to restore", check_id="SNAPSHOT-CURRENT")
    snapshot = load_snapshot(source.disk, source.paths, snapshot_id)
    for finding in check_snapshot(source.disk, source.paths, snapshot_id, source.log().root_at):
        if not finding.ok:
            raise Refused(f"snapshot {snapshot_id}: {finding.detail}", check_id=finding.check_id)
    lines = (
        f"back to snapshot {snapshot_id}",
        f"  of {snapshot.head.size} records, {snapshot.block_count} files, {snapshot.byte_count} bytes",
        f"  the log has {standing.report.head.size} records and keeps them all",
    )
    parameters = {"domain_id": standing.domain_id, "operation": "snapshot-restore", "snapshot_id": snapshot_id}

    def make(bench: Bench) -> Made:
        facts = {"snapshot_id": snapshot_id, "size": snapshot.head.size, "root": snapshot.head.root}
        block = canonical_bytes({**parameters, "from": bench.claim.snapshot_id})
        return Made((bench.put(Piece(RecordType.RESTORE, blocks=(block,), facts=facts)),))

    return Act("snapshot-restore", f"the return to snapshot {snapshot_id}", lines, canonical_bytes(parameters), make)
