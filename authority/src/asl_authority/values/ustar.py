"""Deterministic ustar archives: the same files give the same bytes, and nothing else is read.

Plain files only, sorted by name, owner 0, mode 0644, one time for all; what GNU tar writes with the same settings.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from asl_authority.errors import Malformed
from asl_authority.values.identifiers import FILE_NAME
from asl_authority.values.rules import Rule

PAPER = "POSIX.1-1988 ustar"

RULES = (
    Rule("TAR-SIZE", PAPER, "C", "An archive has no more bytes and files than allowed."),
    Rule("TAR-FORM", PAPER, "S", "Whole blocks of 512 bytes: headers with their files, two empty blocks at the end."),
    Rule("TAR-NAMES", PAPER, "C", "Plain names of at most 100 bytes, sorted, each once."),
    Rule("TAR-CANONICAL", PAPER, "C", "The bytes are those that the files give: no owner, mode or kind of its own."),
)  # fmt: skip

BLOCK = 512
MOST_BYTES = 64 << 20
MOST_FILES = 20_000
NAME_LIMIT = 100
MOST_TIME = 8**11 - 1
_END = bytes(2 * BLOCK)


@dataclass(frozen=True)
class Archive:
    """Files by name; `mtime` is what all of them have, in seconds."""

    files: Mapping[str, bytes]
    mtime: int = 0

    def to_bytes(self) -> bytes:
        """The archive. Raises ValueError for a name or a time that it can't hold."""
        pieces = []
        for name in sorted(self.files):
            data = self.files[name]
            pieces += [_header(name, len(data), self.mtime), data, bytes(-len(data) % BLOCK)]
        return b"".join((*pieces, _END))


def _header(name: str, size: int, mtime: int) -> bytes:
    if not FILE_NAME.fullmatch(name) or len(name) > NAME_LIMIT:
        raise ValueError(f"{name!a} is no name for a file in an archive")
    if not 0 <= mtime <= MOST_TIME:
        raise ValueError(f"{mtime} is no time for a file in an archive")
    head = b"%-100b%07o\0%07o\0%07o\0%011o\0%011o\0" % (name.encode(), 0o644, 0, 0, size, mtime)
    head = head.replace(b" ", b"\0")  # the padding of the name, which has no blanks
    tail = b"0" + bytes(100) + b"ustar\x0000" + bytes(64) + b"%07o\0%07o\0" % (0, 0) + bytes(167)
    checksum = sum(head) + sum(tail) + 8 * ord(" ")
    return head + b"%06o\0 " % checksum + tail


def read_archive(data: bytes, limit: int = MOST_BYTES) -> Archive:
    """The files of an archive of at most `limit` bytes. Raises Malformed."""
    if len(data) > limit:
        raise Malformed(f"an archive of {len(data)} bytes, at most {limit} are read", check_id="TAR-SIZE")
    if len(data) % BLOCK or data[-2 * BLOCK :] != _END:
        raise Malformed("not whole blocks with two empty ones at the end", check_id="TAR-FORM")
    files: dict[str, bytes] = {}
    times: set[int] = set()
    at, end, last = 0, len(data) - 2 * BLOCK, ""
    while at < end:
        name, size, mtime = _read_header(data[at : at + BLOCK], at)
        if name <= last:
            raise Malformed(f"{name} does not come after {last}", check_id="TAR-NAMES")
        if len(files) == MOST_FILES:
            raise Malformed(f"more than {MOST_FILES} files", check_id="TAR-SIZE")
        start, at = at + BLOCK, at + BLOCK + size + -size % BLOCK
        if at > end:
            raise Malformed(f"{name} is cut off", check_id="TAR-FORM")
        files[name] = data[start : start + size]
        times.add(mtime)
        last = name
    archive = Archive(files, max(times, default=0))
    if archive.to_bytes() != data:
        raise Malformed("not the one archive of its files", check_id="TAR-CANONICAL")
    return archive


def _read_header(block: bytes, at: int) -> tuple[str, int, int]:
    """Name, size and time; the rest is held by writing it again."""
    try:
        name = block[:NAME_LIMIT].rstrip(b"\0").decode("latin-1")
        size, mtime = (int(field.decode("ascii").removesuffix("\0"), 8) for field in (block[124:136], block[136:148]))
    except ValueError:
        raise Malformed(f"the block at {at} is no header", check_id="TAR-FORM") from None
    if not FILE_NAME.fullmatch(name):
        raise Malformed(f"{name[:40]!a} is no plain name", check_id="TAR-NAMES")
    if size < 0 or not 0 <= mtime <= MOST_TIME:
        raise Malformed(f"the block at {at} is no header", check_id="TAR-FORM")
    return name, size, mtime
