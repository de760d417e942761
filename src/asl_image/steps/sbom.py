"""The bill of materials: every package and tool of the image and of its boot files, in two formats."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from asl_authority import contract
from asl_image.jsontext import rendered, strict_value
from asl_image.licences import Licence
from asl_image.lock import Lock, LockedPackage
from asl_image.sbom import (
    Component,
    Subject,
    check_complete,
    cyclonedx_document,
    deb_component,
    spdx_document,
    tool_purl,
)
from asl_image.step import Site, Step
from asl_image.steps.licences import read_licences
from asl_image.steps.tools import OwnProgram, PinnedTool

# Packages of the tools tree whose code is in the boot files: GRUB, and the C library that init is linked with.
IN_BOOT_FILES = ("grub-efi-amd64-bin", "grub-pc-bin", "musl-dev")

DOCUMENTS = ("sbom.spdx.json", "sbom.cdx.json")


@dataclass(frozen=True)
class Sbom(Step):
    """Leaves sbom.spdx.json and sbom.cdx.json. They are sealed into the image, so they can't name its digest."""

    subject: Subject
    lock: Lock
    boot: tuple[LockedPackage, ...]
    pinned: tuple[PinnedTool, ...]
    own: tuple[OwnProgram, ...]

    def name(self) -> str:
        return "sbom"

    def needs(self) -> tuple[str, ...]:
        return ("licences", "tools")

    def outputs(self) -> tuple[str, ...]:
        return DOCUMENTS

    def facts(self) -> dict[str, object]:
        return {
            "subject": dict(vars(self.subject)),
            "boot": {package.name: f"{package.version} {package.sha256}" for package in self.boot},
            "tools": {
                **{each.name: each.licence for each in self.pinned},
                **{each.name: each.licence for each in self.own},
            },
        }

    def describe(self) -> tuple[str, ...]:
        count = len(self.lock.packages) + len(self.boot) + len(self.pinned) + len(self.own)
        return (
            f"builder: writes {' and '.join(DOCUMENTS)}: {count} packages and tools",
            "builder: reads both back and holds them against the lock",
        )

    def run(self, site: Site) -> None:
        components = self._components(site.work)
        texts = (
            rendered(spdx_document(self.subject, components)),
            rendered(cyclonedx_document(self.subject, components)),
        )
        documents = {name: strict_value(text) for name, text in zip(DOCUMENTS, texts, strict=True)}
        check_complete(documents, self.lock.packages, self.lock.tools, self.boot)  # type: ignore[arg-type]
        for name, text in zip(DOCUMENTS, texts, strict=True):
            (site.work / name).write_text(text)
            (site.work / name).chmod(0o644)

    def _components(self, work: Path) -> list[Component]:
        licences = read_licences(work)
        suite = self.lock.request.suite

        def debs(packages: tuple[LockedPackage, ...], kind: str, known: Mapping[str, Licence]) -> list[Component]:
            return [deb_component(each, suite, known.get(each.name, Licence()), kind) for each in packages]

        return [
            *debs(self.lock.packages, "package", licences["image"]),
            *debs(self.boot, "boot", licences["boot"]),
            *self._tools(work),
        ]

    def _tools(self, work: Path) -> list[Component]:
        pinned = {tool.name: tool for tool in self.pinned}
        own = {tool.name: tool for tool in self.own}
        components = []
        for tool in self.lock.tools:
            if tool.name in pinned:
                files = tuple((file.name, file.sha256) for file in pinned[tool.name].files)
                archive, sha256, licence = str(tool.archive), str(tool.sha256), pinned[tool.name].licence
            else:
                program = installed(work, tool.name, tool.version)
                sha256 = hashlib.sha256(program.read_bytes()).hexdigest()
                files, archive, licence = (), tool.name, own[tool.name].licence
            components.append(
                Component(
                    "tool", tool.name, tool.version, archive, sha256, tool_purl(tool), Licence((), licence), files
                )
            )
        return components


def installed(work: Path, name: str, version: str) -> Path:
    """Where the `tools` step left a program of ours."""
    return work / "tools" / f"{contract.TOOL_VERSIONS}/{name}-{version}/{name}".lstrip("/")
