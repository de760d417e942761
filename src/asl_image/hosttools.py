"""Which programs of the host are used, what for, and the Debian package that brings each."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class HostTool:
    """A program of the host: its name, its Debian package and the verbs that need it."""

    program: str
    package: str
    needed_by: tuple[str, ...]


HOST_TOOLS: tuple[HostTool, ...] = (
    HostTool("apt-get", "apt", ("lock",)),
    HostTool("apt-cache", "apt", ("lock",)),
    HostTool("apt-config", "apt", ("lock", "fetch")),
    HostTool("chroot", "coreutils", ("build",)),
    HostTool("mmdebstrap", "mmdebstrap", ("build",)),
    HostTool("mount", "mount", ("build",)),
    HostTool("umount", "mount", ("build",)),
    HostTool("setpriv", "util-linux", ("build",)),
    HostTool("unshare", "util-linux", ("build",)),
    HostTool("newuidmap", "uidmap", ("build",)),
    HostTool("ssh-keygen", "openssh-client", ()),  # only for signatures in OpenSSH's form
    HostTool("git", "git", ("kit",)),
    HostTool("qemu-system-x86_64", "qemu-system-x86", ("boot",)),
)


def package_for(program: str) -> str | None:
    """The Debian package that brings `program`, or None when we use no such program."""
    return next((tool.package for tool in HOST_TOOLS if tool.program == program), None)


def missing(verb: str, which: Callable[[str], str | None] = shutil.which) -> tuple[HostTool, ...]:
    """The programs that `verb` needs and this host does not have."""
    return tuple(tool for tool in HOST_TOOLS if verb in tool.needed_by and which(tool.program) is None)
