"""A key at rest that opens with shares: made and given out one holder at a time, and taken in again one by one.

A share is shown on a screen of its own, and typed back before the next. It is judged as soon as it is typed, and a bad
one is named, so that one slip of a pen does not spoil what the others typed. Nothing of a share is written anywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from asl_authority.errors import Aborted, Malformed, UnlockFailed
from asl_authority.operations.keys import write_sealed
from asl_authority.operations.terminal import Terminal
from asl_authority.storage.plain_files import expect_room, sha256_of, write_checked
from asl_authority.values.ed25519 import PublicKey, SecretKey
from asl_authority.values.finding import Finding
from asl_authority.values.keyfile import KeyKind, cost_words, open_key
from asl_authority.values.passphrase import shared_passphrase
from asl_authority.values.public_key_file import public_key_file
from asl_authority.values.share_set import SALT_BYTES, ShareSet, check_share, make_share_set, read_share_set
from asl_authority.values.slip39 import (
    SECRET_BYTES,
    SHARE_WORDS,
    Share,
    check_combinations,
    combine,
    expect_fits,
    find_words,
    read_share,
    split,
)

TRIES = 3
WORDS_PER_LINE = 4

Random = Callable[[int], bytes]


@dataclass(frozen=True)
class Places:
    """Where a set lies: the key file that it opens, the public half, and the record of its shares."""

    private: Path
    public: Path
    record: Path

    @property
    def all(self) -> tuple[Path, ...]:
        """The three of them."""
        return self.private, self.public, self.record


def split_key(
    terminal: Terminal, random: Random, key: SecretKey, kind: KeyKind, places: Places, *, threshold: int, count: int
) -> Finding:
    """The same key in a new file that shares open, given out; the finding is of their combinations.

    Raises Refused when a name is taken, UsageError, Aborted, IoFailed; then there is no file.
    """
    expect_room(*places.all)
    secret = random(SECRET_BYTES)
    shares = split(secret, threshold, count, random)
    combinations = check_combinations(shares, secret)
    if not combinations.ok:
        raise Malformed(f"no share was given out: {combinations.detail}", check_id=combinations.check_id)

    def hand_out() -> None:
        give_out(terminal, shares)
        made = make_share_set(shares, key.public.key_id, kind, sha256_of(places.private), random(SALT_BYTES))
        write_checked(
            places.public,
            public_key_file(key.public),
            lambda _: write_checked(places.record, made.to_bytes(), lambda again: expect_known(again, shares)),
        )

    write_sealed(terminal, random, key, shared_passphrase(secret), kind, places.private, hand_out)
    return combinations


def give_out(terminal: Terminal, shares: Sequence[Share]) -> None:
    """Each share to its holder, who types it back. Raises Aborted after three times."""
    for share in shares:
        name = f"share {share.number} of {len(shares)}"
        terminal.ask(f"{name.capitalize()}, for its holder alone. Enter, when nobody else is watching: ")
        _have_typed_back(terminal, share, name)
        terminal.say(f"{name.capitalize()} was typed back.\n")


def _have_typed_back(terminal: Terminal, share: Share, name: str) -> None:
    shown = f"{name.capitalize()}, shown to its holder only. Any {share.threshold} shares open the key.\n\n"
    for _ in range(TRIES):
        terminal.reveal(f"{shown}{_lines(share.words)}\n", "Write it down, then press Enter: ")
        terminal.say(f"Type {name} back.\n")
        typed = _typed(terminal)
        wrong = [place for place, (one, other) in enumerate(zip(typed, share.words, strict=True), 1) if one != other]
        if not wrong:
            return
        more = f" and {len(wrong) - 1} more" if wrong[1:] else ""
        terminal.say(f"That is not it: look at word {wrong[0]}{more}.\n")
    raise Aborted(f"{name} was not typed back: nothing was made", hint="the shares given out so far open nothing")


def take_in(terminal: Terminal, record: ShareSet | None, taken: list[Share]) -> None:
    """Shares from their holders, into `taken`, until there are enough. Raises UnlockFailed after three bad in a row."""
    left = TRIES
    while not taken or len(taken) < taken[0].threshold:
        needed = record.threshold if record is not None else taken[0].threshold if taken else None
        terminal.say(f"Share {len(taken) + 1}{f' of {needed} that are needed' if needed else ''}.\n")
        try:
            share = read_share(" ".join(_typed(terminal)))
            expect_fits(share, taken)
            if record is not None and not (finding := check_share(record, share)).ok:
                raise Malformed(finding.detail, check_id=finding.check_id)
        except Malformed as refusal:
            left -= 1
            terminal.say(f"{refusal.check_id}: {refusal}.{' Try again.' if left else ''}\n")
            if not left:
                raise UnlockFailed(
                    f"{TRIES} times in a row, and no share that can be used", hint="nothing was changed"
                ) from None
            continue
        left = TRIES
        taken.append(share)
        known = "it is the one that was given out" if record is not None else "its words fit one another"
        terminal.say(f"Share {share.number} is good: {known}.\n")


def open_with_shares(
    terminal: Terminal,
    name: str,
    data: bytes,
    kind: KeyKind,
    public: PublicKey,
    record: ShareSet | None,
    taken: list[Share],
) -> SecretKey:
    """The private key of `public` in the file `name`; `taken` is filled. Raises UnlockFailed, Malformed, Refused."""
    terminal.say(f"{name}: a key of the kind {kind}, {cost_words(kind)}\n")
    if record is None:
        terminal.say("There is no record of the shares: each is judged by its own checksum only.\n")
    terminal.say(
        f"Each holder types {SHARE_WORDS} words unseen, {WORDS_PER_LINE} to a line; four letters of each will do.\n"
        "An empty line begins a share again.\n"
    )
    take_in(terminal, record, taken)
    terminal.say("Opening it; this takes a while.\n")
    try:
        return open_key(data, shared_passphrase(combine(taken)).text, kind, public)
    except UnlockFailed as error:
        if error.check_id:
            raise
        raise UnlockFailed(f"{name}: the shares do not open it: they are of another key file") from None


def _typed(terminal: Terminal) -> tuple[str, ...]:
    """SHARE_WORDS words of the list; a line with another word is asked for again, and never shown."""
    found: tuple[str, ...] = ()
    while len(found) < SHARE_WORDS:
        first = len(found) + 1
        line = terminal.secret(f"Words {first} to {min(first + WORDS_PER_LINE - 1, SHARE_WORDS)} (not shown): ")
        try:
            more = find_words(line, first)
        except Malformed as refusal:
            terminal.say(f"{refusal.check_id}: {refusal}. Type this line again.\n")
            continue
        if not more or len(found) + len(more) > SHARE_WORDS:
            terminal.say("Too many words. " * bool(more) + "This share begins again, with word 1.\n")
            more, found = (), ()
        found += more
    return found


def expect_known(again: bytes, shares: Sequence[Share]) -> None:
    """What was read back from the disk knows every share. Raises Malformed."""
    record = read_share_set(again)
    bad = [finding for finding in (check_share(record, share) for share in shares) if not finding.ok]
    if bad:
        raise Malformed(bad[0].detail, check_id=bad[0].check_id)


def _lines(found: Sequence[str]) -> str:
    """Words in short, numbered lines."""
    starts = range(0, len(found), WORDS_PER_LINE)
    return "".join(f"  {n}: {' '.join(found[at : at + WORDS_PER_LINE])}\n" for n, at in enumerate(starts, 1))
