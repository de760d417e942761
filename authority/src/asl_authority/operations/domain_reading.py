"""A domain as it lies on the disk: everything that its log names, read and not yet judged."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from asl_authority.errors import Damaged, Malformed
from asl_authority.operations.root_chain import Link, RootChain, check_chain
from asl_authority.storage import durable, layout
from asl_authority.storage.disk import Disk
from asl_authority.storage.domains import HOST, entries_of, read_log
from asl_authority.storage.layout import DomainPaths, StorePaths
from asl_authority.storage.log_reader import LogReader
from asl_authority.values import certificate as certificates
from asl_authority.values import dam as dams
from asl_authority.values.certificate import Certificate, read_certificate
from asl_authority.values.checkpoint import origin_of
from asl_authority.values.claim import Claim, read_claim
from asl_authority.values.dam import Dam, read_dam
from asl_authority.values.dsse import check_body
from asl_authority.values.ed25519 import PublicKey
from asl_authority.values.fields import Fields
from asl_authority.values.head import Head, head_of
from asl_authority.values.kinds import Kind
from asl_authority.values.log_entry import Entry
from asl_authority.values.log_record import RecordType
from asl_authority.values.policy import DomainPolicy, read_policy
from asl_authority.values.public_key_file import read_public_key_file
from asl_authority.values.rootset import ROTATION, RootSet, read_root_set, read_rotation
from asl_authority.values.signed import Body, Signed, read_signed
from asl_authority.values.signed_note import NoteKey

T = TypeVar("T")
B = TypeVar("B", bound=Body)


@dataclass(frozen=True)
class InForce:
    """A DAM with its policy, from the record `logseq` of its domain's log on."""

    logseq: int
    dam: Signed[Dam]
    policy: DomainPolicy


@dataclass(frozen=True)
class Authority:
    """What a domain's authority consists of, as it lies there; nothing is said of whether it holds.

    `dams` are all that it ever had, in order; there is at least one. `certified` are certificates with the numbers of
    their records.
    """

    domain_id: str
    rehearsal: bool
    chain: RootChain
    certified: tuple[tuple[int, Signed[Certificate]], ...]
    dams: tuple[InForce, ...]
    log_key: PublicKey

    @property
    def roots(self) -> RootSet:
        """The newest root set."""
        return self.chain.newest

    @property
    def certificates(self) -> tuple[Signed[Certificate], ...]:
        """All of them, in the order of their records."""
        return tuple(certificate for _, certificate in self.certified)

    @property
    def dam(self) -> Dam:
        """The DAM that is in force."""
        return self.dams[-1].dam.body

    @property
    def policy(self) -> DomainPolicy:
        """The policy that is in force."""
        return self.dams[-1].policy

    def before(self, logseq: int) -> InForce:
        """What was in force before this record; for the records of a genesis that is the first."""
        return next((each for each in reversed(self.dams) if each.logseq < logseq), self.dams[0])


@dataclass
class Reading:
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
        return [name for _, entry in self.of(kind) for name in sorted(entry.files) if fits(name, start, end)]

    def load(self, name: str, read: Callable[[bytes], T], most: int = 2 << 20) -> T:
        """A file of the domain, read. Raises Damaged, Malformed, IoFailed."""
        return loaded(self.disk, self.paths, name, read, most)

    def claim(self, snapshot_id: str) -> Claim:
        """The claim of a snapshot. Raises Damaged, Malformed, IoFailed."""
        path = self.store.claim(snapshot_id)
        try:
            data = durable.read(self.disk, path, 1 << 20)
        except FileNotFoundError:
            raise Damaged(f"{path}: is not there", check_id="STORE-FILE-LOST") from None
        return read_named(str(path), read_claim, data)

    def operation_of(self, logseq: int) -> int:
        """The number of the first record of the operation that this record belongs to."""
        first = logseq
        for number, entry in reversed(self.entries):
            if number >= logseq:
                continue
            if number != first - 1 or not entry.left:
                break
            first = number
        return first


def read_domain(
    disk: Disk, store: StorePaths, paths: DomainPaths, domain_id: str, *, rehearsal: bool
) -> tuple[Reading, PublicKey]:
    """The records of a domain's log, held to its head, and the key of that. Raises Damaged, Malformed, IoFailed."""
    log_key = loaded(disk, paths, layout.public_key_name("log"), read_public_key_file, 4096)
    origin = origin_of(domain_id, rehearsal=rehearsal)
    reading = Reading(disk, store, paths, read_log(disk, paths, origin, [NoteKey(origin, log_key)]))
    reading.entries += entries_of(reading.reader)
    return reading, log_key


def read_authority(reading: Reading, domain_id: str, log_key: PublicKey, *, rehearsal: bool) -> Authority:
    """Roots, certificates, DAMs and policies, by the files that the log names. Raises Damaged, Malformed, IoFailed."""
    found = []
    for logseq, entry in reading.of(RecordType.DAM):
        for name in (each for each in entry.files if fits(each, "dam/dam-", ".json")):
            dam = load_signed(reading, name, dams.KIND, read_dam, rehearsal=rehearsal)
            found.append(InForce(logseq, dam, reading.load(layout.policy_name(dam.body.policy_hash), read_policy)))
    if not found:
        raise Damaged(f"{reading.paths.root}: its log names no DAM", check_id="DOMAIN-ARTIFACTS")
    return Authority(
        domain_id=domain_id,
        rehearsal=rehearsal,
        chain=read_chain(reading, rehearsal=rehearsal),
        certified=tuple(read_certified(reading, rehearsal=rehearsal)),
        dams=tuple(found),
        log_key=log_key,
    )


