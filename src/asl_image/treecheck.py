"""Every file of layers and initramfs held against the list of files, and what the list claims of packages."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence

from asl_image.dpkgdb import sealed_files
from asl_image.filelist import MEDIUM, FileRow
from asl_image.inventory import Inventory, Item
from asl_image.manifest import SizedFile

ESCAPED = re.compile(rb"\\([0-7]{3})")
PACKAGE = "package "


def tree_troubles(part: str, tree: Inventory, rows: Mapping[str, FileRow], epoch: int) -> Iterator[str]:
    """What of a tree is not as its rows say, by name: kind, mode, owner, date, size, bytes, link, attributes."""
    found = {f"/{name}": item for name, item in tree.items.items()}
    yield from (f"{part}: {path} is missing" for path in sorted(rows.keys() - found.keys()))
    yield from (f"{part}: {path} is not in the list of files" for path in sorted(found.keys() - rows.keys()))
    for path in sorted(rows.keys() & found.keys()):
        said, is_so = wanted(rows[path], epoch), looks(found[path])
        if said != is_so:
            unlike = (f"{key} {is_so[key]} instead of {said[key]}" for key in said if said[key] != is_so[key])
            yield f"{part}: {path}: {', '.join(unlike)}"


def wanted(row: FileRow, epoch: int) -> dict[str, object]:
    """What a row says, in the words of `looks`."""
    return {
        "kind": row.kind,
        "mode": row.mode,
        "owner": f"{row.uid}:{row.gid}",
        "date": epoch,
        "link": row.link or "",
        "xattrs": row.xattrs or {},
        "size": row.size,
        "sha256": row.sha256,
    }


def looks(item: Item) -> dict[str, object]:
    """What is there; the bytes of a hard link are its file's, which is looked at under its own name."""
    is_file = item.kind == "file"
    return {
        "kind": item.kind,
        "mode": f"{item.mode:04o}",
        "owner": f"{item.uid}:{item.gid}",
        "date": item.mtime,
        "link": item.link,
        "xattrs": attributes(item.xattrs) if item.kind != "hardlink" else {},
        "size": item.size if is_file else None,
        "sha256": item.sha256 if is_file else None,
    }


def attributes(words: Sequence[str]) -> dict[str, str]:
    """Extended attributes as `unsquashfs -pf` writes them (plain, or escaped behind `0t`), in hex."""
    found = {}
    for word in words:
        name, _, value = word.partition("=")
        data = value.encode("utf-8", "surrogateescape")
        if value.startswith("0t"):
            data = ESCAPED.sub(lambda digits: bytes([int(digits[1], 8) & 0xFF]), data[2:])
        found[name] = data.hex()
    return found


def medium_troubles(rows: Mapping[str, FileRow], files: Mapping[str, SizedFile]) -> Iterator[str]:
    """What the list says of the medium otherwise than the manifest."""
    said = {path.lstrip("/"): (row.size, row.sha256) for path, row in rows.items()}
    known = {name: (file.size, file.sha256) for name, file in files.items()}
    for name in sorted(said.keys() | known.keys()):
        if said.get(name) != known.get(name):
            yield f"{MEDIUM}: /{name}: the list of files and the manifest disagree"


def origin_troubles(rows: Sequence[FileRow], base: Inventory, packages: Collection[str]) -> Iterator[str]:
    """Claims that the sealed package database does not bear out, and files of packages that are said to be another's.

    `packages` are the names in the manifest.
    """
    owned = sealed_files(base)
    listed = set(owned.values())
    for row in rows:
        path = row.path.lstrip("/")
        said = f"{row.part}: {row.path}: {row.origin}"
        if not row.origin.startswith(PACKAGE):
            if row.part == "base" and row.kind != "directory" and path in owned:
                yield f"{said}, but it is of package {owned[path][0]}"
            continue
        package = row.origin.removeprefix(PACKAGE)
        claim = (package, (row.known_as or row.path).lstrip("/"))
        if package not in packages:
            yield f"{said} is not in the manifest"
        elif claim not in listed:
            yield f"{said} has no file of that name"
        elif row.part == "base" and not row.changed_by and owned.get(path) != claim:
            yield f"{said} has it in another place"
