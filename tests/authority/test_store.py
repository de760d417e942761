"""The store on a disk: domains, blocks, the log with its recovery, snapshots, and every kind of damage by name."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from asl_authority.contract import ExitStatus
from asl_authority.errors import Busy, Damaged, IoFailed, Malformed, Refused, UsageError
from asl_authority.storage import durable, scrub, snapshots
from asl_authority.storage.disk import HostDisk
from asl_authority.storage.domains import Domain, create_domain, create_store, opened, read_log
from asl_authority.storage.layout import DOMAIN_DIRECTORIES, DomainPaths, StorePaths
from asl_authority.storage.log_reader import LogReader
from asl_authority.storage.tree_cache import tree_file
from asl_authority.values.block import BlockMeta, check_block_id, check_block_meta, read_block_meta
from asl_authority.values.checkpoint import check_log_proof
from asl_authority.values.ed25519 import SecretKey
from asl_authority.values.log_entry import Entry
from asl_authority.values.log_record import Record, RecordType
from asl_authority.values.scrub import ScrubState, read_scrub_state
from asl_authority.values.signed_note import MOST_BYTES, NoteSigner


class QuickDisk(HostDisk):
    """The host's disk, which nobody waits for: the power stays on in these tests."""

    def sync(self, file: int) -> None:
        pass

    def sync_directory(self, path: Path) -> None:
        pass


DISK = QuickDisk()
ORIGIN = "asl.example/me.example"
SIGNER = NoteSigner(ORIGIN, SecretKey(b"\7" * 32))
STRANGER = NoteSigner(ORIGIN, SecretKey(b"\x08" * 32))


def facts(number: int) -> Entry:
    return Entry(RecordType.CLAIM, facts={"n": number})


@pytest.fixture
def domain(tmp_path: Path) -> DomainPaths:
    """An empty domain in an empty store."""
    store = create_store(DISK, tmp_path, "asl.example/host")
    return create_domain(DISK, store, "me.example", ORIGIN)


@contextmanager
def writing(paths: DomainPaths, signer: NoteSigner | None = SIGNER, roll_bytes: int = 1 << 20) -> Iterator[Domain]:
    with opened(DISK, paths, ORIGIN, signer) as domain:
        domain.log.roll_bytes = roll_bytes
        yield domain


@pytest.fixture
def used(domain: DomainPaths) -> DomainPaths:
    """A domain with twenty records in several files, and two blocks."""
    with writing(domain, roll_bytes=500) as held:
        for number in range(18):
            held.commit(facts(number))
        blocks = tuple(sorted(held.blocks.put(data) for data in (b"one", b"two" * 1000)))
        held.commit(Entry(RecordType.ARTIFACT, blocks=blocks), facts(99))
    return domain


def reading(paths: DomainPaths) -> LogReader:
    return read_log(DISK, paths, ORIGIN, [SIGNER.key])


def test_a_store_has_the_names_of_the_papers(domain: DomainPaths, tmp_path: Path) -> None:
    assert {path.name for path in tmp_path.iterdir()} == {
        *("host", "domains", "env-claims", "sops-bundles", "federation", "quarantine"),
    }
    assert {path.name for path in (tmp_path / "federation").iterdir()} == {"exports", "imports", "peers"}
    assert {path.name for path in domain.root.iterdir()} == {name for name in DOMAIN_DIRECTORIES if "/" not in name}
    assert {path.name for path in domain.log.iterdir()} == {"log-1.aol", "checkpoint.unsigned", "recovered"}
    assert (tmp_path / "host/trusted-roots").is_dir()
    assert (tmp_path / "host/log/log-1.aol").is_file()


def test_a_store_can_be_made_again_and_a_domain_can_not(domain: DomainPaths, tmp_path: Path) -> None:
    store = create_store(DISK, tmp_path, "asl.example/host")
    with pytest.raises(Refused, match="already"):
        create_domain(DISK, store, "me.example", ORIGIN)
    for name in ("../x", "A", "a/b", ""):
        with pytest.raises(UsageError):
            store.domain(name)


