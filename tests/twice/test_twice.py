"""An image that is built a second time, in other surroundings, is the same to the last byte, and it boots."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from asl_image.qemu import Drive, MachineConfig
from asl_image.surroundings import NAMES
from support.boots import EVERY_NIC, at_prompt, check_key_facts

HOUSE = Path(__file__).parents[2]
BUILT = HOUSE / "build"


def built_again(profile: str, variations: str, *words: str) -> dict[str, Any]:
    """Let the second build be made and compared; the answer as it is for programs."""
    if not (BUILT / profile / f"{profile}.iso").is_file():
        what = f"{profile} has not been built: ./build.py build {profile}"
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(what)
    argv = [sys.executable, str(HOUSE / "build.py"), "--progress", "plain", "repro-test", profile, "--json"]
    done = subprocess.run(
        [*argv, "--variations", variations, *words],
        capture_output=True,
        text=True,
        check=False,
    )
    answer: dict[str, Any] = json.loads(done.stdout) if done.stdout else {}
    assert done.returncode == 0, f"{json.dumps(answer, indent=1)[:4000]}\n{done.stderr[-4000:]}"
    assert answer["equal"] is True
    return answer


@pytest.fixture(scope="module")
def again() -> dict[str, Any]:
    """`authority` with everything otherwise that this builder knows to vary."""
    return built_again("authority", "all" if os.geteuid() == 0 else ",".join(n for n in NAMES if n != "user"), "--keep")


@pytest.mark.image
@pytest.mark.host
def test_every_variation_at_once_gives_the_same_bytes(again: dict[str, Any]) -> None:
    first = (BUILT / "authority/SHA256SUMS").read_text()

    assert f"{again['sha256']}  authority.iso\n" in first
    assert (Path(again["kept"]) / "SHA256SUMS").read_text() == first
    assert os.geteuid() != 0 or again["varied"] == list(NAMES)


@pytest.mark.image
@pytest.mark.boot
@pytest.mark.host
def test_the_second_image_boots(again: dict[str, Any], tmp_path: Path) -> None:
    kept = Path(again["kept"])
    manifest = json.loads((kept / "authority.manifest.json").read_text())
    config = MachineConfig(medium=Drive(kept / "authority.iso", "cdrom"), nics=EVERY_NIC)

    with at_prompt(config, tmp_path) as machine:
        check_key_facts(machine, manifest)


@pytest.mark.long
@pytest.mark.image
@pytest.mark.host
@pytest.mark.parametrize("name", NAMES)
def test_each_variation_alone_gives_the_same_bytes(name: str) -> None:
    if name == "user" and os.geteuid() != 0:
        pytest.skip("only root can have somebody else build")

    assert built_again("smoke", name)["varied"] == [name]
