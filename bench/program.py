"""Measure the authority program, each start against a bare one of the same Python: build/bench/program.{md,json}.

    bench/program.py [--turns N]

The program is packed as it is for the image, compiled by the Python that runs this, and started in turns with
`python3 -I -c ''`. Starts are counted in processor seconds, the middle of all turns, so that other load changes little.
A domain is created by the packed program's own operations, keys sealed at next to no cost: by the clock on the wall, a
whole process each time, with every sync.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path, PurePosixPath
from statistics import median
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "authority" / "src"), str(ROOT / "tests")]

from store import Row  # noqa: E402

from asl_authority import contract  # noqa: E402
from asl_authority.operations.founding import found_domain  # noqa: E402
from asl_authority.operations.reading import HOST  # noqa: E402
from asl_authority.storage.disk import HostDisk  # noqa: E402
from asl_authority.storage.domains import create_directories  # noqa: E402
from asl_authority.values import dam as dams  # noqa: E402
from asl_authority.values.dam import check_dam, read_dam  # noqa: E402
from asl_authority.values.signed import read_signed  # noqa: E402
from asl_image.pack import compile_command, load_compiled, load_sources, pack_program  # noqa: E402
from support.domains import POLICY, ROOTS, certificate, dam  # noqa: E402
from support.genesis import founding  # noqa: E402

SCHEMA = "asl-bench-program/1"
DAMS = 1000
BARE = ("-c", "")
# Starts one program and says what it took. It is small, for the peak of a new process begins with that of its parent.
STARTER = """\
import os, sys, time
before = time.monotonic()
_, status, usage = os.wait4(os.posix_spawn(sys.executable, [sys.executable, "-I", *sys.argv[1:]], {}), 0)
wall = time.monotonic() - before
print(os.waitstatus_to_exitcode(status), usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss / 1024, file=sys.stderr)
"""
# Creates a domain in a store that has its host. Its arguments: the packed program, the tests, the store.
CREATE = """\
import sys
sys.path[:0] = sys.argv[1:3]
from pathlib import Path
from support.genesis import founding
from asl_authority.operations.founding import found_domain
from asl_authority.storage.disk import HostDisk
from asl_authority.storage.layout import StorePaths
found_domain(HostDisk(), StorePaths(Path(sys.argv[3])), founding("me"))
"""


class Start(NamedTuple):
    """What one process took: seconds of the processor and of the clock on the wall, and its peak in MiB."""

    cpu_s: float
    wall_s: float
    peak_mib: float


def pack(folder: Path) -> Path:
    """The program in one file, as the image has it."""
    sources, compiled, program = ROOT / "authority" / "src", folder / "compiled", folder / contract.PROGRAM
    shutil.rmtree(compiled, ignore_errors=True)
    compiled.mkdir(parents=True)
    argv = compile_command(PurePosixPath(sources), PurePosixPath(compiled), sys.executable)
    subprocess.run(argv, check=True)
    program.write_bytes(pack_program(load_sources(sources), load_compiled(compiled), contract.ENTRY))
    return program


def started(*words: str) -> Start:
    """One start of Python, which must end well."""
    argv = (sys.executable, "-I", "-S", "-c", STARTER, *words)
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    *said, last = done.stderr.splitlines()
    status, cpu_s, wall_s, peak_mib = last.split()
    if status != "0" or said:
        raise SystemExit(f"{' '.join(words)}: status {status}\n{done.stderr}")
    return Start(float(cpu_s), float(wall_s), float(peak_mib))


def make_store(folder: Path) -> Path:
    """A store with the host's own domain and no other."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    disk = HostDisk()
    found_domain(disk, create_directories(disk, folder), founding("the host", domain_id=HOST))
    return folder


