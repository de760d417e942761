"""The papers beside the ISO: SBOMs, provenance, package list, the digest as words, and checksums of it all."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from asl_authority.contract.words import spoken_lines
from asl_image.jsontext import rendered
from asl_image.lock import Lock
from asl_image.manifest import read_manifest
from asl_image.profile import Profile
from asl_image.provenance import Source, lock_digest, materials_of, provenance
from asl_image.step import Site, Step
from asl_image.steps.sbom import DOCUMENTS

# What a build leaves in its folder, by the name in the work folder: the image, and beside it its papers.
RESULTS = {
    "image.iso": "{profile}.iso",
    "manifest.json": "{profile}.manifest.json",
    "files.jsonl": "{profile}.files.jsonl",
    "spdx.json": "{profile}.spdx.json",
    "cdx.json": "{profile}.cdx.json",
    "provenance.json": "{profile}.provenance.json",
    "packages.txt": "{profile}.packages.txt",
    "words.txt": "{profile}.words.txt",
    "SHA256SUMS": "SHA256SUMS",
}


@dataclass(frozen=True)
class Evidence(Step):
    """Leaves every paper of RESULTS that is not there yet; none of them knows a clock, a host or a folder."""

    profile: Profile
    lock: Lock
    tools_tree: Lock
    sources: tuple[Source, ...]
    commit: str | None = None

    def name(self) -> str:
        return "evidence"

    def needs(self) -> tuple[str, ...]:
        return ("iso", "manifest", "sbom")

    def facts(self) -> dict[str, object]:
        return {
            "profile": self.profile.model_dump(mode="json"),
            "lock": lock_digest(self.lock),
            "tools_tree": lock_digest(self.tools_tree),
            "sources": {source.name: source.sha256 for source in self.sources},
            "commit": self.commit,
        }

    def describe(self) -> tuple[str, ...]:
        papers = sorted(name.format(profile=self.profile.name) for name in RESULTS.values())
        return (f"builder: leaves {', '.join(papers)}",)

    def run(self, site: Site) -> None:
        work = site.work
        iso = read_manifest(work / "manifest.json").iso
        for source, target in zip(DOCUMENTS, ("spdx.json", "cdx.json"), strict=True):
            (work / target).write_bytes((work / source).read_bytes())  # a copy: the other belongs to the cache
        (work / "provenance.json").write_text(rendered(self._statement(iso.sha256)))
        (work / "packages.txt").write_text(
            "".join(sorted(f"{each.name}\t{each.version}\t{each.arch}\n" for each in self.lock.packages))
        )
        (work / "words.txt").write_text(
            f"{self.profile.name}.iso\nsha256 {iso.sha256}\n\n{spoken_lines(bytes.fromhex(iso.sha256))}"
        )
        (work / "SHA256SUMS").write_text(self._sums(work, {"image.iso": iso.sha256}))

    def _statement(self, iso_sha256: str) -> dict[str, object]:
        return provenance(
            f"{self.profile.name}.iso",
            iso_sha256,
            profile=self.profile.model_dump(mode="json"),
            internal={
                "engine": self.profile.engine,
                "compression": self.profile.compression,
                "sourceDateEpoch": self.lock.epoch,
                "lockSha256": lock_digest(self.lock),
                "toolsTreeLockSha256": lock_digest(self.tools_tree),
            },
            materials=materials_of(self.lock, self.tools_tree, self.sources, self.commit),
        )

    def _sums(self, work: Path, known: dict[str, str]) -> str:
        """As `sha256sum --check` reads it."""
        sums = {}
        for source, pattern in RESULTS.items():
            if source != "SHA256SUMS":
                digest = known.get(source) or hashlib.sha256((work / source).read_bytes()).hexdigest()
                sums[pattern.format(profile=self.profile.name)] = digest
        return "".join(f"{digest}  {name}\n" for name, digest in sorted(sums.items()))
