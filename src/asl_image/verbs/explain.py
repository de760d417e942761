"""explain: say for each step of a build whether it would run, and why."""

from __future__ import annotations

import click

from asl_image.cache import Cache
from asl_image.execute import Stamp, decide
from asl_image.plan import make_plan
from asl_image.verbs import House
from asl_image.verbs.buildoptions import BuildOptions, build_options


@click.command()
@build_options
@click.pass_obj
def explain(house: House, options: BuildOptions) -> None:
    """Say for each step of PROFILE whether it would run, and why."""
    made = make_plan(options.inputs(house))
    ids = made.ids()
    folder = house.build / made.profile
    stamp = Stamp.read(folder)
    up_to_date = stamp is not None and stamp.fits(folder, ids)
    decisions = decide(made, ids, Cache(house.build / "cache", made.profile), stamp, up_to_date=up_to_date)
    lines = [f"{each.action:5}  {each.step.name():16} {each.step_id[:12]}  {each.reason}" for each in decisions]
    steps = [
        {"name": each.step.name(), "id": each.step_id, "action": each.action, "reason": each.reason}
        for each in decisions
    ]
    house.screen.result("\n".join(lines), {"profile": made.profile, "steps": steps})
