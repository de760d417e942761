"""The image's root tree as a build leaves it: its layers unpacked over each other, and testinfra inside."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from testinfra.backend.base import BaseBackend, CommandResult
from testinfra.host import Host

from asl_image.site import private_argv
from support.iso import Iso
from support.toolstree import ToolsTree

# Read-only, with devices and memory where the booted system has them, and the settings of the operator's console;
# the network namespace has only `lo`.
ENTER = """
set -e
mount --bind "$1" "$1"
mount -o remount,ro,bind "$1"
mount --rbind /dev "$1/dev"
mount -t proc proc "$1/proc"
for place in run tmp var; do mount -t tmpfs -o mode=1777 tmpfs "$1/$place"; done
exec chroot "$1" /usr/bin/env -i HOME=/root LANG=C.UTF-8 /bin/bash -c '
for file in /usr/lib/asl/console.d/*.sh; do [ ! -r "$file" ] || . "$file"; done
eval "$1"' bash "$2"
"""


@contextmanager
def unpacked(iso: Iso, tools: ToolsTree, at: Path) -> Iterator[Path]:
    """The layers of the image in one tree below `at`, which is gone at the end; its owners are kept."""
    tree = at / "tree"
    try:
        for layer in iso.layers():
            file = iso.extract(f"asl/{layer}.squashfs", at)
            unsquashfs = tools.argv("unsquashfs", "-force", "-no-progress", "-dest", str(tree), str(file))
            subprocess.run(private_argv(unsquashfs), check=True, capture_output=True)
            file.unlink()
        yield tree
    finally:
        subprocess.run(private_argv(("rm", "-rf", "--one-file-system", str(tree))), check=False)


class TreeBackend(BaseBackend):  # type: ignore[misc]  # testinfra has no types
    """Runs a spec's commands in the tree, as root, in namespaces of their own."""

    NAME = "tree"

    def __init__(self, tree: Path) -> None:
        super().__init__("tree")
        self._tree = tree
        self._encoding = "utf-8"  # testinfra would ask a python in the tree

    def run(self, command: str, *args: str, **_: Any) -> CommandResult:
        line = self.get_command(command, *args)
        argv = private_argv(("sh", "-c", ENTER, "sh", str(self._tree), line))
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, check=False)
        return self.result(done.returncode, line.encode(), done.stdout, done.stderr)


def tree_host(tree: Path) -> Host:
    """The built tree as testinfra sees it."""
    backend = TreeBackend(tree)
    host = Host(backend)
    backend.set_host(host)
    return host
