"""Load what the running machine shows of itself: network interfaces, the root mount, the installed tools."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path, PurePosixPath

from asl_authority import contract
from asl_authority.errors import IoFailed
from asl_authority.storage.paths import inside

_NET = PurePosixPath("/sys/class/net")
_MOUNTS = PurePosixPath("/proc/self/mountinfo")
_SWAPS = PurePosixPath("/proc/swaps")
# A tool's name may hold dashes; its version starts at the first dash before a digit.
VERSIONED = re.compile(r"(?P<name>.+?)-(?P<version>[0-9].*)")


@dataclass(frozen=True)
class Tool:
    """One installed version; `current` when a stable name links into it."""

    name: str
    version: str
    current: bool


def load_interfaces(root: Path) -> tuple[str, ...] | None:
    """The names of all network interfaces, sorted; None when the kernel shows no list. Raises IoFailed."""
    directory = inside(root, _NET)
    try:
        # bonding_masters is a file beside the interfaces, which are links or directories.
        return tuple(sorted(entry.name for entry in directory.iterdir() if entry.is_symlink() or entry.is_dir()))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise IoFailed(f"{_NET}: {error.strerror}") from None


def load_root_read_only(root: Path) -> bool | None:
    """Whether `/` is mounted read-only; None when there is no list of mounts. Raises IoFailed."""
    try:
        lines = inside(root, _MOUNTS).read_text("utf-8", "surrogateescape").splitlines()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise IoFailed(f"{_MOUNTS}: {error.strerror}") from None
    answer = None
    for line in lines:
        # proc_pid_mountinfo(5): the mount's own options, any number of tags, a dash, then type, source
        # and the file system's options. The last mount over the same point is the one that is seen.
        mount, _, filesystem = line.partition(" - ")
        fields = mount.split(" ")
        if len(fields) > 5 and fields[4] == "/":
            options = {*fields[5].split(","), *filesystem.rpartition(" ")[2].split(",")}
            answer = "ro" in options
    return answer


def load_swaps(root: Path) -> tuple[str, ...]:
    """What memory may be swapped out to: devices and files. A kernel without swap has no list. Raises IoFailed."""
    try:
        lines = inside(root, _SWAPS).read_text("utf-8", "surrogateescape").splitlines()
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise IoFailed(f"{_SWAPS}: {error.strerror}") from None
    return tuple(sorted(line.split()[0] for line in lines[1:] if line.strip()))


def load_tools(root: Path) -> tuple[Tool, ...]:
    """Every installed version of every tool, sorted; names that are no version are left out. Raises IoFailed."""
    directory = inside(root, contract.TOOL_VERSIONS)
    try:
        names = sorted(entry.name for entry in directory.iterdir() if entry.is_dir())
        linked = _linked(root)
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise IoFailed(f"{contract.TOOL_VERSIONS}: {error.strerror}") from None
    found = [match for name in names if (match := VERSIONED.fullmatch(name))]
    return tuple(Tool(m["name"], m["version"], m[0] in linked) for m in found)


def _linked(root: Path) -> frozenset[str]:
    """The version directories that stable names point into; one tool may bring several programs."""
    linked = set()
    for entry in inside(root, contract.TOOLS).iterdir():
        if entry.is_symlink():
            parts = PurePosixPath(entry.readlink()).parts
            linked |= {below for folder, below in pairwise(parts) if folder == contract.TOOL_VERSIONS.name}
    return frozenset(linked)
