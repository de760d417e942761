"""A manifest counts when enough sealed builders signed it, and verifies just what is as it says."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from asl_authority.errors import Malformed
from asl_authority.operations.claim import judge
from asl_authority.operations.measure import measure, read_layers
from asl_authority.values.builders import Builder, Builders
from asl_authority.values.dsse import Envelope
from asl_authority.values.environment import Environment, Fact, Interface, Status, Tool
from asl_authority.values.image_manifest import read_image_manifest
from asl_authority.values.iso9660 import find_file, read_volume
from asl_authority.values.kernel_words import is_start_of, read_kernel_words
from asl_authority.values.reference import check_equal, hold_against
from asl_authority.values.verity import BLOCK, RootHash
from support.domains import secret
from support.sealed_machine import (
    ALICE,
    BOB,
    BUILDERS,
    CAROL,
    CMDLINE,
    FILES,
    IMAGE,
    ISO,
    SEALED,
    TEMPLATE,
    WORDS,
    SealedMachine,
    manifest_bytes,
    manifest_value,
    sha256,
    signed,
)

MANIFEST = manifest_bytes()
STRANGER = secret("nobody's builder")


def judged(*envelopes: bytes, manifest: bytes = MANIFEST, builders: Builders = BUILDERS) -> tuple[str, ...]:
    """The key ids that count, or the check that refuses."""
    try:
        found = judge(manifest, [(f"envelope {n}", each) for n, each in enumerate(envelopes)], builders)
    except Malformed as error:
        return (error.check_id,)
    return found.reference.signers


def ids(*keys: Any) -> tuple[str, ...]:
    return tuple(sorted(key.public.key_id for key in keys))


def test_two_of_three_builders_are_enough_in_one_envelope_or_in_two() -> None:
    assert judged(signed(MANIFEST, ALICE, BOB)) == ids(ALICE, BOB)
    assert judged(signed(MANIFEST, CAROL), signed(MANIFEST, ALICE)) == ids(ALICE, CAROL)
    assert judged(signed(MANIFEST, ALICE, BOB, STRANGER)) == ids(ALICE, BOB)


def test_a_builder_counts_once_however_many_keys_they_sign_with() -> None:
    keys = tuple(sorted((ALICE.public, CAROL.public), key=lambda key: key.text))
    two = Builders(2, (Builder("alice", keys), Builder("bob", (BOB.public,))))

    assert judged(signed(MANIFEST, ALICE, CAROL), builders=two) == ("REFERENCE-SIGNED",)
    assert judged(signed(MANIFEST, ALICE), signed(MANIFEST, ALICE)) == ("REFERENCE-SIGNED",)
    assert len(judged(signed(MANIFEST, ALICE, CAROL, BOB), builders=two)) == 2


def test_strangers_and_too_few_builders_are_not_enough() -> None:
    assert judged() == ("REFERENCE-SIGNED",)
    assert judged(signed(MANIFEST, ALICE)) == ("REFERENCE-SIGNED",)
    assert judged(signed(MANIFEST, ALICE, STRANGER)) == ("REFERENCE-SIGNED",)


def test_one_wrong_signature_or_another_manifest_spoils_all_of_it() -> None:
    good = Envelope("application/vnd.asl-image.manifest+json", MANIFEST).signed_by(ALICE, BOB, CAROL)
    wrong = replace(good.signatures[0], sig=bytes(64))
    other = manifest_bytes(profile="other")

    spoiled = replace(good, signatures=(wrong, *good.signatures[1:])).to_bytes()

    assert judged(spoiled) == ("DSSE-SIGNATURES",)
    assert judged(signed(MANIFEST, ALICE, BOB), signed(other, CAROL)) == ("DSSE-BODY-EQUAL",)
    assert judged(signed(MANIFEST, ALICE, BOB, payload_type="application/vnd.in-toto+json")) == ("DSSE-PAYLOAD-TYPE",)


def test_a_manifest_of_a_lock_that_nobody_reviewed_is_no_reference() -> None:
    renewed = manifest_bytes(lock={"state": "renewed", "sha256": "0" * 64, "tools_tree": "0" * 64})

    assert judged(signed(renewed, ALICE, BOB), manifest=renewed) == ("REFERENCE-REVIEWED",)


@pytest.mark.parametrize(
    ("manifest", "check_id"),
    [
        (b"", "MANIFEST-TEXT"),
        (MANIFEST.rstrip(b"\n"), "MANIFEST-TEXT"),
        (MANIFEST.replace(b"\n ", b"\n  "), "MANIFEST-TEXT"),
        (MANIFEST.replace(b'"epoch": 1', b'"epoch": 1,\n "epoch": 1'), "MANIFEST-TEXT"),
        (manifest_bytes(format="asl-image.manifest/2"), "MANIFEST-SCHEMA"),
        (manifest_bytes(stranger=1), "MANIFEST-SCHEMA"),
        (manifest_bytes(image="x"), "MANIFEST-SCHEMA"),
        (manifest_bytes(layers=[{**SEALED[0], "data_blocks": 0}]), "MANIFEST-SCHEMA"),
        (manifest_bytes(lock={"state": "lost", "sha256": "0" * 64, "tools_tree": "0" * 64}), "MANIFEST-SCHEMA"),
        (manifest_bytes(medium={"a": {"sha256": "0" * 64}}), "MANIFEST-SCHEMA"),
        (b"{" * 100_000, "JSON-DEPTH"),
    ],
)
def test_bytes_that_no_builder_writes_are_no_manifest(manifest: bytes, check_id: str) -> None:
    with pytest.raises(Malformed) as refusal:
        read_image_manifest(manifest)
    assert refusal.value.check_id == check_id


@given(some.binary(max_size=200))
def test_any_bytes_are_a_manifest_or_refused_by_a_rule(data: bytes) -> None:
    with pytest.raises(Malformed) as refusal:
        read_image_manifest(data)
    assert refusal.value.check_id


@pytest.fixture
def seen(tmp_path: Path) -> Environment:
    """The environment of a machine on which all is as the manifest says."""
    machine = SealedMachine(tmp_path)
    return measure(machine.root, machine.root / "asl-auth-host", read_layers(machine.root)).environment


REFERRED = ("image_id", "medium", "kernel", "initrd", "kernel_cmdline", "tools")


def test_everything_that_a_manifest_can_tell_is_verified_by_it(seen: Environment) -> None:
    held = hold_against(seen, read_image_manifest(MANIFEST))

    assert seen.having(Status.VERIFIED) == ()
    assert set(held.environment.having(Status.VERIFIED)) == {*REFERRED, *(f"layer {each['name']}" for each in SEALED)}
    assert check_equal(held).ok
    assert held.environment.differs_from(seen) == ()


@pytest.mark.parametrize(
    ("changes", "differences"),
    [
        ({"image": "0" * 64}, ("image_id",)),
        ({"iso": {"sha256": "0" * 64, "size": 1}}, ("medium",)),
        ({"medium": {"asl/initrd": {"sha256": sha256(FILES["asl/initrd"]), "size": 1}}}, ("kernel",)),
        ({"command_lines": {"a": TEMPLATE.replace("quiet", "loud")}}, ("kernel_cmdline",)),
        ({"command_lines": {"a": TEMPLATE.replace("iso_words", "other")}}, ("kernel_cmdline",)),
        ({"layers": [{**SEALED[0], "root_hash": "0" * 64}, *SEALED[1:]]}, ("layer base",)),
        ({"layers": SEALED[1:]}, ("layers", "layer base")),
        ({"packages": []}, ("tools (/usr/bin/age)",)),
        ({"tools": manifest_value()["tools"][:1]}, ("tools (/asl-auth-host/tools/versions/sops-3.11.0/sops)",)),
        (
            {"tools": [*manifest_value()["tools"], {"files": [], "kind": "project", "name": "x", "version": "1"}]},
            ("tools (x)",),
        ),
    ],
)
def test_what_is_otherwise_than_the_manifest_says_is_named_and_stays_measured(
    seen: Environment, changes: dict[str, object], differences: tuple[str, ...]
) -> None:
    held = hold_against(seen, read_image_manifest(manifest_bytes(**changes)))

    assert held.differences == differences
    assert (check_equal(held).check_id, check_equal(held).ok) == ("REFERENCE-EQUAL", False)
    assert not {name.partition(" (")[0] for name in differences} & set(held.environment.having(Status.VERIFIED))


def test_a_pinned_tool_with_other_bytes_is_named(seen: Environment) -> None:
    tools = tuple(replace(tool, sha256="0" * 64) if "sops" in tool.path else tool for tool in seen.tools.value or ())

    held = hold_against(replace(seen, tools=Fact(Status.MEASURED, tools)), read_image_manifest(MANIFEST))

    assert held.differences == ("tools (/asl-auth-host/tools/versions/sops-3.11.0/sops)",)


def test_a_program_that_no_manifest_knows_is_named(seen: Environment) -> None:
    more = (*(seen.tools.value or ()), Tool("/usr/bin/nc", "0" * 64, "1"))

    assert hold_against(replace(seen, tools=Fact(Status.MEASURED, more)), read_image_manifest(MANIFEST)).differences


def test_without_recomputed_layers_neither_they_nor_the_tools_in_them_are_verified(seen: Environment) -> None:
    blind = replace(seen, layers=tuple(replace(layer, recomputed=None) for layer in seen.layers))

    held = hold_against(blind, read_image_manifest(MANIFEST))

    assert check_equal(held).ok
    assert set(held.environment.having(Status.VERIFIED)) == {*REFERRED} - {"tools"}


def test_what_a_person_declared_is_never_verified(seen: Environment) -> None:
    declared = replace(seen, kernel=Fact(Status.DECLARED, seen.kernel.value))

    held = hold_against(declared, read_image_manifest(MANIFEST))

    assert held.environment.kernel.status is Status.DECLARED


@pytest.mark.parametrize(
    ("line", "starts"),
    [
        (CMDLINE, True),
        (CMDLINE.replace("BOOT_IMAGE=/asl/vmlinuz ", ""), True),
        (CMDLINE.replace("  ", " asl.iso=/images/a.iso "), True),
        (CMDLINE.replace("quiet", "quiet debug"), False),
        (CMDLINE + " init=/bin/sh", False),
        (CMDLINE.replace("asl.mode=host", "asl.mode=rehearsal"), False),
        (CMDLINE.replace(IMAGE, "0" * 64), False),
        ("", False),
    ],
)
def test_only_what_the_boot_menu_can_give_is_its_command_line(line: str, *, starts: bool) -> None:
    assert is_start_of(line, TEMPLATE) is starts


def test_the_serial_words_are_one_console_or_none() -> None:
    template = "quiet ${serial_words} console=tty0"

    assert is_start_of("quiet console=ttyS0,115200n8 console=tty0", template)
    assert is_start_of("quiet console=tty0", template)
    assert not is_start_of("quiet console=a console=b console=tty0", template)


@pytest.mark.parametrize(
    "line",
    [
        f"asl.image={IMAGE}",
        WORDS,
        f"asl.image={IMAGE} asl.image={IMAGE} {WORDS}",
        f"asl.image={IMAGE} {WORDS} asl.layer=x",
        f"asl.image={IMAGE} {WORDS} {WORDS}",
        f"asl.image={IMAGE[:-1]} {WORDS}",
    ],
)
def test_sealed_words_that_make_no_sense_are_refused(line: str) -> None:
    with pytest.raises(Malformed) as refusal:
        read_kernel_words(line)
    assert refusal.value.check_id == "CLAIM-SEAL"


def test_a_line_without_sealed_words_is_that_of_another_machine() -> None:
    assert read_kernel_words("root=/dev/sda1 quiet") is None


@pytest.mark.parametrize(("blocks", "root"), [(1, "one"), (128, "full"), (129, "next"), (128 * 128 + 1, "third")])
def test_a_root_hash_is_the_one_that_the_definition_gives(blocks: int, root: str) -> None:
    salt = root.encode()
    data = b"".join(number.to_bytes(4, "big") * (BLOCK // 4) for number in range(blocks))
    tree = RootHash(salt)
    for at in range(0, len(data), 50 * BLOCK):
        tree.add(data[at : at + 50 * BLOCK])

    level = data
    while len(level) != 32:
        hashed = [sha256(salt + level[at : at + BLOCK].ljust(BLOCK, b"\0")) for at in range(0, len(level), BLOCK)]
        level = bytes.fromhex("".join(hashed))
    assert tree.hexdigest() == level.hex()
    assert tree.blocks == blocks


def test_part_of_a_block_and_no_block_have_no_root_hash() -> None:
    with pytest.raises(ValueError, match="whole"):
        RootHash(b"").add(bytes(BLOCK - 1))
    with pytest.raises(ValueError, match="no block"):
        RootHash(b"").hexdigest()


def reader(data: bytes) -> Callable[[int, int], bytes]:
    return lambda at, size: data[at : at + size]


def test_files_are_found_on_the_medium_by_their_names() -> None:
    volume = read_volume(reader(ISO))

    assert volume.size == len(ISO)
    for name, content in FILES.items():
        place = find_file(reader(ISO), volume, tuple(name.split("/")))
        assert ISO[place.at : place.at + place.size] == content
    for path in (("asl", "other"), ("asl",), ("asl", "vmlinuz", "x")):
        with pytest.raises(Malformed):
            find_file(reader(ISO), volume, path)


@given(some.data())
def test_a_damaged_medium_is_read_or_refused_and_nothing_else(data: some.DataObject) -> None:
    at = data.draw(some.integers(16 * 2048, 20 * 2048 - 1))
    damaged = ISO[:at] + data.draw(some.binary(min_size=1, max_size=8)) + ISO[at + 1 :]
    try:
        place = find_file(reader(damaged), read_volume(reader(damaged)), ("asl", "vmlinuz"))
    except Malformed:
        return
    assert place.size >= 0


def test_an_interface_more_is_nothing_that_a_manifest_can_excuse(seen: Environment) -> None:
    more = replace(seen, interfaces=Fact(Status.MEASURED, (Interface("eth0", "up"),)))

    assert hold_against(more, read_image_manifest(MANIFEST)).environment.interfaces.status is Status.MEASURED


@pytest.mark.workstation
def test_the_manifests_reader_knows_the_members_that_its_builder_writes() -> None:
    from asl_authority.contract import MANIFEST_FORMAT, MANIFEST_PAYLOAD_TYPE
    from asl_authority.values.image_manifest import NAMES
    from asl_image.manifest import FORMAT, ImageManifest
    from asl_image.signable import PAYLOAD_TYPES

    assert set(NAMES) == set(ImageManifest.model_fields)
    assert FORMAT == MANIFEST_FORMAT
    assert PAYLOAD_TYPES["manifest"] == MANIFEST_PAYLOAD_TYPE
    assert json.loads(MANIFEST)["format"] == FORMAT
