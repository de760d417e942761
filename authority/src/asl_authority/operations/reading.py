"""A store that is only read: which domain is meant, and whose word the head of its log is, where that was checked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from asl_authority.errors import Damaged, Refused, UsageError
from asl_authority.operations.domain_reading import host_chain, read_certified, read_chain, read_log_of
from asl_authority.operations.root_chain import Court, check_chain, check_follows, courts_of, eras_of
from asl_authority.storage.disk import Disk
from asl_authority.storage.domains import domain_ids, read_log
from asl_authority.storage.layout import DomainPaths, StorePaths
from asl_authority.storage.log_reader import LogReader
from asl_authority.storage.log_replay import Heads, head_origin
from asl_authority.values.certificate import check_log_key
from asl_authority.values.checkpoint import origin_of
from asl_authority.values.ed25519 import PublicKey
from asl_authority.values.finding import Finding
from asl_authority.values.request import SubjectType
from asl_authority.values.rootset import RootSet
from asl_authority.values.signed_note import Note, NoteKey, check_note

HOST = "host"
LOG_SIGNED = "LOG-SIGNED"
LOG_COVERED = "LOG-COVERED"
LOG_KEY_KNOWN = "LOG-KEY-KNOWN"
NOT_CHECKED = "the signature was NOT CHECKED: give --log-key or --root-set"
READ_ONLY = (
    "do not write to this volume any more: mount it read-only and copy it; records that can still be proven are given "
    "out (log proof)"
)


@dataclass(frozen=True)
class Source:
    """A domain of a store, for reading; `origin` is what its log must be called."""

    disk: Disk
    paths: DomainPaths
    domain_id: str
    origin: str
    rehearsal: bool

    @property
    def store(self) -> StorePaths:
        """The store that it is in."""
        above = self.paths.root.parent
        return StorePaths(above if self.domain_id == HOST else above.parent)

    def log(self) -> LogReader:
        """Its log, no signature looked at. Raises Damaged, IoFailed."""
        return read_log(self.disk, self.paths, self.origin)


@contextmanager
def only_reading() -> Iterator[None]:
    """Say of a damaged store what is left to do with it."""
    try:
        yield
    except Damaged as error:
        raise Damaged(str(error), hint=error.hint or READ_ONLY, check_id=error.check_id) from None


def find_domain(disk: Disk, root: Path, domain_id: str, *, rehearsal: bool) -> Source:
    """A domain, or `host`, of the store at `root`. Raises Refused when it is not there or a rehearsal's, IoFailed."""
    store = StorePaths(root)
    if not disk.is_directory(store.host.log):
        expect_no_domains(disk, store)
        raise Refused(
            f"{root}: there is no store here",
            hint="is the store volume connected and mounted? see: status; or --root",
            check_id="STORE-MISSING",
        )
    paths = store.host if domain_id == HOST else store.domain(domain_id)
    if not disk.is_directory(paths.log):
        there = ", ".join((HOST, *domain_ids(disk, store)))
        raise Refused(
            f"{domain_id}: there is no such domain in this store", hint=f"there are: {there}", check_id="DOMAIN-UNKNOWN"
        )
    _expect_kind(head_origin(disk, paths), domain_id, rehearsal=rehearsal)
    return Source(disk, paths, domain_id, origin_of(domain_id, rehearsal=rehearsal), rehearsal)


def expect_no_domains(disk: Disk, store: StorePaths) -> None:
    """Where there is no host there is no domain either: else the host was lost. Raises Damaged, IoFailed."""
    if found := domain_ids(disk, store):
        raise Damaged(
            f"{store.host.root}: the host is not here, while {len(found)} of its domains are",
            hint=READ_ONLY,
            check_id="DOMAIN-ARTIFACTS",
        )


def certified_keys(source: Source, roots: RootSet) -> tuple[PublicKey, ...]:
    """The keys that these roots certify for the domain's log. Raises Malformed for what is no certificate, IoFailed.

    What roots certified that were retired since counts where the log's own record of it stands before they were.
    """
    reading = read_log_of(source.disk, source.store, source.paths, source.origin)
    found = [each for _, each in read_certified(reading, rehearsal=source.rehearsal)]
    keys = {each.body.subject_pubkey for each in found if each.body.subject_type is SubjectType.LOG}
    courts = (Court(tuple(found), roots), *_earlier_courts(source, roots))
    good = {key for key in keys for c in courts if check_log_key(key, source.domain_id, c.certificates, c.roots).ok}
    return tuple(sorted(good, key=lambda key: key.key_id))


def _earlier_courts(source: Source, roots: RootSet) -> tuple[Court, ...]:
    """The certificates by the sets that lead to these roots, where the store says of any."""
    host = host_chain(source.disk, source.store, rehearsal=source.rehearsal)
    if host is None or host.place_of(roots) is None or len(host.links) == 1:
        return ()
    reading = read_log_of(source.disk, source.store, source.paths, source.origin)
    chain, of_host = read_chain(reading, rehearsal=source.rehearsal), source.domain_id == HOST
    follows = of_host or check_follows(chain, host, host.newest, source.domain_id, reading.reader.extends).ok
    if not follows or not all(finding.ok for finding in check_chain(chain)):
        return ()
    eras = eras_of(chain, None if of_host else host, source.domain_id)
    return courts_of(read_certified(reading, rehearsal=source.rehearsal), eras)


def check_heads(heads: Heads, keys: Sequence[PublicKey] | None) -> tuple[Finding, ...]:
    """Whether a key that counts has signed the checkpoint, and all that is committed lies under it.

    No `keys` at all, None, is a finding that is not ok: an unchecked signature is never passed over in silence.
    """
    if heads.signed is None:
        return (Finding(LOG_SIGNED, False, "there is no signed checkpoint yet"),)
    head, note = heads.signed
    behind = heads.last.size - head.size
    said = f"{head.size} records"
    if behind > 0:
        said = f"{behind} after them are under no signature until the log's key is unlocked again"
        said = f"{head.size} of {heads.last.size} records; {said}"
    return (*check_signed(note, head.origin, keys), Finding(LOG_COVERED, behind <= 0, said))


def check_signed(note: Note, origin: str, keys: Sequence[PublicKey] | None) -> tuple[Finding, ...]:
    """Whether one of these keys has signed a checkpoint of this log."""
    if keys is None:
        return (Finding(LOG_SIGNED, False, NOT_CHECKED),)
    if not keys:
        return (Finding(LOG_KEY_KNOWN, False, "the roots certify no key for this log"),)
    return check_note(note, [NoteKey(origin, key) for key in keys])


def _expect_kind(origin: str | None, domain_id: str, *, rehearsal: bool) -> None:
    """A rehearsal's store and a real one never pass for each other."""
    if origin == origin_of(domain_id, rehearsal=True) and not rehearsal:
        raise Refused(
            f"{domain_id}: a domain of a rehearsal, which nothing real accepts",
            hint="look at it by --rehearsal",
            check_id="REHEARSAL-APART",
        )
    if origin == origin_of(domain_id, rehearsal=False) and rehearsal:
        raise UsageError(
            f"{domain_id}: a real domain, no rehearsal's", hint="leave --rehearsal away", check_id="REHEARSAL-APART"
        )
