"""elsewhere: what `repro-test` starts in namespaces of its own; it is not for people."""

from __future__ import annotations

from pathlib import Path

import click

from asl_image.elsewhere import Errand, run_errand
from asl_image.verbs import House


@click.command(hidden=True)
@click.argument("errand", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.pass_obj
def elsewhere(house: House, errand: Path) -> int:  # noqa: ARG001 - the errand says all
    """Build as the file ERRAND says; the status is the builder's."""
    return run_errand(Errand.model_validate_json(errand.read_text()))
