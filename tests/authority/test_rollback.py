"""A store that was rolled back, forked or is unknown is refused by its name; one that is ahead of the stick is not."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from asl_authority.errors import IoFailed, Malformed, Refused
from asl_authority.operations.reading import Source
from asl_authority.operations.rollback import (
    Kept,
    deviations,
    expect_kept,
    expect_new,
    keep_head,
    lost_here,
)
from asl_authority.storage.domains import create_domain, create_store, opened
from asl_authority.storage.layout import StorePaths
from asl_authority.storage.stick import Stick
from asl_authority.values.checkpoint import Checkpoint, origin_of
from asl_authority.values.deviation import OlderBackup
from asl_authority.values.head import Head
from asl_authority.values.kept_head import KeptHead, kept_head
from asl_authority.values.log_entry import Entry
from asl_authority.values.log_record import RecordType
from asl_authority.values.paper_head import paper_head
from asl_authority.values.signed_note import NoteSigner
from support.domains import secret
from support.memory_disk import MemoryDisk

ROOT = Path("/store")
ME = "me.example"
ORIGIN = origin_of(ME, rehearsal=False)
KEYS = [secret("log").public]
PERSONS = ("Ada", "Grace")


def source(disk: MemoryDisk) -> Source:
    return Source(disk, StorePaths(ROOT).domain(ME), ME, ORIGIN, rehearsal=False)


def grow(disk: MemoryDisk, *names: str, facts: dict[str, object] | None = None) -> Checkpoint:
    """Operations, one after the other; the head after the last."""
    signer = NoteSigner(ORIGIN, secret("log"))
    with opened(disk, StorePaths(ROOT).domain(ME), ORIGIN, signer, session="5e" * 16) as domain:
        for name in names:
            head = domain.commit(Entry(RecordType.CLAIM, facts={"n": name}))
        if facts is not None:
            head = domain.commit(Entry(RecordType.DEVIATION, facts=facts))
    return head


@cache
def begun() -> MemoryDisk:
    disk = MemoryDisk()
    disk.make_directory(ROOT)
    disk.make_directory(Path("/stick"))
    store = create_store(disk, ROOT, origin_of("host", rehearsal=False))
    create_domain(disk, store, ME, ORIGIN)
    grow(disk, "one", "two", "three")
    return disk.copy()


@pytest.fixture
def disk() -> MemoryDisk:
    return begun().copy()


@pytest.fixture
def stick() -> Stick:
    """On a disk of its own, which no store's fate touches."""
    other = MemoryDisk()
    other.make_directory(Path("/stick"))
    return Stick(other, Path("/stick"))


def on_paper(head: Checkpoint) -> Kept:
    return Kept(typed=(KeptHead(head.size, words=paper_head(head).words),))


def refusal(disk: MemoryDisk, kept: Kept) -> str:
    with pytest.raises(Refused) as refused:
        expect_kept(source(disk), kept, KEYS)
    assert refused.value.hint
    return refused.value.check_id


def size_on(stick: Stick) -> int | None:
    kept = stick.load(ORIGIN)
    return kept.size if kept else None


def test_a_store_at_the_kept_head_or_ahead_of_it_is_worked_on(disk: MemoryDisk, stick: Stick) -> None:
    keep_head(source(disk), stick, KEYS)
    now = source(disk).log().head
    assert [each.check_id for each in expect_kept(source(disk), Kept(stick), KEYS)] == ["LOG-KEPT"]
    grow(disk, "four", "five")  # the store commits first: a stick that was pulled out before is behind it

    found = expect_kept(source(disk), Kept(stick, on_paper(now).typed), KEYS)
    assert [(each.check_id, each.ok) for each in found] == [("LOG-KEPT", True)] * 2
    keep_head(source(disk), stick, KEYS)
    assert size_on(stick) == 5


def test_an_older_copy_of_the_volume_is_refused(disk: MemoryDisk, stick: Stick) -> None:
    copy = disk.copy()
    head = grow(disk, "four")
    keep_head(source(disk), stick, KEYS)

    assert refusal(copy, Kept(stick)) == "LOG-ROLLED-BACK"
    assert refusal(copy, on_paper(head)) == "LOG-ROLLED-BACK"
    assert refusal(copy, Kept(typed=(kept_head(head),))) == "LOG-ROLLED-BACK"


