"""The verbs of the front door, one module each, and what all of them are handed: the house."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import click
from click.shell_completion import CompletionItem

from asl_image.profile import available
from asl_image.screen import Screen


@dataclass(frozen=True)
class House:
    """Where everything lies, who speaks, and the environment that the builder was started in."""

    root: Path
    profiles: Path
    build: Path
    screen: Screen
    environ: Mapping[str, str]

    @property
    def tools(self) -> Path:
        """Pinned tools."""
        return self.profiles / "tools"

    @property
    def overlays(self) -> Path:
        """Files as they will lie in the image."""
        return self.root / "overlays"

    @property
    def hooks(self) -> Path:
        """Scripts that run while the root tree is made."""
        return self.root / "hooks"

    @property
    def store(self) -> Path:
        """Packages and tools by their SHA-256, shared by all profiles."""
        return self.build / "store"


class ProfileName(click.ParamType[str]):
    """The name of a profile, which the shell can complete."""

    name = "profile"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG002
        """The profiles that begin like this."""
        house = ctx.find_object(House)
        names = available(house.profiles) if house is not None else ()
        return [CompletionItem(name) for name in names if name.startswith(incomplete)]


profile_argument = click.argument("profile", type=ProfileName())
