"""The licences of packages, read from the copyright files that they install."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from asl_image.errors import ConfigError
from asl_image.jsontext import rendered
from asl_image.licences import Licence, LicenceText, read_licence
from asl_image.paths import inside
from asl_image.step import Site, Step

MOST_LINKS = 8


@dataclass(frozen=True)
class Licences(Step):
    """Leaves licences.json; `boot` are the packages of the tools tree whose code is on the medium."""

    packages: tuple[str, ...]
    boot: tuple[str, ...]

    def name(self) -> str:
        return "licences"

    def needs(self) -> tuple[str, ...]:
        return ("tools-tree", "root")

    def outputs(self) -> tuple[str, ...]:
        return ("licences.json",)

    def describe(self) -> tuple[str, ...]:
        count = len(self.packages) + len(self.boot)
        return (f"builder: reads the licences of {count} packages from their copyright files",)

    def run(self, site: Site) -> None:
        first: dict[str, str] = {}
        found = {
            "image": licences_of(site.work / "root", self.packages, first),
            "boot": licences_of(site.tools_tree, self.boot, first),
        }
        (site.work / "licences.json").write_text(rendered(found))
        (site.work / "licences.json").chmod(0o644)


def licences_of(tree: Path, packages: Iterable[str], first: dict[str, str]) -> dict[str, dict[str, Any]]:
    """Package → what its copyright file says; `first` remembers, and is told, which package had a text first."""
    found: dict[str, dict[str, Any]] = {}
    for package in sorted(packages):
        text = copyright_text(tree, package)
        found[package] = asdict(read_licence(text, first.setdefault(text, package)))
    return found


def copyright_text(tree: Path, package: str) -> str:
    """The copyright file, often reached by a link into another package's folder; empty when there is none."""
    path = PurePosixPath("/usr/share/doc") / package / "copyright"
    try:
        at = inside(tree, path)
        for _ in range(MOST_LINKS):
            if not at.is_symlink():  # `inside` follows links on the way, not at the end
                return at.read_text(encoding="utf-8")
            path = PurePosixPath("/", at.parent.relative_to(tree.resolve())) / at.readlink()
            at = inside(tree, normal(path))
    except (OSError, ConfigError, UnicodeDecodeError):
        pass
    return ""


def normal(path: PurePosixPath) -> PurePosixPath:
    """The path without `..`, as inside the tree."""
    parts: list[str] = []
    for part in path.parts[1:]:
        if part == "..":
            parts = parts[:-1]
        else:
            parts.append(part)
    return PurePosixPath("/", *parts)


def read_licences(work: Path) -> Mapping[str, Mapping[str, Licence]]:
    """What `Licences` left: `image` and `boot`, each by package."""
    whole = json.loads((work / "licences.json").read_text())
    return {place: {name: licence_in(each) for name, each in held.items()} for place, held in whole.items()}


def licence_in(kept: Mapping[str, Any]) -> Licence:
    """A licence as `Licences` kept it."""
    texts = tuple(LicenceText(**each) for each in kept["texts"])
    return Licence(tuple(kept["names"]), kept["expression"], texts)