def write_dam(folder: Path) -> tuple[str, ...]:
    """A DAM and what it is verified against, as files; the words that have it verified."""
    files = {
        "dam.json": dam().body.to_bytes(),
        "dam.json.sig": dam().to_bytes(),
        "roots.json": ROOTS.to_bytes(),
        "cert.json": certificate().body.to_bytes(),
        "cert.json.sig": certificate().to_bytes(),
        "policy.json": POLICY.to_bytes(),
    }
    for name, data in files.items():
        (folder / name).write_bytes(data)
    options = {"--root-set": "roots.json", "--certificate": "cert.json", "--policy": "policy.json"}
    named = (word for option, name in options.items() for word in (option, str(folder / name)))
    return ("dam", "verify", str(folder / "dam.json"), *named)


def many_dams() -> float:
    """Processor seconds that reading and verifying many DAMs takes, their making not counted."""
    written = [dam(version=version).to_bytes() for version in range(1, DAMS + 1)]
    certificates = [certificate()]
    before = time.process_time()
    for data in written:
        findings = check_dam(read_signed(data, dams.KIND, read_dam), certificates, ROOTS, POLICY, None)
        if not all(finding.ok for finding in findings):
            raise SystemExit(f"a good DAM was refused: {findings}")
    return time.process_time() - before


def measure(folder: Path, turns: int) -> dict[str, Any]:
    """Every figure."""
    folder.mkdir(parents=True, exist_ok=True)
    program, store = str(pack(folder)), folder / "store"
    starts = {"bare": BARE, "version": (program, "--version"), "dam_verify": (program, *write_dam(folder))}
    seen: dict[str, list[Start]] = {name: [] for name in (*starts, "domain_create")}
    for _ in range(turns):
        for name, words in starts.items():
            seen[name].append(started(*words))
        create = ("-c", CREATE, program, str(ROOT / "tests"), str(make_store(store)))
        seen["domain_create"].append(started(*create))
    return {
        "schema": SCHEMA,
        "cpu_s": {name: median(one.cpu_s for one in each) for name, each in seen.items()},
        "wall_s": {name: median(one.wall_s for one in each) for name, each in seen.items()},
        "peak_mib": {name: max(one.peak_mib for one in each) for name, each in seen.items()},
        "dams_s": many_dams(),
        "python": ".".join(map(str, sys.version_info[:3])),
        "cpus": os.cpu_count(),
        "turns": turns,
    }


def rows(found: dict[str, Any]) -> list[Row]:
    """The table of what was measured."""
    cpu, bare = found["cpu_s"], found["cpu_s"]["bare"]
    return [
        Row(f"{contract.PROGRAM} --version, of a bare start", cpu["version"] / bare, "×", 4, at_most=True),
        Row("dam verify, of a bare start", cpu["dam_verify"] / bare, "×", 6, at_most=True),
        Row(f"{DAMS:,} DAMs verified in one process", found["dams_s"], "s", 1, at_most=True),
        Row("domain create, without scrypt", found["wall_s"]["domain_create"], "s", 1, at_most=True),
        Row("memory of dam verify", found["peak_mib"]["dam_verify"], "MiB", 64, at_most=True),
        Row("memory of domain create, without scrypt's", found["peak_mib"]["domain_create"], "MiB", 64, at_most=True),
    ]


def markdown(found: dict[str, Any]) -> str:
    """The table for people."""
    lines = ["| what | measured | goal | |", "|---|---:|---:|---|", *(row.line() for row in rows(found))]
    bare, create = found["cpu_s"]["bare"] * 1000, found["cpu_s"]["domain_create"]
    lines += [
        "",
        f"A bare start of Python {found['python']} took {bare:.1f} ms; creating a domain, {create:.2g} s of the "
        f"processor. Host: {found['cpus']} CPUs.",
    ]
    return "\n".join(lines) + "\n"


def main() -> int:
    """Measure, write, print."""
    parser = argparse.ArgumentParser(description="Measure the authority program.")
    parser.add_argument("--turns", type=int, default=21, metavar="N", help="starts of each")
    parser.add_argument("--folder", type=Path, default=ROOT / "build/bench/program", help=argparse.SUPPRESS)
    given = parser.parse_args()
    folder = given.folder
    found = measure(folder, given.turns)
    table = markdown(found)
    folder.with_suffix(".json").write_text(json.dumps(found, indent=2, sort_keys=True) + "\n")
    folder.with_suffix(".md").write_text(table)
    sys.stdout.write(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
