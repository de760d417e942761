"""The door: understand the command line, carry out one verb, say how it ended.

Modules that only one verb needs are loaded by that verb: a start should cost what it uses.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path, PurePath
from typing import NoReturn, TextIO

from asl_authority import __version__, contract
from asl_authority.contract import ExitStatus
from asl_authority.errors import Aborted, AuthorityError, IoFailed, UsageError
from asl_authority.front.outside import Outside, this_machine
from asl_authority.front.parser import Request, parse, program_help, verb_parser
from asl_authority.front.verb import Answer, Call

# Python looks for garbage after 700 new objects, and a start makes tens of thousands that are none.
OBJECTS_BEFORE_GARBAGE = 50_000


def start() -> NoReturn:
    """Run as the program that was called, and end the process, whose memory the kernel takes faster than Python."""
    gc.set_threshold(OBJECTS_BEFORE_GARBAGE)
    status = main()
    with suppress(OSError, AttributeError):  # closed, or never there
        sys.stderr.flush()
    os._exit(status)


def main() -> int:
    """Run as the program that was called; the return value is the exit status."""
    status = run(sys.argv[1:], program=_program(sys.argv[0]), stdout=sys.stdout, stderr=sys.stderr, errands=True)
    try:
        sys.stdout.flush()
    except OSError:
        # Nobody reads on, or the disk is full: Python must not try once more on its way out.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = status or ExitStatus.IO_FAILED
    return int(status)


def run(
    words: Sequence[str],
    *,
    program: str,
    stdout: TextIO,
    stderr: TextIO,
    machine: Path = Path("/"),
    outside: Outside | None = None,
    errands: bool = False,
    heard: Callable[[Answer | AuthorityError | KeyboardInterrupt], object] = lambda _: None,
) -> ExitStatus:
    """Carry out the command line `words` and return how it ended; `machine` is the root we really run on.

    With `errands` a verb is handed to the user `authority`, on a machine where that one takes them. `heard` gets the
    verb's answer, or what a person stopped it by or can mend: for who runs verbs in a row.
    """
    wants_json = "--json" in words
    asked = program
    try:
        request = parse(program, words)
        asked = f"{program} {request.verb.name}" if request.verb is not None else program
        if errands and request.verb is not None and not (request.help or request.man_page):
            from asl_authority.front.places import is_for_the_authority

            if is_for_the_authority(machine, request.verb.name):
                from asl_authority.front.errand import have_done

                return have_done(machine, program, words)
        return _carry_out(program, request, stdout, stderr, machine, outside or this_machine(), heard)
    except AuthorityError as error:
        heard(error)
        return say_error(program, error, stdout if wants_json else None, stderr, asked)
    except KeyboardInterrupt as stop:
        heard(stop)
        return say_error(program, Aborted("stopped by you"), stdout if wants_json else None, stderr, asked)
    except BrokenPipeError:
        return ExitStatus.IO_FAILED
    except OSError as error:
        failed = IoFailed(f"{error.filename or 'output'}: {error.strerror}")
        can_say = wants_json and not isinstance(error, _OutputError)
        return say_error(program, failed, stdout if can_say else None, stderr, asked)
    except Exception as error:
        # A bug: it keeps its traceback, and a caller that waits for an object still gets one.
        import traceback

        traceback.print_exc(file=stderr)
        fault = AuthorityError(f"our fault: {type(error).__name__}")
        return say_error(program, fault, stdout if wants_json else None, stderr, asked)


def _carry_out(
    program: str,
    request: Request,
    stdout: TextIO,
    stderr: TextIO,
    machine: Path,
    outside: Outside,
    heard: Callable[[Answer], object],
) -> ExitStatus:
    if request.help:
        return _say(program, request, stdout, help=_help(program, request))
    if request.version:
        return _say_version(program, request, stdout)
    if request.man_page:
        from asl_authority.front.manpage import man_page

        return _say(program, request, stdout, man_page=man_page(request.verb))
    if request.completion is not None:
        from asl_authority.front.completion import bash_completion

        return _say(program, request, stdout, completion=bash_completion())
    if request.verb is None:
        raise UsageError("say what to do", hint=f"see: {program} --help")
    from asl_authority.front.modes import let_through
    from asl_authority.front.places import another_config, authority_root, expect_outside

    root, config = authority_root(machine, request.root), another_config(machine, request.config)
    expect_outside(root, request.values)
    verb = request.verb
    call = Call(program, verb.name, request.values, request.json, root, machine, stdout, stderr, outside, config)
    warnings = let_through(call)
    stderr.writelines(warnings)
    answer = verb.run(call)
    heard(answer)
    if request.json:
        from asl_authority.front import ui

        _write(stdout, ui.json_object(program, answer.status, verb=verb.name, **answer.members))
    else:
        _write(stdout, answer.text)
    stderr.writelines(warnings)  # again, for what was above is out of sight by now
    return answer.status


def _say(program: str, request: Request, stdout: TextIO, **texts: str) -> ExitStatus:
    if request.json:
        from asl_authority.front import ui

        _write(stdout, ui.json_object(program, ExitStatus.DONE, **texts))
    else:
        _write(stdout, "".join(texts.values()))
    return ExitStatus.DONE


class _OutputError(OSError):
    """Standard output itself can't be written: nothing more is said there."""


def _write(stdout: TextIO, text: str) -> None:
    try:
        stdout.write(text)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise _OutputError(error.errno, error.strerror) from None


def _say_version(program: str, request: Request, stdout: TextIO) -> ExitStatus:
    return (
        _say(program, request, stdout)
        if request.json
        else _say(program, request, stdout, v=f"{program} {__version__}\n")
    )


def say_error(program: str, error: AuthorityError, json_to: TextIO | None, stderr: TextIO, asked: str) -> ExitStatus:
    """Say what went wrong to a person and, where one waits, to a program; `asked` as in ui.error_text."""
    from asl_authority.front import ui

    stderr.write(ui.error_text(program, error, asked))
    if json_to is not None:
        said = {"error": str(error), "check_id": ui.check_id_of(error), "hint": ui.hint_of(error, asked)}
        json_to.write(ui.json_object(program, error.status, **said))
    return error.status


def _help(program: str, request: Request) -> str:
    if request.verb is None:
        return program_help(program, request.group)
    return verb_parser(program, request.verb).format_help()


def _program(called_as: str) -> str:
    """The name we were called by, when it is one of ours."""
    name = PurePath(called_as).name
    return name if name in contract.PROGRAM_NAMES else contract.PROGRAM
