"""Big-endian byte strings, as the papers' signed payloads are laid out, and their strict reader."""

from __future__ import annotations

from asl_authority.errors import Malformed


def u32_be(number: int) -> bytes:
    """Four bytes. Raises OverflowError when they are too few."""
    return number.to_bytes(4, "big")


def u64_be(number: int) -> bytes:
    """Eight bytes. Raises OverflowError when they are too few."""
    return number.to_bytes(8, "big")


def text_be(text: str) -> bytes:
    """UTF-8 behind its length in four bytes."""
    data = text.encode()
    return u32_be(len(data)) + data


class BytesReader:
    """Takes a byte string from its front; what is too short or left over raises Malformed with `check_id`."""

    def __init__(self, data: bytes, what: str, check_id: str) -> None:
        self.data, self.what, self.check_id, self.at = data, what, check_id, 0

    def wrong(self, words: str) -> Malformed:
        """The error for the place that was reached."""
        return Malformed(f"{self.what}: {words} at byte {self.at}", check_id=self.check_id)

    def take(self, size: int) -> bytes:
        """The next `size` bytes."""
        if size > len(self.data) - self.at:
            raise self.wrong(f"{size} bytes are expected, there are {len(self.data) - self.at}")
        self.at += size
        return self.data[self.at - size : self.at]

    def u32(self) -> int:
        """The next four bytes as a number."""
        return int.from_bytes(self.take(4), "big")

    def u64(self) -> int:
        """The next eight bytes as a number."""
        return int.from_bytes(self.take(8), "big")

    def text(self, limit: int) -> str:
        """UTF-8 of at most `limit` bytes behind its length."""
        size = self.u32()
        if size > limit:
            raise self.wrong(f"a text of {size} bytes, at most {limit} are read,")
        try:
            return self.take(size).decode()
        except UnicodeDecodeError:
            raise self.wrong("a text that is not UTF-8") from None

    def count(self, size: int, limit: int) -> int:
        """How many things of `size` bytes follow; more than there is room for are refused before anything is made."""
        number = self.u32()
        if number > limit or number * size > len(self.data) - self.at:
            raise self.wrong(f"{number} things of {size} bytes")
        return number

    def end(self) -> None:
        """Demand that nothing is left."""
        if self.at != len(self.data):
            raise self.wrong(f"{len(self.data) - self.at} bytes too many")
