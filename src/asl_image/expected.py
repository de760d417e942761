"""What a manifest says that an image must be, read strictly: a claim that can't be understood is never half checked."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from asl_image.errors import ConfigError, IoFailed
from asl_image.steps.layer import Seal

FORMAT = "asl-image.manifest/1"
HEX = frozenset("0123456789abcdef")


@dataclass(frozen=True)
class Expected:
    """The part of a manifest that can be held against an ISO without building anything."""

    profile: str
    image: str
    sha256: str
    size: int
    seals: tuple[Seal, ...]  # bottom first
    medium: Mapping[str, str]  # SHA-256 of every file, as it was before the medium was written
    packages: frozenset[tuple[str, str, str]]  # name, version, architecture


def read_expected(path: Path) -> Expected:
    """The manifest at `path`. Raises ConfigError, naming what is wrong with it, or IoFailed."""
    try:
        whole = json.loads(path.read_bytes(), object_pairs_hook=_once)
    except OSError as error:
        raise IoFailed(f"{path}: {error.strerror}", hint="name another one with --manifest FILE") from None
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path} is no manifest: {error}") from None
    if not isinstance(whole, dict) or "format" not in whole:
        raise ConfigError(f"{path} is no manifest: it does not say its format")
    if whole["format"] != FORMAT:
        raise ConfigError(
            f"{path} is of the format {whole['format']!r}, this builder reads {FORMAT!r}",
            hint="verify it with the builder that made it",
        )
    try:
        return Expected(
            profile=_of(str, whole["profile"]),
            image=_digest(whole["image"]),
            sha256=_digest(whole["iso"]["sha256"]),
            size=_of(int, whole["iso"]["size"]),
            seals=tuple(_seal(layer) for layer in _of(list, whole["layers"])),
            medium={_of(str, name): _file(about) for name, about in _of(dict, whole["medium"]).items()},
            packages=frozenset(
                (_of(str, package["name"]), _of(str, package["version"]), _of(str, package["arch"]))
                for package in _of(list, whole["packages"])
            ),
        )
    except KeyError as error:
        raise ConfigError(f"{path} is no manifest: it lacks {error.args[0]!r}") from None
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{path} is no manifest: {error}") from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key is there twice")
    return found


def _of(kind: type, value: Any) -> Any:
    if type(value) is not kind:
        raise TypeError(f"{value!r:.60} should be of the type {kind.__name__}")
    return value


def _digest(value: Any) -> str:
    if len(_of(str, value)) != 64 or not set(value) <= HEX:
        raise ValueError(f"{value!r:.80} is no SHA-256")
    return str(value)


def _file(about: Any) -> str:
    return _digest(about["sha256"] if isinstance(about, dict) else about)


def _seal(layer: Any) -> Seal:
    return Seal(
        _of(str, layer["name"]), _of(int, layer["data_blocks"]), _digest(layer["root_hash"]), _digest(layer["salt"])
    )
