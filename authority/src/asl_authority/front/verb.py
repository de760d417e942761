"""What a verb is: data for help, manual page and completion, and one function that carries it out.

Named tuples, not dataclasses: those cost every start as much as argparse does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, TextIO

from asl_authority.contract import ExitStatus
from asl_authority.front.outside import Outside
from asl_authority.operations.terminal import Terminal


class Argument(NamedTuple):
    """One word or option of a verb. `words` are its option strings, or the one name of a positional word."""

    words: tuple[str, ...]
    help: str
    metavar: str | None = None
    kind: str = "text"  # text, path, number, flag
    choices: tuple[str, ...] = ()
    required: bool = False
    many: bool = False

    @property
    def positional(self) -> bool:
        """Whether it is known by its place."""
        return not self.words[0].startswith("-")

    @property
    def name(self) -> str:
        """The name of its value in `Call.values`."""
        return self.words[0].lstrip("-").replace("-", "_").lower()


DRY_RUN = Argument(("--dry-run",), "say what would be done, with every digest, and do nothing", kind="flag")


class Call(NamedTuple):
    """One call of a verb. `root` is the authority's tree, `machine` the root of the machine that is looked at,
    `config` the configuration that is given instead of the sealed one.

    Progress goes to `err`; `out` is for what was asked for.
    """

    program: str
    verb: str
    values: Mapping[str, Any]
    json: bool
    root: Path
    machine: Path
    out: TextIO
    err: TextIO
    outside: Outside
    config: Path | None = None

    @property
    def terminal(self) -> Terminal:
        """The person."""
        return self.outside.terminal

    @property
    def dry_run(self) -> bool:
        """Whether nothing may be changed."""
        return bool(self.values.get("dry_run"))

    def path(self, name: str) -> Path:
        """A path that must be there."""
        value = self.values[name]
        if not isinstance(value, Path):
            raise TypeError(f"{name} is no path")
        return value


class Answer(NamedTuple):
    """How a verb ended: its text for people, and its members for --json."""

    text: str = ""
    members: Mapping[str, object] = {}
    status: ExitStatus = ExitStatus.DONE


class Verb(NamedTuple):
    """One thing the program can do, in the words of its help. `name` may be a group and a word: `policy hash`."""

    name: str
    summary: str
    description: str
    run: Callable[[Call], Answer]
    arguments: tuple[Argument, ...] = ()
