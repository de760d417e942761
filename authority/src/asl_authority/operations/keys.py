"""Make a private key at rest, try one, and give one another passphrase: it counts when it was opened from the disk.

The order is that of a witness: what it costs is said, a passphrase is made or chosen and typed back, the file is
written, read back, opened, and its key signs what two implementations verify. Only then is the public half written.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from asl_authority.errors import Aborted, Malformed
from asl_authority.operations.terminal import Terminal
from asl_authority.operations.twice import verified
from asl_authority.storage.plain_files import expect_room, write_checked, write_new
from asl_authority.values import keyfile
from asl_authority.values.ed25519 import PublicKey, SecretKey
from asl_authority.values.finding import Finding
from asl_authority.values.keyfile import KeyKind, cost_words, open_key, seal_key
from asl_authority.values.passphrase import (
    LEAST_BITS,
    MOST_CHARACTERS,
    RANDOM_BYTES,
    Passphrase,
    make_passphrase,
    own_passphrase,
)
from asl_authority.values.public_key_file import public_key_file

TRIES = 3
TAKE_IT = "weak"

Random = Callable[[int], bytes]


def make_key(
    terminal: Terminal, random: Random, kind: KeyKind, private: Path, public: Path, *, own: bool
) -> tuple[PublicKey, Passphrase]:
    """A new key in two new files. Raises Refused when a name is taken, Aborted, IoFailed; then there is neither."""
    expect_room(private, public)
    terminal.say(f"A new key of the kind {kind}, {cost_words(kind)}\n")
    passphrase = new_passphrase(terminal, random, own=own)
    key = SecretKey(random(32))
    write_sealed(
        terminal, random, key, passphrase, kind, private, lambda: write_new(public, public_key_file(key.public))
    )
    return key.public, passphrase


def write_sealed(
    terminal: Terminal,
    random: Random,
    key: SecretKey,
    passphrase: Passphrase,
    kind: KeyKind,
    path: Path,
    then: Callable[[], None] = lambda: None,
) -> None:
    """A key file that was opened from the disk, and whose key signed; `then` follows, or the file is taken away."""
    terminal.say("Sealing it, and opening it again from the disk; this takes a while.\n")
    data = seal_key(key, passphrase.text, kind, random(keyfile.RANDOM_BYTES))

    def counts(again: bytes) -> None:
        expect_opens(str(path), again, passphrase, kind, key.public, random(32))
        then()

    write_checked(path, data, counts)


def expect_opens(
    name: str, data: bytes, passphrase: Passphrase, kind: KeyKind, public: PublicKey, challenge: bytes
) -> None:
    """A new key file opens, and what is in it signs. Raises UnlockFailed, Malformed."""
    opened = open_key(data, passphrase.text, kind, public)
    bad = [finding for finding in prove(opened, challenge) if not finding.ok]
    if bad:
        raise Malformed(f"{name}: its key does not sign as it must", check_id=bad[0].check_id)


def prove(key: SecretKey, challenge: bytes) -> list[Finding]:
    """The key signs something fresh that is no envelope, and both implementations verify it."""
    message = b"asl key check " + challenge
    return verified(message, key.public, key.sign(message))


def new_passphrase(terminal: Terminal, random: Random, *, own: bool) -> Passphrase:
    """A passphrase that was typed back. Raises Aborted after three times, UsageError for what can be none."""
    passphrase = _chosen(terminal) if own else make_passphrase(random(RANDOM_BYTES))
    shown = f"The passphrase, {passphrase.bits:.0f} bits, shown this once:\n\n"
    for _ in range(TRIES):
        if not own:
            terminal.reveal(f"{shown}{_lines(passphrase.text)}\n", "Write it down, then press Enter: ")
        if passphrase.typed_back(terminal.secret("Type it back (not shown): ")):
            return passphrase
        terminal.say("That is not it.\n")
    raise Aborted("the passphrase was not typed back: no key was made")


def _chosen(terminal: Terminal) -> Passphrase:
    terminal.say(f"Your own passphrase: 1 to {MOST_CHARACTERS} printable characters. Words from dice are best.\n")
    passphrase = own_passphrase(terminal.secret("Passphrase (not shown): "))
    if passphrase.weak:
        terminal.say(
            f"WARNING PASSPHRASE-WEAK: it is worth {passphrase.bits:.0f} bits at most; {LEAST_BITS:.0f} are advised.\n"
        )
        if terminal.ask(f"Type {TAKE_IT} to use it all the same: ") != TAKE_IT:
            raise Aborted("no key was made", hint="without --own a good passphrase is made for you")
    return passphrase


def _lines(text: str) -> str:
    """Words in short, numbered lines."""
    words = text.split(" ")
    starts = range(0, len(words), 4)
    return "".join(f"  {n}: {' '.join(words[start : start + 4])}\n" for n, start in enumerate(starts, 1))
