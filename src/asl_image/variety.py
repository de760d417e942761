"""What this host has to offer for building in other surroundings, and what it can't do."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from asl_image.isolation import NOBODY, UID_MAPS, refusal
from asl_image.mounts import file_system_of
from asl_image.runner import CLEAN_ENVIRONMENT, Command, Runs
from asl_image.surroundings import SUBORDINATES, Surroundings, surroundings

# A build's scratch, cache and results, in memory.
MEMORY_MIB = 6144
DISKS = ("btrfs", "ext4", "xfs")  # that may lie in a file, the most different first
FIRST_SUBORDINATE = 1 << 30  # far above those that are given to accounts


@dataclass(frozen=True)
class HostFacts:
    """What counts of a host. `ordinary` is why an ordinary user gets no namespaces there, empty when he does."""

    uid: int
    processors: tuple[int, ...]
    file_system: str
    free_memory_mib: int
    known_file_systems: frozenset[str]
    programs: frozenset[str]
    subordinates: str
    ordinary: str = ""

    def other_file_system(self) -> str:
        """One that is not the build folder's; empty when there is none."""
        if self.file_system != "tmpfs" and self.free_memory_mib >= MEMORY_MIB:
            return "tmpfs"
        disks = (name for name in DISKS if name != self.file_system and self.uid == 0)
        return next((n for n in disks if n in self.known_file_systems and f"mkfs.{n}" in self.programs), "")

    def first_subordinate(self) -> int:
        """The first of a range of numbers that no account has."""
        ranges = re.findall(r"^[^:\n]+:(\d+):(\d+)\s*$", self.subordinates, re.MULTILINE)
        return max([FIRST_SUBORDINATE, *(int(first) + int(count) for first, count in ranges)])

    def surroundings(self, names: Iterable[str]) -> Surroundings:
        """Surroundings of this host in which just these variations are otherwise."""
        return surroundings(
            names,
            processor=self.processors[-1],
            first_subordinate=self.first_subordinate(),
            file_system=self.other_file_system(),
        )


def impossible(host: HostFacts) -> dict[str, str]:
    """The variations that the host can't do, and why."""
    found: dict[str, str] = {}
    if len(host.processors) < 2:
        found["cpus"] = "there is one processor only"
    if host.uid != 0:
        found["user"] = "only root can have somebody else build: start the test as root"
    elif "newuidmap" not in host.programs:
        found["user"] = "an ordinary user needs newuidmap to build: apt install uidmap"
    elif host.ordinary:
        found["user"] = f"an ordinary user gets no namespaces here: {host.ordinary}"
    elif host.first_subordinate() + SUBORDINATES >= 1 << 32:
        found["user"] = "no range of subordinate numbers is left in /etc/subuid"
    if not host.other_file_system():
        found["file-system"] = (
            f"{MEMORY_MIB} MiB of free memory are needed for tmpfs, or root with mkfs.btrfs: apt install btrfs-progs"
        )
    return found


def look(build: Path, runner: Runs) -> HostFacts:
    """See what this host has; `build` is where second builds will lie."""
    uid = os.geteuid()
    memory = re.search(r"^MemAvailable:\s+(\d+) kB", Path("/proc/meminfo").read_text(), re.MULTILINE)
    folders = CLEAN_ENVIRONMENT["PATH"]
    programs = ("newuidmap", *(f"mkfs.{disk}" for disk in DISKS))
    return HostFacts(
        uid=uid,
        processors=tuple(sorted(os.sched_getaffinity(0))),
        file_system=file_system_of(build),
        free_memory_mib=int(memory[1]) // 1024 if memory else 0,
        known_file_systems=frozenset(Path("/proc/filesystems").read_text().split()),
        programs=frozenset(name for name in programs if shutil.which(name, path=folders)),
        subordinates="\n".join(Path(table).read_text() for table in UID_MAPS if Path(table).is_file()),
        ordinary=ordinary_trouble(runner) if uid == 0 else "",
    )


def ordinary_trouble(runner: Runs) -> str:
    """Why an ordinary user gets no namespaces, asked by root; empty when he does."""
    missing = [table for table in UID_MAPS if not Path(table).is_file()]
    if missing:
        return f"{' and '.join(missing)} is missing: apt install passwd"
    user = ("--reuid", str(NOBODY), "--regid", str(NOBODY), "--clear-groups")
    probe = Command(("setpriv", *user, "--", "unshare", "--user", "--mount", "--net", "--pid", "--fork", "true"))
    return refusal(runner, probe)
