"""The front door: statuses, wording, one JSON object, progress for people and for programs."""

from __future__ import annotations

import errno
import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import click
import pytest

from asl_image import cli
from asl_image.errors import Refused
from asl_image.hosttools import HOST_TOOLS
from asl_image.isolation import HELPERS, Ground
from asl_image.profile import load_profile
from asl_image.profiledoc import profile_schema, profile_text
from asl_image.screen import ProgressMode, Screen, in_unit
from asl_image.verbs import House
from asl_image.verbs.doctor import VERBS, Check, examine, report

ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Person:
    """Somebody who types command lines and keeps what comes back."""

    root: Path = ROOT
    out: str = ""
    err: str = ""

    def types(self, *argv: str) -> int:
        """Run one command line; the exit status."""
        out, err = io.StringIO(), io.StringIO()
        house = House(self.root, self.root / "profiles", self.root / "build", Screen(out, err), {})
        status = cli.run(argv, house)
        self.out, self.err = out.getvalue(), err.getvalue()
        return status


@pytest.fixture
def person() -> Person:
    return Person()


@pytest.fixture
def trip() -> Iterator[Callable[[BaseException], None]]:
    """Makes a verb `trip` that raises what it is told to, for one test."""

    def register(error: BaseException) -> None:
        @click.command("trip")
        def verb() -> None:
            raise error

        cli.door.add_command(verb)

    yield register
    cli.door.commands.pop("trip", None)


def test_show_prints_the_profile_alone_on_stdout(person: Person) -> None:
    assert person.types("show", "smoke") == 0
    assert person.out == profile_text(load_profile("smoke", ROOT / "profiles"))
    assert person.err == ""


@pytest.mark.parametrize("argv", [("--json", "show", "base"), ("show", "base", "--json")])
def test_json_may_stand_on_either_side_of_the_verb(person: Person, argv: tuple[str, ...]) -> None:
    assert person.types(*argv) == 0
    assert json.loads(person.out)["name"] == "base"


def test_schema_prints_the_schema(person: Person) -> None:
    assert person.types("schema") == 0
    assert json.loads(person.out) == profile_schema()


def test_a_mistake_in_a_profile_is_worded_with_its_lines_and_ends_with_status_2(tmp_path: Path) -> None:
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "x.yaml").write_text("name: x\nsummary: x\npackages: [bash]\niso: {lable: X}\n")
    person = Person(tmp_path)

    assert person.types("show", "x") == 2
    assert person.out == ""
    assert person.err == (
        "build.py: error: profile x: 2 problems\n"
        f"  {tmp_path}/profiles/x.yaml:4:6: iso.label: missing\n"
        f"  {tmp_path}/profiles/x.yaml:4:7: iso.lable: unknown key (did you mean 'label'?)\n"
    )


def test_an_unknown_profile_is_refused_with_a_hint(person: Person) -> None:
    assert person.types("show", "smok") == 2
    assert (
        f"error: there is no profile 'smok' in {ROOT}/profiles (did you mean 'smoke'?)\nhint: there are: " in person.err
    )


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (("shwo", "base"), "No such command 'shwo'. Did you mean 'show'?\nhint: build.py --help"),
        (("show",), "Missing argument 'PROFILE'\nhint: build.py show --help"),
        (("show", "base", "--jsn"), "No such option '--jsn'. Did you mean '--json'?\nhint: build.py show --help"),
        (("--progress", "loud", "show", "base"), "Invalid value for '--progress'"),
        (("completion", "csh"), "Invalid value for '{bash|fish|zsh}'"),
    ],
)
def test_a_wrong_command_line_ends_with_status_2_and_says_what_was_meant(
    person: Person, argv: tuple[str, ...], said: str
) -> None:
    assert person.types(*argv) == 2
    assert person.err.startswith(f"build.py: error: {said}")
    assert person.out == ""


@pytest.mark.parametrize("argv", [("--json", "shwo"), ("show", "nobody", "--json"), ("show", "--json")])
def test_under_json_an_error_is_one_object_too(person: Person, argv: tuple[str, ...]) -> None:
    assert person.types(*argv) == 2

    answer = json.loads(person.out)
    assert answer["status"] == 2
    assert answer["error"]


