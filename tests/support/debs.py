"""Tiny real .debs, made without dpkg, for tests of everything that reads them."""

from __future__ import annotations

import gzip
import io
import lzma
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Deb:
    """A package to be made. `fields` are further control fields: Depends, Essential, Priority, …"""

    name: str
    version: str = "1.0-1"
    arch: str = "all"
    fields: Mapping[str, str] = field(default_factory=dict)
    content: bytes = b"hello\n"

    @property
    def file_name(self) -> str:
        """As in a pool: without the version's epoch."""
        return f"{self.name}_{self.version.rpartition(':')[2]}_{self.arch}.deb"

    def control(self) -> str:
        heading = {"Package": self.name, "Version": self.version, "Architecture": self.arch}
        fields = {**heading, "Maintainer": "Nobody <nobody@example.invalid>", **self.fields, "Description": "a test"}
        return "".join(f"{key}: {value}\n" for key, value in fields.items())

    def to_bytes(self, compression: str = "xz") -> bytes:
        return deb_bytes(self.control(), {f"usr/share/{self.name}": self.content}, compression)

    def write(self, folder: Path) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / self.file_name
        path.write_bytes(self.to_bytes())
        return path


def deb_bytes(control: str, data: Mapping[str, bytes], compression: str = "xz") -> bytes:
    """The bytes of a .deb with this control file and these files."""
    return ar(
        {
            "debian-binary": b"2.0\n",
            f"control.tar.{compression}": packed({"control": control.encode()}, compression),
            f"data.tar.{compression}": packed(data, compression),
        }
    )


def packed(files: Mapping[str, bytes], compression: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for folder in sorted({parent for name in files for parent in Path(f"./{name}").parents if str(parent) != "."}):
            entry = tarfile.TarInfo(f"./{folder}")
            entry.type, entry.mode = tarfile.DIRTYPE, 0o755
            archive.addfile(entry)
        for name, content in files.items():
            entry = tarfile.TarInfo(f"./{name}")
            entry.size, entry.mode = len(content), 0o644
            archive.addfile(entry, io.BytesIO(content))
    return (
        gzip.compress(buffer.getvalue(), mtime=0) if compression == "gz" else lzma.compress(buffer.getvalue(), preset=0)
    )


def ar(members: Mapping[str, bytes]) -> bytes:
    parts = [b"!<arch>\n"]
    for name, data in members.items():
        parts.append(f"{name:<16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(data):<10}`\n".encode())
        parts.append(data + b"\n" * (len(data) % 2))
    return b"".join(parts)
