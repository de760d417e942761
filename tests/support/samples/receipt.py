"""Samples of receipts: one that can be replayed whole, one with outputs that can't be made again."""

from __future__ import annotations

from dataclasses import replace

from asl_authority.values.receipt import Receipt, make_outputs
from support.published import Bad, Good, Vectors, changed
from support.samples.claim import CLAIM, digest
from support.samples.snapshot import DOMAIN

FILES = {"dam/dam-1.json": b'{"a":1}', "dam/dam-1.json.sig": b"a signature"}
OUTPUTS = make_outputs(FILES)
RECEIPT = Receipt(
    domain_id=DOMAIN,
    operation="sign-dam",
    program=digest("tools"),
    inputs=tuple(sorted((digest("policy"), digest("certificate")))),
    outputs=OUTPUTS,
    parameters=digest("parameters"),
    policy_hash=digest("policy"),
    snapshot_id=CLAIM.snapshot_id,
    claim=CLAIM.digest,
    logseq=9,
    previous=digest("the receipt before"),
    records=(digest("a DAM's record"), digest("a certificate's record")),
)
# A bundle: its id comes from the seed, what sops wrote can't be made again.
BUNDLE_FILES = {"bundle.json": b"sops wrote this", "bundle.json.sig": b"a signature"}
BUNDLE = replace(
    RECEIPT,
    operation="pack-bundle",
    outputs=make_outputs(BUNDLE_FILES),
    declared=tuple(each.sha256 for each in make_outputs({"bundle.json": BUNDLE_FILES["bundle.json"]})),
    inputs=(),
    seed=digest("dice"),
    previous=None,
)
REHEARSAL = replace(RECEIPT, rehearsal=True)


def vectors() -> Vectors:
    """The published ones."""
    good, read = RECEIPT.to_bytes(), "receipt.read_receipt"

    def bad(name: str, check_id: str, **members: object) -> Bad:
        return Bad(name, read, changed(good, **members), check_id)

    subject = [{"digest": {"sha256": each.sha256}, "name": each.name} for each in OUTPUTS]
    return Vectors(
        "ASL/AUTH-HOST/1, receipts (PER) as in-toto Statements",
        good=[
            Good("replayable", read, good, {"per_artifact_id": RECEIPT.per_artifact_id}),
            Good("partly declared", read, BUNDLE.to_bytes(), {"per_artifact_id": BUNDLE.per_artifact_id}),
        ],
        bad=[
            Bad("of a rehearsal", read, REHEARSAL.to_bytes(), "RECEIPT-STATEMENT"),
            Bad("of another statement", read, good.replace(b"Statement/v1", b"Statement/v9"), "RECEIPT-STATEMENT"),
            bad("of another predicate", "RECEIPT-STATEMENT", predicateType="urn:asl:per:2"),
            bad("with a time", "RECEIPT-SCHEMA", predicate__started_at=1),
            bad("with a host name", "RECEIPT-SCHEMA", predicate__hostname="a"),
            bad("without a claim", "RECEIPT-SCHEMA", predicate__claim=None),
            bad("an input twice", "RECEIPT-SCHEMA", predicate__inputs=["0" * 64] * 2),
            bad("an operation with a blank", "RECEIPT-SCHEMA", predicate__operation="sign dam"),
            bad("an output in a hidden file", "RECEIPT-SCHEMA", subject__0__name="../x"),
            bad("another digest beside", "RECEIPT-SCHEMA", subject__0__digest__md5="00"),
            bad("without records", "RECEIPT-SCHEMA", predicate__records=None),
            bad("a record that is no digest", "RECEIPT-SCHEMA", predicate__records=["0" * 63]),
            bad("no output", "RECEIPT-OUTPUTS", subject=[]),
            bad("outputs out of order", "RECEIPT-OUTPUTS", subject=subject[::-1]),
            bad("an output twice", "RECEIPT-OUTPUTS", subject=[subject[0], subject[0]]),
            bad(
                "what is no output declared",
                "RECEIPT-DECLARED",
                predicate__declared=["0" * 64],
                predicate__determinism="partial",
            ),
            bad("determined and said not to be", "RECEIPT-DECLARED", predicate__determinism="none"),
        ],
    )
