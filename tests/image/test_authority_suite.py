"""The authority's own tests, run by the image's Python with the image's packages, inside the image's root tree."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from asl_image.locking import lock_for_build
from asl_image.profile import load_package_set
from asl_image.site import private_argv
from asl_image.store import Store

pytestmark = pytest.mark.image

HOUSE = Path(__file__).parents[2]
BESIDE = "authority-tests"  # the package set of what only tests need

# The tree below, what only tests need above it, and nothing of this host but devices and the project, read-only.
ENTER = """
set -e
mkdir -p "$3"
mount -t overlay overlay -o "lowerdir=$2:$1" "$3"
mount --rbind /dev "$3/dev"
mount -t proc proc "$3/proc"
for place in run tmp var; do mount -t tmpfs -o mode=1777 tmpfs "$3/$place"; done
mkdir "$3/run/project"
mount --bind "$4" "$3/run/project"
mount -o remount,ro,bind "$3/run/project"
mount -t tmpfs tmpfs "$3/run/project/build"
exec chroot "$3" /usr/bin/env -i PATH=/usr/sbin:/usr/bin HOME=/tmp LANG=C.UTF-8 CI=true python3 -B -m pytest -q \
    -p no:cacheprovider -c /run/project/pyproject.toml --rootdir /run/project \
    --confcutdir /run/project/tests/authority \
    -m "$5" /run/project/tests/authority
"""
ALL = "not host and not long and not workstation"


@pytest.mark.parametrize(
    "chosen", [f"{ALL} and not any_python", pytest.param(ALL, marks=pytest.mark.long)], ids=["own", "all"]
)
def test_the_authority_passes_its_tests_under_the_images_own_python(
    tree: Path, manifest: dict[str, Any], tmp_path: Path, chosen: str
) -> None:
    own = {package["name"] for package in manifest["packages"]}
    store, extra = Store(HOUSE / "build/store"), tmp_path / "extra"
    beside = load_package_set(BESIDE, HOUSE / "profiles")
    lock, _ = lock_for_build(
        beside, (), profiles_dir=HOUSE / "profiles", build_dir=HOUSE / "build", locked=False, store=store
    )
    for package in lock.packages:
        if package.name not in own:
            deb = store.verified(package.sha256, package.name)
            subprocess.run(["dpkg-deb", "-x", str(deb), str(extra)], check=True)

    places = (str(tree), str(extra), str(tmp_path / "root"), str(HOUSE), chosen)
    done = subprocess.run(
        private_argv(("sh", "-c", ENTER, "sh", *places)), capture_output=True, text=True, check=False, timeout=2400
    )

    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    assert " passed" in done.stdout
    assert "skipped" not in done.stdout
