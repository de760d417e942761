"""Sticks as people have them: FAT, written and read by mtools, so that nobody has to mount anything."""

from __future__ import annotations

import subprocess
from pathlib import Path

from support.toolstree import ToolsTree


def fat(at: Path, tools: ToolsTree, label: str = "KEYS", mib: int = 64) -> Path:
    """An empty stick."""
    tools.run("mkfs.fat", "-F", "32", "-n", label, "-C", str(at), str(mib << 10))
    return at


def write_to(stick: Path, tools: ToolsTree, *files: Path) -> None:
    """Put files into its top directory."""
    tools.run("mcopy", "-i", str(stick), *map(str, files), "::")


def read_from(stick: Path, tools: ToolsTree, name: str) -> str:
    """A file of it."""
    argv = tools.argv("mtype", "-i", str(stick), f"::{name}")
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout


def read_tree(stick: Path, tools: ToolsTree, to: Path) -> Path:
    """Everything on it, in a new directory."""
    to.mkdir()
    tools.run("mcopy", "-s", "-n", "-i", str(stick), "::*", str(to))
    return to
