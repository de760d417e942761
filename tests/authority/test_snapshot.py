"""Snapshots: coreutils reads the list, and every way in which list, meta file and log can disagree has a name."""

from __future__ import annotations

import hashlib
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from asl_authority.errors import Malformed
from asl_authority.values.identifiers import FILE_NAME
from asl_authority.values.snapshot import (
    MOST_BYTES,
    Blocks,
    StoreFile,
    block_lines,
    check_checksum,
    check_count,
    check_head,
    check_snapshot_id,
    read_blocks,
    read_lines,
    read_snapshot,
)
from support.samples.snapshot import BLOCKS, CONTENTS, EMPTY, SNAPSHOT

NAMES = some.from_regex(FILE_NAME, fullmatch=True).filter(lambda name: len(name) <= 255)


def in_c_locale(*argv: str, cwd: Path) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(argv, cwd=cwd, env={"LC_ALL": "C", "PATH": "/usr/bin:/bin"}, capture_output=True, check=False)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store with the sample's files, its list beside it."""
    for name, data in CONTENTS.items():
        (tmp_path / "store" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "store" / name).write_bytes(data)
    (tmp_path / "snapshot.blocks").write_bytes(BLOCKS.to_bytes())
    return tmp_path / "store"


def test_sha256sum_checks_a_store_against_the_list(store: Path) -> None:
    done = in_c_locale("sha256sum", "--check", "--strict", "../snapshot.blocks", cwd=store)
    assert (done.returncode, done.stdout.count(b": OK\n")) == (0, len(CONTENTS))

    (store / "blocks/a.bin").write_bytes(b"another block\n")
    done = in_c_locale("sha256sum", "--check", "--strict", "../snapshot.blocks", cwd=store)
    assert (done.returncode, b"blocks/a.bin: FAILED" in done.stdout) == (1, True)


def test_the_list_is_what_find_sort_and_sha256sum_write(store: Path) -> None:
    script = r"find . -type f -printf '%P\0' | sort -z | xargs -0 sha256sum"

    assert in_c_locale("sh", "-c", script, cwd=store).stdout == BLOCKS.to_bytes()


def test_the_checksum_of_an_empty_store_is_that_of_nothing() -> None:
    assert EMPTY.checksum == hashlib.sha256(b"").hexdigest()


@given(some.dictionaries(NAMES, some.from_regex(r"[0-9a-f]{64}", fullmatch=True), max_size=8))
def test_any_list_is_read_as_it_was_written(files: dict[str, str]) -> None:
    blocks = Blocks(tuple(StoreFile(name, files[name]) for name in sorted(files)))

    assert read_blocks(blocks.to_bytes()) == blocks


@pytest.mark.parametrize(
    "files",
    [[("b", "a")], [("a", "a")], [("..", "")], [("n" * 256, "")]],
    ids=["unsorted", "twice", "a bad name", "a long name"],
)
def test_we_never_write_a_list_that_we_would_not_read(files: list[tuple[str, str]]) -> None:
    with pytest.raises(ValueError, match=r"does not come after|is no name"):
        list(block_lines(StoreFile(name, "0" * 64) for names in files for name in names if name))


def test_a_list_that_is_too_long_is_refused_before_it_is_taken_apart() -> None:
    with pytest.raises(Malformed, match="at most") as whole:
        read_blocks(bytes(MOST_BYTES + 1))
    with pytest.raises(Malformed, match="more than 1") as lines:
        list(read_lines(BLOCKS.to_bytes().splitlines(keepends=True), most=1))

    assert whole.value.check_id == lines.value.check_id == "SNAPSHOT-LINE"


def test_the_id_leaves_the_claim_out_and_nothing_else_that_counts() -> None:
    def same(**changes: object) -> bool:
        return replace(SNAPSHOT, **changes).snapshot_id == SNAPSHOT.snapshot_id  # type: ignore[arg-type]

    assert same(claim="0" * 64)
    assert not same(domain_id="other")
    assert not same(logseq=8)
    assert not same(head=replace(SNAPSHOT.head, root="0" * 64))
    assert not same(store_checksum="0" * 64)


def test_a_meta_file_is_held_against_list_log_and_name() -> None:
    snapshot = read_snapshot(SNAPSHOT.to_bytes())
    size = sum(len(data) for data in CONTENTS.values())
    good = [
        check_snapshot_id(snapshot, SNAPSHOT.snapshot_id),
        check_checksum(snapshot, BLOCKS.checksum),
        check_count(snapshot, len(CONTENTS), size),
        check_head(snapshot, SNAPSHOT.head.root),
    ]
    bad = [
        check_snapshot_id(snapshot, "0" * 64),
        check_checksum(snapshot, EMPTY.checksum),
        check_count(snapshot, len(CONTENTS), size + 1),
        check_count(snapshot, 0, size),
        check_head(snapshot, "0" * 64),
        check_head(snapshot, None),
    ]

    assert [finding for finding in good if not finding.ok] == []
    assert [finding.check_id for finding in bad if not finding.ok] == [
        *("SNAPSHOT-ID", "SNAPSHOT-CHECKSUM", "SNAPSHOT-COUNT", "SNAPSHOT-COUNT", "SNAPSHOT-HEAD", "SNAPSHOT-HEAD")
    ]
