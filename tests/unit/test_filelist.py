"""The list of files: its reader takes what its writer writes, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from asl_image.errors import CheckFailed
from asl_image.filelist import FileRow, file_list_schema, file_list_text, hidden, in_order, parse_file_list
from asl_image.ownership import Origin, rows_of
from asl_image.tree_writer import Entry, file, symlink

SCHEMA = Path(__file__).parents[2] / "docs/files-1.schema.json"
WHOSE = Origin("package x", ("hook finalise (asl-a, asl-b)", "generator clean"), "/usr/lib/f.xz")


def rows() -> list[FileRow]:
    entries = [
        file("usr/f", b"text", 0o4755, 1, 2),
        Entry("usr/h", "hardlink", 0o644, link="usr/f"),
        symlink("a", "b"),
        Entry("usr-x", "file", 0o755, data=b"", xattrs=(("security.capability", b"\x01\x00"),)),
        Entry("c", "character", 0o600, device=(1, 3)),
    ]
    return in_order(rows_of("base", entries, dict.fromkeys([entry.name for entry in entries], WHOSE)))


TEXT = file_list_text("smoke", rows())


def test_what_the_writer_wrote_is_read_the_same_and_in_order() -> None:
    found = parse_file_list(TEXT, "x")

    assert found == rows()
    assert [row.path for row in found] == ["/a", "/c", "/usr/f", "/usr/h", "/usr-x"]
    assert (found[2].mode, found[2].size, found[2].known_as) == ("4755", 4, "/usr/lib/f.xz")
    assert found[1].link == "1:3"
    assert found[4].xattrs == {"security.capability": "0100"}


def test_every_line_is_valid_under_the_published_schema() -> None:
    schema = json.loads(SCHEMA.read_text())

    assert schema == file_list_schema(), "run: ./build.py schema files > docs/files-1.schema.json"
    jsonschema.Draft202012Validator.check_schema(schema)
    checker = jsonschema.Draft202012Validator(schema)
    for line in TEXT.splitlines():
        checker.validate(json.loads(line))
    assert not checker.is_valid({**json.loads(TEXT.splitlines()[1]), "origin": "somebody"})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "not a list of the form"),
        (TEXT.replace("files/1", "files/2"), "not a list of the form"),
        (TEXT.replace('"origin":"package x"', '"origin":"x"', 1), "not a list of the form"),
        (TEXT.replace(',"origin":"package x"', "", 1), "not a list of the form"),
        (TEXT.replace('"uid":0', '"uid":"0"', 1), "not a list of the form"),
        (TEXT.replace('"uid":0', '"more":0,"uid":0', 1), "not a list of the form"),
        (TEXT[:-20], "not as the builder writes it"),
        (TEXT.replace('"uid":0', '"uid": 0', 1), "not as the builder writes it"),
        ("\n".join([TEXT.splitlines()[0], *reversed(TEXT.splitlines()[1:])]) + "\n", "not as the builder writes it"),
    ],
)
def test_what_the_writer_did_not_write_is_refused_with_a_reason(text: str, words: str) -> None:
    with pytest.raises(CheckFailed, match=words) as caught:
        parse_file_list(text, "x.files.jsonl")
    assert str(caught.value).startswith("x.files.jsonl: ")


def test_another_version_is_named() -> None:
    with pytest.raises(CheckFailed) as caught:
        parse_file_list(TEXT.replace("files/1", "files/2"), "x")

    assert caught.value.details == ("its format is 'asl-image.files/2'",)


def test_a_file_hides_a_file_or_a_folder_and_folders_merge() -> None:
    lower = {"/a": "directory", "/b": "file", "/c": "directory", "/d": "file"}
    upper = {"/a": "directory", "/b": "symlink", "/c": "file", "/e": "file"}

    assert hidden(lower, upper) == ["/b", "/c"]
