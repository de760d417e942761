"""A guest of one disk sector that speaks on the serial line: it greets, and answers keys with fixed words.

It makes the machine's own behaviour testable in a second, without an image.
"""

from __future__ import annotations

from collections.abc import Mapping

ORIGIN = 0x7C00
# In an answer: switch the machine off here.
POWER_OFF = "\x01"


def tiny_guest(greeting: str, answers: Mapping[str, str]) -> bytes:
    """A boot sector that says `greeting`, then the answer of each key that comes."""
    table_size = 3 * len(answers) + 1
    code_size = len(_code(0, 0))
    table_at = ORIGIN + code_size
    text_at = table_at + table_size
    greeting_bytes = greeting.encode() + b"\0"
    table, texts = b"", greeting_bytes
    for key, answer in answers.items():
        table += key.encode() + (text_at + len(texts)).to_bytes(2, "little")
        texts += answer.encode() + b"\0"
    sector = _code(text_at, table_at) + table + b"\0" + texts
    if len(sector) > 510:
        raise ValueError(f"a boot sector holds 510 bytes, not {len(sector)}")
    return sector.ljust(510, b"\0") + b"\x55\xaa"


def _code(greeting_at: int, table_at: int) -> bytes:
    greeting, table = greeting_at.to_bytes(2, "little"), table_at.to_bytes(2, "little")
    say = bytes.fromhex(
        "ac 84c0 741d"  # say: lodsb; the text ends with 0
        "3c01 7507 ba0406 b80020 ef"  # 1: write S5 to the power port of a q35
        "88c4 bafd03 ec a820 74fb"  # wait until the line can take a byte
        "88e0 baf803 ee ebde c3"  # send it; next
    )
    head = bytes.fromhex("31c0 8ed8 fc be") + greeting
    wait = bytes.fromhex("bafd03 ec a801 74f8 baf803 ec be") + table  # a key has come
    scan = bytes.fromhex("8a24 84e4 74") + b"?" + bytes.fromhex("38c4 7405 83c603 ebf1")  # look it up
    hit = bytes.fromhex("8b7401")
    # Calls and jumps by distance from the byte after them.
    loop_at = len(head) + 3
    scan_at = loop_at + len(wait)
    hit_at = scan_at + len(scan)
    say_at = hit_at + len(hit) + 3 + 2
    scan = scan.replace(b"?", _back(loop_at, scan_at + 6))
    return (
        head + b"\xe8" + (say_at - loop_at).to_bytes(2, "little")
        + wait + scan + hit
        + b"\xe8" + (say_at - (hit_at + 6)).to_bytes(2, "little")
        + b"\xeb" + _back(loop_at, hit_at + 8)
        + say
    )  # fmt: skip


def _back(to: int, after: int) -> bytes:
    return (to - after).to_bytes(1, "little", signed=True)
