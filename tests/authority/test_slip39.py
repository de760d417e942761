"""SLIP-39: the published vectors, a second implementation, every wrong word in its place, and nothing drawn unasked."""

from __future__ import annotations

import hashlib
import json
import random
import re
import secrets
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import pytest
from shamir_mnemonic import MnemonicError, combine_mnemonics, generate_mnemonics, shamir

from asl_authority.errors import Malformed, UnlockFailed
from asl_authority.values import slip39
from asl_authority.values.slip39 import (
    SHARE_WORDS,
    Share,
    check_combinations,
    combine,
    expect_fits,
    find_words,
    read_share,
    split,
    words,
    wrong_word,
)
from support import slip39_elsewhere
from support.samples.share_set import SECRET, shares

VECTORS: list[tuple[str, list[str], str, str]] = json.loads(
    (Path(__file__).parent / "vectors/slip39/vectors.json").read_text()
)
NAMES = [name for name, *_ in VECTORS]
# By the number of the vector: the rule of ours that refuses it. What is in groups or longer is none of ours. (From 25
# to 32 the names say 256 bits, and the shares have 128.)
REFUSED = {
    **dict.fromkeys((2, 3, 10, 29), "SHARE-CHECKSUM"),
    **dict.fromkeys((1, 8, 9, 12, *range(14, 20), 27, 28, 31, 42), "SHARE-GROUP"),
    **dict.fromkeys((6, 7, 25, 26), "SHARE-SAME-SET"),
    **dict.fromkeys((11, 30), "SHARE-TWICE"),
    **dict.fromkeys((5, 13, 32), "SHARE-SECRET"),
    **dict.fromkeys((*range(20, 25), *range(33, 41), 44, 45), "SHARE-WORDS"),
}
ONE = shares(3, 5)


def draw(size: int) -> bytes:
    """As the samples' shares were drawn."""
    return hashlib.shake_256(b"a known set").digest(size)


def draw_each(name: str) -> Callable[[int], bytes]:
    count = iter(range(1000))
    return lambda size: hashlib.shake_256(f"{name} {next(count)}".encode()).digest(size)


def text(found: Share | Sequence[str]) -> str:
    return " ".join(found.words if isinstance(found, Share) else found)


def swapped(found: Sequence[str], *changes: tuple[int, str]) -> str:
    """The words with others at some places, from 1."""
    changed = list(found)
    for place, word in changes:
        changed[place - 1] = word
    return " ".join(changed)


@pytest.mark.parametrize(("name", "mnemonics", "secret", "_"), VECTORS, ids=NAMES)
def test_both_implementations_hold_to_every_published_vector(
    name: str, mnemonics: list[str], secret: str, _: str
) -> None:
    if secret:
        assert combine_mnemonics(mnemonics, b"TREZOR").hex() == secret
        assert slip39_elsewhere.secret_of(mnemonics, b"TREZOR").hex() == secret
    else:
        with pytest.raises(MnemonicError):
            combine_mnemonics(mnemonics, b"TREZOR")
        with pytest.raises(ValueError, match=r"^(checksum|padding|groups|set|digest|number of shares)$"):
            slip39_elsewhere.secret_of(mnemonics, b"TREZOR")


@pytest.mark.parametrize(("number", "vector"), list(enumerate(VECTORS, 1)), ids=NAMES)
def test_a_published_vector_is_combined_or_refused_by_name(
    number: int, vector: tuple[str, list[str], str, str]
) -> None:
    _, mnemonics, secret, _ = vector

    def whole() -> bytes:
        found = [read_share(each) for each in mnemonics]
        for at, share in enumerate(found):
            expect_fits(share, found[:at])
        return combine(found, b"TREZOR")

    if number not in REFUSED:
        assert whole().hex() == secret
        return
    with pytest.raises((Malformed, UnlockFailed)) as refusal:
        whole()
    assert refusal.value.check_id == REFUSED[number]


def test_the_vectors_that_are_ours_are_combined() -> None:
    assert sorted(set(range(1, len(VECTORS) + 1)) - set(REFUSED)) == [4, 41, 43]


@pytest.mark.parametrize(("threshold", "count"), [(2, 2), (2, 3), (3, 5), (5, 5), (2, 16)])
def test_every_combination_gives_the_secret_by_both_implementations(threshold: int, count: int) -> None:
    secret = draw(16)
    made = split(secret, threshold, count, draw_each("any"))

    assert [share.number for share in made] == list(range(1, count + 1))
    assert {(len(share.words), share.threshold) for share in made} == {(SHARE_WORDS, threshold)}
    assert check_combinations(made, secret).ok
    for chosen in list(combinations(made, threshold))[:20]:
        assert combine(chosen) == secret
        assert slip39_elsewhere.secret_of(map(text, chosen)) == secret


def test_one_share_that_is_not_of_the_secret_is_found_among_the_combinations() -> None:
    other = split(bytes(16), 2, 3, draw)
    mixed = (*shares()[:2], other[2])

    finding = check_combinations(mixed, SECRET)

    assert (finding.check_id, finding.ok) == ("SHARE-COMBINATIONS", False)
    assert "2 of them" in finding.detail
    assert not check_combinations(shares(), bytes(16)).ok


def test_all_that_is_random_comes_from_what_is_handed_in_and_the_package_is_left_as_it_was() -> None:
    assert split(SECRET, 3, 5, draw_each("x")) == split(SECRET, 3, 5, draw_each("x"))
    assert split(SECRET, 3, 5, draw_each("x")) != split(SECRET, 3, 5, draw_each("y"))
    assert shamir.RANDOM_BYTES is secrets.token_bytes

    def broken(_: int) -> bytes:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        split(SECRET, 3, 5, broken)
    assert shamir.RANDOM_BYTES is secrets.token_bytes


