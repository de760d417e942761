"""The manual page, written from the same description as the help."""

from __future__ import annotations

from collections.abc import Iterable

from asl_authority import __version__, contract
from asl_authority.front.parser import ALONE, COMMON, DESCRIPTION, EPILOG, help_of, load_verbs
from asl_authority.front.verb import Argument, Verb


def man_page(verb: Verb | None = None) -> str:
    """asl-auth-host(1), or a page of one verb, in man(7) macros; without a date, so that it is always the same."""
    return "".join(f"{line}\n" for line in (_page() if verb is None else _page_of(verb)))


def _page_of(verb: Verb) -> list[str]:
    named = f"{contract.PROGRAM} {verb.name}"
    return [
        _title(named.replace(" ", "-")),
        ".SH NAME",
        f"{_text(named)} \\- {_text(verb.summary)}",
        ".SH SYNOPSIS",
        f".B {_text(named)}",
        f"[options] {_text(_words(verb))}".rstrip(),
        ".SH DESCRIPTION",
        _text(verb.description),
        ".SH OPTIONS",
        *_arguments((*verb.arguments, *COMMON)),
        ".SH EXIT STATUS",
        _text(EPILOG.removeprefix("Exit status: ")),
        ".SH SEE ALSO",
        f".B {_text(contract.PROGRAM)} \\-\\-man\\-page",
    ]


def _page() -> list[str]:
    name = contract.PROGRAM
    lines = [
        _title(name),
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
        *_arguments((*COMMON, *ALONE)),
        ".SH VERBS",
    ]
    for verb in load_verbs():
        lines += [".TP", f".B {_text(verb.name)} {_text(_words(verb))}".rstrip(), _text(verb.description)]
        lines += [".RS", *_arguments(verb.arguments), ".RE"] if verb.arguments else []
    lines += [".SH EXIT STATUS"]
    lines += [_text(EPILOG.removeprefix("Exit status: "))]
    lines += [".SH FILES"]
    for path, what in (
        (contract.AUTHORITY_ROOT, "what the authority keeps: host, domains, env-claims, sops-bundles, tools"),
        (contract.CONFIG, "the reviewed configuration: the most that may be done on this host"),
        (contract.POLICY_HASH, "the hash of the host's own policy, where the configuration names this file"),
        (contract.SEAL_STATE, "what the start of this machine opened"),
        (contract.VOLUMES_STATE, f"the volumes labelled {contract.STORE_LABEL} that were found at start"),
        (contract.IMAGE_RELEASE, "which image this is"),
    ):
        lines += [".TP", f".I {_text(str(path))}", _text(what)]
    return lines


def _title(name: str) -> str:
    return f'.TH {name.upper()} 1 "" "{contract.PROGRAM} {__version__}" "Authority host"'


def _words(verb: Verb) -> str:
    """The words that a verb takes by their place."""
    return " ".join(argument.metavar or argument.name for argument in verb.arguments if argument.positional)


def _arguments(arguments: Iterable[Argument]) -> list[str]:
    lines = []
    for argument in arguments:
        words = ", ".join(f"\\fB{_text(word)}\\fR" for word in argument.words) if not argument.positional else ""
        value = f" \\fI{_text(argument.metavar)}\\fR" if argument.metavar else ""
        lines += [".TP", (words + value).strip(), _text(help_of(argument))]
    return lines


def _text(text: str) -> str:
    """`text` safe for roff: dashes stay dashes, and no line starts a request."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{escaped}" if escaped.startswith((".", "'")) else escaped
