"""What the authority's tests share: how hypothesis works, a founded store, and the real age at its own terminal."""

from __future__ import annotations

import hashlib
import os
import pty
import shutil
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from support.acts import ME
from support.genesis import founded
from support.story_store import QuickDisk

# As many tries as elsewhere, and no clock: other tests may run at the same time.
settings.register_profile(
    "house",
    deadline=None,
    derandomize=os.environ.get("CI") == "true",
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("house")


@pytest.fixture(scope="session", autouse=True)
def _scrypt_once() -> Iterator[None]:
    """The real scrypt, asked once for the same question: most tests open the same few key files, a second each."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hashlib, "scrypt", cache(hashlib.scrypt))
        yield


@pytest.fixture(scope="session")
def founded_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A rehearsal's store with the host and one domain, ME; no test changes it."""
    root = tmp_path_factory.mktemp("founded")
    founded(QuickDisk(), root, domain_id=ME)
    return root


@pytest.fixture
def founded_store(founded_once: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    shutil.copytree(founded_once, tmp_path / "store")
    return tmp_path / "store"


@pytest.fixture
def real_age() -> Callable[[list[str], str, int], bytes]:
    """The real age: called with its words, a passphrase, and how often it will ask for that."""
    assert shutil.which("age"), "the real age is needed: apt install age"
    return run_age


def run_age(argv: list[str], passphrase: str, times: int) -> bytes:
    """What the real age answers; it asks for the passphrase on a terminal only."""
    child, terminal = pty.fork()
    if child == 0:
        os.execvp("age", ["age", *argv])  # noqa: S606
    seen = b""
    try:
        while True:
            try:
                seen += os.read(terminal, 4096)
            except OSError:
                break
            if times and seen.count(b": ") > 0 and seen.rstrip().endswith(b":"):
                os.write(terminal, passphrase.encode() + b"\n")
                seen, times = b"", times - 1
    finally:
        _, status = os.waitpid(child, 0)
        os.close(terminal)
    assert os.waitstatus_to_exitcode(status) == 0, seen
    return seen
