"""SOPS bundles: what sops does not notice is seen from outside, and what comes out is what was stated."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from asl_authority.errors import Malformed
from asl_authority.values.dsse import Envelope, check_signatures
from asl_authority.values.finding import Finding
from asl_authority.values.sops_bundle import (
    AGE_HEAD,
    MANIFEST,
    MOST_BYTES,
    Bundle,
    Purpose,
    check_private_keys,
    read_bundle,
    read_sealed_bundle,
)
from asl_authority.values.sops_file import (
    Form,
    Recipients,
    SopsFile,
    check_contents,
    check_statement,
    make_statement,
    read_sops_file,
)
from support.samples.sops import (
    AUDITOR,
    BUNDLE,
    FILES,
    HEAD,
    HEADER,
    ONE_GROUP,
    SEALED,
    SIGNER,
    SITE_A,
    SITE_B,
    TWO_GROUPS,
    bundle,
    made,
    with_sops,
)

TWO = read_sops_file(made("two.json"))
STATEMENT = make_statement(TWO, BUNDLE, HEAD)


def failed(*findings: Finding) -> list[str]:
    return [finding.check_id for finding in findings if not finding.ok]


def test_what_sops_made_is_read_from_outside() -> None:
    one, sealed = read_sops_file(made("one.json")), read_sops_file(made("sealed.json"))

    assert (TWO.form, TWO.header, TWO.recipients, TWO.version) == (Form.DOCUMENT, HEADER, TWO_GROUPS, "3.11.0")
    assert TWO.leaves == ("authority/dam-1.json", "authority/root.pub", "manifest", *sorted(FILES)[2:])
    assert one.recipients == ONE_GROUP
    assert (sealed.form, sealed.header, sealed.leaves) == (Form.SEALED, None, ("data",))


def test_both_forms_carry_the_same_bundle() -> None:
    keys = {SIGNER.public.key_id: SIGNER.public}

    assert read_bundle(BUNDLE.to_bytes()) == read_sealed_bundle(SEALED) == BUNDLE
    assert failed(*check_signatures(BUNDLE.envelope, keys)) == []


def test_a_statement_fits_its_file_and_what_comes_out() -> None:
    assert failed(*check_statement(STATEMENT, TWO), check_contents(STATEMENT, BUNDLE)) == []
    sealed = read_sops_file(made("sealed.json"))
    assert failed(*check_statement(make_statement(sealed, BUNDLE, HEAD), sealed)) == []


def renamed_recipient() -> SopsFile:
    text = made("two.json").decode()
    return read_sops_file(text.replace(SITE_B, SITE_A[:-1] + ("q" if SITE_A[-1] != "q" else "p")).encode())


@pytest.mark.parametrize(
    ("check_id", "file"),
    [
        ("SOPS-STATED-RECIPIENTS", renamed_recipient()),
        ("SOPS-STATED-VERSION", read_sops_file(with_sops("two.json", sops__version="3.10.0"))),
        ("SOPS-STATED-HEADER", read_sops_file(with_sops("two.json", asl_sops_bundle__domain_id="me.exampl"))),
        ("SOPS-STATED-HEADER", read_sops_file(with_sops("two.json", asl_sops_bundle__purpose="rescue"))),
        ("SOPS-STATED-FILE", read_sops_file(with_sops("two.json", sops__lastmodified="2026-01-01T00:00:00Z"))),
    ],
)
def test_what_sops_does_not_notice_is_noticed_without_a_key(check_id: str, file: SopsFile) -> None:
    assert check_id in failed(*check_statement(STATEMENT, file))
    assert "SOPS-STATED-FILE" in failed(*check_statement(STATEMENT, file))


def test_each_part_of_a_statement_is_held_against_the_file() -> None:
    wrong = {
        "SOPS-STATED-FILE": replace(STATEMENT, size=1),
        "SOPS-STATED-HEADER": replace(STATEMENT, header=replace(HEADER, created_at="2026-01-18T00:00:00Z")),
        "SOPS-STATED-RECIPIENTS": replace(STATEMENT, recipients=ONE_GROUP),
        "SOPS-STATED-VERSION": replace(STATEMENT, form=Form.SEALED),
    }

    assert {check_id: failed(*check_statement(each, TWO)) for check_id, each in wrong.items()} == {
        check_id: [check_id] for check_id in wrong
    }


def test_what_comes_out_is_held_against_the_statement() -> None:
    other = bundle(files=FILES | {"policy/policy.json": b"[]"})

    assert failed(check_contents(STATEMENT, other)) == ["SOPS-STATED-CONTENTS"]
    assert failed(check_contents(STATEMENT, bundle(replace(HEADER, domain_id="b")))) == ["SOPS-STATED-CONTENTS"]


@pytest.mark.parametrize(
    ("check_id", "groups", "threshold"),
    [
        ("SOPS-THRESHOLD", ((SITE_A,),), 2),
        ("SOPS-THRESHOLD", ((SITE_A,), (SITE_B,)), 0),
        ("SOPS-THRESHOLD", ((SITE_A,), (SITE_B,)), 1),
        ("SOPS-THRESHOLD", ((SITE_A,), (SITE_B,)), 3),
        ("SOPS-THRESHOLD", tuple((f"age1{n}",) for n in range(17)), 2),
        ("SOPS-RECIPIENTS", (tuple(f"age1{n}" for n in range(65)),), 1),
        ("SOPS-RECIPIENTS", (), 1),
        ("SOPS-RECIPIENTS", ((SITE_A,), ()), 2),
        ("SOPS-RECIPIENTS", ((SITE_A, SITE_B), (AUDITOR, SITE_A)), 2),
    ],
)
def test_a_quorum_that_would_not_hold_can_not_be_asked_for(
    check_id: str, groups: tuple[tuple[str, ...], ...], threshold: int
) -> None:
    with pytest.raises(Malformed) as refusal:
        Recipients(groups, threshold)
    assert refusal.value.check_id == check_id


def test_the_configuration_names_every_choice_of_sops() -> None:
    (rule,) = json.loads(TWO_GROUPS.config(Form.DOCUMENT))["creation_rules"]
    (sealed,) = json.loads(ONE_GROUP.config(Form.SEALED))["creation_rules"]

    assert (rule["shamir_threshold"], rule["encrypted_regex"]) == (2, "^contents$")
    assert rule["key_groups"] == [{"age": sorted((SITE_A, AUDITOR))}, {"age": [SITE_B]}]
    assert sealed == {"key_groups": [{"age": [SITE_A]}], "path_regex": ".*"}


def test_private_keys_travel_encrypted_for_rescue_and_when_allowed_only() -> None:
    locked = {"authority/root.priv.enc": AGE_HEAD + b"-> scrypt"}
    rescue = replace(HEADER, purpose=Purpose.RESCUE)
    bare = (b"-----BEGIN PRIVATE KEY-----", SIGNER.pkcs8, b"# mine\nAGE-SECRET-KEY-1ABC")

    assert failed(check_private_keys(BUNDLE, allowed=False)) == []
    assert failed(check_private_keys(bundle(rescue, locked), allowed=True)) == []
    assert failed(check_private_keys(bundle(rescue, locked), allowed=False)) == ["SOPS-PRIVATE-KEY"]
    assert failed(check_private_keys(bundle(HEADER, locked), allowed=True)) == ["SOPS-PRIVATE-KEY"]
    for key in bare:
        for name in ("authority/root.priv.enc", "optional/notes/x"):
            assert failed(check_private_keys(bundle(rescue, {name: key}), allowed=True)) == ["SOPS-PRIVATE-KEY"]
    for key in (locked["authority/root.priv.enc"], b"-----BEGIN AGE ENCRYPTED FILE-----"):
        renamed = bundle(HEADER, {"optional/notes/x": key})
        assert failed(check_private_keys(renamed, allowed=True)) == ["SOPS-PRIVATE-KEY"]
    empty = bundle(rescue, {"authority/root.priv.enc": b"no age file"})
    assert failed(check_private_keys(empty, allowed=True)) == ["SOPS-PRIVATE-KEY"]


@pytest.mark.parametrize(
    ("check_id", "files"),
    [
        ("SOPS-BUNDLE-LEAF", {"policy/a": b""}),
        ("SOPS-BUNDLE-SCHEMA", {"a": b"x"}),
        ("SOPS-BUNDLE-SCHEMA", {"optional/a": b"x"}),
        ("SOPS-BUNDLE-SCHEMA", {"policy/../a": b"x"}),
        ("SOPS-BUNDLE-SCHEMA", {"policy/a b": b"x"}),
        ("SOPS-BUNDLE-SIZE", {f"policy/{number}": b"x" for number in range(4097)}),
        ("SOPS-BUNDLE-SIZE", {"policy/a": bytes(MOST_BYTES + 1)}),
        ("SOPS-BUNDLE-MANIFEST", {"policy/a": b"x"}),
    ],
)
def test_a_bundle_that_sops_would_not_keep_whole_is_never_made(check_id: str, files: dict[str, bytes]) -> None:
    with pytest.raises(Malformed) as refusal:
        Bundle(HEADER, files, BUNDLE.envelope)
    assert refusal.value.check_id == check_id


def test_a_rehearsals_bundle_is_no_real_one() -> None:
    rehearsed = Bundle(HEADER, FILES, Envelope(MANIFEST.rehearsal_type, BUNDLE.envelope.payload).signed_by(SIGNER))

    with pytest.raises(Malformed) as refusal:
        read_bundle(rehearsed.to_bytes())
    assert refusal.value.check_id == "DSSE-PAYLOAD-TYPE"
    assert read_bundle(rehearsed.to_bytes(), rehearsal=True) == rehearsed
