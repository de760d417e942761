"""Domains in which tests do something, with the keys that everybody knows."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

from asl_authority.operations.act import Act, Done, Standing, carry_out, expect_sound
from asl_authority.operations.domain_check import check_domain
from asl_authority.operations.gate import rehearsal_gate
from asl_authority.operations.genesis import draw_keys
from asl_authority.operations.reading import HOST, find_domain
from asl_authority.storage.disk import Disk, HostDisk
from asl_authority.storage.layout import StorePaths
from asl_authority.values.ed25519 import SecretKey
from support.genesis import ROOTS, founded, known_random
from support.memory_disk import MemoryDisk

ME = "me.example"
ROOT = Path("/store")


@cache
def founded_disk() -> MemoryDisk:
    """A disk in memory with such a store at ROOT; take a copy of it."""
    disk = MemoryDisk()
    disk.make_directory(ROOT)
    founded(disk, ROOT, domain_id=ME)
    return disk.copy()


def stand(
    root: Path, domain_id: str = ME, *, rehearsal: bool = True, sound: bool = True, disk: Disk | None = None
) -> Standing:
    """A domain of the store at `root`, held to every rule."""
    disk, store = disk or HostDisk(), StorePaths(root)
    source = find_domain(disk, root, domain_id, rehearsal=rehearsal)
    trusted = None if domain_id == HOST else ROOTS
    report = check_domain(disk, store, source.paths, domain_id, trusted=trusted, rehearsal=rehearsal)
    if sound:
        expect_sound(report, domain_id)
    return Standing(source, store, report, trusted)


def do(root: Path, prepare: Callable[[Standing], Act], domain_id: str = ME) -> Done:
    """Prepare an operation in a domain of a rehearsal, and carry it out."""
    standing = stand(root, domain_id)
    return carry_out(standing, prepare(standing), rehearsal_gate(), standing_in(standing))


def standing_in(standing: Standing) -> dict[str, SecretKey]:
    """The domain's private keys, as `support.genesis` draws them."""
    name = "the host" if standing.domain_id == HOST else "me"
    return draw_keys(known_random(name), dam_signer=True).by_name
