"""Every operation of a log ends in a receipt that covers it, or is a claim or a recovery: nobody vouches for others."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from asl_authority.errors import Damaged, Malformed
from asl_authority.operations.domain_reading import Authority, InForce, Reading
from asl_authority.operations.twice import verified_elsewhere
from asl_authority.storage import layout
from asl_authority.storage.log_recovery import Operation
from asl_authority.storage.snapshots import check_snapshot, load_snapshot
from asl_authority.values.claim import Claim, check_named, check_pinned, check_previous
from asl_authority.values.dsse import check_signatures, read_envelope
from asl_authority.values.fields import SHA256
from asl_authority.values.finding import Finding
from asl_authority.values.log_entry import Entry
from asl_authority.values.log_record import BARE, RecordType
from asl_authority.values.per_signature import check_per_signature, check_place, read_per_signature
from asl_authority.values.receipt import (
    LIMITS,
    PAYLOAD_TYPE,
    REHEARSAL_TYPE,
    Receipt,
    check_claim,
    check_policy,
    check_records,
    read_receipt,
)
from asl_authority.values.receipt import check_previous as check_previous_receipt
from asl_authority.values.roles import Role
from asl_authority.values.snapshot import Snapshot

DOMAIN_OPERATIONS = "DOMAIN-OPERATIONS"
RECOVERED = "log/recovered/"


def operations_of(entries: Iterable[tuple[int, Entry]]) -> list[list[tuple[int, Entry]]]:
    """The records of a log by the operations that they belong to."""
    found: list[list[tuple[int, Entry]]] = []
    ended = True
    for logseq, entry in entries:
        if ended:
            found.append([])
        found[-1].append((logseq, entry))
        ended = entry.left == 0
    return found


def _by_receipts(entries: Iterable[tuple[int, Entry]]) -> tuple[list[list[tuple[int, Entry]]], bool]:
    """The records of a log by the receipts that they are under, and whether a genesis is the first."""
    found = operations_of(entries)
    genesis = len(found) > 1 and found[0][0][1].type is RecordType.DOMAIN
    return ([found[0] + found[1], *found[2:]] if genesis else found), genesis


def payloads_under(entries: Iterable[tuple[int, Entry]], logseq: int) -> list[bytes]:
    """The payloads of the records that the receipt at `logseq` is of, in their order; of a genesis both operations."""
    operations, _ = _by_receipts(entries)
    found = next((operation for operation in operations if operation[-1][0] == logseq), [])
    return [entry.to_bytes() for _, entry in found if entry.type is not RecordType.RECEIPT]


def check_operations(entries: Sequence[tuple[int, Entry]], receipts: Mapping[int, Receipt]) -> Finding:
    """DOMAIN-OPERATIONS: each is a claim or a recovery, or ends in a receipt that covers all that it names.

    `receipts` are those of the log, by record; whether each holds is checked elsewhere. A genesis is two operations
    under the receipt of the second.
    """
    operations, genesis = _by_receipts(entries)
    # Two operations in one have the shape of none.
    shaped = ["" if genesis and not number else _shaped(operation) for number, operation in enumerate(operations)]
    wrong = [words or _covered(operation, receipts) for words, operation in zip(shaped, operations, strict=True)]
    wrong = [words for words in wrong if words]
    said = "; ".join(wrong[:3]) or f"{len(operations)} operations, and a receipt vouches for each that takes one"
    return Finding(DOMAIN_OPERATIONS, not wrong, said)


def load_receipt(
    reading: Reading,
    in_force: InForce,
    logseq: int,
    previous: str | None,
    pinned: Callable[[str], tuple[Snapshot, Claim] | None],
    *,
    rehearsal: bool,
) -> tuple[Receipt, list[Finding]]:
    """The receipt that a record names, and what is to be said of it. Raises Damaged, Malformed, IoFailed.

    It is judged by what was `in_force` when its operation began; `pinned` has the log's snapshots with their claims, by
    id, and `previous` is the per_artifact_id of the receipt before.
    """
    dam, kind = in_force.dam.body, REHEARSAL_TYPE if rehearsal else PAYLOAD_TYPE
    scope = set(dam.effective_scope)
    roles = {each.principal_id: scope.intersection(each.roles) for each in dam.principals}
    keys = {each.principal_id: each.public_key for each in dam.principals}
    may = {name: key for name, key in keys.items() if Role.EXECUTE in roles[name]}
    envelope = reading.load(layout.receipt_name(logseq), lambda data: read_envelope(data, kind, LIMITS), 8 << 20)
    receipt = read_receipt(envelope.payload, rehearsal=rehearsal)
    # Nobody's signature is wrong, and one of those counts who may do anything.
    found = [check_signatures(envelope, keys)[0], check_signatures(envelope, may)[1]]
    found += verified_elsewhere(envelope, keys.values())
    signature = reading.load(layout.receipt_signature_name(logseq), read_per_signature)
    found += check_per_signature(signature, receipt, roles)
    found += [check_policy(receipt, dam.policy_hash), check_previous_receipt(receipt, previous)]
    if (there := pinned(receipt.snapshot_id)) is not None:
        found += [*check_place(receipt, there[0], logseq), check_claim(receipt, there[1])]
    else:
        found.append(Finding("PER-SNAPSHOT", False, f"{receipt.snapshot_id} is no snapshot of this domain"))
    return receipt, found


class Voucher:
    """Says of each operation behind a log's head why nobody vouches for it; empty when somebody does.

    `read` gives the domain up to its head, `authority` what is in force there; the last receipt and claim are those
    that what follows must name.
    """

    def __init__(
        self, read: Callable[[], Reading], authority: Authority, last_receipt: str | None, last_claim: Claim | None
    ) -> None:
        self._read = read
        self._reading: Reading | None = None
        self._authority = authority
        self._last_receipt = last_receipt
        self._last_claim = last_claim

    def __call__(self, operation: Operation) -> str:
        """Judge the next one. Raises IoFailed."""
        if reason := _shaped(operation):
            return reason
        try:
            reason = self._signed(operation) if not _is_bare(operation) else self._bare(operation)
        except (Malformed, Damaged) as error:
            reason = f"record {operation[0][0]}: {error}"
        except FileNotFoundError as error:
            reason = f"record {operation[0][0]}: {error.filename} is not there"
        return reason

    def _there(self) -> Reading:
        if self._reading is None:
            self._reading = self._read()
        return self._reading

    def _signed(self, operation: Operation) -> str:
        reading, logseq = self._there(), operation[-1][0]
        in_force, rehearsal = self._authority.before(operation[0][0]), self._authority.rehearsal
        receipt, found = load_receipt(reading, in_force, logseq, self._last_receipt, self._pinned, rehearsal=rehearsal)
        if reason := _broken(logseq, found) or _covered(operation, {logseq: receipt}):
            return reason
        self._last_receipt = receipt.per_artifact_id
        reading.entries += operation
        return ""

    def _bare(self, operation: Operation) -> str:
        """A recovery names what was moved away; a claim is that of the snapshot that is logged with it."""
        logseq, entry = operation[0]
        types = [each.type for _, each in operation]
        if types == [RecordType.RECOVERY]:
            other = [name for name in entry.files if not name.startswith(RECOVERED)]
            return f"record {logseq}: {other[0]} was not recovered" if other else ""
        snapshot_id = str(entry.facts.get("snapshot_id", ""))
        last = operation[-1][1]
        same = SHA256.fullmatch(snapshot_id) and last.facts.get("snapshot_id") == snapshot_id
        if types != [RecordType.SNAPSHOT, RecordType.CLAIM] or not same:
            return f"record {logseq}: neither a snapshot with its claim nor a recovery"
        if set(entry.files) != {f"snapshots/snapshot-{snapshot_id}.{end}" for end in ("blocks", "meta")}:
            return f"record {logseq}: names other files than its snapshot's"
        reading = self._there()
        snapshot, claim = load_snapshot(reading.disk, reading.paths, snapshot_id), reading.claim(snapshot_id)
        found = [
            *check_snapshot(reading.disk, reading.paths, snapshot_id, self._root_at),
            check_named(claim, snapshot_id),
            check_pinned(claim, snapshot),
            check_previous(claim, self._last_claim.digest if self._last_claim else None),
        ]
        if last.blocks != (claim.digest,):
            return f"record {logseq + 1}: its block is not the snapshot's claim"
        if reason := _broken(logseq, found):
            return reason
        self._last_claim = claim
        reading.entries += operation
        return ""

    def _root_at(self, size: int) -> bytes | None:
        reader = self._there().reader
        return reader.root_at(size) if size <= reader.head.size else None

    def _pinned(self, snapshot_id: str) -> tuple[Snapshot, Claim] | None:
        reading = self._there()
        if all(entry.facts.get("snapshot_id") != snapshot_id for _, entry in reading.of(RecordType.SNAPSHOT)):
            return None
        return load_snapshot(reading.disk, reading.paths, snapshot_id), reading.claim(snapshot_id)


def _is_bare(operation: Operation) -> bool:
    return all(entry.type in BARE for _, entry in operation)


def _shaped(operation: Operation) -> str:
    """What an operation's records are not: all there, with one receipt, at the end, that has its two files."""
    first, (logseq, last) = operation[0][0], operation[-1]
    where = f"records {first} to {logseq}" if len(operation) > 1 else f"record {logseq}"
    numbered = [(number, entry.left) for number, entry in operation]
    if numbered != [(first + place, len(operation) - 1 - place) for place in range(len(operation))]:
        return f"{where}: the records of an operation are not all there"
    if _is_bare(operation):
        return ""
    if [entry.type for _, entry in operation].count(RecordType.RECEIPT) != 1 or last.type is not RecordType.RECEIPT:
        return f"{where}: no receipt vouches for {_kinds(operation)}"
    if set(last.files) != {layout.receipt_name(logseq), layout.receipt_signature_name(logseq)}:
        return f"record {logseq}: names other files than its receipt's"
    return ""


