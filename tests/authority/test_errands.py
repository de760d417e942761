"""The operator's console hands a call over; the authority carries it out on the same terminal, and stops when told."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from asl_authority import contract
from asl_authority.contract import ExitStatus
from asl_authority.errors import IoFailed, Malformed, UsageError
from asl_authority.front.errand import have_done
from asl_authority.front.places import is_for_the_authority
from asl_authority.storage.errands import STOP, handed_over, received
from asl_authority.values.errand import MOST_WORDS, Errand, read_errand

SOURCES = Path(__file__).parents[2] / "authority/src"
WAIT_S = 60.0
ERRAND = Errand("asl-auth-host", ("status", "--json"), "/")
# What systemd does: each connection becomes the standard input of a process of its own.
SERVE = "import sys; sys.path.insert(0, sys.argv[1]); from asl_authority.front.serving import serve; "
SERVE += "from pathlib import Path; serve(Path(sys.argv[2]), 0)"
# The console: one call, on the terminal that controls it.
CALL = "import sys; sys.path.insert(0, sys.argv[1]); from asl_authority.front.errand import have_done; "
CALL += "from pathlib import Path; sys.exit(have_done(Path(sys.argv[2]), 'asl-auth-host', sys.argv[3:]))"
# A shell that waits for its one program, and for a line after it.
SHELL = "import subprocess, sys; p = subprocess.Popen(sys.argv[1:]); print('pid', p.pid, flush=True); p.wait(); "
SHELL += "print('left', flush=True); sys.stdin.readline()"


@dataclass
class Authority:
    """A machine on which somebody takes errands, each in a process of its own."""

    root: Path
    listener: socket.socket
    processes: list[subprocess.Popen[bytes]]

    def takes(self, count: int = 1) -> threading.Thread:
        """Take so many errands, in another thread."""

        def take() -> None:
            for _ in range(count):
                line, _ = self.listener.accept()
                argv = [sys.executable, "-I", "-c", SERVE, str(SOURCES), str(self.root)]
                self.processes.append(subprocess.Popen(argv, stdin=line.fileno(), stdout=subprocess.DEVNULL))
                line.close()

        thread = threading.Thread(target=take, daemon=True)
        thread.start()
        return thread


@pytest.fixture
def authority(tmp_path: Path) -> Iterator[Authority]:
    at = tmp_path / "machine"
    (at / "run/asl").mkdir(parents=True)
    (at / "asl-auth-host").mkdir()
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    here = Path.cwd()
    os.chdir(at / "run/asl")  # a socket's path has at most 107 bytes
    try:
        listener.bind(contract.ERRAND_SOCKET.name)
    finally:
        os.chdir(here)
    listener.listen()
    found = Authority(at, listener, [])
    yield found
    listener.close()
    for process in found.processes:
        process.kill()
        process.wait(WAIT_S)


@dataclass
class Console:
    """Somebody at a terminal, with a program of theirs in the foreground."""

    pid: int
    master: int
    seen: bytes = b""

    def waits_for(self, text: bytes) -> None:
        deadline = time.monotonic() + WAIT_S
        while text not in self.seen:
            assert time.monotonic() < deadline, self.seen
            try:
                self.seen += os.read(self.master, 4096)
            except OSError:
                assert text in self.seen, self.seen

    def types(self, keys: bytes) -> None:
        os.write(self.master, keys)

    def echoes(self) -> bool:
        """Whether the terminal shows what is typed."""
        return bool(termios.tcgetattr(self.master)[3] & termios.ECHO)

    def ended(self) -> int:
        """How the program ended; a signal is a negative number."""
        deadline = time.monotonic() + WAIT_S
        while True:
            assert time.monotonic() < deadline, self.seen
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                return os.waitstatus_to_exitcode(status)
            time.sleep(0.02)


def call(authority: Authority, directory: Path, nested: bool, *words: str) -> Console:
    """A call at a terminal: by the program that leads its session, or, `nested`, by one below that, as from a shell."""
    pid, master = os.forkpty()
    if pid == 0:
        os.chdir(directory)
        argv = [sys.executable, "-I", "-c", CALL, str(SOURCES), str(authority.root), *words]
        argv = [sys.executable, "-I", "-c", SHELL, *argv] if nested else argv
        os.execv(sys.executable, argv)  # noqa: S606
    return Console(pid, master)


# -- what is said on the line


def test_an_errand_is_read_as_it_was_written() -> None:
    assert read_errand(ERRAND.to_bytes()) == ERRAND
    assert read_errand(Errand("asl-admin", ("", "a\n\tb", "\u00fc"), "/x y").to_bytes()).words == (
        "",
        "a\n\tb",
        "\u00fc",
    )


@pytest.mark.parametrize(
    "errand",
    [
        Errand("../x", (), "/"),
        Errand("asl-auth-host", ("a\0b",), "/"),
        Errand("asl-auth-host", ("x" * 4097,), "/"),
        Errand("asl-auth-host", ("x",) * (MOST_WORDS + 1), "/"),
        Errand("asl-auth-host", (), "somewhere"),
    ],
)
def test_an_errand_of_another_form_is_refused(errand: Errand) -> None:
    with pytest.raises(Malformed) as refused:
        read_errand(errand.to_bytes())

    assert refused.value.check_id in ("ERRAND-SCHEMA", "JSON-COUNT")


@pytest.mark.parametrize("descriptors", [0, 1, 4])
def test_an_errand_with_too_few_or_too_many_descriptors_is_refused_and_they_are_closed(descriptors: int) -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    reading, writing = os.pipe()
    socket.send_fds(ours, [ERRAND.to_bytes()], [writing] * descriptors)
    os.close(writing)

    with pytest.raises(Malformed, match="descriptors"):
        received(theirs.fileno())

    assert os.read(reading, 1) == b""  # nobody has the other end any more
    os.close(reading)
    ours.close()
    theirs.close()


@pytest.mark.parametrize("words", [("x" * 4000,) * 20, ("\udcff",)])
def test_a_command_line_that_can_not_be_handed_over_is_refused_at_the_console(
    authority: Authority, words: tuple[str, ...]
) -> None:
    with pytest.raises(UsageError), handed_over(authority.root, Errand("asl-auth-host", words, "/"), (1, 2)):
        pass


# -- who does it


def test_every_verb_is_the_authoritys_where_it_takes_errands_but_for_what_systemd_starts(authority: Authority) -> None:
    assert is_for_the_authority(authority.root, "status")
    assert not is_for_the_authority(authority.root, "serve")
    assert not is_for_the_authority(authority.root, "measure")
    assert not is_for_the_authority(authority.root / "run", "status")


def test_where_nobody_answers_that_is_said(authority: Authority) -> None:
    def hang_up() -> None:
        line, _ = authority.listener.accept()
        line.recv(1)
        line.close()

    threading.Thread(target=hang_up, daemon=True).start()
    with pytest.raises(IoFailed, match="did not say how it ended"):
        have_done(authority.root, "asl-auth-host", ["status"], console="/nonexistent")

    authority.listener.close()
    with pytest.raises(IoFailed, match="/run/asl/authority"):
        have_done(authority.root, "asl-auth-host", ["status"], console="/nonexistent")


def test_a_call_is_carried_out_in_its_directory_and_its_status_comes_back(authority: Authority, tmp_path: Path) -> None:
    authority.takes(3)
    made = call(authority, tmp_path, False, "policy", "new", "--output", "policy.yaml")
    made.waits_for(b"asl-auth-host policy check policy.yaml")
    assert made.ended() == ExitStatus.DONE
    assert (tmp_path / "policy.yaml").is_file()

    (tmp_path / "policy.yaml").write_text("mine")
    again = call(authority, tmp_path, False, "policy", "new", "--output", "policy.yaml")
    again.waits_for(b"nothing is overwritten")
    assert again.ended() == ExitStatus.REFUSED

    status = call(authority, tmp_path, False, "status", "--json")
    status.waits_for(b'"status": 3')
    assert status.ended() == ExitStatus.CHECK_FAILED


def test_the_environment_of_the_caller_stays_with_it(
    authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    thread = authority.takes()
    monkeypatch.setenv("ASL_MARK", "the callers")
    console = call(authority, tmp_path, False, "key", "new", "--kind", "offline-root", "--output", "root", "--own")
    console.waits_for(b": ")
    thread.join(WAIT_S)
    seen = Path(f"/proc/{authority.processes[0].pid}/cmdline").read_bytes()
    console.types(b"\x03")

    assert console.ended() == ExitStatus.ABORTED
    assert b"offline-root" not in seen


def test_a_directory_that_the_authority_can_not_enter_is_refused(authority: Authority, tmp_path: Path) -> None:
    thread = authority.takes()
    gone = tmp_path / "gone"
    ours = Errand("asl-auth-host", ("status",), str(gone))
    reading, writing = os.pipe()
    with handed_over(authority.root, ours, (writing, writing)) as line:
        os.close(writing)
        assert line.ended() == ExitStatus.REFUSED
    thread.join(WAIT_S)

    said = os.read(reading, 4096).decode()
    os.close(reading)
    assert "PATH-UNREADABLE" in said
    assert "can't work there" in said
    assert "cd /run/asl/desk" in said


# -- the terminal


def asked(authority: Authority, directory: Path, *, nested: bool = False) -> Console:
    """A call that asks for a passphrase, and waits."""
    console = call(authority, directory, nested, "key", "new", "--kind", "offline-root", "--output", "root", "--own")
    console.waits_for(b"assphrase")
    deadline = time.monotonic() + WAIT_S
    while console.echoes():
        assert time.monotonic() < deadline, console.seen
        time.sleep(0.02)
    return console


def test_ctrl_c_stops_the_authority_and_the_echo_comes_back(authority: Authority, tmp_path: Path) -> None:
    thread = authority.takes()
    console = asked(authority, tmp_path)

    console.types(b"\x03")
    console.waits_for(b"stopped by you")

    assert console.ended() == ExitStatus.ABORTED
    assert console.echoes()
    assert list(tmp_path.glob("root*")) == []
    thread.join(WAIT_S)
    assert authority.processes[0].wait(WAIT_S) == 0


def test_ctrl_z_does_not_leave_the_shell_and_the_authority_at_one_terminal(
    authority: Authority, tmp_path: Path
) -> None:
    authority.takes()
    console = asked(authority, tmp_path)

    console.types(b"\x1a")
    time.sleep(0.3)

    assert os.waitpid(console.pid, os.WNOHANG | os.WUNTRACED) == (0, 0)
    console.types(b"\x03")
    assert console.ended() == ExitStatus.ABORTED


def test_when_the_console_is_killed_the_authority_stops_and_gives_the_echo_back(
    authority: Authority, tmp_path: Path
) -> None:
    thread = authority.takes()
    console = asked(authority, tmp_path, nested=True)
    found = re.search(rb"pid (\d+)", console.seen)
    assert found is not None

    os.kill(int(found[1]), signal.SIGKILL)
    console.waits_for(b"left")

    thread.join(WAIT_S)
    assert authority.processes[0].wait(WAIT_S) == 0
    assert console.echoes()
    console.types(b"\n")
    assert console.ended() == 0


def test_when_the_authority_is_killed_the_console_says_so_and_gives_the_echo_back(
    authority: Authority, tmp_path: Path
) -> None:
    thread = authority.takes()
    console = asked(authority, tmp_path)
    thread.join(WAIT_S)

    authority.processes[0].kill()

    assert console.ended() != ExitStatus.DONE
    assert console.echoes()


def test_stop_is_a_word_that_the_line_keeps(authority: Authority) -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    null = os.open(os.devnull, os.O_RDWR)
    socket.send_fds(ours, [ERRAND.to_bytes()], [null, null])
    found = received(theirs.fileno())
    ours.send(STOP)

    assert found.errand == ERRAND
    assert found.line.heard_stop()
    ours.close()
    assert not found.line.heard_stop()
    found.line.close()
    for each in (*found.descriptors, null):
        os.close(each)
    theirs.close()
