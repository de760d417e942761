"""The root tree: every locked package, unpacked and configured, and nothing done to it yet."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from asl_image import ownership, tree_writer
from asl_image.errors import CheckFailed
from asl_image.lock import Lock
from asl_image.step import REPO, WORK, Act, Site, Step


@dataclass(frozen=True)
class Root(Step):
    """Bootstrapped in the tools tree by the engine of the profile, from a local archive, without a network."""

    engine: Literal["mmdebstrap", "debootstrap"]
    lock: Lock

    def name(self) -> str:
        return "root"

    def needs(self) -> tuple[str, ...]:
        return ("tools-tree",)

    def facts(self) -> dict[str, object]:
        return {
            "engine": self.engine,
            "suite": self.lock.request.suite,
            "epoch": self.lock.epoch,
            "packages": {package.name: f"{package.version} {package.sha256}" for package in self.lock.packages},
        }

    def outputs(self) -> tuple[str, ...]:
        return ("root.tar",)

    def act(self) -> Act:
        """The bootstrap. The kernel's own hook is told to make no initramfs: the image has one of ours."""
        names = ",".join(package.name for package in self.lock.packages)
        env = {"SOURCE_DATE_EPOCH": str(self.lock.epoch), "INITRD": "No"}
        if self.engine == "mmdebstrap":
            argv: tuple[str, ...] = (
                "mmdebstrap",
                "--mode=root",
                "--format=directory",
                "--variant=custom",
                f"--include={names}",
                '--aptopt=APT::Install-Recommends "false"',
                self.lock.request.suite,
                f"{WORK}/root",
                f"deb [trusted=yes] copy:{REPO} {self.lock.request.suite} main",
            )
        else:
            argv = (
                "debootstrap",
                "--variant=minbase",
                "--no-check-gpg",  # each .deb was checked against the lock
                "--exclude=apt",  # no package manager is part of an image
                f"--include={names}",
                self.lock.request.suite,
                f"{WORK}/root",
                f"file://{REPO}",
            )
        return Act(argv, env=env)

    def describe(self) -> tuple[str, ...]:
        return (self.act().line(), "builder: keeps the tree as root.tar, and notes which package each file is of")

    def run(self, site: Site) -> None:
        site.repository(self.lock)
        site.act(self.act())
        self.check_packages(site)
        with (site.work / "root.tar").open("wb") as out:
            tree_writer.write_tar(tree_writer.scan_tree(site.work / "root"), out, self.lock.epoch)
        ownership.begin(site.work)

    def check_packages(self, site: Site) -> None:
        """What is installed must be what was locked, to the version."""
        listed = site.read(
            Act(("dpkg-query", f"--root={WORK}/root", "-W", "-f=${Package} ${Version} ${db:Status-Abbrev}\\n"))
        )
        installed = {tuple(line.split()) for line in listed.splitlines()}
        wanted = {(package.name, package.version, "ii") for package in self.lock.packages}
        if installed != wanted:
            raise CheckFailed(
                "the installed packages are not those of the lock",
                details=tuple(
                    sorted(f"installed: {' '.join(row)}" for row in installed - wanted)
                    + sorted(f"locked: {' '.join(row)}" for row in wanted - installed)
                ),
            )

    def restored_with(self) -> tuple[str, ...]:
        return ("tools-tree",)

    def restore(self, site: Site, kept: Path) -> None:
        """Unpack the kept tree, as it was before any hook."""
        (site.work / "root").mkdir()
        site.act(
            Act(
                ("tar", "--extract", "--numeric-owner", "--same-permissions", "--directory", f"{WORK}/root"),
                stdin=str(kept / "root.tar"),
            )
        )
        ownership.begin(site.work)
