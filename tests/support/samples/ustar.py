"""Samples of archives."""

from __future__ import annotations

from asl_authority.values.ustar import Archive
from support.published import Bad, Good, Vectors

FILES = {"SHA256SUMS": b"", "a": b"one\n", "dam/dam-1.json": b"x" * 513, "n" * 100: b"the longest name"}
ARCHIVE = Archive(FILES, 1_700_000_000)


def with_field(data: bytes, start: int, field: bytes) -> bytes:
    """The archive with another field in its first header, and the checksum that fits."""
    block = bytearray(data[:512])
    block[start : start + len(field)] = field
    block[148:156] = b"        "
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block) + data[512:]


def vectors() -> Vectors:
    """The published ones."""
    read, data, one = "ustar.read_archive", ARCHIVE.to_bytes(), Archive({"a": b"one\n"}).to_bytes()
    names = [b"/a", b"../a", b"a/", b".a", b"-a", b"a b", b"", b"\xc3\xa9"]
    return Vectors(
        "ustar archives",
        good=[Good("four files", read, data), Good("no file", read, bytes(1024)), Good("time 0", read, one)],
        bad=[
            Bad("nothing", read, b"", "TAR-FORM"),
            Bad("one empty block", read, bytes(512), "TAR-FORM"),
            Bad("three empty blocks", read, bytes(1536), "TAR-FORM"),
            Bad("no end", read, one[:-512], "TAR-FORM"),
            Bad("a byte too many", read, one + b"\0", "TAR-FORM"),
            Bad("a size beyond the end", read, with_field(one, 124, b"77777777777"), "TAR-FORM"),
            Bad("a negative size", read, with_field(one, 124, b"-0000000004"), "TAR-FORM"),
            Bad("a size that leads back", read, with_field(one, 124, b"-0000001000"), "TAR-FORM"),
            Bad("a time of twelve digits", read, with_field(one, 136, b"7" * 12), "TAR-FORM"),
            Bad("a size in base 256", read, with_field(one, 124, b"\x80" + bytes(10) + b"\4"), "TAR-FORM"),
            *(Bad(f"the name {name!a}", read, with_field(one, 0, name.ljust(2, b"\0")), "TAR-NAMES") for name in names),
            Bad("a name twice", read, one[:1024] * 2 + bytes(1024), "TAR-NAMES"),
            Bad("a wrong checksum", read, one[:148] + b"000000" + one[154:], "TAR-CANONICAL"),
            Bad("an owner", read, with_field(one, 108, b"0001750"), "TAR-CANONICAL"),
            Bad("a mode", read, with_field(one, 100, b"0000755"), "TAR-CANONICAL"),
            Bad("a link", read, with_field(one, 156, b"2"), "TAR-CANONICAL"),
            Bad("a prefix", read, with_field(one, 345, b"x"), "TAR-CANONICAL"),
            Bad("bytes after a file's end", read, one[:1000] + b"x" + one[1001:], "TAR-CANONICAL"),
            Bad("two times", read, with_field(data, 136, b"00000000001"), "TAR-CANONICAL"),
        ],
    )
