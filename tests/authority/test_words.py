"""A digest as words is the published list's, and hears a mistake."""

from __future__ import annotations

from itertools import pairwise

from asl_authority.contract.words import EVEN, ODD, spoken, spoken_lines

PUBLISHED = bytes.fromhex("E582 94F2 E9A2 2748 6E8B 061B 31CC 528F D7FA 3F19")
AS_WORDS = """
topmost Istanbul Pluto vagabond treadmill Pacific brackish dictator goldfish Medusa
afflict bravado chatter revolver Dupont midsummer stopwatch whimsical cowbell bottomless
"""


def test_the_published_fingerprint_has_its_published_words() -> None:
    assert spoken(PUBLISHED) == AS_WORDS.split()


def test_each_byte_has_a_word_of_its_own_at_even_and_at_odd_places() -> None:
    assert (len(EVEN), len(ODD)) == (256, 256)
    assert len({*EVEN, *ODD}) == 512
    # In the order of the alphabet but for one pair, as published: words exchanged in copying would show.
    out_of_order = [pair for words in (EVEN, ODD) for pair in pairwise(words) if pair[0].lower() > pair[1].lower()]
    assert out_of_order == [("applicant", "Apollo")]


def test_two_bytes_that_changed_places_are_heard() -> None:
    assert set(spoken(b"\x10\x20")).isdisjoint(spoken(b"\x20\x10"))


def test_lines_are_short_and_numbered() -> None:
    lines = spoken_lines(PUBLISHED).splitlines()

    assert [line.split(": ")[0] for line in lines] == ["1", "2", "3"]
    assert lines[2] == "3: stopwatch whimsical cowbell bottomless"
