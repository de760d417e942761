"""Overlays: files as they will lie in the image (`root/`) or on the medium (`iso/`), templates rendered.

An overlay is a folder `overlays/<name>/` with `overlay.yaml` (what git can't hold: owners, modes,
empty directories, which files of lower layers are meant to be replaced). A `*.j2` file is rendered
with jinja2 and loses its suffix; an undefined name in it is an error. Nothing else imports jinja2.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Annotated

import jinja2
from pydantic import Field

from asl_image.errors import ConfigError
from asl_image.strictmodel import Strict, load_model
from asl_image.tree_writer import Entry, directory, file, symlink, with_parents

Mode = Annotated[str, Field(pattern=r"^[0-7]{4}$")]
AbsolutePath = Annotated[str, Field(pattern=r"^/[^/].*$")]


class OverlaySettings(Strict):
    """What `overlay.yaml` may say."""

    summary: str = Field(description="One line: what these files are for.")
    modes: Mapping[AbsolutePath, Mode] = Field(
        default_factory=dict, description="Modes that differ from 0644 (0755 for what is executable in git)."
    )
    owners: Mapping[AbsolutePath, Annotated[str, Field(pattern=r"^\d+:\d+$")]] = Field(
        default_factory=dict, description="Numeric owner and group where they are not 0:0."
    )
    directories: Mapping[AbsolutePath, Mode] = Field(
        default_factory=dict, description="Directories to make, with their modes; git can't hold empty ones."
    )
    replaces: tuple[AbsolutePath, ...] = Field((), description="Files of lower layers that are meant to be covered.")


@dataclass(frozen=True)
class Overlay:
    """An overlay as read from disk: raw bytes, not yet rendered."""

    name: str
    settings: OverlaySettings
    files: tuple[tuple[str, str, bytes, bool], ...]  # (part, relative name, bytes or link target, executable)
    links: tuple[tuple[str, str, str], ...]  # (part, relative name, target)
    digest: str


PARTS = ("root", "iso")


def overlay_names(overlays_dir: Path) -> tuple[str, ...]:
    """Every overlay that the project has."""
    return tuple(sorted(path.name for path in overlays_dir.iterdir() if (path / "overlay.yaml").exists()))


def load_overlays(names: Sequence[str], overlays_dir: Path) -> tuple[Overlay, ...]:
    """Read the overlays named, in that order. Raises ConfigError with every problem of a settings file."""
    return tuple(_load(name, overlays_dir / name) for name in names)


def _load(name: str, at: Path) -> Overlay:
    settings_file = at / "overlay.yaml"
    if not settings_file.exists():
        raise ConfigError(f"{at}: no such overlay", hint="an overlay is a folder with an overlay.yaml")
    settings = load_model(OverlaySettings, settings_file)
    files: list[tuple[str, str, bytes, bool]] = []
    links: list[tuple[str, str, str]] = []
    for part in PARTS:
        for path in sorted((at / part).rglob("*"), key=lambda found: os.fsencode(str(found))):
            relative = path.relative_to(at / part).as_posix()
            if path.is_symlink():
                links.append((part, relative, os.readlink(path)))  # noqa: PTH115 - the target is text of the image
            elif path.is_file():
                files.append((part, relative, path.read_bytes(), bool(path.stat().st_mode & 0o100)))
    digest = hashlib.sha256(repr((settings.model_dump(), files, links)).encode()).hexdigest()
    return Overlay(name, settings, tuple(files), tuple(links), digest)


def overlay_tree(overlays: Sequence[Overlay], part: str, values: Mapping[str, object]) -> list[Entry]:
    """The rendered files of one part of all overlays as tree entries, sorted, parents included.

    Two overlays must not bring the same file. Raises ConfigError.
    """
    entries: dict[str, Entry] = {}
    origin: dict[str, str] = {}

    def add(entry: Entry, overlay: Overlay) -> None:
        if entry.name in entries:
            raise ConfigError(f"/{entry.name}: brought by overlay {origin[entry.name]} and by overlay {overlay.name}")
        entries[entry.name], origin[entry.name] = entry, overlay.name

    for overlay in overlays:
        owners = overlay.settings.owners
        modes = dict(overlay.settings.modes)
        if part == "root":
            for path, mode in overlay.settings.directories.items():
                uid, gid = owner_of(owners.get(path, "0:0"))
                add(directory(path.lstrip("/"), int(mode, 8), uid, gid), overlay)
        for entry in _files(overlay, part, values):
            path = f"/{entry.name}"
            mode_text = modes.pop(path, None) if part == "root" else None
            mode_bits = int(mode_text, 8) if mode_text else entry.mode
            uid, gid = owner_of(owners.get(path, "0:0")) if part == "root" else (0, 0)
            add(Entry(**{**vars(entry), "mode": mode_bits, "uid": uid, "gid": gid}), overlay)
        if part == "root" and modes:
            raise ConfigError(
                f"overlays/{overlay.name}/overlay.yaml: modes for files that it does not bring",
                details=tuple(sorted(modes)),
            )
    return with_parents(entries.values())


def _files(overlay: Overlay, part: str, values: Mapping[str, object]) -> list[Entry]:
    found = []
    for where, name, data, executable in overlay.files:
        if where != part:
            continue
        target = name
        if name.endswith(".j2"):
            target, data = name.removesuffix(".j2"), render(data, values, f"overlays/{overlay.name}/{part}/{name}")
        found.append(file(target, data, 0o755 if executable else 0o644))
    return found + [symlink(name, target) for where, name, target in overlay.links if where == part]


def render(template: bytes, values: Mapping[str, object], where: str) -> bytes:
    """A template's text with its names filled in; an undefined one is a ConfigError that names `where`."""
    engine = jinja2.Environment(  # noqa: S701 - configuration files are not HTML
        undefined=jinja2.StrictUndefined, keep_trailing_newline=True, trim_blocks=True, lstrip_blocks=True
    )
    try:
        return engine.from_string(template.decode()).render(dict(values)).encode()
    except jinja2.TemplateError as error:
        line = getattr(error, "lineno", None)
        raise ConfigError(f"{where}{f':{line}' if line else ''}: {error}") from None


def owner_of(text: str) -> tuple[int, int]:
    """`uid:gid` as numbers."""
    uid, gid = text.split(":")
    return int(uid), int(gid)


def replaced_by(overlays: Sequence[Overlay]) -> frozenset[PurePosixPath]:
    """The paths that overlays declare to cover in lower layers."""
    return frozenset(PurePosixPath(path) for overlay in overlays for path in overlay.settings.replaces)
