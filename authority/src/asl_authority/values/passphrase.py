"""Passphrases: made of words from handed-in randomness, typed back, and what one of a person's own is worth."""

from __future__ import annotations

import hmac
import math
import string
from dataclasses import dataclass, field

from asl_authority.errors import UsageError
from asl_authority.values.slip39 import words

WORD_COUNT = 11
WORD_BITS = 10
RANDOM_BYTES = 2 * WORD_COUNT  # a word takes ten bits of two bytes, so that all words are equally likely
LEAST_BITS = 80.0  # below this a warning is due, and goes into the record
MOST_CHARACTERS = 256


@dataclass(frozen=True)
class Passphrase:
    """A passphrase; its text shows in nothing that is printed of it. `bits` is how hard it is to guess, at most."""

    text: str = field(repr=False)
    bits: float
    generated: bool

    @property
    def weak(self) -> bool:
        """Whether a person must be warned, and the warning kept."""
        return self.bits < LEAST_BITS

    def typed_back(self, typed: str) -> bool:
        """Whether what was typed is it. Blanks at the ends, and how many between words, don't matter for words."""
        return hmac.compare_digest(used(typed).encode(), self.text.encode())


def make_passphrase(random: bytes) -> Passphrase:
    """WORD_COUNT words from RANDOM_BYTES fresh bytes: 110 bits."""
    if len(random) != RANDOM_BYTES:
        raise ValueError(f"{RANDOM_BYTES} random bytes are expected")
    numbers = (int.from_bytes(random[at : at + 2], "big") % (1 << WORD_BITS) for at in range(0, RANDOM_BYTES, 2))
    return Passphrase(" ".join(words()[number] for number in numbers), WORD_COUNT * WORD_BITS, generated=True)


def shared_passphrase(secret: bytes) -> Passphrase:
    """What a secret that shares give stands for: its hexadecimal, as any implementation of SLIP-39 prints it."""
    return Passphrase(secret.hex(), 8 * len(secret), generated=True)


def own_passphrase(typed: str) -> Passphrase:
    """A passphrase that a person chose, with the most that it can be worth. Raises UsageError, never with the text."""
    if not typed or len(typed) > MOST_CHARACTERS or not typed.isprintable():
        raise UsageError(f"a passphrase has 1 to {MOST_CHARACTERS} printable characters")
    return Passphrase(used(typed), bits_of(typed), generated=False)


def bits_of(text: str) -> float:
    """The most bits that a guesser who knows the kinds of characters used needs; words and habits make it less.

    A character that repeats the one before adds one bit only.
    """
    kinds = (string.ascii_lowercase, string.ascii_uppercase, string.digits, string.punctuation + " ")
    size = sum(len(kind) for kind in kinds if any(char in kind for char in text))
    size += 100 if any(all(char not in kind for kind in kinds) for char in text) else 0
    fresh = sum(char != before for char, before in zip(text, "\0" + text, strict=False))
    return fresh * math.log2(size) + (len(text) - fresh) if size else 0.0


def used(typed: str) -> str:
    """What a typed passphrase is taken for: as many words of the list as we make, whatever their case and blanks."""
    said = typed.lower().split()
    return " ".join(said) if len(said) == WORD_COUNT and set(said) <= set(words()) else typed
