"""What becomes of a profile's lock: made anew, renewed in the build folder, fetched, and chosen for a build."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from asl_image.errors import Refused
from asl_image.fetch import bytes_to_fetch, fetch_packages, missing_packages
from asl_image.lock import (
    Asks,
    Lock,
    check_lock,
    locked_tool,
    make_request,
    read_lock,
    write_lock,
)
from asl_image.network import Network
from asl_image.origins import Origins
from asl_image.profile import Tool
from asl_image.pypi import fetch_tool, missing_tool_files
from asl_image.resolve import Resolver
from asl_image.runner import Runs
from asl_image.screen import Screen
from asl_image.store import Store, sha256_of


@dataclass(frozen=True)
class LockFiles:
    """Where the locks of one profile lie: the reviewed one, and one that stands in for it in the build folder."""

    reviewed: Path
    renewed: Path

    @classmethod
    def of(cls, name: str, profiles_dir: Path, build_dir: Path) -> LockFiles:
        return cls(profiles_dir / f"{name}.lock.yaml", build_dir / name / "renewed.lock.yaml")


def make_lock(profile: Asks, tools: Iterable[Tool], resolver: Resolver, renewed_from: str | None = None) -> Lock:
    """Resolve the profile's packages today and pin its tools. Errors as `Resolver.resolve`."""
    locked = tuple(locked_tool(tool) for tool in sorted(tools, key=lambda each: each.name))
    answer = resolver.resolve(profile.packages)
    return Lock(
        format="asl-image.lock/1",
        profile=profile.name,
        renewed_from=renewed_from,
        request=make_request(profile.suite, profile.architecture, profile.packages, locked),
        epoch=answer.epoch,
        keyring=answer.keyring,
        suites=answer.suites,
        packages=answer.packages,
        tools=locked,
    )


def renew_lock(profile: Asks, tools: Sequence[Tool], files: LockFiles, resolver: Resolver) -> Lock:
    """Resolve again into the build folder; the reviewed lock stays as it is and is named in the new one."""
    reviewed = read_reviewed(profile, tools, files)
    lock = make_lock(profile, tools, resolver, renewed_from=sha256_of(files.reviewed))
    check_lock(lock, profile, reviewed.tools)
    write_lock(lock, files.renewed)
    return lock


def read_reviewed(profile: Asks, tools: Iterable[Tool], files: LockFiles) -> Lock:
    """The lock under review's control, held against its profile. Raises Refused or ConfigError."""
    if not files.reviewed.exists():
        raise Refused(
            f"{profile.name} has no lock", hint=f"build.py lock {profile.name} makes {files.reviewed}; review it"
        )
    lock = read_lock(files.reviewed)
    check_lock(lock, profile, tuple(locked_tool(tool) for tool in tools))
    return lock


def read_renewed(profile: Asks, tools: Iterable[Tool], files: LockFiles) -> Lock | None:
    """The lock in the build folder, if it stands in for the reviewed one as that is now; else None."""
    if not files.renewed.exists():
        return None
    lock = read_lock(files.renewed)
    if lock.renewed_from != sha256_of(files.reviewed):
        return None
    check_lock(lock, profile, tuple(locked_tool(tool) for tool in tools))
    return lock


def missing_from(lock: Lock, store: Store) -> tuple[str, ...]:
    """What of a lock is not in the store, one line each. Looks at names and sizes; the builder reads the bytes."""
    packages = (f"{each.name} {each.version}" for each in lock.packages if not store.has(each.sha256, each.size))
    return (*packages, *(f"{name} (tool)" for name in missing_tool_files(lock.tools, store)))


def lock_for_build(
    profile: Asks,
    tools: Sequence[Tool],
    *,
    profiles_dir: Path,
    build_dir: Path,
    locked: bool,
    store: Store,
) -> tuple[Lock, bool]:
    """The lock to build from, and whether it is a renewed one.

    The reviewed lock, when everything of it is in the store; else, unless `locked`, the renewed one, when that
    belongs to it and is whole. Raises Refused with what is missing and the ways out.
    """
    files = LockFiles.of(profile.name, profiles_dir, build_dir)
    reviewed = read_reviewed(profile, tools, files)
    missing = missing_from(reviewed, store)
    if not missing:
        return reviewed, False
    renewed = None if locked else read_renewed(profile, tools, files)
    if renewed is not None and not missing_from(renewed, store):
        return renewed, True
    raise Refused(
        f"{len(missing)} of {len(reviewed.packages) + len(reviewed.tools)} things that {profile.name} is locked to "
        "are not in the store",
        details=missing,
        hint=(
            f"build.py fetch {profile.name} brings them; if they are no longer offered, build.py lock {profile.name} "
            f"makes a new lock for review" + ("" if locked else ", or build.py fetch --renew one for this machine")
        ),
    )


def lock_given(lock: Lock, profile: Asks, tools: Iterable[Tool], store: Store) -> tuple[Lock, bool]:
    """A lock that came with a kit, held against its profile, and whether it is a renewed one. Raises Refused."""
    check_lock(lock, profile, tuple(locked_tool(tool) for tool in tools))
    if missing := missing_from(lock, store):
        raise Refused(f"{len(missing)} things that {profile.name} is locked to are not in the store", details=missing)
    return lock, lock.renewed_from is not None


def check_logged(lock: Lock, packages: Iterable[str], tools: Iterable[str], store: Store) -> None:
    """Raise Refused for what has just come into the store by a way that logs nothing."""
    arrived = store.arrived()
    hashes: dict[str, tuple[str, ...]] = {
        each.name: (each.sha256,) for each in lock.packages if each.name in set(packages)
    }
    hashes |= {each.name: tuple(file.sha256 for file in each.files) for each in lock.tools if each.name in set(tools)}
    unlogged = sorted(name for name, wanted in hashes.items() if not arrived.issuperset(wanted))
    if unlogged:
        raise Refused(
            f"{len(unlogged)} files came into the store by a way that is not logged",
            details=tuple(unlogged),
            hint="only fetch and a kit may fill the store; take it away and fetch again",
        )


def fetch_lock(
    lock: Lock,
    store: Store,
    origins: Callable[[], Origins],
    network: Network,
    runner: Runs,
    screen: Screen,
    scratch: Path,
) -> int:
    """Bring everything of a lock into the store; returns how many packages and tools were fetched.

    `origins` is asked only when something is missing, so a full store needs no mirror. Errors as `fetch_packages`
    and `fetch_tools`.
    """
    missing = missing_packages(lock.packages, store, screen.warning)
    lacking = missing_tool_files(lock.tools, store)
    if not missing and not lacking:
        return 0
    asked = origins()
    if missing:
        total = bytes_to_fetch(missing, store)
        with screen.task(f"fetch {len(missing)} packages of {lock.profile}", total, "B") as task:
            fetch_packages(lock.profile, missing, store, asked, network, task.advance, screen.warning)
    for tool in lock.tools:
        if tool.name in lacking:
            with screen.task(f"fetch {tool.name} {tool.version}"):
                fetch_tool(tool, store, runner, network, scratch, asked.pools)
    check_logged(lock, [each.name for each in missing], lacking, store)
    return len(missing) + len(lacking)
