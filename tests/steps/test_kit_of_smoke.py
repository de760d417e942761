"""The real kit of smoke: made, checked, laid down elsewhere, accepted by its own sources and refused by others.

The long test pulls the network out and builds from it; the others end where a build would begin.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from asl_image.kituse import use_kit
from asl_image.screen import Screen
from asl_image.store import Store, sha256_of
from asl_image.verbs import House
from asl_image.verbs.buildoptions import BuildOptions

HOUSE = Path(__file__).parents[2]
PATIENCE_S = 60.0
BUILD_S = 1200.0


def build_py(
    root: Path, *words: str, within: Sequence[str] = (), patience_s: float = PATIENCE_S
) -> tuple[int, str, str]:
    """The door of the project at `root`, in this Python: status, result, words."""
    argv = [*within, sys.executable, str(root / "build.py"), "--progress", "none", *words]
    done = subprocess.run(
        argv, capture_output=True, text=True, check=False, timeout=patience_s, env={"PATH": "/usr/bin"}
    )
    return done.returncode, done.stdout, done.stderr


@dataclass(frozen=True)
class Made:
    """A kit of smoke and what `kit export` said of it."""

    path: Path
    said: dict[str, object]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    folder = tmp_path_factory.mktemp("kit")
    status, out, err = build_py(HOUSE, "kit", "export", "smoke", "--output", str(folder / "smoke.kit.tar"), "--json")
    if status == 4 and "are not in the store" in err:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)("nothing is fetched yet: build.py fetch smoke")
    assert status == 0, err
    return Made(folder / "smoke.kit.tar", json.loads(out))


@pytest.fixture(scope="module")
def elsewhere(made: Made, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The kit's own sources in a place of their own, and nothing in the store."""
    folder = tmp_path_factory.mktemp("elsewhere") / "project"
    status, _, err = build_py(HOUSE, "kit", "unpack", "--sources", str(made.path), str(folder))
    assert status == 0, err
    return folder


def house_at(root: Path) -> House:
    with Path(os.devnull).open("w") as nobody:
        return House(root, root / "profiles", root / "build", Screen(nobody, nobody, progress="none"), {})


def test_it_is_whole_and_holds_what_both_locks_name(made: Made) -> None:
    status, out, err = build_py(HOUSE, "kit", "verify", str(made.path), "--json")
    said = json.loads(out)

    assert status == 0, err
    assert said["ok"]
    assert set(said["locks"]) == {"smoke", "tools-tree"}
    assert said["size"] == made.path.stat().st_size
    assert made.said["sha256"] == sha256_of(made.path)
    assert said["packages"] > 150


@pytest.mark.long
def test_it_is_made_again_from_a_laid_down_kit_but_for_what_git_says(made: Made, tmp_path: Path) -> None:
    status, _, err = build_py(HOUSE, "kit", "unpack", str(made.path), str(tmp_path / "whole"))
    assert status == 0, err
    again = tmp_path / "again.tar"
    status, out, err = build_py(tmp_path / "whole", "kit", "export", "smoke", "--output", str(again), "--json")
    assert status == 0, err

    assert json.loads(out)["sources"] == {"checkout": "none", "digest": made.said["sources"]["digest"]}  # type: ignore[index]
    assert json.loads(out)["packages"] == made.said["packages"]


def test_its_own_sources_accept_it_and_plan_the_same_build_with_a_full_store(made: Made, elsewhere: Path) -> None:
    house = house_at(elsewhere)
    kit = use_kit(house, made.path, "smoke")
    inputs = BuildOptions("smoke").inputs(house, kit.locks)

    assert inputs.lock == kit.locks["smoke"]
    assert [each.name for each in inputs.lock.packages if not Store(house.store).has(each.sha256, each.size)] == []
    assert inputs.renewed == ("renewed" in made.said["locks"].values())  # type: ignore[attr-defined]


def append(root: Path, name: str, text: str) -> Callable[[], object]:
    """Add to a file; returns what undoes it."""
    path = root / name
    before = path.read_bytes()
    path.write_bytes(before + text.encode())
    return lambda: path.write_bytes(before)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {
                "overlays/base/root/etc/hosts.j2": "# more\n",
                "profiles/smoke.yaml": "modules: [drivers/usb/misc/]\n",
                "src/asl_image/steps/iso.py": "# more\n",
            },
            ("step files: another id", "step kernel-modules: another id", "step iso: another id"),
        ),
        ({"profiles/smoke.lock.yaml": "# edited\n"}, ()),
        ({"profiles/smoke.yaml": "packages: [sl]\n"}, ("no plan can be made of these sources with the kit's locks",)),
    ],
    ids=["overlay, profile and builder", "lock", "another request"],
)
def test_other_sources_refuse_it_and_name_every_file_and_step(
    made: Made, elsewhere: Path, changes: dict[str, str], words: tuple[str, ...]
) -> None:
    undo = [append(elsewhere, name, text) for name, text in changes.items()]
    try:
        status, _, err = build_py(elsewhere, "build", "smoke", "--kit", str(made.path))
    finally:
        for each in undo:
            each()

    assert status == 4, err
    named = [line.strip() for line in err.splitlines() if line.endswith("not the same")]
    assert named == [f"{name}: not the same" for name in changes]
    assert all(word in err for word in words), err
    assert "kit unpack" in err


def test_a_source_that_no_step_depends_on_may_differ(made: Made, elsewhere: Path) -> None:
    undo = append(elsewhere, "src/asl_image/verbs/boot.py", "# more\n")
    try:
        use_kit(house_at(elsewhere), made.path, "smoke")
    finally:
        undo()


@pytest.mark.parametrize(("words", "status", "said"), [(("smoke",), 3, "KIT-"), (("authority",), 2, "a kit of smoke")])
def test_a_damaged_kit_and_one_of_another_profile_build_nothing(
    made: Made, elsewhere: Path, tmp_path: Path, words: tuple[str, ...], status: int, said: str
) -> None:
    kit = made.path
    if status == 3:
        kit = tmp_path / "cut.tar"
        kit.write_bytes(made.path.read_bytes()[:-20480])
    found, out, err = build_py(elsewhere, "build", *words, "--kit", str(kit))

    assert (found, out) == (status, "")
    assert said in err
    assert not list(elsewhere.glob("build/*/*.iso"))


@pytest.mark.long
@pytest.mark.host
def test_without_any_network_and_with_an_empty_store_it_gives_the_same_iso(made: Made, elsewhere: Path) -> None:
    status, out, err = build_py(HOUSE, "build", "smoke", "--json", patience_s=BUILD_S)
    assert status == 0, err
    here = json.loads(out)["sha256"]

    alone = ("unshare", "--net") if os.geteuid() == 0 else ()  # a build of an ordinary user makes its own in any case
    words = ("build", "smoke", "--kit", str(made.path), "--json")
    status, out, err = build_py(elsewhere, *words, within=alone, patience_s=BUILD_S)
    assert status == 0, err
    assert json.loads(out)["sha256"] == here
    assert sha256_of(elsewhere / "build/smoke/smoke.iso") == here
