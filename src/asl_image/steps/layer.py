"""A layer of the image: one squashfs made from a normalised stream, its dm-verity tree, and its seal."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from asl_image import ownership, tree_writer
from asl_image.errors import CheckFailed
from asl_image.filelist import FileRow, facts_of, write_rows
from asl_image.ownership import Origin
from asl_image.step import WORK, Act, Site, Step
from asl_image.tree_writer import Entry

BLOCK = 4096  # bytes; dm-verity's data and hash blocks
LEAST_BLOCKS = 2  # of one block alone there is no hash tree, and an empty file can't be a loop device

COMPRESSION = {
    "dev": ("-comp", "zstd", "-Xcompression-level", "3"),  # 2 s for a root of 350 MB
    "release": ("-comp", "zstd", "-Xcompression-level", "15"),  # 8 % smaller; 19 and xz cost minutes and read slower
}

# The root of every layer, as sqfstar is told to make it.
ROOT = tree_writer.directory("", 0o755)

# What is compared of a file that was read back; the rest of a row tells where it comes from.
FACTS = set(FileRow.model_fields) - {"part", "origin", "changed_by", "known_as"}

# What a root tree must hold as empty mount points, with their modes.
MOUNT_POINTS = {"dev": 0o755, "proc": 0o555, "run": 0o755, "sys": 0o555, "tmp": 0o1777, "var": 0o755}


@dataclass(frozen=True)
class Seal:
    """What the kernel command line must say of a layer so that nothing else can be mounted in its place."""

    name: str
    data_blocks: int
    root_hash: str
    salt: str

    def word(self) -> str:
        """The kernel command-line word that the initramfs reads."""
        return f"asl.layer={self.name},{self.data_blocks},{self.root_hash},{self.salt}"


@dataclass(frozen=True)
class Layer(Step):
    """Leaves <name>.squashfs, <name>.verity, <name>.json (its seal) and <name>.files (what it holds)."""

    layer: Literal["base", "tools", "overlay"]
    tree: str  # the folder in the work folder that it is made from
    after: str
    profile: str
    compression: Literal["dev", "release"]
    epoch: int

    def name(self) -> str:
        return f"layer-{self.layer}"

    def needs(self) -> tuple[str, ...]:
        return ("tools-tree", self.after)

    def outputs(self) -> tuple[str, ...]:
        return tuple(f"{self.layer}.{suffix}" for suffix in ("squashfs", "verity", "json", "files"))

    def salt(self) -> str:
        """Derived from names, never random: a salt only has to keep hash trees of different layers apart."""
        return hashlib.sha256(f"asl-image verity salt/1 {self.profile} {self.layer}".encode()).hexdigest()

    def squashfs_act(self) -> Act:
        """The one program that writes squashfs; `mksquashfs -tar` would give other bytes."""
        return Act(
            (
                "sqfstar",
                *COMPRESSION[self.compression],
                "-b", "128K",
                "-root-mode", "755", "-root-uid", "0", "-root-gid", "0",
                "-root-time", str(self.epoch),  # the archive's own "./" is not taken for it
                "-mem", "512M",  # the default is a share of the host's memory
                "-no-progress", "-quiet",
                # The image comes last: what follows its name is a list of files to leave out, not options.
                f"{WORK}/{self.layer}.squashfs",
            ),
            env={"SOURCE_DATE_EPOCH": str(self.epoch)},  # never with -mkfs-time: both together abort
            stdin=f"{self.layer}.tar",
        )  # fmt: skip

    def verity_act(self) -> Act:
        """No superblock: every parameter is on the kernel command line, and flips in one pass unseen."""
        return Act(
            (
                "veritysetup", "format",
                "--no-superblock",
                "--hash=sha256",
                f"--data-block-size={BLOCK}",
                f"--hash-block-size={BLOCK}",
                f"--salt={self.salt()}",
                f"--root-hash-file={WORK}/{self.layer}.root-hash",
                f"{WORK}/{self.layer}.squashfs",
                f"{WORK}/{self.layer}.verity",
            )
        )  # fmt: skip

    def read_back_act(self) -> Act:
        """Every squashfs is unpacked again and compared: squashfs-tools 4.7.4 wrote corrupt ones."""
        return Act(
            (
                "unsquashfs", "-no-progress", "-quiet",
                "-dest", f"{WORK}/{self.layer}.read-back",
                f"{WORK}/{self.layer}.squashfs",
            )
        )  # fmt: skip

    def describe(self) -> tuple[str, ...]:
        return (
            f"builder: writes /{self.tree} to {self.layer}.tar, sorted, every time {self.epoch}",
            self.squashfs_act().line(),
            self.read_back_act().line(),
            "builder: compares what was read back with what was written",
            f"builder: writes {self.layer}.files: every file with its hash, and where it comes from",
            f"builder: pads the layer to at least {LEAST_BLOCKS} blocks",
            self.verity_act().line(),
        )

    def run(self, site: Site) -> None:
        entries = self._entries(site.work)
        rows = self._rows(site.work, entries)
        with (site.work / f"{self.layer}.tar").open("wb") as out:
            tree_writer.write_tar(entries, out, self.epoch)
        site.act(self.squashfs_act())
        (site.work / f"{self.layer}.tar").unlink()
        self._compare(site, rows)
        squashfs = site.work / f"{self.layer}.squashfs"
        if squashfs.stat().st_size < LEAST_BLOCKS * BLOCK:
            os.truncate(squashfs, LEAST_BLOCKS * BLOCK)
        site.act(self.verity_act())
        root_hash = (site.work / f"{self.layer}.root-hash").read_text().strip()
        seal = Seal(self.layer, squashfs.stat().st_size // BLOCK, root_hash, self.salt())
        (site.work / f"{self.layer}.json").write_text(json.dumps(vars(seal), indent=2, sort_keys=True) + "\n")
        write_rows(site.work / f"{self.layer}.files", rows)
        for output in self.outputs():
            (site.work / output).chmod(0o644)  # programs leave the umask's

    def _entries(self, work: Path) -> list[Entry]:
        entries = tree_writer.scan_tree(work / self.tree)
        if self.layer != "base":
            return entries
        empty = {name: tree_writer.directory(name, mode) for name, mode in MOUNT_POINTS.items()}
        kept = [entry for entry in entries if entry.name.split("/")[0] not in MOUNT_POINTS]
        return tree_writer.with_parents([*kept, *empty.values()])

    def _rows(self, work: Path, entries: Sequence[Entry]) -> list[FileRow]:
        """What the layer will hold, and whose it is. Raises CheckFailed for files without an owner."""
        origins = dict(ownership.origins_of(work, self.tree))
        if self.layer == "base":
            origins |= {name: Origin(f"generator {self.name()}") for name in MOUNT_POINTS}
        return ownership.rows_of(self.layer, [ROOT, *entries], {"": Origin(f"generator {self.name()}"), **origins})

    def _compare(self, site: Site, rows: Sequence[FileRow]) -> None:
        site.act(self.read_back_act())
        read_back = site.work / f"{self.layer}.read-back"
        back = {facts["path"]: facts for facts in map(facts_of, [ROOT, *tree_writer.scan_tree(read_back)])}
        written = {row.path: row.model_dump(mode="json", include=FACTS, exclude_none=True) for row in rows}
        if differ := sorted(path for path in written.keys() | back.keys() if written.get(path) != back.get(path)):
            raise CheckFailed(
                f"{self.layer}.squashfs does not read back as what was written", details=tuple(differ[:20])
            )
        tree_writer.remove(read_back)


def read_seal(work: Path, layer: str) -> Seal:
    """The seal of a layer that is in the work folder."""
    return Seal(**json.loads((work / f"{layer}.json").read_text()))
