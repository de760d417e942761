"""Exchange by USB: what a stick brings is held against its manifest, what it takes away against the signed list."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace

import yaml
from hypothesis import given
from hypothesis import strategies as some

from asl_authority.errors import Malformed
from asl_authority.values.dsse import Envelope, check_signatures, read_envelope
from asl_authority.values.finding import Finding
from asl_authority.values.pel import read_program
from asl_authority.values.policy import read_hash_file
from asl_authority.values.strict_yaml import RULES, YamlLimits, read_yaml
from asl_authority.values.usb_exchange import (
    KIND,
    MOST_BYTES,
    MOST_INPUTS,
    REQUIRED,
    check_append_only,
    check_inputs,
    check_policy_hash,
    check_program,
    check_replay,
    check_response,
    check_signed,
    check_tree,
    read_manifest,
    read_program_yaml,
    read_request,
)
from support.samples.pel import PROGRAM, SMALL
from support.samples.usb_exchange import (
    BY_HAND,
    FILES,
    PROGRAM_MEANT,
    PROGRAM_YAML,
    RECEIPT_FILE,
    REQUEST,
    REQUESTER,
    RESPONSE,
)

TREE = {**dict.fromkeys(REQUIRED, 100), "meta/notes.txt": 5, "input-artifacts/a.bin": 10}
SIMPLE = some.text(some.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=12)


def failed(*findings: Finding) -> list[str]:
    return [finding.check_id for finding in findings if not finding.ok]


def test_a_manifest_by_hand_means_the_canonical_one_and_what_we_write_does_too() -> None:
    assert read_manifest(BY_HAND) == read_manifest(REQUEST.to_yaml()) == read_request(REQUEST.to_bytes()) == REQUEST


def test_another_yaml_reader_sees_the_same_in_what_we_write() -> None:
    members = yaml.safe_load(REQUEST.to_yaml())

    assert {**members, "type": KIND.type} == json.loads(REQUEST.to_bytes())


def test_a_program_in_yaml_means_the_canonical_one() -> None:
    assert read_program_yaml(PROGRAM_YAML) == read_program(PROGRAM_MEANT.encode())


@given(some.dictionaries(SIMPLE, SIMPLE | some.booleans() | some.integers(-(2**52), 2**52), max_size=4))
def test_strict_yaml_reads_json_as_what_it_says(value: dict[str, object]) -> None:
    assert read_yaml(json.dumps(value, ensure_ascii=False).encode(), YamlLimits()) == value


@given(some.text(max_size=30) | some.binary(max_size=30))
def test_any_text_means_the_same_to_the_full_reader_or_is_refused(text: str | bytes) -> None:
    data = text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")
    value, refused = None, ""
    try:
        value = read_yaml(data)
    except Malformed as refusal:
        refused = refusal.check_id

    assert refused in {rule.check_id for rule in RULES} if refused else yaml.safe_load(data) == value


def test_the_tree_of_a_request_has_its_four_files_and_nothing_foreign() -> None:
    assert failed(*check_tree(TREE)) == []
    for name in ("autorun.inf", "input-artifacts/.x", "input-artifacts/a/b", "input-artifacts/", "meta/other", "../x"):
        assert failed(*check_tree(TREE | {name: 1})) == ["USB-REQUEST-TREE"], name
    for name in REQUIRED:
        assert failed(*check_tree({other: 1 for other in TREE if other != name})) == ["USB-REQUEST-TREE"], name


def test_a_stick_with_too_many_files_or_bytes_is_refused() -> None:
    many = {f"input-artifacts/{n}": 0 for n in range(MOST_INPUTS)}

    assert failed(*check_tree(TREE | many)) == ["USB-LIMITS"]
    assert failed(*check_tree(TREE | {"input-artifacts/a.bin": MOST_BYTES})) == ["USB-LIMITS"]


def test_the_file_policy_hash_holds_what_the_manifest_names() -> None:
    held = read_hash_file(f"{REQUEST.policy_hash}\n".encode())

    assert failed(check_policy_hash(REQUEST, held)) == []
    assert failed(check_policy_hash(replace(REQUEST, policy_hash="0" * 64), held)) == ["USB-POLICY-HASH-EQUAL"]


def test_a_manifest_is_held_against_program_inputs_and_used_ids() -> None:
    inputs = PROGRAM.inputs

    assert failed(check_program(REQUEST, PROGRAM), check_inputs(REQUEST, inputs), check_replay(REQUEST, ())) == []
    assert failed(check_program(REQUEST, SMALL)) == ["USB-PROGRAM-EQUAL"]
    assert failed(check_inputs(REQUEST, inputs[1:])) == ["USB-INPUTS-EQUAL"]
    assert failed(check_inputs(REQUEST, (*inputs, "0" * 64))) == ["USB-INPUTS-EQUAL"]
    assert failed(check_replay(REQUEST, {REQUEST.request_id})) == ["USB-REPLAY"]


def test_the_signature_covers_the_canonical_manifest_and_not_its_yaml() -> None:
    sig = Envelope(KIND.payload_type, REQUEST.to_bytes()).signed_by(REQUESTER)
    keys = {REQUESTER.public.key_id: REQUESTER.public}
    envelope = read_envelope(sig.to_bytes(), KIND.payload_type)

    assert failed(check_signed(read_manifest(BY_HAND), envelope), *check_signatures(envelope, keys)) == []
    other = replace(REQUEST, signer_hint="someone else")
    assert failed(check_signed(other, envelope)) == ["USB-SIGNED-MANIFEST"]


def test_a_response_is_held_against_its_request_receipt_and_files() -> None:
    assert failed(*check_response(RESPONSE, REQUEST, RECEIPT_FILE, FILES)) == []
    other = replace(REQUEST, created_at="2026-01-18T00:00:00Z")
    assert failed(*check_response(RESPONSE, other, RECEIPT_FILE, FILES)) == ["USB-RESPONSE-REQUEST"]
    assert failed(*check_response(RESPONSE, REQUEST, b"x", FILES)) == ["USB-RESPONSE-RECEIPT"]
    for files in ({}, FILES | {"more": b""}, dict.fromkeys(FILES, b"changed")):
        assert failed(*check_response(RESPONSE, REQUEST, RECEIPT_FILE, files)) == ["USB-RESPONSE-FILES"]


def test_a_response_only_grows() -> None:
    first = RESPONSE.published[0]
    less = replace(RESPONSE, published=(first,))
    swapped = replace(RESPONSE, published=(replace(first, sha256=hashlib.sha256(b"").hexdigest()),))

    assert failed(check_append_only(less, RESPONSE)) == []
    assert failed(check_append_only(RESPONSE, less)) == ["USB-RESPONSE-APPEND-ONLY"]
    assert failed(check_append_only(less, swapped)) == ["USB-RESPONSE-APPEND-ONLY"]
