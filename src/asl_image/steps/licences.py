"""The licences of packages, read from the copyright files that they install."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from asl_image.errors import ConfigError
from asl_image.jsontext import rendered
from asl_image.licences import Licence, read_licence
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
        found = {
            "image": licences_of(site.work / "root", self.packages),
            "boot": licences_of(site.tools_tree, self.boot),
        }
        (site.work / "licences.json").write_text(rendered(found))
        (site.work / "licences.json").chmod(0o644)


def licences_of(tree: Path, packages: Iterable[str]) -> dict[str, dict[str, object]]:
    """Package → what its copyright file says."""
    found: dict[str, dict[str, object]] = {}
    for package in packages:
        licence = read_licence(copyright_text(tree, package))
        found[package] = {"names": list(licence.names), "expression": licence.expression}
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
    return {
        place: {name: Licence(tuple(each["names"]), each["expression"]) for name, each in held.items()}
        for place, held in whole.items()
    }
