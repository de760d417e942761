"""The authority's half of an errand: one call of the operator's, carried out with the authority's rights.

Words come from the line alone: nothing of the caller's environment is here, and the directory is entered by its name,
with our own rights. Whoever hangs up has stopped it.
"""

from __future__ import annotations

import os
import signal
import threading
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from asl_authority import contract
from asl_authority.contract import ExitStatus
from asl_authority.errors import AuthorityError, Refused
from asl_authority.front import cli
from asl_authority.front.outside import Outside, fresh_bytes, protect_this_process
from asl_authority.front.terminal import ConsoleTerminal

if TYPE_CHECKING:
    from asl_authority.storage.errands import Received

# systemd hands the connection to this process as its standard input.
CONNECTION = 0


def serve(machine: Path, descriptor: int) -> None:
    """Carry out the errand that comes on a connection, and say there how it ended. Raises Malformed, IoFailed."""
    from asl_authority.operations.hygiene import ThisProcess, memory_limit
    from asl_authority.storage.errands import received

    process = ThisProcess(memory_limit)
    if not (process.no_core() and process.not_dumpable()):
        raise Refused("this process could be looked into", check_id="HYGIENE-DUMPABLE")
    found = received(descriptor)
    status: int = ExitStatus.ABORTED
    try:
        _stop_when_told(found)
        status = _done(machine, found)
    except KeyboardInterrupt:
        status = ExitStatus.ABORTED
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        found.line.end(status)


def _stop_when_told(found: Received) -> None:
    """Let this thread hear "stop", and the line's end, as if Ctrl-C were pressed here."""
    me = threading.get_ident()
    signal.signal(signal.SIGINT, signal.default_int_handler)

    def listen() -> None:
        while found.line.heard_stop():
            signal.pthread_kill(me, signal.SIGINT)
        signal.pthread_kill(me, signal.SIGINT)

    threading.Thread(target=listen, name="line", daemon=True).start()


def _done(machine: Path, found: Received) -> int:
    stdout, stderr, *terminal = found.descriptors
    with ExitStack() as undo:
        out = undo.enter_context(os.fdopen(stdout, "w", encoding="utf-8", errors="backslashreplace"))
        err = undo.enter_context(os.fdopen(stderr, "w", encoding="utf-8", errors="backslashreplace", buffering=1))
        for each in terminal:
            undo.callback(os.close, each)
        status = _run(machine, found, out, err, terminal)
        try:
            out.flush()
        except OSError:
            # Nobody reads on, or the disk is full: closing it must not try once more.
            os.dup2(os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC), out.fileno())
            return status or ExitStatus.IO_FAILED
        return status


def _run(machine: Path, found: Received, out: TextIO, err: TextIO, terminal: list[int]) -> ExitStatus:
    errand = found.errand
    program = errand.program if errand.program in contract.PROGRAM_NAMES else contract.PROGRAM
    try:
        os.chdir(errand.directory)
    except OSError as error:
        refused: AuthorityError = Refused(
            f"{errand.directory}: {error.strerror}: the authority can't work there",
            hint=f"cd {contract.DESK}",
            check_id="PATH-UNREADABLE",
        )
        return cli.say_error(program, refused, out if "--json" in errand.words else None, err, program)
    # Without one that was handed over it looks for this process's own, and there is none.
    person = ConsoleTerminal(descriptor=terminal[0] if terminal else None)
    outside = Outside(person, fresh_bytes, protect_this_process)
    return cli.run(errand.words, program=program, stdout=out, stderr=err, machine=machine, outside=outside)
