"""build: a sealed ISO from a profile, in namespaces of its own, without a network."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import click

from asl_image.cache import Cache
from asl_image.errors import Busy, ConfigError, Refused
from asl_image.execute import Stamp, decide, execute
from asl_image.hosttools import missing
from asl_image.inputs import load_inputs
from asl_image.plan import Plan, make_plan
from asl_image.runner import CLEAN_ENVIRONMENT, Command, Runner
from asl_image.site import LocalSite, private_argv
from asl_image.store import Store
from asl_image.verbs import House, profile_argument


def build_options(function: Any) -> Any:
    """What `plan`, `explain` and `build` have in common."""
    for option in (
        click.option("--locked", is_flag=True, help="Use the reviewed lock only, never a renewed one."),
        click.option("--engine", type=click.Choice(["mmdebstrap", "debootstrap"]), help="Instead of the profile's."),
        click.option("--compression", type=click.Choice(["dev", "release"]), help="Instead of the profile's."),
        click.option("--commit", metavar="HASH", callback=whole_commit, help="The git commit that provenance names."),
    ):
        function = option(function)
    return profile_argument(function)


def whole_commit(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    """A commit in full; an abbreviated one is no digest. Raises ConfigError."""
    if value is not None and not re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", value):
        raise ConfigError(f"--commit {value}: not a whole git commit", hint="git rev-parse HEAD prints it")
    return value


def planned(
    house: House, profile: str, locked: bool, engine: str | None, compression: str | None, commit: str | None
) -> tuple[Plan, bool]:
    """The plan that these options ask for, and whether a renewed lock is used."""
    overrides = {key: value for key, value in (("engine", engine), ("compression", compression)) if value}
    inputs = load_inputs(house, profile, locked=locked, overrides=overrides)
    return make_plan(replace(inputs, commit=commit)), inputs.renewed


@click.command()
@build_options
@click.option("--inside", is_flag=True, hidden=True, help="We are in the build's own namespaces already.")
@click.pass_obj
def build(
    house: House,
    profile: str,
    locked: bool,
    engine: str | None,
    compression: str | None,
    commit: str | None,
    inside: bool,
) -> int | None:
    """Build the image of PROFILE; its path is printed on stdout."""
    plan, renewed = planned(house, profile, locked, engine, compression, commit)
    folder = house.build / profile
    cache = Cache(house.build / "cache", profile)
    if inside:
        carry_out(house, plan, cache, folder)
        return None
    if renewed:
        house.screen.warning(
            f"{profile} is built from a renewed lock ({folder}/renewed.lock.yaml): the image must not be released"
        )
    with only_builder(folder):
        stamp = Stamp.read(folder)
        if stamp is not None and stamp.fits(folder, plan.ids()):
            house.screen.note(f"{profile}: nothing changed")
        else:
            check_host()
            status = start_inside(house, folder)
            if status != 0:
                return status
            stamp = Stamp.read(folder)
        iso = folder / f"{profile}.iso"
        about = {"iso": str(iso), "lock": "renewed" if renewed else "reviewed"}
        house.screen.result(str(iso), {**about, "sha256": stamp.results[iso.name]["sha256"] if stamp else ""})
    return 0


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


def start_inside(house: House, folder: Path) -> int:
    """Run this same command line in namespaces of its own; returns its exit status."""
    runner = Runner(folder / "logs" / "start.log")
    probe = Command(private_argv(("true",)), accept=tuple(range(256)))
    if runner.status(probe) != 0:
        raise Refused(
            "this host gives no namespaces to build in",
            details=(f"tried: {probe.shell()}",),
            hint="run as root, or allow user namespaces (`build.py doctor` says what is missing)",
        )
    argv = (sys.executable, *sys.argv[:1], *sys.argv[1:], "--inside")
    passed = {key: house.environ[key] for key in ("TERM", "COLUMNS", "NO_COLOR") if key in house.environ}
    return runner.enter(Command(private_argv(argv), env=passed))


def carry_out(house: House, plan: Plan, cache: Cache, folder: Path) -> None:
    """The build itself, in its namespaces."""
    if os.getpid() != 1:
        raise ConfigError("--inside is for the builder itself", hint="leave it out")
    os.umask(0o022)
    log = folder / "logs" / "build.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    log.unlink(missing_ok=True)
    site = LocalSite(folder / "work", Runner(log), Store(house.store))
    with cache.in_use():
        decisions = decide(plan, plan.ids(), cache, Stamp.read(folder), up_to_date=False)
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
