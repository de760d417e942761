"""Surroundings really are otherwise for who builds in them, and nothing of them stays.

The builder here is a stand-in that writes down what it sees; what the real one sees is for tests/twice.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from asl_image.elsewhere import Errand
from asl_image.errors import Refused
from asl_image.mounts import file_system_of, mounts_below
from asl_image.preload import compile_library
from asl_image.reprotest import elsewhere_argv
from asl_image.runner import Runner
from asl_image.surroundings import CLOCK_OFFSET_S, NAMES, ORDER_SEED, Surroundings
from asl_image.variety import look
from support.toolstree import ToolsTree

pytestmark = pytest.mark.host

HOUSE = Path(__file__).parents[2]
ROOT = os.geteuid() == 0
needs_root = pytest.mark.skipif(not ROOT, reason="only root can have somebody else build, or use a disk in a file")
PATIENCE_S = 60.0

BUILDER = """\
import json, os, pathlib, sys, time
words = sys.argv[1:]
build = pathlib.Path(words[words.index("--build") + 1])
if words[-1] == "--wait":
    (build / "tiny").mkdir()
    time.sleep(60)
umask = os.umask(0)
seen = {
    "words": words,
    "file": __file__,
    "mode": os.stat(__file__).st_mode & 0o777,
    "umask": umask,
    "uid": os.getuid(),
    "subordinates": pathlib.Path("/etc/subuid").read_text(),
    "host": os.uname().nodename,
    "processors": len(os.sched_getaffinity(0)),
    "environment": dict(os.environ),
    "mounts": pathlib.Path("/proc/self/mountinfo").read_text(),
    "first": sorted(os.listdir(build)),
    "kept": sorted(str(path.relative_to(build)) for path in build.glob("cache/*/*/*")),
}
(build / "tiny").mkdir(exist_ok=True)
(build / "tiny/tiny.iso").write_text(json.dumps(seen))
print("said")
sys.exit(int(words[-1]) if words[-1].isdigit() else 0)
"""


@dataclass
class Trial:
    """A checkout with the stand-in, and a first build folder."""

    at: Path

    def errand(self, *names: str, options: tuple[str, ...] = (), **changes: Any) -> Errand:
        host = look(self.at, Runner(self.at / "log"))
        whole = Errand(
            root=self.at / "checkout",
            profiles=self.at / "checkout/profiles",
            first=self.at / "build",
            second=self.at / "build/again/tiny/build",
            results=self.at / "results",
            profile="tiny",
            options=options,
            progress="none",
            around=host.surroundings(names),
            seeds=("shared/tools-tree/1", "tiny/root/2"),
        )
        return whole.model_copy(update=changes)

    def argv(self, errand: Errand) -> tuple[str, ...]:
        file = self.at / "errand.json"
        file.write_text(errand.model_dump_json())
        return elsewhere_argv((sys.executable, str(HOUSE / "build.py"), "elsewhere", str(file)))

    def send(self, errand: Errand) -> int:
        done = subprocess.run(self.argv(errand), capture_output=True, text=True, check=False, timeout=PATIENCE_S)
        assert "Traceback" not in done.stderr, done.stderr
        assert done.stdout == ""
        return done.returncode

    def seen(self, errand: Errand) -> dict[str, Any]:
        """What the builder saw there."""
        assert self.send(errand) == 0
        found: dict[str, Any] = json.loads((errand.results / "tiny.iso").read_text())
        return found


@pytest.fixture
def trial(tmp_path: Path) -> Iterator[Trial]:
    tmp_path.chmod(0o755)
    checkout = tmp_path / "checkout"
    for part in ("src", "authority/src", "overlays", "hooks", "profiles"):
        (checkout / part).mkdir(parents=True)
    (checkout / "build.py").write_text(BUILDER)
    (checkout / "build.py").chmod(0o755)
    for path in ("store/ab", "cache/shared/tools-tree/1/x", "cache/tiny/root/2/root.tar", "mine/renewed.lock.yaml"):
        (tmp_path / "build" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "build" / path).write_text("kept")
    yield Trial(tmp_path)
    assert mounts_below(tmp_path) == []
    assert not (tmp_path / "build/again/tiny/build").exists()
    assert [path.name for path in (tmp_path / "build/again/tiny").glob("*")] == []
    assert (tmp_path / "build/store/ab").read_text() == "kept"


def test_where_nothing_is_varied_the_builder_sees_the_same_paths_and_what_was_kept(trial: Trial) -> None:
    seen = trial.seen(trial.errand(options=("--locked",)))

    build = str(trial.at / "build")
    assert seen["words"][seen["words"].index("--build") :] == [
        "--build",
        build,
        *["--progress", "none", "build", "tiny"],
        "--locked",
    ]
    assert seen["file"] == str(trial.at / "checkout/build.py")
    assert seen["first"] == [".elsewhere", "cache", "mine", "store"]
    assert seen["kept"] == ["cache/shared/tools-tree/1", "cache/tiny/root/2"]
    assert (seen["umask"], seen["uid"], seen["host"]) == (0o022, 0, os.uname().nodename)
    assert "TZ" not in seen["environment"] or seen["environment"]["TZ"] == "UTC"
    assert (trial.at / "results/log").read_text().endswith("said\n")


ALL = tuple(name for name in NAMES if ROOT or name != "user")


def test_everything_that_is_varied_is_otherwise_for_the_builder(trial: Trial) -> None:
    errand = trial.errand(*ALL)
    seen = trial.seen(errand)

    assert seen["environment"]["TZ"] == "KIRI-14"
    assert seen["environment"]["LC_ALL"] == "tr_TR.UTF-8"
    assert (seen["umask"], seen["mode"]) == (0o077, 0o700)
    assert seen["host"] == "asl-elsewhere" != os.uname().nodename
    assert seen["processors"] == 1 < len(os.sched_getaffinity(0))
    assert seen["file"] == str(errand.second / ".elsewhere/checkout/build.py")
    assert file_system_of(errand.second, seen["mounts"]) != file_system_of(trial.at)
    assert seen["kept"] == []
    if ROOT:
        assert seen["uid"] == 65534
        assert seen["subordinates"] == f"nobody:{errand.around.first_subordinate}:65536\n"


@needs_root
@pytest.mark.parametrize("disk", ["btrfs", "ext4"])
def test_a_disk_in_a_file_is_another_file_system_and_gone_afterwards(trial: Trial, disk: str) -> None:
    if f"\t{disk}\n" not in Path("/proc/filesystems").read_text() or shutil.which(f"mkfs.{disk}") is None:
        pytest.skip(f"this host has no {disk}")
    errand = trial.errand(around=Surroundings(file_system=disk))
    seen = trial.seen(errand)

    assert file_system_of(errand.second, seen["mounts"]) == disk


@needs_root
def test_an_ordinary_user_comes_to_what_only_root_may_see_and_to_nothing_else_there(trial: Trial) -> None:
    closed = trial.at / "closed"
    closed.mkdir(mode=0o700)
    (closed / "secret").write_text("not for nobody")
    for name in ("checkout", "build"):
        (trial.at / name).rename(closed / name)
    inner = Trial(closed)
    (closed / "checkout/build.py").write_text(
        BUILDER.replace('"words": words,', f'"words": words, "around": sorted(os.listdir({str(closed)!r})),')
    )
    seen = inner.seen(inner.errand("user"))

    assert seen["uid"] == 65534
    assert seen["around"] == ["build", "checkout"]
    assert (closed / "secret").read_text() == "not for nobody"
    (closed / "build").rename(trial.at / "build")


def test_the_builders_status_is_ours(trial: Trial) -> None:
    assert trial.send(trial.errand(options=("4",))) == 4


def test_who_is_stopped_there_leaves_nothing(trial: Trial) -> None:
    errand = trial.errand("file-system", "hostname", options=("--wait",))
    with subprocess.Popen(trial.argv(errand), stderr=subprocess.PIPE, text=True, process_group=0) as process:
        until = time.monotonic() + PATIENCE_S
        while "--wait" not in children_of(process.pid):
            assert time.monotonic() < until
            time.sleep(0.05)
        time.sleep(0.3)
        while process.poll() is None:  # again and again, as the runner does it
            process.terminate()
            assert time.monotonic() < until + PATIENCE_S
            time.sleep(0.01)
        said = process.communicate(timeout=PATIENCE_S)[1]

    assert process.returncode == 9, said
    assert "was killed by signal 15" in said


def children_of(pid: int) -> str:
    """The command lines of what a process has started."""
    try:
        pids = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return " ".join(Path(f"/proc/{child}/cmdline").read_text().replace("\0", " ") for child in pids)
    except OSError:
        return ""


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The preloaded library, from the tools tree's own compiler."""
    if ToolsTree.newest(HOUSE / "build") is None:
        what = "the tools tree is not made yet: build.py build smoke"
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(what)
    at = tmp_path_factory.mktemp("library")
    target = at / "elsewhere.so"
    compile_library(HOUSE / "build", Runner(at / "log"), target, clock_offset_s=CLOCK_OFFSET_S, order_seed=ORDER_SEED)
    return target


