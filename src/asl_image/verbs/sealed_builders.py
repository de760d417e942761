"""sealed-builders: the builders of a file, in the form in which an image has them sealed in."""

from __future__ import annotations

from pathlib import Path

import click

from asl_authority import contract
from asl_image.atomic import write_whole
from asl_image.builders import load_builders, sealed_text
from asl_image.errors import Refused
from asl_image.verbs import House


@click.command("sealed-builders")
@click.argument("known", type=click.Path(path_type=Path, exists=True, dir_okay=False), metavar="BUILDERS")
@click.option(
    "--output",
    required=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help=f"A new file, as an overlay brings it: …/root{contract.BUILDERS}.",
)
@click.pass_obj
def sealed_builders(house: House, known: Path, output: Path) -> None:
    """Write the builders of a file for an image to seal in: whose signatures its claims will count. Keys that sign in
    OpenSSH's form only are left out, and told."""
    text, left_out = sealed_text(load_builders(known), str(known))
    if output.exists():
        raise Refused(f"{output}: is there already; nothing is overwritten")
    write_whole(output, text.encode())
    for each in left_out:
        house.screen.note(f"left out, it signs in OpenSSH's form only: {each}")
    house.screen.result(str(output), {"file": str(output), "left_out": list(left_out)})
