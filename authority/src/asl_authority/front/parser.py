"""The command line as one argparse description, from which help, manual page and completion come too."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple, NoReturn

from asl_authority import contract
from asl_authority.errors import UsageError

DESCRIPTION = "Offline authority tools: what this sealed machine is, and whether it can be trusted to sign."
EPILOG = (
    "Exit status: 0 done, 1 our fault, 2 usage or configuration, 3 a check says no, 4 refused, 5 store damaged, "
    "6 stopped by you, 7 unlock failed, 8 media or input/output, 9 another program failed, 10 busy."
)


# Named tuples here, not dataclasses: those cost every start as much as argparse does.
class Verb(NamedTuple):
    """One thing the program can do, in the words of its help."""

    name: str
    summary: str
    description: str


VERBS = (
    Verb(
        "status",
        "say what this machine is",
        "Says which image this is, how it was started, which layers it runs from, whether any network interface or "
        "store volume is present, and which tools are installed. Changes nothing. Ends with 3 when something is not "
        "as it must be.",
    ),
    Verb(
        "self-test",
        "check this machine's cryptography against published answers",
        "Computes SHA-256, Ed25519 and scrypt and compares them with the answers that their standards print, and "
        "checks that the kernel's random pool is ready. Changes nothing. Ends with 3 when an answer is wrong.",
    ),
)
HIDDEN = argparse.SUPPRESS


class Request(NamedTuple):
    """A command line, understood."""

    verb: str | None = None
    json: bool = False
    root: Path = Path("/")
    version: bool = False
    help: bool = False
    man_page: bool = False
    completion: str | None = None


class Parser(argparse.ArgumentParser):
    """argparse that raises instead of ending the program."""

    def error(self, message: str) -> NoReturn:
        """Raise what argparse found as our own error."""
        raise UsageError(message, hint=f"see: {self.prog} --help")


def make_parser(program: str) -> tuple[Parser, dict[str, Parser]]:
    """The parser for `program` and those of its verbs by name."""
    parser = Parser(program, description=DESCRIPTION, epilog=EPILOG, add_help=False, allow_abbrev=False)
    _add_options(parser)
    parser.add_argument("--version", action="store_true", default=HIDDEN, help="print the version and end")
    parser.add_argument("--man-page", action="store_true", default=HIDDEN, help=HIDDEN)
    parser.add_argument("--completion", choices=("bash",), default=HIDDEN, help=HIDDEN)
    verbs = parser.add_subparsers(title="verbs", dest="verb", metavar="VERB", parser_class=Parser)
    by_name = {}
    for verb in VERBS:
        by_name[verb.name] = verbs.add_parser(
            verb.name, help=verb.summary, description=verb.description, add_help=False, allow_abbrev=False
        )
        _add_options(by_name[verb.name])
    return parser, by_name


def parse(program: str, words: Sequence[str]) -> Request:
    """Understand a command line. Raises UsageError, with a suggestion where one is near."""
    parser, by_name = make_parser(program)
    verb = _first_plain_word(parser, words)
    if verb is not None and verb not in by_name:
        raise UsageError(f"{verb!a}: no such verb", hint=_did_you_mean(verb, by_name, f"see: {program} --help"))
    found, left = parser.parse_known_args(words)
    if left:
        options = option_words(parser if verb is None else by_name[verb])
        hint = _did_you_mean(left[0], options, f"see: {program} --help")
        raise UsageError(f"{left[0]!a}: not understood here", hint=hint)
    return Request(**vars(found))


def option_words(parser: argparse.ArgumentParser) -> list[str]:
    """The long options that `parser` shows in its help, in order."""
    return [word for action in visible_actions(parser) for word in action.option_strings if word.startswith("--")]


def visible_actions(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    """The options that `parser` shows in its help."""
    return [action for action in _all_actions(parser) if action.option_strings and action.help is not HIDDEN]


def _all_actions(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    # argparse keeps the list under a private name and offers no other way to it.
    return parser._actions  # noqa: SLF001


def _add_options(parser: Parser) -> None:
    """The options that may stand before and after the verb; absent ones leave no trace, so neither hides the other."""
    parser.add_argument("-h", "--help", action="store_true", default=HIDDEN, help="show this help and end")
    parser.add_argument("--json", action="store_true", default=HIDDEN, help="print exactly one JSON object on stdout")
    parser.add_argument(
        "--root",
        metavar="DIR",
        type=Path,
        default=HIDDEN,
        help=f"look at the tree DIR instead of /; on a sealed {contract.PROGRAM} in rehearsal only",
    )


def _first_plain_word(parser: Parser, words: Sequence[str]) -> str | None:
    """The word that argparse will take for the verb."""
    takes_value = {word for action in _all_actions(parser) if action.nargs is None for word in action.option_strings}
    rest = iter(words)
    for word in rest:
        if word in takes_value:
            next(rest, None)
        elif not word.startswith("-"):
            return word
    return None


def _did_you_mean(word: str, known: Iterable[str], otherwise: str) -> str:
    import difflib

    near = difflib.get_close_matches(word, list(known), n=1)
    return f"did you mean {near[0]}?" if near else otherwise
