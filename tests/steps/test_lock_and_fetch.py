"""lock and fetch as a person uses them, on a small archive that moves on."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from asl_image.cli import run
from asl_image.lock import read_lock
from asl_image.screen import Screen
from asl_image.verbs import House
from support.archive import Archive, Signer, new_signer, serve
from support.debs import Deb

SMALL = Deb("small", "2.0+b1")
OTHER = Deb("other", "3.0~rc1")


@pytest.fixture(scope="module")
def signer() -> Iterator[Signer]:
    with new_signer() as signer:
        yield signer


class Person:
    """Somebody at the command line of a project with one package set, `try`."""

    def __init__(self, root: Path, uri: str, keyring: Path) -> None:
        self.root = root
        self.mirrors = ("--mirror", f"{uri}/{{archive}}")
        self.keyring = ("--keyring", str(keyring))
        (root / "profiles").mkdir()
        (root / "profiles/try.yaml").write_text("name: try\nsummary: a test\npackages: [small]\n")

    @property
    def lock(self) -> Path:
        return self.root / "profiles/try.lock.yaml"

    def says(self, *argv: str) -> tuple[int, str, str]:
        out, err = io.StringIO(), io.StringIO()
        environ = {"HOME": str(self.root)}
        house = House(self.root, self.root / "profiles", self.root / "build", Screen(out, err), environ)
        return run(argv, house), out.getvalue(), err.getvalue()

    def locks(self) -> tuple[int, str, str]:
        return self.says("lock", "try", *self.mirrors, *self.keyring)

    def fetches(self, *options: str) -> tuple[int, str, str]:
        return self.says("fetch", "try", *self.mirrors, *options)


@pytest.mark.host
@pytest.mark.skipif(not (shutil.which("apt-get") and shutil.which("gpg")), reason="needs apt and gpg")
class TestVerbs:
    @pytest.fixture(autouse=True)
    def _world(self, tmp_path: Path, signer: Signer) -> Iterator[None]:
        self.archive = Archive(tmp_path / "www", signer)
        self.archive.publish([SMALL, OTHER])
        with serve(self.archive.root) as self.server:
            self.person = Person(tmp_path, self.server.uri, signer.keyring)
            yield

    def move_on(self) -> None:
        """The archive replaces small 2.0+b1 by 2.1."""
        shutil.rmtree(self.archive.root)
        self.archive.publish([Deb("small", "2.1-1"), OTHER])

    def test_lock_then_fetch_then_nothing_is_left_to_do(self) -> None:
        status, out, _ = self.person.locks()
        assert (status, out.splitlines()[1].split()) == (0, ["small", "-", "→", "2.0+b1"])

        assert self.person.fetches()[:2] == (0, f"try: 1 fetched, all of {self.person.lock} is here\n")
        assert self.person.fetches()[:2] == (0, f"try: 0 fetched, all of {self.person.lock} is here\n")

    def test_a_lock_stays_when_only_dates_changed(self) -> None:
        self.person.locks()
        before = self.person.lock.read_bytes()

        assert "nothing changed" in self.person.locks()[1]
        assert self.person.lock.read_bytes() == before

    def test_a_review_shows_the_new_version(self) -> None:
        self.person.locks()
        self.move_on()
        status, out, _ = self.person.says("--json", "lock", "try", *self.person.mirrors, *self.person.keyring)

        assert status == 0
        assert json.loads(out)["locks"][0]["changes"] == [{"name": "small", "old": "2.0+b1", "new": "2.1-1"}]

    def test_a_stale_lock_stops_fetch_and_stays(self) -> None:
        self.person.locks()
        before = self.person.lock.read_bytes()
        self.move_on()
        status, out, err = self.person.fetches()

        assert (status, out) == (4, "")
        assert "the lock of try is stale" in err
        assert "small 2.0+b1 (debian)" in err
        assert self.person.lock.read_bytes() == before

    def test_a_stale_lock_is_renewed_in_the_build_folder_when_asked_and_loudly(self) -> None:
        self.person.locks()
        before = self.person.lock.read_bytes()
        self.move_on()
        status, out, err = self.person.fetches("--renew", *self.person.keyring)

        renewed = self.person.root / "build/try/renewed.lock.yaml"
        assert (status, out) == (0, f"try: 1 fetched, all of {renewed} is here\n")
        assert "THE LOCK OF try IS STALE" in err
        assert "small: 2.0+b1 → 2.1-1" in err
        assert read_lock(renewed).renewed_from == hashlib.sha256(before).hexdigest()
        assert self.person.lock.read_bytes() == before
        assert self.person.fetches("--renew")[1] == f"try: 0 fetched, all of {renewed} is here\n"

    def test_a_profile_that_asks_for_more_than_its_lock_is_refused(self) -> None:
        self.person.locks()
        (self.person.root / "profiles/try.yaml").write_text("name: try\nsummary: a test\npackages: [small, other]\n")
        status, _, err = self.person.fetches()

        assert status == 4
        assert "package other: in the profile, not in the lock" in err

    def test_an_unknown_package_is_a_mistake_in_the_profile_and_makes_no_lock(self) -> None:
        (self.person.root / "profiles/try.yaml").write_text("name: try\nsummary: a test\npackages: [smal]\n")
        status, _, err = self.person.locks()

        assert status == 2
        assert "smal (did you mean 'small'?)" in err
        assert not self.person.lock.exists()

    def test_a_lock_that_somebody_edited_is_refused_by_fetch_and_replaced_by_lock(self) -> None:
        self.person.locks()
        self.person.lock.write_text(self.person.lock.read_text().replace("2.0+b1", "2.0+b2", 1) + "more: x\n")

        status, _, err = self.person.fetches()
        assert status == 2
        assert "try.lock.yaml:" in err
        assert self.person.locks()[0] == 0
        assert self.person.fetches()[0] == 0