@pytest.mark.parametrize("more", [("other",), ("other", "more", "and more")], ids=["as long", "longer"])
def test_an_older_copy_that_was_written_to_is_refused(disk: MemoryDisk, stick: Stick, more: tuple[str, ...]) -> None:
    copy = disk.copy()
    head = grow(disk, "four")
    keep_head(source(disk), stick, KEYS)
    grow(copy, *more)

    assert refusal(copy, Kept(stick)) == "LOG-FORKED"
    assert refusal(copy, on_paper(head)) == "LOG-FORKED"


def test_the_stick_speaks_although_the_paper_is_older(disk: MemoryDisk, stick: Stick) -> None:
    copy, then = disk.copy(), source(disk).log().head
    grow(disk, "four")
    keep_head(source(disk), stick, KEYS)

    assert refusal(copy, Kept(stick, on_paper(then).typed)) == "LOG-ROLLED-BACK"


def test_with_neither_stick_nor_words_a_store_is_only_read(disk: MemoryDisk, stick: Stick) -> None:
    assert refusal(disk, Kept()) == "LOG-HEAD-UNKNOWN"
    assert refusal(disk, Kept(stick)) == "LOG-HEAD-UNKNOWN", "a stick without a head of this log knows nothing"


def test_a_head_that_somebody_else_has_put_on_the_stick_lets_nobody_through(disk: MemoryDisk, stick: Stick) -> None:
    older = Checkpoint(ORIGIN, 1, source(disk).log().root_at(1))
    stick.keep(ORIGIN, older.signed(NoteSigner(ORIGIN, secret("stranger"))).to_bytes())

    assert refusal(disk, Kept(stick)) == "LOG-HEAD-SIGNED"
    with pytest.raises(IoFailed) as refused:
        keep_head(source(disk), stick, KEYS)
    assert refused.value.check_id == "LOG-HEAD-SIGNED"
    assert size_on(stick) == 1


def test_a_stick_that_was_changed_meanwhile_loses_nothing(disk: MemoryDisk, stick: Stick) -> None:
    copy = disk.copy()
    grow(copy, "of another store", "and more")
    keep_head(source(copy), stick, KEYS)
    grow(disk, "four")

    with pytest.raises(IoFailed, match="is left as it is"):
        keep_head(source(disk), stick, KEYS)
    assert size_on(stick) == 5


def test_what_is_broken_on_the_stick_is_not_replaced_unseen(disk: MemoryDisk, stick: Stick) -> None:
    stick.keep(ORIGIN, b"nothing of ours\n")

    with pytest.raises(Malformed):
        expect_kept(source(disk), Kept(stick), KEYS)
    with pytest.raises(IoFailed):
        keep_head(source(disk), stick, KEYS)


def test_what_is_under_no_signature_yet_is_not_kept(disk: MemoryDisk, stick: Stick) -> None:
    with opened(disk, StorePaths(ROOT).domain(ME), ORIGIN, None, session="5e" * 16) as domain:
        domain.commit(Entry(RecordType.CLAIM, facts={"n": "without a key"}))

    with pytest.raises(IoFailed, match="does not cover"):
        keep_head(source(disk), stick, KEYS)
    assert size_on(stick) is None


def test_a_domain_that_the_stick_knows_is_not_founded_again(disk: MemoryDisk, stick: Stick) -> None:
    expect_new(ORIGIN, ME, stick)
    keep_head(source(disk), stick, KEYS)

    with pytest.raises(Refused) as refused:
        expect_new(ORIGIN, ME, stick)
    assert refused.value.check_id == "LOG-ROLLED-BACK"
    expect_new(origin_of(ME, rehearsal=True), ME, stick)  # a rehearsal's is another log


def given_up(disk: MemoryDisk, heads: tuple[KeptHead, ...], persons: tuple[str, str] = PERSONS) -> OlderBackup:
    head = source(disk).log().head
    lost = lost_here(source(disk), heads, KEYS)
    return OlderBackup(ME, "The volume was dropped.", *persons, lost, Head(head.size, head.root.hex()))


def rolled_back(stick: Stick, *more: str) -> tuple[MemoryDisk, Checkpoint]:
    """An older copy, written to or not, of a volume whose last head is on the stick."""
    disk = begun().copy()
    copy = disk.copy()
    lost = grow(disk, "four", "five")
    keep_head(source(disk), stick, KEYS)
    if more:
        grow(copy, *more)
    return copy, lost


