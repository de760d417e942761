"""completion: print what a shell must read to complete our command line."""

from __future__ import annotations

import click
from click.shell_completion import BashComplete, FishComplete, ShellComplete, ZshComplete

from asl_image.verbs import House

SHELLS: dict[str, type[ShellComplete]] = {"bash": BashComplete, "zsh": ZshComplete, "fish": FishComplete}


@click.command()
@click.argument("shell", type=click.Choice(sorted(SHELLS)))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the completion script for SHELL: eval "$(./build.py completion bash)"."""
    root = context.find_root()
    house = context.ensure_object(House)
    name = str(root.info_name)
    variable = f"_{name}_COMPLETE".replace("-", "_").replace(".", "_").upper()  # click looks there for its question
    # Not its `source`: that one starts a bash to ask for its version.
    script = ShellComplete.source(SHELLS[shell](root.command, {}, name, variable))
    house.screen.result(script, {"shell": shell, "script": script})
