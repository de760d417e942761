"""Receipts (PER): what an operation took, what it made, and under which policy, state and claim, without time or host.

A receipt is an in-toto Statement whose subjects are the outputs; its SHA-256 is the receipt's name, per_artifact_id.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from asl_authority.errors import Malformed
from asl_authority.values.canonical import Limits, canonical_bytes, read_canonical
from asl_authority.values.claim import Claim
from asl_authority.values.fields import Fields
from asl_authority.values.finding import Finding
from asl_authority.values.identifiers import DOMAIN_ID, FILE_NAME, FILE_NAME_LIMIT
from asl_authority.values.kinds import Kind
from asl_authority.values.rules import Rule

PAPER = "ASL/AUTH-HOST/1"

RULES = (
    Rule("RECEIPT-STATEMENT", "in-toto Statement v1", "S", "A receipt is a Statement of our predicate type."),
    Rule("RECEIPT-SCHEMA", PAPER, "C", "A receipt has the members that are named here, none of them time or host."),
    Rule("RECEIPT-OUTPUTS", PAPER, "C", "There is an output; outputs are sorted by digest, each digest once."),
    Rule("RECEIPT-DECLARED", PAPER, "C", "What is declared and can not be made again is one of the outputs."),
    Rule("RECEIPT-INPUTS-EQUAL", "ASL/AUTH-HOST-THREAT-MODEL/1", "S", "The inputs are those that were given."),
    Rule(
        "RECEIPT-RECORDS",
        PAPER,
        "C",
        "A receipt has the SHA-256 of every other record of its operation, in their order.",
    ),
    Rule("RECEIPT-PREVIOUS", PAPER, "C", "A receipt names the one before it in its domain."),
    Rule("RECEIPT-POLICY", PAPER, "C", "A receipt names the policy that the domain has."),
    Rule("RECEIPT-CLAIM", PAPER, "C", "A receipt names the claim that covered it, by digest."),
    Rule("RECEIPT-REPLAY", PAPER, "S", "Made again, every output that is not declared has the same digest and name."),
)  # fmt: skip

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PAYLOAD_TYPE = "application/vnd.in-toto+json"
PREDICATE_TYPE = "urn:asl:per:1"
# A rehearsal's receipt has a payload type and a predicate type that nothing real accepts.
REHEARSAL_TYPE = Kind("receipt").rehearsal_type
REHEARSAL_PREDICATE_TYPE = "urn:asl-rehearsal:per:1"
SCHEMA_ID = "RECEIPT-SCHEMA"

LIMITS = Limits(size=4 << 20, depth=6, count=200_000)
MOST_ITEMS = 20_000
OPERATION = re.compile(r"[a-z][a-z0-9-]{0,63}", re.ASCII)


class Determinism(StrEnum):
    """How much of a receipt's outputs its inputs determine."""

    FULL = "full"
    PARTIAL = "partial"
    NONE = "none"


@dataclass(frozen=True)
class Output:
    """One output: a name for people, and its SHA-256."""

    name: str
    sha256: str


@dataclass(frozen=True)
class Receipt:
    """What one operation did. Digests are SHA-256; `program` is that of the PEL program or of the tools.

    `records` are the payloads of the operation's other records in the log, in their order: so what these say is under
    the receipt, and not only the files and blocks that they name. `declared` are outputs that can't be made again from
    the inputs (keys, what sops wrote); `seed` is what the non-secret random numbers of the operation were derived from.
    """

    domain_id: str
    operation: str
    program: str
    inputs: tuple[str, ...]
    outputs: tuple[Output, ...]
    parameters: str
    policy_hash: str
    snapshot_id: str
    claim: str
    logseq: int
    declared: tuple[str, ...] = ()
    previous: str | None = None
    seed: str | None = None
    records: tuple[str, ...] = ()
    rehearsal: bool = False

    @property
    def per_artifact_id(self) -> str:
        """The receipt's name: the SHA-256 of its Statement."""
        return hashlib.sha256(self.to_bytes()).hexdigest()

    @property
    def payload_type(self) -> str:
        """What it is signed as."""
        return REHEARSAL_TYPE if self.rehearsal else PAYLOAD_TYPE

    @property
    def determinism(self) -> Determinism:
        """How much of it `check_replay` can hold."""
        if not self.declared:
            return Determinism.FULL
        return Determinism.NONE if len(self.declared) == len(self.outputs) else Determinism.PARTIAL

    def to_bytes(self) -> bytes:
        """The one text of the Statement."""
        predicate: dict[str, object] = {
            "claim": self.claim,
            "declared": list(self.declared),
            "determinism": self.determinism,
            "domain_id": self.domain_id,
            "inputs": list(self.inputs),
            "logseq": self.logseq,
            "operation": self.operation,
            "parameters": self.parameters,
            "policy_hash": self.policy_hash,
            "program": self.program,
            "records": list(self.records),
            "snapshot_id": self.snapshot_id,
        }
        optional = {"previous": self.previous, "seed": self.seed}
        return canonical_bytes(
            {
                "_type": STATEMENT_TYPE,
                "predicate": predicate | {name: value for name, value in optional.items() if value is not None},
                "predicateType": REHEARSAL_PREDICATE_TYPE if self.rehearsal else PREDICATE_TYPE,
                "subject": [{"digest": {"sha256": each.sha256}, "name": each.name} for each in self.outputs],
            }
        )


def make_outputs(files: Mapping[str, bytes]) -> tuple[Output, ...]:
    """Outputs of these contents by name, as a receipt lists them. Raises ValueError when two are the same bytes."""
    found = sorted((hashlib.sha256(data).hexdigest(), name) for name, data in files.items())
    if len({digest for digest, _ in found}) != len(found):
        raise ValueError("two outputs are the same bytes: name them once")
    return tuple(Output(name, digest) for digest, name in found)


