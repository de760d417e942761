"""What a domain is, read from the disk and held to every rule: its log, authority, snapshots, claims and receipts.

Everything is taken from what the log names; domain.json is held against it and never believed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial

from asl_authority.errors import Damaged, Malformed
from asl_authority.operations.admission_check import check_history
from asl_authority.operations.admission_history import History, read_history
from asl_authority.operations.domain_reading import (
    Authority,
    InForce,
    Reading,
    host_chain,
    read_authority,
    read_domain,
)
from asl_authority.operations.key_files import check_key_files
from asl_authority.operations.operation_check import check_operations, load_receipt
from asl_authority.operations.pinning import claim_of
from asl_authority.operations.root_chain import DOMAIN_ROOTS as DOMAIN_ROOTS
from asl_authority.operations.root_chain import (
    Court,
    check_chain,
    check_follows,
    courts_of,
    eras_of,
    judged,
)
from asl_authority.operations.twice import verified_elsewhere
from asl_authority.storage import domains
from asl_authority.storage.disk import Disk
from asl_authority.storage.layout import DomainPaths, StorePaths
from asl_authority.storage.log_reader import LogReader
from asl_authority.storage.snapshots import check_snapshot, load_snapshot
from asl_authority.values.certificate import Certificate, check_log_key, check_principal
from asl_authority.values.checkpoint import Checkpoint
from asl_authority.values.claim import Claim, check_named, check_pinned, check_previous
from asl_authority.values.dam import Dam, Principal, check_dam
from asl_authority.values.domain_view import DomainView, derive, facts_of_domain
from asl_authority.values.ed25519 import PublicKey
from asl_authority.values.finding import Finding
from asl_authority.values.log_entry import Entry
from asl_authority.values.log_record import RecordType
from asl_authority.values.policy import DomainPolicy
from asl_authority.values.receipt import Receipt
from asl_authority.values.rootset import RootSet
from asl_authority.values.signed import Signed
from asl_authority.values.snapshot import Snapshot

DOMAIN_ARTIFACTS = "DOMAIN-ARTIFACTS"
DOMAIN_ID_EQUAL = "DOMAIN-ID-EQUAL"
DOMAIN_RESTORED = "DOMAIN-RESTORED"


@dataclass(frozen=True)
class Report:
    """What the log says of a domain, and everything that was checked.

    `common` is the id of the common domain that it was founded with a reference to, empty for none.
    `courts` are the certificates by the root sets that they are held to. `entries` are the records that are ours, by
    number; `last_receipt` is the per_artifact_id of the last receipt, and `last_claim` the last claim that a record
    pins, None where there is none; `history` is how it stands to others.
    """

    view: DomainView
    label: str
    common: str
    head: Checkpoint
    authority: Authority
    courts: tuple[Court, ...]
    entries: tuple[tuple[int, Entry], ...]
    last_receipt: str | None
    last_claim: Claim | None
    findings: tuple[Finding, ...]
    history: History = field(default_factory=History)

    @property
    def ok(self) -> bool:
        """Whether everything holds."""
        return all(finding.ok for finding in self.findings)

    @property
    def dam(self) -> Dam:
        """The DAM that is in force."""
        return self.authority.dam

    @property
    def policy(self) -> DomainPolicy:
        """The policy that is in force."""
        return self.authority.policy


def check_domain(
    disk: Disk, store: StorePaths, paths: DomainPaths, domain_id: str, *, trusted: RootSet | None, rehearsal: bool
) -> Report:
    """Everything that must hold of a domain; `trusted` are the roots that it must go back to.

    Raises Damaged when the log is not what was committed, Malformed for a file that is none of its kind, IoFailed.
    """
    reading, log_key = read_domain(disk, store, paths, domain_id, rehearsal=rehearsal)
    artifacts = _artifacts(reading)
    with _lost_is_said(artifacts):
        return _judged(reading, log_key, artifacts, domain_id, trusted=trusted, rehearsal=rehearsal)


@contextmanager
def _lost_is_said(artifacts: Finding) -> Iterator[None]:
    """Where something that is lost or changed stops the checking, say all that is, and what helps."""
    try:
        yield
    except FileNotFoundError as error:
        raise _lost(f"{error.filename}: is not there" if artifacts.ok else artifacts.detail) from None
    except (Damaged, Malformed):
        if artifacts.ok:
            raise
        raise _lost(artifacts.detail) from None


def _lost(words: str) -> Damaged:
    hint = "bring it back from a copy of the domain: snapshot restore, --from"
    return Damaged(words, hint=hint, check_id=DOMAIN_ARTIFACTS)


def _judged(
    reading: Reading,
    log_key: PublicKey,
    artifacts: Finding,
    domain_id: str,
    *,
    trusted: RootSet | None,
    rehearsal: bool,
) -> Report:
    """Everything but the log itself, which was held to its head."""
    disk, store, paths = reading.disk, reading.store, reading.paths
    said = domains.host_entries(disk, store, domain_id, rehearsal=rehearsal)
    view = derive(domain_id, reading.entries, reading.reader.head.size, said)
    found = [artifacts, domains.check_view(disk, paths, view)]
    authority = read_authority(reading, domain_id, log_key, rehearsal=rehearsal)
    other = trusted is not None and domain_id != domains.HOST
    host = host_chain(disk, store, rehearsal=rehearsal) if other else None
    courts = courts_of(authority.certified, eras_of(authority.chain, host, domain_id))
    if trusted is not None:
        found.append(check_follows(authority.chain, host, trusted, domain_id, reading.reader.extends))
    found += [*_authority(authority, courts), *check_key_files(reading)]
    snapshots, claims = _snapshots(reading, found)
    found += _restores(reading, snapshots)
    receipts = _receipts(reading, authority, snapshots, claims, found)
    found.append(check_operations(reading.entries, receipts))
    history = read_history(reading, rehearsal=rehearsal)
    found += check_history(history, reading, authority, snapshots)
    facts = facts_of_domain(reading.entries)
    return Report(
        view=view,
        label=facts.get("label", ""),
        common=facts.get("common", ""),
        head=reading.reader.head,
        authority=authority,
        courts=courts,
        entries=tuple(reading.entries),
        last_receipt=next((each.per_artifact_id for each in reversed(receipts.values())), None),
        last_claim=next(reversed(claims.values()), None),
        findings=tuple(found),
        history=history,
    )


def _artifacts(reading: Reading) -> Finding:
    """DOMAIN-ARTIFACTS: everything that the log names is there, and is what the log says."""
    missing = [f"record {logseq}: {words}" for logseq, entry in reading.entries if (words := _lacks(reading, entry))]
    missing += [f"{name}: no directory" for name in domains.strange_directories(reading.disk, reading.paths)]
    said = "; ".join(missing[:3]) if missing else f"{len(reading.entries)} records, all that they name is there"
    return Finding(DOMAIN_ARTIFACTS, not missing, said)


def _lacks(reading: Reading, entry: Entry) -> str:
    """As `domains.lacks`, and the claim itself, which lies beside the domain."""
    claim = claim_of(entry)
    if claim is not None and not reading.disk.is_file(reading.store.claim(claim[0])):
        return f"env-claims/{claim[0]}.claim is not there"
    return domains.lacks(reading.disk, reading.paths, entry)


def _authority(authority: Authority, courts: Sequence[Court]) -> list[Finding]:
    """The roots, every DAM that was ever in force with its principals, and the key of the log."""
    domain_id = authority.domain_id
    found = check_chain(authority.chain)
    before: InForce | None = None
    for each in authority.dams:
        found += _dam(authority, courts, each, before.dam.body if before else None)
        before = each
    found += judged(courts, lambda certs, roots: [check_log_key(authority.log_key, domain_id, certs, roots)])
    for court in courts:
        for certificate in court.certificates:
            found += verified_elsewhere(certificate.envelope, court.roots.root_keys)
    return found


def _dam(authority: Authority, courts: Sequence[Court], each: InForce, pinned: Dam | None) -> list[Finding]:
    dam, domain_id = each.dam.body, authority.domain_id
    found = [
        Finding(DOMAIN_ID_EQUAL, dam.domain_id == domain_id, f"DAM {dam.version} is of {dam.domain_id}"),
        *judged(courts, lambda certs, roots: check_dam(each.dam, certs, roots, each.policy, pinned)),
    ]
    for who in dam.principals:
        found += judged(courts, partial(_principal, who, domain_id, dam.policy_hash))
    return [*found, *verified_elsewhere(each.dam.envelope, (dam.root_key,))]


def _principal(
    who: Principal, domain_id: str, policy_hash: str, certs: Sequence[Signed[Certificate]], roots: RootSet
) -> list[Finding]:
    return [check_principal(who.public_key, who.roles, domain_id, policy_hash, certs, roots)]


def _snapshots(reading: Reading, found: list[Finding]) -> tuple[dict[str, Snapshot], dict[str, Claim]]:
    """Every snapshot by its id, with the claim that it refers to; adds what was checked of them."""
    snapshots: dict[str, Snapshot] = {}
    claims: dict[str, Claim] = {}
    previous: str | None = None
    for _, entry in reading.of(RecordType.SNAPSHOT):
        snapshot_id = str(entry.facts.get("snapshot_id", ""))
        snapshots[snapshot_id] = load_snapshot(reading.disk, reading.paths, snapshot_id)
        found += check_snapshot(reading.disk, reading.paths, snapshot_id, _root_at(reading.reader))
        claim = reading.claim(snapshot_id)
        claims[snapshot_id] = claim
        found += [
            check_named(claim, snapshot_id),
            check_pinned(claim, snapshots[snapshot_id]),
            check_previous(claim, previous),
        ]
        previous = claim.digest
    return snapshots, claims


def _restores(reading: Reading, snapshots: dict[str, Snapshot]) -> list[Finding]:
    """DOMAIN-RESTORED: what the domain has gone back to is a snapshot of its own, as it was then."""
    found = []
    for logseq, entry in reading.of(RecordType.RESTORE):
        facts = entry.facts
        snapshot = snapshots.get(str(facts.get("snapshot_id")))
        why = ""
        if snapshot is None or snapshot.logseq >= logseq:
            why = ", which is no earlier snapshot of this domain"
        elif (facts.get("size"), facts.get("root")) != (snapshot.head.size, snapshot.head.root):
            why = ", which pins another head than it says"
        words = f"record {logseq} goes back to {facts.get('snapshot_id')}{why}"
        found.append(Finding(DOMAIN_RESTORED, not why, words))
    return found


def _receipts(
    reading: Reading,
    authority: Authority,
    snapshots: dict[str, Snapshot],
    claims: dict[str, Claim],
    found: list[Finding],
) -> dict[int, Receipt]:
    """The receipts, by record. Each is judged by what was in force when its operation began."""
    receipts: dict[int, Receipt] = {}
    previous: str | None = None
    there = {name: (snapshots[name], claims[name]) for name in snapshots}
    for logseq, _ in reading.of(RecordType.RECEIPT):
        in_force = authority.before(reading.operation_of(logseq))
        receipts[logseq], said = load_receipt(
            reading, in_force, logseq, previous, there.get, rehearsal=authority.rehearsal
        )
        found += said
        previous = receipts[logseq].per_artifact_id
    return receipts


def _root_at(reader: LogReader) -> Callable[[int], bytes | None]:
    return lambda size: reader.root_at(size) if size <= reader.head.size else None
