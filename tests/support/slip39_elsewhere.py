"""SLIP-39 once more, from its text alone and for tests only: field arithmetic bit by bit, no table, nothing shared.

The checksum is computed as the text defines it, by the roots of the generator, not by anybody's constants.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from asl_authority.values.slip39 import words

SECRET_AT, DIGEST_AT = 255, 254
DIGEST_BYTES = 4


@dataclass(frozen=True)
class Decoded:
    """What a share says."""

    identifier: int
    extendable: bool
    exponent: int
    group: int
    group_threshold: int
    group_count: int
    index: int
    threshold: int
    value: bytes


def times(one: int, other: int, modulus: int) -> int:
    """A product in the field of two elements, extended by a root of `modulus`."""
    product, size = 0, modulus.bit_length() - 1
    while other:
        product ^= one if other & 1 else 0
        one, other = one << 1, other >> 1
        one ^= modulus if one >> size else 0
    return product


def of_byte(one: int, other: int) -> int:
    """A product in GF(256)."""
    return times(one, other, 0b1_0001_1011)


def inverse(one: int) -> int:
    """The inverse in GF(256): the power of 254."""
    power = 1
    for _ in range(254):
        power = of_byte(power, one)
    return power


def at(points: Mapping[int, bytes], x: int) -> bytes:
    """The polynomials through these points, byte by byte, at x."""
    length = len(next(iter(points.values())))
    result = bytearray(length)
    for one, value in points.items():
        basis = 1
        for other in points:
            if other != one:
                basis = of_byte(basis, of_byte(x ^ other, inverse(one ^ other)))
        for place in range(length):
            result[place] ^= of_byte(basis, value[place])
    return bytes(result)


def checksum_fits(places: Iterable[int], customization: bytes) -> bool:
    """Whether a one, the customization string and the words leave a one at the first three powers of the root."""
    modulus, root = 0b100_0000_1001, 2
    square = times(root, root, modulus)
    coefficients = (1, *customization, *places)
    for x in (root, square, times(square, root, modulus)):
        value = 0
        for coefficient in coefficients:
            value = times(value, x, modulus) ^ coefficient
        if value != 1:
            return False
    return True


def decode(mnemonic: str) -> Decoded:
    """A share. Raises ValueError."""
    places = [words().index(word) for word in mnemonic.split()]
    head = places[0] << 10 | places[1]
    extendable = bool(head >> 4 & 1)
    if len(places) < 20 or not checksum_fits(places, b"shamir_extendable" if extendable else b"shamir"):
        raise ValueError("checksum")
    params = places[2] << 10 | places[3]
    data = places[4:-3]
    padding = len(data) * 10 % 16
    number = 0
    for place in data:
        number = number << 10 | place
    size = (len(data) * 10 - padding) // 8
    if padding > 8 or number >> size * 8:
        raise ValueError("padding")
    group, group_threshold, group_count, index, threshold = (params >> shift & 15 for shift in (16, 12, 8, 4, 0))
    if group_threshold > group_count:
        raise ValueError("groups")
    value = number.to_bytes(size, "big")
    return Decoded(
        head >> 5, extendable, head & 15, group, group_threshold + 1, group_count + 1, index, threshold + 1, value
    )


def recovered(threshold: int, points: Mapping[int, bytes]) -> bytes:
    """The shared secret. Raises ValueError."""
    if len(points) != threshold:
        raise ValueError("number of shares")
    if threshold == 1:
        return next(iter(points.values()))
    secret, digest = at(points, SECRET_AT), at(points, DIGEST_AT)
    if hmac.digest(digest[DIGEST_BYTES:], secret, "sha256")[:DIGEST_BYTES] != digest[:DIGEST_BYTES]:
        raise ValueError("digest")
    return secret


def secret_of(mnemonics: Iterable[str], passphrase: bytes = b"") -> bytes:
    """The master secret. Raises ValueError."""
    shares = [decode(each) for each in mnemonics]
    of_set = {(s.identifier, s.extendable, s.exponent, s.group_threshold, s.group_count) for s in shares}
    groups = {share.group: {s.index: s.value for s in shares if s.group == share.group} for share in shares}
    of_group = {(share.group, share.threshold) for share in shares}
    once = {(share.group, share.index) for share in shares}
    if len(of_set) != 1 or len(of_group) != len(groups) or len(once) != len(shares):
        raise ValueError("set")
    secrets = {group: recovered(dict(of_group)[group], points) for group, points in groups.items()}
    return decrypted(recovered(shares[0].group_threshold, secrets), shares[0], passphrase)


def decrypted(secret: bytes, share: Decoded, passphrase: bytes) -> bytes:
    """The four rounds, backwards."""
    half = len(secret) // 2
    left, right = secret[:half], secret[half:]
    salt = b"" if share.extendable else b"shamir" + share.identifier.to_bytes(2, "big")
    for n in (3, 2, 1, 0):
        key = hashlib.pbkdf2_hmac("sha256", bytes([n]) + passphrase, salt + right, 2500 << share.exponent, half)
        left, right = right, bytes(one ^ other for one, other in zip(left, key, strict=True))
    return right + left
