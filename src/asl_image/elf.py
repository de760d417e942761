"""What an ELF file says that it loads: its interpreter, the libraries it needs, and where it wants them looked for."""

from __future__ import annotations

import struct
from dataclasses import dataclass

MAGIC = b"\x7fELF\x02\x01"  # 64 bits, little-endian: all that an image's tools are
HEADER = struct.Struct("<16xHHIQQQIHHHHHH")
SEGMENT = struct.Struct("<IIQQQQQQ")
ENTRY = struct.Struct("<qQ")
LOAD, DYNAMIC, INTERPRETER = 1, 2, 3
NEEDED, STRING_TABLE, RPATH, RUNPATH = 1, 5, 15, 29


@dataclass(frozen=True)
class Elf:
    """`interpreter` is empty for a library and for a program that was linked statically."""

    interpreter: str
    needed: tuple[str, ...]
    search: tuple[str, ...]


def is_elf(data: bytes) -> bool:
    """Whether a file's bytes are of a kind that `read_elf` reads."""
    return data[: len(MAGIC)] == MAGIC


def read_elf(data: bytes) -> Elf:
    """What a file needs. Raises ValueError when it is not a whole ELF file of 64 bits."""
    if not is_elf(data):
        raise ValueError("not an ELF file of 64 bits, little-endian")
    try:
        _, _, _, _, at, _, _, _, size, count, *_ = HEADER.unpack_from(data)
        segments = [SEGMENT.unpack_from(data, at + index * size) for index in range(count)]
        interpreter = next((_text(data, offset) for kind, _, offset, *_ in segments if kind == INTERPRETER), "")
        entries: list[tuple[int, int]] = []
        for kind, _, offset, _, _, length, _, _ in segments:
            if kind == DYNAMIC:
                entries += ENTRY.iter_unpack(data[offset : offset + length - length % ENTRY.size])
        strings = next((value for tag, value in entries if tag == STRING_TABLE), None)
        if strings is None:
            return Elf(interpreter, (), ())
        table = _offset(segments, strings)
        words = [(tag, _text(data, table + value)) for tag, value in entries if tag in (NEEDED, RPATH, RUNPATH)]
    except struct.error as error:
        raise ValueError(f"cut short: {error}") from None
    search = next((word for kind in (RUNPATH, RPATH) for tag, word in words if tag == kind), "")
    needed = tuple(word for tag, word in words if tag == NEEDED)
    return Elf(interpreter, needed, tuple(folder for folder in search.split(":") if folder))


def _text(data: bytes, at: int) -> str:
    end = data.find(b"\0", at)
    if at >= len(data) or end < 0:
        raise ValueError("cut short: a name has no end")
    return data[at:end].decode("utf-8", "surrogateescape")


def _offset(segments: list[tuple[int, ...]], address: int) -> int:
    """Where in the file lies what will lie at that address."""
    for kind, _, offset, start, _, length, _, _ in segments:
        if kind == LOAD and start <= address < start + length:
            return offset + address - start
    raise ValueError("its table of names lies outside of it")
