"""What the two verbs with a network have in common: where packages come from, and which profiles are meant."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import click
from pydantic import Field

from asl_image.errors import ConfigError
from asl_image.lock import Asks
from asl_image.network import Network, read_network
from asl_image.origins import Origins, Wishes, find_origins
from asl_image.profile import PackageSet, Profile, Tool, available, load_package_set, load_profile, load_tool
from asl_image.resolve import Resolver, open_resolver
from asl_image.runner import Runner
from asl_image.strictmodel import Strict, load_model
from asl_image.verbs import House
from asl_image.yamlfile import scan_yaml

ETC_APT = Path("/etc/apt")
APT_LISTS = Path("/var/lib/apt/lists")
KEYRINGS = (
    Path("/usr/share/keyrings/debian-archive-keyring.gpg"),
    Path("/usr/share/keyrings/debian-archive-keyring.pgp"),
)


class UserConfig(Strict):
    """`asl-image/config.yaml` in the user's configuration folder ($XDG_CONFIG_HOME or ~/.config)."""

    mirror: str | None = Field(None, description="Base URI of Debian's archive; may hold {archive}.")
    security_mirror: str | None = Field(None, description="Base URI of Debian's security archive.")
    snapshot: str | None = Field(None, description="URI of a snapshot service, with {archive} in it.")


def origin_options(verb: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say where packages come from."""
    options = (
        click.option("--mirror", metavar="URI", help="Debian's archive; may hold {archive} and then names both."),
        click.option("--security-mirror", metavar="URI", help="Debian's security archive."),
        click.option("--snapshot", metavar="URI", help="A snapshot service: a URI with its date and {archive}."),
    )
    for option in reversed(options):
        verb = option(verb)
    return verb


@dataclass(frozen=True)
class Sources:
    """Everything the network verbs ask of the host, each thing once and only when it is needed."""

    house: House
    runner: Runner
    option: Wishes
    pools: tuple[Path, ...] = ()

    @cached_property
    def network(self) -> Network:
        """How this host reaches the network."""
        return read_network(self.runner, self.house.environ)

    @cached_property
    def origins(self) -> Origins:
        """Options, then the environment, then the user's configuration, then the host's apt."""
        return find_origins(
            (self.option, Wishes.from_environment(self.house.environ), user_wishes(self.house.environ)),
            ETC_APT,
            APT_LISTS,
            self.pools,
        )

    @contextmanager
    def resolver(self, asked: Asks, keyring: Path | None = None) -> Iterator[Resolver]:
        """A resolver for the suite of a profile."""
        found = keyring or next((path for path in KEYRINGS if path.exists()), KEYRINGS[0])
        with open_resolver(
            self.runner,
            self.network,
            self.origins,
            found,
            suite=asked.suite,
            architecture=asked.architecture,
            scratch=self.scratch,
        ) as resolver:
            yield resolver

    @property
    def scratch(self) -> Path:
        """For temporary folders of ours."""
        return self.house.build / "tmp"


def user_wishes(environ: Mapping[str, str]) -> Wishes:
    """What the user's configuration says. Raises ConfigError with the place of each mistake."""
    home = environ.get("XDG_CONFIG_HOME") or (f"{environ['HOME']}/.config" if environ.get("HOME") else None)
    path = Path(home or "/nonexistent") / "asl-image" / "config.yaml"
    if not path.is_file():
        return Wishes()
    config = load_model(UserConfig, path)
    return Wishes(config.mirror, config.security_mirror, config.snapshot)


def is_package_set(name: str, profiles_dir: Path) -> bool:
    """True when the file says no more than a package set says; mistakes in it are for its reader to report."""
    node, _ = scan_yaml(profiles_dir / f"{name}.yaml")
    return isinstance(node.value, dict) and set(node.value) <= set(PackageSet.model_fields)


def load_asked(house: House, name: str) -> tuple[Profile | PackageSet, tuple[Tool, ...]]:
    """A profile or a package set by name, with its pinned tools. Raises ConfigError."""
    if name in available(house.profiles) and is_package_set(name, house.profiles):
        return load_package_set(name, house.profiles), ()
    profile = load_profile(name, house.profiles)
    return profile, tuple(load_tool(tool, house.tools) for tool in profile.tools)


def chosen(house: House, profile: str | None, everything: bool) -> tuple[str, ...]:
    """The one that was named, or with `--all` every one that has a lock or that no other profile extends."""
    if (profile is None) != everything:
        raise ConfigError("name one profile, or say --all")
    if profile is not None:
        return (profile,)
    names = available(house.profiles)
    roots = set()
    for name in names:
        node, _ = scan_yaml(house.profiles / f"{name}.yaml")
        if isinstance(node.value, dict) and "extends" in node.value:
            roots.add(node.value["extends"].value)
    return tuple(name for name in names if name not in roots or (house.profiles / f"{name}.lock.yaml").exists())
