"""Receipts read again from their domain, and the outputs that can be made again, made again from what went in."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeVar

from asl_authority.errors import Malformed, UsageError
from asl_authority.operations.act import Standing
from asl_authority.operations.run_acts import output_names
from asl_authority.storage import durable, layout
from asl_authority.storage.blocks import BlockStore
from asl_authority.values.canonical import read_canonical
from asl_authority.values.certificate import issue
from asl_authority.values.dam import KIND as DAM
from asl_authority.values.dam import Dam, Principal, read_dam
from asl_authority.values.dsse import read_envelope
from asl_authority.values.finding import Finding
from asl_authority.values.log_record import RecordType
from asl_authority.values.pel import read_program
from asl_authority.values.pel_run import run_program
from asl_authority.values.policy import read_policy
from asl_authority.values.receipt import (
    LIMITS,
    PAYLOAD_TYPE,
    REHEARSAL_TYPE,
    Receipt,
    check_replay,
    read_receipt,
)
from asl_authority.values.request import KIND as REQUEST
from asl_authority.values.request import AuthorityRequest, SubjectType, read_request
from asl_authority.values.rootset import read_root_set
from asl_authority.values.signed import read_signed
from asl_authority.values.snapshot import MOST_BYTES

T = TypeVar("T")

REPLAY_INPUTS = "REPLAY-INPUTS"
REPLAY_KEPT = "REPLAY-KEPT"


@dataclass(frozen=True)
class Listed:
    """A receipt where its domain's log has it."""

    logseq: int
    receipt: Receipt


def list_receipts(standing: Standing) -> list[Listed]:
    """Every receipt, in the order of the log. Raises Malformed, IoFailed."""
    kind = REHEARSAL_TYPE if standing.rehearsal else PAYLOAD_TYPE
    found = []
    for logseq, entry in standing.report.entries:
        if entry.type is RecordType.RECEIPT:
            data = _file(standing, layout.receipt_name(logseq))
            envelope = read_envelope(data, kind, LIMITS)
            found.append(Listed(logseq, read_receipt(envelope.payload, rehearsal=standing.rehearsal)))
    return found


def find_receipt(standing: Standing, wanted: str) -> Listed:
    """The receipt of this per_artifact_id, of the beginning of one, or of this record. Raises UsageError."""
    listed = list_receipts(standing)
    by_place = [each for each in listed if wanted == str(each.logseq)]
    by_name = [each for each in listed if len(wanted) >= 8 and each.receipt.per_artifact_id.startswith(wanted)]
    found = by_place or by_name
    if len(found) != 1:
        said = "no such receipt" if not found else f"{len(found)} receipts begin so"
        raise UsageError(f"{wanted[:70]!a}: {said} in {standing.domain_id}", hint="see: receipt list")
    return found[0]


def replay(standing: Standing, receipt: Receipt) -> tuple[Finding, ...]:
    """Whether every input is still at hand, every output still what it was, and what can be made again comes out so."""
    material = Material(standing)
    inputs = {digest: material.find(digest) for digest in (*receipt.inputs, receipt.parameters)}
    missing = sorted(digest for digest in receipt.inputs if inputs[digest] is None)
    kept = [each.name for each in receipt.outputs if material.find(each.sha256) is None]
    found = [
        Finding(
            REPLAY_INPUTS,
            not missing,
            f"not in the store: {', '.join(missing)}" if missing else f"{len(receipt.inputs)} inputs, all at hand",
        ),
        Finding(
            REPLAY_KEPT,
            not kept,
            f"not as they were: {', '.join(kept)}" if kept else f"{len(receipt.outputs)} outputs, all as they were",
        ),
    ]
    if missing:
        return tuple(found)
    at_hand = {digest: data for digest, data in inputs.items() if data is not None}
    made = _AGAIN.get(receipt.operation, _nothing)(receipt, at_hand)
    return (*found, check_replay(receipt, made))


class Material:
    """Everything that a domain keeps, by its SHA-256: blocks, and files that its log names."""

    def __init__(self, standing: Standing) -> None:
        self._standing = standing
        self._blocks = BlockStore(standing.source.disk, standing.source.paths)
        entries = standing.report.entries
        self._files = {digest: name for _, entry in entries for name, digest in entry.files.items()}

    def find(self, digest: str) -> bytes | None:
        """The bytes of this digest, or None."""
        if self._blocks.has(digest):
            return self._blocks.read(digest)
        name = self._files.get(digest)
        data = None if name is None else _file(self._standing, name)
        return data if data is not None and hashlib.sha256(data).hexdigest() == digest else None


def _file(standing: Standing, name: str) -> bytes:
    return durable.read(standing.source.disk, standing.source.paths.root / name, MOST_BYTES)


def _nothing(_: Receipt, __: Mapping[str, bytes]) -> dict[str, bytes]:
    return {}


def _run(receipt: Receipt, inputs: Mapping[str, bytes]) -> dict[str, bytes]:
    program = read_program(inputs[receipt.program])
    run = run_program(program, {digest: inputs[digest] for digest in program.inputs})
    named = output_names(run)
    return {name: run.outputs[name] for digest, name in named.items() if digest not in receipt.inputs}


def _domain_create(receipt: Receipt, inputs: Mapping[str, bytes]) -> dict[str, bytes]:
    """Certificates and the first DAM follow from policy, roots and requests."""
    policy, roots = _read_all(read_policy, inputs)[0], _read_all(read_root_set, inputs)[0]
    rehearsal = receipt.rehearsal
    signed = _read_all(lambda data: read_signed(data, REQUEST, read_request, rehearsal=rehearsal), inputs)
    requests = [each.body for each in signed]
    wanted = {each.sha256 for each in receipt.outputs}
    made = {}
    for request in requests:
        for root in roots.root_keys:
            certificate = issue(request, root)
            if certificate.digest in wanted:
                made[layout.certificate_name(certificate.digest)] = certificate.to_bytes()
    dam = _first_dam(receipt.domain_id, requests, policy.hash)
    return {**made, layout.dam_name(1): dam.to_bytes()}


def _first_dam(domain_id: str, requests: list[AuthorityRequest], policy_hash: str) -> Dam:
    root = next(each for each in requests if each.subject_type is SubjectType.DOMAIN_ROOT)
    principals = [
        Principal(each.subject_pubkey, each.roles) for each in requests if each.subject_type is SubjectType.PRINCIPAL
    ]
    return Dam(domain_id, 1, root.subject_pubkey, tuple(principals), policy_hash)


def _dam_rotate(receipt: Receipt, inputs: Mapping[str, bytes]) -> dict[str, bytes]:
    """The body was all there when it was confirmed."""
    asked = read_canonical(inputs[receipt.parameters], DAM.limits)
    dam = read_dam(str(asked["dam"]).encode())
    return {layout.dam_name(dam.version): dam.to_bytes()}


def _read_all(read: Callable[[bytes], T], inputs: Mapping[str, bytes]) -> list[T]:
    """The inputs that are of one kind."""
    found = []
    for data in inputs.values():
        with suppress(Malformed):
            found.append(read(data))
    return found


# What makes the outputs of an operation again, by the receipt's word for it; of others every output is declared.
_AGAIN: Mapping[str, Callable[[Receipt, Mapping[str, bytes]], dict[str, bytes]]] = {
    "run": _run,
    "domain-create": _domain_create,
    "dam-rotate": _dam_rotate,
}
