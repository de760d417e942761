"""What `plan`, `explain` and `build` are asked alike: one frozen value, and the options that fill it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import wraps
from typing import Any

import click

from asl_image.errors import ConfigError, Refused
from asl_image.inputs import load_inputs
from asl_image.lock import Lock
from asl_image.plan import Inputs
from asl_image.release import release_commit
from asl_image.runner import Runner
from asl_image.verbs import House, profile_argument


@dataclass(frozen=True)
class BuildOptions:
    """Which image, and what of its profile and lock is asked to be otherwise."""

    profile: str
    locked: bool = False
    engine: str | None = None
    compression: str | None = None
    commit: str | None = None
    release: bool = False

    def overrides(self) -> dict[str, object]:
        """What replaces the profile's own."""
        given = (("engine", self.engine), ("compression", self.compression))
        return {key: value for key, value in given if value}

    def inputs(self, house: House, locks: Mapping[str, Lock] | None = None) -> Inputs:
        """Everything that these options ask for, read and checked; with the locks of a kit, when such are given.

        Raises AslImageError.
        """
        inputs = load_inputs(house, self.profile, locked=self.locked, overrides=self.overrides(), locks=locks)
        if self.locked and inputs.renewed:
            raise Refused("the kit's lock is a renewed one, and --locked wants none", hint="leave --locked out")
        inputs = replace(inputs, commit=self.commit)
        if not self.release:
            return inputs
        runner = Runner(house.build / "release.log")
        return replace(inputs, commit=release_commit(inputs, self.overrides(), house.root, house.profiles, runner))


def build_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options of BuildOptions; the function gets them as one argument, `options`."""

    @wraps(function)
    def collected(*args: Any, **given: Any) -> Any:
        own = {name: given.pop(name) for name in BuildOptions.__dataclass_fields__}
        return function(*args, options=BuildOptions(**own), **given)

    for option in (
        click.option("--locked", is_flag=True, help="Use the reviewed lock only, never a renewed one."),
        click.option("--engine", type=click.Choice(["mmdebstrap", "debootstrap"]), help="Instead of the profile's."),
        click.option("--compression", type=click.Choice(["dev", "release"]), help="Instead of the profile's."),
        click.option(
            "--release",
            is_flag=True,
            help="Refuse a renewed lock, a dirty checkout, overrides, and kept results that can't be verified.",
        ),
        click.option("--commit", metavar="HASH", callback=whole_commit, help="The git commit that provenance names."),
    ):
        collected = option(collected)
    return profile_argument(collected)


def whole_commit(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    """A commit in full; an abbreviated one is no digest. Raises ConfigError."""
    if value is not None and not re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", value):
        raise ConfigError(f"--commit {value}: not a whole git commit", hint="git rev-parse HEAD prints it")
    return value
