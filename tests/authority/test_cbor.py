"""CBOR views: cbor2 reads and writes the same, in diagnostic form what people expect, and a bomb gets nowhere."""

from __future__ import annotations

from typing import Any

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as some

from asl_authority.errors import Malformed
from asl_authority.values import admission, cbor_views, dam
from asl_authority.values.canonical import RULES as JSON_RULES
from asl_authority.values.canonical import Limits
from asl_authority.values.cbor import RULES, cbor_bytes, read_cbor
from asl_authority.values.cbor_views import DAM_VIEW, DECISION_VIEW, REQUEST_VIEW, View, read_dam_view
from asl_authority.values.ed25519 import RULES as KEY_RULES
from support.domains import admission_record, admission_request
from support.domains import dam as a_dam

IDS = {
    rule.check_id
    for rules in (RULES, JSON_RULES, KEY_RULES, cbor_views.RULES, dam.RULES, admission.RULES)
    for rule in rules
}
LIMITS = Limits(size=1 << 16, depth=8)
NUMBERS = some.integers(0, 2**64 - 1)
VALUES = some.recursive(
    NUMBERS | some.binary(max_size=300) | some.text(max_size=8),
    lambda inner: some.lists(inner, max_size=4) | some.dictionaries(NUMBERS, inner, max_size=4),
    max_leaves=8,
)

# RFC 8949, appendix A: the examples of the types that are used here.
EXAMPLES = [
    ("00", 0),
    ("17", 23),
    ("1818", 24),
    ("1903e8", 1000),
    ("1a000f4240", 1000000),
    ("1b000000e8d4a51000", 1000000000000),
    ("1bffffffffffffffff", 2**64 - 1),
    ("40", b""),
    ("4401020304", b"\1\2\3\4"),
    ("6161", "a"),
    ("62c3bc", "\u00fc"),
    ("64f0908591", "\U00010151"),
    ("80", []),
    ("8301820203820405", [1, [2, 3], [4, 5]]),
    ("a0", {}),
    ("a201020304", {1: 2, 3: 4}),
]
# The same appendix: what is well-formed CBOR and has no place here.
FOREIGN = ["20", "f90000", "fb3ff199999999999a", "f4", "f5", "f6", "f7", "c074323031332d30332d32315432303a30343a30305a"]
FOREIGN += ["c249010000000000000000", "d82a00", "f818", "a26161016162820203"]
INDEFINITE = ["5f42010243030405ff", "7f657374726561646d696e67ff", "9fff", "bf01020304ff", "1f"]


@pytest.mark.parametrize(("data", "value"), EXAMPLES)
def test_the_examples_of_the_rfc_are_read_and_written(data: str, value: object) -> None:
    assert read_cbor(bytes.fromhex(data), LIMITS) == value
    assert cbor_bytes(value).hex() == data


@pytest.mark.parametrize("data", FOREIGN)
def test_types_that_no_view_needs_are_refused_before_anything_is_made_of_them(data: str) -> None:
    with pytest.raises(Malformed) as refusal:
        read_cbor(bytes.fromhex(data), LIMITS)

    assert refusal.value.check_id == "CBOR-TYPES"


@pytest.mark.parametrize("data", INDEFINITE)
def test_indefinite_lengths_are_refused(data: str) -> None:
    with pytest.raises(Malformed) as refusal:
        read_cbor(bytes.fromhex(data), LIMITS)

    assert refusal.value.check_id == "CBOR-DETERMINISTIC"


@given(VALUES)
def test_any_value_is_read_as_it_was_written(value: object) -> None:
    assert read_cbor(cbor_bytes(value), LIMITS) == value


@given(some.binary(max_size=40) | VALUES.map(cbor_bytes).map(lambda data: data[:-1] + b"\x18"))
def test_any_bytes_are_read_or_refused_by_a_rule(data: bytes) -> None:
    try:
        again = cbor_bytes(read_cbor(data, LIMITS))
    except Malformed as refusal:
        again = data if refusal.check_id in IDS else b""
    assert again == data


@pytest.mark.parametrize(
    ("check_id", "data"),
    [
        ("CBOR-DEPTH", b"\x81" * 60_000),
        ("CBOR-SIZE", b"\x00" * (1 << 17)),
        ("CBOR-WHOLE", b"\x9b" + b"\xff" * 8),
        ("CBOR-WHOLE", b"\x5b" + b"\xff" * 8),
    ],
)
def test_a_bomb_is_refused_by_what_it_claims(check_id: str, data: bytes) -> None:
    with pytest.raises(Malformed) as refusal:
        read_cbor(data, LIMITS)

    assert refusal.value.check_id == check_id


