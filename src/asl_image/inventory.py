"""What is known of one name in a packed tree: the same for squashfs and cpio, so that any two can be compared."""

from __future__ import annotations

import hashlib
import stat
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from asl_image.errors import CheckFailed

MOST_CPIO_ENTRIES = 100_000
KINDS = {
    stat.S_IFREG: "file",
    stat.S_IFDIR: "directory",
    stat.S_IFLNK: "symlink",
    stat.S_IFCHR: "character",
    stat.S_IFBLK: "block",
    stat.S_IFIFO: "fifo",
}


@dataclass(frozen=True)
class Item:
    """One name: `mode` has the permission bits only, `sha256` is of a file's bytes, `link` a target or a device."""

    kind: str
    mode: int
    uid: int
    gid: int
    mtime: int
    size: int = 0
    sha256: str = ""
    link: str = ""
    xattrs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Inventory:
    """A packed tree: its names, in the order in which they are stored, and how to read a file's bytes."""

    items: Mapping[str, Item] = field(default_factory=dict)
    read: Callable[[str], bytes] = lambda _: b""


def read_cpio(data: bytes) -> Inventory:
    """A cpio archive in the "newc" form, as the kernel would unpack it. Raises CheckFailed."""
    items: dict[str, Item] = {}
    places: dict[str, tuple[int, int]] = {}
    for name, head, at in _cpio_entries(data):
        _, mode, uid, gid, links, mtime, size = head[:7]
        kind = KINDS.get(stat.S_IFMT(mode))
        if kind is None or name in items or (kind == "file" and links > 1):
            raise CheckFailed(f"the initramfs has an entry that we never write: {name!r}")
        body = data[at : at + size]
        link = body.decode("utf-8", "surrogateescape") if kind == "symlink" else ""
        if kind in ("character", "block"):
            link = f"{head[9]}:{head[10]}"
        sha256 = hashlib.sha256(body).hexdigest() if kind == "file" else ""
        items[name] = Item(kind, stat.S_IMODE(mode), uid, gid, mtime, size, sha256, link)
        places[name] = (at, size)
    return Inventory(items, lambda name: data[places[name][0] : places[name][0] + places[name][1]])


def _cpio_entries(data: bytes) -> Iterator[tuple[str, tuple[int, ...], int]]:
    at = 0
    for _ in range(MOST_CPIO_ENTRIES):
        header = data[at : at + 110]
        try:
            if len(header) < 110 or header[:6] != b"070701":
                raise ValueError
            head = tuple(int(header[start : start + 8], 16) for start in range(6, 110, 8))
        except ValueError:
            raise CheckFailed(f"the initramfs is no cpio archive at byte {at}, or is cut short") from None
        size, name_size = head[6], head[11]
        name_end = at + 110 + name_size
        body = name_end + -name_end % 4
        if name_size < 2 or body + size > len(data) or data[name_end - 1] != 0:
            raise CheckFailed(f"the initramfs is cut short at byte {at}")
        name = data[at + 110 : name_end - 1].decode("utf-8", "surrogateescape")
        at = body + size + -size % 4
        if name == "TRAILER!!!":
            if any(data[at:]):
                raise CheckFailed("the initramfs has something behind its end")
            return
        yield name, head, body
    raise CheckFailed("the initramfs has too many entries")
