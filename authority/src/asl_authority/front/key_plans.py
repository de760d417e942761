"""What the verbs of key files would do, for --dry-run: all that is refused before a key is opened is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asl_authority.front.given import KEY_FILE_LIMIT
from asl_authority.front.verb import Answer, Call

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from asl_authority.values.ed25519 import PublicKey
    from asl_authority.values.keyfile import KeyKind
    from asl_authority.values.share_set import ShareSet

PROOF = "read back from the disk, opened, and its signature verified twice, or taken away"


def would_make(call: Call, kind: KeyKind, places: tuple[Path, Path]) -> Answer:
    """A key that is drawn, for a passphrase."""
    return _answer([*_new_file(call, kind, places)], _members(kind, places))


def would_change(call: Call, kind: KeyKind, public: PublicKey, places: tuple[Path, Path]) -> Answer:
    """The same key for another passphrase. Raises Malformed for a file that can be no key of this kind."""
    _data(call, kind)
    lines = [*_opened(call, kind, public, "its passphrase"), *_new_file(call, kind, places), *_stays(call)]
    return _answer(lines, {**_members(kind, places), **_of(call, public)})


def would_split(
    call: Call, kind: KeyKind, public: PublicKey, places: tuple[Path, ...], wanted: tuple[int, int]
) -> Answer:
    """The same key for shares. Raises as `would_change`."""
    from math import comb

    threshold, count = wanted
    private, half, record = places
    _data(call, kind)
    lines = [
        *_opened(call, kind, public, "its passphrase"),
        f"to try in memory: each of the {comb(count, threshold)} combinations of {threshold} shares of {count}",
        *_sealed(kind, private, "a secret of 128 bits, which nobody is shown"),
        f"to give out: {count} shares of twenty words, each to its holder alone, and typed back",
        f"to write: {half}, its public half",
        f"to write: {record}, the record of its shares; no secret",
        *_stays(call),
    ]
    members = {**_members(kind, places), **_of(call, public), "threshold": threshold, "shares": count}
    return _answer(lines, {**members, "combinations": comb(count, threshold)})


def would_combine(
    call: Call, kind: KeyKind, public: PublicKey, record: ShareSet | None, places: tuple[Path, Path] | None
) -> Answer:
    """Shares that open it. Raises as `would_change`, and Malformed for the record of another file."""
    said, members = _by_record(record, _data(call, kind))
    lines = [*_opened(call, kind, public, said), *_tried()]
    if places is not None:
        lines += [*_new_file(call, kind, places), *_stays(call)]
    return _answer(lines, {**_members(kind, places or ()), **_of(call, public), **members})


def would_drill(call: Call, kind: KeyKind, public: PublicKey, record: ShareSet | None) -> Answer:
    """A drill. One that would fail already is a drill all the same: that is said, and is no refusal.

    Raises UsageError where files do not belong together.
    """
    from asl_authority.errors import Malformed
    from asl_authority.operations.drill import Backup, expect_record_of
    from asl_authority.storage.plain_files import read_file

    path, domain_id, output = call.path("file"), call.values.get("domain"), str(call.path("output"))
    expect_record_of(Backup(str(path), read_file(path, KEY_FILE_LIMIT), kind, public, record))
    said, members, fails = "its passphrase" if record is None else "its shares", dict[str, object](), ""
    try:
        data = _data(call, kind)
        if record is not None:
            said, members = _by_record(record, data)
    except Malformed as error:
        fails = f"{error.check_id}: {error}"
    lines = ["to ask: who is present", *_opened(call, kind, public, said)]
    lines += [f"it would FAIL: {fails}"] if fails else _tried()
    lines += [f"to write: {output}, the record of it, passed or failed"]
    lines += [f"to log: that record, in {domain_id}, with a receipt; shown and confirmed then"] if domain_id else []
    members |= {**_members(kind, (call.path("output"),)), **_of(call, public)}
    return _answer(lines, {**members, "would_fail": fails or None, "domain": domain_id})


def _opened(call: Call, kind: KeyKind, public: PublicKey, by: str) -> list[str]:
    """What is opened and held against what."""
    from asl_authority.values.keyfile import cost_words

    return [
        f"to open: {call.path('file')}, a key of the kind {kind}, {cost_words(kind)}, by {by}",
        f"to hold against its public half: {public.key_id}",
    ]


def _data(call: Call, kind: KeyKind) -> bytes:
    """The file to be opened. Raises Malformed for one that can be no key of this kind."""
    from asl_authority.storage.plain_files import named, read_file
    from asl_authority.values.age import read_header
    from asl_authority.values.keyfile import WORK

    path = call.path("file")
    with named(path):
        data = read_file(path, KEY_FILE_LIMIT)
        read_header(data, WORK[kind])
    return data


def _tried() -> list[str]:
    return ["to try: a signature over something fresh, verified by two implementations"]


def _by_record(record: ShareSet | None, data: bytes) -> tuple[str, dict[str, object]]:
    """How shares open a file, by their record. Raises Malformed when it is of another file."""
    from asl_authority.errors import Malformed
    from asl_authority.values.share_set import check_key_file

    if record is None:
        return "its shares, of which no record is here: each says how many it takes", {}
    if not (same := check_key_file(record, data)).ok:
        raise Malformed(same.detail, check_id=same.check_id, hint="find the file that belongs to these shares")
    of = len(record.digests)
    return f"{record.threshold} of its {of} shares", {"threshold": record.threshold, "shares": of}


def _new_file(call: Call, kind: KeyKind, places: tuple[Path, Path]) -> list[str]:
    from asl_authority.values.passphrase import WORD_BITS, WORD_COUNT

    private, half = places
    made = f"made of {WORD_COUNT} words, {WORD_COUNT * WORD_BITS} bits, shown once and typed back"
    passphrase = "of your own, typed back" if call.values.get("own") else made
    return [*_sealed(kind, private, f"a passphrase {passphrase}"), f"to write: {half}, its public half"]


def _sealed(kind: KeyKind, private: Path, by: str) -> list[str]:
    from asl_authority.values.keyfile import cost_words

    return [f"to write: {private}, a key of the kind {kind}, {cost_words(kind)}, for {by}; {PROOF}"]


def _stays(call: Call) -> list[str]:
    return [f"left alone: {call.path('file')}, which still opens as it does now"]


def _of(call: Call, public: PublicKey) -> dict[str, object]:
    return {"opens": str(call.path("file")), "key_id": public.key_id}


def _members(kind: KeyKind, places: Iterable[Path]) -> dict[str, object]:
    from asl_authority.values.keyfile import cost_words

    return {"kind": str(kind), "cost": cost_words(kind), "would_write": [str(place) for place in places]}


def _answer(lines: list[str], members: dict[str, object]) -> Answer:
    from asl_authority.front import ui

    found: list[str] = []
    for line in lines:
        first, *rest = ui.wrapped(ui.plain(line), "  ")  # what goes on stands below its beginning
        found += [first[2:], *rest]
    return Answer("".join(f"{each}\n" for each in found) + "Nothing was done.\n", members)
