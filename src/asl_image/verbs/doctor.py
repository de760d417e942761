"""doctor: see whether this host can do the builder's work, and name what to install where it can't."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol

import click

from asl_image.accelerator import KVM, best_accelerator
from asl_image.errors import Refused
from asl_image.hosttools import HOST_TOOLS
from asl_image.isolation import ENOUGH, Ground, root_obstacles, rootless_obstacles, survey
from asl_image.qemu import QEMU, find_ovmf
from asl_image.runner import CLEAN_ENVIRONMENT, Runner
from asl_image.verbs import House

VERBS = ("lock", "fetch", "build", "boot", "kit")

# Tools tree, root tree, layers, ISO and package store of one profile come to 2 GB; a second one must fit beside it.
FREE_MIB = 4096

ANYBODY = f"whoever has {ENOUGH} numbers in /etc/subuid and /etc/subgid"


@dataclass(frozen=True)
class Check:
    """One thing that was looked at. `ok` is None for what is only good to know."""

    name: str
    ok: bool | None
    said: str
    needed_by: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()


class Host(Protocol):
    """What doctor asks of the machine; each answer is None or True when all is well, else what is in the way."""

    def has(self, program: str) -> bool: ...

    def ground(self) -> Ground: ...

    def firmware(self) -> str | None: ...

    def free_mib(self) -> int: ...

    def accelerator(self) -> tuple[bool, bool]: ...


def examine(host: Host, verbs: Iterable[str] = VERBS) -> tuple[Check, ...]:
    """Every check that these verbs give reason for."""
    wanted = set(verbs)
    checks = [
        Check(
            tool.program,
            host.has(tool.program),
            "found" if host.has(tool.program) else f"not found: apt install {tool.package}",
            tuple(verb for verb in tool.needed_by if verb in wanted),
            () if host.has(tool.program) else (tool.package,),
        )
        for tool in HOST_TOOLS
        if wanted.intersection(tool.needed_by)
    ]
    if "build" in wanted:
        if host.has("unshare"):
            checks += ways_to_build(host.ground())
        free = host.free_mib()
        enough = free >= FREE_MIB
        said = f"{free} MiB free" + ("" if enough else f", {FREE_MIB} MiB are needed")
        checks.append(Check("disk", enough, said, ("build",)))
    if "boot" in wanted:
        trouble = host.firmware()
        packages = () if trouble is None else ("ovmf",)
        checks.append(Check("uefi firmware", trouble is None, trouble or "found", ("boot",), packages))
        if host.has(QEMU):
            checks.append(Check("accelerator", None, _accelerator(*host.accelerator())))
    return tuple(checks)


def ways_to_build(ground: Ground) -> Iterator[Check]:
    """Whether this host can build as root and as an ordinary user; only the way of whoever asks must be open."""
    ways = (
        ("build as root", root_obstacles(ground), ground.uid == 0, "can be done"),
        ("build rootless", rootless_obstacles(ground), ground.uid != 0, f"can be done by {ground.user or ANYBODY}"),
    )
    for name, obstacles, own, fine in ways:
        packages = ("uidmap",) if own and any("uidmap" in each for each in obstacles) else ()
        yield Check(name, not obstacles if own else None, "; ".join(obstacles) or fine, ("build",), packages)


def _accelerator(device: bool, proven: bool) -> str:
    if proven:
        return "KVM, proved by starting a guest"
    why = "there is a /dev/kvm but no guest runs on it" if device else "there is no /dev/kvm"
    return f"software emulation (TCG), slow but right: {why}"


@dataclass(frozen=True)
class ThisHost:
    """The machine we run on; `scratch` is a directory for our own, `sudoer` who became root to ask."""

    build: Path
    path: str
    scratch: Path
    sudoer: str = ""

    def has(self, program: str) -> bool:
        """Whether a program is there; /sbin may be missing from a person's PATH and is looked at all the same."""
        return shutil.which(program, path=f"{self.path}:/usr/sbin:/sbin") is not None

    def ground(self) -> Ground:
        """What there is for namespaces of our own, found by making some."""
        which = partial(shutil.which, path=CLEAN_ENVIRONMENT["PATH"])
        return survey(Runner(self.scratch / "namespaces.log"), which, self.sudoer)

    def firmware(self) -> str | None:
        """What is in the way of a UEFI boot."""
        try:
            find_ovmf()
        except Refused as error:
            return f"{error}: {error.hint}"
        return None

    def free_mib(self) -> int:
        """Free space where results go."""
        there = next(path for path in (self.build, *self.build.parents) if path.exists())
        return shutil.disk_usage(there).free // 2**20

    def accelerator(self) -> tuple[bool, bool]:
        """Whether there is a KVM device, and whether a guest was seen running on it."""
        return KVM.exists(), best_accelerator(Runner(self.scratch / "qemu.log")) == "kvm"


@click.command()
@click.option("--for", "verbs", multiple=True, type=click.Choice(VERBS), help="Only what this verb needs (may repeat).")
@click.pass_obj
def doctor(house: House, verbs: tuple[str, ...]) -> int:
    """See whether this host has what is needed; status 4 when something is missing."""
    with TemporaryDirectory(prefix="asl-doctor-") as scratch:
        host = ThisHost(
            house.build, house.environ.get("PATH", os.defpath), Path(scratch), house.environ.get("SUDO_USER", "")
        )
        checks = examine(host, verbs or VERBS)
    packages = sorted({package for check in checks for package in check.packages})
    bad = [check for check in checks if check.ok is False]
    house.screen.result(
        report(checks, packages),
        {"ok": not bad, "packages": packages, "checks": [asdict(check) for check in checks]},
    )
    return Refused.status if bad else 0


def report(checks: Iterable[Check], packages: Iterable[str]) -> str:
    """The findings as lines for people, what to install last."""
    words = {True: "ok", False: "MISSING", None: "note"}
    lines = [
        f"{words[check.ok]:8}{check.name:20}{check.said}"
        + (f" (for {', '.join(check.needed_by)})" if check.ok is False else "")
        for check in checks
    ]
    if names := " ".join(packages):
        lines.append(f"install what is missing: apt install {names}")
    return "\n".join(lines)
