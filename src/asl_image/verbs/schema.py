"""schema: print the JSON Schema of a paper, or the profiles' reference page; all come from the models."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import click

from asl_image.errors import ConfigError
from asl_image.filelist import file_list_schema
from asl_image.kit import kit_schema
from asl_image.manifest import manifest_schema
from asl_image.profiledoc import profile_reference, profile_schema
from asl_image.statement import statement_schema
from asl_image.verbs import House

# Each with its schema and the page that tells of it.
PAPERS: Mapping[str, tuple[Callable[[], dict[str, Any]], str]] = {
    "manifest": (manifest_schema, "docs/evidence.md"),
    "files": (file_list_schema, "docs/evidence.md"),
    "rebuild": (statement_schema, "docs/evidence.md"),
    "kit": (kit_schema, "docs/kit.md"),
}


@click.command()
@click.argument("paper", type=click.Choice(["profile", *PAPERS]), default="profile")
@click.option("--markdown", is_flag=True, help="The reference page (docs/profile.md) instead.")
@click.pass_obj
def schema(house: House, paper: str, markdown: bool) -> None:
    """Print the JSON Schema of profiles (profiles/profile.schema.json), or of another paper of ours."""
    if paper in PAPERS:
        made, page = PAPERS[paper]
        if markdown:
            raise ConfigError(f"the {paper} has no reference page of its own", hint=f"{page} tells of it")
        house.screen.result(json.dumps(made(), indent=2), made())
    elif markdown:
        house.screen.result(profile_reference(), {"markdown": profile_reference()})
    else:
        house.screen.result(json.dumps(profile_schema(), indent=2), profile_schema())
