"""Fuzzes every reader of values/ with atheris, each for a bounded time: python -m support.fuzz SECONDS [TARGET…].

A finding is anything but Malformed with the id of a rule, a value that is written as other bytes, or an input that
takes ten seconds. Inputs that were interesting stay in build/fuzz and are where the next run begins.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

TESTS = Path(__file__).parents[1]
FOLDER = TESTS.parent / "build/fuzz"
LIMITS = ("-timeout=10", "-rss_limit_mb=2048", "-print_final_stats=1", "-verbosity=1")
RUNS = re.compile(r"stat::number_of_executed_units:\s*(\d+)")
COVERAGE = re.compile(r"cov: (\d+)")


@dataclass(frozen=True)
class Result:
    """How one target ended. `found` are the files of the inputs that broke it."""

    name: str
    status: int
    runs: int
    coverage: int
    found: tuple[Path, ...]

    def line(self) -> str:
        """A line of the table."""
        end = "ok" if self.status == 0 else f"FOUND {', '.join(str(path) for path in self.found) or self.status}"
        return f"{self.name:36} {self.runs:>10} {self.coverage:>6}  {end}\n"


def fuzz_one(name: str, argv: list[str]) -> None:
    """Fuzz in this process; it ends with it."""
    import atheris

    with atheris.instrument_imports(include=["asl_authority", "yaml", "json"]):
        from support.fuzz_json import change_json
        from support.fuzz_targets import targets

        target = targets()[name]  # imports every reader, inside of this

    def mutate(data: bytes, most: int, seed: int) -> bytes:
        changed = change_json(data, seed) if seed % 2 else None
        return changed if changed is not None and len(changed) <= most else atheris.Mutate(data, most)

    atheris.Setup([sys.argv[0], *argv], target.try_bytes, custom_mutator=mutate)
    atheris.Fuzz()


def run(name: str, seconds: int) -> Result:
    """Fuzz one target in a process of its own."""
    from support.fuzz_targets import write_seeds

    corpus, found = FOLDER / "corpus" / name, FOLDER / "found" / name
    for folder in (corpus, found):
        folder.mkdir(parents=True, exist_ok=True)
    write_seeds(name, corpus)
    argv = [sys.executable, "-m", "support.fuzz", "--one", name, f"-max_total_time={seconds}", *LIMITS]
    argv += [f"-artifact_prefix={found}/", str(corpus)]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (TESTS, TESTS.parent / "authority/src")))}
    limit_s = seconds + 120  # it ends by itself; this is for when it does not
    done = subprocess.run(argv, env=env, capture_output=True, text=True, errors="replace", check=False, timeout=limit_s)
    (FOLDER / f"{name}.log").write_text(done.stderr + done.stdout)
    runs, coverage = RUNS.search(done.stderr), COVERAGE.findall(done.stderr)
    return Result(
        name,
        done.returncode,
        int(runs[1]) if runs else 0,
        int(coverage[-1]) if coverage else 0,
        tuple(sorted(found.iterdir())),
    )


def main(seconds: int, names: list[str]) -> int:
    """Fuzz all of them, as many at once as there are processors; 1 when something was found."""
    from support.fuzz_targets import targets

    sys.stdout.write(f"{'target':36} {'runs':>10} {'cov':>6}\n")
    failed = []
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for result in pool.map(lambda name: run(name, seconds), names or sorted(targets())):
            sys.stdout.write(result.line())
            sys.stdout.flush()
            if result.status or not result.runs:
                failed.append(result.name)
    sys.stdout.write(f"{len(failed)} of {len(names or targets())} targets broke: {', '.join(failed) or 'none'}\n")
    return 1 if failed else 0


if __name__ == "__main__":
    if sys.argv[1] == "--one":
        fuzz_one(sys.argv[2], sys.argv[3:])
    else:
        sys.exit(main(int(sys.argv[1]), sys.argv[2:]))
