"""A build around its plan: one at a time, on a host that can, in namespaces of its own, with a log."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from asl_image.cache import Cache
from asl_image.errors import Busy, ConfigError, Refused
from asl_image.execute import Stamp, decide_on_sound, execute
from asl_image.hosttools import missing
from asl_image.house import House
from asl_image.netguard import watched_network
from asl_image.plan import Plan
from asl_image.runner import CLEAN_ENVIRONMENT, Command, Runner
from asl_image.site import LocalSite, private_argv
from asl_image.store import Store
from asl_image.surroundings import Preloaded


def check_host() -> None:
    """Raise Refused, naming the packages, when this host lacks a program or namespaces."""
    lacking = [
        tool
        for tool in missing("build", partial(shutil.which, path=CLEAN_ENVIRONMENT["PATH"]))
        if os.geteuid() != 0 or tool.program != "newuidmap"
    ]
    if lacking:
        raise Refused(
            "this host lacks programs that a build needs",
            details=tuple(f"{tool.program} (Debian package {tool.package})" for tool in lacking),
            hint=f"apt install {' '.join(sorted({tool.package for tool in lacking}))}",
        )


def start_inside(house: House, folder: Path, argv: tuple[str, ...], preloaded: Preloaded) -> int:
    """Run `argv`, this same command line, in namespaces of its own; returns its exit status."""
    runner = Runner(folder / "logs" / "start.log")
    probe = Command(private_argv(("true",)), accept=tuple(range(256)))
    if runner.status(probe) != 0:
        raise Refused(
            "this host gives no namespaces to build in",
            details=(f"tried: {probe.shell()}",),
            hint="run as root, or allow user namespaces (`build.py doctor` says what is missing)",
        )
    passed = {key: house.environ[key] for key in ("TERM", "COLUMNS", "NO_COLOR") if key in house.environ}
    return runner.enter(Command(private_argv(argv), env={**passed, **preloaded.for_builder()}))


def carry_out(
    house: House, plan: Plan, named: frozenset[str], folder: Path, preloaded: Preloaded, *, release: bool
) -> None:
    """The build itself, in its namespaces; of the store it sees the files whose hashes are `named`."""
    if os.getpid() != 1:
        raise ConfigError("--inside is for the builder itself", hint="leave it out")
    os.umask(0o022)
    log = folder / "logs" / "build.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    log.unlink(missing_ok=True)
    cache = Cache(house.build / "cache", plan.profile)
    with watched_network() as network, cache.in_use():
        site = LocalSite(folder / "work", Runner(log, preloaded.for_programs()), Store(house.store, named), network)
        decisions = decide_on_sound(plan, plan.ids(), cache, Stamp.read(folder), house.screen, release=release)
        execute(plan, decisions, site, cache, house.screen, folder)


@contextmanager
def only_builder(folder: Path) -> Iterator[None]:
    """Hold the profile's build lock. Raises Busy when another build holds it."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Busy(
                f"{folder}: another build of this profile is running", hint="wait for it, or use --build DIR"
            ) from None
        yield