def test_a_verb_s_own_status_and_hint_reach_the_caller(person: Person, trip: Callable[[BaseException], None]) -> None:
    trip(Refused("no", details=("here",), hint="do this"))

    assert person.types("trip") == 4
    assert person.err == "build.py: error: no\n  here\nhint: do this\n"


def test_an_interruption_is_status_6(person: Person, trip: Callable[[BaseException], None]) -> None:
    trip(KeyboardInterrupt())

    assert person.types("trip") == 6
    assert person.err == "stopped\n"


def test_a_full_disk_is_status_8_and_names_the_file(person: Person, trip: Callable[[BaseException], None]) -> None:
    trip(OSError(errno.ENOSPC, "No space left on device", "build/x"))

    assert person.types("trip") == 8
    assert person.err == "build.py: error: build/x: No space left on device\n"


@pytest.mark.parametrize("error", [ValueError("oops"), OSError(errno.EBADF, "oops")])
def test_a_mistake_of_our_own_keeps_its_traceback_and_is_status_1(
    person: Person, trip: Callable[[BaseException], None], error: Exception
) -> None:
    trip(error)

    assert person.types("trip") == 1
    assert "Traceback (most recent call last)" in person.err
    assert "oops" in person.err
    assert "a mistake in the program itself" in person.err


def test_what_a_message_quotes_cannot_steer_the_terminal(person: Person, trip: Callable[[BaseException], None]) -> None:
    trip(Refused("a\x1b[2Jb\rc"))

    person.types("trip")

    assert person.err == "build.py: error: a\\x1b[2Jb\\x0dc\n"


# --- as a process --------------------------------------------------------------------------------


