"""Measure our image against a plain live-boot one, in one run, and write the table: build/bench/bench.{md,json}.

    bench/measure.py [--boots N] [--only builds|boots|verify]

Both are built from a warm package store and without any cache, by the same tools, and booted under software emulation.
Ours is then rebuilt after an overlay file changed, after a tool changed, and after nothing changed; the changes are
made in a copy of the project. Our image is verified, too, in turns with what is held against that: unsquashfs on its
layers and sha256sum on all that comes out. Use a quiet machine: the ratios bear some noise, the seconds bear none.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "authority" / "src")]

from asl_image.bootreport import boot_report  # noqa: E402
from asl_image.locking import LockFiles, lock_for_build  # noqa: E402
from asl_image.machine import MILESTONES, Machine  # noqa: E402
from asl_image.medium import opened  # noqa: E402
from asl_image.profile import load_package_set  # noqa: E402
from asl_image.qemu import Attachment, Drive, MachineConfig  # noqa: E402
from asl_image.runner import Runner  # noqa: E402
from asl_image.site import private_argv  # noqa: E402
from asl_image.squash import Unpackers  # noqa: E402
from asl_image.store import Store  # noqa: E402

SCHEMA = "asl-bench/1"
PROFILE = "authority"
COPIED = ("build.py", "src", "authority", "profiles", "overlays", "hooks")
OVERLAY_FILE = "overlays/authority/root/usr/lib/asl/console.d/authority.sh"
TOOL_FILE = "authority/src/asl_authority/contract/__init__.py"
MEDIA: tuple[Attachment, ...] = ("cdrom", "usb")
SAMPLE_S = 0.1
VERIFIED = 3
BOOT_S = 600.0

# Where the time of a boot went, asked of the guest: its uptime, its clock, and when systemd made its first folder.
CLOCKS = "cut -d' ' -f1 /proc/uptime; date +%s.%N; stat -c %.9W /run/systemd/inaccessible"


@dataclass(frozen=True)
class Cost:
    """Seconds by the clock on the wall, and the most memory that all processes together held."""

    seconds: float
    peak_mib: int


def measured(argv: list[str], log: Path) -> Cost:
    """Run a program to its end. Raises CalledProcessError; what it said is in `log`."""
    before = time.monotonic()
    with log.open("ab") as out:
        out.write(f"+ {' '.join(argv)}\n".encode())
        out.flush()
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        memory = MemoryWatch(process.pid)
        memory.start()
        status = process.wait()
    seconds = time.monotonic() - before
    memory.done.set()
    memory.join()
    if status != 0:
        raise SystemExit(f"{' '.join(argv)}: status {status}; see {log}")
    return Cost(round(seconds, 2), memory.peak_kib // 1024)


class MemoryWatch(threading.Thread):
    """Adds up the memory of a process and all it started, ten times a second; shared pages count once."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.pid = pid
        self.peak_kib = 0
        self.done = threading.Event()

    def run(self) -> None:
        while not self.done.wait(SAMPLE_S):
            self.peak_kib = max(self.peak_kib, sum(memory_kib(pid) for pid in family(self.pid)))


