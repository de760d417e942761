"""Go somewhere else and build there: what `repro-test` starts in mount and host name namespaces of its own.

Everything that is otherwise is made here, around a builder that knows nothing of it, and is gone with the namespaces:
nothing of the machine is touched but the one folder `second`, which is taken away at the end.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import sys
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from tempfile import mkdtemp

from pydantic import BaseModel, ConfigDict

from asl_image import tree_writer
from asl_image.again import Again, lay_out
from asl_image.checkout import read_by_builds
from asl_image.errors import IoFailed
from asl_image.mounts import detach, let_go
from asl_image.runner import STOPS, Command, Runner
from asl_image.surroundings import SUBORDINATES, Preloaded, Surroundings

OWN = ".elsewhere"  # in the second build folder: what the builder is handed, and our log
LOOP_DISK_GIB = 12  # of a file with holes: it takes what is written


class Errand(BaseModel):
    """What is to be built, from which first build folder, and around what. Paths are absolute.

    `second` is made and taken away; from it `results` gets the image, its papers and the logs. `seeds` are folders of
    the first build's cache that the second one gets a copy of.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    root: Path
    profiles: Path
    first: Path
    second: Path
    results: Path
    profile: str
    options: tuple[str, ...]
    progress: str
    around: Surroundings
    seeds: tuple[str, ...] = ()
    library: Path | None = None
    passed: dict[str, str] = {}

    @property
    def seen(self) -> Path:
        """Where the builder sees its build folder: in the first one's place, unless the path is to be otherwise."""
        return self.second if self.around.elsewhere else self.first

    @property
    def copied(self) -> bool:
        """Whether a copy of the checkout builds: one in another place, or one with the modes of another umask."""
        return self.around.elsewhere or self.around.umask != Surroundings().umask

    @property
    def checkout(self) -> Path:
        """The checkout that builds."""
        return self.seen / OWN / "checkout" if self.copied else self.root

    def places(self) -> tuple[Path, ...]:
        """Paths that only the second build has."""
        return (self.second,)


def run_errand(errand: Errand) -> int:
    """Build as the errand says, as root of namespaces of our own; the builder's status. Raises AslImageError."""
    around = errand.around
    os.umask(0o022)
    for number in STOPS:  # they are handed to the builder while it runs; laying out and cleaning up are not stopped
        signal.signal(number, signal.SIG_IGN)
    with ExitStack() as left:
        aside = Path(mkdtemp(prefix="asl-elsewhere-"))
        left.callback(take_away, aside)
        take_away(errand.second)  # what was killed may have left it
        left.callback(take_away, errand.second)
        errand.second.mkdir(parents=True)
        runner = Runner(aside / "log")
        if around.file_system:
            mount_other(errand.second, around.file_system, runner)
        with ExitStack() as covers:
            again = laid_out(errand, runner, covers)
            if around.user:
                become_reachable(errand, runner, aside, covers)
            if around.hostname:
                set_host_name(around.hostname)
            if around.processor is not None:
                os.sched_setaffinity(0, {around.processor})
            status = started(errand, again)
        bring_back(errand)
        return status


def take_away(folder: Path) -> None:
    """Let go of what is mounted in a folder of ours, then remove it and the disk that may lie beside it."""
    let_go(folder)
    tree_writer.remove(folder)
    disk_of(folder).unlink(missing_ok=True)


def disk_of(folder: Path) -> Path:
    """The file that holds the other file system."""
    return folder.with_name(folder.name + ".disk")


