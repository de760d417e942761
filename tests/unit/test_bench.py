"""The benchmark compares like with like."""

from __future__ import annotations

from pathlib import Path

from asl_image.profile import load_package_set, load_profile

HOUSE = Path(__file__).parents[2]


def test_the_baseline_has_the_packages_of_the_authority_but_for_what_boots_it() -> None:
    ours = set(load_profile("authority", HOUSE / "profiles").packages)
    baseline = set(load_package_set("baseline", HOUSE / "bench").packages)

    assert (ours - baseline, baseline - ours) == ({"tiny-initramfs"}, {"live-boot", "initramfs-tools"})
