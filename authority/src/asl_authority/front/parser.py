"""The command line: which verb is meant, and its words; help, manual page and completion come from the same verbs."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from asl_authority import contract
from asl_authority.errors import UsageError
from asl_authority.front.verb import Argument, Verb

DESCRIPTION = "Offline authority tools: what this sealed machine is, and what it signs for its domains."
EPILOG = (
    "Exit status: 0 done, 1 our fault, 2 usage or configuration, 3 a check says no, 4 refused, 5 store damaged, "
    "6 stopped by you, 7 unlock failed, 8 media or input/output, 9 another program failed, 10 busy."
)
HIDDEN = argparse.SUPPRESS

# Group of verbs → the module that has them. Only the module of the verb that is called is loaded.
GROUPS: Mapping[str, str] = {
    "status": "machine",
    "self-test": "machine",
    "explain": "explain",
    "config": "config",
    "serve": "machine",
    "stick": "stick",
    "policy": "policy",
    "claim": "claim",
    "verify-env": "claim",
    "measure": "claim",
    "root": "root",
    "domain": "domain",
    "admit": "admit",
    "cert": "cert",
    "dam": "dam",
    "key": "key",
    "receipt": "receipt",
    "run": "run",
    "ceremony": "ceremony",
    "log": "log",
    "snapshot": "store",
    "store": "store",
}

COMMON = (
    Argument(("-h", "--help"), "show this help and end", kind="flag"),
    Argument(("--json",), "print exactly one JSON object on stdout", kind="flag"),
    Argument(
        ("--root",),
        f"the authority's tree (default {contract.AUTHORITY_ROOT}); another one on a sealed host in rehearsal only",
        "DIR",
        "path",
    ),
    Argument(
        ("--config",),
        f"a configuration instead of {contract.CONFIG}; on a sealed host in rehearsal only",
        "FILE",
        "path",
    ),
)


# What stands before a verb, or without one.
MAN_PAGE = Argument(("--man-page",), "print the manual page and end: --man-page | man -l -", kind="flag")
ALONE = (
    Argument(("--version",), "print the version and end", kind="flag"),
    MAN_PAGE,
    Argument(("--completion",), "print the completion script for this shell and end", "bash", choices=("bash",)),
)


class Request(NamedTuple):
    """A command line, understood. `group` is a group of verbs whose help is asked for."""

    verb: Verb | None = None
    group: str | None = None
    values: Mapping[str, Any] = {}
    json: bool = False
    root: Path | None = None
    config: Path | None = None
    version: bool = False
    help: bool = False
    man_page: bool = False
    completion: str | None = None


class HelpText(argparse.HelpFormatter):
    """Help of one width: asking the terminal for its own loads more than all options need, at every start."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=78)


class Parser(argparse.ArgumentParser):
    """argparse that raises instead of ending the program."""

    @property
    def actions(self) -> list[argparse.Action]:
        """Its options; argparse keeps the list under a private name and offers no other way to it."""
        return self._actions

    def error(self, message: str) -> NoReturn:
        """Raise what argparse found as our own error."""
        raise UsageError(message, hint=f"see: {self.prog} --help")


def load_verbs(group: str | None = None) -> tuple[Verb, ...]:
    """The verbs of one group, or of all."""
    groups = GROUPS if group is None else (group,)
    modules = dict.fromkeys(GROUPS[name] for name in groups)
    found = [verb for module in modules for verb in import_module(f"asl_authority.front.verbs.{module}").VERBS]
    return tuple(verb for verb in found if verb.name.split(" ")[0] in groups)


def program_parser(program: str) -> Parser:
    """The parser of what may stand before a verb."""
    parser = Parser(
        program, usage=f"{program} [options] VERB ...", formatter_class=HelpText, add_help=False, allow_abbrev=False
    )
    _add(parser, COMMON)
    _add(parser, ALONE)
    return parser


def verb_parser(program: str, verb: Verb) -> Parser:
    """The parser of one verb."""
    named = f"{program} {verb.name}"
    parser = Parser(named, description=verb.description, formatter_class=HelpText, add_help=False, allow_abbrev=False)
    _add(parser, verb.arguments)
    _add(parser, COMMON)
    return parser


def parse(program: str, words: Sequence[str]) -> Request:
    """Understand a command line. Raises UsageError, with a suggestion where one is near."""
    parser = program_parser(program)
    before, rest = _split(parser, words)
    given = vars(_parsed(parser, before))
    group = rest[0] if len(rest) > 1 and rest[1] in ("-h", "--help") and _is_group(rest[0]) else None
    verb = _find(program, rest) if rest and group is None else None
    if group is not None:
        given |= {"group": group, "help": True} | ({"json": True} if "--json" in rest else {})
    if verb is not None:
        own = verb_parser(program, verb)
        rest = rest[len(verb.name.split(" ")) :]
        wants_help = any(word in ("-h", "--help") for word in rest)
        told = {"help": True} if wants_help else {"man_page": True} if MAN_PAGE.words[0] in rest else {}
        found = told or vars(_parsed(own, rest))
        given |= {"json": True} if "--json" in rest else {}
        given |= found
    common = {name: given.pop(name) for name in list(given) if name in Request._fields}
    return Request(verb=verb, values=given, **common)


