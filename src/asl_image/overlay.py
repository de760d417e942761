"""Overlays: files as they will lie in the image (`root/`) or on the medium (`iso/`), templates rendered.

An overlay is a folder `overlays/<name>/` with `overlay.yaml` (what git can't hold: owners, modes,
empty directories, which files of lower layers are meant to be replaced). A `*.j2` file is rendered
with jinja2 and loses its suffix; an undefined name in it is an error. Nothing else imports jinja2.
"""

from __future__ import annotations

import hashlib
import os
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
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
        for entry in _entries(overlay, part, values):
            add(entry, overlay)
    return with_parents(entries.values())


def _entries(overlay: Overlay, part: str, values: Mapping[str, object]) -> list[Entry]:
    """What one overlay brings to a part; on the medium everything is root's and has git's mode."""
    found = _files(overlay, part, values)
    if part != "root":
        return found
    settings = overlay.settings
    found += [directory(path.lstrip("/"), int(mode, 8)) for path, mode in settings.directories.items()]
    kinds = {f"/{entry.name}": entry.kind for entry in found}
    idle = sorted(path for path in settings.modes if kinds.get(path) != "file") + sorted(settings.owners.keys() - kinds)
    if idle:
        raise ConfigError(
            f"overlays/{overlay.name}/overlay.yaml: modes or owners for files that it does not bring",
            details=tuple(idle),
            hint="a link has no mode; a directory gets its own under `directories`",
        )
    return [_settled(entry, settings) for entry in found]


def _settled(entry: Entry, settings: OverlaySettings) -> Entry:
    mode = settings.modes.get(f"/{entry.name}")
    uid, gid = owner_of(settings.owners.get(f"/{entry.name}", "0:0"))
    return replace(entry, mode=int(mode, 8) if mode else entry.mode, uid=uid, gid=gid)


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
    except UnicodeDecodeError as error:
        raise ConfigError(f"{where}: a template is UTF-8 text: {error}") from None
    except jinja2.TemplateError as error:
        line = getattr(error, "lineno", None) or _line_of(error)
        raise ConfigError(f"{where}{f':{line}' if line else ''}: {error}") from None


def _line_of(error: Exception) -> int | None:
    """Where in the template it happened: jinja2 gives the traceback the template's own lines."""
    frames = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == "<template>"]
    return frames[-1] if frames else None


def owner_of(text: str) -> tuple[int, int]:
    """`uid:gid` as numbers."""
    uid, gid = text.split(":")
    return int(uid), int(gid)


def brought_by(overlays: Sequence[Overlay], part: str) -> dict[str, str]:
    """Whose each name of a part is, as origins say it; of folders only those that an overlay declares."""
    found: dict[str, str] = {}
    for overlay in overlays:
        names = [name.removesuffix(".j2") for where, name, _, _ in overlay.files if where == part]
        names += [name for where, name, _ in overlay.links if where == part]
        names += [path.lstrip("/") for path in overlay.settings.directories] if part == "root" else []
        found |= dict.fromkeys(names, f"overlay {overlay.name}")
    return found


def replaced_by(overlays: Sequence[Overlay]) -> frozenset[PurePosixPath]:
    """The paths that overlays declare to cover in lower layers."""
    return frozenset(PurePosixPath(path) for overlay in overlays for path in overlay.settings.replaces)
