"""The one door to other programs: an argv, a clean environment, and a log that can be pasted into a shell.

Nothing else in the builder imports `sh`. A `Command` is data; the `Runner` runs it, writes it to the
log first, keeps its output there, and says what went wrong in one line when it fails.
"""

from __future__ import annotations

import os
import shlex
import signal
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import sh

from asl_image.errors import ProgramFailed, Refused
from asl_image.hosttools import package_for

# Everything a child may rely on. What is not here does not reach it.
CLEAN_ENVIRONMENT: Mapping[str, str] = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/nonexistent",
    "LANG": "C.UTF-8",
    "LC_ALL": "C.UTF-8",
    "TZ": "UTC",
    "PERL_HASH_SEED": "0",
    "PYTHONHASHSEED": "0",
}

FAILURE_TAIL_LINES = 12
ANY_STATUS = range(-64, 256)
STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
APPENDING = os.O_WRONLY | os.O_CREAT | os.O_APPEND
POLL_S = 0.05  # how often `enter` looks whether its program has ended


@dataclass(frozen=True)
class Command:
    """A program to run: `argv` as it is, `env` on top of the clean environment, `stdin` from a file.

    `private` is like `env` and never shown or logged: a proxy or an index may have a password in its URI.
    `root`, when given, is the tree the program is run in (chroot); `argv` then speaks of paths there.
    """

    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    private: Mapping[str, str] = field(default_factory=dict, repr=False)
    stdin: Path | None = None
    stdout: Path | None = None
    root: Path | None = None
    accept: tuple[int, ...] = (0,)

    def shell(self) -> str:
        """The command as one line for a POSIX shell."""
        words = [f"{name}={shlex.quote(value)}" for name, value in sorted(self.env.items())]
        if self.root is not None:
            words = ["chroot", shlex.quote(str(self.root)), "env", *words]
        words += [shlex.quote(word) for word in self.argv]
        if self.stdin is not None:
            words += ["<", shlex.quote(str(self.stdin))]
        if self.stdout is not None:
            words += [">", shlex.quote(str(self.stdout))]
        return " ".join(words)


class Runs(Protocol):
    """What a step needs of a runner; tests hand in one that only keeps what it was asked."""

    def run(self, command: Command) -> None: ...

    def read(self, command: Command) -> str: ...


class Held:
    """A program that runs beside us for as long as the `with` that holds it (see `Runner.hold`)."""

    def __init__(self, process: sh.RunningCommand) -> None:
        self._process = process

    @property
    def pid(self) -> int:
        return int(self._process.pid)

    @property
    def alive(self) -> bool:
        return bool(self._process.is_alive())

    @property
    def exit_code(self) -> int | None:
        """How it ended; None while it runs."""
        return None if self.alive else int(self._process.exit_code)

    def terminate(self, patience_s: float = 3.0) -> None:
        """Ask it to end, and make it end when it has not after `patience_s`."""
        if self.alive:
            self._process.signal_group(signal.SIGTERM)
            try:
                self._process.wait(timeout=patience_s)
            except sh.TimeoutException:
                self._process.kill_group()
                self._process.wait()