def _kinds(operation: Operation) -> str:
    return ", ".join(sorted({entry.type.name for _, entry in operation if entry.type is not RecordType.RECEIPT}))


def _covered(operation: Operation, receipts: Mapping[int, Receipt]) -> str:
    """What is between an operation and its receipt: something that only one of them names."""
    if _is_bare(operation):
        return ""
    logseq, last = operation[-1]
    receipt = receipts.get(logseq)
    if receipt is None or dict(last.facts) != {"per_artifact_id": receipt.per_artifact_id}:
        return f"record {logseq}: is not that of the receipt which lies there"
    entries = [entry for _, entry in operation if entry.type is not RecordType.RECEIPT]
    named = {digest for entry in entries for digest in (*entry.files.values(), *entry.blocks)}
    # Claims and snapshots need no receipt: that of a genesis has its own beside it.
    must = {digest for e in entries if e.type not in BARE for digest in (*e.files.values(), *e.blocks)}
    outputs = {each.sha256 for each in receipt.outputs}
    if stray := sorted(must - outputs - set(receipt.inputs)):
        return f"record {logseq}: the receipt does not cover {stray[0]}"
    if missing := sorted(outputs - named):
        return f"record {logseq}: the receipt is of an operation that made {missing[0]}"
    said = check_records(receipt, [entry.to_bytes() for entry in entries])
    if not said.ok:
        return f"record {logseq}: not the records that the receipt is of: {said.detail} ({said.check_id})"
    return ""


def _broken(logseq: int, found: Iterable[Finding]) -> str:
    bad = next((finding for finding in found if not finding.ok), None)
    return f"record {logseq}: {bad.detail} ({bad.check_id})" if bad else ""