def test_one_writes_and_all_read(used: DomainPaths) -> None:
    with writing(used):
        with pytest.raises(Busy) as refusal, writing(used):
            pass
        assert reading(used).head.size == 20
    assert refusal.value.status == ExitStatus.BUSY
    with writing(used) as again:
        assert again.lines() == []


def test_a_log_is_read_as_it_was_written_over_all_its_files(used: DomainPaths) -> None:
    reader = reading(used)

    assert len(list(used.log.glob("log-*.aol"))) > 2
    assert [record.logseq for record in reader.records()] == list(range(1, 21))
    assert reader.record(7) == Record(7, RecordType.CLAIM, facts(6).to_bytes())
    assert [record.logseq for record in reader.records(5, 12)] == list(range(5, 13))
    assert list(reader.records(21, 20)) == []
    for first, last in ((0, 3), (5, 21), (22, 21)):
        with pytest.raises(UsageError):
            list(reader.records(first, last))


@pytest.mark.parametrize("cache", ["whole", "gone", "garbage", "short", "false"])
def test_proofs_hold_whatever_the_cache_says(used: DomainPaths, cache: str) -> None:
    files = [path for path in used.index.iterdir() if path.is_file()]
    assert tree_file(used, 0) in files
    for path in files:
        data = path.read_bytes()
        if cache == "gone":
            path.unlink()
        elif cache != "whole":
            path.write_bytes({"garbage": b"x" * len(data), "short": data[:40], "false": data[32:] + data[:32]}[cache])
    reader = reading(used)

    for logseq in (1, 8, 20):
        proof = reader.prove(logseq)
        record = reader.record(logseq)
        before = reader.record(logseq - 1) if logseq > 1 else None
        assert record.logseq == logseq
        assert (before is None) or before.logseq == logseq - 1
        stored = next(r for r in hashes_of(used) if r[0] == logseq)[1]
        assert check_log_proof(proof, stored, ORIGIN, [SIGNER.key]).ok
        assert reader.root_at(logseq) == roots_of(used)[logseq]
    assert reader.extends(8, roots_of(used)[8])
    assert not reader.extends(8, roots_of(used)[9])
    assert not reader.extends(21, roots_of(used)[9])


def hashes_of(paths: DomainPaths) -> list[tuple[int, bytes]]:
    """Number and hash of every record, the plain way."""
    before, found = bytes(32), []
    for record in reading(paths).records():
        before = record.hash_after(before)
        found.append((record.logseq, before))
    return found


def roots_of(paths: DomainPaths) -> list[bytes]:
    from asl_authority.values.merkle import Frontier, leaf_hash

    frontier = Frontier()
    roots = [frontier.root()]
    for _, each in hashes_of(paths):
        frontier.extend([leaf_hash(each)])
        roots.append(frontier.root())
    return roots


def test_the_writer_mends_the_cache(used: DomainPaths) -> None:
    good = {path.name: path.read_bytes() for path in used.index.iterdir()}
    for path in used.index.iterdir():
        path.write_bytes(b"x" * 50)
    with writing(used):
        pass

    assert {path.name: path.read_bytes()[: len(good[path.name])] for path in used.index.iterdir()} == good