def test_without_a_tools_tree_there_is_no_library(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="no tools tree with a compiler"):
        compile_library(tmp_path, Runner(tmp_path / "log"), tmp_path / "x.so", clock_offset_s=1, order_seed=1)


@pytest.mark.parametrize(("clock", "order"), [(CLOCK_OFFSET_S, 0), (0, ORDER_SEED)])
@pytest.mark.usefixtures("library")
def test_one_of_the_two_alone_leaves_the_other_as_it_is(
    clock: int, order: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = tmp_path / "library/alone.so"
    alone.parent.mkdir()
    compile_library(HOUSE / "build", Runner(tmp_path / "log"), alone, clock_offset_s=clock, order_seed=order)
    for name in range(100):
        (tmp_path / f"tree/{name}").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "tree")
    now = datetime.now(UTC).timestamp()

    assert abs(float(said_with(alone, *CLOCKS["date"])) - now - clock) < 60
    assert (said_with(alone, *LISTERS["ls"]).split() == os.listdir()) is not bool(order)  # noqa: PTH208


def said_with(library: Path, *argv: str) -> str:
    return subprocess.run(argv, env={"LD_PRELOAD": str(library)}, capture_output=True, text=True, check=True).stdout


CLOCKS = {
    "date": ("/bin/date", "+%s"),
    "bash": ("/bin/bash", "-c", "echo $EPOCHSECONDS"),
    "perl": ("/usr/bin/perl", "-e", "print time"),
    "python": (sys.executable, "-I", "-c", "import time; print(time.time())"),
    "python's date": (sys.executable, "-I", "-c", "import datetime; print(datetime.datetime.now().timestamp())"),
}


