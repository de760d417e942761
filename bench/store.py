"""Measure the authority's store, each figure against something bare in the same run: build/bench/store.{md,json}.

    bench/store.py [--records N] [--mib N]

What is computing is counted in processor seconds, so that other load changes little; what waits for a disk is counted
by the clock on the wall, in turns with what it is compared with. Memory is the peak of a process of its own.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "authority" / "src")]

from asl_authority.storage.blocks import BlockStore  # noqa: E402
from asl_authority.storage.disk import HostDisk  # noqa: E402
from asl_authority.storage.domains import create_domain, create_store, opened, read_log  # noqa: E402
from asl_authority.storage.layout import DomainPaths, StorePaths  # noqa: E402
from asl_authority.storage.log_files import Walk  # noqa: E402
from asl_authority.storage.log_replay import replay  # noqa: E402
from asl_authority.storage.scrub import scrub  # noqa: E402
from asl_authority.values.ed25519 import SecretKey  # noqa: E402
from asl_authority.values.log_entry import Entry  # noqa: E402
from asl_authority.values.log_record import RecordType  # noqa: E402
from asl_authority.values.merkle import Frontier, leaf_hashes  # noqa: E402
from asl_authority.values.signed_note import NoteSigner  # noqa: E402

SCHEMA = "asl-bench-store/1"
NAME = "bench"
ORIGIN = f"asl.example/{NAME}"
SIGNER = NoteSigner(ORIGIN, SecretKey(b"\7" * 32))
SESSION = "5e" * 16
PER_OPERATION = 1000
COMMITS = 60


class UnsyncedDisk(HostDisk):
    """For making what is measured later."""

    def sync(self, file: int) -> None:
        pass

    def sync_directory(self, path: Path) -> None:
        pass


def entry(number: int) -> Entry:
    """A record like a receipt's."""
    return Entry(RecordType.RECEIPT, facts={"n": number, "sha256": f"{number:064x}"})


def make_domain(folder: Path) -> DomainPaths:
    """An empty domain in a store of its own."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    disk = UnsyncedDisk()
    return create_domain(disk, create_store(disk, folder, "asl.example/host"), NAME, ORIGIN)


def make_log(folder: Path, records: int) -> None:
    """A log of so many records, with its cache."""
    paths = make_domain(folder)
    with opened(UnsyncedDisk(), paths, ORIGIN, SIGNER, session=SESSION) as domain:
        for start in range(0, records, PER_OPERATION):
            domain.log.commit(*(entry(n) for n in range(start, min(start + PER_OPERATION, records))))
    (folder / "made").touch()


def make_blocks(folder: Path, mib: int) -> None:
    """A store of so many MiB: half in one block, half in blocks of 64 KiB."""
    blocks = BlockStore(UnsyncedDisk(), make_domain(folder))
    piece = bytes(range(256)) * 4096
    half = mib // 2
    digest = hashlib.sha256()
    for _ in range(half):
        digest.update(piece)
    blocks.put_stream(digest.hexdigest(), half << 20, (piece for _ in range(half)))
    for number in range((mib - half) * 16):
        blocks.put(number.to_bytes(8, "big") + piece[: (64 << 10) - 8])


# Each of these runs in a process of its own and prints one JSON object.


def child_replay(folder: Path) -> dict[str, float]:
    """Everything that opening for writing checks, without the recovery."""
    paths, disk = StorePaths(folder).domain(NAME), HostDisk()
    size = read_log(disk, paths, ORIGIN, [SIGNER.key]).head.size
    seconds, wall = spent(lambda: replay(disk, paths, size))
    return {"records": size, "cpu_s": seconds, "wall_s": wall}


def child_chain(folder: Path) -> dict[str, float]:
    """Chain and tree without a look at payloads, and a bare loop that computes the same hashes of the same bytes."""
    paths, disk = StorePaths(folder).domain(NAME), HostDisk()
    ours: list[float] = []
    bare: list[float] = []
    frontier, sha256 = Frontier(), hashlib.sha256
    walk = Walk(disk, paths)
    batches = walk.batches(1 << 62)
    while True:
        before = time.process_time()
        batch = next(batches, None)
        if batch is None:
            break
        frontier.extend(leaf_hashes(batch.scan.hashes))
        ours.append(time.process_time() - before)
        pieces = [batch.data[start:end] for start, end in batch.scan.spans]
        before = time.process_time()
        hashes = [sha256(piece).digest() for piece in pieces]
        nodes = [sha256(b"\0" + each).digest() for each in hashes]
        while len(nodes) > 1:
            nodes = [sha256(b"\1" + a + b).digest() for a, b in zip(nodes[::2], nodes[1::2], strict=False)]
        bare.append(time.process_time() - before)
    return {"ours_s": sum(ours), "bare_s": sum(bare)}


def child_open(folder: Path) -> dict[str, float]:
    """Opening for reading at the last checkpoint, then one proof."""
    paths, disk = StorePaths(folder).domain(NAME), HostDisk()
    before = time.monotonic()
    reader = read_log(disk, paths, ORIGIN, [SIGNER.key])
    opened_s = time.monotonic() - before
    before = time.monotonic()
    reader.prove(reader.head.size // 3)
    return {"open_s": opened_s, "prove_s": time.monotonic() - before}


def child_scrub(folder: Path) -> dict[str, float]:
    """A scrub of the whole store."""
    blocks = BlockStore(HostDisk(), StorePaths(folder).domain(NAME))
    seconds, wall = spent(lambda: scrub(blocks, resume=False))
    return {"cpu_s": seconds, "wall_s": wall}


def child_write(folder: Path) -> dict[str, float]:
    """The quickest commit of one record, and of the syncs that it can't do without, done bare in turns with it."""
    paths = StorePaths(folder).domain(NAME)
    ours: list[float] = []
    bare: list[float] = []
    with opened(HostDisk(), paths, ORIGIN, SIGNER, session=SESSION) as domain:
        for number in range(COMMITS):
            ours.append(spent(lambda n=number: domain.log.commit(entry(n)))[1])  # type: ignore[misc]
            bare.append(spent(lambda: bare_syncs(paths.root / "tmp"))[1])
    return {"ours_ms": min(ours) * 1000, "bare_ms": min(bare) * 1000}


