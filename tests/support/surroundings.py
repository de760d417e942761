"""What a story does to the machine that it is told on: `%` lines, each of which does a real thing and undoes it.

    % volume DIR MIB        a file system of its own at DIR, of so many MiB; `% eject DIR` takes it away, with its place
    % fill DIR [KIB]        fill it up, but for so many KiB; `% room DIR` frees that again
    % read-only DIR         nothing can be written on it; `% writable DIR` ends that
    % busy DIR              another program writes there; `% free DIR` ends that
    % memory MIB            the program gets no more memory than that; `% memory` ends it
    % no-terminal           it has none to ask on; `% terminal` gives it one again
    % exposed               the kernel refuses to keep others out of the process; `% kept` ends that
    % called-in DIR         a command is handed over to the authority, as from a console in DIR; `% called-here`
    % plugged DEV=KIND:LABEL …   root's helper answers, and these sticks are there; `% unplugged` ends that

Any other line is a program that a story runs, such as `% rm -r stick`. A `%` line before an answer happens while the
person is asked. What it does is what happens in life: a full tmpfs, a lock that is held, a limit of the kernel; of
the kernel's own refusals, and of root's helper, somebody stands in, at the seam that the program has for that.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import resource
import socket
import subprocess
import sys
import termios
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryFile
from typing import Self

import asl_authority
from asl_authority import contract
from asl_authority.front.terminal import ConsoleTerminal
from asl_authority.operations.hygiene import protect_process
from asl_authority.operations.terminal import Terminal
from asl_authority.storage.errands import handed_over
from asl_authority.values.errand import Errand
from asl_authority.values.finding import Finding
from support.needs import lacking
from support.stick_helper import StickHelper

FILLER = "filler"
SOURCES = Path(asl_authority.__file__).parents[1]
# What systemd does: a connection becomes the standard input of a process of its own.
SERVE = "import sys; sys.path.insert(0, sys.argv[1]); from asl_authority.front.serving import serve; "
SERVE += "from pathlib import Path; serve(Path(sys.argv[2]), 0)"


def unprotected(_: Path) -> Iterable[Finding]:
    """Leaves the test's own process as it is."""
    return ()


class Exposing:
    """A kernel that grants nothing of what keeps a secret in a process."""

    def no_core(self) -> bool:
        """Refused."""
        return False

    def not_dumpable(self) -> bool:
        """Refused."""
        return False

    def lock_memory(self) -> str:
        """Refused."""
        return "memory is not locked: the kernel refuses"


