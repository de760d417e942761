"""The benchmark compares like with like."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from asl_image.profile import load_package_set, load_profile

HOUSE = Path(__file__).parents[2]


def test_the_baseline_has_the_packages_of_the_authority_but_for_what_boots_it() -> None:
    ours = set(load_profile("authority", HOUSE / "profiles").packages)
    baseline = set(load_package_set("baseline", HOUSE / "bench").packages)

    assert (ours - baseline, baseline - ours) == ({"tiny-initramfs"}, {"live-boot", "initramfs-tools"})


def test_the_stores_benchmark_says_every_figure_that_has_a_goal(tmp_path: Path) -> None:
    argv = [sys.executable, str(HOUSE / "bench/store.py"), "--records", "2500", "--mib", "2"]
    done = subprocess.run([*argv, "--folder", str(tmp_path / "store")], check=True, capture_output=True, text=True)

    assert done.stdout.count("met") + done.stdout.count("missed") == 8
    assert json.loads((tmp_path / "store.json").read_text())["replay"]["records"] == 2500


def test_the_programs_benchmark_says_every_figure_that_has_a_goal(tmp_path: Path) -> None:
    argv = [sys.executable, str(HOUSE / "bench/program.py"), "--turns", "1", "--folder", str(tmp_path / "program")]
    done = subprocess.run(argv, check=True, capture_output=True, text=True)
    found = json.loads((tmp_path / "program.json").read_text())

    assert done.stdout.count("met") + done.stdout.count("missed") == 6
    assert 5 < found["peak_mib"]["bare"] < found["peak_mib"]["dam_verify"]  # its own, not that of who started it
    assert found["cpu_s"]["bare"] < found["cpu_s"]["version"] < found["cpu_s"]["dam_verify"]
