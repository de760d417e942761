"""PER signatures: the payload is the paper's, openssl agrees, and whoever may not sign is refused by name."""

from __future__ import annotations

import struct
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from asl_authority.values.dsse import message_of
from asl_authority.values.ed25519 import SecretKey
from asl_authority.values.finding import Finding
from asl_authority.values.per_signature import (
    PAYLOAD_TYPE,
    REHEARSAL_TYPE,
    check_per_signature,
    check_place,
    payload_of,
    sign_receipt,
)
from asl_authority.values.receipt import Receipt
from asl_authority.values.roles import Role
from support.samples.per_signature import PAYLOAD, PRINCIPAL, SIGNATURE
from support.samples.receipt import RECEIPT, REHEARSAL
from support.samples.snapshot import SNAPSHOT

ROLES = {PRINCIPAL.public.key_id: (Role.EXECUTE, Role.PRODUCE)}


def failed(findings: tuple[Finding, ...]) -> list[str]:
    return [finding.check_id for finding in findings if not finding.ok]


def test_the_payload_has_the_papers_fields_in_its_order_big_endian() -> None:
    expected = struct.pack(
        f">I10s32s32sI{32 * len(RECEIPT.inputs)}s32sQI",
        *(10, b"me.example", bytes.fromhex(RECEIPT.snapshot_id), bytes.fromhex(RECEIPT.per_artifact_id)),
        *(len(RECEIPT.inputs), bytes.fromhex("".join(RECEIPT.inputs)), bytes.fromhex(RECEIPT.program)),
        *(RECEIPT.logseq, 0),
    )

    assert PAYLOAD.to_bytes() == expected


def test_openssl_verifies_the_signature_over_the_payload(tmp_path: Path) -> None:
    message = message_of(PAYLOAD_TYPE, PAYLOAD.to_bytes())
    for name, data in (("key", PRINCIPAL.public.spki), ("message", message), ("sig", SIGNATURE.signature)):
        (tmp_path / name).write_bytes(data)
    argv = ["openssl", "pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey", "key", "-rawin"]

    subprocess.run([*argv, "-in", "message", "-sigfile", "sig"], cwd=tmp_path, check=True, capture_output=True)


def test_a_principal_that_may_execute_signs_a_receipt_that_counts() -> None:
    assert failed(check_per_signature(SIGNATURE, RECEIPT, ROLES)) == []
    assert sign_receipt(RECEIPT, PRINCIPAL) == SIGNATURE


@pytest.mark.parametrize(
    "receipt",
    [
        replace(RECEIPT, logseq=10),
        replace(RECEIPT, inputs=RECEIPT.inputs[:1]),
        replace(RECEIPT, snapshot_id="0" * 64),
        replace(RECEIPT, program="0" * 64),
        replace(RECEIPT, domain_id="other"),
        replace(RECEIPT, claim="0" * 64),
    ],
)
def test_a_receipt_that_says_anything_else_is_not_the_signed_one(receipt: Receipt) -> None:
    assert failed(check_per_signature(SIGNATURE, receipt, ROLES)) == ["PER-RECEIPT", "PER-PAYLOAD-EQUAL", "PER-SIGNED"]


def test_a_signature_by_another_key_than_it_names_is_refused() -> None:
    other = SecretKey(bytes(32))
    lent = replace(SIGNATURE, public_key=other.public)

    assert failed(check_per_signature(lent, RECEIPT, {other.public.key_id: (Role.EXECUTE,)})) == ["PER-SIGNED"]


def test_a_payload_hash_that_is_not_the_payloads_is_refused() -> None:
    assert failed(check_per_signature(replace(SIGNATURE, payload_hash="0" * 64), RECEIPT, ROLES)) == [
        "PER-PAYLOAD-EQUAL"
    ]


@pytest.mark.parametrize("roles", [{}, {PRINCIPAL.public.key_id: ()}, {PRINCIPAL.public.key_id: (Role.AUDIT,)}])
def test_a_key_without_the_role_execute_is_refused(roles: dict[str, tuple[Role, ...]]) -> None:
    assert failed(check_per_signature(SIGNATURE, RECEIPT, roles)) == ["PER-ROLE"]


def test_a_rehearsals_signature_is_over_another_type() -> None:
    rehearsed = sign_receipt(REHEARSAL, PRINCIPAL)
    message = message_of(REHEARSAL_TYPE, payload_of(REHEARSAL).to_bytes())

    assert PRINCIPAL.public.verifies(message, rehearsed.signature)
    assert "PER-SIGNED" in failed(check_per_signature(rehearsed, RECEIPT, ROLES))


def test_a_receipt_has_its_place_in_the_log_after_its_snapshot() -> None:
    assert failed(check_place(RECEIPT, SNAPSHOT, RECEIPT.logseq)) == []
    assert failed(check_place(RECEIPT, SNAPSHOT, RECEIPT.logseq + 1)) == ["PER-LOGSEQ"]
    early = replace(RECEIPT, logseq=SNAPSHOT.logseq)
    assert failed(check_place(early, SNAPSHOT, early.logseq)) == ["PER-LOGSEQ"]
    assert failed(check_place(RECEIPT, replace(SNAPSHOT, logseq=6), RECEIPT.logseq)) == ["PER-SNAPSHOT"]
    assert failed(check_place(replace(RECEIPT, domain_id="b"), SNAPSHOT, RECEIPT.logseq)) == ["PER-SNAPSHOT"]
