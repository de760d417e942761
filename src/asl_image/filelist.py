"""The list of every file of an image, and where each comes from: writer, strict reader and schema in one model.

A line of JSON for its form, then one a file: layers from the lowest up, the initramfs, the medium; sorted within each.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from asl_image.errors import CheckFailed
from asl_image.jsontext import strict_value
from asl_image.lock import Locked, Sha256
from asl_image.tree_writer import Entry, sort_key

FORMAT: Literal["asl-image.files/1"] = "asl-image.files/1"
INITRAMFS, MEDIUM = "initramfs", "medium"
PARTS = ("base", "tools", "overlay", INITRAMFS, MEDIUM)

Kind = Literal["file", "directory", "symlink", "hardlink", "character", "block", "fifo"]
OriginText = Annotated[str, Field(pattern=r"^(package|overlay|tool|hook|generator) [ -~]+$")]
FilePath = Annotated[str, Field(pattern=r"^/")]


class FileRow(Locked):
    """One name of one part of the image. A file of the medium has no mode and owner of its own."""

    part: Literal["base", "tools", "overlay", "initramfs", "medium"]
    path: FilePath
    kind: Kind
    mode: Annotated[str, Field(pattern=r"^[0-7]{4}$")] | None = Field(None, description="Permission bits, octal.")
    uid: Annotated[int, Field(ge=0)] | None = None
    gid: Annotated[int, Field(ge=0)] | None = None
    size: Annotated[int, Field(ge=0)] | None = Field(None, description="Bytes of a file.")
    sha256: Sha256 | None = Field(None, description="SHA-256 of a file's bytes.")
    link: str | None = Field(
        None, description="A link's target, the first name of a hard link's file, or a device's numbers."
    )
    xattrs: dict[str, str] | None = Field(None, description="Extended attributes, their values in hex.")
    origin: OriginText = Field(
        description="Who brought it: `package NAME`, `overlay NAME`, `tool NAME VERSION`, `hook PHASE (elements)`, or "
        "`generator STEP` of the build, where `bootstrap` stands for packages' maintainer scripts and their engine."
    )
    changed_by: tuple[OriginText, ...] = Field((), description="Who changed it after that, in order.")
    known_as: FilePath | None = Field(None, description="The name that its package has for it, when it is another.")


class FileListHead(Locked):
    """The first line of a list."""

    format: Literal["asl-image.files/1"]
    profile: str


def facts_of(entry: Entry) -> dict[str, Any]:
    """What a row says of a name in a tree, its origin excepted; a file's bytes are read once."""
    facts: dict[str, Any] = {
        "path": f"/{entry.name}",
        "kind": entry.kind,
        "mode": f"{entry.mode:04o}",
        "uid": entry.uid,
        "gid": entry.gid,
    }
    if entry.kind == "file":
        with entry.open() as stream:
            facts |= {"size": entry.size, "sha256": hashlib.file_digest(stream, "sha256").hexdigest()}
    elif entry.kind in ("symlink", "hardlink"):
        facts["link"] = entry.link
    elif entry.kind in ("character", "block"):
        facts["link"] = f"{entry.device[0]}:{entry.device[1]}"
    if entry.xattrs:
        facts["xattrs"] = {name: value.hex() for name, value in entry.xattrs}
    return facts


def row_text(row: FileRow) -> str:
    """The one line of a row."""
    return line_of(row.model_dump(mode="json", exclude_defaults=True))


def line_of(value: object) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":")) + "\n"


def file_list_text(profile: str, rows: Iterable[FileRow]) -> str:
    """The one text of a list; rows come in the order of their parts, sorted by path within each."""
    head = FileListHead(format=FORMAT, profile=profile)
    return line_of(head.model_dump(mode="json")) + "".join(map(row_text, rows))


def in_order(rows: Iterable[FileRow]) -> list[FileRow]:
    """Rows in the order in which a list has them."""
    return sorted(rows, key=lambda row: (PARTS.index(row.part), sort_key(row.path)))


def write_rows(path: Path, rows: Sequence[FileRow]) -> None:
    """Keep the rows of one part beside the part itself."""
    path.write_text("".join(map(row_text, rows)))
    path.chmod(0o644)


def read_rows(path: Path) -> list[FileRow]:
    """Rows that the build itself wrote."""
    return [FileRow.model_validate_json(line) for line in path.read_text().splitlines()]


def parse_file_list(text: str, name: str) -> list[FileRow]:
    """The rows of a list that a person knows as `name`. Raises CheckFailed for what `file_list_text` did not write."""
    head, _, body = text.partition("\n")
    try:
        said = strict_value(head)
    except (ValueError, RecursionError):
        said = None
    found = said.get("format") if isinstance(said, dict) else None
    if found != FORMAT:
        raise CheckFailed(f"{name}: not a list of the form {FORMAT}", details=(f"its format is {found!r}",))
    try:
        profile = FileListHead.model_validate_json(head).profile
        rows = [FileRow.model_validate_json(line) for line in body.split("\n")[:-1]]
    except ValidationError as error:
        first = error.errors()[0]
        what = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
        raise CheckFailed(f"{name}: not a list of the form {FORMAT}", details=(what,)) from None
    if file_list_text(profile, in_order(rows)) != text:
        raise CheckFailed(f"{name}: says what a list may say, but not as the builder writes it")
    return rows


def by_path(rows: Iterable[FileRow], part: str) -> dict[str, FileRow]:
    """The rows of one part by their paths."""
    return {row.path: row for row in rows if row.part == part}


def hidden(lower: Mapping[str, str], upper: Mapping[str, str]) -> list[str]:
    """Paths at which something of an upper layer covers something of a lower one (each path → kind); folders merge."""
    shared = lower.keys() & upper.keys()
    return sorted(path for path in shared if (lower[path], upper[path]) != ("directory", "directory"))


def file_list_schema() -> dict[str, Any]:
    """The JSON Schema of a line of this version of the form: of the first one, or of any other."""
    row, head = FileRow.model_json_schema(), FileListHead.model_json_schema()
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": FORMAT,
        "description": "A line of the list: the first is a head, every other a row.",
        "anyOf": [head, row],
    }
