"""fetch: bring everything that a profile and its tools tree are locked to into the store."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import click

from asl_image.errors import Refused
from asl_image.fetch import Stale
from asl_image.lock import Lock, diff_locks
from asl_image.locking import LockFiles, fetch_lock, read_renewed, read_reviewed, renew_lock
from asl_image.origins import Origins, Wishes
from asl_image.profile import PackageSet, Profile, Tool
from asl_image.runner import Runner
from asl_image.store import Store
from asl_image.verbs import House, ProfileName
from asl_image.verbs.sources import Sources, chosen, load_asked, origin_options


@click.command()
@click.argument("profile", type=ProfileName(), required=False)
@click.option("--all", "everything", is_flag=True, help="All profiles and package sets.")
@click.option("--renew", is_flag=True, help="When a lock is stale, make another in the build folder and fetch that.")
@click.option(
    "--from",
    "pools",
    multiple=True,
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    metavar="DIR",
    help="A folder with .debs and wheels that is looked at first (may repeat).",
)
@origin_options
@click.option("--keyring", type=click.Path(path_type=Path), metavar="FILE", help="For --renew.")
@click.pass_obj
def fetch(
    house: House,
    profile: str | None,
    everything: bool,
    renew: bool,
    pools: tuple[Path, ...],
    mirror: str | None,
    security_mirror: str | None,
    snapshot: str | None,
    keyring: Path | None,
) -> None:
    """Bring all that PROFILE and its tools tree are locked to into the store; goes on where it stopped."""
    wishes = Wishes(mirror, security_mirror, snapshot)
    sources = Sources(house, Runner(house.build / "fetch.log"), wishes, tuple(pool.absolute() for pool in pools))
    answers = []
    for name in with_tools_trees(house, chosen(house, profile, everything)):
        asked, tools = load_asked(house, name)
        job = Job(house, sources, asked, tools, LockFiles.of(name, house.profiles, house.build), keyring)
        lock, path, count = job.carry_out(renew=renew)
        answers.append({"profile": name, "lock": str(path), "renewed": lock.renewed_from is not None, "fetched": count})
    house.screen.result(
        "\n".join(f"{each['profile']}: {each['fetched']} fetched, all of {each['lock']} is here" for each in answers),
        {"profiles": answers},
    )


def with_tools_trees(house: House, names: tuple[str, ...]) -> tuple[str, ...]:
    """The names, each once, and before each profile its tools tree."""
    found: dict[str, None] = {}
    for name in names:
        asked, _ = load_asked(house, name)
        if isinstance(asked, Profile):
            found[asked.tools_tree] = None
        found[name] = None
    return tuple(found)


@dataclass(frozen=True)
class Job:
    """One lock to be fetched."""

    house: House
    sources: Sources
    asked: Profile | PackageSet
    tools: tuple[Tool, ...]
    files: LockFiles
    keyring: Path | None

    def carry_out(self, *, renew: bool) -> tuple[Lock, Path, int]:
        """Fetch the reviewed lock, or with `renew` another when that is stale. The lock, its file, how many came."""
        reviewed = read_reviewed(self.asked, self.tools, self.files)
        try:
            return reviewed, self.files.reviewed, self._fetch(reviewed)
        except Stale as stale:
            if not renew:
                raise
            earlier = read_renewed(self.asked, self.tools, self.files)
            if earlier is not None:
                try:
                    return earlier, self.files.renewed, self._fetch(earlier)
                except Stale:
                    pass  # renewed some time ago, and stale again
            return self._renew(reviewed, stale)

    def _fetch(self, lock: Lock) -> int:
        store = Store(self.house.store)
        sources = self.sources
        return fetch_lock(
            lock, store, self._origins, sources.network, sources.runner, self.house.screen, sources.scratch
        )

    def _origins(self) -> Origins:
        """Where from; a folder that was given may be enough on a host that knows no mirror."""
        try:
            return self.sources.origins
        except Refused:
            if not self.sources.pools:
                raise
            return Origins((), (), self.sources.pools)

    def _renew(self, reviewed: Lock, stale: Stale) -> tuple[Lock, Path, int]:
        screen, name = self.house.screen, self.asked.name
        with screen.step(f"resolve {name} again"), self.sources.resolver(self.asked, self.keyring) as resolver:
            lock = renew_lock(self.asked, self.tools, self.files, resolver)
        changes = diff_locks(reviewed, lock)
        screen.warning(
            f"THE LOCK OF {name} IS STALE: {len(stale.packages)} of its packages are no longer offered. "
            f"A renewed lock, which nobody has reviewed, is used instead: {self.files.renewed}. "
            "An image made from it can't be released."
        )
        for change in changes:
            screen.warning(f"{change.name}: {change.old or '-'} → {change.new or '-'}")
        return lock, self.files.renewed, self._fetch(lock)
