"""The manual page, written from the same description as the help."""

from __future__ import annotations

import argparse

from asl_authority import __version__, contract
from asl_authority.front.parser import DESCRIPTION, EPILOG, VERBS, make_parser, visible_actions


def man_page() -> str:
    """asl-auth-host(1) in man(7) macros, without a date, so that it is the same whenever it is made."""
    parser, by_name = make_parser(contract.PROGRAM)
    name = contract.PROGRAM
    lines = [
        f'.TH {name.upper()} 1 "" "{name} {__version__}" "Authority host"',
        ".SH NAME",
        f"{_text(name)} \\- offline authority tools",
        ".SH SYNOPSIS",
        f".B {_text(name)}",
        "[options] VERB",
        ".SH DESCRIPTION",
        _text(DESCRIPTION),
        ".PP",
        _text(f"{contract.PROGRAM_NAMES[1]} is the same program by another name."),
        ".SH OPTIONS",
        *_options(parser),
        ".SH VERBS",
    ]
    for verb in VERBS:
        lines += [".TP", f".B {_text(verb.name)}", _text(verb.description)]
        own = [
            a for a in visible_actions(by_name[verb.name]) if a.dest not in {b.dest for b in visible_actions(parser)}
        ]
        lines += [".RS", *_option_list(own), ".RE"] if own else []
    lines += [".SH EXIT STATUS"]
    lines += [_text(EPILOG.removeprefix("Exit status: "))]
    lines += [".SH FILES"]
    for path, what in (
        (contract.AUTHORITY_ROOT, "what the authority keeps: host, domains, env-claims, sops-bundles, tools"),
        (contract.SEAL_STATE, "what the start of this machine opened"),
        (contract.VOLUMES_STATE, f"the volumes labelled {contract.STORE_LABEL} that were found at start"),
        (contract.IMAGE_RELEASE, "which image this is"),
    ):
        lines += [".TP", f".I {_text(str(path))}", _text(what)]
    return "\n".join(lines) + "\n"


def _options(parser: argparse.ArgumentParser) -> list[str]:
    return _option_list(visible_actions(parser))


def _option_list(actions: list[argparse.Action]) -> list[str]:
    lines = []
    for action in actions:
        words = ", ".join(_text(word) for word in action.option_strings)
        value = f" \\fI{_text(action.metavar)}\\fR" if isinstance(action.metavar, str) else ""
        lines += [".TP", f"\\fB{words}\\fR{value}", _text(action.help or "")]
    return lines


def _text(text: str) -> str:
    """`text` safe for roff: dashes stay dashes, and no line starts a request."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{escaped}" if escaped.startswith((".", "'")) else escaped
