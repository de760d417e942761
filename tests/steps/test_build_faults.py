"""A build that is stopped, starved or given bad bytes says so with the right status and leaves nothing behind.

These run the real builder on the smoke profile as it was fetched into build/store; none of them finishes a build.
The tools tree is taken from build/cache, where `build.py build smoke` keeps it.
"""

from __future__ import annotations

import fcntl
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from asl_image.lock import Lock, read_lock
from asl_image.profile import load_tool
from asl_image.store import Store

pytestmark = pytest.mark.host

HOUSE = Path(__file__).parents[2]
BUILT = HOUSE / "build"
PATIENCE_S = 60.0
ROOT = os.geteuid() == 0
needs_root = pytest.mark.skipif(not ROOT, reason="mounts a small disk, which only root may do here")


def must_have(found: bool, what: str) -> None:
    """Without it a test is skipped at home and fails in CI."""
    if not found and os.environ.get("CI") == "true":
        pytest.fail(what)
    if not found:
        pytest.skip(what)


@dataclass
class Trial:
    """A build folder of its own, with the store and the tools tree of the real one."""

    build: Path

    @property
    def folder(self) -> Path:
        return self.build / "smoke"

    @property
    def log(self) -> str:
        at = self.folder / "logs/build.log"
        return at.read_text(errors="replace") if at.exists() else ""

    def argv(self, *words: str) -> list[str]:
        return [sys.executable, str(HOUSE / "build.py"), "--build", str(self.build), "--progress", "plain", *words]

    def run(self, *words: str, within: Sequence[str] = ()) -> subprocess.CompletedProcess[str]:
        argv = [*within, *self.argv(*words)]
        return subprocess.run(argv, capture_output=True, text=True, check=False, timeout=PATIENCE_S)

    @contextmanager
    def started(self, *words: str) -> Iterator[subprocess.Popen[str]]:
        """The builder in a process group of its own, as a shell starts it."""
        argv = self.argv(*words)
        with subprocess.Popen(argv, stderr=subprocess.PIPE, text=True, process_group=0) as process:
            try:
                yield process
            finally:
                if process.poll() is None:
                    process.kill()

    def wait_until(self, seen: Callable[[], bool], process: subprocess.Popen[str]) -> None:
        until = time.monotonic() + PATIENCE_S
        while not seen():
            assert process.poll() is None, process.communicate()[1]
            assert time.monotonic() < until, self.log
            time.sleep(0.01)

    def leftovers(self) -> list[str]:
        """What a build that is over must not leave: mounts, processes, loop devices, half-made files."""
        here = str(self.build)
        tables = Path("/proc").glob("[0-9]*/mountinfo")
        found = [f"mounted: {path}" for path in tables if here in readable(path)]
        found += [f"running: {path}" for path in Path("/proc").glob("[0-9]*/cmdline") if here in readable(path)]
        found += [
            f"loop: {path}" for path in Path("/sys/block").glob("loop*/loop/backing_file") if here in readable(path)
        ]
        half = (*self.build.glob("*/work"), *self.build.glob("*/*.iso"), *self.build.glob("cache/**/.*.new"))
        return found + [str(path) for path in half]


def readable(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""


@pytest.fixture
def trial(tmp_path: Path) -> Trial:
    must_have((BUILT / "store").is_dir(), "nothing is fetched yet: build.py fetch smoke")
    build = tmp_path / "build"
    build.mkdir()
    (build / "store").symlink_to(BUILT / "store")
    return Trial(build)


@pytest.fixture
def with_tools_tree(trial: Trial) -> Trial:
    """The kept tools tree is shared, so that the build begins with the root tree, in the midst of mounts."""
    (trial.build / "cache").mkdir()
    (trial.build / "cache/shared").symlink_to(BUILT / "cache/shared")
    said = json.loads(trial.run("explain", "smoke", "--json").stdout)
    kept = [step["action"] for step in said["steps"] if step["name"] == "tools-tree"] == ["reuse"]
    must_have(kept, "the tools tree is not made yet: build.py build smoke")
    return trial


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("to_group", [False, True], ids=["alone", "group"])
def test_a_build_that_is_stopped_in_a_step_ends_in_order(
    with_tools_tree: Trial, number: signal.Signals, to_group: bool
) -> None:
    trial = with_tools_tree
    with trial.started("build", "smoke") as process:
        trial.wait_until(lambda: (trial.folder / "work/scratch/root/usr").exists(), process)
        (os.killpg if to_group else os.kill)(process.pid, number)
        said = process.communicate(timeout=PATIENCE_S)[1]

    assert process.returncode == 6, said
    assert "stopped" in said
    assert trial.leftovers() == []


@pytest.mark.parametrize("moment", ["start.log", "build.log"])
def test_a_build_that_is_stopped_while_it_starts_ends_too(trial: Trial, moment: str) -> None:
    """A signal may come when the inner builder is not there yet, or does not listen yet."""
    with trial.started("build", "smoke") as process:
        trial.wait_until(lambda: "setpriv" in readable(trial.folder / "logs/start.log"), process)
        if moment == "build.log":
            trial.wait_until((trial.folder / "logs/build.log").exists, process)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=PATIENCE_S)

    assert process.returncode == 6
    assert trial.leftovers() == []