class Surroundings:
    """The machine around a story in the directory `here`; leaving it undoes everything.

    `protect` is what keeps secrets in, `directory` is that of the console which hands a command over, if one does.
    """

    def __init__(self, here: Path) -> None:
        self.here = here
        self.protect: Callable[[Path], Iterable[Finding]] = unprotected
        self.directory: str | None = None
        self._has_terminal = True
        self._locks: dict[str, int] = {}
        self._volumes: list[Path] = []
        self._sticks: StickHelper | None = None
        self._limit = resource.getrlimit(resource.RLIMIT_AS)
        self._words: Mapping[str, Callable[..., object]] = {
            "volume": self._volume,
            "eject": self._eject,
            "fill": self._fill,
            "room": lambda at: (here / at / FILLER).unlink(),
            "read-only": lambda at: self._remount("ro", at),
            "writable": lambda at: self._remount("rw", at),
            "busy": self._busy,
            "free": lambda at: os.close(self._locks.pop(at)),
            "memory": self._memory,
            "no-terminal": partial(setattr, self, "_has_terminal", False),
            "terminal": partial(setattr, self, "_has_terminal", True),
            "exposed": partial(setattr, self, "protect", partial(protect_process, Exposing())),
            "kept": partial(setattr, self, "protect", unprotected),
            "plugged": self._plugged,
            "unplugged": self._unplugged,
            "called-in": partial(setattr, self, "directory"),
            "called-here": partial(setattr, self, "directory", None),
        }

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for lock in self._locks.values():
            os.close(lock)
        self._memory()
        self._unplugged()
        for place in self._volumes:
            subprocess.run(("umount", place), check=True)

    def change(self, words: Sequence[str]) -> bool:
        """Do what a line says; False when it says nothing of the machine."""
        if words[0] not in self._words:
            return False
        self._words[words[0]](*words[1:])
        return True

    def terminal(self, told: Terminal) -> Terminal:
        """The terminal that a command has: `told`, or one that is not there."""
        return told if self._has_terminal else ConsoleTerminal(str(self.here / "no-terminal"))

    def hand_over(self, argv: Sequence[str], write: Callable[[str], object]) -> int:
        """Have a command done as a console in `directory` has it done: by an authority in a process of its own."""
        # Relative to the current directory, for a socket's path is short.
        machine = Path("machine")
        at = machine / contract.ERRAND_SOCKET.relative_to("/")
        errand = Errand(argv[0], tuple(argv[1:]), str(self.here / (self.directory or "")))
        with (
            socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener,
            TemporaryFile("w+") as out,
            TemporaryFile("w+") as err,
        ):
            listener.bind(str(at))
            listener.listen()
            with handed_over(machine, errand, (out.fileno(), err.fileno())) as line:
                connection, _ = listener.accept()
                serve = [sys.executable, "-I", "-c", SERVE, str(SOURCES), str(machine)]
                with connection, subprocess.Popen(serve, stdin=connection.fileno()) as process:
                    connection.close()
                    status = line.ended()
                    process.wait()
            at.unlink()
            out.seek(0)
            err.seek(0)
            write("".join(f"! {each}" for each in err) + out.read())
        return -1 if status is None else status

    def _volume(self, at: str, mib: str) -> None:
        place = self.here / at
        place.mkdir(exist_ok=True)
        argv = ("mount", "-t", "tmpfs", "-o", f"size={mib}m", "none", place)
        if subprocess.run(argv, capture_output=True, check=False).returncode != 0:
            lacking("mounting a tmpfs takes root")
        self._volumes.append(place)

    def _remount(self, how: str, at: str) -> None:
        subprocess.run(("mount", "-o", f"remount,{how}", self.here / at), check=True)

    def _eject(self, at: str) -> None:
        place = self.here / at
        self._volumes.remove(place)
        subprocess.run(("umount", place), check=True)
        place.rmdir()

    def _fill(self, at: str, but_kib: str = "0") -> None:
        place = self.here / at
        free = os.statvfs(place)
        (place / FILLER).write_bytes(bytes(free.f_bavail * free.f_bsize - (int(but_kib) << 10)))

    def _busy(self, at: str) -> None:
        self._locks[at] = os.open(self.here / at, os.O_RDONLY | os.O_DIRECTORY)
        fcntl.flock(self._locks[at], fcntl.LOCK_EX | fcntl.LOCK_NB)

    def _plugged(self, *sticks: str) -> None:
        self._unplugged()
        self._sticks = StickHelper(Path("machine"), sticks)

    def _unplugged(self) -> None:
        if self._sticks is not None:
            self._sticks.close()
        self._sticks = None

    def _memory(self, mib: str | None = None) -> None:
        soft, hard = self._limit
        if mib is not None:
            pages = int(Path("/proc/self/statm").read_text("ascii").split()[0])
            soft = pages * resource.getpagesize() + (int(mib) << 20)
            # What was derived before would need none.
            getattr(hashlib.scrypt, "cache_clear", lambda: None)()
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def typed_on_a_terminal(line: str) -> str:
    r"""What the real terminal makes of a line; `\xNN` in it is the byte that some keyboards send."""
    master, slave = os.openpty()
    try:
        silent = termios.tcgetattr(slave)
        silent[3] &= ~termios.ECHO
        termios.tcsetattr(slave, termios.TCSANOW, silent)
        os.write(master, line.encode().decode("unicode_escape").encode("latin-1") + b"\n")
        return ConsoleTerminal(descriptor=slave).ask("")
    finally:
        os.close(master)
        os.close(slave)
