"""The index of a log: right with or without its files, and what domain.json and a sheet of paper say of a log."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from asl_authority.errors import Malformed
from asl_authority.storage import domains, durable
from asl_authority.storage.index import build_index, find
from asl_authority.storage.layout import DomainPaths
from asl_authority.storage.log_reader import LogReader
from asl_authority.values.checkpoint import Checkpoint
from asl_authority.values.domain_state import STILL, State
from asl_authority.values.domain_view import DomainView, derive, read_domain_view
from asl_authority.values.index_segment import (
    RULES,
    SEGMENT_LIMIT,
    Bloom,
    Segment,
    make_segment,
    read_bloom,
    read_segment,
)
from asl_authority.values.log_entry import Entry
from asl_authority.values.log_record import RecordType
from asl_authority.values.merkle import EMPTY_ROOT
from asl_authority.values.paper_head import check_paper_head, paper_head, read_paper_head
from support.memory_disk import MemoryDisk
from support.store_faults import NAME, ORIGIN, PATHS, ROOT, SESSION, SIGNER, used

D = "ab" * 32


def sha(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


SEGMENT = make_segment(5, 9, sha(b"last"), [(sha(b"a"), 7), (sha(b"a"), 5), (sha(b"b"), 9), (sha(b"a"), 7)])


def test_a_segment_finds_its_records_and_its_bloom_file_never_denies_one() -> None:
    assert SEGMENT.find(sha(b"a")) == (5, 7)
    assert SEGMENT.find(sha(b"c")) == ()
    bloom = SEGMENT.bloom()
    assert all(bloom.may_have(key) for key, _ in SEGMENT.entries)
    assert sum(bloom.may_have(sha(b"%d" % n)) for n in range(1000)) < 100
    assert read_segment(SEGMENT.to_bytes()) == SEGMENT
    assert read_bloom(bloom.to_bytes()) == bloom


def sealed(body: bytes) -> bytes:
    return body + sha(body)


@pytest.mark.parametrize(
    ("check_id", "data"),
    [
        ("INDEX-FORM", b""),
        ("INDEX-FORM", sealed(b"ASLIDX02" + SEGMENT.to_bytes()[8:-32])),
        ("INDEX-FORM", sealed(SEGMENT.to_bytes()[:-33])),
        ("INDEX-FORM", sealed(SEGMENT.to_bytes()[:-32] + b"x" * 40)),
        ("INDEX-CHECKSUM", SEGMENT.to_bytes()[:-1] + b"x"),
        ("INDEX-ORDER", Segment(5, 9, bytes(32), SEGMENT.entries[::-1]).to_bytes()),
        ("INDEX-ORDER", Segment(5, 9, bytes(32), (SEGMENT.entries[0],) * 2).to_bytes()),
        ("INDEX-ORDER", Segment(5, 6, bytes(32), SEGMENT.entries).to_bytes()),
    ],
)
def test_a_segment_of_another_form_is_refused_by_name(check_id: str, data: bytes) -> None:
    with pytest.raises(Malformed) as refusal:
        read_segment(data)

    assert refusal.value.check_id == check_id


@pytest.mark.parametrize(
    "bloom", [Bloom(5, 9, 5, bytes(8)), Bloom(5, 9, 0, bytes(8)), Bloom(5, 9, 4, bytes(12)), Bloom(9, 5, 4, bytes(8))]
)
def test_a_bloom_file_of_another_form_is_refused(bloom: Bloom) -> None:
    with pytest.raises(Malformed) as refusal:
        read_bloom(bloom.to_bytes())

    assert refusal.value.check_id == "INDEX-FORM"


@given(some.binary(max_size=300))
def test_any_bytes_are_an_index_file_or_refused_by_a_rule(data: bytes) -> None:
    ids = {rule.check_id for rule in RULES}
    for read in (read_segment, read_bloom):
        for whole in (data, sealed(data), sealed(SEGMENT.to_bytes()[:72] + data)):
            try:
                again = read(whole).to_bytes()
            except Malformed as refusal:
                again = whole if refusal.check_id in ids else b""
            assert again == whole


def filled() -> tuple[MemoryDisk, LogReader]:
    disk = MemoryDisk()
    disk.make_directory(ROOT)
    used(disk)
    return disk, LogReader.open(disk, PATHS, ORIGIN, [SIGNER.key])


@pytest.mark.parametrize("state", ["built", "not built", "garbage", "too long", "of another place"])
def test_what_is_logged_is_found_whatever_the_index_is(state: str) -> None:
    disk, reader = filled()
    wanted = {record.logseq: record for record in reader.records()}
    if state != "not built":
        assert build_index(reader, segment_records=4) == 1
        assert build_index(reader, segment_records=4) == 0
    paths = (PATHS.segment(1), PATHS.bloom(1))
    if state == "garbage":
        for path in paths:
            durable.replace(disk, path, b"garbage")
    if state == "too long":
        for path in paths:
            durable.replace(disk, path, bytes(SEGMENT_LIMIT + 1))
    if state == "of another place":
        durable.replace(disk, paths[0], SEGMENT.to_bytes())
        durable.replace(disk, paths[1], SEGMENT.bloom().to_bytes())
    block = sha(b"block 0" * 40).hex()
    file = sha(b'{"dam":2}').hex()

    assert list(find(reader, block, segment_records=4)) == [wanted[1]]
    assert list(find(reader, file, segment_records=4)) == [wanted[6]]
    assert list(find(reader, D, segment_records=4)) == []


VIEW = DomainView("me.example", State.FULL, 1, 15, D, D, D, 9)


def test_domain_json_is_derived_from_the_log_and_never_believed() -> None:
    entries = [
        (1, Entry(RecordType.DOMAIN)),
        (2, Entry(RecordType.KEY, facts={"root_key_fingerprint": D})),
        (3, Entry(RecordType.POLICY, facts={"policy_hash": D})),
        (4, Entry(RecordType.CLAIM, facts={"policy_hash": "other"})),
        (5, Entry(RecordType.ADMISSION, facts={"domain_id": "me.example", "state": "REVOKED"})),
        (7, Entry(RecordType.SNAPSHOT, facts={"snapshot_id": D})),
        (8, Entry(RecordType.DOMAIN)),
    ]

    host = [
        (15, Entry(RecordType.ADMISSION, facts={"domain_id": "me.example", "state": "COURTESY"})),
        (16, Entry(RecordType.ADMISSION, facts={"domain_id": "me.example", "state": "FULL"})),
        (17, Entry(RecordType.ADMISSION, facts={"domain_id": "other.example", "state": "REVOKED"})),
        (18, Entry(RecordType.ADMISSION, facts={"domain_id": "me.example"})),
    ]
    assert derive("me.example", entries, 9, host) == VIEW, "only the host says how it stands to a domain"
    assert read_domain_view(VIEW.to_bytes()) == VIEW
    fresh = DomainView("me.example")
    assert fresh.to_bytes() == b'{"current_logseq":0,"domain_id":"me.example","state":"UNRECOGNIZED"}'
    assert read_domain_view(fresh.to_bytes()) == fresh

    disk, reader = filled()
    view = domains.derive_view(reader, NAME)
    assert domains.check_view(disk, PATHS, view).check_id == "DOMAIN-VIEW-CURRENT"
    assert not domains.check_view(disk, PATHS, view).ok
    domains.write_view(disk, PATHS, view)
    assert domains.check_view(disk, PATHS, view).ok
    for state in STILL:  # nothing is written there any more, so it is only said
        said = domains.check_view(disk, PATHS, replace(view, state=state))
        assert said.ok
        assert "the log counts" in said.detail
        for wrong in (replace(view, current_logseq=1).to_bytes(), b"{}"):  # nor is anything else let through
            durable.replace(disk, PATHS.view, wrong)
            assert not domains.check_view(disk, PATHS, replace(view, state=state)).ok
        durable.replace(disk, PATHS.view, view.to_bytes())
    durable.replace(disk, PATHS.view, VIEW.to_bytes())
    assert not domains.check_view(disk, PATHS, view).ok


@pytest.mark.parametrize(
    ("check_id", "facts"),
    [("DOMAIN-VIEW-FACTS", {"policy_hash": "x"}), ("DOMAIN-VIEW-FACTS", {"policy_hash": 1})],
)
def test_a_record_that_says_what_can_not_be_is_named(check_id: str, facts: dict[str, object]) -> None:
    said = Entry(RecordType.ADMISSION, facts={"domain_id": "a", "state": "x"})
    for entries, host in (([(3, Entry(RecordType.POLICY, facts=facts))], []), ([], [(3, said)])):
        with pytest.raises(Malformed, match="record 3") as refusal:
            derive("a", entries, 3, host)
        assert refusal.value.check_id == check_id


@pytest.mark.parametrize(
    "data",
    [
        VIEW.to_bytes().replace(b"FULL", b"OTHER"),
        VIEW.to_bytes().replace(b'"current_logseq":9,', b""),
        VIEW.to_bytes().replace(b"me.example", b"Me"),
        VIEW.to_bytes().replace(b'"created_at":1', b'"created_at":0'),
    ],
)
def test_a_domain_json_of_another_form_is_refused(data: bytes) -> None:
    with pytest.raises(Malformed) as refusal:
        read_domain_view(data)

    assert refusal.value.check_id == "DOMAIN-VIEW-SCHEMA"


HEAD = Checkpoint("asl.example/me", 41, sha(b"root"))


def test_a_head_on_paper_is_twelve_words_that_a_person_can_type() -> None:
    paper = paper_head(HEAD)

    assert len(paper.words) == 12
    assert paper.to_text().startswith("size 41\n")
    typed = " ".join(word.upper()[:4] for word in paper.words)
    assert read_paper_head(" 41 ", typed) == paper == read_paper_head("41", "  ".join(paper.words))
    # The fuzzer's: a blank that int() does not know.
    assert read_paper_head("\x1f41", typed) == paper
    assert check_paper_head(paper, HEAD).ok
    assert len({paper_head(Checkpoint("asl.example/me", n, sha(b"root"))).words for n in range(1, 200)}) == 199


def test_another_head_than_the_papers_is_refused_and_a_slip_of_the_pen_is_called_one() -> None:
    paper = paper_head(HEAD)
    for there in (None, Checkpoint("asl.example/me", 41, sha(b"fork")), Checkpoint("asl.example/you", 41, HEAD.root)):
        finding = check_paper_head(paper, there)
        assert (finding.check_id, finding.ok) == ("PAPER-HEAD", False)
    swapped = " ".join((paper.words[1], paper.words[0], *paper.words[2:]))
    cases = [
        ("PAPER-CHECK-WORD", "41", swapped),
        ("PAPER-CHECK-WORD", "42", " ".join(paper.words)),
        ("PAPER-FORM", "41", " ".join(paper.words[:-1])),
        ("PAPER-FORM", "41", " ".join(("nonsense", *paper.words[1:]))),
        ("PAPER-FORM", "041", " ".join(paper.words)),
        ("PAPER-FORM", "41", ""),
    ]
    for check_id, size, typed in cases:
        with pytest.raises(Malformed) as refusal:
            read_paper_head(size, typed)
        assert refusal.value.check_id == check_id


def test_a_log_is_held_to_a_head_on_paper() -> None:
    _, reader = filled()
    paper = paper_head(Checkpoint(ORIGIN, 4, reader.root_at(4)))

    assert check_paper_head(paper, Checkpoint(ORIGIN, 4, reader.root_at(4))).ok
    assert paper_head(Checkpoint("o", 0, EMPTY_ROOT)).size == 0
    assert (SESSION, DomainPaths(Path("/x")).view.name) == ("5e" * 16, "domain.json")
