"""A courtesy is enforced: what a domain does here that the host has admitted for a lease, and no longer than that."""

from __future__ import annotations

from asl_authority.errors import Refused
from asl_authority.operations.admission_history import epoch_of, state_of
from asl_authority.operations.domain_reading import loaded
from asl_authority.operations.reading import HOST, Source
from asl_authority.storage import layout
from asl_authority.storage.blocks import BlockStore
from asl_authority.storage.disk import Disk
from asl_authority.storage.domains import entries_of, read_log
from asl_authority.storage.layout import StorePaths
from asl_authority.values.admission import Lease, check_lease_holds, read_lease
from asl_authority.values.checkpoint import origin_of
from asl_authority.values.domain_state import State
from asl_authority.values.finding import Finding
from asl_authority.values.log_record import RecordType
from asl_authority.values.roles import Role

HINT = "see: admit show; the domain asks for another lease (admit apply), and the host decides (admit decide)"


def expect_courtesy(source: Source, store: StorePaths, role: Role | None, adds: int) -> None:
    """ADMISSION-LEASE-HOLDS of a domain that has a courtesy of the host. Raises Refused, Damaged, IoFailed.

    `role` is what the act takes, None where any will do; `adds` is how many bytes it brings into the domain's store.
    Only what adds some is held to the quota, so that a domain that is full can still be looked after.
    """
    lease, epoch = _lease(source, store)
    used = used_bytes(source.disk, store, source.domain_id) + adds if adds else 0
    finding = check_use(lease, epoch, role, used)
    if not finding.ok:
        raise Refused(f"{source.domain_id} is here by courtesy: {finding.detail}", hint=HINT, check_id=finding.check_id)


def used_bytes(disk: Disk, store: StorePaths, domain_id: str) -> int:
    """How many bytes a domain has in its store; 0 when it lies elsewhere. Raises Damaged, IoFailed."""
    paths = store.domain(domain_id)
    return BlockStore(disk, paths).byte_count() if disk.is_directory(paths.store) else 0


def check_use(lease: Lease, epoch: int, role: Role | None, used: int) -> Finding:
    """ADMISSION-LEASE-HOLDS, for a role or for any that the lease has."""
    return check_lease_holds(lease, epoch, role or lease.scope[0], used)


def _lease(source: Source, store: StorePaths) -> tuple[Lease, int]:
    """The domain's last lease from the host, and the host's epoch."""
    log = read_log(source.disk, store.host, origin_of(HOST, rehearsal=source.rehearsal))
    entries = [entry for _, entry in entries_of(log) if entry.type is RecordType.ADMISSION]
    ours = (each for each in entries if each.facts.get("domain_id") == source.domain_id)
    granted = [epoch_of(each) for each in ours if state_of(each) is State.COURTESY and epoch_of(each)]
    if not granted:
        raise Refused(f"{source.domain_id} is here by courtesy, and has no lease", hint=HINT, check_id="LEASE-GIVEN")
    lease = loaded(source.disk, store.host, layout.lease_name(granted[-1]), read_lease, 1 << 16)
    return lease, max(epoch_of(each) for each in entries)
