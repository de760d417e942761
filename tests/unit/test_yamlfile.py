"""Strict YAML: one meaning, a place for everything, and what is written reads back the same."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from asl_image.errors import ConfigError
from asl_image.yamlfile import dump_flow, dump_yaml, load_yaml, read_yaml

FILE = Path("x.yaml")


def problems(text: str) -> list[str]:
    return [str(problem) for problem in read_yaml(text, FILE)[1]]


def test_values_keep_their_types_and_places() -> None:
    root, found = read_yaml('a: text\nb:\n  - 5\n  - true\n  - "010"\nc: {d: -7, e: 1:2.39-1+b1}\n', FILE)

    assert not found
    assert root.plain() == {"a": "text", "b": [5, True, "010"], "c": {"d": -7, "e": "1:2.39-1+b1"}}
    assert str(root.at(("b", 1)).place) == "x.yaml:4:5"
    assert str(root.at(("c", "e")).key_place) == "x.yaml:6:12"


@pytest.mark.parametrize("word", ["on", "Off", "yes", "NO", "y", "N", "True", "FALSE"])
def test_a_word_that_some_readers_take_for_a_truth_value_is_refused(word: str) -> None:
    assert problems(f"a: {word}\n") == [
        f"x.yaml:1:4: a: {word} is a truth value to some readers of YAML: write true or false, or quote it"
    ]


@pytest.mark.parametrize(
    ("word", "meaning"),
    [
        ("010", "an octal number"),
        ("0o17", "an octal number"),
        ("0x1F", "a hexadecimal number"),
        ("0b11", "a binary number"),
        ("1:30", "a number in base 60"),
        ("2026-01-02", "a date"),
        ("2026-01-02T03:04:05Z", "a date"),
        ("1.10", "a number of another kind"),
        ("1e5", "a number of another kind"),
        ("1_000", "a number of another kind"),
        ("+5", "a number of another kind"),
        ("1234567890123456789", "a number of another kind"),
        (".inf", "a number"),
        ("=", "an instruction"),
    ],
)
def test_a_number_that_readers_disagree_about_is_refused_with_its_other_meaning(word: str, meaning: str) -> None:
    assert problems(f"a: {word}\n") == [f"x.yaml:1:4: a: {word} is {meaning} to some readers of YAML: quote it"]
    assert problems(f"a: '{word}'\n") == []


@pytest.mark.parametrize("word", ["~", "null", "NULL"])
def test_null_is_refused(word: str) -> None:
    assert problems(f"a: {word}\n") == [f"x.yaml:1:4: a: {word} means no value: leave the key out, or quote it"]


def test_a_key_without_a_value_is_refused() -> None:
    assert problems("a:\nb: 1\n") == ["x.yaml:1:3: a: no value: write one, or leave the key out"]


def test_the_second_of_two_equal_keys_is_refused_and_the_first_is_named() -> None:
    assert problems("a: {b: 1}\nc: 2\na: 3\n") == ["x.yaml:3:1: a: given twice (first in line 1)"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: &x 1\n", "x.yaml:1:4: a: &x: anchors are not used"),
        ("a: *x\n", "x.yaml:1:4: a: *x: write the value out; aliases are not used"),
        ("a: !!str 1\n", "x.yaml:1:4: a: tag:yaml.org,2002:str: tags are not used"),
        ("<<: {a: 1}\n", "x.yaml:1:1: <<: << is an instruction to some readers of YAML: quote it"),
        ("on: 1\n", "x.yaml:1:1: on: on is a truth value to some readers of YAML: write true or false, or quote it"),
        ("5: 1\n", "x.yaml:1:1: the key 5 must be quoted"),
        ("? [a]\n: 1\n", "x.yaml:1:3: a key is text, not a list or a mapping"),
        ("a: 1\n---\nb: 2\n", "x.yaml:2:1: a second document starts here; a file is one document"),
        ("%YAML 1.1\n---\na: 1\n", "x.yaml:1:1: directives (%) are not used here"),
        ("a:\n\t- b\n", "x.yaml:2:1: a tab stands here: indent with spaces"),
        ("a: b: c\n", "x.yaml:1:5: not YAML: mapping values are not allowed here"),
        ("a: \x07\n", "x.yaml:1:4: the character U+0007 may not stand here"),
        ("- a\n", "x.yaml:1:1: a mapping (key: value) is expected"),
        ("# nothing\n", "x.yaml:1:1: the file is empty"),
        ("a: " + "[" * 40 + "]" * 40, "x.yaml:1:28: nested more than 24 levels deep"),
    ],
)
def test_what_is_not_our_yaml_is_refused_where_it_stands(text: str, said: str) -> None:
    assert problems(text) == [said]


def test_all_problems_of_a_file_are_told_at_once_in_the_order_of_lines(tmp_path: Path) -> None:
    file = tmp_path / "x.yaml"
    file.write_text("a: on\nb: 010\na: 1\n")

    with pytest.raises(ConfigError) as caught:
        load_yaml(file)

    assert str(caught.value) == f"{file}: 3 problems"
    assert [line.split(": ")[0] for line in caught.value.details] == [f"{file}:1:4", f"{file}:2:4", f"{file}:3:1"]


def test_bytes_that_are_no_text_are_refused_where_they_stand(tmp_path: Path) -> None:
    file = tmp_path / "x.yaml"
    file.write_bytes(b"a: 1\nb: \xff\n")

    with pytest.raises(ConfigError) as caught:
        load_yaml(file)

    assert caught.value.details == (f"{file}:2:4: not UTF-8 text",)


texts = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=12) | st.sampled_from(
    ["on", "010", "1:30", "~", "", "-x", "1.10", "true", "2026-01-02", "a: b", "#", "5", "y"]
)
values = st.recursive(
    texts | st.booleans() | st.integers(-(10**17), 10**17),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(texts, values, max_size=4))
def test_what_is_written_reads_back_the_same(value: dict[str, object]) -> None:
    text = dump_yaml(value)
    root, found = read_yaml(text, FILE)

    assert not found
    assert root.plain() == value
    assert yaml.safe_load(text) == value  # and other readers agree


@given(st.dictionaries(texts, values, max_size=4))
def test_the_one_line_form_is_one_line_and_reads_back_the_same(value: dict[str, object]) -> None:
    text = dump_flow(value)
    root, found = read_yaml(text, FILE)

    assert "\n" not in text
    assert not found
    assert root.plain() == value


@pytest.mark.parametrize("value", [None, 1.5, b"x", {1, 2}])
def test_what_our_yaml_cannot_hold_is_not_written(value: object) -> None:
    with pytest.raises(TypeError, match="has no place in our YAML"):
        dump_yaml({"a": value})