@pytest.mark.parametrize("who", CLOCKS)
def test_programs_are_told_another_time(library: Path, who: str) -> None:
    told = float(said_with(library, *CLOCKS[who]))

    assert abs(told - CLOCK_OFFSET_S - datetime.now(UTC).timestamp()) < 60


LISTERS = {
    "ls": ("/bin/ls", "-U"),
    "find": ("/usr/bin/find", ".", "-mindepth", "1", "-printf", "%f\n"),
    "perl": ("/usr/bin/perl", "-e", 'opendir(D, "."); print map {"$_\n"} grep {!/^\\./} readdir(D)'),
    "python": (sys.executable, "-I", "-c", "import os; print(*os.listdir(), sep='\\n')"),
    "python's scandir": (sys.executable, "-I", "-c", "import os; print(*(e.name for e in os.scandir()), sep='\\n')"),
}


@pytest.mark.parametrize("who", LISTERS)
def test_programs_are_told_another_order_and_every_name_once(
    library: Path, who: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"name-{number}" for number in range(700)]
    for name in names:
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    told = said_with(library, *LISTERS[who]).split()

    assert sorted(told) == sorted(names)
    assert told != os.listdir()  # noqa: PTH208 - in the order in which it comes
    assert told == said_with(library, *LISTERS[who]).split()


def test_a_tree_is_removed_whole_though_its_order_is_another(library: Path, tmp_path: Path) -> None:
    for number in range(300):
        (tmp_path / f"tree/{number % 7}/{number}").mkdir(parents=True)

    said_with(library, "/bin/rm", "-r", str(tmp_path / "tree"))

    assert not (tmp_path / "tree").exists()
