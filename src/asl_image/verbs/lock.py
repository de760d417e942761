"""lock: resolve a profile against signed package lists and write its lock for review."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path

import click

from asl_image.errors import ConfigError
from asl_image.lock import Change, Lock, diff_locks, read_lock, write_lock
from asl_image.locking import LockFiles, make_lock
from asl_image.origins import Wishes
from asl_image.resolve import Resolver
from asl_image.runner import Runner
from asl_image.verbs import House, ProfileName
from asl_image.verbs.sources import Sources, chosen, load_asked, origin_options


@click.command()
@click.argument("profile", type=ProfileName(), required=False)
@click.option("--all", "everything", is_flag=True, help="All profiles and package sets.")
@origin_options
@click.option("--keyring", type=click.Path(path_type=Path), metavar="FILE", help="Instead of Debian's own keyring.")
@click.pass_obj
def lock(
    house: House,
    profile: str | None,
    everything: bool,
    mirror: str | None,
    security_mirror: str | None,
    snapshot: str | None,
    keyring: Path | None,
) -> None:
    """Resolve PROFILE (or a package set) and write its lock; prints what changed."""
    sources = Sources(house, Runner(house.build / "lock.log"), Wishes(mirror, security_mirror, snapshot))
    asked = [load_asked(house, name) for name in chosen(house, profile, everything)]
    reports: list[tuple[LockFiles, Lock, tuple[Change, ...], bool]] = []
    with ExitStack() as stack:
        resolvers: dict[tuple[str, str], Resolver] = {}
        for each, tools in asked:
            key = (each.suite, each.architecture)
            if key not in resolvers:
                with house.screen.step(f"fetch the package lists of {each.suite}"):
                    resolvers[key] = stack.enter_context(sources.resolver(each, keyring))
            with house.screen.step(f"resolve {each.name}"):
                new = make_lock(each, tools, resolvers[key])
            reports.append(settle(new, LockFiles.of(each.name, house.profiles, house.build), house))
    house.screen.result(
        "\n\n".join(table(*report) for report in reports), {"locks": [summary(*report) for report in reports]}
    )


def settle(new: Lock, files: LockFiles, house: House) -> tuple[LockFiles, Lock, tuple[Change, ...], bool]:
    """Write the new lock, unless only dates differ: newer dates alone would change every image for nothing."""
    old = previous(files.reviewed, house)
    changes = diff_locks(old, new)
    if old is not None and not changes and old.request == new.request and old.tools == new.tools:
        return files, old, (), False
    write_lock(new, files.reviewed)
    return files, new, changes, True


def previous(path: Path, house: House) -> Lock | None:
    """The lock that is there; one that can't be read is replaced, and that is said."""
    if not path.exists():
        return None
    try:
        return read_lock(path)
    except ConfigError as error:
        house.screen.warning(f"{error}; a new one takes its place")
        return None


def summary(files: LockFiles, new: Lock, changes: Sequence[Change], written: bool) -> dict[str, object]:
    """The same as `table`, for programs."""
    return {
        "lock": str(files.reviewed),
        "packages": len(new.packages),
        "written": written,
        "changes": [asdict(change) for change in changes],
    }


def table(files: LockFiles, new: Lock, changes: Sequence[Change], written: bool) -> str:
    """What a reviewer reads: one line a package that came, went or changed."""
    head = f"{files.reviewed}: {len(new.packages)} packages, {len(new.tools)} tools"
    if not written:
        return f"{head}; nothing changed, and the lock stays as it is"
    if not changes:
        return f"{head}; the same packages for another request"
    name = max(len(change.name) for change in changes)
    old = max(len(change.old or "-") for change in changes)
    lines = [f"  {each.name:{name}}  {each.old or '-':{old}}  →  {each.new or '-'}" for each in changes]
    return "\n".join([f"{head}; {len(changes)} changed", *lines])
