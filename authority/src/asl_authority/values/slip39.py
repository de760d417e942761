"""SLIP-39: the word list, whose words differ in their first four letters. The home of `shamir_mnemonic`."""

from __future__ import annotations

from functools import cache


@cache
def words() -> tuple[str, ...]:
    """The 1,024 words, in order: ten bits each."""
    from shamir_mnemonic.wordlist import WORDLIST

    return tuple(WORDLIST)
