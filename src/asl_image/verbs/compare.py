"""compare: say what differs between two ISOs, and why."""

from __future__ import annotations

from pathlib import Path

import click

from asl_image.again import compared
from asl_image.comparetext import as_data, as_markdown, as_text
from asl_image.errors import CheckFailed
from asl_image.verbs import House

ISO = click.Path(path_type=Path, exists=True, dir_okay=False)


@click.command()
@click.argument("a", type=ISO)
@click.argument("b", type=ISO)
@click.option("--markdown", is_flag=True, help="Print tables for a pull request.")
@click.pass_obj
def compare(house: House, a: Path, b: Path, markdown: bool) -> int:
    """Say what differs between the ISOs A and B, part by part, with known causes; status 3 when anything does."""
    found = compared(a, b, house.build, house.screen)
    names = (str(a), str(b))
    text = as_markdown(*names, found) if markdown else as_text(*names, found)
    house.screen.result(text, {"a": names[0], "b": names[1], **as_data(found)})
    return CheckFailed.status if found.differences else 0
