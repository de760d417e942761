"""DER (X.690), as much of it as an X.509 certificate of ours needs, and only its writing.

Every function gives one whole element: tag, length in its shortest form, contents.
"""

from __future__ import annotations

from collections.abc import Iterable

NULL_BITS = b"\0"  # a bit string of whole bytes leaves none of its last byte unused


def element(tag: int, *parts: bytes) -> bytes:
    """An element with a tag of one byte."""
    contents = b"".join(parts)
    size = len(contents)
    if size < 0x80:
        return bytes((tag, size)) + contents
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + contents


def sequence(*parts: bytes) -> bytes:
    """SEQUENCE."""
    return element(0x30, *parts)


def set_of_one(part: bytes) -> bytes:
    """SET with one element, so that there is nothing to sort."""
    return element(0x31, part)


def explicit(number: int, part: bytes) -> bytes:
    """An element within the context's tag `number`."""
    return element(0xA0 | number, part)


def implicit(number: int, contents: bytes) -> bytes:
    """Contents under the context's tag `number` instead of their own."""
    return element(0x80 | number, contents)


def boolean_true() -> bytes:
    """TRUE; a FALSE is a default wherever we are, and DER leaves defaults out."""
    return element(0x01, b"\xff")


def integer(value: int) -> bytes:
    """A whole number that is not negative. Raises ValueError."""
    if value < 0:
        raise ValueError("only whole numbers from 0 are written")
    return element(0x02, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def bit_string(contents: bytes) -> bytes:
    """Whole bytes as bits."""
    return element(0x03, NULL_BITS, contents)


def named_bits(*set_bits: int) -> bytes:
    """A bit string of less than nine named bits, those set that are named; zeros at its end are left out."""
    value = sum(0x80 >> bit for bit in set_bits)
    return element(0x03, bytes((7 - max(set_bits), value)))


def octets(contents: bytes) -> bytes:
    """OCTET STRING."""
    return element(0x04, contents)


def object_id(dotted: str) -> bytes:
    """OBJECT IDENTIFIER."""
    first, second, *rest = (int(arc) for arc in dotted.split("."))
    return element(0x06, *(_base128(arc) for arc in (40 * first + second, *rest)))


def utf8(text: str) -> bytes:
    """UTF8String."""
    return element(0x0C, text.encode())


def utc_time(text: str) -> bytes:
    """UTCTime, as it is written: YYMMDDHHMMSSZ."""
    return element(0x17, text.encode())


def generalized_time(text: str) -> bytes:
    """GeneralizedTime, as it is written: YYYYMMDDHHMMSSZ."""
    return element(0x18, text.encode())


def _base128(number: int) -> bytes:
    digits: Iterable[int] = (number >> 7 * place & 0x7F for place in range(max(1, -(-number.bit_length() // 7))))
    first, *rest = digits
    return bytes((*(0x80 | digit for digit in reversed(rest)), first))
