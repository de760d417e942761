"""A command goes through a noisy serial line and its answer comes back whole, or is known to be broken."""

from __future__ import annotations

import base64
import re
from pathlib import Path

import pytest

from asl_image.runner import Command, Runner
from asl_image.shellline import (
    PIECE,
    answer_begins,
    answer_ends,
    hand_over,
    posix_checksum,
    read_answer,
    say_again,
    teach,
)

KERNEL_MESSAGE = "[   12.345678] usb 1-1: new high-speed USB device\n"


def answered(tmp_path: Path, command: str) -> str:
    """What a real bash says to the lines that we would type."""
    pieces, line = hand_over(command, "beef")
    typed = "\n".join((teach(), *pieces, line))
    return Runner(tmp_path / "log").read(Command(("bash", "--norc", "-c", typed)))


@pytest.mark.parametrize(
    ("command", "status", "out", "err"),
    [
        ("printf 'a\\0b\\377'; echo wrong >&2; exit 3", 3, b"a\0b\xff", b"wrong\n"),
        ("true", 0, b"", b""),
        ("cat", 0, b"", b""),
        (f"echo {'x' * 3 * PIECE}; echo '!$`\"é'", 0, b"x" * 3 * PIECE + '\n!$`"é\n'.encode(), b""),
    ],
)
def test_status_and_both_outputs_come_back_byte_for_byte(
    tmp_path: Path, command: str, status: int, out: bytes, err: bytes
) -> None:
    result = read_answer(answered(tmp_path, command))

    assert result is not None
    assert (result.status, result.stdout_bytes, result.stderr_bytes) == (status, out, err)


def test_a_kernel_message_in_the_middle_is_noticed_wherever_it_lands(tmp_path: Path) -> None:
    whole = answered(tmp_path, "seq 40")
    start, end = whole.index("begin0."), whole.rindex("asl-beef:end0")
    good = read_answer(whole)

    answers = {read_answer(whole[:cut] + KERNEL_MESSAGE + whole[cut:]) for cut in range(start, end, 3)}

    assert answers == {good, None}


def test_what_is_typed_never_looks_like_a_marker() -> None:
    pieces, line = hand_over("true" * PIECE, "beef")
    typed = "\n".join((teach(), *pieces, line, say_again("beef", 1)))

    assert len(pieces) > 1
    assert not re.search("|".join((answer_begins("beef", 0), answer_ends("beef", 0), r"asl-beef:\d+\.")), typed)


def test_every_typed_line_fits_a_terminals_buffer() -> None:
    pieces, line = hand_over("x" * 10000, "beef")

    assert max(map(len, (teach(), *pieces, line))) < 4095
    assert base64.b64encode(b"x" * 10000).decode().startswith(pieces[0].split("=", 1)[1].split(";")[0])


@pytest.mark.parametrize(
    ("content", "checksum"), [(b"", 4294967295), (b"hello\n", 3015617425), (b"x" * 100000, 1627735810)]
)
def test_the_checksum_is_the_one_of_cksum(content: bytes, checksum: int) -> None:
    assert posix_checksum(content) == checksum
