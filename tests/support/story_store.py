"""The store that stories look at: a domain with a signed log, blocks and a snapshot. All its keys are published."""

from __future__ import annotations

from pathlib import Path

from asl_authority.storage.disk import HostDisk
from asl_authority.storage.domains import create_domain, create_store, opened
from asl_authority.storage.layout import DomainPaths
from asl_authority.storage.snapshots import take_inventory, write_snapshot
from asl_authority.values.checkpoint import origin_of
from asl_authority.values.log_entry import Entry
from asl_authority.values.log_record import RecordType
from asl_authority.values.request import SubjectType
from asl_authority.values.signed_note import NoteSigner
from support.domains import DOMAIN, certificate, request, secret

ORIGIN = origin_of(DOMAIN, rehearsal=False)
BLOCKS = (b"A block that is text.\n", b"\0\1\2" * 100)


class QuickDisk(HostDisk):
    """The host's disk, which nobody waits for."""

    def sync(self, file: int) -> None:
        """Nothing: the power stays on."""

    def sync_directory(self, path: Path) -> None:
        """Nothing."""


def make_store(root: Path) -> DomainPaths:
    """A store at `root`: a host without a record, a domain whose log key the test roots certify, and a rehearsal's."""
    disk = QuickDisk()
    root.mkdir()
    store = create_store(disk, root, origin_of("host", rehearsal=False))
    create_domain(disk, store, "rehearsed", origin_of("rehearsed", rehearsal=True))
    paths = create_domain(disk, store, DOMAIN, ORIGIN)
    certified = certificate(request("log", SubjectType.LOG).body)
    with opened(disk, paths, ORIGIN, NoteSigner(ORIGIN, secret("log")), session="5e" * 16) as domain:
        name = f"certs/cert-{certified.body.digest}.json"
        files = {
            path: domain.write(path, data)
            for path, data in (
                (name, certified.body.to_bytes()),
                (f"{name}.sig", certified.to_bytes()),
            )
        }
        domain.commit(Entry(RecordType.DOMAIN, facts={"domain_id": DOMAIN}), Entry(RecordType.CERTIFICATE, files=files))
        blocks = tuple(sorted(domain.blocks.put(data) for data in BLOCKS))
        head = domain.commit(Entry(RecordType.ARTIFACT, blocks=blocks))
        inventory = take_inventory(disk, paths, DOMAIN, head)
        pinned = write_snapshot(disk, paths, inventory, claim="c1" * 32)
        domain.commit(Entry(RecordType.SNAPSHOT, files=pinned, facts={"snapshot_id": inventory.snapshot_id}))
        domain.commit(*(Entry(RecordType.CLAIM, facts={"n": number}) for number in range(3)))
    return paths
