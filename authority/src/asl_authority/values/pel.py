"""PEL programs: straight lines of pure operators over bytes, as a document. What it can't say can't be done.

There is no operator for network, clock, randomness or other programs. Encrypting and signing are operations of the
host: their results enter a program as inputs.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from asl_authority.errors import Malformed
from asl_authority.values.canonical import Limits
from asl_authority.values.fields import Fields
from asl_authority.values.identifiers import FILE_NAME
from asl_authority.values.kinds import Kind
from asl_authority.values.rules import Rule
from asl_authority.values.ustar import NAME_LIMIT

PAPER = "PEL/1-CORE"
SUBSET = "ASL/USB-EXCHANGE/1"

RULES = (
    Rule("PEL-PROGRAM-SCHEMA", PAPER, "C", "A program is a list of steps and the values that are its outputs."),
    Rule("PEL-FORBIDDEN", SUBSET, "S", "No network, clock, randomness or external exec."),
    Rule("PEL-HOST-OPERATION", SUBSET, "C", "Encrypting and signing are the host's; their results enter as inputs."),
    Rule("PEL-OPERATOR", SUBSET, "S", "An operator is ingest, hash, pack, seal, index or snapshot."),
    Rule("PEL-NAMES", PAPER, "C", "A value is made once, before it is used; members are sorted, each named once."),
    Rule("PEL-OUTPUTS", PAPER, "C", "A program has outputs, sorted by name, each a value that it makes."),
    Rule("PEL-LIMIT-OPERATORS", SUBSET, "S", "A program has no more steps than allowed."),
)  # fmt: skip

MOST_OPERATORS = 256
MOST_MEMBERS = 4096
# As many as a run of 20,000 steps needs: three an operand.
KIND = Kind("pel-program", limits=Limits(size=1 << 20, depth=6, count=100_000))
# A value in a program.
VALUE = re.compile(r"[a-z][a-z0-9_]{0,63}", re.ASCII)

_CLOCK = "reads a clock"
_RANDOM = "needs randomness"
_NETWORK = "needs a network"
_EXEC = "runs another program"
FORBIDDEN: Mapping[str, str] = {
    **dict.fromkeys(("network", "fetch", "http", "download", "upload", "connect", "send", "resolve"), _NETWORK),
    **dict.fromkeys(("clock", "time", "now", "date", "sleep", "wait"), _CLOCK),
    **dict.fromkeys(("random", "uuid", "nonce", "salt", "keygen"), _RANDOM),
    **dict.fromkeys(("exec", "run", "spawn", "shell", "system", "script", "eval"), _EXEC),
}
HOST_OPERATIONS = ("encrypt", "decrypt", "sign")


class Operator(StrEnum):
    """What a step can do."""

    INGEST = "ingest"
    HASH = "hash"
    PACK = "pack"
    SEAL = "seal"
    INDEX = "index"
    SNAPSHOT = "snapshot"


@dataclass(frozen=True)
class Member:
    """A value under a file's name."""

    name: str
    value: str

    def members(self) -> dict[str, object]:
        """As a program writes it."""
        return {"name": self.name, "value": self.value}


@dataclass(frozen=True)
class Step:
    """One operator. `operand` is a digest (ingest), a value (hash, seal) or members (pack, index, snapshot)."""

    operator: Operator
    operand: str | tuple[Member, ...]
    result: str

    def members(self) -> dict[str, object]:
        """As a program writes it."""
        operand = self.operand if isinstance(self.operand, str) else [member.members() for member in self.operand]
        return {"operator": self.operator, OPERANDS[self.operator]: operand, "result": self.result}

    @property
    def uses(self) -> tuple[str, ...]:
        """The values that it needs."""
        if isinstance(self.operand, tuple):
            return tuple(member.value for member in self.operand)
        return () if self.operator is Operator.INGEST else (self.operand,)


OPERANDS: Mapping[Operator, str] = {
    Operator.INGEST: "input",
    Operator.HASH: "value",
    Operator.SEAL: "value",
    Operator.PACK: "members",
    Operator.INDEX: "members",
    Operator.SNAPSHOT: "members",
}