class Runner:
    """Runs commands one at a time and keeps their words in `log`; `beside` stands in every program's environment."""

    def __init__(self, log: Path, beside: Mapping[str, str] | None = None) -> None:
        self.log = log
        self.beside = dict(beside or {})

    def run(self, command: Command) -> None:
        """Run to the end; what it prints goes to the log. Raises ProgramFailed or Refused."""
        self._start(command, capture=False)

    def read(self, command: Command) -> str:
        """Run to the end and return what it printed on stdout. Raises ProgramFailed or Refused."""
        return self._start(command, capture=True)[1]

    @contextmanager
    def hold(self, command: Command) -> Iterator[Held]:
        """Start a program that runs beside us, and end it with the `with`; it may also end by itself.

        What it prints, on stdout and stderr, goes to `command.stdout` or else to the log. Raises Refused.
        """
        with self._logged(command), (command.stdout or self.log).open("ab") as output:
            held: Held | None = None
            try:
                with stops_wait():
                    held = Held(self._begin(command, command.argv, b"", output, output))
                yield held
            finally:
                if held is not None:
                    held.terminate()

    def status(self, command: Command) -> int:
        """Run to the end and return the exit status, whatever it is. Raises Refused."""
        return self._start(replace(command, accept=tuple(ANY_STATUS)), capture=False)[0]

    def enter(self, command: Command, *, itself: bool = False) -> int:
        """Run a program in our place, with our streams (but for `command.stdout`), and return its exit status.

        It gets a process group of its own, so what a terminal sends comes to us alone. A signal that should
        stop us is handed on, as SIGTERM, to what the program started (it is `unshare`, which waits and heeds no
        signal itself), or with `itself` to the program, again and again: what has only just been started may not
        listen yet. We go on waiting for it to end in order. Raises Refused, or ProgramFailed when it was killed.
        """
        with self._logged(command):
            path = str(found(command.argv[0]))
        aside = [] if command.stdout is None else [(os.POSIX_SPAWN_OPEN, 1, str(command.stdout), APPENDING, 0o644)]
        stopping = threading.Event()
        before = {number: signal.signal(number, lambda *_: stopping.set()) for number in STOPS}
        try:
            environment = {**CLEAN_ENVIRONMENT, **self.beside, **command.env}
            pid = os.posix_spawn(path, command.argv, environment, setpgroup=0, file_actions=aside)
            ended_by = self._wait(pid, stopping, itself)
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
        if ended_by < 0:
            raise ProgramFailed(
                f"what ran in our place {ended(ended_by)}",
                hint="the kernel does that when memory runs out (see dmesg)" if ended_by == -signal.SIGKILL else None,
            )
        return ended_by

    def ask(self, command: Command) -> int:
        """Run a program that may ask for something on the terminal, and return its exit status.

        It keeps our process group, or it could not read the terminal; so Ctrl-C reaches it as it reaches us. What it
        says goes to our stderr. Needs `stdin` and `stdout`. Raises Refused or KeyboardInterrupt.
        """
        with self._logged(command):
            path = str(found(command.argv[0]))
        streams = (
            (os.POSIX_SPAWN_OPEN, 0, str(command.stdin), os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, str(command.stdout), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600),
        )
        environment = {**CLEAN_ENVIRONMENT, **command.env, **command.private}
        with stops_wait():
            pid = os.posix_spawn(path, command.argv, environment, file_actions=streams, setsigmask=())
        try:
            _, status = os.waitpid(pid, 0)
        except BaseException:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
            os.waitpid(pid, 0)
            raise
        return os.waitstatus_to_exitcode(status)

    def _wait(self, pid: int, stopping: threading.Event, itself: bool) -> int:
        while True:
            done, status = os.waitpid(pid, os.WNOHANG)
            if done:
                return os.waitstatus_to_exitcode(status)
            if stopping.is_set() and itself:
                os.kill(pid, signal.SIGTERM)
            elif stopping.is_set():
                self._stop_children(pid)
            time.sleep(POLL_S)

    def _stop_children(self, pid: int) -> None:
        with suppress(FileNotFoundError):
            for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
                with suppress(ProcessLookupError):
                    os.kill(int(child), signal.SIGTERM)

    @contextmanager
    def _logged(self, command: Command) -> Iterator[BinaryIO]:
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            log.write(f"+ {command.shell()}\n".encode())
            log.flush()
            yield log

    def _begin(self, command: Command, argv: Sequence[str], stdin: Any, out: Any, err: BinaryIO) -> sh.RunningCommand:
        """Start a program; call it within `stops_wait`, and keep what it returns, so that it can be ended."""
        return found(argv[0])(
            *argv[1:],
            _env={**CLEAN_ENVIRONMENT, **self.beside, **command.env, **command.private},
            _tty_out=False,  # sh gives children a terminal unless told otherwise
            _in=stdin,
            _out=out,
            _err=err,
            _ok_code=list(ANY_STATUS),  # judged by us, with our own words
            _return_cmd=True,
            _bg=True,  # held, so that our own interruption ends the child too
            _bg_exc=False,
            _new_session=True,
            _preexec_fn=heed_stops,
            _decode_errors="surrogateescape",
        )

    def _start(self, command: Command, *, capture: bool) -> tuple[int, str]:
        argv = command.argv
        if command.root is not None:
            argv = ("chroot", str(command.root), *argv)
        with self._logged(command) as log:
            mark = log.tell()
            found(argv[0])  # before any file is made
            stdin = command.stdin.open("rb") if command.stdin is not None else None
            stdout = command.stdout.open("wb") if command.stdout is not None else None
            pieces: list[bytes] = []
            process = None
            try:
                with stops_wait():
                    out = pieces.append if capture else (stdout if stdout is not None else log)
                    process = self._begin(command, argv, stdin if stdin is not None else b"", out, log)
                process.wait()
            except BaseException:
                if process is not None and process.is_alive():
                    process.kill_group()
                    process.wait()  # what it was doing, a mount say, must not come after our own cleaning up
                raise
            finally:
                if stdin is not None:
                    stdin.close()
                if stdout is not None:
                    stdout.close()
            if process.exit_code not in command.accept:
                raise ProgramFailed(
                    f"{command.argv[0]} {ended(process.exit_code)}",
                    details=tuple(self._tail(mark)),
                    hint=f"the whole output and the command to repeat are in {self.log}",
                )
        said = b"".join(
            piece if isinstance(piece, bytes) else str(piece).encode("utf-8", "surrogateescape") for piece in pieces
        )
        return int(process.exit_code), said.decode("utf-8", "surrogateescape")

    def _tail(self, mark: int) -> list[str]:
        with self.log.open("rb") as log:
            log.seek(mark)
            lines = log.read().decode("utf-8", "replace").splitlines()
        return [line for line in lines if line.strip()][-FAILURE_TAIL_LINES:]


@contextmanager
def stops_wait() -> Iterator[None]:
    """Signals that stop us come only after the block, at its very end.

    While Python forks, an exception from a signal's handler is swallowed, and the signal with it; and a program
    that has been started must be known to us before anything can interrupt us.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def heed_stops() -> None:
    """In the child, before the program: it heeds signals as any program does."""
    for number in STOPS:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPS)


def found(name: str) -> sh.Command:
    """The program by that name, also where an ordinary user's PATH does not lead. Raises Refused."""
    for folders in (None, CLEAN_ENVIRONMENT["PATH"].split(":")):
        with suppress(sh.CommandNotFound):
            return sh.Command(name, folders)
    raise missing_program(name)


def ended(exit_code: int) -> str:
    """How a program ended, in words."""
    if exit_code < 0:
        return f"was killed by signal {-exit_code}"
    return f"ended with status {exit_code}"


def missing_program(name: str) -> Refused:
    """The error for a program that this host does not have, naming the package that brings it."""
    package = package_for(name)
    return Refused(
        f"{name}: no such program on this host",
        hint=f"apt install {package}" if package else f"install the package that brings {name}",
    )
