"""Volumes on which nothing can be done: held by another, read-only, full. Each has its status, and nothing is lost."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

import pytest

import asl_authority
from asl_authority.contract import ExitStatus
from asl_authority.errors import Busy, IoFailed
from asl_authority.front import cli
from asl_authority.front.outside import Outside
from asl_authority.storage.disk import HostDisk
from asl_authority.storage.domains import expect_writable, held
from asl_authority.values.policy_text import TEMPLATE
from support.domains import DOMAIN, secret
from support.memory_disk import MemoryDisk
from support.needs import lacking
from support.real_store import STORE as AT
from support.real_store import make_real
from support.stopped import Stopping
from support.stories import Answers, no_randomness, unprotected
from support.story_domains import KEYS, PASSPHRASE, STORE, make_rehearsed
from support.story_files import prepared_files

FILES = Path(__file__).parent / "stories/files"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A directory with a rehearsal's store, and a file to bring into it."""
    shutil.copytree(FILES / KEYS, tmp_path / KEYS)
    make_rehearsed(tmp_path)
    (tmp_path / "a.txt").write_bytes(b"a file\n")
    return tmp_path


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A file system of a few MiB."""
    at = tmp_path / "small"
    at.mkdir()
    mounted = subprocess.run(("mount", "-t", "tmpfs", "-o", "size=3m", "none", at), capture_output=True, check=False)
    if mounted.returncode != 0:
        lacking("mounting a tmpfs takes root")
    try:
        yield at
    finally:
        subprocess.run(("umount", at), check=True)


def put(root: Path, file: Path, outside: Outside | None = None) -> tuple[ExitStatus, str]:
    said = StringIO()
    outside = outside or Outside(Answers(["WORDS", PASSPHRASE], said.write), no_randomness("x"), unprotected)
    words = ("store", "put", str(file), "--domain", DOMAIN, "--rehearsal", "--root", str(root))
    machine = Path("/nonexistent")
    status = cli.run(words, program="asl-auth-host", stdout=said, stderr=said, machine=machine, outside=outside)
    return status, said.getvalue()


def tree(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_a_second_instance_ends_with_10(place: Path) -> None:
    before = tree(place / STORE)
    with held(HostDisk(), place / STORE / "domains" / DOMAIN):
        status, said = put(place / STORE, place / "a.txt")

    assert status is ExitStatus.BUSY
    assert "STORE-BUSY" in said
    assert "another program is writing there" in said
    assert tree(place / STORE) == before


def test_a_volume_that_is_read_only_ends_with_8(place: Path, small: Path) -> None:
    shutil.copytree(place / STORE, small / STORE)
    before = tree(small / STORE)
    subprocess.run(("mount", "-o", "remount,ro", small), check=True)
    status, said = put(small / STORE, place / "a.txt")

    assert status is ExitStatus.IO_FAILED
    assert "VOLUME-READ-ONLY" in said
    assert "read-only" in said
    assert tree(small / STORE) == before


def test_a_volume_that_is_full_ends_with_8_and_goes_on_once_there_is_room(place: Path, small: Path) -> None:
    shutil.copytree(place / STORE, small / STORE)
    filler = small / "filler"
    free = os.statvfs(small)
    filler.write_bytes(bytes(free.f_bavail * free.f_bsize))
    status, said = put(small / STORE, place / "a.txt")

    assert status is ExitStatus.IO_FAILED
    assert "VOLUME-FULL" in said
    assert "no space is left" in said
    assert "make some room" in said

    filler.unlink()
    status, said = put(small / STORE, place / "a.txt")
    assert status is ExitStatus.DONE, said


def test_what_can_not_be_written_is_known_before_anybody_is_asked() -> None:
    class ReadOnly(MemoryDisk):
        def is_read_only(self, _: Path) -> bool:
            return True

    there, shut = MemoryDisk(), ReadOnly()
    expect_writable(there, Path("/"))
    expect_writable(there, Path("/"))  # and nobody is kept out by having looked
    with pytest.raises(IoFailed) as refused:
        expect_writable(shut, Path("/"))
    assert refused.value.check_id == "VOLUME-READ-ONLY"
    with held(there, Path("/")), pytest.raises(Busy):
        expect_writable(there, Path("/"))


class Thief(Answers):
    """Confirms, and has taken a file away by then."""

    def __init__(self, takes: Path, said: StringIO) -> None:
        super().__init__(["WORDS"], said.write)
        self.takes = takes

    def ask(self, question: str) -> str:
        self.takes.unlink()
        return super().ask(question)


def test_a_key_that_is_gone_when_it_is_needed_ends_with_4(place: Path) -> None:
    said = StringIO()
    thief = Thief(place / STORE / "domains" / DOMAIN / "certs/operator.priv.enc", said)
    status, told = put(place / STORE, place / "a.txt", Outside(thief, no_randomness("x"), unprotected))

    assert status is ExitStatus.REFUSED
    assert "KEY-HERE" in told
    assert "operator.priv.enc: is not there" in told


FOUNDED = ("root init", "domain found")


@dataclass
class Site:
    """A machine whose store lies on a file system of its own, and what is to be done there."""

    store: Path
    machine: Path
    words: tuple[str, ...]

    def do(self, stopped_at: int = 1) -> tuple[ExitStatus, str]:
        """Begin it; who is asked stops it there, or answers everything (0)."""
        said = StringIO()
        outside = Outside(Stopping([], at=stopped_at), no_randomness("x"), unprotected)
        status = cli.run(
            self.words, program="asl-auth-host", stdout=said, stderr=said, machine=self.machine, outside=outside
        )
        return status, said.getvalue()


def site(verb: str, place: Path, store: Path) -> Site:
    """Where a verb can be begun: a claim on a sealed host with a store, the others in a rehearsal's new one."""
    rehearsal = ("--rehearsal", "--root", str(store))
    if verb == "claim":
        machine = make_real(store)
        return Site(machine / AT, machine, ("claim",))
    if verb == "root init":
        (place / "policy.yaml").write_text(TEMPLATE)
        words = ("root", "init", "--threshold", "2", "--policy", str(place / "policy.yaml"), *rehearsal)
        return Site(store, Path("/nonexistent"), words)
    for name, data in prepared_files()["prepared-host"].items():
        (place / "prepared").mkdir(exist_ok=True)
        (place / "prepared" / name).write_bytes(data)
    signed = []
    for number in (1, 2):
        for payload in sorted((place / "prepared").glob("*.payload")):
            signature = place / f"{payload.stem}.{number}"
            signature.write_bytes(secret(f"root {number}").sign(payload.read_bytes()))
            signed += ["--add-signature", str(signature)]
    told = Site(store, Path("/nonexistent"), ("domain", "sign", str(place / "prepared"), "--rehearsal", *signed)).do()
    assert told[0] is ExitStatus.DONE, told[1]
    return Site(store, Path("/nonexistent"), ("domain", "found", str(place / "prepared"), *rehearsal))


