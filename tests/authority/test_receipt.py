"""Receipts: in-toto's own library reads them, what they name is held against what there is, and they are replayed."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace

import pytest

from asl_authority.errors import Malformed
from asl_authority.values.dsse import Envelope, read_envelope
from asl_authority.values.receipt import (
    PAYLOAD_TYPE,
    Determinism,
    Receipt,
    check_claim,
    check_inputs,
    check_policy,
    check_previous,
    check_records,
    check_replay,
    make_outputs,
    read_receipt,
)
from support.samples.claim import CLAIM, GENESIS
from support.samples.receipt import BUNDLE, BUNDLE_FILES, FILES, RECEIPT, REHEARSAL

RECORDS = (b"a DAM's record", b"a certificate's record")


@pytest.mark.workstation
@pytest.mark.parametrize("receipt", [RECEIPT, BUNDLE, REHEARSAL], ids=["full", "partial", "rehearsal"])
def test_in_totos_own_library_takes_a_receipt_for_a_statement(receipt: Receipt) -> None:
    from google.protobuf import json_format
    from in_toto_attestation.v1 import statement_pb2
    from in_toto_attestation.v1.statement import Statement

    statement = json_format.Parse(receipt.to_bytes(), statement_pb2.Statement())
    Statement.copy_from_pb(statement).validate()

    again = json_format.MessageToDict(statement)
    assert again["predicate"]["domain_id"] == receipt.domain_id
    assert {each["digest"]["sha256"] for each in again["subject"]} == {each.sha256 for each in receipt.outputs}


def test_a_receipt_is_named_by_the_digest_of_its_statement_and_has_no_place_for_time_or_host() -> None:
    assert RECEIPT.per_artifact_id == hashlib.sha256(RECEIPT.to_bytes()).hexdigest()
    assert set(json.loads(RECEIPT.to_bytes())["predicate"]) == {
        *("claim", "declared", "determinism", "domain_id", "inputs", "logseq", "operation", "parameters"),
        *("policy_hash", "previous", "program", "records", "snapshot_id"),
    }


def test_a_rehearsals_receipt_passes_for_a_real_one_neither_outside_nor_inside() -> None:
    envelope = Envelope(REHEARSAL.payload_type, REHEARSAL.to_bytes()).to_bytes()

    with pytest.raises(Malformed) as outside:
        read_envelope(envelope, PAYLOAD_TYPE)
    with pytest.raises(Malformed) as inside:
        read_receipt(REHEARSAL.to_bytes())
    with pytest.raises(Malformed) as other_way:
        read_receipt(RECEIPT.to_bytes(), rehearsal=True)

    assert outside.value.check_id == "DSSE-PAYLOAD-TYPE"
    assert inside.value.check_id == other_way.value.check_id == "RECEIPT-STATEMENT"
    assert read_receipt(REHEARSAL.to_bytes(), rehearsal=True) == REHEARSAL


def test_what_a_receipt_names_is_held_against_what_there_is() -> None:
    inputs = dict.fromkeys(RECEIPT.inputs)
    findings = [
        (check_inputs(RECEIPT, inputs), check_inputs(RECEIPT, inputs | {"0" * 64: None}), "RECEIPT-INPUTS-EQUAL"),
        (check_inputs(BUNDLE, {}), check_inputs(RECEIPT, {}), "RECEIPT-INPUTS-EQUAL"),
        (check_records(RECEIPT, RECORDS), check_records(RECEIPT, RECORDS[:1]), "RECEIPT-RECORDS"),
        (check_records(RECEIPT, RECORDS), check_records(RECEIPT, RECORDS[::-1]), "RECEIPT-RECORDS"),
        (check_previous(RECEIPT, RECEIPT.previous), check_previous(RECEIPT, None), "RECEIPT-PREVIOUS"),
        (check_previous(BUNDLE, None), check_previous(BUNDLE, "0" * 64), "RECEIPT-PREVIOUS"),
        (check_policy(RECEIPT, RECEIPT.policy_hash), check_policy(RECEIPT, "0" * 64), "RECEIPT-POLICY"),
        (check_claim(RECEIPT, CLAIM), check_claim(RECEIPT, GENESIS), "RECEIPT-CLAIM"),
        (check_replay(RECEIPT, FILES), check_replay(RECEIPT, {}), "RECEIPT-REPLAY"),
    ]

    for good, bad, check_id in findings:
        assert (good.ok, bad.ok, good.check_id, bad.check_id) == (True, False, check_id, check_id)


def test_a_replay_names_each_output_that_is_not_the_same() -> None:
    changed = FILES | {"dam/dam-1.json": b'{"a":2}', "more": b""}
    renamed = {f"{name}.x": data for name, data in FILES.items()}

    assert check_replay(RECEIPT, changed).detail == "not the same: dam/dam-1.json, more"
    assert not check_replay(RECEIPT, renamed).ok


def test_what_is_declared_need_not_be_made_again_and_the_rest_must() -> None:
    declared = {"bundle.json"}
    rest = {name: data for name, data in BUNDLE_FILES.items() if name not in declared}

    assert BUNDLE.determinism is Determinism.PARTIAL
    assert check_replay(BUNDLE, rest).ok
    assert not check_replay(BUNDLE, {}).ok
    assert replace(BUNDLE, declared=tuple(each.sha256 for each in BUNDLE.outputs)).determinism is Determinism.NONE


def test_two_outputs_of_the_same_bytes_are_a_fault_of_ours() -> None:
    with pytest.raises(ValueError, match="same bytes"):
        make_outputs({"a": b"x", "b": b"x"})
