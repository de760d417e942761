"""schema: print the JSON Schema of profiles or manifests, or the profiles' reference page; all come from the models."""

from __future__ import annotations

import json

import click

from asl_image.errors import ConfigError
from asl_image.manifest import manifest_schema
from asl_image.profiledoc import profile_reference, profile_schema
from asl_image.verbs import House


@click.command()
@click.argument("paper", type=click.Choice(["profile", "manifest"]), default="profile")
@click.option("--markdown", is_flag=True, help="The reference page (docs/profile.md) instead.")
@click.pass_obj
def schema(house: House, paper: str, markdown: bool) -> None:
    """Print the JSON Schema of profiles (profiles/profile.schema.json), or of a build's manifest."""
    if paper == "manifest":
        if markdown:
            raise ConfigError("the manifest has no reference page of its own", hint="docs/evidence.md tells of it")
        house.screen.result(json.dumps(manifest_schema(), indent=2), manifest_schema())
    elif markdown:
        house.screen.result(profile_reference(), {"markdown": profile_reference()})
    else:
        house.screen.result(json.dumps(profile_schema(), indent=2), profile_schema())
