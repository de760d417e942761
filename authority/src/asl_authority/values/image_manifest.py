"""The image's manifest, as its builder writes it: what this program holds a running machine against."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from asl_authority.contract import MANIFEST_FORMAT
from asl_authority.errors import Malformed
from asl_authority.values.canonical import Limits, check_limits
from asl_authority.values.environment import CMDLINE_LIMIT
from asl_authority.values.fields import Fields
from asl_authority.values.rules import Rule
from asl_authority.values.state import Layer
from asl_authority.values.strict_json import read_object

PAPER = "ENC-ASL-AUTH-HOST/1"

RULES = (
    Rule("MANIFEST-SCHEMA", PAPER, "C", "A manifest is of the form asl-image.manifest/1, with all of its members."),
    Rule("MANIFEST-TEXT", PAPER, "C", "It is the one text that the builder writes for what it says."),
)  # fmt: skip

LIMITS = Limits(size=8 << 20, depth=16, count=200_000)
NAMES = (
    *("architecture", "boot", "builder", "command_lines", "engine", "epoch", "files", "format", "image", "iso"),
    *("layers", "lock", "medium", "packages", "profile", "programs", "steps", "suite", "tools"),
)
SCHEMA = "MANIFEST-SCHEMA"


@dataclass(frozen=True)
class SizedFile:
    """A file by its bytes."""

    sha256: str
    size: int


@dataclass(frozen=True)
class PinnedTool:
    """A tool of the image; `files` has the SHA-256 of each file by its name, nothing for a program of the project."""

    name: str
    version: str
    files: Mapping[str, str]


@dataclass(frozen=True)
class ImageManifest:
    """What a manifest says, as far as a running machine can be held against it."""

    profile: str
    reviewed: bool
    image: str
    iso: SizedFile
    layers: tuple[Layer, ...]
    command_lines: tuple[str, ...]
    medium: Mapping[str, SizedFile]
    packages: Mapping[str, str]
    tools: tuple[PinnedTool, ...]


def read_image_manifest(data: bytes) -> ImageManifest:
    """The manifest in `data`. Raises Malformed for what the builder does not write."""
    check_limits(data, LIMITS)
    try:
        value = read_object(data)
    except Malformed as error:
        raise Malformed(f"no manifest: {error}", check_id="MANIFEST-TEXT") from None
    if value.get("format") != MANIFEST_FORMAT:
        said = f"{value.get('format')!a:.60} is not {MANIFEST_FORMAT}"
        raise Malformed(f"manifest.format: {said}", check_id=SCHEMA)
    if (json.dumps(value, indent=1, sort_keys=True) + "\n").encode() != data:
        raise Malformed("the manifest is not as its builder writes it", check_id="MANIFEST-TEXT")
    whole = Fields(value, NAMES, "manifest", SCHEMA)
    return ImageManifest(
        profile=whole.text("profile"),
        reviewed=_reviewed(whole.within("lock", ("sha256", "state", "tools_tree"))),
        image=whole.sha256("image"),
        iso=_sized(whole.within("iso", ("sha256", "size"))),
        layers=tuple(_layer(each) for each in whole.objects("layers", _LAYER, 16)),
        command_lines=_command_lines(whole),
        medium=_medium(whole),
        packages={each.text("name"): each.text("version") for each in whole.objects("packages", _PACKAGE)},
        tools=tuple(_tool(each) for each in whole.objects("tools", _TOOL, 256)),
    )


_LAYER = ("data_blocks", "name", "root_hash", "salt")
_PACKAGE = ("arch", "name", "sha256", "version")
_TOOL = ("archive?", "files", "kind", "name", "project?", "project_version?", "sha256?", "version")


def _reviewed(lock: Fields) -> bool:
    state = lock.text("state")
    if state not in ("reviewed", "renewed"):
        raise lock.wrong("state", f"{state!a} is neither reviewed nor renewed")
    return state == "reviewed"


def _layer(each: Fields) -> Layer:
    return Layer(each.text("name"), each.sha256("root_hash"), each.sha256("salt"), each.integer("data_blocks", 1))


def _sized(fields: Fields) -> SizedFile:
    return SizedFile(fields.sha256("sha256"), fields.integer("size"))


def _medium(whole: Fields) -> Mapping[str, SizedFile]:
    names = tuple(whole.mapping("medium"))
    within = whole.within("medium", names)
    return {name: _sized(within.within(name, ("sha256", "size"))) for name in names}


def _command_lines(whole: Fields) -> tuple[str, ...]:
    lines = whole.mapping("command_lines", 64)
    within = whole.within("command_lines", tuple(lines))
    return tuple(within.text(title, limit=CMDLINE_LIMIT) for title in lines)


def _tool(each: Fields) -> PinnedTool:
    files = {
        file.text("path").rpartition("/")[2]: file.sha256("sha256")
        for file in each.objects("files", ("path", "sha256", "size"), 1000)
    }
    return PinnedTool(each.text("name"), each.text("version"), files)
