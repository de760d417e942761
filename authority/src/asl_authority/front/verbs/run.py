"""run: a PEL program over files, in a domain's store with a receipt, or on a workstation as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asl_authority.front.acting import ACTING, ACTS
from asl_authority.front.verb import Answer, Argument, Call, Verb

if TYPE_CHECKING:
    from asl_authority.values.pel import Program

PROGRAM_LIMIT = 1 << 20


def run(call: Call) -> Answer:
    """In a domain, or into a directory."""
    from asl_authority.errors import UsageError

    domain_id, output = call.values.get("domain"), call.values.get("output")
    if (domain_id is None) == (output is None):
        raise UsageError(
            "say one of --domain and --output", hint="--domain keeps it with a receipt; --output only runs it"
        )
    program, given = _program(call), _inputs(call)
    return _in_domain(call, str(domain_id), program, given) if output is None else _alone(call, program, given)


def _in_domain(call: Call, domain_id: str, program: Program, given: dict[str, bytes]) -> Answer:
    from asl_authority.front.acting import act, gate_of, standing_of
    from asl_authority.operations.run_acts import gather, run_act
    from asl_authority.storage.blocks import BlockStore

    gate, standing = gate_of(call), standing_of(call, domain_id)
    inputs = gather(program, given, BlockStore(standing.source.disk, standing.source.paths))
    return act(call, gate, standing, run_act(standing, program, inputs))


def _alone(call: Call, program: Program, given: dict[str, bytes]) -> Answer:
    import hashlib

    from asl_authority.errors import UsageError
    from asl_authority.operations.run_acts import gather
    from asl_authority.storage.plain_files import write_all_new
    from asl_authority.values.pel_run import run_program

    folder = call.path("output")
    if not folder.is_dir():
        raise UsageError(f"--output {str(folder)!a}: no such directory", check_id="PATH-MISSING")
    made = run_program(program, gather(program, given, None))
    if flat := next((name for name in made.outputs if "/" in name), None):
        raise UsageError(f"{flat!a}: an output in a directory of its own goes into a store only: --domain")
    found = {name: hashlib.sha256(data).hexdigest() for name, data in sorted(made.outputs.items())}
    text = f"program {made.program_id}\n" + "".join(f"{digest}  {name}\n" for name, digest in found.items())
    members: dict[str, object] = {
        "program": made.program_id,
        "outputs": [{"name": name, "sha256": digest} for name, digest in found.items()],
    }
    if call.dry_run:
        return Answer(f"{text}Nothing was written.\n", members)
    write_all_new({folder / name: data for name, data in made.outputs.items()})
    return Answer(text, {**members, "files": sorted(str(folder / name) for name in found)})


def _program(call: Call) -> Program:
    from asl_authority.storage.plain_files import named, read_file

    path = call.path("program")
    with named(path):
        data = read_file(path, PROGRAM_LIMIT)
        if data.startswith(b"{"):
            from asl_authority.values.pel import read_program

            return read_program(data)
        from asl_authority.values.usb_exchange import read_program_yaml

        return read_program_yaml(data)


def _inputs(call: Call) -> dict[str, bytes]:
    from asl_authority.storage.blocks import MOST_READ
    from asl_authority.storage.plain_files import read_file

    return {str(path): read_file(path, MOST_READ) for path in call.values.get("input", ())}


VERBS = (
    Verb(
        "run",
        "run a PEL program: the same inputs make the same outputs",
        "Runs a program of pure operators (ingest, hash, pack, seal, index, snapshot) over files. It has no network, "
        "clock, randomness or other programs, and hard limits: 256 steps, 20,000 operands, 256 MiB read and made. "
        "With --domain its inputs are files or blocks of that store, and program, inputs and outputs are kept there, "
        "under a receipt that `receipt replay` makes again; it has run before any key is opened. With --output it "
        "only runs, and writes new files." + ACTS,
        run,
        (
            Argument(
                ("PROGRAM",), "the program: its text (YAML) or its canonical JSON", "PROGRAM", "path", required=True
            ),
            Argument(("--input",), "a file that it ingests; once for each", "FILE", "path", many=True),
            Argument(("--domain",), "the domain in whose store it is kept", "ID"),
            Argument(("--output",), "only run it, and write its outputs into this directory", "DIR", "path"),
            *ACTING,
        ),
    ),
)
