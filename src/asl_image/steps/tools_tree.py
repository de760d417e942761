"""The tools tree: a root of its own with every program that can change a byte of the image."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from asl_image.lock import Lock
from asl_image.programs import RECORD, names, record
from asl_image.step import REPO, Act, Site, Step, put


@dataclass(frozen=True)
class ToolsTree(Step):
    """Bootstrapped from its own lock by the host's mmdebstrap; the only step that uses the host's programs."""

    shared: ClassVar[bool] = True

    lock: Lock

    def name(self) -> str:
        return "tools-tree"

    def needs(self) -> tuple[str, ...]:
        return ()

    def facts(self) -> dict[str, object]:
        return {
            "suite": self.lock.request.suite,
            "epoch": self.lock.epoch,
            "packages": {package.name: f"{package.version} {package.sha256}" for package in self.lock.packages},
        }

    def outputs(self) -> tuple[str, ...]:
        return ("tools-tree", RECORD)

    def act(self, repository: str = REPO, tree: str = "/work/tools-tree") -> Act:
        """The bootstrap; the two paths are the host's own."""
        return Act(
            (
                "mmdebstrap",
                "--mode=root",  # of our own namespace, whoever started us
                "--format=directory",
                "--variant=custom",  # just what is named: the lock is already closed over dependencies
                f"--include={','.join(package.name for package in self.lock.packages)}",
                '--aptopt=APT::Install-Recommends "false"',
                self.lock.request.suite,
                tree,
                # trusted: each .deb was checked against the lock
                f"deb [trusted=yes] copy:{repository} {self.lock.request.suite} main",
            ),
            env={"SOURCE_DATE_EPOCH": str(self.lock.epoch)},
            where="host",
        )

    def describe(self) -> tuple[str, ...]:
        return (self.act().line(), f"builder: records the hashes of {len(names())} programs and of what they load")

    def run(self, site: Site) -> None:
        repository = site.repository(self.lock)
        site.act(self.act(str(repository), str(site.work / "tools-tree")))
        for mount_point in ("work", "repo"):
            (site.work / "tools-tree" / mount_point).mkdir(exist_ok=True)
        (site.work / RECORD).write_text(record(site.work / "tools-tree").text())

    def restore(self, site: Site, kept: Path) -> None:
        """The record; `execute` mounts the tree from where it is kept."""
        put(kept / RECORD, site.work / RECORD)
