"""The local archive that a root is bootstrapped from: its bytes follow from the lock, and it believes no file."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from asl_image.deb import read_stanzas
from asl_image.errors import CheckFailed, IoFailed
from asl_image.lock import Lock
from asl_image.repository import write_repository
from asl_image.store import Store
from support.archive import lock_of
from support.debs import Deb

BASH = Deb("bash", "1:5.2-2+b1", "amd64", {"Essential": "yes"})
TZDATA = Deb("tzdata", "2026f-0+deb13u1")


def filled(tmp_path: Path, *debs: Deb) -> Store:
    store = Store(tmp_path / "store")
    for deb in debs:
        data = deb.to_bytes()
        store.add_verified(deb.write(tmp_path / "debs"), hashlib.sha256(data).hexdigest(), deb.name, origin="test")
    return store


def tree(at: Path) -> dict[str, bytes]:
    return {path.relative_to(at).as_posix(): path.read_bytes() for path in at.rglob("*") if path.is_file()}


def test_it_has_every_locked_package_and_lists_that_agree(tmp_path: Path) -> None:
    write_repository(lock_of(BASH, TZDATA), filled(tmp_path, BASH, TZDATA), tmp_path / "at")

    found = tree(tmp_path / "at")
    packages = found["dists/trixie/main/binary-amd64/Packages"]
    assert found["pool/main/b/bash/bash_5.2-2+b1_amd64.deb"] == BASH.to_bytes()
    assert found["pool/main/t/tzdata/tzdata_2026f-0+deb13u1_all.deb"] == TZDATA.to_bytes()
    assert packages.endswith(b"\n\n"), "debootstrap overlooks a last package without its blank line"
    listed = list(read_stanzas(iter(packages.decode().splitlines())))
    assert [(each["Package"], each["Version"], each["Filename"]) for each in listed] == [
        ("bash", "1:5.2-2+b1", "pool/main/b/bash/bash_5.2-2+b1_amd64.deb"),
        ("tzdata", "2026f-0+deb13u1", "pool/main/t/tzdata/tzdata_2026f-0+deb13u1_all.deb"),
    ]
    assert listed[0]["SHA256"] == hashlib.sha256(BASH.to_bytes()).hexdigest()
    release = found["dists/trixie/Release"].decode()
    assert "Date: Tue, 14 Nov 2023 22:13:20 UTC\n" in release
    assert f" {hashlib.sha256(packages).hexdigest()} {len(packages)} main/binary-amd64/Packages\n" in release


def test_its_bytes_are_the_same_with_and_without_remembered_control_files(tmp_path: Path) -> None:
    store = filled(tmp_path, BASH, TZDATA)
    write_repository(lock_of(BASH, TZDATA), store, tmp_path / "first")
    write_repository(lock_of(BASH, TZDATA), store, tmp_path / "second")

    assert tree(tmp_path / "first") == tree(tmp_path / "second")


def test_a_damaged_memory_of_a_control_file_is_not_believed(tmp_path: Path) -> None:
    store = filled(tmp_path, BASH)
    write_repository(lock_of(BASH), store, tmp_path / "first")
    (remembered,) = (store.root / "control").iterdir()
    remembered.write_text(remembered.read_text().replace("Essential: yes", "Essential: no!"))
    write_repository(lock_of(BASH), store, tmp_path / "second")

    assert tree(tmp_path / "first") == tree(tmp_path / "second")


def test_a_flipped_byte_in_the_store_stops_it_and_names_the_package(tmp_path: Path) -> None:
    store = filled(tmp_path, BASH, TZDATA)
    lock = lock_of(BASH, TZDATA)
    path = store.path(lock.packages[1].sha256)
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-1] + b"!")

    with pytest.raises(CheckFailed, match="tzdata: the file in the store"):
        write_repository(lock, store, tmp_path / "at")
    assert not (tmp_path / "at").exists()


def test_a_package_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(IoFailed, match="tzdata: not in the store"):
        write_repository(lock_of(BASH, TZDATA), filled(tmp_path, BASH), tmp_path / "at")


def test_a_deb_that_is_another_package_inside_is_refused(tmp_path: Path) -> None:
    lock = lock_of(BASH)
    renamed = lock.packages[0].model_copy(update={"version": "1:5.3-1"})
    lying = Lock(**{**dict(lock), "packages": (renamed,)})

    with pytest.raises(CheckFailed, match="another package than the lock says") as caught:
        write_repository(lying, filled(tmp_path, BASH), tmp_path / "at")
    assert caught.value.details == ("locked: bash 1:5.3-1 amd64", "inside: bash 1:5.2-2+b1 amd64")
