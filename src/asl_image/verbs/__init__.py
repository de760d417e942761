"""The verbs of the front door, one module each, and the argument that most of them take."""

from __future__ import annotations

import click
from click.shell_completion import CompletionItem

from asl_image.house import House as House
from asl_image.profile import available


class ProfileName(click.ParamType[str]):
    """The name of a profile, which the shell can complete."""

    name = "profile"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG002
        """The profiles that begin like this."""
        house = ctx.find_object(House)
        names = available(house.profiles) if house is not None else ()
        return [CompletionItem(name) for name in names if name.startswith(incomplete)]


profile_argument = click.argument("profile", type=ProfileName())
