"""Stores that have lost files, or have links where directories belong: named, healed, and nothing else is harmed."""

from __future__ import annotations

import errno
import json
import os
import shutil
from pathlib import Path

import pytest

from asl_authority.contract import ExitStatus
from asl_authority.errors import Damaged, IoFailed, Refused
from asl_authority.front.places import authority_root
from asl_authority.operations.healing import HEAL_FOUND, find_lost, heal, need_copy
from asl_authority.operations.reading import READ_ONLY, find_domain
from asl_authority.storage.disk import HostDisk
from asl_authority.storage.domains import create_store, held, opened, strange_directories
from asl_authority.storage.layout import HOST_DIRECTORIES, DomainPaths, StorePaths
from support.domains import DOMAIN
from support.real_store import STORE, call, make_real

PRECIOUS = b"the only copy of something"


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A machine with a real store, which no test changes."""
    place = tmp_path_factory.mktemp("real")
    make_real(place)
    return place


@pytest.fixture
def place(kept: Path, tmp_path: Path) -> Path:
    """A copy of it, a copy of its volume beside it, and a directory with a file that is none of the store's."""
    shutil.copytree(kept, tmp_path / "place", symlinks=True)
    place = tmp_path / "place"
    shutil.copytree(place / "machine" / STORE, place / "copy", symlinks=True)
    (place / "elsewhere").mkdir()
    for name in ("mine", ".mine.part"):
        (place / "elsewhere" / name).write_bytes(PRECIOUS)
    return place


def store(place: Path) -> StorePaths:
    return StorePaths(place / "machine" / STORE)


def snapshot_of(paths: DomainPaths) -> str:
    return min(path.name for path in paths.snapshots.glob("*.meta"))[9:-5]


def run(place: Path, *words: str | Path) -> tuple[ExitStatus, str]:
    return call(place / "machine", *words)


def told(place: Path, *words: str | Path) -> tuple[ExitStatus, str, str]:
    """The status, and the check id and error of the one JSON object."""
    status, said = run(place, *words, "--json")
    answer = json.loads(said[said.index("{") :])
    return status, answer["check_id"], answer["error"]


def head(place: Path, domain_id: str = DOMAIN) -> str:
    _, said = run(place, "log", "head", "--domain", domain_id, "--words", "--json")
    found = json.loads(said[said.index("{") :])
    return f"{found['size']} {' '.join(found['words'])}"


def restore(place: Path, *more: str | Path) -> tuple[ExitStatus, str]:
    paths = DomainPaths(place / "copy/domains" / DOMAIN)
    kept_head = ("--head", head(place))
    return run(place, "snapshot", "restore", snapshot_of(paths), "--domain", DOMAIN, *kept_head, *more)


def linked(place: Path, directory: Path) -> None:
    """Have a link in the place of a directory."""
    shutil.rmtree(directory)
    directory.symlink_to(place / "elsewhere")


def untouched(place: Path) -> bool:
    found = {path.name: path.read_bytes() for path in (place / "elsewhere").iterdir()}
    return found == {"mine": PRECIOUS, ".mine.part": PRECIOUS}


@pytest.mark.parametrize("name", ["tmp", "leases", "log/recovered"])
def test_a_link_in_the_place_of_a_directory_has_nothing_removed_elsewhere(place: Path, name: str) -> None:
    linked(place, store(place).host.root / name)
    status, check_id, error = told(place, "claim")

    assert (status, check_id) == (ExitStatus.STORE_DAMAGED, "DOMAIN-DIRECTORY")
    assert f"host/{name}: is no directory, or a link to one" in error
    assert untouched(place)


@pytest.mark.parametrize("name", [*HOST_DIRECTORIES, "."])
def test_a_domain_is_opened_only_with_directories_of_its_own(place: Path, name: str) -> None:
    host = store(place).host
    linked(place, host.root / name)

    with pytest.raises(Damaged) as damaged, opened(HostDisk(), host, "asl/host", None):
        pass
    assert damaged.value.check_id == "DOMAIN-DIRECTORY"
    assert untouched(place)