def help_of(argument: Argument) -> str:
    """What an argument is for, and what it chooses from."""
    return argument.help + (f" (one of {', '.join(argument.choices)})" if argument.choices else "")


def option_words(arguments: Iterable[Argument]) -> list[str]:
    """The long options among arguments, in order."""
    return [word for argument in arguments for word in argument.words if word.startswith("--")]


def program_help(program: str, group: str | None = None) -> str:
    """The help of the whole program: its options, and every verb in a line; or of a group of verbs."""
    of = f" {group}" if group else ""
    lines = [
        f"usage: {program} [options]{of} VERB ...",
        "",
        *([] if group else [*_filled(DESCRIPTION), ""]),
        "options:",
    ]
    lines += _table([(_shown(argument), argument.help) for argument in (*COMMON, *ALONE)])
    lines += ["", "verbs:", *_table([(verb.name, verb.summary) for verb in load_verbs(group)])]
    return "\n".join([*lines, "", *_filled(f"See {program}{of} VERB --help, or VERB --man-page. {EPILOG}")]) + "\n"


def _shown(argument: Argument) -> str:
    return ", ".join(argument.words) + (f" {argument.metavar}" if argument.metavar else "")


def _table(rows: list[tuple[str, str]]) -> list[str]:
    import textwrap

    width = min(26, 2 + max(len(left) for left, _ in rows))
    lines = []
    for left, right in rows:
        first, *more = textwrap.wrap(right, 76 - width)
        head = [f"  {left:<{width}}{first}"] if len(left) < width else [f"  {left}", f"  {'':<{width}}{first}"]
        lines += [*head, *(f"  {'':<{width}}{line}" for line in more)]
    return lines


def _filled(text: str) -> list[str]:
    import textwrap

    return textwrap.wrap(text, 78)


def _split(parser: Parser, words: Sequence[str]) -> tuple[list[str], list[str]]:
    """What stands before the verb, and the verb with all that follows."""
    takes_value = {word for action in parser.actions if action.nargs is None for word in action.option_strings}
    at = 0
    while at < len(words) and words[at].startswith("-"):
        at += 2 if words[at] in takes_value else 1
    return list(words[:at]), list(words[at:])


def _is_group(word: str) -> bool:
    """Whether it is the first word of several verbs, and no verb itself."""
    return word in GROUPS and word not in {verb.name for verb in load_verbs(word)}


def _find(program: str, words: Sequence[str]) -> Verb:
    group = words[0]
    if group not in GROUPS:
        raise UsageError(f"{group!a}: no such verb", hint=_did_you_mean(group, GROUPS, f"see: {program} --help"))
    verbs = {verb.name: verb for verb in load_verbs(group)}
    if group in verbs:
        return verbs[group]
    seconds = [name.split(" ")[1] for name in verbs]
    second = words[1] if len(words) > 1 else ""
    if second not in seconds:
        said = (
            f"{second!a}: no such verb of {group}" if second and not second.startswith("-") else f"{group}: and what?"
        )
        raise UsageError(said, hint=_did_you_mean(second, seconds, f"one of: {', '.join(seconds)}"))
    return verbs[f"{group} {second}"]


def _parsed(parser: Parser, words: Sequence[str]) -> argparse.Namespace:
    found, left = parser.parse_known_args(words)
    if left:
        options = [word for action in parser.actions for word in action.option_strings if action.help is not HIDDEN]
        hint = _did_you_mean(left[0], options, f"see: {parser.prog} --help")
        raise UsageError(f"{left[0]!a}: not understood here", hint=hint)
    return found


def _add(parser: Parser, arguments: Iterable[Argument]) -> None:
    """Add arguments; absent options leave no trace, so that none before a verb is hidden by one after it."""
    for argument in arguments:
        extra: dict[str, Any] = {"help": help_of(argument)}
        if argument.kind == "flag":
            extra |= {"action": "store_true"}
        else:
            extra |= {"type": {"path": Path, "number": int}.get(argument.kind, str), "metavar": argument.metavar}
            extra |= {"choices": argument.choices} if argument.choices else {}
        if argument.positional:
            extra |= {"nargs": "+" if argument.many else None if argument.required else "?"}
            parser.add_argument(argument.name, **extra)
            continue
        if argument.many:
            extra["action"] = "append"
        parser.add_argument(*argument.words, default=HIDDEN, required=argument.required, **extra)


def _did_you_mean(word: str, known: Iterable[str], otherwise: str) -> str:
    import difflib

    near = difflib.get_close_matches(word, list(known), n=1)
    return f"did you mean {near[0]}?" if near else otherwise