def flip(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(bytes(data))


@pytest.mark.parametrize("at", [0, 9, 24, 30, 37, 45, 100, -40, -1])
@pytest.mark.parametrize("file", ["log-1.aol", "last"])
def test_a_flipped_byte_before_the_head_leaves_reading_only(used: DomainPaths, file: str, at: int) -> None:
    files = sorted(used.log.glob("log-*.aol"), key=lambda path: int(path.stem[4:]))
    path = files[0] if file == "log-1.aol" else files[-1]
    flip(path, at)
    before = {each: each.read_bytes() for each in used.root.rglob("*") if each.is_file()}

    with pytest.raises(Damaged) as refusal, writing(used):
        pass
    assert refusal.value.status == ExitStatus.STORE_DAMAGED
    assert "log" in str(refusal.value)
    after = {each: each.read_bytes() for each in used.root.rglob("*") if each.is_file()}
    assert after == before
    with pytest.raises(Damaged):
        list(reading(used).records())


def test_in_a_damaged_log_what_is_whole_can_still_be_read(used: DomainPaths) -> None:
    flip(used.log / "log-1.aol", 60)
    reader = reading(used)

    assert reader.record(20).logseq == 20
    with pytest.raises(Damaged):
        reader.record(1)


def test_a_record_that_was_never_committed_is_not_given_out_although_its_chain_fits(used: DomainPaths) -> None:
    reader = reading(used)
    real, before, path = reader.record(20), reader.hash_of(19), last_file(used.log)
    other = replace(real, payload=real.payload.replace(b'"n":99', b'"n":98'))
    assert other != real
    assert reader.hashed(20) == real.hashed(before)
    path.write_bytes(path.read_bytes().removesuffix(real.to_bytes(before)) + other.to_bytes(before))

    with pytest.raises(Damaged) as found:
        reading(used).hashed(20)
    assert found.value.check_id == "TREE-INCLUSION"


@pytest.mark.parametrize(
    ("check_id", "words", "damage"),
    [
        ("STORE-FILE-LOST", "nothing says", lambda at: (at / "checkpoint").unlink()),
        ("NOTE-FORM", "no note", lambda at: (at / "checkpoint").write_bytes(b"")),
        ("PATH-SIZE", "longer than", lambda at: (at / "checkpoint").write_bytes(bytes(MOST_BYTES + 1))),
        ("PATH-SIZE", "longer than", lambda at: (at / "checkpoint.unsigned").write_bytes(bytes(MOST_BYTES + 1))),
        ("NOTE-SIGNATURES", "wrong", lambda at: flip(at / "checkpoint", 24)),
        ("LOG-HEADER", "is not there", lambda at: (at / "log-1.aol").unlink()),
        ("LOG-TORN", "of 20 that were committed", lambda at: last_file(at).unlink()),
        ("LOG-TORN", "is cut off", lambda at: (at / "log-1.aol").write_bytes((at / "log-1.aol").read_bytes()[:-1])),
        ("LOG-FILES", "not belong", lambda at: (at / "log-2.aol").write_bytes((at / "log-1.aol").read_bytes())),
        ("CHECKPOINT-FORM", "checkpoint", lambda at: (at / "checkpoint.unsigned").write_bytes(b"x")),
        ("CHECKPOINT-ORIGIN", "other", lambda at: (at / "checkpoint.unsigned").write_text(f"other\n1\n{'A' * 43}=\n")),
        (
            "TREE-INCLUSION",
            "to the root",
            lambda at: (at / "checkpoint.unsigned").write_text(f"{ORIGIN}\n1\n{'A' * 43}=\n"),
        ),
        ("LOG-TORN", "of 30 that", lambda at: (at / "checkpoint.unsigned").write_text(f"{ORIGIN}\n30\n{'A' * 43}=\n")),
    ],
)
def test_damage_is_named_and_nothing_is_touched(used: DomainPaths, check_id: str, words: str, damage: object) -> None:
    damage(used.log)  # type: ignore[operator]
    with pytest.raises(Damaged, match=words) as refusal, writing(used):
        pass

    assert refusal.value.check_id == check_id


def last_file(at: Path) -> Path:
    return max(at.glob("log-*.aol"), key=lambda path: int(path.stem[4:]))


def test_a_log_that_was_rolled_back_or_swapped_is_refused_by_its_head(used: DomainPaths, tmp_path: Path) -> None:
    kept = tmp_path / "older"
    subprocess.run(["cp", "-r", used.root, kept], check=True)
    with writing(used) as held:
        held.commit(facts(100))
    head = reading(used).head

    older = LogReader.open(DISK, DomainPaths(kept), ORIGIN, [SIGNER.key])
    assert reading(used).extends(head.size, head.root)
    assert not older.extends(head.size, head.root)
    with opened(DISK, DomainPaths(kept), ORIGIN, SIGNER) as held:
        held.commit(facts(101))
    forked = LogReader.open(DISK, DomainPaths(kept), ORIGIN, [SIGNER.key])
    assert not forked.extends(head.size, head.root)


def test_a_checkpoint_of_a_key_that_nobody_trusts_is_damage(used: DomainPaths) -> None:
    with pytest.raises(Damaged) as found, writing(used, STRANGER):
        pass
    assert found.value.check_id == "NOTE-SIGNED"
    with opened(DISK, used, ORIGIN, STRANGER, keys=[SIGNER.key]) as held:
        held.commit(facts(1))
    assert LogReader.open(DISK, used, ORIGIN, [STRANGER.key]).head.size == 21


def add(paths: DomainPaths, data: bytes) -> None:
    last = max(paths.log.glob("log-*.aol"), key=lambda path: int(path.stem[4:]))
    last.write_bytes(last.read_bytes() + data)


def next_record(paths: DomainPaths, entry: Entry, logseq: int = 21) -> bytes:
    last = max(paths.log.glob("log-*.aol"), key=lambda path: int(path.stem[4:]))
    return Record(logseq, entry.type, entry.to_bytes()).to_bytes(last.read_bytes()[-32:])


def test_a_whole_record_behind_the_head_is_committed_and_said(used: DomainPaths) -> None:
    add(used, next_record(used, facts(5)))
    with writing(used) as held:
        assert held.lines() == ["1 records of an interrupted operation were whole, and were committed"]
    assert reading(used).head.size == 21
    with writing(used) as held:
        assert held.lines() == []


@pytest.mark.parametrize(
    ("reason", "entry"),
    [
        ("LOG-TORN", None),
        ("is not there", Entry(RecordType.ARTIFACT, blocks=("ab" * 32,))),
        ("is not there", Entry(RecordType.DAM, files={"dam/dam-1.json": "ab" * 32})),
        ("not all there", replace(facts(1), left=1)),
    ],
)
def test_what_can_not_be_committed_is_moved_away_and_logged(
    used: DomainPaths, reason: str, entry: Entry | None
) -> None:
    data = next_record(used, entry) if entry else b"torn"
    add(used, data)
    with writing(used) as held:
        (line,) = held.lines()
    assert line.startswith("what could not be committed was moved to log/recovered/tail-21-")
    assert reason in line
    (moved,) = used.recovered.iterdir()
    assert moved.read_bytes() == data
    record = reading(used).record(21)
    assert record.type == RecordType.RECOVERY
    assert moved.name.encode() in record.payload
    with writing(used) as held:
        assert held.lines() == []


def test_a_log_file_that_nothing_committed_is_moved_away_whole(used: DomainPaths) -> None:
    whole = (used.log / "log-1.aol").read_bytes()
    (used.log / "log-21.aol").write_bytes(whole)
    (used.log / "log-30.aol").write_bytes(b"x")
    with writing(used) as held:
        (line,) = held.lines()
        assert "LOG-SEQUENCE" in line
    assert {path.read_bytes() for path in used.recovered.iterdir()} >= {b"x"}
    assert reading(used).head.size == 21
    assert not (used.log / "log-30.aol").exists()


def test_without_the_key_nothing_is_recovered(used: DomainPaths) -> None:
    add(used, b"torn")
    with (
        pytest.raises(Refused, match="takes the log's key") as refused,
        opened(DISK, used, ORIGIN, None, keys=[SIGNER.key]),
    ):
        pass
    assert refused.value.check_id == "LOG-INTERRUPTED"
    assert reading(used).head.size == 20


def test_what_is_logged_without_a_key_is_countersigned_later(used: DomainPaths) -> None:
    with opened(DISK, used, ORIGIN, None, keys=[SIGNER.key]) as held:
        held.commit(facts(1))
    reader = reading(used)
    assert (reader.head.size, reader.record(21).logseq) == (21, 21)
    with pytest.raises(UsageError, match="signed checkpoint"):
        reader.prove(21)
    with writing(used) as held:
        assert held.lines() == ["1 records that were logged without a key were countersigned"]
    assert not used.unsigned_checkpoint.exists()
    assert reading(used).prove(21).index == 20


def test_an_operation_is_not_logged_before_its_artifacts(used: DomainPaths) -> None:
    with writing(used) as held:
        for entry in (
            Entry(RecordType.ARTIFACT, blocks=("ab" * 32,)),
            Entry(RecordType.DAM, files={"dam/x": "0" * 64}),
        ):
            with pytest.raises(Refused, match="is not there"):
                held.commit(entry)
        digest = held.write("dam/x", b"x")
        with pytest.raises(Refused, match="other contents"):
            held.commit(Entry(RecordType.DAM, files={"dam/x": "0" * 64}))
        assert held.commit(Entry(RecordType.DAM, files={"dam/x": digest})).size == 21
        with pytest.raises(ValueError, match="without records"):
            held.log.commit()


def test_a_writer_that_failed_takes_nothing_more(used: DomainPaths) -> None:
    with writing(used) as held:
        add(used, b"somebody else")
        with pytest.raises(IoFailed):
            held.commit(facts(1))
        with pytest.raises(IoFailed) as failed:
            held.commit(facts(1))
    assert failed.value.check_id == "LOG-WRITE-FAILED"


def test_a_leftover_of_an_interrupted_write_is_removed_and_said(used: DomainPaths) -> None:
    (used.store / ".x.part").write_bytes(b"half")
    (used.root / "tmp/y").write_bytes(b"half")
    with writing(used) as held:
        assert [line.split(": ")[1] for line in held.lines()] == ["left by an interrupted write, removed"] * 2


def test_blocks_are_their_own_names(used: DomainPaths) -> None:
    with writing(used) as held:
        blocks = held.blocks
        one = blocks.put(b"three", type_tag=0x301)
        assert blocks.put(b"three", type_tag=0x301) == one
        assert blocks.meta(one) == BlockMeta(one, 5, 0x301)
        assert blocks.read(one) == b"three" == b"".join(blocks.stream(one))
        assert len(blocks.ids()) == 3
        with pytest.raises(Refused, match="another type tag") as refused:
            blocks.put(b"three")
        assert refused.value.check_id == "BLOCK-TAG"
        blocks.put_stream(one, 5, [b"th", b"ree"], 0x301)
        for size, data in ((4, b"four"), (3, b"four")):
            with pytest.raises(Malformed) as refusal:
                blocks.put_stream("ab" * 32, size, [data])
            assert refusal.value.check_id == "BLOCK-ID"
        assert len(blocks.ids()) == 3
        with pytest.raises(FileNotFoundError):
            blocks.read("ab" * 32)
        with pytest.raises(Refused, match="longer"):
            blocks.read(one, 4)


def test_a_block_whose_name_lies_is_never_given_out(used: DomainPaths) -> None:
    with writing(used) as held:
        block_id = held.blocks.ids()[0]
        flip(used.block(block_id), 0)
        for read in (held.blocks.read, held.blocks.verify, lambda each: next(held.blocks.stream(each))):
            with pytest.raises(Damaged) as found:
                read(block_id)
            assert found.value.check_id == "BLOCK-ID"
        used.block_meta(held.blocks.ids()[1]).unlink()
        with pytest.raises(Damaged) as found:
            held.blocks.verify(held.blocks.ids()[1])
        assert found.value.check_id == "BLOCK-META"
        with pytest.raises(Damaged) as found:
            snapshots.take_inventory(DISK, used, "me.example", reading(used).head)
        assert found.value.check_id.startswith("BLOCK")


@pytest.mark.parametrize(
    ("check_id", "data"),
    [
        ("BLOCK-SCHEMA", BlockMeta("ab" * 32, 5).to_bytes().replace(b"true", b"false")),
        ("BLOCK-SCHEMA", BlockMeta("ab" * 32, 5).to_bytes().replace(b'"size":5', b'"size":-5')),
        ("BLOCK-SCHEMA", BlockMeta("ab" * 32, 5, 2**32).to_bytes()),
        ("BLOCK-SCHEMA", BlockMeta("ab", 5).to_bytes()),
    ],
)
def test_a_meta_file_of_another_form_is_refused(check_id: str, data: bytes) -> None:
    with pytest.raises(Malformed) as refusal:
        read_block_meta(data)

    assert refusal.value.check_id == check_id
    assert check_block_id("a", "b").check_id == "BLOCK-ID"
    assert check_block_meta("a", 1, None).check_id == "BLOCK-META"


def test_a_scrub_finds_what_is_wrong_and_goes_on_where_it_stopped(used: DomainPaths) -> None:
    with writing(used) as held:
        blocks = held.blocks
        for number in range(6):
            blocks.put(b"%d" % number)
        assert scrub.scrub(blocks) == ()
        ids = blocks.ids()
        flip(used.block(ids[0]), 0)
        used.block_meta(ids[5]).unlink()
        used.block_meta(ids[6]).write_bytes(b"{}")
        seen: list[scrub.Progress] = []

        def stop(progress: scrub.Progress) -> None:
            seen.append(progress)
            if progress.done == 3:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            scrub.scrub(blocks, stop, save_blocks=1)
        seen.clear()
        findings = scrub.scrub(blocks, seen.append, save_blocks=1)

    assert [finding.check_id for finding in findings] == ["BLOCK-ID", "BLOCK-META", "BLOCK-META"]
    assert [(each.done, each.total) for each in seen] == [(n, 8) for n in range(4, 9)]
    assert not (used.index / "scrub.json").exists()


@pytest.mark.parametrize("left", [b"{}", bytes(1 << 20)], ids=["of another form", "too long"])
def test_a_scrub_that_can_not_tell_where_it_stopped_begins_again(used: DomainPaths, left: bytes) -> None:
    (used.index / "scrub.json").write_bytes(left)
    with writing(used) as held:
        assert scrub.scrub(held.blocks) == ()
    with pytest.raises(Malformed) as refusal:
        read_scrub_state(ScrubState("x").to_bytes())
    assert refusal.value.check_id == "SCRUB-SCHEMA"


def test_a_snapshot_is_what_sha256sum_checks(used: DomainPaths) -> None:
    with writing(used) as held:
        inventory = snapshots.take_inventory(DISK, used, "me.example", reading(used).head)
        files = snapshots.write_snapshot(DISK, used, inventory, "cd" * 32)
        held.commit(Entry(RecordType.SNAPSHOT, files=files, facts={"id": inventory.snapshot_id}))
        held.blocks.put(b"later")
    listed = used.snapshot_blocks(inventory.snapshot_id)
    subprocess.run(["sha256sum", "--check", "--strict", "--quiet", listed], cwd=used.root, check=True)
    reader = reading(used)

    def root_at(size: int) -> bytes | None:
        return reader.root_at(size) if size <= reader.head.size else None

    def failed() -> list[str]:
        found = snapshots.check_snapshot(DISK, used, inventory.snapshot_id, root_at)
        return [finding.check_id for finding in found if not finding.ok]

    assert failed() == []
    lines = listed.read_bytes()
    listed.write_bytes(lines.split(b"\n", 1)[1])
    assert failed() == ["SNAPSHOT-CHECKSUM", "SNAPSHOT-COUNT"]
    listed.write_bytes(lines)
    flip(used.block(lines[:64].decode()), 0)
    assert failed() == ["SNAPSHOT-FILES"]
    assert snapshots.check_snapshot(DISK, used, inventory.snapshot_id, lambda _: None)[3].check_id == "SNAPSHOT-HEAD"


def test_layout_names_are_the_papers(tmp_path: Path) -> None:
    paths = StorePaths(tmp_path).domain("me.example")

    assert paths.segment(3).name == "segment-3.idx"
    assert paths.bloom(3).name == "bloom-3.bf"
    assert StorePaths(tmp_path).claim("ab").name == "ab.claim"
    assert durable.is_part(durable.part_of(paths.view).name)
