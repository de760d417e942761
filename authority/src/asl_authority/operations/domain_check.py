"""What a domain is, read from the disk and held to every rule: its log, authority, snapshots, claims and receipts.

Everything is taken from what the log names; domain.json is held against it and never believed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from asl_authority.errors import Damaged, Malformed
from asl_authority.operations.twice import verified_elsewhere
from asl_authority.storage import domains, durable, layout
from asl_authority.storage.disk import Disk
from asl_authority.storage.layout import DomainPaths, StorePaths
from asl_authority.storage.log_reader import LogReader
from asl_authority.storage.snapshots import check_snapshot, load_snapshot
from asl_authority.values import certificate as certificates
from asl_authority.values import dam as dams
from asl_authority.values.certificate import Certificate, check_log_key, check_principal, read_certificate
from asl_authority.values.checkpoint import origin_of
from asl_authority.values.claim import Claim, check_named, check_pinned, check_previous, read_claim
from asl_authority.values.dam import Dam, check_dam, read_dam
from asl_authority.values.domain_view import DomainView, derive
from asl_authority.values.dsse import check_body, check_signatures, read_envelope
from asl_authority.values.ed25519 import PublicKey
from asl_authority.values.finding import Finding
from asl_authority.values.kinds import Kind
from asl_authority.values.log_entry import Entry, read_entry
from asl_authority.values.log_record import OURS, RecordType
from asl_authority.values.per_signature import check_per_signature, check_place, read_per_signature
from asl_authority.values.policy import DomainPolicy, read_policy
from asl_authority.values.public_key_file import read_public_key_file
from asl_authority.values.receipt import LIMITS as RECEIPT_LIMITS
from asl_authority.values.receipt import (
    PAYLOAD_TYPE,
    REHEARSAL_TYPE,
    check_claim,
    check_policy,
    read_receipt,
)
from asl_authority.values.receipt import (
    check_previous as check_previous_receipt,
)
from asl_authority.values.rootset import RootSet, read_root_set
from asl_authority.values.signed import Body, Signed, read_signed
from asl_authority.values.signed_note import NoteKey
from asl_authority.values.snapshot import Snapshot

DOMAIN_ARTIFACTS = "DOMAIN-ARTIFACTS"
DOMAIN_ROOTS = "DOMAIN-ROOTS"
DOMAIN_ID_EQUAL = "DOMAIN-ID-EQUAL"

T = TypeVar("T")
B = TypeVar("B", bound=Body)


@dataclass(frozen=True)
class Domain:
    """What a domain's authority consists of, as it lies there; nothing is said of whether it holds."""

    domain_id: str
    rehearsal: bool
    roots: RootSet
    policy: DomainPolicy
    certificates: tuple[Signed[Certificate], ...]
    dam: Signed[Dam]
    pinned: Signed[Dam] | None
    log_key: PublicKey


@dataclass(frozen=True)
class Report:
    """What the log says of a domain, and everything that was checked."""

    view: DomainView
    label: str
    dam: Dam
    findings: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        """Whether everything holds."""
        return all(finding.ok for finding in self.findings)


@dataclass
class _Reading:
    """A domain while it is read: where, and the records that are ours, by number."""

    disk: Disk
    store: StorePaths
    paths: DomainPaths
    reader: LogReader
    entries: list[tuple[int, Entry]] = field(default_factory=list)

    def of(self, kind: RecordType) -> list[tuple[int, Entry]]:
        """The records of one type."""
        return [(logseq, entry) for logseq, entry in self.entries if entry.type is kind]

    def files(self, kind: RecordType, start: str, end: str) -> list[str]:
        """The files that records of a type name, newest last."""
        return [name for _, entry in self.of(kind) for name in sorted(entry.files) if _fits(name, start, end)]

    def load(self, name: str, read: Callable[[bytes], T], most: int = 2 << 20) -> T:
        """A file of the domain, read. Raises Damaged, Malformed, IoFailed."""
        return _loaded(self.disk, self.paths, name, read, most)


def check_domain(
    disk: Disk, store: StorePaths, paths: DomainPaths, domain_id: str, *, trusted: RootSet | None, rehearsal: bool
) -> Report:
    """Everything that must hold of a domain; `trusted` are the roots that it must go back to.

    Raises Damaged when the log is not what was committed, Malformed for a file that is none of its kind, IoFailed.
    """
    log_key = _loaded(disk, paths, layout.public_key_name("log"), read_public_key_file, 4096)
    origin = origin_of(domain_id, rehearsal=rehearsal)
    reading = _Reading(disk, store, paths, domains.read_log(disk, paths, origin, [NoteKey(origin, log_key)]))
    ours = (record for record in reading.reader.records() if record.type in OURS)
    reading.entries += [(record.logseq, read_entry(record.type, record.payload)) for record in ours]
    view = derive(domain_id, reading.entries, reading.reader.head.size)
    found = [_artifacts(reading), domains.check_view(disk, paths, view)]
    domain = _read_domain(reading, domain_id, log_key, rehearsal=rehearsal)
    found += _authority(domain, trusted)
    snapshots, claims = _snapshots(reading, found)
    found += _receipts(reading, domain, snapshots, claims)
    label = next((str(entry.facts.get("label", "")) for _, entry in reading.of(RecordType.DOMAIN)), "")
    return Report(view, label, domain.dam.body, tuple(found))


