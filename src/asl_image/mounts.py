"""Mounts below a folder: seen, let go of, and never mistaken for folders of our own.

A tree that is still bound below a scratch folder is somebody else's: taking the folder away would take
away what is bound there. So mounts are read from the kernel, not from what we remember, and let go of by
the system call: that needs no program, no log and no room on a disk that may be full.
"""

from __future__ import annotations

import ctypes
import os
import re
from pathlib import Path

from asl_image.errors import IoFailed

MOUNTINFO = Path("/proc/self/mountinfo")
MNT_DETACH = 2  # <sys/mount.h>; a daemon that a package started must not keep a build from ending
UMOUNT_NOFOLLOW = 8


def mounts_below(at: Path, mountinfo: str | None = None) -> list[Path]:
    """Every mount point at or below `at`, the last mounted first. `mountinfo` is the kernel's list, in a test."""
    text = mountinfo if mountinfo is not None else MOUNTINFO.read_text(errors="surrogateescape")
    points = [Path(_unescaped(line.split(" ")[4])) for line in text.splitlines()]
    real = Path(os.path.realpath(at))
    return [point for point in reversed(points) if point.is_relative_to(real)]


def file_system_of(at: Path, mountinfo: str | None = None) -> str:
    """The kind of the file system that a path lies on, as the kernel calls it; `mountinfo` as above."""
    text = mountinfo if mountinfo is not None else MOUNTINFO.read_text(errors="surrogateescape")
    real, found = Path(os.path.realpath(at)), ""
    deepest = -1
    for line in text.splitlines():
        point = Path(_unescaped(line.split(" ")[4]))
        if real.is_relative_to(point) and len(point.parts) >= deepest:  # of two at one place the later one is seen
            deepest, found = len(point.parts), line.partition(" - ")[2].split(" ")[0]
    return found


def let_go(at: Path) -> None:
    """Unmount everything at and below `at`. Raises IoFailed, naming what is still there, when the kernel refuses."""
    libc = ctypes.CDLL(None, use_errno=True)
    for point in mounts_below(at):
        libc.umount2(os.fsencode(point), MNT_DETACH | UMOUNT_NOFOLLOW)
    left = mounts_below(at)
    if left:
        raise IoFailed(
            f"{at}: something is still mounted there, so nothing is removed",
            details=tuple(str(point) for point in left),
            hint="unmount it, then run the build again",
        )


def detach(at: Path) -> None:
    """Take away the mount that covers `at`, and all mounts in it. Raises IoFailed."""
    if ctypes.CDLL(None, use_errno=True).umount2(os.fsencode(at), MNT_DETACH | UMOUNT_NOFOLLOW) != 0:
        raise IoFailed(f"{at}: can't be unmounted: {os.strerror(ctypes.get_errno())}")


def _unescaped(field: str) -> str:
    """A path as the kernel writes it, with blanks and the like as octal numbers."""
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), field)