def family(pid: int) -> list[int]:
    """A process and all its descendants."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue  # it has just ended
            children.setdefault(parent, []).append(int(entry.name))
    found = [pid]
    for each in found:
        found += children.get(each, [])
    return found


def memory_kib(pid: int) -> int:
    """The proportional set size of a process, or its resident size where the kernel does not tell us the former."""
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1])
    except PermissionError:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024
    except OSError:
        pass  # it has just ended
    return 0


@dataclass(frozen=True)
class Bench:
    """Where the benchmark works: `folder`, with a build folder of its own over the shared package store."""

    folder: Path

    @property
    def build(self) -> Path:
        return self.folder / "ours"

    @property
    def house(self) -> Path:
        return self.folder / "house"

    @property
    def log(self) -> Path:
        return self.folder / "commands.log"

    @property
    def isos(self) -> dict[str, Path]:
        return {"baseline": self.folder / "baseline/baseline.iso", "ours": self.build / PROFILE / f"{PROFILE}.iso"}

    def door(self, root: Path, *words: str) -> list[str]:
        """A command line of the builder whose project lies at `root`."""
        return [sys.executable, str(root / "build.py"), "--progress", "none", "--build", str(self.build), *words]

    def prepare(self) -> None:
        """A fresh build folder and a copy of the project; what both images are locked to is in the store."""
        for stale in (self.build, self.house, self.folder / "baseline"):
            shutil.rmtree(stale, ignore_errors=True)
        self.build.mkdir(parents=True)
        self.log.unlink(missing_ok=True)
        store = ROOT / "build/store"
        store.mkdir(parents=True, exist_ok=True)
        (self.build / "store").symlink_to(store)
        self.house.mkdir()
        for name in COPIED:
            if (ROOT / name).is_dir():
                skip = shutil.ignore_patterns("__pycache__")
                shutil.copytree(ROOT / name, self.house / name, symlinks=True, ignore=skip)
            else:
                shutil.copy2(ROOT / name, self.house / name)
        measured(self.door(self.house, "fetch", "--renew", PROFILE), self.log)
        measured(self.door(self.house, "--profiles", str(ROOT / "bench"), "fetch", "--renew", "baseline"), self.log)

    def builds(self) -> dict[str, Any]:
        """Build both from nothing, then ours again after each kind of change."""
        self.prepare()
        ours = self.door(self.house, "build", PROFILE)
        costs = {"ours": measured(ours, self.log), "baseline": self.baseline()}
        steps = json.loads((self.folder / "baseline/times.json").read_text())
        sizes = {name: iso.stat().st_size for name, iso in self.isos.items()}
        with (self.house / OVERLAY_FILE).open("a") as changed:
            changed.write("# changed\n")
        costs["overlay changed"] = measured(ours, self.log)
        with (self.house / TOOL_FILE).open("a") as changed:
            changed.write("# changed\n")
        costs["tool changed"] = measured(ours, self.log)
        costs["nothing changed"] = measured(ours, self.log)
        return {
            "builds": {name: asdict(cost) for name, cost in costs.items()},
            "baseline_steps_s": steps,
            "size_bytes": sizes,
        }

    def baseline(self) -> Cost:
        """Make the baseline image, with the tools tree that our build has just made; that one is not counted."""
        asked = load_package_set("baseline", ROOT / "bench")
        _, renewed = lock_for_build(
            asked,
            (),
            profiles_dir=ROOT / "bench",
            build_dir=self.build,
            locked=False,
            store=Store(self.build / "store"),
        )
        files = LockFiles.of("baseline", ROOT / "bench", self.build)
        (tools_tree,) = (self.build / "cache/shared/tools-tree").glob("*/tools-tree")
        argv = (
            *(sys.executable, str(ROOT / "bench/baseline.py"), str(self.folder / "baseline")),
            *("--lock", str(files.renewed if renewed else files.reviewed)),
            *("--store", str(self.build / "store"), "--tools-tree", str(tools_tree)),
        )
        return measured(list(private_argv(argv)), self.log)

    def verifies(self) -> dict[str, Any]:
        """Seconds that verify takes, and those that unpacking and hashing the layers take; the middle of three."""
        iso, at = self.isos["ours"], self.folder / "layers"
        verify = self.door(self.house, "verify", str(iso))
        seen: dict[str, list[float]] = {"verify": [], "unsquashfs and sha256sum": []}
        for _ in range(VERIFIED):
            shutil.rmtree(at, ignore_errors=True)
            at.mkdir()
            with opened(iso) as medium:
                for name, extent in medium.files.items():
                    if name.endswith(".squashfs"):
                        (at / name.removeprefix("asl/")).write_bytes(medium.bytes_of(extent))
            seen["unsquashfs and sha256sum"].append(self.unpacked_and_hashed(at))
            seen["verify"].append(measured(verify, self.log).seconds)
        shutil.rmtree(at)
        return {"verify_s": {name: median(seconds) for name, seconds in seen.items()}}

    def unpacked_and_hashed(self, at: Path) -> float:
        """Seconds for the layers in a folder."""
        unpackers = Unpackers(Runner(self.log), self.build, at)
        seconds = 0.0
        for layer in sorted(at.glob("*.squashfs")):
            out = at / layer.stem
            words = ("-quiet", "-no-progress", "-dest", str(out), str(layer))
            seconds += measured(list(unpackers.argv("unsquashfs", *words)), self.log).seconds
            files = sorted(str(path) for path in out.rglob("*") if path.is_file() and not path.is_symlink())
            if files:
                seconds += measured(["sha256sum", *files], self.log).seconds
        return seconds

    def boots(self, times: int) -> dict[str, Any]:
        """Boot both from each medium, in turns, and take the middle of the seconds to each milestone."""
        seen: dict[tuple[Attachment, str], list[dict[str, float]]] = {}
        for _ in range(times):
            for medium in MEDIA:
                for name, iso in self.isos.items():
                    seen.setdefault((medium, name), []).append(self.boot(iso, medium, f"{name}-{medium}"))
        config = MachineConfig(medium=Drive(self.isos["ours"], "cdrom"))
        return {
            "boots": {
                medium: {
                    name: {
                        milestone: round(median(each[milestone] for each in seen[medium, name]), 1)
                        for milestone in seen[medium, name][0]
                    }
                    for name in self.isos
                }
                for medium in MEDIA
            },
            "boots_each": times,
            "made_with": boot_report(config, "tcg", Runner(self.folder / "commands.log")),
        }

    def boot(self, iso: Path, medium: Attachment, name: str) -> dict[str, float]:
        """Seconds from the start of QEMU to the kernel, to systemd and to the operator's prompt."""
        config = MachineConfig(medium=Drive(iso, medium), accelerator="tcg")
        with Machine(config, self.folder / "boots" / name) as machine:
            started = time.monotonic()
            machine.start()
            machine.choose("s")
            machine.wait_for(MILESTONES["prompt"], BOOT_S)
            prompt = machine.first_seen(MILESTONES["prompt"])
            answers = []
            for _ in range(3):  # the quickest answer is nearest to the truth
                said = [float(line) for line in machine.run(CLOCKS).stdout.splitlines()]
                answers.append((time.monotonic() - started - said[0], *said))
            kernel, uptime, clock, systemd_made = min(answers)
        assert prompt is not None  # noqa: S101 - it was waited for
        return {"kernel": kernel, "systemd": kernel + uptime - (clock - systemd_made), "prompt": prompt}


