"""The QR code of a digest is the one that another program makes of it."""

from __future__ import annotations

import hashlib

import pytest

from asl_authority.front.claim_text import qr_text
from asl_authority.values.qr import SIZE, qr_code

# What segno 1.6.6 makes of SHA-256("asl") in capitals: version 3, error correction L, mask 0, alphanumeric.
BY_SEGNO = """\
#######...#...#####.#.#######
#.....#..#.....#..#.#.#.....#
#.###.#.#..#.####..#..#.###.#
#.###.#..#..##.###....#.###.#
#.###.#..#..#.###.#.#.#.###.#
#.....#...####.#.#.##.#.....#
#######.#.#.#.#.#.#.#.#######
........#..#..#..#.#.........
###.#####...###...#####...#..
####.#.#.#.##..#######..#.###
.#..####..###.#..#.##.###...#
#.###..####.#.##.#.....#...#.
####..#.#.##.#.#...###....#.#
..####..####.###..#.##.#..#..
##....#.#.#..#......#.#..#.#.
##.###.#..##.##....#.##..###.
.##.#.##....####..#...##..#.#
.#..#....#####.#.#.##.#####.#
#....##########.#.#.....#.#.#
.##.#..#.##.#####.##...#####.
#..#..#..#.###.#...######.##.
........##.#...###.##...#.#..
#######.#.#.####.####.#.#.#.#
#.....#.#.##....##..#...##.#.
#.###.#.###.#...###.#####.#.#
#.###.#..#.#.#.###.#...#...##
#.###.#.#.###.#.....#.##....#
#.....#.##.....#.#...#####.##
#######.#.#.#######.#.....#.#
"""


def test_the_code_of_a_digest_is_the_one_that_segno_makes() -> None:
    rows = qr_code(hashlib.sha256(b"asl").hexdigest().upper())

    assert ["".join("#" if dark else "." for dark in row) for row in rows] == BY_SEGNO.splitlines()


def test_the_code_fits_on_a_console_with_its_quiet_zone_in_light() -> None:
    lines = qr_text("ab" * 32).splitlines()
    modules = [line.replace("\x1b[7m", "").replace("\x1b[0m", "") for line in lines]

    assert {len(line) for line in modules} == {2 * (SIZE + 8)}
    assert len(lines) == SIZE + 8
    assert 2 * (SIZE + 8) <= 78
    assert lines[0] == lines[-1] == "\x1b[7m" + " " * 74 + "\x1b[0m"
    assert all(set(line) == {" "} for line in modules)


@pytest.mark.parametrize("text", ["a", "A" * 78])
def test_what_does_not_fit_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="does not fit"):
        qr_code(text)