def read_receipt(data: bytes, *, rehearsal: bool = False) -> Receipt:
    """A receipt; a rehearsal's only when one is asked for. Raises Malformed."""
    whole = Fields(
        read_canonical(data, LIMITS), ("_type", "predicate", "predicateType", "subject"), "receipt", SCHEMA_ID
    )
    asked = REHEARSAL_PREDICATE_TYPE if rehearsal else PREDICATE_TYPE
    for name, expected in (("_type", STATEMENT_TYPE), ("predicateType", asked)):
        if whole.value[name] != expected:
            raise Malformed(f"receipt.{name}: expected {expected}", check_id="RECEIPT-STATEMENT")
    names = ("claim", "declared", "determinism", "domain_id", "inputs", "logseq", "operation", "parameters")
    said = whole.within("predicate", (*names, "policy_hash", "previous?", "program", "records", "seed?", "snapshot_id"))
    receipt = Receipt(
        domain_id=said.text("domain_id", DOMAIN_ID),
        operation=said.text("operation", OPERATION),
        program=said.sha256("program"),
        inputs=said.digests("inputs", MOST_ITEMS),
        outputs=_outputs(whole),
        parameters=said.sha256("parameters"),
        policy_hash=said.sha256("policy_hash"),
        snapshot_id=said.sha256("snapshot_id"),
        claim=said.sha256("claim"),
        logseq=said.integer("logseq"),
        declared=said.digests("declared", MOST_ITEMS),
        previous=said.sha256("previous") if said.has("previous") else None,
        seed=said.sha256("seed") if said.has("seed") else None,
        records=said.digest_list("records", MOST_ITEMS),
        rehearsal=rehearsal,
    )
    unknown = set(receipt.declared) - {each.sha256 for each in receipt.outputs}
    if unknown or said.choice("determinism", Determinism) is not receipt.determinism:
        words = f"{min(unknown)} is no output" if unknown else f"the outputs are determined: {receipt.determinism}"
        raise Malformed(f"receipt.declared: {words}", check_id="RECEIPT-DECLARED")
    return receipt


def _outputs(whole: Fields) -> tuple[Output, ...]:
    found = tuple(
        Output(each.text("name", FILE_NAME, FILE_NAME_LIMIT), each.within("digest", ("sha256",)).sha256("sha256"))
        for each in whole.objects("subject", ("digest", "name"), MOST_ITEMS)
    )
    digests = [each.sha256 for each in found]
    if not found or digests != sorted(set(digests)):
        words = "the digests are not sorted, or one is given twice" if found else "there is none"
        raise Malformed(f"receipt.subject: {words}", check_id="RECEIPT-OUTPUTS")
    return found


def check_inputs(receipt: Receipt, inputs: Mapping[str, object]) -> Finding:
    """RECEIPT-INPUTS-EQUAL: the receipt names the inputs that were given (by SHA-256), all and no other."""
    missing, foreign = sorted(inputs.keys() - set(receipt.inputs)), sorted(set(receipt.inputs) - inputs.keys())
    said = "; ".join(
        [f"{each} is not named" for each in missing] + [f"{each} is named and was not given" for each in foreign]
    )
    return Finding("RECEIPT-INPUTS-EQUAL", not said, said or f"{len(receipt.inputs)} inputs")


def check_records(receipt: Receipt, payloads: Sequence[bytes]) -> Finding:
    """RECEIPT-RECORDS: these are the payloads of its operation's other records, in their order."""
    found = tuple(hashlib.sha256(each).hexdigest() for each in payloads)
    pairs = enumerate(zip(found, receipt.records, strict=False), 1)
    other = [f"record {n} of its operation is {one}, it names {said}" for n, (one, said) in pairs if one != said]
    if len(found) != len(receipt.records):
        other = [f"there are {len(found)}, it names {len(receipt.records)}"]
    return Finding("RECEIPT-RECORDS", not other, other[0] if other else f"{len(found)} records")


def check_previous(receipt: Receipt, previous: str | None) -> Finding:
    """RECEIPT-PREVIOUS: `previous` is the per_artifact_id of the domain's last receipt, None when there is none."""
    said = f"names {receipt.previous or 'none'}, the last one is {previous or 'none'}"
    return Finding("RECEIPT-PREVIOUS", receipt.previous == previous, said)


def check_policy(receipt: Receipt, policy_hash: str) -> Finding:
    """RECEIPT-POLICY: the policy that the receipt names is the domain's."""
    said = f"names {receipt.policy_hash}, the domain has {policy_hash}"
    return Finding("RECEIPT-POLICY", receipt.policy_hash == policy_hash, said)


def check_claim(receipt: Receipt, claim: Claim) -> Finding:
    """RECEIPT-CLAIM: this is the claim that the receipt names. That it covers the log is CLAIM-COVERS."""
    return Finding("RECEIPT-CLAIM", receipt.claim == claim.digest, f"names {receipt.claim}, this is {claim.digest}")


def check_replay(receipt: Receipt, made: Mapping[str, bytes]) -> Finding:
    """RECEIPT-REPLAY: `made` are the outputs made again, by name; what is declared need not be among them."""
    again = {name: hashlib.sha256(data).hexdigest() for name, data in made.items()}
    expected = {each.name: each.sha256 for each in receipt.outputs if each.sha256 not in receipt.declared}
    names = sorted(name for name in expected.keys() | again.keys() if expected.get(name) != again.get(name))
    said = f"not the same: {', '.join(names)}" if names else f"{len(expected)} made again, {receipt.determinism}"
    return Finding("RECEIPT-REPLAY", not names, said)
