"""The one door to other programs: no signal is lost in it, and nothing that it started stays."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from asl_image.errors import ProgramFailed, Refused
from asl_image.runner import Command, Runner, stops_wait


class Stopped(Exception):
    """What our handler raises, as the front door's raises KeyboardInterrupt."""


@contextmanager
def stopped_by(number: int) -> Iterator[None]:
    def stop(*_: object) -> None:
        raise Stopped

    before = signal.signal(number, stop)
    try:
        yield
    finally:
        signal.signal(number, before)


@pytest.fixture
def runner(tmp_path: Path) -> Runner:
    return Runner(tmp_path / "logs/log")


def test_what_a_program_says_is_returned_and_the_command_is_in_the_log(runner: Runner) -> None:
    assert runner.read(Command(("echo", "a b"), env={"X": "1"})) == "a b\n"
    assert runner.log.read_text() == "+ X=1 echo 'a b'\n"


def test_nothing_of_our_environment_reaches_a_program(runner: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "1")

    assert "SECRET" not in runner.read(Command(("env",)))


def test_a_program_that_fails_is_named_with_its_last_words(runner: Runner) -> None:
    with pytest.raises(ProgramFailed, match="sh ended with status 3") as caught:
        runner.run(Command(("sh", "-c", "echo no luck >&2; exit 3")))
    assert caught.value.details == ("no luck",)


def test_a_program_heeds_the_signals_that_stop_us(runner: Runner) -> None:
    with pytest.raises(ProgramFailed, match="sh was killed by signal 15"):
        runner.run(Command(("sh", "-c", "kill -TERM $$; sleep 9")))


def test_a_program_that_is_not_there_leaves_no_file(runner: Runner, tmp_path: Path) -> None:
    with pytest.raises(Refused, match="no-such: no such program on this host"):
        runner.run(Command(("no-such",), stdout=tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_a_signal_waits_until_what_was_begun_is_known() -> None:
    begun = []

    def begin() -> None:
        with stops_wait():
            # To this thread: one that another test left could be handed it, and Python would hear it at once.
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)
            begun.append("program")

    with stopped_by(signal.SIGTERM), pytest.raises(Stopped):
        begin()

    assert begun == ["program"]


def test_our_own_interruption_ends_the_program_and_its_children(runner: Runner, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    command = Command(("sh", "-c", f"sleep 60 & echo $$ $! > {pids}; wait"))
    main = threading.main_thread().ident or 0
    timer = threading.Timer(0.5, signal.pthread_kill, (main, signal.SIGTERM))
    with stopped_by(signal.SIGTERM):
        timer.start()
        with pytest.raises(Stopped):
            runner.run(command)
    timer.join()

    for pid in pids.read_text().split():
        assert wait_for_end(int(pid)), pid


def wait_for_end(pid: int) -> bool:
    for _ in range(100):
        try:
            if Path(f"/proc/{pid}/stat").read_text().split()[2] == "Z":
                return True
        except FileNotFoundError:
            return True
        time.sleep(0.02)
    return False


def test_what_runs_in_our_place_gives_its_own_status(runner: Runner) -> None:
    assert runner.enter(Command(("sh", "-c", "exit 7"))) == 7


def test_what_runs_in_our_place_and_is_killed_is_said_to_be(runner: Runner) -> None:
    with pytest.raises(ProgramFailed, match="was killed by signal 9") as caught:
        runner.enter(Command(("sh", "-c", "kill -KILL $$")))
    assert "memory" in str(caught.value.hint)


def test_a_signal_is_handed_on_until_it_is_heeded(runner: Runner, tmp_path: Path) -> None:
    """The inner program is deaf at first, as a Python is that has only just been started."""
    heeding = f"trap 'echo heard > {tmp_path}/heard; exit 6' TERM; for _ in $(seq 99); do sleep 0.05; done"
    inner = f"trap '' TERM; sleep 0.4; {heeding}"
    timer = threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGTERM))
    timer.start()
    status = runner.enter(Command(("sh", "-c", 'sh -c "$0"; exit $?', inner)))
    timer.join()

    assert status == 6
    assert (tmp_path / "heard").exists()


def test_a_signal_for_a_program_that_heeds_it_is_given_to_the_program_itself(runner: Runner, tmp_path: Path) -> None:
    heeding = f"trap 'echo heard > {tmp_path}/heard; exit 6' TERM; for _ in $(seq 99); do sleep 0.05; done"
    timer = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGTERM))
    timer.start()
    status = runner.enter(Command(("sh", "-c", heeding)), itself=True)
    timer.join()

    assert status == 6
    assert (tmp_path / "heard").exists()


def test_what_runs_in_our_place_may_have_its_stdout_in_a_file(
    runner: Runner, capfd: pytest.CaptureFixture[str]
) -> None:
    runner.enter(Command(("sh", "-c", "echo result; echo words >&2"), stdout=runner.log))

    assert runner.log.read_text().endswith("\nresult\n")
    assert capfd.readouterr() == ("", "words\n")
