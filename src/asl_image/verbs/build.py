"""build: a sealed ISO from a profile, in namespaces of its own, without a network."""

from __future__ import annotations

import sys

import click

from asl_image.building import carry_out, check_host, only_builder, start_inside
from asl_image.cache import Cache
from asl_image.execute import Stamp
from asl_image.plan import make_plan
from asl_image.verbs import House
from asl_image.verbs.buildoptions import BuildOptions, build_options


@click.command()
@build_options
@click.option("--inside", is_flag=True, hidden=True, help="We are in the build's own namespaces already.")
@click.pass_obj
def build(house: House, options: BuildOptions, inside: bool) -> int | None:
    """Build the image of PROFILE; its path is printed on stdout."""
    inputs = options.inputs(house)
    plan = make_plan(inputs)
    folder = house.build / plan.profile
    if inside:
        carry_out(house, plan, Cache(house.build / "cache", plan.profile), folder)
        return None
    if inputs.renewed:
        house.screen.warning(
            f"{plan.profile} is built from a renewed lock ({folder}/renewed.lock.yaml): the image must not be released"
        )
    with only_builder(folder):
        stamp = Stamp.read(folder)
        if stamp is not None and stamp.fits(folder, plan.ids()):
            house.screen.note(f"{plan.profile}: nothing changed")
        else:
            check_host()
            status = start_inside(house, folder, (sys.executable, *sys.argv, "--inside"))
            if status != 0:
                return status
            stamp = Stamp.read(folder)
        iso = folder / f"{plan.profile}.iso"
        about = {"iso": str(iso), "lock": "renewed" if inputs.renewed else "reviewed"}
        house.screen.result(str(iso), {**about, "sha256": stamp.results[iso.name]["sha256"] if stamp else ""})
    return 0