def test_a_build_whose_front_is_killed_dies_with_it_and_the_next_one_cleans_up(with_tools_tree: Trial) -> None:
    trial = with_tools_tree
    with trial.started("build", "smoke") as process:
        trial.wait_until(lambda: (trial.folder / "work/scratch/root/usr").exists(), process)
        process.kill()
        process.communicate(timeout=PATIENCE_S)
    until = time.monotonic() + 5
    while (left := trial.leftovers()) != [str(trial.folder / "work")]:
        assert time.monotonic() < until, left
        time.sleep(0.05)
    (trial.folder / "work/scratch/mark").touch()

    with trial.started("build", "smoke") as process:
        trial.wait_until(lambda: not (trial.folder / "work/scratch/mark").exists(), process)
        process.terminate()
        process.communicate(timeout=PATIENCE_S)

    assert process.returncode == 6
    assert trial.leftovers() == []
    assert (BUILT / "cache/shared/tools-tree").is_dir()


def test_a_second_build_of_a_profile_at_once_is_status_10(trial: Trial) -> None:
    trial.folder.mkdir()
    with (trial.folder / ".lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        done = trial.run("build", "smoke")

    assert done.returncode == 10
    assert "another build of this profile is running" in done.stderr


SMALL_DISK = """\
set -e
mount -t tmpfs -o size={size} tmpfs {build}
ln -s {built}/store {build}/store
mkdir {build}/cache
ln -s {built}/cache/shared {build}/cache/shared
status=0
"$@" || status=$?
find {build} -name work -o -name '*.iso' -o -name '.*.new'
exit $status
"""


@needs_root
@pytest.mark.parametrize("size", ["100k", "40m", "200m", "420m"], ids=["log", "packages", "apt", "dpkg"])
def test_a_disk_that_is_full_is_status_8_and_keeps_nothing_half_made(with_tools_tree: Trial, size: str) -> None:
    build = with_tools_tree.build
    script = SMALL_DISK.format(size=size, build=shlex.quote(str(build)), built=shlex.quote(str(BUILT)))

    done = with_tools_tree.run("build", "smoke", within=("unshare", "--mount", "sh", "-c", script, "sh"))

    assert done.returncode == 8, done.stderr
    assert "the disk is full" in done.stderr
    assert "hint: free some space" in done.stderr
    assert done.stdout == ""
    assert (BUILT / "cache/shared/tools-tree").is_dir()


def flipped(trial: Trial, sha256: str) -> None:
    """Give the trial a store whose files are the real one's, but for one byte of one of them."""
    real = Store(BUILT / "store")
    (trial.build / "store").unlink()
    shutil.copytree(real.root, trial.build / "store", copy_function=os.link)
    bad = Store(trial.build / "store").path(sha256)
    data = bytearray(bad.read_bytes())
    data[len(data) // 2] ^= 1
    bad.unlink()
    bad.write_bytes(data)


def lock_of(name: str) -> Lock:
    return read_lock(HOUSE / f"profiles/{name}.lock.yaml")


def test_a_deb_with_a_flipped_byte_is_status_3_and_names_the_package(trial: Trial) -> None:
    package = lock_of("tools-tree").packages[5]
    flipped(trial, package.sha256)

    done = trial.run("build", "smoke")

    assert done.returncode == 3, done.stderr
    assert f"error: {package.name}: the file in the store does not have the bytes" in done.stderr
    assert trial.leftovers() == []


def test_a_tool_with_a_flipped_byte_is_status_3_at_once_and_names_the_tool(trial: Trial) -> None:
    done = trial.run("plan", "authority")
    must_have(done.returncode == 0, "authority is not fetched yet: build.py fetch authority")
    tool = load_tool("sops", HOUSE / "profiles/tools")
    flipped(trial, tool.files[0].sha256)

    done = trial.run("build", "authority")

    assert done.returncode == 3, done.stderr
    assert f"error: sops {tool.version} (sops): the file in the store does not have the bytes" in done.stderr
    assert "tools-tree ..." not in done.stderr
    assert trial.leftovers() == []


def in_namespace(script: str) -> tuple[str, ...]:
    """A shell in namespaces of its own runs `script`, and then what follows."""
    return ("unshare", "--user", "--map-root-user", "--mount", "sh", "-c", f'{script} && exec "$@"', "sh")


def test_a_host_that_gives_no_namespaces_is_status_4_with_what_to_do(trial: Trial) -> None:
    done = trial.run("build", "smoke", within=in_namespace("echo 0 > /proc/sys/user/max_mnt_namespaces"))

    assert done.returncode == 4, done.stderr
    assert "error: this host gives no namespaces to build in" in done.stderr
    assert "hint: run as root, or allow user namespaces" in done.stderr


def test_a_host_without_mmdebstrap_is_status_4_and_names_its_package(trial: Trial) -> None:
    at = shutil.which("mmdebstrap")
    must_have(at is not None, "mmdebstrap is missing; `make setup` installs it")

    done = trial.run("build", "smoke", within=in_namespace(f"mount --bind /dev/null {at}"))

    assert done.returncode == 4, done.stderr
    assert "  mmdebstrap (Debian package mmdebstrap)\nhint: apt install mmdebstrap" in done.stderr


def test_the_inner_builder_is_not_started_by_hand(trial: Trial) -> None:
    """Outside its namespaces it would mount on the host."""
    done = trial.run("build", "smoke", "--inside")

    assert done.returncode == 2
    assert "--inside is for the builder itself" in done.stderr
