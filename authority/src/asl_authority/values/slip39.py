"""SLIP-39: the word list, whose words differ in their first four letters, and a secret as shares in those words.

The home of `shamir_mnemonic`. Its errors quote the words that it was given, so none of them leaves this module.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from itertools import combinations
from typing import TYPE_CHECKING

from asl_authority.errors import Malformed, UnlockFailed
from asl_authority.values.finding import Finding
from asl_authority.values.rules import Rule

if TYPE_CHECKING:
    from shamir_mnemonic import EncryptedMasterSecret
    from shamir_mnemonic import Share as Raw

PAPER = "SLIP-0039"

RULES = (
    Rule("SHARE-WORDS", PAPER, "C", "A share is twenty words of the list; four letters of each are enough."),
    Rule("SHARE-CHECKSUM", PAPER, "S", "The last three words of a share fit the others, and the padding is empty."),
    Rule("SHARE-GROUP", PAPER, "C", "A share is of a set of one group, of which at least two shares are needed."),
    Rule("SHARE-SAME-SET", PAPER, "S", "The shares are of one set."),
    Rule("SHARE-TWICE", PAPER, "S", "No share counts twice."),
    Rule("SHARE-SECRET", PAPER, "S", "The secret that comes out has the digest that the shares carry."),
    Rule("SHARE-COMBINATIONS", PAPER, "C", "Every combination of as many shares as are needed gives the secret."),
)  # fmt: skip

# What an age file for a passphrase has inside is 128 bits too: a longer secret would only be more to type.
SECRET_BYTES = 16
SHARE_WORDS = 20
LEAST_THRESHOLD, MOST_SHARES = 2, 16
EXPONENT = 0  # what SLIP-39's own passphrase would cost a guesser: there is none
LETTERS = 4

# The last three words are the checksum.
CHECK_WORDS = 3
WORD_BITS = 10


@dataclass(frozen=True)
class Share:
    """One share, `number` from 1. Its words, and which set it is of, show in nothing that is printed of it."""

    number: int
    threshold: int
    words: tuple[str, ...] = field(repr=False)
    set: tuple[int, ...] = field(repr=False)


@cache
def words() -> tuple[str, ...]:
    """The 1,024 words, in order: ten bits each."""
    from shamir_mnemonic.wordlist import WORDLIST

    return tuple(WORDLIST)


@cache
def _places() -> dict[str, int]:
    return {word: place for place, word in enumerate(words())}


@cache
def _by_start() -> dict[str, str]:
    return {word[:LETTERS]: word for word in words()}


def find_words(typed: str, first: int = 1) -> tuple[str, ...]:
    """The words of the list that were typed, whatever their case. Raises Malformed with the place, from `first`."""
    found = []
    for place, each in enumerate(typed.lower().split(), first):
        word = _by_start().get(each[:LETTERS], "")
        if not word or not word.startswith(each):
            raise Malformed(f"word {place} is not in the list", check_id="SHARE-WORDS")
        found.append(word)
    return tuple(found)


def read_share(typed: str) -> Share:
    """The share that was typed. Raises Malformed, which says the place of a wrong word and never the word."""
    found = find_words(typed)
    if len(found) != SHARE_WORDS:
        raise Malformed(f"{len(found)} words, a share has {SHARE_WORDS}", check_id="SHARE-WORDS")
    raw = _decoded(found)
    if raw.group_count != 1 or raw.group_threshold != 1 or raw.member_threshold < LEAST_THRESHOLD:
        raise Malformed(f"share {raw.index + 1} is of a set with groups, or of one share", check_id="SHARE-GROUP")
    return _share(raw)


def split(secret: bytes, threshold: int, count: int, random: Callable[[int], bytes]) -> tuple[Share, ...]:
    """`count` shares, any `threshold` of which give the secret; `random` gives fresh bytes."""
    from shamir_mnemonic import generate_mnemonics

    if len(secret) != SECRET_BYTES or not LEAST_THRESHOLD <= threshold <= count <= MOST_SHARES:
        raise ValueError("16 bytes are split, into at most 16 shares, at least two of which are needed")
    with _drawing_from(random):
        # Not extendable: that is the form which every implementation of SLIP-39 reads.
        groups = generate_mnemonics(1, [(threshold, count)], secret, extendable=False, iteration_exponent=EXPONENT)
    return tuple(read_share(mnemonic) for mnemonic in groups[0])


def expect_fits(share: Share, others: Sequence[Share]) -> None:
    """Let through a share that goes with `others`. Raises Malformed."""
    if any(share.set != other.set for other in others):
        raise Malformed(f"share {share.number} is of another set than those before it", check_id="SHARE-SAME-SET")
    if share.number in (other.number for other in others):
        raise Malformed(f"share {share.number} was given already", check_id="SHARE-TWICE")


def combine(shares: Sequence[Share], passphrase: bytes = b"") -> bytes:
    """The secret, of exactly as many shares as are needed. Raises Malformed, UnlockFailed.

    `passphrase` is SLIP-39's own, which our sets do not have.
    """
    for at, share in enumerate(shares):
        expect_fits(share, shares[:at])
    secret: bytes = _recovered([_decoded(share.words) for share in shares]).decrypt(passphrase)
    return secret


def check_combinations(shares: Sequence[Share], secret: bytes) -> Finding:
    """SHARE-COMBINATIONS, after trying all; the worst, 8 of 16, takes seconds."""
    raws = [_decoded(share.words) for share in shares]
    count = wrong = 0
    sealed: bytes | None = None
    for chosen in combinations(raws, shares[0].threshold):
        count += 1
        try:
            found = _recovered(chosen)
        except UnlockFailed:
            wrong += 1
            continue
        # What they have in common is the secret as SLIP-39 encrypts it: opening one opens all that are the same.
        if sealed is None and hmac.compare_digest(found.decrypt(b""), secret):
            sealed = found.ciphertext
        wrong += sealed is None or not hmac.compare_digest(found.ciphertext, sealed)
    detail = f"{count} combinations of {shares[0].threshold} of {len(shares)} shares"
    return Finding(
        "SHARE-COMBINATIONS", not wrong, detail + (f", {wrong} of them do not give the secret" * bool(wrong))
    )


def wrong_word(found: Sequence[str]) -> int | None:
    """The place, from 1, of the one word that is wrong in a share whose checksum does not fit; None for several.

    The checksum is linear, and two wrong words never look like one: what one wrong word adds to it says which. Three or
    more may look like one.
    """
    from shamir_mnemonic.constants import CUSTOMIZATION_STRING_ORIG
    from shamir_mnemonic.rs1024 import create_checksum

    places = [_places()[word] for word in found]
    length = len(places) - CHECK_WORDS

    def added(*to: tuple[int, int]) -> int:
        """What data that is nothing but these bits, each at a place, adds to the checksum of nothing."""
        data = [0] * length
        for place, bit in to:
            data[place] = bit
        return _number(create_checksum(data, CUSTOMIZATION_STRING_ORIG)) ^ nothing

    nothing = _number(create_checksum([0] * length, CUSTOMIZATION_STRING_ORIG))
    trouble = added(*enumerate(places[:length])) ^ nothing ^ _number(places[length:])
    for place in range(length):
        bits = [added((place, 1 << bit)) for bit in range(WORD_BITS)]
        if trouble in _sums(bits):
            return place + 1
    touched = [n for n in range(CHECK_WORDS) if trouble >> WORD_BITS * (CHECK_WORDS - 1 - n) & ((1 << WORD_BITS) - 1)]
    return length + touched[0] + 1 if len(touched) == 1 else None


def _number(places: Sequence[int]) -> int:
    number = 0
    for place in places:
        number = number << WORD_BITS | place
    return number


def _sums(bits: Sequence[int]) -> set[int]:
    """Everything that some of them add up to."""
    sums = {0}
    for each in bits:
        sums |= {one ^ each for one in sums}
    return sums - {0}


def _decoded(found: Sequence[str]) -> Raw:
    from shamir_mnemonic import MnemonicError, Share

    try:
        return Share.from_mnemonic(" ".join(found))
    except MnemonicError:
        pass
    place = wrong_word(found)
    what = "two words or more are wrong, or out of order" if place is None else f"word {place} does not fit the others"
    raise Malformed(what, check_id="SHARE-CHECKSUM")


def _share(raw: Raw) -> Share:
    return Share(raw.index + 1, raw.member_threshold, tuple(raw.words()), tuple(raw.group_parameters()))


def _recovered(chosen: Sequence[Raw]) -> EncryptedMasterSecret:
    from shamir_mnemonic import MnemonicError, recover_ems
    from shamir_mnemonic.shamir import ShareGroup

    group = ShareGroup()
    for raw in chosen:
        group.add(raw)
    try:
        return recover_ems({chosen[0].group_index: group})
    except MnemonicError:
        pass
    raise UnlockFailed("the shares give no secret: one of them is not what was given out", check_id="SHARE-SECRET")


@contextmanager
def _drawing_from(random: Callable[[int], bytes]) -> Iterator[None]:
    """Have the package draw from `random`; it documents this one name for that."""
    from shamir_mnemonic import shamir

    before = shamir.RANDOM_BYTES
    shamir.RANDOM_BYTES = random
    try:
        yield
    finally:
        shamir.RANDOM_BYTES = before
