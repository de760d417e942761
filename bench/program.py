"""Measure the authority program, each start against a bare one of the same Python: build/bench/program.{md,json}.

    bench/program.py [--turns N]

The program is packed as it is for the image, compiled by the Python that runs this, and started in turns with
`python3 -I -c ''`. Starts are counted in processor seconds, the middle of all turns, so that other load changes little.
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
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "authority" / "src"), str(ROOT / "tests")]

from store import Row  # noqa: E402

from asl_authority import contract  # noqa: E402
from asl_authority.values import dam as dams  # noqa: E402
from asl_authority.values.dam import check_dam, read_dam  # noqa: E402
from asl_authority.values.signed import read_signed  # noqa: E402
from asl_image.pack import compile_command, load_compiled, load_sources, pack_program  # noqa: E402
from support.domains import POLICY, ROOTS, certificate, dam  # noqa: E402

SCHEMA = "asl-bench-program/1"
DAMS = 1000
BARE = ("-c", "")


def pack(folder: Path) -> Path:
    """The program in one file, as the image has it."""
    sources, compiled, program = ROOT / "authority" / "src", folder / "compiled", folder / contract.PROGRAM
    shutil.rmtree(compiled, ignore_errors=True)
    compiled.mkdir(parents=True)
    argv = compile_command(PurePosixPath(sources), PurePosixPath(compiled), sys.executable)
    subprocess.run(argv, check=True)
    program.write_bytes(pack_program(load_sources(sources), load_compiled(compiled), "asl_authority.front.cli:main"))
    return program


def started(*words: str) -> tuple[float, float]:
    """Processor seconds and peak MiB of one start of Python, which must end well."""
    process = subprocess.Popen((sys.executable, "-I", *words), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise SystemExit(f"{' '.join(words)}: status {process.returncode}")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


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
    program = str(pack(folder))
    starts = {"bare": BARE, "version": (program, "--version"), "dam_verify": (program, *write_dam(folder))}
    seen: dict[str, list[tuple[float, float]]] = {name: [] for name in starts}
    for _ in range(turns):
        for name, words in starts.items():
            seen[name].append(started(*words))
    return {
        "schema": SCHEMA,
        "cpu_s": {name: median(seconds for seconds, _ in each) for name, each in seen.items()},
        "peak_mib": {name: max(mib for _, mib in each) for name, each in seen.items()},
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
        Row("memory of dam verify", found["peak_mib"]["dam_verify"], "MiB", 64, at_most=True),
    ]


def markdown(found: dict[str, Any]) -> str:
    """The table for people."""
    lines = ["| what | measured | goal | |", "|---|---:|---:|---|", *(row.line() for row in rows(found))]
    bare = found["cpu_s"]["bare"] * 1000
    lines += ["", f"A bare start of Python {found['python']} took {bare:.1f} ms. Host: {found['cpus']} CPUs."]
    return "\n".join(lines) + "\n"


def main() -> int:
    """Measure, write, print."""
    parser = argparse.ArgumentParser(description="Measure the authority program.")
    parser.add_argument("--turns", type=int, default=21, metavar="N", help="starts of each")
    given = parser.parse_args()
    folder = ROOT / "build/bench/program"
    found = measure(folder, given.turns)
    table = markdown(found)
    folder.with_suffix(".json").write_text(json.dumps(found, indent=2, sort_keys=True) + "\n")
    folder.with_suffix(".md").write_text(table)
    sys.stdout.write(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