@pytest.mark.parametrize("more", [(), ("other",) * 4], ids=["rolled back", "forked"])
@pytest.mark.parametrize("at_hand", ["stick", "paper", "both"])
def test_two_persons_go_on_from_an_older_backup_and_every_later_head_carries_it(
    stick: Stick, more: tuple[str, ...], at_hand: str
) -> None:
    copy, lost = rolled_back(stick, *more)
    kept = Kept(None if at_hand == "paper" else stick, on_paper(lost).typed if at_hand != "stick" else ())
    heads = kept.heads(ORIGIN)
    made = given_up(copy, heads)

    assert len(made.lost) == 1, "the same head by root and by words is one head"
    assert made.start.size == source(copy).log().head.size
    head = grow(copy, facts=made.facts())
    assert [logseq for logseq, _ in deviations(source(copy).log())] == [head.size]
    keep_head(source(copy), stick, KEYS)
    assert size_on(stick) == head.size
    aside = [name for name in stick.disk.names(Path("/stick/heads")) if ".lost-" in name]
    assert aside == [f"asl_me.example.lost-5-{lost.root.hex()[:16]}"]

    grow(copy, "later")
    assert [each.check_id for each in expect_kept(source(copy), Kept(stick), KEYS)] == ["LOG-KEPT"]
    assert len(deviations(source(copy).log())) == 1


def test_who_still_has_the_head_that_was_given_up_knows_nothing_of_the_log_since(stick: Stick) -> None:
    copy, lost = rolled_back(stick)
    made = given_up(copy, Kept(stick).heads(ORIGIN))
    head = grow(copy, facts=made.facts())

    assert refusal(copy, Kept(stick)) == "LOG-HEAD-UNKNOWN"
    assert refusal(copy, on_paper(lost)) == "LOG-HEAD-UNKNOWN"
    found = expect_kept(source(copy), Kept(stick, on_paper(head).typed), KEYS)
    assert [each.check_id for each in found] == ["LOG-KEPT"]
    keep_head(source(copy), stick, KEYS)
    assert size_on(stick) == head.size


def test_the_backup_rolled_back_once_more_is_refused_again(stick: Stick) -> None:
    copy, _ = rolled_back(stick)
    older = copy.copy()
    made = given_up(copy, Kept(stick).heads(ORIGIN))
    grow(copy, facts=made.facts())
    keep_head(source(copy), stick, KEYS)

    assert refusal(older, Kept(stick)) == "LOG-ROLLED-BACK"


def no_deviation(disk: MemoryDisk, kept: Kept) -> str:
    with pytest.raises(Refused) as refused:
        lost_here(source(disk), kept.heads(ORIGIN), KEYS)
    return refused.value.check_id


def test_nothing_is_given_up_where_nothing_is_lost(disk: MemoryDisk, stick: Stick) -> None:
    keep_head(source(disk), stick, KEYS)

    assert no_deviation(disk, Kept(stick)) == "LOG-NOT-LOST"
    assert no_deviation(disk, Kept()) == "LOG-HEAD-UNKNOWN"


def test_of_what_is_at_hand_only_what_was_lost_is_given_up(stick: Stick) -> None:
    copy, lost = rolled_back(stick)
    other = MemoryDisk()
    other.make_directory(Path("/stick"))
    older = Stick(other, Path("/stick"))
    keep_head(source(copy), older, KEYS)

    assert given_up(copy, Kept(older, on_paper(lost).typed).heads(ORIGIN)).lost == on_paper(lost).typed


def test_what_was_given_up_is_not_given_up_again(stick: Stick) -> None:
    copy, lost = rolled_back(stick)
    grow(copy, facts=given_up(copy, Kept(stick).heads(ORIGIN)).facts())

    assert no_deviation(copy, on_paper(lost)) == "LOG-NOT-LOST"


@pytest.mark.parametrize("persons", [("Ada", "Ada"), ("Ada", " ada "), ("", "Grace")])
def test_one_person_gives_nothing_up(stick: Stick, persons: tuple[str, str]) -> None:
    copy, _ = rolled_back(stick)

    with pytest.raises(Malformed, match=r"two persons|operator"):
        given_up(copy, Kept(stick).heads(ORIGIN), persons).facts()


def test_an_unsigned_head_on_the_stick_can_be_given_up_and_says_that_it_is_none_of_ours(disk: MemoryDisk) -> None:
    other = MemoryDisk()
    other.make_directory(Path("/stick"))
    stick = Stick(other, Path("/stick"))
    stick.keep(ORIGIN, Checkpoint(ORIGIN, 40, bytes(32)).signed(NoteSigner(ORIGIN, secret("stranger"))).to_bytes())

    with pytest.raises(Refused, match="signed by no key that counts") as refused:
        expect_kept(source(disk), Kept(stick), KEYS)
    assert refused.value.check_id == "LOG-ROLLED-BACK"
