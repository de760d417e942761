"""Samples of PEL programs, one of every operator."""

from __future__ import annotations

import hashlib

from asl_authority.values.pel import Member, Operator, Program, Step, program_bytes
from asl_authority.values.pel_run import run_program
from support.published import Bad, Good, Vectors, changed

INPUTS = {hashlib.sha256(data).hexdigest(): data for data in (b"first\n", b"", b"third")}
FIRST, EMPTY, THIRD = INPUTS
BOTH = (Member("a/first.txt", "first"), Member("b/empty", "empty"))
PROGRAM = Program(
    steps=(
        Step(Operator.INGEST, FIRST, "first"),
        Step(Operator.INGEST, EMPTY, "empty"),
        Step(Operator.INGEST, THIRD, "third"),
        Step(Operator.HASH, "first", "digest"),
        Step(Operator.PACK, BOTH, "packed"),
        Step(Operator.SEAL, "packed", "sealed"),
        Step(Operator.INDEX, (*BOTH, Member("c", "third")), "index"),
        Step(Operator.SNAPSHOT, BOTH, "blocks"),
    ),
    outputs=(
        Member("digest.txt", "digest"),
        Member("index.json", "index"),
        Member("packed.tar", "packed"),
        Member("sealed.json", "sealed"),
        Member("snapshot.blocks", "blocks"),
    ),
)
SMALL = Program((Step(Operator.INGEST, FIRST, "a"),), (Member("a", "a"),))


def step(operator: object, result: object = "b", **operand: object) -> dict[str, object]:
    """A step as a program writes it."""
    return {"operator": operator, "result": result, **operand}


def with_steps(*steps: object) -> bytes:
    """The small program with more steps."""
    return program_bytes([SMALL.steps[0].members(), *steps], [{"name": "a", "value": "a"}])


def vectors() -> Vectors:
    """The published ones."""
    read, small = "pel.read_program", SMALL.to_bytes()
    run = run_program(PROGRAM, INPUTS)
    outputs = {name: hashlib.sha256(data).hexdigest() for name, data in run.outputs.items()}
    says = {"inputs": {key: data.decode() for key, data in INPUTS.items()}, "outputs": outputs}
    words = ("network", "fetch", "clock", "now", "random", "uuid", "exec", "shell")
    a, b = {"name": "a", "value": "a"}, {"name": "b", "value": "a"}
    return Vectors(
        "PEL/1-CORE, programs",
        good=[
            Good("every operator", read, PROGRAM.to_bytes(), {"program_id": PROGRAM.program_id, **says}),
            Good("the smallest", read, small, {"program_id": SMALL.program_id}),
        ],
        bad=[
            *(Bad(f"the operator {word}", read, with_steps(step(word)), "PEL-FORBIDDEN") for word in words),
            Bad("encrypt", read, with_steps(step("encrypt", value="a")), "PEL-HOST-OPERATION"),
            Bad("sign", read, with_steps(step("sign", value="a")), "PEL-HOST-OPERATION"),
            Bad("an unknown operator", read, with_steps(step("compress", value="a")), "PEL-OPERATOR"),
            Bad("an operator in capitals", read, with_steps(step("HASH", value="a")), "PEL-OPERATOR"),
            Bad("no operator", read, with_steps({"result": "b", "value": "a"}), "PEL-PROGRAM-SCHEMA"),
            Bad("a step that is a string", read, with_steps("hash"), "PEL-PROGRAM-SCHEMA"),
            Bad("an operand of another operator", read, with_steps(step("hash", input="a")), "PEL-PROGRAM-SCHEMA"),
            Bad("an option", read, with_steps(step("hash", value="a", salt="x")), "PEL-PROGRAM-SCHEMA"),
            Bad("an input by name", read, with_steps(step("ingest", input="a.txt")), "PEL-PROGRAM-SCHEMA"),
            Bad("a file above", read, with_steps(step("pack", members=[{**a, "name": "../a"}])), "PEL-PROGRAM-SCHEMA"),
            Bad("a value before it is made", read, with_steps(step("hash", value="b")), "PEL-NAMES"),
            Bad("a value made twice", read, with_steps(step("hash", "a", value="a")), "PEL-NAMES"),
            Bad("members out of order", read, with_steps(step("pack", members=[b, a])), "PEL-NAMES"),
            Bad("a member twice", read, with_steps(step("index", members=[a, a])), "PEL-NAMES"),
            Bad("no outputs", read, changed(small, outputs=[]), "PEL-OUTPUTS"),
            Bad("an output that is never made", read, changed(small, outputs=[{**a, "value": "b"}]), "PEL-OUTPUTS"),
            Bad("outputs out of order", read, changed(small, outputs=[b, a]), "PEL-OUTPUTS"),
            Bad(
                "257 steps",
                read,
                with_steps(*(step("hash", f"x{n}", value="a") for n in range(256))),
                "PEL-LIMIT-OPERATORS",
            ),
        ],
    )