def build_py(*argv: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, ROOT / "build.py", *argv],
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_shell_can_complete_verbs_and_profiles() -> None:
    def completed(line: str) -> list[str]:
        words = line.split(" ")
        run = build_py(_BUILD_PY_COMPLETE="bash_complete", COMP_WORDS=line, COMP_CWORD=str(len(words) - 1))
        return [row.partition(",")[2] for row in run.stdout.splitlines()]

    assert completed("build.py sho") == ["show"]
    assert completed("build.py show smo") == ["smoke"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_completion_script_asks_the_question_that_is_answered(person: Person, shell: str) -> None:
    assert person.types("completion", shell) == 0
    assert f"_BUILD_PY_COMPLETE={shell}_complete" in person.out


NAP = """
import sys, time, click
from pathlib import Path
from asl_image import cli

@click.command()
def nap():
    try:
        print("asleep", flush=True)
        time.sleep(60)
    finally:
        print("cleaning up", flush=True)
        time.sleep(0.3)
        print("clean", flush=True)

cli.door.add_command(nap)
sys.argv = ["build.py", "nap"]
sys.exit(cli.main(Path()))
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_in_order_and_a_second_one_does_not_disturb_the_cleaning_up(number: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", NAP],
        env={**os.environ, "PYTHONPATH": f"{ROOT}/src:{ROOT}/authority/src"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "asleep\n"
        process.send_signal(number)
        assert process.stdout.readline() == "cleaning up\n"
        process.send_signal(number)
        out, err = process.communicate()

    assert (process.returncode, out, err) == (6, "clean\n", "\nstopped\n")  # click ends the line of the ^C


def test_a_reader_who_leaves_early_gets_no_traceback() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        run = subprocess.run(
            [sys.executable, ROOT / "build.py", "schema"], stdout=writer, stderr=subprocess.PIPE, text=True, check=False
        )
    finally:
        os.close(writer)

    assert (run.returncode, run.stderr) == (8, "")


def test_without_its_packages_build_py_says_make_setup(tmp_path: Path) -> None:
    (tmp_path / "build.py").write_text((ROOT / "build.py").read_text())
    (tmp_path / "src").symlink_to(ROOT / "src")

    run = subprocess.run(  # -I -S: a Python without any installed package
        [sys.executable, "-I", "-S", tmp_path / "build.py", "show", "base"], capture_output=True, text=True, check=False
    )

    assert run.returncode == 4
    assert run.stderr.startswith("build.py: error: No module named ")
    assert run.stderr.endswith(f"hint: run 'make setup' in {tmp_path}\n")


def test_build_py_prefers_the_project_s_own_python(tmp_path: Path) -> None:
    (tmp_path / "build.py").write_text((ROOT / "build.py").read_text())
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text('#!/bin/sh\necho "own python: $*"\n')
    python.chmod(0o755)

    run = subprocess.run([sys.executable, tmp_path / "build.py", "show"], capture_output=True, text=True, check=True)

    assert run.stdout == f"own python: {tmp_path}/build.py show\n"


# --- progress ------------------------------------------------------------------------------------


@dataclass
class Clock:
    """A clock that is moved by hand."""

    now: float = 100.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Watched:
    """A screen with a clock of our own, and what it said."""

    progress: ProgressMode
    clock: Clock = field(default_factory=Clock)
    err: io.StringIO = field(default_factory=io.StringIO)

    def __post_init__(self) -> None:
        self.screen = Screen(io.StringIO(), self.err, progress=self.progress, clock=self.clock)

    def fetches(self, *pauses: float) -> None:
        """A task of 1 MB a pause."""
        with self.screen.task("fetch", total=len(pauses) * 10**6, unit="B") as task:
            for pause in pauses:
                self.clock.now += pause
                task.advance(10**6)


def test_an_image_without_its_manifest_is_status_8_and_the_option_is_named(person: Person, tmp_path: Path) -> None:
    (tmp_path / "x.iso").write_bytes(b"x")

    assert person.types("verify", str(tmp_path / "x.iso")) == 8
    assert f"{tmp_path}/x.manifest.json: there is no such manifest" in person.err
    assert "--manifest FILE" in person.err


def test_what_a_file_is_called_steers_no_terminal_and_is_always_shown() -> None:
    out = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", errors="strict")
    screen = Screen(out, io.StringIO())

    screen.result("a\tb\x1b[2Jc\x9bd\udcff\n", {})

    out.seek(0)
    assert out.read() == "a\tb\\x1b[2Jc\\x9bd\\xdcff\n"


def test_under_json_it_is_one_object_of_plain_signs() -> None:
    out = io.TextIOWrapper(io.BytesIO(), encoding="ascii", errors="strict")
    screen = Screen(out, io.StringIO(), as_json=True)
    data = {"name": "a\x1b\x9b\udcff\u00e9"}

    screen.result("", data)

    out.seek(0)
    assert json.loads(out.read()) == data


def test_plain_progress_has_a_first_and_a_last_line_and_one_in_ten_seconds_between() -> None:
    watched = Watched("auto")  # no terminal here

    watched.fetches(4, 4, 4, 4, 1)

    assert watched.err.getvalue().splitlines() == [
        "fetch ...",
        "fetch: 3.0 MB of 5.0 MB after 12 s",
        "fetch: done in 17.0 s",
    ]


def test_json_progress_is_one_object_a_line() -> None:
    watched = Watched("json")

    watched.fetches(0.5, 1)
    watched.screen.note("by the way")

    assert [json.loads(line) for line in watched.err.getvalue().splitlines()] == [
        {"event": "start", "task": "fetch", "total": 2000000, "unit": "B"},
        {"event": "progress", "task": "fetch", "done": 2000000, "elapsed_s": 1.5},
        {"event": "end", "task": "fetch", "ok": True, "done": 2000000, "elapsed_s": 1.5},
        {"event": "note", "text": "by the way"},
    ]


def test_a_step_that_fails_says_so_and_lets_the_error_through() -> None:
    watched = Watched("plain")

    def fail_after(seconds: float) -> None:
        with watched.screen.step("root tree"):
            watched.clock.now += seconds
            raise ValueError("oops")

    with pytest.raises(ValueError, match="oops"):
        fail_after(3)

    assert watched.err.getvalue() == "root tree ...\nroot tree: failed after 3.0 s\n"


def test_no_progress_means_no_progress_but_warnings_are_still_said() -> None:
    watched = Watched("none")

    watched.fetches(20, 20)
    watched.screen.warning("look here")

    assert watched.err.getvalue() == "warning: look here\n"


def test_a_bar_leaves_a_line_with_the_time_it_took() -> None:
    watched = Watched("bar")

    with watched.screen.step("image"):
        watched.fetches(1, 1)

    assert "fetch: done in 2.0 s" in watched.err.getvalue()
    assert watched.err.getvalue().splitlines()[-1].endswith("image: done in 2.0 s")


@pytest.mark.parametrize(
    ("amount", "unit", "said"),
    [(0, "B", "0 B"), (999, "B", "999 B"), (1500000, "B", "1.5 MB"), (3, "files", "3 files")],
)
def test_amounts_are_said_in_units_for_people(amount: int, unit: str, said: str) -> None:
    assert in_unit(amount, unit) == said


# --- doctor --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class FakeHost:
    """A host that lacks what it is told to lack."""

    lacks: tuple[str, ...] = ()
    isolated: str = ""
    uefi: str | None = None
    free: int = 100_000
    kvm: tuple[bool, bool] = (True, True)

    def has(self, program: str) -> bool:
        return program not in self.lacks

    def ground(self) -> Ground:
        return Ground(0, "", frozenset(HELPERS), {}, {}, own=self.isolated)

    def firmware(self) -> str | None:
        return self.uefi

    def free_mib(self) -> int:
        return self.free

    def accelerator(self) -> tuple[bool, bool]:
        return self.kvm


def bad(checks: tuple[Check, ...]) -> list[str]:
    return [check.name for check in checks if check.ok is False]


def test_a_host_with_everything_has_nothing_to_mend() -> None:
    assert bad(examine(FakeHost())) == []


def test_missing_programs_are_named_with_their_packages_and_what_needs_them() -> None:
    checks = examine(FakeHost(lacks=("mmdebstrap", "qemu-system-x86_64")))

    assert bad(checks) == ["mmdebstrap", "qemu-system-x86_64"]
    text = report(checks, ["mmdebstrap", "qemu-system-x86"])
    assert "MISSING mmdebstrap          not found: apt install mmdebstrap (for build)" in text
    assert text.splitlines()[-1] == "install what is missing: apt install mmdebstrap qemu-system-x86"


@pytest.mark.parametrize(
    ("host", "name"),
    [
        (FakeHost(isolated="forbidden"), "build as root"),
        (FakeHost(free=4095), "disk"),
        (FakeHost(uefi="none"), "uefi firmware"),
    ],
)
def test_a_host_that_cannot_isolate_store_or_boot_is_told_so(host: FakeHost, name: str) -> None:
    assert bad(examine(host)) == [name]


def test_only_what_the_named_verb_needs_is_looked_at() -> None:
    host = FakeHost(lacks=("qemu-system-x86_64",), isolated="forbidden", uefi="none")

    assert bad(examine(host, ["fetch"])) == []
    assert bad(examine(host, ["boot"])) == ["qemu-system-x86_64", "uefi firmware"]


@pytest.mark.parametrize(
    ("kvm", "said"),
    [
        ((True, True), "KVM, proved by starting a guest"),
        ((True, False), "software emulation (TCG), slow but right: there is a /dev/kvm but no guest runs on it"),
        ((False, False), "software emulation (TCG), slow but right: there is no /dev/kvm"),
    ],
)
def test_the_accelerator_is_told_as_it_is_and_never_missing(kvm: tuple[bool, bool], said: str) -> None:
    check = examine(FakeHost(kvm=kvm), ["boot"])[-1]

    assert (check.ok, check.said) == (None, said)


def test_every_program_of_the_host_is_looked_at_for_some_verb() -> None:
    assert {verb for tool in HOST_TOOLS for verb in tool.needed_by} <= set(VERBS)
