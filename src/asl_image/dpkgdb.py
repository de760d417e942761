"""Debian's package database as it lies sealed in an image: which packages there are, and whose each file is."""

from __future__ import annotations

from dataclasses import dataclass

from asl_image.errors import CheckFailed

FOLDER = "usr/lib/sysimage/dpkg"
STATUS = f"{FOLDER}/status"


@dataclass(frozen=True)
class Installed:
    """A package that dpkg calls installed."""

    name: str
    version: str
    arch: str


def read_status(text: str) -> tuple[Installed, ...]:
    """Every installed package, sorted. Raises CheckFailed for a paragraph that dpkg would not write."""
    found = []
    for paragraph in text.split("\n\n"):
        if not paragraph.strip():
            continue
        fields = dict(
            line.split(": ", 1) for line in paragraph.splitlines() if ": " in line and not line.startswith(" ")
        )
        try:
            if fields["Status"].split()[2] == "installed":
                found.append(Installed(fields["Package"], fields["Version"], fields["Architecture"]))
        except (KeyError, IndexError):
            raise CheckFailed("the image's package database has a paragraph that makes no sense") from None
    return tuple(sorted(found, key=lambda each: (each.name, each.arch)))
