"""receipt list and replay: what a domain's operations left, and what of it can be made again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asl_authority.front.given import REHEARSAL
from asl_authority.front.reading import DOMAIN, domain_of, reads
from asl_authority.front.verb import Answer, Argument, Call, Verb

if TYPE_CHECKING:
    from asl_authority.operations.act import Standing


@reads
def list_(call: Call) -> Answer:
    """Every receipt, a few lines each."""
    from asl_authority.operations.replay import list_receipts

    listed = list_receipts(_standing(call))
    text = "".join(
        f"{each.logseq:>6}  {each.receipt.operation:<18}{len(each.receipt.outputs)} outputs, made again: "
        f"{each.receipt.determinism}\n        {each.receipt.per_artifact_id}\n"
        for each in listed
    )
    members = [
        {
            "logseq": each.logseq,
            "operation": each.receipt.operation,
            "per_artifact_id": each.receipt.per_artifact_id,
            "outputs": len(each.receipt.outputs),
            "determinism": each.receipt.determinism.value,
        }
        for each in listed
    ]
    return Answer(text, {"receipts": members})


@reads
def replay(call: Call) -> Answer:
    """The outputs of an operation, made again from its inputs."""
    from asl_authority.front.given import verdict
    from asl_authority.operations.replay import find_receipt
    from asl_authority.operations.replay import replay as replayed

    standing = _standing(call)
    found = find_receipt(standing, call.values["receipt"])
    receipt = found.receipt
    declared = len(receipt.declared)
    answer = verdict(
        f"receipt {receipt.per_artifact_id}",
        replayed(standing, receipt),
        per_artifact_id=receipt.per_artifact_id,
        logseq=found.logseq,
        operation=receipt.operation,
        declared=declared,
    )
    said = (
        f"{receipt.operation}, record {found.logseq}: {len(receipt.outputs)} outputs, {declared} of them declared by "
        "digest\n(keys, signatures and what was brought in can not be made again)\n"
        if declared
        else f"{receipt.operation}, record {found.logseq}: {len(receipt.outputs)} outputs\n"
    )
    return Answer(said + answer.text, answer.members, answer.status)


def _standing(call: Call) -> Standing:
    from asl_authority.front.acting import standing_of

    return standing_of(call, domain_of(call))


LIST = Verb(
    "receipt list",
    "list the receipts of a domain",
    "Lists every receipt in the order of the log: its record, the operation, how many outputs it has, how much of them "
    "can be made again (full, partial, none), and its name. `receipt show`, `receipt verify` and `receipt replay` take "
    "the record's number, the name or its first 8 digits, with the same --domain. The domain is checked first, as by "
    "`domain check`.",
    list_,
    (DOMAIN, REHEARSAL),
)
REPLAY = Verb(
    "receipt replay",
    "make again what an operation made, and compare",
    "Takes the inputs that the receipt names from the domain's own store, makes every output again that follows from "
    "them (of a run, all; of a founding, certificates and the first DAM; of a rotation, the DAM), and demands the same "
    "names and digests. Outputs that can't be made again, such as keys and signatures, are declared by digest, and are "
    "only held against that. Ends with 3 when something comes out otherwise. No key is opened.",
    replay,
    (
        Argument(
            ("RECEIPT",), "the number of its record, its name, or the first 8 digits of that", "RECEIPT", required=True
        ),
        DOMAIN,
        REHEARSAL,
    ),
)
