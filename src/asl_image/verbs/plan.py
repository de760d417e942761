"""plan: print every step of a build with its id and the exact commands; nothing is touched."""

from __future__ import annotations

import click

from asl_image.verbs import House
from asl_image.verbs.build import build_options, planned


@click.command()
@build_options
@click.pass_obj
def plan(
    house: House, profile: str, locked: bool, engine: str | None, compression: str | None, commit: str | None
) -> None:
    """Print what `build PROFILE` would do, step by step."""
    made, _ = planned(house, profile, locked, engine, compression, commit)
    ids = made.ids()
    steps = [
        {"name": step.name(), "id": ids[step.name()], "needs": list(step.needs()), "does": list(step.describe())}
        for step in made.steps
    ]
    house.screen.result(made.text(ids), {"profile": profile, "steps": steps})