def test_a_link_is_found_before_a_passphrase_is_asked_for(place: Path) -> None:
    linked(place, store(place).domain(DOMAIN).root / "tmp")
    (place / "a.txt").write_bytes(b"x")
    status, said = run(place, "domain", "check", DOMAIN)
    assert status is ExitStatus.STORE_DAMAGED
    assert "DOES NOT HOLD: DOMAIN-ARTIFACTS" in said
    status, said = run(place, "store", "put", place / "a.txt", "--domain", DOMAIN, "--head", head(place))
    assert status is ExitStatus.STORE_DAMAGED
    assert "Passphrase" not in said

    status, said = restore(place, "--from", place / "copy/domains" / DOMAIN)
    assert status is ExitStatus.STORE_DAMAGED
    assert "DOMAIN-DIRECTORY" in said
    assert untouched(place)


def test_a_disk_lists_and_locks_no_link(place: Path) -> None:
    disk, link = HostDisk(), place / "link"
    link.symlink_to(place / "elsewhere")

    with pytest.raises(OSError, match="Not a directory"):
        disk.names(link)
    with pytest.raises(IoFailed), held(disk, link):
        pass
    assert not disk.is_directory(link)


def test_what_a_person_names_by_a_link_still_works(place: Path) -> None:
    (place / "link").symlink_to(place / "elsewhere")
    (place / "volume").symlink_to(store(place).root)
    status, said = run(place, "log", "proof", "1", "--domain", DOMAIN, "--output", place / "link/proof")
    assert status is ExitStatus.DONE, said
    assert (place / "elsewhere/proof").is_file()

    there = call(place / "nothing", "domain", "list", "--root", place / "volume")
    assert there == (ExitStatus.DONE, f"{DOMAIN}\n  UNRECOGNIZED  Me\n")
    create_store(HostDisk(), authority_root(place / "nothing", place / "link"), "asl/host")
    assert (place / "elsewhere/host/log").is_dir()


def test_a_lost_snapshot_is_named_and_brought_back(place: Path) -> None:
    paths = store(place).domain(DOMAIN)
    meta = paths.snapshot_meta(snapshot_of(paths))
    meta.unlink()
    status, check_id, error = told(place, "domain", "check", DOMAIN)

    assert (status, check_id) == (ExitStatus.STORE_DAMAGED, "DOMAIN-ARTIFACTS")
    assert f"snapshots/{meta.name} is not there" in error
    _, said = restore(place, "--from", place / "copy/domains" / DOMAIN)
    assert run(place, "domain", "check", DOMAIN)[0] is ExitStatus.DONE
    assert meta.is_file(), said


@pytest.mark.parametrize("name", ["receipts", "snapshots", "leases"])
def test_a_lost_directory_is_named_and_brought_back(place: Path, name: str) -> None:
    shutil.rmtree(store(place).domain(DOMAIN).root / name)
    status, said = run(place, "domain", "check", DOMAIN)
    assert status is ExitStatus.STORE_DAMAGED
    assert "DOMAIN-ARTIFACTS" in said

    _, said = restore(place, "--from", place / "copy/domains" / DOMAIN)
    assert "one directory.\n" in said, said
    assert run(place, "domain", "check", DOMAIN)[0] is ExitStatus.DONE


def test_a_lost_claim_is_named_and_made_again_from_its_block(place: Path) -> None:
    claim = store(place).claim(snapshot_of(store(place).domain(DOMAIN)))
    was = claim.read_bytes()
    claim.unlink()
    status, check_id, error = told(place, "domain", "check", DOMAIN)
    assert (status, check_id) == (ExitStatus.STORE_DAMAGED, "DOMAIN-ARTIFACTS")
    assert f"env-claims/{claim.name} is not there" in error

    _, said = restore(place)
    assert "brought back from the store itself" in said
    assert claim.read_bytes() == was


def test_a_claim_whose_block_is_lost_too_comes_from_the_store_that_was_copied(place: Path) -> None:
    source = find_domain(HostDisk(), store(place).root, DOMAIN, rehearsal=False)
    claim = source.store.claim(snapshot_of(source.paths))
    for path in source.paths.store.iterdir():
        if path.read_bytes() == claim.read_bytes():
            path.unlink()
    shutil.rmtree(claim.parent)
    copy = DomainPaths(place / "copy/domains" / DOMAIN)
    lost = find_lost(source)
    assert {each.kind.value for each in lost} == {"claim", "block"}
    assert len(need_copy(source, lost)) == 2

    heal(source, lost, copy)
    assert find_lost(source) == []
    assert claim.read_bytes() == (place / "copy/env-claims" / claim.name).read_bytes()


