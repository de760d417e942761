"""Heads that were kept of a log: read from a stick or from paper, and what a log is when it does not begin with one."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as some

from asl_authority.errors import Malformed
from asl_authority.values import deviation, kept_head
from asl_authority.values.checkpoint import Checkpoint
from asl_authority.values.deviation import OlderBackup, lost_heads, older_backup_of
from asl_authority.values.fields import Fields
from asl_authority.values.head import Head
from asl_authority.values.kept_head import (
    MEMBERS,
    KeptHead,
    check_kept,
    is_same,
    kept_head_of,
    read_kept_checkpoint,
    read_typed_head,
)
from asl_authority.values.log_entry import Entry, read_entry
from asl_authority.values.log_record import RecordType
from asl_authority.values.merkle import EMPTY_ROOT
from asl_authority.values.paper_head import paper_head
from asl_authority.values.signed_note import NoteSigner
from support.domains import secret

ORIGIN = "asl/me.example"
LOG = NoteSigner(ORIGIN, secret("log"))
KEYS = [secret("log").public]
HEAD = Checkpoint(ORIGIN, 7, bytes(range(32)))
OTHER = Checkpoint(ORIGIN, 7, bytes(range(1, 33)))
WORDS = paper_head(HEAD).words
ROOT_64 = base64.b64encode(HEAD.root).decode()
BY_ROOT = KeptHead(7, HEAD.root)
BY_WORDS = KeptHead(7, words=WORDS)
ON_STICK = read_kept_checkpoint(HEAD.signed(LOG).to_bytes(), ORIGIN)


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        (f"7 {HEAD.root.hex()}", BY_ROOT),
        (f" 7  {HEAD.root.hex().upper()} ", BY_ROOT),
        (f"7 {ROOT_64}", BY_ROOT),
        (f"7 {' '.join(WORDS)}", BY_WORDS),
        (f"7 {' '.join(word[:4] for word in WORDS)}", BY_WORDS),
        (paper_head(HEAD).to_text(), BY_WORDS),
    ],
    ids=["root", "loud", "base64", "words", "starts of words", "as printed"],
)
def test_what_stands_on_paper_can_be_typed(typed: str, kept: KeptHead) -> None:
    assert read_typed_head(typed) == kept


EMPTY = Checkpoint(ORIGIN, 0, EMPTY_ROOT)


@pytest.mark.parametrize(
    "typed",
    [
        *("", "7", "seven", f"-7 {HEAD.root.hex()}", f"07 {HEAD.root.hex()}", f"7 {HEAD.root.hex()[:-1]}"),
        *(f"7 {ROOT_64[:-1]}", f"7 {'A' * 44}", f"{2**53} {HEAD.root.hex()}", f"0 {EMPTY_ROOT.hex()}"),
        f"0 {' '.join(paper_head(EMPTY).words)}",
    ],
)
def test_what_is_no_head_is_refused(typed: str) -> None:
    with pytest.raises(Malformed) as refusal:
        read_typed_head(typed)

    assert refusal.value.check_id == "KEPT-FORM"


def test_a_mistyped_word_is_not_taken_for_another_log() -> None:
    with pytest.raises(Malformed) as refusal:
        read_typed_head(f"8 {' '.join(WORDS)}")

    assert refusal.value.check_id == "PAPER-CHECK-WORD"


@given(some.text(max_size=200))
def test_whatever_is_typed_is_a_head_or_refused(text: str) -> None:
    try:
        kept = read_typed_head(text)
    except Malformed:
        return
    assert kept.size > 0


def test_a_checkpoint_of_another_log_or_of_no_record_is_none() -> None:
    with pytest.raises(Malformed) as refusal:
        read_kept_checkpoint(HEAD.signed(LOG).to_bytes(), "asl/other.example")
    assert refusal.value.check_id == "CHECKPOINT-ORIGIN"

    with pytest.raises(Malformed) as refusal:
        read_kept_checkpoint(EMPTY.signed(LOG).to_bytes(), ORIGIN)
    assert refusal.value.check_id == "KEPT-FORM"


def test_a_rehearsals_head_is_none_of_the_real_log() -> None:
    rehearsed = Checkpoint("asl-rehearsal/me.example", 7, HEAD.root)
    with pytest.raises(Malformed) as refusal:
        read_kept_checkpoint(rehearsed.signed(LOG).to_bytes(), ORIGIN)
    assert refusal.value.check_id == "CHECKPOINT-ORIGIN"

    typed = KeptHead(7, words=paper_head(rehearsed).words)
    assert check_kept(typed, HEAD, ORIGIN, 7, KEYS).check_id == "LOG-FORKED"


@pytest.mark.parametrize("kept", [BY_ROOT, BY_WORDS, ON_STICK], ids=["root", "words", "stick"])
@pytest.mark.parametrize(
    ("there", "now", "check_id"),
    [(HEAD, 7, "LOG-KEPT"), (HEAD, 9, "LOG-KEPT"), (OTHER, 9, "LOG-FORKED"), (None, 6, "LOG-ROLLED-BACK")],
)
def test_a_log_is_at_a_kept_head_or_ahead_or_refused_by_name(
    kept: KeptHead, there: Checkpoint | None, now: int, check_id: str
) -> None:
    found = check_kept(kept, there, ORIGIN, now, KEYS)

    assert (found.check_id, found.ok) == (check_id, check_id == "LOG-KEPT")


def test_a_checkpoint_that_this_log_has_not_signed_lets_nobody_through() -> None:
    stranger = NoteSigner(ORIGIN, secret("stranger"))
    theirs = read_kept_checkpoint(HEAD.signed(stranger).to_bytes(), ORIGIN)

    assert check_kept(theirs, HEAD, ORIGIN, 9, KEYS).check_id == "LOG-HEAD-SIGNED"
    assert check_kept(ON_STICK, HEAD, ORIGIN, 9, []).check_id == "LOG-HEAD-SIGNED"
    assert "signed by no key that counts" in check_kept(theirs, None, ORIGIN, 6, KEYS).detail
    assert ", signed by its key," in check_kept(ON_STICK, None, ORIGIN, 6, KEYS).detail


def test_one_head_is_the_same_by_its_root_and_by_its_words() -> None:
    for one in (BY_ROOT, BY_WORDS, ON_STICK):
        for other in (BY_ROOT, BY_WORDS, ON_STICK):
            assert is_same(one, other, ORIGIN)
        assert not is_same(one, KeptHead(7, OTHER.root), ORIGIN)
        assert not is_same(one, KeptHead(7, words=paper_head(OTHER).words), ORIGIN)
        assert not is_same(one, KeptHead(8, HEAD.root), ORIGIN)


@pytest.mark.parametrize("kept", [BY_ROOT, BY_WORDS], ids=["root", "words"])
def test_a_head_in_a_record_reads_back(kept: KeptHead) -> None:
    assert kept_head_of(Fields(kept.members(), MEMBERS, "head", "X")) == kept


def backup(**members: object) -> OlderBackup:
    whole: dict[str, object] = {
        "domain_id": "me.example",
        "reason": "The volume was dropped.",
        "operator": "Ada Lovelace",
        "witness": "Grace Hopper",
        "lost": (BY_ROOT, KeptHead(9, words=paper_head(Checkpoint(ORIGIN, 9, OTHER.root)).words)),
        "start": Head(5, "5a" * 32),
    }
    return OlderBackup(**{**whole, **members})  # type: ignore[arg-type]


def test_a_deviation_is_a_record_that_reads_back() -> None:
    entry = Entry(RecordType.DEVIATION, facts=backup().facts())
    read = read_entry(RecordType.DEVIATION, entry.to_bytes())

    assert older_backup_of("me.example", read.facts) == backup()
    assert lost_heads("me.example", [Entry(RecordType.CLAIM), read]) == backup().lost
    assert lost_heads("me.example", [Entry(RecordType.DEVIATION, facts={"deviation": "other"})]) == ()


def test_what_two_persons_confirm_binds_everything_that_it_says() -> None:
    changes: list[dict[str, object]] = [
        {"reason": "Other."},
        {"operator": "Eve"},
        {"witness": "Eve"},
        {"domain_id": "other.example"},
        {"lost": (BY_ROOT,)},
        {"start": Head(4, "5a" * 32)},
    ]
    digests = {backup(**change).to_bytes() for change in ({}, *changes)}

    assert len(digests) == len(changes) + 1


@pytest.mark.parametrize(
    ("change", "check_id"),
    [
        ({"witness": "ada  LOVELACE"}, "DEVIATION-PERSONS"),
        ({"lost": ()}, "DEVIATION-LOST"),
        ({"lost": (BY_ROOT,) * 17}, "DEVIATION-LOST"),
        ({"reason": ""}, "DEVIATION-SCHEMA"),
        ({"reason": "a\nb"}, "DEVIATION-SCHEMA"),
        ({"reason": "x" * 1001}, "DEVIATION-SCHEMA"),
        ({"operator": " "}, "DEVIATION-SCHEMA"),
        ({"operator": "x" * 129}, "DEVIATION-SCHEMA"),
    ],
)
def test_a_deviation_without_two_persons_a_reason_and_a_loss_is_none(change: dict[str, object], check_id: str) -> None:
    with pytest.raises(Malformed) as refusal:
        backup(**change).facts()

    assert refusal.value.check_id == check_id


@pytest.mark.parametrize(
    "change",
    [
        {"deviation": "other"},
        {"more": "x"},
        {"lost": [{"size": 7}]},
        {"lost": [{"size": 7, "root": "00" * 32, "words": "x"}]},
        {"lost": [{"size": 0, "root": "00" * 32}]},
    ],
)
def test_a_record_of_another_form_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(Malformed) as refusal:
        older_backup_of("me.example", {**backup().facts(), **change})

    assert refusal.value.check_id == "DEVIATION-SCHEMA"


def test_every_rule_is_one_that_something_here_breaks() -> None:
    tried = {"KEPT-FORM", "LOG-KEPT", "LOG-FORKED", "LOG-ROLLED-BACK", "LOG-HEAD-SIGNED"}
    tried |= {"DEVIATION-SCHEMA", "DEVIATION-PERSONS", "DEVIATION-LOST"}

    assert {rule.check_id for rule in (*kept_head.RULES, *deviation.RULES)} == tried
