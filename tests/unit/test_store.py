"""The package store: nothing gets a name that its bytes do not have."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from asl_image.errors import Busy, CheckFailed, IoFailed, Refused
from asl_image.store import Store, write_all

DATA = b"some package"
HASH = hashlib.sha256(DATA).hexdigest()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def put(store: Store, tmp_path: Path, data: bytes = DATA) -> Path:
    source = tmp_path / "source"
    source.write_bytes(data)
    return store.add_verified(source, HASH, "some", origin="test")


def files(store: Store) -> list[str]:
    return sorted(path.name for path in store.root.rglob("*") if path.is_file())


def test_a_file_enters_under_its_hash_and_can_not_be_written_to(store: Store, tmp_path: Path) -> None:
    path = put(store, tmp_path)

    assert path.relative_to(store.root).as_posix() == f"sha256/{HASH[:2]}/{HASH}"
    assert path.stat().st_mode & 0o777 == 0o444
    assert store.has(HASH, len(DATA))
    assert store.verified(HASH, "some").read_bytes() == DATA


def test_other_bytes_do_not_enter_and_leave_nothing(store: Store, tmp_path: Path) -> None:
    with pytest.raises(CheckFailed, match="some: "):
        put(store, tmp_path, b"other bytes")

    assert files(store) == []


def test_a_flipped_byte_is_found_and_named(store: Store, tmp_path: Path) -> None:
    path = put(store, tmp_path)
    path.chmod(0o644)
    path.write_bytes(b"Some package")

    with pytest.raises(CheckFailed, match="some: the file in the store"):
        store.verified(HASH, "some")


def test_a_file_that_is_not_there_is_named(store: Store) -> None:
    with pytest.raises(IoFailed, match="some: not in the store"):
        store.verified(HASH, "some")


def test_another_size_does_not_count_as_there(store: Store, tmp_path: Path) -> None:
    put(store, tmp_path)

    assert not store.has(HASH, len(DATA) + 1)


def test_a_partial_file_belongs_to_one_writer_at_a_time(store: Store) -> None:
    with store.partial(HASH) as first:
        assert first is not None
        with pytest.raises(Busy), store.partial(HASH):
            pass
        write_all(first, DATA)
        store.finish(HASH, first, "some", origin="test")

    with store.partial(HASH) as second:
        assert second is None, "it is whole by now"
    assert files(store) == [HASH, "arrivals"]


def test_a_partial_file_is_still_there_the_next_time(store: Store) -> None:
    with store.partial(HASH) as part:
        assert part is not None
        write_all(part, DATA[:4])

    with store.partial(HASH) as part:
        assert part is not None
        assert part.read() == DATA[:4]


@pytest.mark.parametrize("name", ["", "../../etc/passwd", HASH.upper(), HASH + "0"])
def test_only_a_hash_is_a_name(store: Store, name: str) -> None:
    with pytest.raises(ValueError, match="SHA-256"):
        store.path(name)


def test_where_a_file_came_from_is_logged_however_it_came(store: Store, tmp_path: Path) -> None:
    other = hashlib.sha256(b"other").hexdigest()
    with store.partial(HASH) as part:
        assert part is not None
        part.write(DATA)
        store.finish(HASH, part, "some", origin="debian")
    store.add([b"other"], other, "other\nthing", origin="kit")

    assert (store.root / "arrivals").read_text() == f"{HASH} debian some\n{other} kit other thing\n"
    assert store.arrived() == {HASH, other}
    assert Store(tmp_path / "empty").arrived() == frozenset()


def test_a_store_of_named_files_gives_out_no_other(store: Store) -> None:
    store.add([DATA], HASH, "some", origin="debian")

    assert Store(store.root, frozenset((HASH,))).verified(HASH, "some") == store.path(HASH)
    with pytest.raises(
        Refused, match="xz: the build asks the store for what neither its locks nor its pinned tools name"
    ):
        Store(store.root, frozenset(("0" * 64,))).verified(HASH, "xz")
