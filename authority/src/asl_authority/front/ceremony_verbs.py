"""The verbs of a ceremony: held against the real command line beforehand, and run through the same door as by hand."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from io import StringIO
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from asl_authority.errors import AuthorityError, Malformed, Refused
from asl_authority.front.parser import COMMON, Request, parse
from asl_authority.front.verb import DRY_RUN, Answer, Argument, Call

if TYPE_CHECKING:
    from asl_authority.operations.ceremony_run import Outcome, Verbs
    from asl_authority.operations.terminal import Terminal
    from asl_authority.values.ceremony import Ceremony, Step
    from asl_authority.values.ceremony_record import HeadSeen
    from asl_authority.values.finding import Finding

VERB, PATH, REHEARSED = "CEREMONY-VERB", "CEREMONY-PATH", "CEREMONY-REHEARSAL"
ADDED = "is not written: the run adds it where it is due"
WITHOUT = "has no place in a ceremony"
OUTPUTS = ("output", "payload", "prepare")
LONGEST_NAME = 255  # of what may be a file's name and not a text
SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)


def check_verbs(program: str, ceremony: Ceremony) -> Iterator[Finding]:
    """A finding for each step that runs a verb: CEREMONY-VERB, or what it breaks."""
    from asl_authority.values.finding import Finding

    for number, step in enumerate(ceremony.steps, 1):
        if step.run:
            try:
                request = understood(program, ceremony, step)
            except AuthorityError as error:
                hint = f" ({error.hint})" if error.hint else ""
                yield Finding(error.check_id or VERB, ok=False, detail=f"step {number}: {error}{hint}")
            else:
                yield Finding(VERB, ok=True, detail=f"step {number}: {request.verb.name if request.verb else ''}")


def expect_verbs(program: str, ceremony: Ceremony) -> None:
    """Raises Malformed for the first step that could not be run."""
    bad = next((finding for finding in check_verbs(program, ceremony) if not finding.ok), None)
    if bad is not None:
        raise Malformed(bad.detail, check_id=bad.check_id, hint="all of them: ceremony check FILE")


def understood(program: str, ceremony: Ceremony, step: Step) -> Request:
    """The command line of a step, understood. Raises UsageError, Malformed."""
    request = parse(program, step.run)
    if request.verb is None:
        raise Malformed("no verb is named", check_id=VERB)
    if request.verb.name.startswith("ceremony "):
        raise Malformed(f"{request.verb.name}: a ceremony holds no other", check_id=VERB)
    given = [argument.words[-1] for argument in COMMON if getattr(request, argument.words[-1].lstrip("-"))]
    given += ["--rehearsal"] if request.values.get("rehearsal") else []
    if given:
        why = ADDED if given[0] in ("--root", "--rehearsal") else WITHOUT
        raise Malformed(f"{given[0]} {why}", check_id=VERB)
    for path in _paths(request):
        if ceremony.rehearsal and (path.is_absolute() or ".." in path.parts):
            raise Malformed(f"{path}: a rehearsal keeps to the folder that it is held in", check_id=PATH)
    return request


def confirms(program: str, ceremony: Ceremony, step: Step) -> bool:
    """Whether the verb has digests confirmed: all that do can show them beforehand.

    So can the verbs of key files, which have something confirmed only where it is done in a domain.
    """
    request = understood(program, ceremony, step)
    if request.verb is None or DRY_RUN not in request.verb.arguments or request.values.get("dry_run"):
        return False
    return not request.verb.name.startswith("key ") or request.values.get("domain") is not None


def command_words(
    program: str, ceremony: Ceremony, step: Step, root: Path | None, config: Path | None = None
) -> tuple[str, ...]:
    """The words of the program that a step comes to."""
    request = understood(program, ceremony, step)
    takes = request.verb is not None and any("--rehearsal" in each.words for each in request.verb.arguments)
    rehearsal = ("--rehearsal",) if ceremony.rehearsal and takes else ()
    given = {"--root": root, "--config": config}
    options = (word for name, path in given.items() if path is not None for word in (name, str(path)))
    return (*step.run, *rehearsal, *options)


def runner(call: Call, ceremony: Ceremony, terminal: Terminal, root: Path | None) -> Verbs:
    """What runs the verb of a step: in this process, at this terminal, in the tree `root`."""
    from asl_authority.front import cli
    from asl_authority.front.outside import Outside
    from asl_authority.operations.ceremony_run import Outcome
    from asl_authority.operations.ceremony_watch import Watched

    def run(number: int, step: Step) -> Outcome:
        words = command_words(call.program, ceremony, step, root, call.config)
        watched = Watched(terminal)
        outside = Outside(watched, _random(call, ceremony, number, words), call.outside.protect)
        heard: list[Answer | AuthorityError | KeyboardInterrupt] = []
        out = StringIO()
        status = cli.run(
            words,
            program=call.program,
            stdout=out,
            stderr=call.err,
            machine=call.machine,
            outside=outside,
            heard=heard.append,
        )
        answer = heard[-1] if heard else None
        members = answer.members if isinstance(answer, Answer) else {}
        return Outcome(
            status,
            out.getvalue(),
            (answer.check_id or answer.general_id) if isinstance(answer, AuthorityError) else "",
            isinstance(answer, KeyboardInterrupt),
            tuple(watched.confirmed),
            tuple(_digests(members)),
            tuple(_outputs(understood(call.program, ceremony, step), members)),
            _head(members),
        )

    return run


def _random(call: Call, ceremony: Ceremony, number: int, words: tuple[str, ...]) -> Callable[[int], bytes]:
    """Fresh bytes; in a rehearsal those of its public seed, and none for a verb that knows of no rehearsal."""
    from asl_authority.operations.gate import public_random

    if not ceremony.rehearsal:
        return call.outside.random
    if "--rehearsal" in words:
        return public_random(f"ceremony {ceremony.seed}, step {number}")

    def refused(_: int) -> bytes:
        raise Refused(
            "this verb would make something real: it knows of no rehearsal",
            hint="leave the step out of the rehearsal; the roots and keys of every rehearsal are there already",
            check_id=REHEARSED,
        )

    return refused


def _paths(request: Request) -> Iterator[Path]:
    for argument in request.verb.arguments if request.verb else ():
        yield from _values(argument, request.values) if argument.kind == "path" else ()


def _values(argument: Argument, values: Mapping[str, Any]) -> list[Path]:
    given = values.get(argument.name)
    return given if isinstance(given, list) else [] if given is None else [given]


def _digests(members: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    """Every SHA-256 that the verb answers under a name of its own."""
    for name, value in sorted(_flat(members), key=lambda each: each[0]):
        for each in value if isinstance(value, list | tuple) else (value,):
            if isinstance(each, str) and SHA256.fullmatch(each):
                yield name, each


def _flat(members: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    """The members, those of an object in them by both names: `dam_hash`. A head is recorded as such."""
    for name, value in members.items():
        if isinstance(value, Mapping) and name != "head":
            yield from ((f"{name}_{inner}", each) for inner, each in value.items())
        else:
            yield name, value


def _outputs(request: Request, members: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    """Every new file that the verb names, with its SHA-256."""
    from asl_authority.storage.plain_files import sha256_of

    asked = [path for name in OUTPUTS if isinstance(path := request.values.get(name), Path)]
    said = set(_texts(members))
    said |= {str(path / name) for path in asked if path.is_dir() for name in said if _is_below(name)}
    for value in sorted(said):
        if any(value.startswith(str(path)) for path in asked) and Path(value).is_file():
            yield value, sha256_of(Path(value))


def _is_below(name: str) -> bool:
    """Whether it can be the name of a file below a directory, and leads nowhere else."""
    path = PurePath(name)
    return len(name) <= LONGEST_NAME and not path.is_absolute() and ".." not in path.parts


def _texts(found: object) -> Iterator[str]:
    """Every string in an answer, however deep."""
    if isinstance(found, str):
        yield found
    elif isinstance(found, Mapping):
        for member in found.values():
            yield from _texts(member)
    elif isinstance(found, list | tuple):
        for member in found:
            yield from _texts(member)


def _head(members: Mapping[str, object]) -> HeadSeen | None:
    from asl_authority.values.ceremony_record import HeadSeen

    found = members.get("head", members)
    if not isinstance(found, Mapping):
        return None
    size, root, words = found.get("size"), found.get("root"), found.get("words", ())
    if not isinstance(size, int) or not isinstance(root, str) or not SHA256.fullmatch(root):
        return None
    return HeadSeen(size, root, " ".join(words) if isinstance(words, list | tuple) else "")
