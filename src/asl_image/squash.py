"""What lies in a squashfs inside an image: names, owners, modes, links and hashes, without root and without unpacking.

`unsquashfs -pf` writes the tree as one list with the files' bytes behind it; that is read here, once, in order. The
program comes from the newest tools tree that a build has left in the cache, or else from the host.
"""

from __future__ import annotations

import hashlib
import mmap
import re
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from asl_image.errors import CheckFailed, ProgramFailed
from asl_image.inventory import Inventory, Item
from asl_image.medium import Extent, Medium
from asl_image.runner import Command, Runs
from asl_image.verity import no_progress

LIBRARIES = "usr/lib/x86_64-linux-gnu"
DATA = b"#\n# START OF DATA - DO NOT MODIFY\n#\n"
KINDS = {"D": "directory", "S": "symlink", "C": "character", "B": "block", "I": "fifo", "R": "file"}
LINE = re.compile(rb'((?:[^\\ "\n]|\\[\\ "\n])+) (\w) ')
NO_TABLE = 0xFFFFFFFFFFFFFFFF
COMPRESSORS = {1: "gzip", 2: "lzma", 3: "lzo", 4: "xz", 5: "lz4", 6: "zstd"}


@dataclass(frozen=True)
class Superblock:
    """What a squashfs says of itself as a whole."""

    made: int  # seconds since 1970
    block_size: int
    compressor: str
    used: int  # bytes; what follows is padding


@dataclass(frozen=True)
class Unpackers:
    """The two programs that read what Python's standard library can't; `scratch` is a folder for their output."""

    runner: Runs
    build: Path
    scratch: Path

    def argv(self, program: str, *words: str) -> tuple[str, ...]:
        """What to start: from the newest tools tree, with its own loader and libraries, or else from the host."""
        trees = self.build.glob(f"cache/shared/tools-tree/*/tools-tree/usr/bin/{program}")
        found = sorted(trees, key=lambda path: path.lstat().st_ctime)
        if not found:
            return (program, *words)
        libraries = found[-1].parents[2] / LIBRARIES
        return (str(libraries / "ld-linux-x86-64.so.2"), "--library-path", str(libraries), str(found[-1]), *words)

    def unzstd(self, data: bytes) -> bytes:
        """What was packed. Raises CheckFailed when it is not whole."""
        packed, plain = self.scratch / "packed", self.scratch / "plain"
        packed.write_bytes(data)
        command = Command(self.argv("zstd", "--quiet", "--decompress", "--stdout"), stdin=packed, stdout=plain)
        try:
            self._run(command, "what zstd packed can't be read")
            return plain.read_bytes()
        finally:
            packed.unlink()
            plain.unlink(missing_ok=True)

    @contextmanager
    def tree(self, medium: Medium, layer: Extent, advance: Callable[[int], None] = no_progress) -> Iterator[Inventory]:
        """Everything in a squashfs, for as long as the `with` lasts. Raises CheckFailed."""
        read_superblock(medium, layer)
        out = self.scratch / f"{medium.path.name}.{layer.at}.list"
        words = ("-no-progress", "-offset", str(layer.at), "-pf", str(out), str(medium.path.absolute()))
        try:
            self._run(Command(self.argv("unsquashfs", *words)), "a layer can't be read")
            with out.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as listing:
                yield read_listing(listing, advance)
        finally:
            out.unlink(missing_ok=True)

    def _run(self, command: Command, trouble: str) -> None:
        try:
            self.runner.run(command)
        except ProgramFailed as error:
            raise CheckFailed(trouble, details=error.details) from None


def read_superblock(medium: Medium, layer: Extent) -> Superblock:
    """A squashfs's own words. Raises CheckFailed when it is none, or longer than its file."""
    head = medium.bytes_of(replace(layer, size=min(layer.size, 96)))
    if len(head) < 96 or bytes(head[:4]) != b"hsqs":
        raise CheckFailed("a layer is no squashfs")
    made, block_size = struct.unpack_from("<II", head, 8)
    (compressor,) = struct.unpack_from("<H", head, 20)
    (used,) = struct.unpack_from("<Q", head, 40)
    if used > layer.size:
        raise CheckFailed(f"a layer is cut short: its squashfs has {used} bytes, its file {layer.size}")
    return Superblock(made, block_size, COMPRESSORS.get(compressor, str(compressor)), used)


def read_listing(listing: mmap.mmap, advance: Callable[[int], None] = no_progress) -> Inventory:
    """The tree that `unsquashfs -pf` wrote. Raises CheckFailed for a line that it never writes."""
    end = listing.find(DATA)
    if end < 0:
        raise CheckFailed("unsquashfs wrote no list of files")
    start, text = end + len(DATA), listing[:end]
    items: dict[str, Item] = {}
    places: dict[str, Extent] = {}
    hashes: dict[Extent, str] = {}
    with memoryview(listing) as whole:
        at = 0
        while at < len(text):
            found = LINE.match(text, at)
            stop = text.find(b"\n", found.end()) if found else -1
            if found is None or stop < 0:
                raise CheckFailed(f"unsquashfs wrote a line that makes no sense: {text[at : at + 80]!r}")
            name, rest = plain(found[1]), text[found.end() : stop].decode("utf-8", "surrogateescape")
            if found[2] == b"x" and name not in items:
                raise CheckFailed(f"unsquashfs wrote an attribute of what it did not name: {name!r}")
            if found[2] == b"L":
                stop = _link_end(text, found.end())
                target = plain(text[found.end() : stop])
                if target not in items:
                    raise CheckFailed(f"unsquashfs wrote a link to what it did not name: {target!r}")
                items[name] = replace(items[target], kind="hardlink", link=target)
                places[name] = places.get(target, Extent(0, 0))
            elif found[2] == b"x":
                items[name] = replace(items[name], xattrs=(*items[name].xattrs, rest))
            else:
                items[name], place = _item(found[2].decode(), rest, start)
                if place is not None:
                    if place not in hashes:
                        hashes[place] = hashlib.sha256(whole[place.at : place.end]).hexdigest()
                        advance(place.size)
                    items[name] = replace(items[name], sha256=hashes[place])
                    places[name] = place
            at = stop + 1
    return Inventory(items, lambda name: listing[places[name].at : places[name].end])


def _item(kind: str, rest: str, start: int) -> tuple[Item, Extent | None]:
    try:
        words = rest.split(" ", 4)
        mtime, mode, uid, gid = int(words[0]), int(words[1], 8), int(words[2]), int(words[3])
        if kind == "R":
            size, offset = (int(word) for word in words[4].split()[:2])  # 4.6 says behind them whether it has holes
            return Item("file", mode, uid, gid, mtime, size), Extent(start + offset, size)
        link = words[4].replace(" ", ":") if kind in "CB" else words[4] if kind == "S" else ""
        return Item(KINDS[kind], mode, uid, gid, mtime, link=link), None
    except (KeyError, ValueError, IndexError):
        raise CheckFailed(f"unsquashfs wrote a line that makes no sense: {kind} {rest[:80]!r}") from None


def _link_end(text: bytes, at: int) -> int:
    while text[at : at + 1] not in (b"\n", b""):
        at += 2 if text[at : at + 1] == b"\\" else 1
    return at


def plain(name: bytes) -> str:
    """A name without the list's backslashes; the root is "" """
    found = re.sub(rb"\\(.)", rb"\1", name, flags=re.DOTALL).decode("utf-8", "surrogateescape")
    return "" if found == "/" else found
