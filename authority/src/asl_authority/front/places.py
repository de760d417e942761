"""Which tree a call works on; another than the machine's own is for rehearsals and workstations."""

from __future__ import annotations

import stat
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from asl_authority import contract
from asl_authority.errors import Refused, UsageError
from asl_authority.front.verb import Call

if TYPE_CHECKING:
    from asl_authority.values.builders import Builders

# Options that name what is written.
WRITTEN = ("output", "payload", "prepare", "record", "stick")
# What whoever calls does with their own rights: the two that systemd starts.
HERE = ("measure", "serve")


def is_for_the_authority(machine: Path, verb: str) -> bool:
    """Whether the user authority carries this verb out, on this machine, for whoever calls it."""
    if verb in HERE:
        return False
    try:
        return stat.S_ISSOCK((machine / str(contract.ERRAND_SOCKET).lstrip("/")).stat().st_mode)
    except OSError:
        return False


def authority_root(machine: Path, given: Path | None) -> Path:
    """The authority's tree. Raises UsageError or, on a sealed host outside a rehearsal, Refused."""
    if given is None:
        return machine / str(contract.AUTHORITY_ROOT).lstrip("/")
    return _allowed(machine, given, "--root")


def another_config(machine: Path, given: Path | None) -> Path | None:
    """The configuration that stands for the sealed one. Raises Refused on a sealed host outside a rehearsal."""
    if given is not None:
        _expect_unsealed(machine, "--config")
    return given


def expect_outside(root: Path, values: Mapping[str, Any]) -> None:
    """What a caller names to be written does not lie in the store, where verbs alone put things. Raises Refused."""
    for name in WRITTEN:
        path = values.get(name)
        if isinstance(path, Path) and (path.parent.resolve() / path.name).is_relative_to(root.resolve()):
            raise Refused(
                f"--{name} {str(path)!a}: lies in the store, where nothing is put by hand",
                hint=f"name a file elsewhere; on a sealed host in {contract.DESK}",
                check_id="PATH-IN-STORE",
            )


def another_machine(call: Call) -> Path:
    """The root of the machine that is looked at. Errors as `authority_root`."""
    given = call.values.get("machine")
    return call.machine if given is None else _allowed(call.machine, given, "--machine")


def _allowed(machine: Path, given: Path, option: str) -> Path:
    _expect_unsealed(machine, option)
    if not given.is_dir():
        raise UsageError(f"{option} {str(given)!a}: no such directory", check_id="PATH-MISSING")
    return given.resolve() if given.is_symlink() else given  # below it no link is followed


def _expect_unsealed(machine: Path, option: str) -> None:
    from asl_authority.storage.state import load_seal

    seal = load_seal(machine)
    if seal is not None and seal.mode is not contract.Mode.REHEARSAL:
        raise Refused(
            f"{option}: on a sealed host only in rehearsal",
            hint="start the rehearsal entry of the boot menu",
            check_id="SEALED-REHEARSAL",
        )


def builders_here(call: Call) -> Builders | None:
    """The builders whose word counts: those sealed into this image, or, elsewhere, those in the file that is given.

    Raises Malformed, UsageError or, for another file on a sealed host outside a rehearsal, Refused.
    """
    from asl_authority.storage.plain_files import named, read_file
    from asl_authority.storage.state import load_builders
    from asl_authority.values.builders import LIMITS, read_builders

    given = call.values.get("builders")
    if given is None:
        return load_builders(call.machine)
    _expect_unsealed(call.machine, "--builders")
    with named(given):
        return read_builders(read_file(given, LIMITS.size))