def test_domains_without_their_host_are_named(place: Path) -> None:
    shutil.rmtree(store(place).host.root)

    for words in (("domain", "check", DOMAIN), ("domain", "check", "host")):
        status, check_id, error = told(place, *words)
        assert (status, check_id) == (ExitStatus.STORE_DAMAGED, "DOMAIN-ARTIFACTS")
        assert "the host is not here, while 1 of its domains are" in error


def test_what_the_copy_holds_is_taken_only_by_its_sha_256(place: Path) -> None:
    source = find_domain(HostDisk(), store(place).root, DOMAIN, rehearsal=False)
    block = next(source.paths.store.glob("*.bin"))
    copy = DomainPaths(place / "copy/domains" / DOMAIN)
    block.unlink()
    (copy.store / block.name).write_bytes(b"another")

    with pytest.raises(Refused) as refused:
        heal(source, find_lost(source), copy)
    assert refused.value.check_id == HEAL_FOUND
    assert not block.exists()


def test_what_can_not_be_read_is_lost_and_written_again(place: Path) -> None:
    source = find_domain(HostDisk(), store(place).root, DOMAIN, rehearsal=False)
    bad = {source.paths.root / "certs/root.pub", next(source.paths.store.glob("*.bin"))}

    class BadSectors(HostDisk):
        def open_read(self, path: Path) -> int:
            if path in bad:
                raise OSError(errno.EIO, os.strerror(errno.EIO), str(path))
            return super().open_read(path)

    failing = find_domain(BadSectors(), store(place).root, DOMAIN, rehearsal=False)
    lost = find_lost(failing)

    assert {source.paths.root / each.name for each in lost} == bad
    for path in bad:
        path.write_bytes(b"rotten")
    heal(failing, lost, DomainPaths(place / "copy/domains" / DOMAIN))
    assert find_lost(source) == []


def test_every_directory_of_a_sound_domain_is_its_own(place: Path) -> None:
    assert strange_directories(HostDisk(), store(place).host) == []
    assert strange_directories(HostDisk(), store(place).domain(DOMAIN)) == []


@pytest.mark.parametrize("domain_id", [DOMAIN, "host"])
def test_an_index_that_was_lost_is_made_anew_for_it_is_a_cache(place: Path, domain_id: str) -> None:
    paths = store(place).host if domain_id == "host" else store(place).domain(domain_id)
    before = {path.name: path.read_bytes() for path in paths.index.iterdir()}
    (place / "file").write_bytes(b"a file\n")
    (place / "stick").mkdir()
    kept_head = ("--head", head(place, domain_id), "--stick", place / "stick")
    shutil.rmtree(paths.index)

    assert run(place, "domain", "check", domain_id)[0] is ExitStatus.DONE, "whoever reads does without"
    assert not paths.index.exists()
    status, said = run(place, "store", "put", place / "file", "--domain", domain_id, *kept_head)
    assert status is ExitStatus.DONE, said
    assert "index: was not there; it is a cache, and was made anew" in " ".join(said.split())
    after = {path.name: path.read_bytes() for path in paths.index.iterdir()}
    assert all(after[name].startswith(data) for name, data in before.items()), "and has all that it had"


@pytest.mark.parametrize("kind", ["file", "link"])
def test_what_lies_in_the_place_of_an_index_is_no_lost_one(place: Path, kind: str) -> None:
    paths = store(place).domain(DOMAIN)
    shutil.rmtree(paths.index)
    if kind == "file":
        paths.index.write_bytes(PRECIOUS)
    else:
        paths.index.symlink_to(place / "elsewhere")

    assert strange_directories(HostDisk(), paths) == ["index"]
    assert told(place, "store", "put", place / "elsewhere/mine", "--domain", DOMAIN)[0] is ExitStatus.STORE_DAMAGED
    assert (place / "elsewhere/.mine.part").read_bytes() == PRECIOUS


@pytest.mark.parametrize("where", [DOMAIN, "host"])
def test_whoever_acts_in_a_damaged_store_is_told_what_is_left_to_do_as_whoever_reads_it_is(
    place: Path, where: str
) -> None:
    paths = store(place).host if where == "host" else store(place).domain(where)
    log = bytearray(paths.log_file(1).read_bytes())
    log[100] ^= 1
    paths.log_file(1).write_bytes(log)
    hints = []
    for words in (("domain", "show", where), ("store", "put", place / "elsewhere/mine", "--domain", DOMAIN)):
        status, said = run(place, *words, "--json")
        assert status is ExitStatus.STORE_DAMAGED, said
        hints.append(json.loads(said[said.index("{") :])["hint"])

    assert hints == [READ_ONLY] * 2