VERBS = pytest.mark.parametrize("verb", ["claim", *FOUNDED])


@VERBS
def test_what_founds_and_claims_ends_with_10_where_another_writes(verb: str, tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    at = site(verb, tmp_path, tmp_path / "store")
    busy = at.store / "host" if verb == "claim" else at.store
    before = tree(at.store)
    with held(HostDisk(), busy):
        status, said = at.do()

    assert (status, "STORE-BUSY" in said) == (ExitStatus.BUSY, True), said
    assert tree(at.store) == before


@VERBS
def test_what_founds_and_claims_ends_with_8_where_nothing_can_be_written(
    verb: str, tmp_path: Path, small: Path
) -> None:
    at = site(verb, tmp_path, small)
    before = tree(small)
    subprocess.run(("mount", "-o", "remount,ro", small), check=True)
    status, said = at.do()

    assert (status, "VOLUME-READ-ONLY" in said) == (ExitStatus.IO_FAILED, True), said
    assert tree(small) == before


@VERBS
def test_what_founds_and_claims_ends_with_8_where_the_volume_is_full(verb: str, tmp_path: Path, small: Path) -> None:
    at = site(verb, tmp_path, small)
    before = tree(small)
    free = os.statvfs(small)
    (small / "filler").write_bytes(bytes(free.f_bavail * free.f_bsize))
    status, said = at.do(stopped_at=0)
    (small / "filler").unlink()

    assert (status, "VOLUME-FULL" in said) == (ExitStatus.IO_FAILED, True), said
    assert tree(small) == before


HOLDS = """
import sys
from pathlib import Path
from asl_authority.storage.disk import HostDisk
from asl_authority.storage.domains import held
with held(HostDisk(), Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""
PROGRAM = "from asl_authority.front.cli import start; start()"


def test_the_second_of_two_processes_ends_with_10(place: Path) -> None:
    sources = str(Path(asl_authority.__file__).parents[1])
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": sources}
    domain = place / STORE / "domains" / DOMAIN
    before = tree(place / STORE)
    words = ("store", "put", str(place / "a.txt"), "--domain", DOMAIN, "--rehearsal", "--root", str(place / STORE))
    pipe = subprocess.PIPE
    with subprocess.Popen((sys.executable, "-c", HOLDS, domain), stdin=pipe, stdout=pipe, env=env) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == b"held\n"
        argv = (sys.executable, "-c", PROGRAM, *words)
        second = subprocess.run(argv, capture_output=True, text=True, check=False, env=env)
        first.communicate()

    assert (second.returncode, "STORE-BUSY" in second.stderr) == (ExitStatus.BUSY, True), second.stderr
    assert tree(place / STORE) == before
