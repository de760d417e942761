"""Resolving with the real apt against a small signed archive of our own, honest and otherwise."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

import pytest

from asl_image.errors import AslImageError, CheckFailed, ConfigError, IoFailed, Refused
from asl_image.network import Network
from asl_image.origins import Origins
from asl_image.resolve import Resolution, Resolver, open_resolver
from asl_image.runner import Runner
from support.archive import EPOCH, Archive, Server, Signer, locked_deb, new_signer, serve
from support.debs import Deb

pytestmark = [
    pytest.mark.host,
    pytest.mark.skipif(not (shutil.which("apt-get") and shutil.which("gpg")), reason="needs apt and gpg"),
]

LIBC = Deb("libc6", "2.41-12", "amd64")
DPKG = Deb("dpkg", "1.22", "amd64", {"Essential": "yes", "Pre-Depends": "libc6"})
MOUNT = Deb("mount", "2.41", "amd64", {"Priority": "required"})
GIT = Deb("git", "1:2.47-1", "amd64", {"Depends": "libc6 (>= 2.41)", "Recommends": "less"})
GIT_FIXED = Deb("git", "1:2.47-1+deb13u1", "amd64", {"Depends": "libc6 (>= 2.41)", "Recommends": "less"})
LESS = Deb("less", "668-1", "amd64")
FUSSY = Deb("fussy", "1-1", "all", {"Depends": "git (>= 1:9)"})


@pytest.fixture(scope="module")
def signer() -> Iterator[Signer]:
    with new_signer() as signer:
        yield signer


@pytest.fixture
def archive(tmp_path: Path, signer: Signer) -> Archive:
    archive = Archive(tmp_path / "www", signer)
    archive.publish([LIBC, DPKG, MOUNT, GIT, LESS, FUSSY], [GIT_FIXED])
    return archive


@pytest.fixture
def server(archive: Archive) -> Iterator[Server]:
    with serve(archive.root) as server:
        yield server


def origins(uri: str) -> Origins:
    return Origins((f"{uri}/debian",), (f"{uri}/debian-security",))


def opened(at: Origins, signer: Signer, tmp_path: Path) -> AbstractContextManager[Resolver]:
    # Nobody waits for a mirror that is down three times over in a test.
    network = Network((("Acquire::Retries", "0"),))
    runner = Runner(tmp_path / "log")
    scratch = tmp_path / "scratch"
    return open_resolver(runner, network, at, signer.keyring, suite="trixie", architecture="amd64", scratch=scratch)


def resolve(server: Server, signer: Signer, tmp_path: Path, *names: str) -> Resolution:
    with opened(origins(server.uri), signer, tmp_path) as resolver:
        return resolver.resolve(names)


def refusal(server: Server, signer: Signer, tmp_path: Path, *names: str) -> AslImageError:
    with pytest.raises(AslImageError) as caught:
        resolve(server, signer, tmp_path, *names)
    assert not list((tmp_path / "scratch").iterdir()), "its private folders are gone"
    return caught.value


def test_it_takes_what_is_essential_asked_for_and_needed_but_not_what_is_required_or_recommended(
    server: Server, signer: Signer, tmp_path: Path
) -> None:
    found = resolve(server, signer, tmp_path, "git")

    assert found.packages == (
        locked_deb(DPKG),
        locked_deb(GIT_FIXED, "debian-security", "pool/updates/main"),
        locked_deb(LIBC),
    )
    assert not list((tmp_path / "scratch").iterdir()), "its private folders are gone"


def test_the_epoch_is_the_newest_date_of_the_release_files(server: Server, signer: Signer, tmp_path: Path) -> None:
    found = resolve(server, signer, tmp_path, "git")

    assert found.epoch == EPOCH + 60
    assert [(each.archive, each.suite) for each in found.suites] == [
        ("debian", "trixie"),
        ("debian", "trixie-updates"),
        ("debian-security", "trixie-security"),
    ]


def test_a_folder_serves_as_a_mirror(archive: Archive, signer: Signer, tmp_path: Path) -> None:
    with opened(origins(archive.root.as_uri()), signer, tmp_path) as resolver:
        assert len(resolver.resolve(["git"]).packages) == 3


def test_an_unknown_package_is_named_with_what_was_perhaps_meant(
    server: Server, signer: Signer, tmp_path: Path
) -> None:
    error = refusal(server, signer, tmp_path, "git", "lesss", "qqqqqq")

    assert isinstance(error, ConfigError)
    assert error.details == ("lesss (did you mean 'less'?)", "qqqqqq")


def test_what_can_not_be_installed_is_explained_in_apts_words(server: Server, signer: Signer, tmp_path: Path) -> None:
    error = refusal(server, signer, tmp_path, "fussy")

    assert isinstance(error, Refused)
    assert "fussy : Depends: git (>= 1:9)" in "\n".join(error.details)


def test_a_mirror_that_is_down_is_an_io_failure(signer: Signer, tmp_path: Path, archive: Archive) -> None:
    with serve(archive.root) as stopped:
        pass

    error = refusal(stopped, signer, tmp_path, "git")
    assert isinstance(error, IoFailed)
    assert stopped.uri.removeprefix("http://127.0.0.1:") in "\n".join(error.details)


def test_a_mirror_without_the_suite_is_an_io_failure(server: Server, signer: Signer, tmp_path: Path) -> None:
    server.gone |= {"InRelease", "Release"}

    assert isinstance(refusal(server, signer, tmp_path, "git"), IoFailed)


def test_a_mirror_that_alters_a_package_list_is_caught(
    server: Server, signer: Signer, tmp_path: Path, archive: Archive
) -> None:
    packages = archive.root / "debian/dists/trixie/main/binary-amd64/Packages"
    packages.write_text(packages.read_text().replace("Essential: yes", "Essential: no "))

    assert isinstance(refusal(server, signer, tmp_path, "git"), CheckFailed)


def test_a_mirror_that_alters_a_release_file_is_caught(
    server: Server, signer: Signer, tmp_path: Path, archive: Archive
) -> None:
    release = archive.root / "debian-security/dists/trixie-security/InRelease"
    release.write_text(release.read_text().replace("Label: Debian", "Label: Nobody"))

    error = refusal(server, signer, tmp_path, "git")
    assert isinstance(error, CheckFailed)
    assert "trixie-security" in "\n".join(error.details)


def test_a_release_file_that_nobody_signed_is_caught(
    server: Server, signer: Signer, tmp_path: Path, archive: Archive
) -> None:
    release = archive.root / "debian/dists/trixie/InRelease"
    plain = release.read_text().partition("\n\n")[2].partition("-----BEGIN PGP SIGNATURE")[0]
    release.with_name("Release").write_text(plain)
    release.unlink()

    assert isinstance(refusal(server, signer, tmp_path, "git"), CheckFailed)


def test_a_key_that_is_not_in_the_keyring_is_caught(server: Server, signer: Signer, tmp_path: Path) -> None:
    with new_signer() as stranger:
        error = refusal(server, replace(signer, keyring=stranger.keyring), tmp_path, "git")

    assert isinstance(error, CheckFailed)


def test_a_host_without_the_keyring_is_told_the_package(server: Server, signer: Signer, tmp_path: Path) -> None:
    with pytest.raises(Refused) as caught:
        resolve(server, replace(signer, keyring=tmp_path / "none.gpg"), tmp_path, "git")

    assert caught.value.hint == "apt install debian-archive-keyring"