def held_roots(disk: Disk, paths: DomainPaths) -> RootSet:
    """The newest root set that lies in a domain, unjudged. Raises Damaged, Malformed, IoFailed."""
    with durable.told("list", paths.root / "auth"):
        names = [name for name in disk.names(paths.root / "auth") if _fits(name, "root-set-", ".json")]
    if not names:
        raise Damaged(f"{paths.root}/auth: no root set is there")
    newest = max(names, key=lambda name: _number(name, "root-set-"))
    return _loaded(disk, paths, f"auth/{newest}", read_root_set, 1 << 15)


def own_roots(disk: Disk, store: StorePaths) -> RootSet | None:
    """The roots that a store trusts: the host's set, of keys that all lie in trusted-roots; None when it has none.

    Raises Damaged when they do not, Malformed, IoFailed.
    """
    if not any(_fits(name, "root-set-", ".json") for name in _names(disk, store.host.root / "auth")):
        return None
    found, place = held_roots(disk, store.host), store.host.root / "trusted-roots"
    names = [name for name in _names(disk, place) if name.endswith(".pub")]
    trusted = [_loaded(disk, store.host, f"trusted-roots/{name}", read_public_key_file, 4096) for name in names]
    if strangers := [key.key_id for key in found.root_keys if key not in trusted]:
        raise Damaged(f"{place}: the root set names a key that is not there: {strangers[0]}")
    return found


def _names(disk: Disk, directory: Path) -> list[str]:
    if not disk.is_directory(directory):
        return []
    with durable.told("list", directory):
        return disk.names(directory)


def _artifacts(reading: _Reading) -> Finding:
    """DOMAIN-ARTIFACTS: everything that the log names is there, and is what the log says."""
    missing = [
        f"record {logseq}: {words}"
        for logseq, entry in reading.entries
        if (words := domains.lacks(reading.disk, reading.paths, entry))
    ]
    said = "; ".join(missing[:3]) if missing else f"{len(reading.entries)} records, all that they name is there"
    return Finding(DOMAIN_ARTIFACTS, not missing, said)


def _read_domain(reading: _Reading, domain_id: str, log_key: PublicKey, *, rehearsal: bool) -> Domain:
    certs = reading.files(RecordType.CERTIFICATE, "certs/cert-", ".json")
    listed = sorted(reading.files(RecordType.DAM, "dam/dam-", ".json"), key=lambda name: _number(name, "dam/dam-"))
    if not listed:
        raise Damaged(f"{reading.paths.root}: its log names no DAM")
    read = [_signed(reading, name, dams.KIND, read_dam, rehearsal=rehearsal) for name in listed[-2:]]
    return Domain(
        domain_id=domain_id,
        rehearsal=rehearsal,
        roots=held_roots(reading.disk, reading.paths),
        policy=reading.load(layout.policy_name(read[-1].body.policy_hash), read_policy),
        certificates=tuple(
            _signed(reading, name, certificates.KIND, read_certificate, rehearsal=rehearsal) for name in certs
        ),
        dam=read[-1],
        pinned=read[0] if len(read) > 1 else None,
        log_key=log_key,
    )


def _authority(domain: Domain, trusted: RootSet | None) -> list[Finding]:
    dam, roots = domain.dam.body, domain.roots
    held = [] if trusted is None else [_same_roots(roots, trusted)]
    checked = check_dam(
        domain.dam, domain.certificates, roots, domain.policy, domain.pinned.body if domain.pinned else None
    )
    envelopes = [*(each.envelope for each in domain.certificates), domain.dam.envelope]
    keys = (*roots.root_keys, dam.root_key)
    return [
        *held,
        Finding(DOMAIN_ID_EQUAL, dam.domain_id == domain.domain_id, f"the DAM is of {dam.domain_id}"),
        *checked,
        check_log_key(domain.log_key, domain.domain_id, domain.certificates, roots),
        *(
            check_principal(each.public_key, each.roles, domain.domain_id, dam.policy_hash, domain.certificates, roots)
            for each in dam.principals
        ),
        *(finding for envelope in envelopes for finding in verified_elsewhere(envelope, keys)),
    ]


