"""Deterministic CBOR (RFC 8949, section 4.2.1) over the few types that views need, read strictly: the home of cbor2.

Values are unsigned integers, byte strings, text, arrays, and maps from unsigned integers. Everything is looked through
before cbor2 sees it, so that no tag, no indefinite length and no bomb gets that far.
"""

from __future__ import annotations

from typing import Any

from asl_authority.errors import Malformed
from asl_authority.values.canonical import Limits
from asl_authority.values.rules import Rule

PAPER = "RFC 8949"

RULES = (
    Rule("CBOR-SIZE", PAPER, "C", "A view has no more bytes than its kind allows; it is not read before."),
    Rule("CBOR-DEPTH", PAPER, "C", "Arrays and maps lie no deeper in one another than allowed."),
    Rule("CBOR-WHOLE", PAPER, "S", "The bytes are one item: none is missing and none follows; text is UTF-8."),
    Rule("CBOR-TYPES", PAPER, "C", "Unsigned integers, byte strings, text, arrays, maps from unsigned integers."),
    Rule(
        "CBOR-DETERMINISTIC",
        PAPER,
        "S",
        "Lengths are definite, every head is in its shortest form, and the keys of maps ascend.",
    ),
)  # fmt: skip

_UNSIGNED, _BYTES, _TEXT, _ARRAY, _MAP = 0, 2, 3, 4, 5


def cbor_bytes(value: Any) -> bytes:
    """The one encoding of a value."""
    import cbor2  # takes time to load: only who reads or writes a view pays

    data: bytes = cbor2.dumps(value, canonical=True)
    return data


def read_cbor(data: bytes, limits: Limits) -> Any:
    """The value that `data` encodes. Raises Malformed with the check that refused it."""
    import cbor2

    if len(data) > limits.size:
        raise Malformed(f"{len(data)} bytes, at most {limits.size} are read", check_id="CBOR-SIZE")
    end = _Scan(data, limits.depth).item(0, 0)
    if end != len(data):
        raise Malformed(f"the item takes {end} bytes, there are {len(data)}", check_id="CBOR-WHOLE")
    return cbor2.loads(data)


class _Scan:
    """Goes through the heads of all items, and makes nothing of them."""

    def __init__(self, data: bytes, most_depth: int) -> None:
        self.data, self.most_depth = data, most_depth

    def item(self, at: int, depth: int) -> int:
        """Where the item that begins at `at` ends."""
        kind, number, at = self.head(at)
        if kind == _UNSIGNED:
            return at
        if kind in (_BYTES, _TEXT):
            if kind == _TEXT:
                self.text(at, at + number)
            return at + number  # which may be beyond the end: whoever goes on from there is told
        if depth >= self.most_depth:
            raise Malformed(f"nested more than {self.most_depth} deep", check_id="CBOR-DEPTH")
        last = -1
        for _ in range(number):  # each takes a byte at least: what claims too many comes to the end of the bytes
            if kind == _MAP:
                key_kind, key, at = self.head(at)
                if key_kind != _UNSIGNED:
                    raise Malformed(f"a key before byte {at} is no unsigned integer", check_id="CBOR-TYPES")
                if key <= last:
                    raise Malformed(f"key {key} before byte {at} is not in its place", check_id="CBOR-DETERMINISTIC")
                last = key
            at = self.item(at, depth + 1)
        return at

    def head(self, at: int) -> tuple[int, int, int]:
        """Major type and number of the head at `at`, and where it ends."""
        if at >= len(self.data):
            raise Malformed("the bytes end too early", check_id="CBOR-WHOLE")
        kind, short = self.data[at] >> 5, self.data[at] & 31
        if kind not in (_UNSIGNED, _BYTES, _TEXT, _ARRAY, _MAP):
            raise Malformed(f"byte {at}: major type {kind} is not used here", check_id="CBOR-TYPES")
        if short < 24:
            return kind, short, at + 1
        if short > 27:
            raise Malformed(f"byte {at}: no definite length", check_id="CBOR-DETERMINISTIC")
        size = 1 << (short - 24)
        end = at + 1 + size
        if end > len(self.data):
            raise Malformed("the bytes end too early", check_id="CBOR-WHOLE")
        number = int.from_bytes(self.data[at + 1 : end], "big")
        if number < (24 if size == 1 else 1 << (4 * size)):
            raise Malformed(f"byte {at}: {number} has a shorter form", check_id="CBOR-DETERMINISTIC")
        return kind, number, end

    def text(self, at: int, end: int) -> None:
        try:
            self.data[at:end].decode()
        except UnicodeDecodeError:
            raise Malformed(f"text at byte {at} is not UTF-8", check_id="CBOR-WHOLE") from None
