"""Debian's package database as it lies sealed in an image: which packages there are, and whose each file is."""

from __future__ import annotations

from dataclasses import dataclass

from asl_image.errors import CheckFailed
from asl_image.inventory import Inventory

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


# In a merged /usr these are links, and dpkg's lists may name files through them.
MERGED = ("bin", "sbin", "lib", "lib64")


def owners(tree: Inventory) -> dict[str, str]:
    """Whose each file is, by path without a leading slash, as dpkg's lists have it."""
    found: dict[str, str] = {}
    for name in tree.items:
        folder, _, last = name.rpartition("/")
        if folder != f"{FOLDER}/info" or not last.endswith(".list"):
            continue
        package = last.removesuffix(".list").partition(":")[0]
        for line in tree.read(name).decode("utf-8", "surrogateescape").splitlines():
            path = line.lstrip("/")
            if path.split("/")[0] in MERGED:
                path = f"usr/{path}"
            item = tree.items.get(path)
            if item is not None and item.kind != "directory":
                found[path] = package
    return found
