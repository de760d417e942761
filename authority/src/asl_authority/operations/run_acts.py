"""A PEL program run over files: what it makes lies in the domain's store, and its receipt can be replayed."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from asl_authority.errors import Malformed, Refused
from asl_authority.operations.act import Act, Bench, Made, Standing
from asl_authority.operations.allowed import expect_may
from asl_authority.operations.pieces import Piece
from asl_authority.storage.blocks import MOST_READ, BlockStore
from asl_authority.values.canonical import canonical_bytes
from asl_authority.values.log_record import RecordType
from asl_authority.values.pel import Program
from asl_authority.values.pel_run import Run, run_program
from asl_authority.values.roles import Role


def gather(program: Program, given: Mapping[str, bytes], store: BlockStore | None) -> dict[str, bytes]:
    """What the program ingests, by digest: files that were given, else blocks of the store.

    Raises Malformed for a file that it does not ingest or when something is missing, Damaged, IoFailed.
    """
    found = {hashlib.sha256(data).hexdigest(): data for data in given.values()}
    names = {hashlib.sha256(data).hexdigest(): name for name, data in given.items()}
    if strangers := sorted(found.keys() - set(program.inputs)):
        raise Malformed(f"{names[strangers[0]]}: the program does not ingest it", check_id="PEL-INPUTS")
    for digest in program.inputs:
        if digest not in found:
            if store is None or not store.has(digest):
                raise Malformed(f"input {digest} was not given and is no block here", check_id="PEL-INPUTS")
            found[digest] = store.read(digest)
    return found


def output_names(run: Run) -> dict[str, str]:
    """What each output is called, by digest; where two are the same bytes, by the first name."""
    named = {hashlib.sha256(data).hexdigest(): name for name, data in sorted(run.outputs.items(), reverse=True)}
    return dict(sorted(named.items()))


def run_act(standing: Standing, program: Program, inputs: Mapping[str, bytes]) -> Act:
    """Run the program now, before any key is opened, and bring program, inputs and outputs into the store.

    Raises Malformed for inputs that do not fit and for what goes beyond the limits, Refused for too much to keep, and
    where the domain's operator may not execute.
    """
    expect_may(standing, "execute")
    run = run_program(program, inputs)
    named = output_names(run)
    blocks = (program.to_bytes(), *inputs.values(), *run.outputs.values())
    if sum(map(len, blocks)) > MOST_READ:
        raise Refused(
            f"more than {MOST_READ >> 20} MiB at once",
            hint="let the program make less, or run it in parts",
            check_id="INPUT-LIMIT",
        )
    taken = tuple(sorted({program.program_id, *inputs}))
    if not set(named) - set(taken):
        raise Refused("the program makes nothing that did not go in: there is nothing to keep", check_id="PEL-OUTPUTS")
    lines = [f"the program {program.program_id}", f"  {len(program.steps)} steps, run in {standing.domain_id}"]
    for digest in sorted(inputs):
        lines += [f"  input  {digest}", f"    {len(inputs[digest])} bytes"]
    for name, data in sorted(run.outputs.items()):
        lines += [f"  output {hashlib.sha256(data).hexdigest()}", f"    {name}, {len(data)} bytes"]

    def make(bench: Bench) -> Made:
        facts = {"program": program.program_id, "names": {name: digest for digest, name in named.items()}}
        entry = bench.put(Piece(RecordType.ARTIFACT, blocks=blocks, facts=facts))
        outputs = {digest: name for digest, name in named.items() if digest not in taken}
        return Made((entry,), taken, outputs, frozenset(outputs), program.program_id)

    parameters = {"domain_id": standing.domain_id, "inputs": sorted(inputs), "operation": "run"}
    what = f"a run of program {program.program_id[:16]}"
    asked = canonical_bytes({**parameters, "program": program.program_id})
    return Act("run", what, tuple(lines), asked, make, role=Role.PRODUCE, adds=sum(map(len, blocks)))
