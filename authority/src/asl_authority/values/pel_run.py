"""Runs a PEL program: from its inputs' bytes to its outputs' bytes, within hard limits, the same every time."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from asl_authority.errors import Malformed
from asl_authority.values.kinds import Kind
from asl_authority.values.pel import Operator, Program, Step
from asl_authority.values.rules import Rule
from asl_authority.values.snapshot import Blocks, StoreFile
from asl_authority.values.ustar import BLOCK, Archive

PAPER = "PEL/1-CORE"
LIMITED = "ASL/AUTH-HOST-THREAT-MODEL/1"

RULES = (
    Rule("PEL-INPUTS", PAPER, "S", "The inputs given are those that the program ingests, each with its digest."),
    Rule("PEL-LIMIT-STEPS", LIMITED, "S", "A run takes no more steps than allowed: one for each operator and operand."),
    Rule("PEL-LIMIT-BYTES", LIMITED, "S", "A run reads and makes no more bytes than allowed, counted before they are."),
)  # fmt: skip

SEALED = Kind("pel-sealed")
INDEX = Kind("pel-index")


@dataclass(frozen=True)
class RunLimits:
    """The most that one run may take. `size` counts every byte that an operator reads or makes."""

    steps: int = 20_000
    size: int = 256 << 20


DEFAULT = RunLimits()


@dataclass(frozen=True)
class Run:
    """What came out: outputs by file name, and the SHA-256 of every value on the way."""

    program_id: str
    outputs: Mapping[str, bytes]
    trace: Mapping[str, str]


class _Budget:
    def __init__(self, limits: RunLimits) -> None:
        self.limits, self.steps, self.size = limits, 0, 0

    def take(self, step: Step, size: int) -> None:
        """Count a step and the bytes that it reads and makes. Raises Malformed."""
        self.steps += 1 + len(step.uses)
        self.size += size
        if self.steps > self.limits.steps:
            words = f"at {step.result} the run takes more than {self.limits.steps} steps"
            raise Malformed(words, check_id="PEL-LIMIT-STEPS")
        if self.size > self.limits.size:
            words = f"at {step.result} the run reads and makes more than {self.limits.size} bytes"
            raise Malformed(words, check_id="PEL-LIMIT-BYTES")


def run_program(program: Program, inputs: Mapping[str, bytes], limits: RunLimits = DEFAULT) -> Run:
    """What the program makes of `inputs`, which are given by their SHA-256. Raises Malformed."""
    if set(inputs) != set(program.inputs):
        wrong = min(set(inputs) ^ set(program.inputs))
        words = "was not given" if wrong in program.inputs else "is not ingested"
        raise Malformed(f"input {wrong} {words}", check_id="PEL-INPUTS")
    budget = _Budget(limits)
    values: dict[str, bytes] = {}
    for step in program.steps:
        if step.operator is Operator.INGEST:
            data = inputs[str(step.operand)]
            budget.take(step, len(data))
            values[step.result] = _ingested(str(step.operand), data)
        else:
            read = sum(len(values[name]) for name in step.uses)
            budget.take(step, read + _made_at_most(step, read))
            values[step.result] = _made(step, values)
    trace = {name: hashlib.sha256(data).hexdigest() for name, data in values.items()}
    return Run(program.program_id, {each.name: values[each.value] for each in program.outputs}, trace)


def _made_at_most(step: Step, read: int) -> int:
    if step.operator is Operator.PACK:
        return read + (len(step.uses) + 1) * 2 * BLOCK
    return 512 * (1 + len(step.uses))


def _ingested(digest: str, data: bytes) -> bytes:
    if hashlib.sha256(data).hexdigest() != digest:
        raise Malformed(f"what was given as {digest} is something else", check_id="PEL-INPUTS")
    return data


def _made(step: Step, values: Mapping[str, bytes]) -> bytes:
    if isinstance(step.operand, str):
        digest, size = hashlib.sha256(values[step.operand]).hexdigest(), len(values[step.operand])
        if step.operator is Operator.HASH:
            return f"{digest}\n".encode()
        return SEALED.body({"block_id": digest, "size": size})
    files = {member.name: values[member.value] for member in step.operand}
    if step.operator is Operator.PACK:
        return Archive(files).to_bytes()
    named = [(name, hashlib.sha256(files[name]).hexdigest(), len(files[name])) for name in sorted(files)]
    if step.operator is Operator.SNAPSHOT:
        return Blocks(tuple(StoreFile(name, digest) for name, digest, _ in named)).to_bytes()
    return INDEX.body({"entries": [{"block_id": digest, "name": name, "size": size} for name, digest, size in named]})
