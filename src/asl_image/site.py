"""Where steps work: the scratch folder, the tools tree around it, and the mounts that both need.

Everything here happens in a mount namespace of our own, so what a killed build leaves mounted goes
with it; what ends in order is unmounted in order.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from asl_image import tree_writer
from asl_image.errors import ProgramFailed
from asl_image.lock import Lock
from asl_image.mounts import let_go
from asl_image.netguard import NetworkGuard
from asl_image.paths import inside
from asl_image.programs import ON_HOST, RECORD, LoggedPrograms, Programs, interpreter_of, read_record, unlogged
from asl_image.repository import write_repository
from asl_image.runner import Command, Runner
from asl_image.step import REPO, WORK, Act
from asl_image.store import Store

# All that programs in a chroot may want of /dev; bound from the host, since a user namespace can't make nodes.
DEVICES = ("null", "zero", "full", "random", "urandom", "tty")


@dataclass
class LocalSite:
    """A build's own place, below `home`: scratch (`/work` in the tools tree), tools (mount point), repo."""

    home: Path
    runner: Runner
    store: Store
    network: NetworkGuard
    programs: LoggedPrograms | None = None  # of the tools tree, once that is mounted

    @property
    def work(self) -> Path:
        return self.home / "scratch"

    @property
    def tools_tree(self) -> Path:
        return self.home / "tools"

    @property
    def repo(self) -> Path:
        return self.home / "repo"

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Fresh, empty folders, taken away again at the end, however it ends; what a killed build left goes first."""
        try:
            self._clear()
            for folder in (self.work, self.tools_tree, self.repo):
                folder.mkdir(parents=True)
            yield
        finally:
            try:
                self._clear()
            except KeyboardInterrupt:  # it comes once (see cli.py), and what was begun must be finished
                self._clear()
                raise

    def _clear(self) -> None:
        if os.getpid() == 1:
            end_others()
        let_go(self.home)
        tree_writer.remove(self.home)

    @contextmanager
    def tools_mounted(self, tree: Path, recorded: Programs | None = None) -> Iterator[None]:
        """The tools tree, read-only, with `/work`, `/repo`, and what programs expect of a running system.

        `recorded` are the programs that may run in it; by default those whose record lies beside the tree.
        """
        recorded = read_record(tree.with_name(RECORD)) if recorded is None else recorded
        with let_go_after(self.tools_tree):
            self.programs = LoggedPrograms(self.tools_tree, recorded)
            self._mount(self.tools_tree, "--bind", str(tree))
            self._mount(self.tools_tree / WORK.lstrip("/"), "--bind", str(self.work))
            self._mount(self.tools_tree / REPO.lstrip("/"), "--bind", str(self.repo))
            self._mount(self.tools_tree / "tmp", "-t", "tmpfs", "-o", "mode=1777", "tmpfs")
            self._system(self.tools_tree)
            # The whole tree is read-only from here on; the mounts on it are not.
            self.runner.run(Command(("mount", "-o", "remount,bind,ro", str(self.tools_tree))))
            yield

    @contextmanager
    def _image_mounted(self) -> Iterator[None]:
        root = self.work / "root"
        with let_go_after(root):
            self._system(root)
            yield

    def _system(self, root: Path) -> None:
        self._mount(root / "proc", "-t", "proc", "proc")
        self._mount(root / "sys", "-t", "sysfs", "-o", "ro", "sysfs")
        self._mount(root / "dev", "-t", "tmpfs", "-o", "mode=755", "tmpfs")
        for name in DEVICES:
            (root / "dev" / name).touch()
            self._mount(root / "dev" / name, "--bind", f"/dev/{name}")
        for name, target in (("fd", "fd"), ("stdin", "fd/0"), ("stdout", "fd/1"), ("stderr", "fd/2")):
            (root / "dev" / name).symlink_to(f"/proc/self/{target}")
        (root / "dev/shm").mkdir(mode=0o1777)

    def _mount(self, at: Path, *words: str) -> None:
        self.runner.run(Command(("mount", *words, str(at))))

    def act(self, act: Act) -> None:
        with self._around(act), self._watched():
            self.runner.run(self._command(act))

    def read(self, act: Act) -> str:
        with self._around(act), self._watched():
            return self.runner.read(self._command(act))

    def settle(self) -> None:
        """Raise ReachedNetwork for whoever reached for a network since the last program ended."""
        self.network.settle()

    @contextmanager
    def _watched(self) -> Iterator[None]:
        """Whether a program reached for a network is asked however it ended: that may be why it failed."""
        try:
            yield
        except ProgramFailed:
            self.network.settle()
            raise
        self.network.settle()

    @contextmanager
    def _around(self, act: Act) -> Iterator[None]:
        if act.where == "image":
            with self._image_mounted():
                yield
        else:
            yield

    def _check_program(self, act: Act) -> None:
        """Raise for a program that no step may run. What runs in the image's root is of the image's own packages."""
        program = act.argv[0]
        if act.where == "host" and (self.programs is not None or program not in ON_HOST):
            raise unlogged(program, "this host")
        if act.where == "tools":
            if self.programs is None:
                raise unlogged(program, "a tools tree that is not there yet")
            if program.startswith(f"{WORK}/"):  # a script of ours, which is in the step's id already
                program = interpreter_of((self.work / program.removeprefix(f"{WORK}/")).read_bytes())
            self.programs.check(program)

    def _command(self, act: Act) -> Command:
        self._check_program(act)
        roots = {"host": None, "tools": self.tools_tree, "image": self.work / "root"}
        return Command(
            act.argv,
            env=act.env,
            stdin=self.work / act.stdin if act.stdin is not None else None,
            stdout=self.work / act.stdout if act.stdout is not None else None,
            root=roots[act.where],
        )

    def repository(self, lock: Lock) -> Path:
        for path in self.repo.iterdir():  # the folder itself may be a mount's source
            tree_writer.remove(path)
        write_repository(lock, self.store, self.repo)
        return self.repo

    def stored(self, sha256: str, name: str) -> Path:
        return self.store.verified(sha256, name)

    def note(self, text: str) -> None:
        with self.runner.log.open("a") as log:
            log.write(f"# {text}\n")

    def in_image(self, path: PurePosixPath) -> Path:
        """Where a path of the image's root lies on the builder."""
        return inside(self.work / "root", path)


