"""A SHA-256 as a QR code (ISO/IEC 18004), for a verifier's camera: always version 3, error correction L, mask 0."""

from __future__ import annotations

from collections.abc import Iterator

SIZE = 29
DATA_BYTES, CHECK_BYTES = 55, 15
ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"
MOST_CHARACTERS = 77
FORMAT = "111011111000100"  # level L and mask 0, with their own error correction
_FINDERS = ((0, 0), (0, SIZE - 7), (SIZE - 7, 0))
_ALIGNMENT = 22

Modules = list[list[bool]]


def qr_code(text: str) -> Modules:
    """The rows of the code, True for dark. Raises ValueError for what version 3 can't say."""
    if len(text) > MOST_CHARACTERS or any(each not in ALPHABET for each in text):
        raise ValueError(f"{text!a:.80} does not fit into this code")
    rows: list[list[bool | None]] = [[None] * SIZE for _ in range(SIZE)]
    _put_patterns(rows)
    data = _data_bytes(text)
    bits = iter("".join(f"{each:08b}" for each in data + _check_bytes(data)))
    for row, column in _path():
        if rows[row][column] is None:
            rows[row][column] = (next(bits, "0") == "1") != ((row + column) % 2 == 0)
    return [[bool(each) for each in row] for row in rows]


def _data_bytes(text: str) -> bytes:
    """Mode, length, characters in pairs, and padding."""
    bits = f"0010{len(text):09b}"
    for at in range(0, len(text) - 1, 2):
        bits += f"{ALPHABET.index(text[at]) * 45 + ALPHABET.index(text[at + 1]):011b}"
    if len(text) % 2:
        bits += f"{ALPHABET.index(text[-1]):06b}"
    bits += "0" * min(4, DATA_BYTES * 8 - len(bits))
    bits += "0" * (-len(bits) % 8)
    data = bytes(int(bits[at : at + 8], 2) for at in range(0, len(bits), 8))
    return data + (b"\xec\x11" * DATA_BYTES)[: DATA_BYTES - len(data)]


def _check_bytes(data: bytes) -> bytes:
    """Reed and Solomon's, over the field of 256 elements that the standard takes."""
    generator = [1]
    for power in range(CHECK_BYTES):
        shifted = [*generator, 0]
        for at, each in enumerate(generator):
            shifted[at + 1] ^= _times(each, _power(power))
        generator = shifted
    rest = [*data, *bytes(CHECK_BYTES)]
    for at in range(len(data)):
        factor = rest[at]
        for offset, each in enumerate(generator):
            rest[at + offset] ^= _times(each, factor)
    return bytes(rest[len(data) :])


def _times(one: int, other: int) -> int:
    product = 0
    while other:
        product ^= one if other & 1 else 0
        one = one << 1 ^ (0x11D if one & 0x80 else 0)
        other >>= 1
    return product


def _power(exponent: int) -> int:
    value = 1
    for _ in range(exponent):
        value = _times(value, 2)
    return value


def _put_patterns(rows: list[list[bool | None]]) -> None:
    """Everything by which a reader finds its way: it is no data."""
    for top, left in _FINDERS:
        for row in range(max(top - 1, 0), min(top + 8, SIZE)):
            for column in range(max(left - 1, 0), min(left + 8, SIZE)):
                ring = max(abs(row - top - 3), abs(column - left - 3))
                rows[row][column] = ring not in (2, 4)
    for at in range(8, SIZE - 8):
        rows[6][at] = rows[at][6] = at % 2 == 0
    for row in range(_ALIGNMENT - 2, _ALIGNMENT + 3):
        for column in range(_ALIGNMENT - 2, _ALIGNMENT + 3):
            rows[row][column] = max(abs(row - _ALIGNMENT), abs(column - _ALIGNMENT)) != 1
    rows[SIZE - 8][8] = True
    for place, bit in zip((*range(6), 7, 8), FORMAT[:8], strict=True):
        rows[8][place] = bit == "1"
    for place, bit in zip((7, *range(5, -1, -1)), FORMAT[8:], strict=True):
        rows[place][8] = bit == "1"
    for at, bit in enumerate(FORMAT):
        row, column = (SIZE - 1 - at, 8) if at < 7 else (8, SIZE - 15 + at)
        rows[row][column] = bit == "1"


def _path() -> Iterator[tuple[int, int]]:
    """Two columns at a time from the right, up and down in turn; the column of the timing pattern is left out."""
    upwards = True
    for right in (*range(SIZE - 1, 6, -2), 5, 3, 1):
        for step in range(SIZE):
            row = SIZE - 1 - step if upwards else step
            yield row, right
            yield row, right - 1
        upwards = not upwards
