"""schema: print the JSON Schema of profiles, or their reference page; both come from the model."""

from __future__ import annotations

import json

import click

from asl_image.profiledoc import profile_reference, profile_schema
from asl_image.verbs import House


@click.command()
@click.option("--markdown", is_flag=True, help="The reference page (docs/profile.md) instead.")
@click.pass_obj
def schema(house: House, markdown: bool) -> None:
    """Print the JSON Schema of profiles (profiles/profile.schema.json)."""
    if markdown:
        house.screen.result(profile_reference(), {"markdown": profile_reference()})
    else:
        house.screen.result(json.dumps(profile_schema(), indent=2), profile_schema())
