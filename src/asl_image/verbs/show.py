"""show: print a profile as a whole, with all that it extends; what is printed is itself a valid profile."""

from __future__ import annotations

import click

from asl_image.profile import load_profile
from asl_image.profiledoc import profile_text
from asl_image.strictmodel import plain
from asl_image.verbs import House, profile_argument


@click.command()
@profile_argument
@click.pass_obj
def show(house: House, profile: str) -> None:
    """Print PROFILE as a whole, with all that it extends."""
    resolved = load_profile(profile, house.profiles)
    house.screen.result(profile_text(resolved), plain(resolved))
