"""The manifest: what the image is made of, in JSON with a versioned form, the same bytes for the same image."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from asl_image import __version__
from asl_image.lock import Lock, render_lock
from asl_image.profile import Profile
from asl_image.step import Site, Step
from asl_image.steps.boot_tree import LAYERS, medium_files
from asl_image.steps.layer import read_seal

FORMAT = "asl-image.manifest/1"


@dataclass(frozen=True)
class Manifest(Step):
    """Leaves manifest.json beside the image."""

    lock: Lock
    renewed: bool
    profile: Profile

    def name(self) -> str:
        return "manifest"

    def needs(self) -> tuple[str, ...]:
        return ("boot-tree", "iso")

    def facts(self) -> dict[str, object]:
        return {**super().facts(), "rendered": hashlib.sha256(render_lock(self.lock).encode()).hexdigest()}

    def describe(self) -> tuple[str, ...]:
        return ("builder: writes manifest.json: lock, packages, tools, seals, and SHA-256 of every file of the medium",)

    def run(self, site: Site) -> None:
        work = site.work
        whole = {
            "format": FORMAT,
            "builder": __version__,
            "profile": self.profile.name,
            "suite": self.profile.suite,
            "architecture": self.profile.architecture,
            "engine": self.profile.engine,
            "epoch": self.lock.epoch,
            "lock": {
                "state": "renewed" if self.renewed else "reviewed",
                "sha256": hashlib.sha256(render_lock(self.lock).encode()).hexdigest(),
            },
            "image": (work / "image-id").read_text(),
            "iso": {"sha256": sha256(work / "image.iso"), "size": (work / "image.iso").stat().st_size},
            "layers": [vars(read_seal(work, layer)) for layer in LAYERS],
            "medium": {
                path.relative_to(work / "iso").as_posix(): sha256(path) for path in medium_files(work) if path.is_file()
            },
            "packages": [
                {key: getattr(package, key) for key in ("name", "version", "arch", "sha256")}
                for package in self.lock.packages
            ],
            "tools": [tool.model_dump(exclude_none=True) for tool in self.lock.tools],
        }
        (work / "manifest.json").write_text(json.dumps(whole, indent=1, sort_keys=True) + "\n")


def sha256(path: Path) -> str:
    """SHA-256 (hex) of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
