"""compare: say what differs between two ISOs, and why."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import click

from asl_image.compare import compare as compared
from asl_image.comparetext import as_data, as_markdown, as_text
from asl_image.errors import CheckFailed
from asl_image.facts import LAYER, gathered
from asl_image.runner import Runner
from asl_image.squash import Unpackers
from asl_image.verbs import House

ISO = click.Path(path_type=Path, exists=True, dir_okay=False)


@click.command()
@click.argument("a", type=ISO)
@click.argument("b", type=ISO)
@click.option("--markdown", is_flag=True, help="Print tables for a pull request.")
@click.pass_obj
def compare(house: House, a: Path, b: Path, markdown: bool) -> int:
    """Say what differs between the ISOs A and B, part by part, with known causes; status 3 when anything does."""
    with TemporaryDirectory(prefix="asl-compare-") as scratch:
        unpackers = []
        for name in ("a", "b"):
            folder = Path(scratch) / name
            folder.mkdir()
            unpackers.append(Unpackers(Runner(folder / "commands.log"), house.build, folder))
        total = a.stat().st_size + b.stat().st_size
        with (
            house.screen.task(f"compare {a.name} and {b.name}", total, "B") as task,
            gathered(a, unpackers[0], {}, task.advance) as one,
        ):
            known = {one.medium[LAYER.format(layer)][1]: one.trees[layer] for layer in one.superblocks}
            with gathered(b, unpackers[1], known, task.advance) as other:
                found = compared(one, other)
    names = (str(a), str(b))
    text = as_markdown(*names, found) if markdown else as_text(*names, found)
    house.screen.result(text, {"a": names[0], "b": names[1], **as_data(found)})
    return CheckFailed.status if found.differences else 0
