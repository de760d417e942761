"""The second implementation of Ed25519 verification, by the book (RFC 8032, section 5.1.7), for checking the first.

It shares no code with the library that signs. It only verifies: nothing secret comes near it, so it need not run in
constant time. A key's first signatures take a millisecond or two each, those of a key that signs often half of one.
"""

from __future__ import annotations

import hashlib
from functools import cache, cached_property, lru_cache

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
D_TWICE = 2 * D % P
ROOT_OF_MINUS_1 = pow(2, (P - 1) // 4, P)

# Extended coordinates (X, Y, Z, T): x = X/Z, y = Y/Z, x·y = T/Z.
Point = tuple[int, int, int, int]
Multiples = list[list[Point]]
IDENTITY: Point = (0, 1, 1, 0)
# Making all multiples of a key takes as long as three verifications without them.
OFTEN = 4


def verifies(public: bytes, message: bytes, signature: bytes) -> bool:
    """Whether the signature is that of the key over the message.

    Encodings that are not canonical are refused: of the key, of R, and an S that is not below the group's order.
    """
    if len(public) != 32 or len(signature) != 64:
        return False
    key = _key(public)
    s = int.from_bytes(signature[32:], "little")
    if key is None or s >= L:
        return False
    k = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % L
    # [S]B - [k]A must be R, and R is compared as it is written: so only its canonical encoding passes.
    return encoded(key.combined(s, k)) == signature[:32]


def decoded(data: bytes) -> Point | None:
    """The point that 32 bytes name in canonical form, or None."""
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y & (2**255 - 1)
    if y >= P:
        return None
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * ROOT_OF_MINUS_1 % P
    if (x * x - square) % P or (x == 0 and sign):
        return None
    if x & 1 != sign:
        x = P - x
    return x, y, 1, x * y % P


def encoded(point: Point) -> bytes:
    """The canonical 32 bytes of a point."""
    x, y, z, _ = point
    inverse = pow(z, -1, P)
    x, y = x * inverse % P, y * inverse % P
    return (y | (x & 1) << 255).to_bytes(32, "little")


def _add(one: Point, other: Point) -> Point:
    x1, y1, z1, t1 = one
    x2, y2, z2, t2 = other
    a, b = (y1 - x1) * (y2 - x2) % P, (y1 + x1) * (y2 + x2) % P
    c, d = t1 * t2 * D_TWICE % P, 2 * z1 * z2 % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def _double(point: Point) -> Point:
    x, y, z, _ = point
    a, b, c = x * x % P, y * y % P, 2 * z * z % P
    h = a + b
    e, g = h - (x + y) * (x + y) % P, a - b
    f = c + g
    return e * f % P, g * h % P, f * g % P, e * h % P


class _Key:
    """A key's point A, and how often it was asked for."""

    def __init__(self, point: Point) -> None:
        x, y, z, t = point
        self.minus_a: Point = (P - x, y, z, P - t)
        self.asked = 0

    def combined(self, s: int, k: int) -> Point:
        """[S]B - [k]A."""
        self.asked += 1
        if self.asked < OFTEN:
            return _both(s, _base_digits(), k, _digits(self.minus_a))
        return _add(_times(s, _base()), _times(k, self.multiples))

    @cached_property
    def multiples(self) -> Multiples:
        """Of -A."""
        return _multiples(self.minus_a)


def _digits(point: Point) -> list[Point]:
    """A point times every hexadecimal digit."""
    row = [IDENTITY, point]
    while len(row) < 16:
        row.append(_add(row[-1], point))
    return row


def _both(one: int, ones: list[Point], other: int, others: list[Point]) -> Point:
    """The sum of two points, by their digits, each times its scalar: the doublings are shared (Straus)."""
    result = IDENTITY
    for at in range(252, -1, -4):
        result = _double(_double(_double(_double(result))))
        result = _add(_add(result, ones[one >> at & 15]), others[other >> at & 15])
    return result


def _multiples(point: Point) -> Multiples:
    """The multiples of a point by every hexadecimal digit at every place of a scalar, so that times is only adding."""
    rows = []
    for _ in range(64):
        rows.append(_digits(point))
        point = _double(rows[-1][8])
    return rows


def _times(scalar: int, multiples: Multiples) -> Point:
    """A point, by its multiples, times a scalar below the group's order."""
    result = IDENTITY
    for row in multiples:
        if scalar & 15:
            result = _add(result, row[scalar & 15])
        scalar >>= 4
    return result


@lru_cache(maxsize=16)
def _key(public: bytes) -> _Key | None:
    """A key that is in canonical form. Kept, for whoever signs once signs again."""
    point = decoded(public)
    return None if point is None else _Key(point)


@cache
def _base() -> Multiples:
    return _multiples(_base_digits()[1])


@cache
def _base_digits() -> list[Point]:
    """The point with y = 4/5 and an even x, times every digit."""
    point = decoded((4 * pow(5, -1, P) % P).to_bytes(32, "little"))
    assert point is not None  # noqa: S101 - it is a constant
    return _digits(point)
