"""Which of the two ways to build a host has, as root or as an ordinary user, and what exactly is in the other's way."""

from __future__ import annotations

import os
import pwd
import shutil
import stat
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from asl_image.errors import AslImageError
from asl_image.runner import Command, Runs

NOBODY = 65534
ENOUGH = 65536  # owners that an image's tree may have
UID_MAPS = ("/etc/subuid", "/etc/subgid")
HELPERS = ("newuidmap", "newgidmap")
# What a kernel may forbid, by the file that says so: the value that forbids it, and how to permit it.
SWITCHES = {
    "kernel/unprivileged_userns_clone": ("0", "sysctl kernel.unprivileged_userns_clone=1"),
    "kernel/apparmor_restrict_unprivileged_userns": ("1", "sysctl kernel.apparmor_restrict_unprivileged_userns=0"),
    "user/max_user_namespaces": ("0", "sysctl user.max_user_namespaces=15000"),
    "user/max_mnt_namespaces": ("0", "sysctl user.max_mnt_namespaces=15000"),
    "user/max_net_namespaces": ("0", "sysctl user.max_net_namespaces=15000"),
    "user/max_pid_namespaces": ("0", "sysctl user.max_pid_namespaces=15000"),
}


@dataclass(frozen=True)
class Ground:
    """What a host has for builds by the ordinary `user`, or by any when that is empty.

    `probe` is why an ordinary user gets no namespaces, `own` why we, as who we are, get none; empty when they do.
    `helpers` are those of newuidmap and newgidmap that are there with the rights that they need; `maps` is the text
    of /etc/subuid and /etc/subgid by path; `switches` what the files of SWITCHES say, where there is such a file.
    """

    uid: int
    user: str
    helpers: frozenset[str]
    maps: dict[str, str]
    switches: dict[str, str]
    probe: str = ""
    own: str = ""


def rootless_obstacles(ground: Ground) -> tuple[str, ...]:
    """What is in the way of a build by the ordinary user, each with what helps; empty when nothing is."""
    found = [
        f"{name} is missing, or has no right to set numbers: apt install --reinstall uidmap"
        for name in HELPERS
        if name not in ground.helpers
    ]
    for path in UID_MAPS if ground.user else ():
        count = numbers(ground.maps.get(path, ""), ground.user)
        if count < ENOUGH:
            kind = "uids" if path == "/etc/subuid" else "gids"
            found.append(
                f"{path} gives {ground.user} {count} numbers, {ENOUGH} are needed: "
                f"usermod --add-sub{kind} 100000-165535 {ground.user}"
            )
    found += [
        f"{path.replace('/', '.')} is {value}: {remedy}"
        for path, (value, remedy) in SWITCHES.items()
        if ground.switches.get(path) == value
    ]
    if ground.probe and not found:
        found.append(f"the kernel makes no user namespace ({ground.probe})")
    return tuple(found)


def root_obstacles(ground: Ground) -> tuple[str, ...]:
    """What is in the way of a build as root; empty when nothing is."""
    if ground.uid != 0:
        return (f"you are {ground.user}: sudo build.py build PROFILE",)
    if ground.own:
        return (f"root makes no namespaces here ({ground.own}): a container needs CAP_SYS_ADMIN",)
    return ()


def numbers(text: str, user: str) -> int:
    """How many numbers a user has in the first range of his, which is the one that is used."""
    for line in text.splitlines():
        name, _, rest = line.partition(":")
        with suppress(ValueError):
            if name == user:
                return int(rest.partition(":")[2])
    return 0


def survey(runner: Runs, which: Callable[[str], str | None] = shutil.which, sudoer: str = "") -> Ground:
    """Look at this host; for root the ordinary user is `sudoer`, who called him, if anybody did."""
    uid = os.geteuid()
    as_nobody = ("setpriv", "--reuid", str(NOBODY), "--regid", str(NOBODY), "--clear-groups", "--") if uid == 0 else ()
    own = ("--mount", "--net", "--pid", "--fork", "true")
    return Ground(
        uid=uid,
        user=sudoer if uid == 0 else name_of(uid),
        helpers=frozenset(name for name in HELPERS if (at := which(name)) and may_set_numbers(Path(at))),
        maps={path: Path(path).read_text() for path in UID_MAPS if Path(path).is_file()},
        switches={
            name: (Path("/proc/sys") / name).read_text().strip()
            for name in SWITCHES
            if (Path("/proc/sys") / name).is_file()
        },
        probe=refusal(runner, Command((*as_nobody, "unshare", "--user", "--map-root-user", *own))),
        own=refusal(runner, Command(("unshare", *own))) if uid == 0 else "",
    )


def name_of(uid: int) -> str:
    """An account's name, or its number where it has none."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def may_set_numbers(program: Path) -> bool:
    """Whether a helper is set-user-id, or has a file capability instead."""
    with suppress(OSError):
        return bool(program.stat().st_mode & stat.S_ISUID) or "security.capability" in os.listxattr(program)
    return False


def refusal(runner: Runs, command: Command) -> str:
    """The last words of a program that fails; empty when it does not."""
    try:
        runner.run(command)
    except AslImageError as error:
        return error.details[-1] if error.details else str(error)
    return ""
