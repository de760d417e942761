"""One receipt of a store, judged by what the store itself has: the DAM of its time, the receipt before it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from asl_authority.operations.act import Standing
from asl_authority.operations.domain_reading import InForce, Reading, read_domain
from asl_authority.operations.operation_check import load_receipt, payloads_under
from asl_authority.operations.replay import Listed, Material, list_receipts
from asl_authority.storage import layout
from asl_authority.storage.snapshots import load_snapshot
from asl_authority.values.claim import Claim
from asl_authority.values.dsse import Envelope, read_envelope
from asl_authority.values.finding import Finding
from asl_authority.values.log_record import RecordType
from asl_authority.values.receipt import LIMITS, check_inputs, check_records
from asl_authority.values.snapshot import Snapshot


@dataclass(frozen=True)
class Judged:
    """What was found of a receipt, and the DAM that it was judged by.

    `domain` are the checks of its whole domain that do not hold: then nothing in it proves anything.
    """

    in_force: InForce
    findings: tuple[Finding, ...]
    domain: tuple[Finding, ...]


def load_envelope(standing: Standing, found: Listed) -> Envelope:
    """A listed receipt with its signatures. Raises Damaged, Malformed, IoFailed."""
    reading, kind = _reading(standing), found.receipt.payload_type
    return reading.load(layout.receipt_name(found.logseq), lambda data: read_envelope(data, kind, LIMITS), 8 << 20)


def judge_receipt(standing: Standing, found: Listed, given: Mapping[str, object]) -> Judged:
    """Every rule that the store can answer; `given` are files that are said to have gone in, by SHA-256.

    What of the inputs is not given is taken from the store. Raises Damaged, Malformed, IoFailed.
    """
    reading, listed = _reading(standing), list_receipts(standing)
    before = [each.receipt.per_artifact_id for each in listed if each.logseq < found.logseq]
    in_force = standing.report.authority.before(reading.operation_of(found.logseq))
    ids = {entry.facts.get("snapshot_id") for _, entry in reading.of(RecordType.SNAPSHOT)}

    def pinned(snapshot_id: str) -> tuple[Snapshot, Claim] | None:
        if snapshot_id not in ids:
            return None
        return load_snapshot(reading.disk, reading.paths, snapshot_id), reading.claim(snapshot_id)

    previous = before[-1] if before else None
    _, findings = load_receipt(reading, in_force, found.logseq, previous, pinned, rehearsal=standing.rehearsal)
    material = Material(standing)
    at_hand = {digest: "" for digest in found.receipt.inputs if material.find(digest) is not None}
    findings.append(check_records(found.receipt, payloads_under(reading.entries, found.logseq)))
    findings.append(check_inputs(found.receipt, {**at_hand, **given}))
    wrong = (each for each in standing.report.findings if not each.ok and each not in findings)
    return Judged(in_force, tuple(findings), tuple(dict.fromkeys(wrong)))


def _reading(standing: Standing) -> Reading:
    source = standing.source
    return read_domain(source.disk, standing.store, source.paths, standing.domain_id, rehearsal=standing.rehearsal)[0]
