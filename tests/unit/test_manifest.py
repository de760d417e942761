"""The manifest's reader takes what its writer writes, and nothing else."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from asl_image.errors import CheckFailed, ConfigError
from asl_image.jsontext import rendered
from asl_image.manifest import manifest_schema, manifest_text, parse_manifest, read_manifest
from asl_image.steps.manifest import command_lines
from support.papers import MENU, loaded, write_papers
from support.plans import sha256

SCHEMA = Path(__file__).parents[2] / "docs/manifest-1.schema.json"


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_papers(tmp_path_factory.mktemp("papers")) / "manifest.json"


def test_what_the_writer_wrote_is_read_and_written_again_the_same(written: Path) -> None:
    assert manifest_text(read_manifest(written)) == written.read_text()


def test_a_manifest_names_what_the_image_is_made_of(written: Path) -> None:
    manifest = read_manifest(written)

    assert manifest.lock.state == "reviewed"
    assert manifest.iso.size == 3000
    assert list(manifest.medium) == ["boot/grub/eltorito.img", "boot/grub/grub.cfg"]
    assert manifest.boot.mbr == hashlib.sha256((b"iso" * 147)[:440]).hexdigest()
    assert manifest.boot.efi_loader.sha256 == sha256("bootx64.efi")
    assert manifest.command_lines == {"Host (a)": "quiet asl.image=abc asl.mode=host"}
    assert {"tools-tree", "root", "layer-base", "sbom", "iso"} <= set(manifest.steps)
    assert manifest.programs.programs["xorriso"].loads == tuple(manifest.programs.loaded)
    assert [layer.name for layer in manifest.layers] == ["base", "tools", "overlay"]


def test_a_manifest_is_valid_under_the_published_schema(written: Path) -> None:
    schema = json.loads(SCHEMA.read_text())

    assert schema == manifest_schema(), "run: ./build.py schema manifest > docs/manifest-1.schema.json"
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.Draft202012Validator(schema).validate(loaded(written))


def test_the_schema_refuses_a_package_without_a_hash(written: Path) -> None:
    whole = loaded(written)
    del whole["packages"][0]["sha256"]

    assert not jsonschema.Draft202012Validator(manifest_schema()).is_valid(whole)


def spoilt(whole: dict[str, Any], kind: str) -> str:
    """The text of a manifest that has one thing wrong."""
    if kind == "another version":
        return rendered({**whole, "format": "asl-image.manifest/2"})
    if kind == "an unknown key":
        return rendered({**whole, "more": 1})
    if kind == "a hash cut short":
        return rendered({**whole, "image": whole["image"][:-1]})
    if kind == "a number as text":
        return rendered({**whole, "epoch": str(whole["epoch"])})
    if kind == "no package":
        return rendered({**whole, "packages": []})
    if kind == "another layout":
        return json.dumps(whole)
    if kind == "a key twice":
        return rendered(whole).replace('"builder"', '"builder": "0",\n "builder"', 1)
    if kind == "a list":
        return "[]"
    return rendered(whole)[:-20]


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("another version", "not a manifest of the form asl-image.manifest/1"),
        ("an unknown key", "not a manifest of the form"),
        ("a hash cut short", "not a manifest of the form"),
        ("a number as text", "not a manifest of the form"),
        ("no package", "not a manifest of the form"),
        ("another layout", "not as the builder writes it"),
        ("a key twice", "the key 'builder' is there twice"),
        ("a list", "not a manifest of the form"),
        ("cut off", "not a manifest: "),
    ],
)
def test_what_the_writer_did_not_write_is_refused_with_a_reason(written: Path, kind: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        parse_manifest(spoilt(loaded(written), kind), "x.manifest.json")

    assert str(caught.value).startswith("x.manifest.json: ")


def test_another_version_is_named(written: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_manifest(spoilt(loaded(written), "another version"), "x")

    assert caught.value.details == ("its format is 'asl-image.manifest/2'",)


@pytest.mark.parametrize("menu", ["", MENU + 'menuentry "Odd" {\n  chainloader +1\n}\n'], ids=["empty", "no kernel"])
def test_a_menu_whose_command_lines_can_not_be_told_stops_the_build(menu: str) -> None:
    with pytest.raises(CheckFailed, match="can't be told"):
        command_lines(menu)
