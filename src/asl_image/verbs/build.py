"""build: a sealed ISO from a profile, in namespaces of its own, without a network."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from asl_image.building import carry_out, check_host, only_builder, start_inside
from asl_image.errors import ConfigError
from asl_image.execute import Stamp
from asl_image.kituse import locks_of, use_kit
from asl_image.plan import make_plan
from asl_image.surroundings import Preloaded
from asl_image.verbs import House
from asl_image.verbs.buildoptions import BuildOptions, build_options


@click.command()
@build_options
@click.option(
    "--kit",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="FILE",
    help="Take packages, tools and locks from this kit, which is verified first.",
)
@click.option("--inside", is_flag=True, hidden=True, help="We are in the build's own namespaces already.")
@click.option(
    "--preloaded", hidden=True, type=click.Path(path_type=Path), help="Of `repro-test`: a Preloaded, in JSON."
)
@click.pass_obj
def build(house: House, options: BuildOptions, kit: Path | None, inside: bool, preloaded: Path | None) -> int | None:
    """Build the image of PROFILE; its path is printed on stdout."""
    if preloaded is not None and options.release:
        raise ConfigError("--preloaded is for repro-test, and a release has nothing preloaded", hint="leave it out")
    found = None if kit is None else locks_of(kit) if inside else use_kit(house, kit, options.profile)
    inputs = options.inputs(house, None if found is None else found.locks)
    plan = make_plan(inputs)
    folder = house.build / plan.profile
    loaded = Preloaded.model_validate_json(preloaded.read_text()) if preloaded else Preloaded()
    if inside:
        carry_out(house, plan, inputs.named(), folder, loaded, release=options.release)
        return None
    if inputs.renewed:
        where = kit or folder / "renewed.lock.yaml"
        house.screen.warning(f"{plan.profile} is built from a renewed lock ({where}): the image must not be released")
    with only_builder(folder):
        stamp = Stamp.read(folder)
        if stamp is not None and stamp.fits(folder, plan.ids(), whole=options.release):
            house.screen.note(f"{plan.profile}: nothing changed")
        else:
            check_host()
            status = start_inside(house, folder, (sys.executable, *sys.argv, "--inside"), loaded)
            if status != 0:
                return status
            stamp = Stamp.read(folder)
        iso = folder / f"{plan.profile}.iso"
        about = {"iso": str(iso), "lock": "renewed" if inputs.renewed else "reviewed"}
        house.screen.result(str(iso), {**about, "sha256": stamp.results[iso.name]["sha256"] if stamp else ""})
    return 0