def read_certified(reading: Reading, *, rehearsal: bool) -> list[tuple[int, Signed[Certificate]]]:
    """The certificates, each with the number of its record. Raises Damaged, Malformed, IoFailed."""
    return [
        (logseq, load_signed(reading, name, certificates.KIND, read_certificate, rehearsal=rehearsal))
        for logseq, entry in reading.of(RecordType.CERTIFICATE)
        for name in sorted(entry.files)
        if fits(name, "certs/cert-", ".json")
    ]


def read_chain(reading: Reading, *, rehearsal: bool) -> RootChain:
    """The root sets that the log names, nothing said of whether they follow. Raises Damaged, Malformed, IoFailed."""
    links = []
    for logseq, entry in reading.of(RecordType.ROOT_SET):
        for name in sorted(each for each in entry.files if fits(each, "auth/root-set-", ".json")):
            roots = reading.load(name, read_root_set, 1 << 15)
            rotation = layout.rotation_name(roots.version)
            there = rotation in entry.files
            signed = load_signed(reading, rotation, ROTATION, read_rotation, rehearsal=rehearsal) if there else None
            links.append(Link(logseq, roots, signed, _heads(logseq, entry)))
    if not links:
        raise Damaged(f"{reading.paths.root}: its log names no root set", check_id="DOMAIN-ARTIFACTS")
    return RootChain(tuple(links))


def host_chain(disk: Disk, store: StorePaths, *, rehearsal: bool) -> RootChain | None:
    """The root sets of the host of a store, where there is one and each follows from the one before.

    Raises Damaged, Malformed, IoFailed.
    """
    if not disk.is_directory(store.host.log):
        return None
    reading = read_log_of(disk, store, store.host, origin_of(HOST, rehearsal=rehearsal))
    if not reading.of(RecordType.ROOT_SET):
        return None
    chain = read_chain(reading, rehearsal=rehearsal)
    return chain if all(finding.ok for finding in check_chain(chain)) else None


def _heads(logseq: int, entry: Entry) -> dict[str, Head]:
    """The heads of other domains that a record of the host's names."""
    said = entry.facts.get("heads", {})
    names = tuple(said) if type(said) is dict else ()
    fields = Fields(said, names, f"record {logseq}.heads", "LOG-ENTRY-SCHEMA")
    return {name: head_of(fields, name) for name in names}


def read_log_of(disk: Disk, store: StorePaths, paths: DomainPaths, origin: str) -> Reading:
    """The records of a domain's log, no signature looked at. Raises Damaged, Malformed, IoFailed."""
    reader = read_log(disk, paths, origin)
    return Reading(disk, store, paths, reader, entries_of(reader))


def held_roots(reading: Reading, *, rehearsal: bool) -> RootSet:
    """The newest root set that a domain's log names, unjudged. Raises Damaged, Malformed, IoFailed."""
    return read_chain(reading, rehearsal=rehearsal).newest


def own_roots(disk: Disk, store: StorePaths, *, rehearsal: bool) -> RootSet | None:
    """The roots that a store trusts: the host's set, of keys that all lie in trusted-roots; None when it has none.

    Raises Damaged when they do not, Malformed, IoFailed.
    """
    chain = host_chain(disk, store, rehearsal=rehearsal)
    if chain is None:
        return None
    found, place = chain.newest, store.host.root / "trusted-roots"
    names = [name for name in _names(disk, place) if name.endswith(".pub")]
    trusted = [loaded(disk, store.host, f"trusted-roots/{name}", read_public_key_file, 4096) for name in names]
    if strangers := [key.key_id for key in found.root_keys if key not in trusted]:
        raise Damaged(
            f"{place}: the root set names a key that is not there: {strangers[0]}", check_id="DOMAIN-ARTIFACTS"
        )
    return found


def load_signed(reading: Reading, name: str, kind: Kind, read: Callable[[bytes], B], *, rehearsal: bool) -> Signed[B]:
    """A body and its envelope, which must hold it. Raises Damaged, Malformed, IoFailed."""
    body = reading.load(name, lambda data: data)
    signed = reading.load(f"{name}.sig", lambda data: read_signed(data, kind, read, rehearsal=rehearsal))
    finding = check_body(signed.envelope, body)
    if not finding.ok:
        raise Malformed(f"{name}: {finding.detail}", check_id=finding.check_id)
    return signed


def loaded(disk: Disk, paths: DomainPaths, name: str, read: Callable[[bytes], T], most: int) -> T:
    """A file of a domain, read; a refusal names it. Raises Damaged when it is not there, Malformed, IoFailed."""
    path = paths.root / name
    try:
        data = durable.read(disk, path, most)
    except FileNotFoundError:
        raise Damaged(f"{path}: is not there", check_id="STORE-FILE-LOST") from None
    return read_named(str(path), read, data)


def read_named(where: str, read: Callable[[bytes], T], data: bytes) -> T:
    """What `read` makes of bytes; a refusal says where they lay."""
    try:
        return read(data)
    except Malformed as error:
        raise Malformed(f"{where}: {error}", check_id=error.check_id, hint=error.hint) from None


def fits(name: str, start: str, end: str) -> bool:
    """Whether a name begins and ends so."""
    return name.startswith(start) and name.endswith(end)


def _names(disk: Disk, directory: Path) -> list[str]:
    if not disk.is_directory(directory):
        return []
    with durable.told("list", directory):
        return disk.names(directory)
