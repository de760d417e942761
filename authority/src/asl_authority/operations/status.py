"""What this machine is: gathered from state files, then judged without looking again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from asl_authority.contract import STORE_LABEL, Mode, StoreHow
from asl_authority.errors import AuthorityError
from asl_authority.storage import state, surroundings
from asl_authority.storage.surroundings import Tool
from asl_authority.values.finding import Finding
from asl_authority.values.state import Opened, Release, Seal, Volumes

_T = TypeVar("_T")


@dataclass(frozen=True)
class Damaged:
    """Stands where something is there but can't be read; `reason` names it."""

    reason: str


@dataclass(frozen=True)
class Gathered:
    """Everything that `status` looks at. None: not there."""

    release: Release | Damaged | None
    seal: Seal | Damaged | None
    volumes: Volumes | Damaged | None
    interfaces: tuple[str, ...] | Damaged | None
    root_read_only: bool | Damaged | None
    tools: tuple[Tool, ...] | Damaged
    opened: Opened | Damaged | None = None


@dataclass(frozen=True)
class Status:
    """What was gathered and what it means."""

    gathered: Gathered
    findings: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing speaks against using this machine as what it says it is."""
        return all(finding.ok for finding in self.findings)

    @property
    def rehearsal(self) -> bool:
        """Whether the operator started a rehearsal."""
        return isinstance(self.gathered.seal, Seal) and self.gathered.seal.mode is Mode.REHEARSAL


def gather(root: Path) -> Gathered:
    """Read the state of the machine whose file tree is `root`; what can't be read is kept as Damaged."""
    return Gathered(
        release=_kept(state.load_release, root),
        seal=_kept(state.load_seal, root),
        volumes=_kept(state.load_volumes, root),
        interfaces=_kept(surroundings.load_interfaces, root),
        root_read_only=_kept(surroundings.load_root_read_only, root),
        tools=_kept(surroundings.load_tools, root),
        opened=_kept(state.load_opened, root),
    )


def make_status(gathered: Gathered) -> Status:
    """Judge what was gathered; the same input gives the same answer."""
    return Status(
        gathered,
        (
            check_image(gathered.release),
            check_seal(gathered.seal),
            check_root(gathered.root_read_only),
            check_network(gathered.interfaces),
            check_store(gathered.volumes, gathered.opened),
            check_tools(gathered.tools),
        ),
    )


def check_image(release: Release | Damaged | None) -> Finding:
    """STATUS-IMAGE: the image says which one it is."""
    match release:
        case None:
            return Finding("STATUS-IMAGE", ok=False, detail="this system does not say which image it is")
        case Damaged(reason):
            return Finding("STATUS-IMAGE", ok=False, detail=reason)
    return Finding("STATUS-IMAGE", ok=True, detail=f"{release.profile} {release.version} ({release.suite})")


def check_seal(seal: Seal | Damaged | None) -> Finding:
    """STATUS-SEAL: the initramfs opened the layers and said so."""
    match seal:
        case None:
            return Finding("STATUS-SEAL", ok=False, detail="not started from a sealed image; nothing vouches for it")
        case Damaged(reason):
            return Finding("STATUS-SEAL", ok=False, detail=reason)
    return Finding("STATUS-SEAL", ok=True, detail=f"{len(seal.layers)} layers opened from {seal.medium}")


def check_root(read_only: bool | Damaged | None) -> Finding:
    """STATUS-ROOT: the file system at / can't be written."""
    match read_only:
        case None:
            return Finding("STATUS-ROOT", ok=False, detail="no list of mounts: can't tell whether / is read-only")
        case Damaged(reason):
            return Finding("STATUS-ROOT", ok=False, detail=reason)
    return Finding("STATUS-ROOT", ok=read_only, detail="/ is read-only" if read_only else "/ is writable")


def check_network(interfaces: tuple[str, ...] | Damaged | None) -> Finding:
    """STATUS-NETWORK: there is no network interface but the loopback."""
    match interfaces:
        case None:
            return Finding("STATUS-NETWORK", ok=False, detail="the kernel shows no list of network interfaces")
        case Damaged(reason):
            return Finding("STATUS-NETWORK", ok=False, detail=reason)
    others = [name for name in interfaces if name != "lo"]
    detail = f"interfaces that must not be here: {', '.join(others)}" if others else "no interface but lo"
    return Finding("STATUS-NETWORK", ok=not others, detail=detail)


def check_store(volumes: Volumes | Damaged | None, opened: Opened | Damaged | None = None) -> Finding:
    """STATUS-STORE: at most one volume carries the store's label, and it was opened; none is a state too, not a fault.

    `opened` is None where nobody opens volumes.
    """
    if isinstance(opened, Damaged):
        return Finding("STATUS-STORE", ok=False, detail=opened.reason)
    if isinstance(opened, Opened) and opened.how is StoreHow.MEMORY:
        return Finding("STATUS-STORE", ok=True, detail="a rehearsal's, in memory; no volume is opened")
    match volumes:
        case None:
            return Finding("STATUS-STORE", ok=False, detail="nobody has looked for a store volume")
        case Damaged(reason):
            return Finding("STATUS-STORE", ok=False, detail=reason)
        case Volumes(devices=()):
            ok, detail = True, "no store volume is present"
        case Volumes(devices=(device,)):
            ok, detail = _opened(device, opened)
        case _:
            several = ", ".join(volumes.devices)
            ok, detail = False, f"several volumes are labelled {STORE_LABEL}: {several}"
    return Finding("STATUS-STORE", ok=ok, detail=detail)


def _opened(device: str, opened: Opened | Damaged | None) -> tuple[bool, str]:
    """What became of the one volume that is there."""
    match opened:
        case Opened(how=StoreHow.OPEN, device=at) if at == device:
            return True, f"the store volume is open: {device}"
        case Opened(how=StoreHow.REFUSED, why=why):
            return False, f"the store volume {device} was not opened: {why}"
        case Opened():
            return False, f"the store volume {device} came after the start and is not opened: restart this machine"
    return True, f"one store volume is present: {device}"


def check_tools(tools: tuple[Tool, ...] | Damaged) -> Finding:
    """STATUS-TOOLS: the installed tools can be listed, and each has one current version."""
    if isinstance(tools, Damaged):
        return Finding("STATUS-TOOLS", ok=False, detail=tools.reason)
    if not tools:
        return Finding("STATUS-TOOLS", ok=False, detail="no tools are installed")
    lost = sorted({tool.name for tool in tools} - {tool.name for tool in tools if tool.current})
    detail = f"no current version: {', '.join(lost)}" if lost else f"{len(tools)} installed"
    return Finding("STATUS-TOOLS", ok=not lost, detail=detail)


def _kept(load: Callable[[Path], _T], root: Path) -> _T | Damaged:
    try:
        return load(root)
    except AuthorityError as error:
        return Damaged(str(error))