@dataclass(frozen=True)
class Program:
    """A program; its outputs are values under file names."""

    steps: tuple[Step, ...]
    outputs: tuple[Member, ...]

    @property
    def program_id(self) -> str:
        """SHA-256 of the program's bytes."""
        return hashlib.sha256(self.to_bytes()).hexdigest()

    @property
    def inputs(self) -> tuple[str, ...]:
        """The digests of what it ingests: sorted, each once."""
        return tuple(sorted({str(step.operand) for step in self.steps if step.operator is Operator.INGEST}))

    def to_bytes(self) -> bytes:
        """The one text of the program."""
        return program_bytes([step.members() for step in self.steps], [each.members() for each in self.outputs])


def program_bytes(steps: object, outputs: object) -> bytes:
    """The canonical bytes of what may be a program; only `read_program` says whether it is one."""
    return KIND.body({"outputs": outputs, "steps": steps})


def read_program(data: bytes) -> Program:
    """A program that can be run as far as it says itself. Raises Malformed."""
    whole = KIND.read(data, ("outputs", "steps"))
    items = whole.items("steps", MOST_MEMBERS)
    if len(items) > MOST_OPERATORS:
        words = f"{len(items)} steps, at most {MOST_OPERATORS} are run"
        raise Malformed(words, check_id="PEL-LIMIT-OPERATORS")
    made: set[str] = set()
    steps = []
    for number, item in enumerate(items):
        step = _step(item, f"{whole.what}.steps[{number}]")
        unknown = [value for value in step.uses if value not in made]
        if unknown or step.result in made:
            words = f"{unknown[0]} is not made yet" if unknown else f"{step.result} is made twice"
            raise Malformed(f"step {number}: {words}", check_id="PEL-NAMES")
        made.add(step.result)
        steps.append(step)
    outputs = _members(whole, "outputs", "PEL-OUTPUTS")
    foreign = [each.value for each in outputs if each.value not in made]
    if foreign or not outputs:
        raise Malformed(f"{foreign[0]} is never made" if foreign else "no outputs", check_id="PEL-OUTPUTS")
    return Program(tuple(steps), outputs)


def _step(item: object, what: str) -> Step:
    said = item.get("operator") if isinstance(item, dict) else None
    if type(said) is not str:
        raise Malformed(f"{what}: no operator", check_id=KIND.schema_id)
    operator = _operator(said, what)
    fields = Fields(item, ("operator", OPERANDS[operator], "result"), what, KIND.schema_id)
    operand: str | tuple[Member, ...]
    if operator is Operator.INGEST:
        operand = fields.sha256("input")
    elif OPERANDS[operator] == "value":
        operand = fields.text("value", VALUE)
    else:
        operand = _members(fields, "members", "PEL-NAMES")
    return Step(operator, operand, fields.text("result", VALUE))


def _operator(said: str, what: str) -> Operator:
    if said in FORBIDDEN:
        raise Malformed(f"{what}: {said} {FORBIDDEN[said]}: no program does that", check_id="PEL-FORBIDDEN")
    if said in HOST_OPERATIONS:
        words = f"{said} is an operation of the host: ingest its result"
        raise Malformed(f"{what}: {words}", check_id="PEL-HOST-OPERATION")
    try:
        return Operator(said)
    except ValueError:
        words = f"{said[:40]!a} is none of {', '.join(Operator)}"
        raise Malformed(f"{what}: {words}", check_id="PEL-OPERATOR") from None


def _members(fields: Fields, name: str, check_id: str) -> tuple[Member, ...]:
    found = tuple(
        Member(each.text("name", FILE_NAME, NAME_LIMIT), each.text("value", VALUE))
        for each in fields.objects(name, ("name", "value"), MOST_MEMBERS)
    )
    names = [each.name for each in found]
    if names != sorted(set(names)):
        raise Malformed(f"{fields.what}.{name}: not sorted by name, or one twice", check_id=check_id)
    return found
