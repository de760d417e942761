"""The house: where everything lies, who speaks, and the environment that the builder was started in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from asl_image.screen import Screen


@dataclass(frozen=True)
class House:
    """Handed by the front door to every verb; nobody else looks for a place or at the environment."""

    root: Path
    profiles: Path
    build: Path
    screen: Screen
    environ: Mapping[str, str]

    @property
    def tools(self) -> Path:
        """Pinned tools."""
        return self.profiles / "tools"

    @property
    def overlays(self) -> Path:
        """Files as they will lie in the image."""
        return self.root / "overlays"

    @property
    def hooks(self) -> Path:
        """Scripts that run while the root tree is made."""
        return self.root / "hooks"

    @property
    def store(self) -> Path:
        """Packages and tools by their SHA-256, shared by all profiles."""
        return self.build / "store"

    @property
    def keyrings(self) -> Path:
        """Keyrings that came with a kit which was unpacked here."""
        return self.build / "keyrings"