def end_others() -> None:
    """End every other process of our process namespace, whose first one we are: each was started by a step."""
    with suppress(ProcessLookupError):
        os.kill(-1, signal.SIGKILL)
    with suppress(ChildProcessError):
        while True:  # a parent's end makes its children ours, so this waits for all of them
            os.waitpid(-1, 0)


@contextmanager
def let_go_after(at: Path) -> Iterator[None]:
    """Whatever gets mounted at or below `at` meanwhile is unmounted at the end, however it ends."""
    try:
        yield
    finally:
        let_go(at)


def private_argv(argv: tuple[str, ...], *, uid: int | None = None) -> tuple[str, ...]:
    """`argv` in mount, network and process namespaces of its own, and as an ordinary user in a user namespace.

    The network namespace has nothing but a loopback that is down: a build can't fetch. When the process
    that starts it dies, however it dies, everything in the namespaces is killed and every mount is gone.
    """
    uid = os.geteuid() if uid is None else uid
    user = () if uid == 0 else ("--user", "--map-auto", "--map-root-user")
    own = ("--mount", "--net", "--pid", "--ipc", "--uts")
    # The kernel's note to end with us outlives a program's start, so not even SIGKILL leaves a build running alone.
    return ("setpriv", "--pdeathsig", "KILL", "unshare", *user, *own, "--fork", "--mount-proc", "--kill-child", *argv)
