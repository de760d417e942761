"""Which tree a call works on; another than the machine's own is for rehearsals and workstations."""

from __future__ import annotations

from pathlib import Path

from asl_authority import contract
from asl_authority.errors import Refused, UsageError
from asl_authority.front.verb import Call


def authority_root(machine: Path, given: Path | None) -> Path:
    """The authority's tree. Raises UsageError or, on a sealed host outside a rehearsal, Refused."""
    if given is None:
        return machine / str(contract.AUTHORITY_ROOT).lstrip("/")
    return _allowed(machine, given, "--root")


def another_machine(call: Call) -> Path:
    """The root of the machine that is looked at. Errors as `authority_root`."""
    given = call.values.get("machine")
    return call.machine if given is None else _allowed(call.machine, given, "--machine")


def _allowed(machine: Path, given: Path, option: str) -> Path:
    from asl_authority.storage.state import load_seal

    seal = load_seal(machine)
    if seal is not None and seal.mode is not contract.Mode.REHEARSAL:
        raise Refused(
            f"{option}: on a sealed host only in rehearsal", hint="start the rehearsal entry of the boot menu"
        )
    if not given.is_dir():
        raise UsageError(f"{option} {str(given)!a}: no such directory")
    return given