def set_host_name(name: str) -> None:
    """Give the host another name, in our own namespace. Raises IoFailed."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.sethostname(name.encode(), len(name.encode())) != 0:
        raise IoFailed(f"the host name can't be set: {os.strerror(ctypes.get_errno())}")


def mount_other(at: Path, file_system: str, runner: Runner) -> None:
    """Put another file system under a folder: memory, or one in a file."""
    if file_system == "tmpfs":
        runner.run(Command(("mount", "-t", "tmpfs", "-o", "mode=755,size=75%", "tmpfs", str(at))))
        return
    disk = disk_of(at)
    with disk.open("xb") as file:
        file.truncate(LOOP_DISK_GIB << 30)
    runner.run(Command((f"mkfs.{file_system}", "-q", str(disk))))
    runner.run(Command(("mount", "-t", file_system, "-o", "loop", str(disk), str(at))))
    at.chmod(0o755)


def laid_out(errand: Errand, runner: Runner, covers: ExitStack) -> Again:
    """Fill the second build folder, and put it into its place for as long as `covers` lasts."""
    around, second = errand.around, errand.second
    own = second / OWN
    own.mkdir()
    again = Again(
        root=errand.checkout,
        profiles=errand.checkout / "profiles" if errand.copied else errand.profiles,
        store=errand.seen / "store",
        build=errand.seen,
        profile=errand.profile,
        options=errand.options,
        progress=errand.progress,
    )
    lay_out(second, errand.first)
    bind(errand.first / "store", second / "store", runner)
    if around.warm:
        for seed in errand.seeds:
            plant(errand.first / "cache" / seed, second / "cache" / seed, runner)
    if errand.copied:
        copy_checkout(errand, own / "checkout")
    if errand.library is not None:
        shutil.copyfile(errand.library, own / "elsewhere.so")
        preloaded = Preloaded(library=errand.seen / OWN / "elsewhere.so")
        (own / "preloaded.json").write_text(preloaded.model_dump_json())
        handed = ("--preloaded", str(errand.seen / OWN / "preloaded.json"))
        again = replace(again, options=(*again.options, *handed))
    if around.user:
        give_away(second, around.user)
    if not around.elsewhere:
        bind(second, errand.first, runner)
        covers.callback(detach, errand.first)
    return again


def plant(source: Path, target: Path, runner: Runner) -> None:
    """Copy a kept result with all its owners and modes; within one file system by links, as nobody writes to it."""
    target.parent.mkdir(parents=True, exist_ok=True)
    link = ("--link",) if source.stat().st_dev == target.parent.stat().st_dev else ()
    runner.run(Command(("cp", "--archive", *link, str(source), str(target))))


def bind(source: Path, target: Path, runner: Runner) -> None:
    """Have one folder in two places."""
    target.mkdir(parents=True, exist_ok=True)
    runner.run(Command(("mount", "--rbind", str(source), str(target))))


def copy_checkout(errand: Errand, target: Path) -> None:
    """What a builder reads of a checkout, with the modes that git would give it under this umask."""
    before = os.umask(errand.around.umask)
    try:
        files = read_by_builds(errand.root, errand.profiles)
        for name, source in {**files, "build.py": errand.root / "build.py"}.items():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            if source.is_symlink():
                (target / name).symlink_to(source.readlink())
                continue
            shutil.copyfile(source, target / name)
            if source.stat().st_mode & 0o100:
                (target / name).chmod(0o777 & ~errand.around.umask)
    finally:
        os.umask(before)
    (target / ".venv").symlink_to(sys.prefix)


def give_away(folder: Path, user: int) -> None:
    """Make somebody else the owner of a folder and of what we have put there; what is bound in it stays as it is."""
    os.chown(folder, user, user)
    for each in folder.iterdir():
        if not each.is_mount() and not each.is_symlink():
            if each.is_dir():
                give_away(each, user)
            else:
                os.chown(each, user, user)


def become_reachable(errand: Errand, runner: Runner, aside: Path, covers: ExitStack) -> None:
    """Let an ordinary user come to what he needs, and have numbers for owners; only in our own mount namespace.

    A folder on the way that he may not pass is covered by an empty one in which there is just what he needs.
    """
    for name in ("subuid", "subgid"):
        table = aside / name
        table.write_text(f"nobody:{errand.around.first_subordinate}:{SUBORDINATES}\n")
        table.chmod(0o644)
        runner.run(Command(("mount", "--bind", str(table), f"/etc/{name}")))
    needed = {Path(sys.prefix), Path(sys.base_prefix), errand.checkout, errand.profiles, errand.seen}
    barred: dict[Path, list[Path]] = {}
    for path in sorted(path.resolve() for path in needed):
        if (bar := barrier(path)) is not None:
            barred.setdefault(bar, []).append(path)
    for number, (bar, paths) in enumerate(sorted(barred.items())):
        kept = [(path, aside / f"{number}-{each}") for each, path in enumerate(outermost(paths))]
        for path, place in kept:
            bind(path, place, runner)
        runner.run(Command(("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", str(bar))))
        covers.callback(detach, bar)
        for path, place in kept:
            bind(place, path, runner)
            detach(place)


def barrier(path: Path) -> Path | None:
    """The first folder on the way to a path, or that itself, that only its owner may pass."""
    return next((each for each in (*reversed(path.parents), path) if not each.stat().st_mode & 0o001), None)


def outermost(paths: Iterable[Path]) -> list[Path]:
    """The paths, sorted, without those that lie in another one."""
    found: list[Path] = []
    for path in sorted(paths):
        if not any(path.is_relative_to(other) for other in found):
            found.append(path)
    return found


def started(errand: Errand, again: Again) -> int:
    """Run the builder in its surroundings, to its end; returns its status."""
    around = errand.around
    user = ("--reuid", str(around.user), "--regid", str(around.user), "--clear-groups") if around.user else ()
    log = errand.seen / OWN / "log"
    before = os.umask(around.umask)
    try:
        command = Command(
            ("setpriv", *user, "--pdeathsig", "KILL", "--", *again.argv()),
            env={**errand.passed, **around.environment},
            stdout=log,
        )
        return Runner(log).enter(command, itself=True)
    finally:
        os.umask(before)


def bring_back(errand: Errand) -> None:
    """Put what the build has left into `results`, from wherever it was seen."""
    for source in (errand.second / errand.profile, errand.second / OWN):
        for path in sorted([*source.glob("*"), *source.glob("logs/*")]):
            if path.is_file() and not path.name.startswith("."):
                target = errand.results / path.relative_to(source)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, target)