def _same_roots(roots: RootSet, trusted: RootSet) -> Finding:
    """DOMAIN-ROOTS: the roots that the domain goes back to are those that are trusted here."""
    return Finding(DOMAIN_ROOTS, roots == trusted, f"root set {roots.digest}, trusted {trusted.digest}")


def _snapshots(reading: _Reading, found: list[Finding]) -> tuple[dict[str, Snapshot], dict[str, Claim]]:
    """Every snapshot by its id, with the claim that it refers to; adds what was checked of them."""
    snapshots: dict[str, Snapshot] = {}
    claims: dict[str, Claim] = {}
    previous: str | None = None
    for _, entry in reading.of(RecordType.SNAPSHOT):
        snapshot_id = str(entry.facts.get("snapshot_id", ""))
        snapshots[snapshot_id] = load_snapshot(reading.disk, reading.paths, snapshot_id)
        found += check_snapshot(reading.disk, reading.paths, snapshot_id, _root_at(reading.reader))
        claim = _claim(reading, snapshot_id)
        claims[snapshot_id] = claim
        found += [
            check_named(claim, snapshot_id),
            check_pinned(claim, snapshots[snapshot_id]),
            check_previous(claim, previous),
        ]
        previous = claim.digest
    return snapshots, claims


def _claim(reading: _Reading, snapshot_id: str) -> Claim:
    path = reading.store.claim(snapshot_id)
    try:
        data = durable.read(reading.disk, path, 1 << 20)
    except FileNotFoundError:
        raise Damaged(f"{path}: is not there") from None
    return _read(str(path), read_claim, data)


def _receipts(
    reading: _Reading, domain: Domain, snapshots: dict[str, Snapshot], claims: dict[str, Claim]
) -> list[Finding]:
    found: list[Finding] = []
    previous: str | None = None
    dam = domain.dam.body
    scope = set(dam.effective_scope)
    roles = {each.principal_id: scope.intersection(each.roles) for each in dam.principals}
    keys = {each.principal_id: each.public_key for each in dam.principals}
    kind = REHEARSAL_TYPE if domain.rehearsal else PAYLOAD_TYPE
    for logseq, _ in reading.of(RecordType.RECEIPT):
        envelope = reading.load(
            layout.receipt_name(logseq), lambda data: read_envelope(data, kind, RECEIPT_LIMITS), 8 << 20
        )
        receipt = read_receipt(envelope.payload, rehearsal=domain.rehearsal)
        found += [*check_signatures(envelope, keys), *verified_elsewhere(envelope, keys.values())]
        signature = reading.load(layout.receipt_signature_name(logseq), read_per_signature)
        found += check_per_signature(signature, receipt, roles)
        found += [check_policy(receipt, dam.policy_hash), check_previous_receipt(receipt, previous)]
        if receipt.snapshot_id in snapshots:
            found += check_place(receipt, snapshots[receipt.snapshot_id], logseq)
            found.append(check_claim(receipt, claims[receipt.snapshot_id]))
        else:
            found.append(Finding("PER-SNAPSHOT", False, f"{receipt.snapshot_id} is no snapshot of this domain"))
        previous = receipt.per_artifact_id
    return found


def _signed(reading: _Reading, name: str, kind: Kind, read: Callable[[bytes], B], *, rehearsal: bool) -> Signed[B]:
    """A body and its envelope, which must hold it. Raises Damaged, Malformed, IoFailed."""
    body = reading.load(name, lambda data: data)
    signed = reading.load(f"{name}.sig", lambda data: read_signed(data, kind, read, rehearsal=rehearsal))
    finding = check_body(signed.envelope, body)
    if not finding.ok:
        raise Malformed(f"{name}: {finding.detail}", check_id=finding.check_id)
    return signed


def _root_at(reader: LogReader) -> Callable[[int], bytes | None]:
    return lambda size: reader.root_at(size) if size <= reader.head.size else None


def _loaded(disk: Disk, paths: DomainPaths, name: str, read: Callable[[bytes], T], most: int) -> T:
    path = paths.root / name
    try:
        data = durable.read(disk, path, most)
    except FileNotFoundError:
        raise Damaged(f"{path}: is not there") from None
    return _read(str(path), read, data)


def _read(where: str, read: Callable[[bytes], T], data: bytes) -> T:
    try:
        return read(data)
    except Malformed as error:
        raise Malformed(f"{where}: {error}", check_id=error.check_id, hint=error.hint) from None


def _fits(name: str, start: str, end: str) -> bool:
    return name.startswith(start) and name.endswith(end)


def _number(name: str, start: str) -> int:
    text = name.removeprefix(start).removesuffix(".json")
    return int(text) if text.isdecimal() and len(text) < 19 else 0
