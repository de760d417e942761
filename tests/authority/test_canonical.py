"""Canonical JSON: what is written is RFC 8785's, what is read is nothing else."""

from __future__ import annotations

import json

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as some

from asl_authority.errors import Malformed
from asl_authority.values.canonical import MOST, RULES, Limits, canonical_bytes, read_canonical

VALUES = some.recursive(
    some.booleans() | some.integers(-MOST, MOST) | some.text(some.characters(exclude_categories=["Cs"])),
    lambda inner: some.lists(inner, max_size=4) | some.dictionaries(some.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)
OBJECTS = some.dictionaries(some.text(some.characters(exclude_categories=["Cs"]), max_size=6), VALUES, max_size=6)

# RFC 8785, section 3.2.3: sorting by UTF-16 units, where code points would sort otherwise.
RFC_SORTED = (
    '{"\\r":"Carriage Return","1":"One","\x80":"Control\x7f","\xf6":"Latin Small Letter O With Diaeresis",'
    '"\u20ac":"Euro Sign","\U0001f600":"Emoji: Grinning Face","\ufb33":"Hebrew Letter Dalet With Dagesh"}'
)

BAD = [
    ("JSON-CANONICAL", b'{"a": 1}'),
    ("JSON-CANONICAL", b'{"b":1,"a":1}'),
    ("JSON-CANONICAL", b'{"a":"\\u0041"}'),
    ("JSON-CANONICAL", b'{"a":"\\/"}'),
    ("JSON-CANONICAL", b'{"a":-0}'),
    ("JSON-CANONICAL", b'{"a":1}\n'),
    ("JSON-CANONICAL", b' {"a":1}'),
    ("JSON-TEXT", b'{"a":1,"a":1}'),
    ("JSON-TEXT", b'{"x":{"a":1,"a":2}}'),
    ("JSON-TEXT", b'{"a":1}{}'),
    ("JSON-TEXT", b'{"a":1'),
    ("JSON-TEXT", b"\xef\xbb\xbf{}"),
    ("JSON-TEXT", b'{"a":"\xff"}'),
    ("JSON-TEXT", b'{"a":"\\ud800"}'),
    ("JSON-TEXT", b'{"a":01}'),
    ("JSON-TEXT", b""),
    ("JSON-VALUES", b'{"a":1.0}'),
    ("JSON-VALUES", b'{"a":1e3}'),
    ("JSON-VALUES", b'{"a":null}'),
    ("JSON-VALUES", b'{"a":[{"b":null}]}'),
    ("JSON-VALUES", b'{"a":NaN}'),
    ("JSON-VALUES", b'{"a":-Infinity}'),
    ("JSON-VALUES", b'{"a":9007199254740992}'),
    ("JSON-VALUES", b'{"a":' + b"9" * 5000 + b"}"),
    ("JSON-OBJECT", b"[]"),
    ("JSON-OBJECT", b'"a"'),
    ("JSON-DEPTH", b'{"a":' * 17 + b"1" + b"}" * 17),
    ("JSON-COUNT", b'{"a":[' + b"1," * 60_000 + b"1]}"),
    ("JSON-SIZE", b'{"a":"' + b"x" * (1 << 20) + b'"}'),
]


@given(OBJECTS)
def test_what_is_written_is_what_rfc8785_writes_and_is_read_again(value: dict[str, object]) -> None:
    written = canonical_bytes(value)

    assert written == rfc8785.dumps(value)  # type: ignore[arg-type]
    assert read_canonical(written) == value


def test_the_samples_of_the_rfc_keep_their_order() -> None:
    assert canonical_bytes(json.loads(RFC_SORTED)) == RFC_SORTED.encode()
    assert read_canonical(RFC_SORTED.encode())["1"] == "One"


@pytest.mark.parametrize(("check_id", "data"), BAD, ids=[f"{check} {data[:24]!r}" for check, data in BAD])
def test_what_another_reader_might_read_otherwise_is_refused_by_name(check_id: str, data: bytes) -> None:
    with pytest.raises(Malformed) as refusal:
        read_canonical(data)

    assert refusal.value.check_id == check_id


def test_brackets_in_strings_do_not_count_as_depth() -> None:
    assert read_canonical(b'{"a":"[[[[{{\\"[["}', Limits(depth=2))["a"] == '[[[[{{"[['


def test_a_word_that_looks_like_null_or_a_long_number_is_fine_in_a_string() -> None:
    assert read_canonical(b'{"a":"null 99999999999999999999"}')


@pytest.mark.parametrize("value", [{"a": 1.5}, {"a": None}, {1: "a"}, {"a": MOST + 1}, {"a": b"x"}])
def test_we_never_write_what_we_would_not_read(value: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"has|is a"):
        canonical_bytes(value)


@given(some.binary(max_size=64))
def test_any_bytes_are_read_or_refused_by_a_rule(data: bytes) -> None:
    try:
        again = canonical_bytes(read_canonical(data))
    except Malformed as refusal:
        again = data if refusal.check_id in {rule.check_id for rule in RULES} else b""
    assert again == data
