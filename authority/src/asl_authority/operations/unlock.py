"""Open a private key at rest: say what it costs, ask for the passphrase unseen, and again when it is wrong."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from asl_authority.errors import UnlockFailed
from asl_authority.operations.terminal import Terminal
from asl_authority.values.age import read_header
from asl_authority.values.ed25519 import PublicKey, SecretKey
from asl_authority.values.keyfile import WORK, KeyKind, cost_words, open_key
from asl_authority.values.passphrase import used

TRIES = 3
WRONG = "This passphrase does not open it."


def unlock(terminal: Terminal, name: str, data: bytes, kind: KeyKind, public: PublicKey) -> SecretKey:
    """The private key of `public` in the file `name`. Raises UnlockFailed after three tries, Malformed, Refused."""
    return unlock_with_passphrase(terminal, name, data, kind, public)[0]


def unlock_with_passphrase(
    terminal: Terminal, name: str, data: bytes, kind: KeyKind, public: PublicKey
) -> tuple[SecretKey, str]:
    """As `unlock`, and what opened it. What can be no key of this kind is refused before a passphrase is asked for."""
    read_header(data, WORK[kind])
    terminal.say(f"{name}: a key of the kind {kind}, {cost_words(kind)}\n")
    for left in range(TRIES - 1, -1, -1):
        passphrase = used(terminal.secret("Passphrase (not shown): "))
        try:
            return open_key(data, passphrase, kind, public), passphrase
        except UnlockFailed:
            terminal.say(WRONG + (" Try again.\n" if left else "\n"))
    raise UnlockFailed(f"{name}: {TRIES} passphrases, and none opens it", hint="nothing was changed")


class AtRest(NamedTuple):
    """A private key at rest: what it is called, the file's bytes, its kind, and its public half."""

    name: str
    data: bytes
    kind: KeyKind
    public: PublicKey


def unlock_together(terminal: Terminal, files: Sequence[AtRest]) -> list[SecretKey]:
    """Keys that one passphrase opens, asked for once; of one that it does not open, the passphrase is asked for too.

    Raises UnlockFailed after three tries at one key, Malformed, Refused.
    """
    found: list[SecretKey] = []
    passphrase = ""
    for each in files:
        read_header(each.data, WORK[each.kind])
        if passphrase:
            try:
                found.append(open_key(each.data, passphrase, each.kind, each.public))
                continue
            except UnlockFailed:
                terminal.say(f"{each.name} has another passphrase.\n")
        key, passphrase = unlock_with_passphrase(terminal, *each)
        found.append(key)
    return found