def test_a_word_is_known_by_four_letters_in_any_case_and_no_fewer() -> None:
    assert find_words(" ACADemic acad  academi ") == ("academic",) * 3
    for typed, place in (("academic aca", 2), ("acorn", 1), ("academy", 1), ("academics", 1), ("a\u0327cad", 1)):
        with pytest.raises(Malformed) as refusal:
            find_words(typed, 5)
        assert (refusal.value.check_id, str(refusal.value)) == ("SHARE-WORDS", f"word {place + 4} is not in the list")


@pytest.mark.parametrize("count", [0, 1, 19, 21, 33])
def test_a_share_of_another_length_is_refused(count: int) -> None:
    with pytest.raises(Malformed) as refusal:
        read_share(" ".join(["academic"] * count))

    assert refusal.value.check_id == "SHARE-WORDS"


@pytest.mark.parametrize("place", range(1, SHARE_WORDS + 1))
def test_one_wrong_word_is_found_wherever_it_is(place: int) -> None:
    chosen = random.Random(place)  # noqa: S311 - which words a test tries
    for other in chosen.sample(words(), 8):
        if other != ONE[0].words[place - 1]:
            with pytest.raises(Malformed) as refusal:
                read_share(swapped(ONE[0].words, (place, other)))
            assert (refusal.value.check_id, str(refusal.value)) == (
                "SHARE-CHECKSUM",
                f"word {place} does not fit the others",
            )


def test_two_wrong_words_never_look_like_one() -> None:
    chosen = random.Random(2)  # noqa: S311 - which words a test tries
    for _ in range(40):
        (one, other), (word, word2) = chosen.sample(range(1, 21), 2), chosen.sample(words(), 2)
        changed = swapped(ONE[0].words, (one, word), (other, word2))
        if sum(a != b for a, b in zip(changed.split(), ONE[0].words, strict=True)) == 2:
            assert wrong_word(changed.split()) is None
            with pytest.raises(Malformed, match="two words or more"):
                read_share(changed)


def test_shares_of_two_sets_or_one_share_twice_are_refused() -> None:
    other = split(SECRET, 3, 5, draw_each("another set"))[1]
    for share, check_id in ((other, "SHARE-SAME-SET"), (replace(ONE[0]), "SHARE-TWICE")):
        with pytest.raises(Malformed) as refusal:
            expect_fits(share, ONE[:1])
        assert refusal.value.check_id == check_id
        with pytest.raises(Malformed):
            combine([ONE[0], share, ONE[2]])


def test_shares_with_groups_or_of_one_are_refused() -> None:
    grouped = generate_mnemonics(2, [(2, 3), (2, 3)], SECRET)[0][0]
    alone = generate_mnemonics(1, [(1, 1)], SECRET)[0][0]
    for mnemonic in (grouped, alone):
        with pytest.raises(Malformed) as refusal:
            read_share(mnemonic)
        assert refusal.value.check_id == "SHARE-GROUP"


@pytest.mark.parametrize(("threshold", "count", "size"), [(1, 3, 16), (4, 3, 16), (2, 17, 16), (2, 3, 32), (2, 3, 15)])
def test_what_is_no_set_of_ours_is_not_made(threshold: int, count: int, size: int) -> None:
    with pytest.raises(ValueError, match="16 bytes are split"):
        split(bytes(size), threshold, count, draw)


def test_no_word_of_a_share_shows_in_what_is_printed_or_raised() -> None:
    alone = VECTORS[0][1][0]
    said = [repr(ONE), str(ONE[0]), repr(split(SECRET, 2, 2, draw))]
    for bad in (
        lambda: read_share(swapped(ONE[0].words, (7, "canaryword"))),
        lambda: read_share(swapped(ONE[0].words, (7, "zero"))),
        lambda: read_share(swapped(ONE[0].words, (7, "zero"), (9, "zero"))),
        lambda: read_share(alone),
        lambda: combine([ONE[0], ONE[0]]),
        lambda: combine(ONE[:2]),
        lambda: combine([*ONE[:2], split(bytes(16), 3, 5, draw)[2]]),
    ):
        with pytest.raises((Malformed, UnlockFailed)) as refusal:
            bad()
        said += [str(refusal.value), repr(refusal.value), repr(refusal.value.__cause__)]
        said += [repr(refusal.value.__context__)]
    shown = set(re.findall("[a-z]+", " ".join(said).lower()))

    assert "fit" in shown
    assert shown & {*alone.split(), "canaryword", "zero", *(word for share in ONE for word in share.words)} == set()


def test_nobody_else_pays_for_the_package_and_its_command_line_is_never_loaded() -> None:
    program = (
        "import sys\n"
        "from asl_authority.front.parser import load_verbs\n"
        "import asl_authority.operations.drill, asl_authority.front.shares\n"
        "load_verbs()\n"
        "assert 'shamir_mnemonic' not in sys.modules\n"
        "from asl_authority.values.slip39 import combine, split\n"
        "assert combine(split(bytes(16), 2, 2, bytes)) == bytes(16)\n"
        "assert 'shamir_mnemonic.shamir' in sys.modules\n"
        "assert not {'click', 'shamir_mnemonic.cli', 'shamir_mnemonic.recovery'} & set(sys.modules)\n"
    )
    source = str(Path(slip39.__file__).parents[2])
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, env={"PYTHONPATH": source}
    )

    assert (done.returncode, done.stderr) == (0, "")
