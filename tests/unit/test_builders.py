"""The builders file: who counts, once each, and what no threshold can be made of."""

from __future__ import annotations

from pathlib import Path

import pytest

from asl_authority.values.builders import read_builders
from asl_image.builders import load_builders, sealed_text
from asl_image.errors import ConfigError
from asl_image.publickey import PublicKey
from support.signers import builders_file, spki_of

ALICE, BOB, CAROL = (PublicKey(bytes([number] * 32)) for number in (3, 4, 5))


def problems_of(path: Path, threshold: int | None = None) -> str:
    with pytest.raises(ConfigError) as caught:
        load_builders(path, threshold)
    return "\n".join((str(caught.value), *caught.value.details))


def test_a_builder_is_found_by_each_of_their_keys(tmp_path: Path) -> None:
    keys = {"alice": [spki_of(ALICE.raw), CAROL.ssh_line + " at home"], "bob": [BOB.ssh_line]}
    builders = load_builders(builders_file(tmp_path / "b.yaml", keys, 2))

    assert [builders.owner(key) for key in (ALICE, CAROL, BOB)] == ["alice", "alice", "bob"]
    assert builders.owner(PublicKey(bytes([9] * 32))) is None
    assert builders.owner(PublicKey(ALICE.raw, "ssh:")) is None
    assert builders.key_named(CAROL.key_id) == CAROL


def test_a_security_key_signs_no_envelope(tmp_path: Path) -> None:
    builders = load_builders(builders_file(tmp_path / "b.yaml", {"alice": [PublicKey(ALICE.raw, "ssh:").ssh_line]}))

    assert builders.key_named(ALICE.key_id) is None


@pytest.mark.parametrize("threshold", [0, 3, -1])
def test_a_threshold_that_builders_cannot_reach_or_that_means_nothing_is_refused(
    tmp_path: Path, threshold: int
) -> None:
    path = builders_file(tmp_path / "b.yaml", {"alice": [ALICE.ssh_line], "bob": [BOB.ssh_line]})

    assert load_builders(path, 2).threshold == 2
    assert f"the threshold is {threshold} and there are 2 builders" in problems_of(path, threshold)


@pytest.mark.parametrize("other", [ALICE, PublicKey(ALICE.raw, "ssh:")])
def test_builders_who_share_a_key_are_named_whatever_its_form(tmp_path: Path, other: PublicKey) -> None:
    keys = {"alice": [spki_of(ALICE.raw)], "bob": [BOB.ssh_line, other.ssh_line]}

    assert f"alice and bob share the key {ALICE.key_id}" in problems_of(builders_file(tmp_path / "b.yaml", keys))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("threshold: 1\nbuilders: [{name: a, keys: [{ssh: x}]}]", "b.yaml:1:1: format: missing"),
        ("format: asl-image.builders/2\nthreshold: 1\nbuilders: []", "not one of: asl-image.builders/1"),
        ("format: asl-image.builders/1\nthreshold: 1\nbuilders: []", "builders"),
        ("format: asl-image.builders/1\nthreshold: 1\nbuilders:\n- {name: a, keys: []}", "b.yaml:4:19"),
        ("format: asl-image.builders/1\nthreshold: 1\nbuilders:\n- {name: A, keys: [{ssh: x}]}", "builders.name: 'A'"),
        ("format: asl-image.builders/1\nthreshold: 1\nbuilders:\n- {name: a, keys: [{ssh: x}]}", "not one line of"),
        ("format: asl-image.builders/1\nthreshold: 1\nbuilders:\n- {name: a, keys: [{}]}", "either spki or ssh"),
        ("format: asl-image.builders/1\nthreshold: 1\nbuilders:\n- {name: a, keys: [{spki: MCow}]}", "b.yaml:4:20"),
        ("format: asl-image.builders/1\nthreshold: 1\nbuilders:\n- {name: a, kyes: []}", "did you mean 'keys'?"),
    ],
)
def test_a_file_that_is_not_well_formed_is_told_with_its_place(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "b.yaml"
    path.write_text(f"{text}\n")

    assert said in problems_of(path)


def test_a_name_that_stands_twice_is_refused(tmp_path: Path) -> None:
    path = builders_file(tmp_path / "b.yaml", {"alice": [ALICE.ssh_line], "bob": [BOB.ssh_line]})
    path.write_text(path.read_text().replace("name: bob", "name: alice"))

    assert "alice is named twice" in problems_of(path)


def test_the_sealed_list_is_read_by_the_authority_and_says_whom_it_leaves_out(tmp_path: Path) -> None:
    keys = {"bob": [spki_of(BOB.raw), ALICE.ssh_line], "alice": [spki_of(CAROL.raw)]}

    text, left_out = sealed_text(load_builders(builders_file(tmp_path / "b.yaml", keys, 2)), "b.yaml")
    read = read_builders(text.encode())

    assert read.to_bytes() == text.encode()
    assert (read.threshold, read.owners()) == (2, {CAROL.key_id: "alice", BOB.key_id: "bob"})
    assert left_out == (f"bob {ALICE.key_id}",)


def test_a_builder_without_a_key_for_envelopes_can_not_be_sealed_in(tmp_path: Path) -> None:
    builders = load_builders(builders_file(tmp_path / "b.yaml", {"alice": [ALICE.ssh_line]}))

    with pytest.raises(ConfigError, match="alice has no key that signs envelopes"):
        sealed_text(builders, "b.yaml")
