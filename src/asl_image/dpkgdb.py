"""Debian's package database as it lies sealed in an image: which packages there are, and whose each file is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from asl_image.errors import CheckFailed
from asl_image.inventory import Inventory

FOLDER = "usr/lib/sysimage/dpkg"
STATUS = f"{FOLDER}/status"
DIVERSIONS = f"{FOLDER}/diversions"


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
MERGED = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")


def real_path(listed: str) -> str:
    """Where a path of dpkg's lists really lies, without a leading slash."""
    path = listed.strip("/")
    return f"usr/{path}" if path.split("/")[0] in MERGED and "/" in path else path


def package_files(lists: Mapping[str, str], diversions: str) -> dict[str, tuple[str, str]]:
    """Path → the package whose it is, and the name that it has there (another when the file was diverted).

    `lists` has dpkg's list of files by package (a multi-arch one as `name:arch`). A folder of many packages is the
    first one's by name.
    """
    lines = diversions.splitlines()
    diverted = {real_path(lines[at]): (real_path(lines[at + 1]), lines[at + 2]) for at in range(0, len(lines) - 2, 3)}
    found: dict[str, tuple[str, str]] = {}
    for package, name in sorted((each.partition(":")[0], each) for each in lists):
        for line in lists[name].splitlines():
            path = real_path(line)
            if not path or path == ".":
                continue
            place, diverter = diverted.get(path, (path, package))
            found.setdefault(path if diverter == package else place, (package, path))
    return found


def sealed_files(tree: Inventory) -> dict[str, tuple[str, str]]:
    """What `package_files` says by the package database in an image; some of it may have been taken away since."""
    lists = {
        name.rpartition("/")[2].removesuffix(".list"): tree.read(name).decode("utf-8", "surrogateescape")
        for name in tree.items
        if name.startswith(f"{FOLDER}/info/") and name.endswith(".list")
    }
    diversions = tree.read(DIVERSIONS).decode("utf-8", "surrogateescape") if DIVERSIONS in tree.items else ""
    return package_files(lists, diversions)


def owners(tree: Inventory) -> dict[str, str]:
    """Whose each file is that is there, by path without a leading slash, as dpkg's lists have it."""
    return {
        path: package
        for path, (package, _) in sealed_files(tree).items()
        if path in tree.items and tree.items[path].kind != "directory"
    }
