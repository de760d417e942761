"""Pages made from the front door: the reference of all verbs (docs/reference.md) and the manual page.

Pure: `verbs/reference.py` takes the door apart into the values below, so that nothing is said twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from asl_authority.contract import ExitStatus


@dataclass(frozen=True)
class OptionText:
    """An option as a person reads of it. `choices` or `value` say what follows it; neither: it is a switch."""

    words: tuple[str, ...]
    meaning: str
    value: str = ""
    choices: tuple[str, ...] = ()
    default: str = ""


@dataclass(frozen=True)
class VerbText:
    """A verb: what is typed after the program's name, what it does, and the options of its own."""

    name: str
    usage: str
    meaning: str
    options: tuple[OptionText, ...]


@dataclass(frozen=True)
class DoorText:
    """The whole front door: the options before the verb, those of every verb, and the verbs."""

    program: str
    version: str
    meaning: str
    options: tuple[OptionText, ...]
    common: tuple[OptionText, ...]
    verbs: tuple[VerbText, ...]


STATUSES: Mapping[ExitStatus, str] = {
    ExitStatus.DONE: "done",
    ExitStatus.OUR_FAULT: "a mistake in the program itself; it shows a traceback",
    ExitStatus.USAGE: "the command line, a profile, a lock, an overlay or a hook is not well formed",
    ExitStatus.CHECK_FAILED: "a verification was carried out, and its answer is no: bytes that do not match, say",
    ExitStatus.REFUSED: "a policy or a precondition forbids it: a stale lock, a program that the host lacks",
    ExitStatus.STORE_DAMAGED: "the authority's store is damaged (`asl-auth-host` only)",
    ExitStatus.ABORTED: "the operator stopped it: Ctrl-C, SIGTERM, or an answer of no",
    ExitStatus.UNLOCK_FAILED: "a key could not be unlocked: a wrong passphrase",
    ExitStatus.IO_FAILED: "a disk is full, a mirror is down, a file can't be read or written",
    ExitStatus.PROGRAM_FAILED: "another program ended badly; its last lines are shown, its log is named",
    ExitStatus.BUSY: "somebody else holds what is needed; trying again later helps",
}

ENVIRONMENT: Mapping[str, str] = {
    "ASL_IMAGE_MIRROR, ASL_IMAGE_SECURITY_MIRROR, ASL_IMAGE_SNAPSHOT": (
        "where packages come from, when no option says it; see lock.md beside this page"
    ),
    "XDG_CONFIG_HOME, HOME": "where the user's `asl-image/config.yaml` lies",
    "http_proxy, https_proxy, no_proxy, all_proxy": "proxies for `lock` and `fetch`, where apt is configured with none",
    "PIP_…": "handed to pip, which fetches pinned tools",
    "NO_COLOR": "no colours, whatever its value",
}

HEAD = """\
# Reference of the builder's verbs

<!-- Made from the front door by `./build.py reference > docs/reference.md`. -->

"""

SPEECH = """\
## What it says, and where

Results go to stdout, and nothing else does: the path of an image, a plan, a table. Every other word goes to stderr.
Progress is a bar on a terminal and plain lines elsewhere; `--progress json` makes each event one JSON object on a line.
With `--json` the result is one JSON object on stdout, and so is a failure: `error`, `details`, `hint`, `status`.

An error says what and where, then what to do now, in a line that begins with `hint:`.

`./build.py reference --man | man -l -` shows this page as a manual page. `eval "$(./build.py completion bash)"` makes
the shell complete verbs, options and the names of profiles.

"""


def reference_page(door: DoorText) -> str:
    """docs/reference.md, Markdown."""
    parts = [HEAD, f"{door.meaning}\n\n", _usage(door.program, "[OPTIONS] VERB …"), *_table(door.options)]
    parts += [
        "An option above stands before the verb, one of the verb's after it. On either side:\n\n",
        *_table(door.common),
    ]
    for verb in door.verbs:
        parts += [f"## {verb.name}\n\n", _usage(door.program, verb.usage), f"{verb.meaning}\n\n", *_table(verb.options)]
    parts += [SPEECH, "## Exit statuses\n\n| status | meaning |\n|---|---|\n"]
    parts += [f"| {status.value} | {meaning} |\n" for status, meaning in STATUSES.items()]
    parts += ["\nThe same table holds for `asl-auth-host`, the program inside the image.\n\n"]
    parts += ["## Environment\n\n| variable | what for |\n|---|---|\n"]
    parts += [f"| {_code(names.split(', '))} | {meaning} |\n" for names, meaning in ENVIRONMENT.items()]
    parts += ["\nNothing else of the environment reaches a build: each program that it runs gets a clean one.\n"]
    return "".join(parts)


def _usage(program: str, words: str) -> str:
    return f"    ./{program} {words}\n\n"


def _code(words: Iterable[str]) -> str:
    return ", ".join(f"`{word}`" for word in words)


def _table(options: tuple[OptionText, ...]) -> list[str]:
    if not options:
        return []
    rows = ["| option | value | meaning |\n", "|---|---|---|\n"]
    for option in options:
        value = " or ".join(f"`{choice}`" for choice in option.choices) or (f"`{option.value}`" if option.value else "")
        rows.append(f"| {_code(option.words)} | {value} | {_meaning(option, '`')} |\n")
    return [*rows, "\n"]


def _meaning(option: OptionText, quote: str = "") -> str:
    return option.meaning + (f" Default: {quote}{option.default}{quote}." if option.default else "")


def man_page(door: DoorText) -> str:
    """build.py(1) in man(7) macros, without a date, so that it is the same whenever it is made."""
    lines = [
        f'.TH {door.program.upper()} 1 "" "asl-image {door.version}" "Image builder"',
        ".SH NAME",
        f"{door.program} \\- sealed, offline, bootable ISO images from declarative profiles",
        ".SH SYNOPSIS",
        f".B {door.program}",
        "[options] VERB",
        ".SH DESCRIPTION",
        _roff(door.meaning),
        ".SH OPTIONS",
        *(line for option in (*door.options, *door.common) for line in _item(option)),
        ".SH VERBS",
    ]
    for verb in door.verbs:
        lines += [".TP", f".B {_roff(verb.usage)}", _roff(verb.meaning)]
        lines += [".RS", *(line for option in verb.options for line in _item(option)), ".RE"] if verb.options else []
    lines += [".SH EXIT STATUS"]
    for status, meaning in STATUSES.items():
        lines += [".TP", f".B {status.value}", _roff(meaning)]
    lines += [".SH ENVIRONMENT"]
    for names, meaning in ENVIRONMENT.items():
        lines += [".TP", f".B {_roff(names)}", _roff(meaning)]
    return "\n".join(lines) + "\n"


def _item(option: OptionText) -> list[str]:
    value = "|".join(option.choices) or option.value
    head = f"\\fB{_roff(', '.join(option.words))}\\fR" + (f" \\fI{_roff(value)}\\fR" if value else "")
    return [".TP", head, _roff(_meaning(option))]


def _roff(text: str) -> str:
    """`text` safe for roff: dashes stay dashes, no line starts a request, all is ASCII, and Markdown's quotes go."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-").replace("`", "")
    escaped = "".join(sign if sign.isascii() else f"\\[u{ord(sign):04X}]" for sign in escaped)
    return f"\\&{escaped}" if escaped.startswith((".", "'")) else escaped