def bare_syncs(folder: Path) -> None:
    """An append, a new file, a rename, a directory: each synced."""
    for name, flags in (("log", os.O_APPEND), ("new", os.O_TRUNC)):
        file = os.open(folder / name, os.O_WRONLY | os.O_CREAT | flags)
        os.write(file, b"x" * 200)
        os.fsync(file)
        os.close(file)
    (folder / "new").rename(folder / "head")
    directory = os.open(folder, os.O_RDONLY)
    os.fsync(directory)
    os.close(directory)


CHILDREN: dict[str, Callable[[Path], dict[str, float]]] = {
    "replay": child_replay,
    "chain": child_chain,
    "open": child_open,
    "scrub": child_scrub,
    "write": child_write,
}


def spent(work: Callable[[], object]) -> tuple[float, float]:
    """Processor and wall seconds."""
    cpu, wall = time.process_time(), time.monotonic()
    work()
    return time.process_time() - cpu, time.monotonic() - wall


def in_child(name: str, folder: Path) -> dict[str, float]:
    """Run one of the children and read what it says."""
    argv = [sys.executable, "-I", str(Path(__file__).resolve()), "--child", name, "--folder", str(folder)]
    done = subprocess.run(argv, check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def sha256sum(folder: Path) -> float:
    """Wall seconds of sha256sum over the same blocks."""
    store = StorePaths(folder).domain(NAME).store
    names = "\0".join(sorted(path.name for path in store.glob("*.bin")))
    before = time.monotonic()
    subprocess.run(["xargs", "-0", "sha256sum"], check=True, cwd=store, input=names, text=True, capture_output=True)  # noqa: S607
    return time.monotonic() - before


@dataclass(frozen=True)
class Row:
    """A line of the table; `goal` is what the value must reach, or must not pass when `at_most`."""

    what: str
    value: float
    unit: str
    goal: float
    at_most: bool = False

    @property
    def met(self) -> bool:
        """Whether the goal is reached."""
        return self.value <= self.goal if self.at_most else self.value >= self.goal

    def line(self) -> str:
        """The row in Markdown."""
        sign, met = "≤" if self.at_most else "≥", "met" if self.met else "**missed**"
        value = f"{self.value:,.0f}" if self.value >= 100 else f"{self.value:.2g}"
        return f"| {self.what} | {value} {self.unit} | {sign} {self.goal:,g} | {met} |"


def measure(folder: Path, records: int, mib: int) -> dict[str, Any]:
    """Every figure."""
    log, blocks = folder / f"log-{records}", folder / f"blocks-{mib}"
    if not (log / "made").exists():
        make_log(log, records)
    make_blocks(blocks, mib)
    make_domain(folder / "write")
    sha256sum(blocks)  # so that both read from memory
    scrubs, sums = [], []
    for _ in range(3):
        scrubs.append(in_child("scrub", blocks))
        sums.append(sha256sum(blocks))
    return {
        "schema": SCHEMA,
        "records": records,
        "mib": mib,
        "replay": in_child("replay", log),
        "chain": in_child("chain", log),
        "open": in_child("open", log),
        "scrub": min(scrubs, key=lambda each: each["wall_s"]),
        "sha256sum_s": min(sums),
        "write": in_child("write", folder / "write"),
        "cpus": os.cpu_count(),
    }


def rows(found: dict[str, Any]) -> list[Row]:
    """The table of what was measured."""
    count, written = f"{found['records']:,} records", found["write"]
    replayed, chain, scrubbed = found["replay"], found["chain"], found["scrub"]
    return [
        Row(f"replay with canonical checks, {count}", replayed["records"] / replayed["cpu_s"], "records/s", 1e5),
        Row("chain and tree alone, of a bare loop's speed", chain["bare_s"] / chain["ours_s"], "×", 0.5),
        Row(f"open for reading, {count}", found["open"]["open_s"] * 1000, "ms", 300, at_most=True),
        Row(f"inclusion proof, {count}", found["open"]["prove_s"] * 1000, "ms", 50, at_most=True),
        Row(f"scrub of {found['mib']} MiB, of sha256sum's speed", found["sha256sum_s"] / scrubbed["wall_s"], "×", 0.8),
        Row("one committed record, of its bare syncs", written["ours_ms"] / written["bare_ms"], "×", 3, at_most=True),
        Row("memory of a replay", replayed["peak_mib"], "MiB", 100, at_most=True),
        Row("memory of a scrub", scrubbed["peak_mib"], "MiB", 100, at_most=True),
    ]  # fmt: skip


def markdown(found: dict[str, Any]) -> str:
    """The table for people."""
    lines = ["| what | measured | goal | |", "|---|---:|---:|---|", *(row.line() for row in rows(found))]
    written, chain = found["write"], found["chain"]
    lines += [
        "",
        f"A committed record took {written['ours_ms']:.1f} ms, its syncs alone {written['bare_ms']:.1f} ms. Chain and "
        f"tree took {chain['ours_s']:.2f} s of the processor, a bare loop of the same hashes {chain['bare_s']:.2f} s. "
        f"Host: {found['cpus']} CPUs.",
    ]
    return "\n".join(lines) + "\n"


def main() -> int:
    """Measure, write, print."""
    parser = argparse.ArgumentParser(description="Measure the authority's store.")
    parser.add_argument("--records", type=int, default=1_000_000, metavar="N", help="records of the log")
    parser.add_argument("--mib", type=int, default=512, metavar="N", help="MiB of blocks")
    parser.add_argument("--folder", type=Path, default=ROOT / "build/bench/store", help=argparse.SUPPRESS)
    parser.add_argument("--child", choices=tuple(CHILDREN), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        found = CHILDREN[given.child](given.folder)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        sys.stdout.write(json.dumps({**found, "peak_mib": peak}) + "\n")
        return 0
    found = measure(given.folder, given.records, given.mib)
    table = markdown(found)
    given.folder.with_suffix(".json").write_text(json.dumps(found, indent=2, sort_keys=True) + "\n")
    given.folder.with_suffix(".md").write_text(table)
    sys.stdout.write(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