def diagnostic(value: Any) -> str:
    """RFC 8949's diagnostic notation of what cbor2, by itself, has read."""
    if isinstance(value, bytes):
        return f"h'{value.hex()}'"
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, list):
        return f"[{', '.join(map(diagnostic, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{diagnostic(k)}: {diagnostic(v)}' for k, v in value.items())}}}"
    return str(value)


def test_a_dam_in_diagnostic_form_is_what_the_json_says_with_bytes_for_text() -> None:
    body = a_dam().body
    people = ", ".join(
        f"{{1: h'{each.principal_id}', 2: h'{each.public_key.raw.hex()}',"
        f" 3: [{', '.join(f'{chr(34)}{role}{chr(34)}' for role in each.roles)}]}}"
        for each in body.principals
    )

    assert diagnostic(cbor2.loads(DAM_VIEW.of(body.to_bytes()))) == (
        f"{{1: \"me.example\", 2: 1, 3: h'{body.root_key.raw.hex()}', 4: [{people}], 5: h'{body.policy_hash}'}}"
    )


BODIES: list[tuple[View, bytes]] = [
    (DAM_VIEW, a_dam().body.to_bytes()),
    (REQUEST_VIEW, admission_request().body.to_bytes()),
    (DECISION_VIEW, admission_record().to_bytes()),
]


@pytest.mark.parametrize(("view", "body"), BODIES, ids=[view.kind.name for view, _ in BODIES])
def test_a_view_is_what_cbor2s_canonical_encoder_writes_and_leads_back_to_the_body(view: View, body: bytes) -> None:
    data = view.of(body)

    assert cbor2.dumps(cbor2.loads(data), canonical=True) == data
    assert view.body(data) == body
    assert view.check(data, body).ok


@pytest.mark.parametrize(("view", "body"), BODIES, ids=[view.kind.name for view, _ in BODIES])
def test_a_view_of_another_body_is_named(view: View, body: bytes) -> None:
    data = view.of(body)
    for other in (data[:-1] + bytes((data[-1] ^ 1,)), data + b"\0", b""):
        finding = view.check(other, body)
        assert (finding.check_id, finding.ok) == ("VIEW-EQUAL", False)


@pytest.mark.parametrize(
    ("check_id", "data"),
    [
        ("CBOR-SIZE", bytes((1 << 20) + 1)),
        ("CBOR-DEPTH", b"\xa1\x01" + b"\x81" * 20 + b"\x01"),
        ("CBOR-WHOLE", DAM_VIEW.of(a_dam().body.to_bytes()) + b"\0"),
        ("CBOR-TYPES", b"\xa1\x01\x20"),
        ("CBOR-DETERMINISTIC", b"\xa1\x01\x18\x01"),
        ("VIEW-SCHEMA", b"\xa1\x01\x01"),
        ("", DAM_VIEW.of(a_dam(version=2).body.to_bytes())),
    ],
)
def test_what_is_no_view_at_all_is_named_by_the_rule_that_it_breaks(check_id: str, data: bytes) -> None:
    body = a_dam().body.to_bytes()
    *before, last = DAM_VIEW.judge(data, body)

    assert (last.check_id, last.ok) == ("VIEW-EQUAL", False)
    assert [(each.check_id, each.ok) for each in before] == ([(check_id, False)] if check_id else [])
    assert DAM_VIEW.judge(DAM_VIEW.of(body), body) == (DAM_VIEW.check(DAM_VIEW.of(body), body),)


def test_a_view_of_a_newer_dam_is_not_believed_for_the_older() -> None:
    assert not DAM_VIEW.check(DAM_VIEW.of(a_dam(version=2).body.to_bytes()), a_dam().body.to_bytes()).ok


@given(some.binary(max_size=120), some.integers(0, 200))
def test_any_changed_view_is_a_dam_or_refused_by_a_rule(piece: bytes, at: int) -> None:
    whole = DAM_VIEW.of(a_dam().body.to_bytes())
    data = whole[:at] + piece + whole[at + len(piece) :]
    try:
        again = DAM_VIEW.of(read_dam_view(data).to_bytes())
    except Malformed as refusal:
        again = data if refusal.check_id in IDS else b""
    assert again == data


def test_a_view_that_is_larger_than_any_dam_is_not_read() -> None:
    """Here and not among the published vectors, where its megabyte of zeros would be two of text."""
    with pytest.raises(Malformed) as refusal:
        read_dam_view(b"\xa1\x01\x5a\x00\x10\x00\x00" + bytes(1 << 20))

    assert refusal.value.check_id == "CBOR-SIZE"