@dataclass(frozen=True)
class Row:
    """A line of the table: a value of ours, what it is held against, and what it should be at most."""

    what: str
    baseline: float | None
    ours: float
    unit: str
    at_most: float | None = None

    @property
    def judged(self) -> float:
        """What the goal speaks of: the ratio, or the value itself where there is nothing to compare with."""
        return self.ours / self.baseline if self.baseline else self.ours

    def line(self) -> str:
        """The row in Markdown."""
        against = f"{self.baseline:g}" if self.baseline else "–"
        ratio = f"{self.judged:.3f}" if self.baseline else "–"
        goal = "–"
        if self.at_most is not None:
            goal = f"≤ {self.at_most:g}: {'met' if self.judged <= self.at_most else '**missed**'}"
        return f"| {self.what} ({self.unit}) | {against} | {self.ours:g} | {ratio} | {goal} |"


def rows(results: dict[str, Any]) -> list[Row]:
    """The table of what was measured."""
    table: list[Row] = []
    if "builds" in results:
        costs = {name: Cost(**cost) for name, cost in results["builds"].items()}
        whole = costs["baseline"].seconds
        mib = {name: round(size / 2**20, 1) for name, size in results["size_bytes"].items()}
        table += [
            Row("ISO size", mib["baseline"], mib["ours"], "MiB", 0.60),
            Row("build, warm store, no cache", whole, costs["ours"].seconds, "s"),
            Row("overlay file changed, against a full build", whole, costs["overlay changed"].seconds, "s", 0.06),
            Row("tool changed, against a full build", whole, costs["tool changed"].seconds, "s", 0.15),
            Row("rebuild, nothing changed", None, costs["nothing changed"].seconds, "s", 1.0),
            Row("peak memory of a build", None, costs["ours"].peak_mib, "MiB", 1536),
            Row("peak memory, the baseline's build", None, costs["baseline"].peak_mib, "MiB"),
        ]  # fmt: skip
    if "verify_s" in results:
        ours, reference = results["verify_s"]["verify"], results["verify_s"]["unsquashfs and sha256sum"]
        table.append(Row("verify, against unsquashfs and sha256sum of its layers", reference, ours, "s", 2.0))
    goals = {("cdrom", "prompt"): 0.45, ("usb", "prompt"): 0.55}
    for medium, seconds in results.get("boots", {}).items():
        table += [
            Row(f"{medium}: start to {to}", seconds["baseline"][to], seconds["ours"][to], "s", goals.get((medium, to)))
            for to in ("kernel", "systemd", "prompt")
        ]
    return table


def markdown(results: dict[str, Any]) -> str:
    """The table for people."""
    lines = ["| what | baseline | ours | ratio | goal |", "|---|---:|---:|---:|---|"]
    lines += [row.line() for row in rows(results)]
    if "baseline_steps_s" in results:
        steps = ", ".join(f"{name} {seconds:g} s" for name, seconds in results["baseline_steps_s"].items())
        lines += ["", f"The baseline's build: {steps}; its tools tree, which ours includes, is not counted."]
    if "made_with" in results:
        boots = results["boots_each"]
        lines += ["", f"Boots: {results['made_with']['qemu']['version']}, TCG, 2 CPUs, 1024 MiB, middle of {boots}."]
    lines += ["", f"Host: {results['cpus']} CPUs."]
    return "\n".join(lines) + "\n"


def main() -> int:
    """Measure, write, print."""
    parser = argparse.ArgumentParser(description="Measure our image against a plain live-boot one.")
    parser.add_argument("--boots", type=int, default=1, metavar="N", help="boots of each image from each medium")
    parser.add_argument("--only", choices=("builds", "boots", "verify"), help="the rest stays as it was measured last")
    given = parser.parse_args()
    bench = Bench(ROOT / "build/bench")
    bench.folder.mkdir(parents=True, exist_ok=True)
    written = bench.folder / "bench.json"
    results: dict[str, Any] = json.loads(written.read_text()) if given.only and written.exists() else {}
    results |= {"schema": SCHEMA, "cpus": os.cpu_count()}
    if given.only in (None, "builds"):
        results |= bench.builds()
    if given.only in (None, "verify"):
        results |= bench.verifies()
    if given.only in (None, "boots"):
        results |= bench.boots(given.boots)
    table = markdown(results)
    written.write_text(json.dumps(results, indent=2, sort_keys=True) + "\n")
    (bench.folder / "bench.md").write_text(table)
    sys.stdout.write(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
