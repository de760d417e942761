"""Programs of the tools tree, run where they lie: without root or chroot, and with nothing of the host's."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

LIBRARIES = "usr/lib/x86_64-linux-gnu"
FOLDERS = ("usr/bin", "usr/sbin")


@dataclass(frozen=True)
class ToolsTree:
    """The root of a tools tree that a build has left in the cache."""

    at: Path

    @classmethod
    def newest(cls, build: Path) -> ToolsTree | None:
        """The one that was made last, or None when there is none."""
        trees = build.glob("cache/shared/tools-tree/*/tools-tree/usr/bin/unsquashfs")
        found = sorted(trees, key=lambda path: path.lstat().st_ctime)
        return cls(found[-1].parents[2]) if found else None

    def argv(self, program: str, *words: str) -> tuple[str, ...]:
        """What to start: the tree's own loader, with the tree's own libraries."""
        path = next(path for folder in FOLDERS if (path := self.at / folder / program).exists())
        libraries = self.at / LIBRARIES
        return (str(libraries / "ld-linux-x86-64.so.2"), "--library-path", str(libraries), str(path), *words)

    def run(self, program: str, *words: str) -> None:
        """Run a program to its end. Raises CalledProcessError, with its words in a note."""
        argv = self.argv(program, *words)
        result = subprocess.run(argv, capture_output=True, text=True, check=False)
        if result.returncode != 0:
            error = subprocess.CalledProcessError(result.returncode, argv)
            error.add_note(result.stdout + result.stderr)
            raise error
