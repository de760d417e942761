"""plan: print every step of a build with its id and the exact commands; nothing is touched."""

from __future__ import annotations

import click

from asl_image.plan import make_plan
from asl_image.verbs import House
from asl_image.verbs.buildoptions import BuildOptions, build_options


@click.command()
@build_options
@click.pass_obj
def plan(house: House, options: BuildOptions) -> None:
    """Print what `build PROFILE` would do, step by step."""
    made = make_plan(options.inputs(house))
    ids = made.ids()
    steps = [
        {"name": step.name(), "id": ids[step.name()], "needs": list(step.needs()), "does": list(step.describe())}
        for step in made.steps
    ]
    house.screen.result(made.text(ids), {"profile": made.profile, "steps": steps})
