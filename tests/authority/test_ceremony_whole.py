"""A whole ceremony from its published file: the script's digests are the run's, and elsewhere it is all the same."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

from asl_authority.contract import ExitStatus
from asl_authority.contract.words import hex_groups, spoken_lines
from asl_authority.front.ceremony_script import words_asked
from asl_authority.operations.confirm import WORDS_PER_LINE
from asl_authority.values.ceremony_record import Record, read_record
from support.ceremonies import EXAMPLE, Person, call

HOUSE = Path(__file__).parents[2]
PATHS = os.pathsep.join(str(HOUSE / each) for each in ("authority/src", "tests"))
# Two surroundings that have nothing in common but the files.
HERE = {"LC_ALL": "C", "TZ": "UTC", "PYTHONHASHSEED": "1", "LANG": "C"}
ELSEWHERE = {"LC_ALL": "C.UTF-8", "TZ": "Pacific/Kiritimati", "PYTHONHASHSEED": "2", "HOME": "/nonexistent"}


class Held(NamedTuple):
    """Everything that a ceremony said and left."""

    screen: str
    files: Mapping[str, bytes]

    @property
    def record(self) -> Record:
        return read_record(self.files["record"])


def hold(place: Path, ceremony: str, surroundings: Mapping[str, str], umask: int) -> Held:
    """Hold it in a new process."""
    (place / "store").mkdir(parents=True)
    (place / "ceremony.yaml").write_text(ceremony)
    (place / "policy.yaml").write_bytes((EXAMPLE / "policy.yaml").read_bytes())
    words = ("ceremony", "run", "ceremony.yaml", "--record", "record", "--rehearsal", "--root", "store")
    done = subprocess.run(
        [sys.executable, "-m", "support.ceremonies", *words],
        cwd=place,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": PATHS, **surroundings},
        umask=umask,
        capture_output=True,
        check=False,
    )
    assert done.returncode == ExitStatus.DONE, done.stdout + done.stderr
    files = sorted(path for path in place.rglob("*") if path.is_file())
    return Held(done.stdout.decode(), {str(path.relative_to(place)): path.read_bytes() for path in files})


def script(place: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The printed script, for which nobody holds the ceremony once more."""
    monkeypatch.chdir(place)
    status, out, err = call(Person(), "ceremony", "script", "ceremony.yaml")
    assert status is ExitStatus.DONE, err
    return out


def expect_same_digests(printed: str, held: Held) -> None:
    """Every digest that was confirmed or answered is on paper, with its words and those that were asked for."""
    confirmed = [bytes.fromhex(each) for event in held.record.events for each in event.confirmed]
    assert confirmed
    for digest in confirmed:
        words = [line.strip() for line in spoken_lines(digest, WORDS_PER_LINE).splitlines()]
        places = [printed.index(line) for line in (hex_groups(digest), *words, words_asked(digest))]
        assert hex_groups(digest) in held.screen
        assert places == sorted(places)
    answered = {digest for event in held.record.events for _, digest in event.digests}
    heads = [event.head.words.split() for event in held.record.events if event.head and event.head.words]
    roots = {event.head.root for event in held.record.events if event.head and event.head.words}
    assert [digest for digest in answered - roots if digest not in printed] == []
    assert [words for words in heads if " ".join(words[:4]) not in printed] == []
    assert heads


def first_steps() -> str:
    """The example as far as the host's own domain: sealing the keys of another would take as long again."""
    whole = (EXAMPLE / "first-domain.yaml").read_text()
    return whole[: whole.index("  - title: The first domain\n")]


def test_the_digests_of_the_script_are_those_of_the_ceremony(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held = hold(tmp_path / "a", first_steps(), ELSEWHERE, 0o077)

    expect_same_digests(script(tmp_path / "a", monkeypatch), held)
    assert "REHEARSAL" in held.screen


@pytest.mark.long
def test_a_whole_ceremony_is_the_same_wherever_it_is_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ceremony = (EXAMPLE / "first-domain.yaml").read_text()
    one = hold(tmp_path / "a", ceremony, HERE, 0o022)
    other = hold(tmp_path / "b/deeper down", ceremony, ELSEWHERE, 0o077)

    assert one.screen == other.screen
    assert one.files == other.files
    assert one.record.ended
    assert {
        "store/domains/me.example/dam/dam-1.json.sig",
        "store/domains/me.example/receipts/receipt-11.per",
        "store/domains/me.example/receipts/receipt-16.per.sig",
        "published/dam/dam-1.json.sig",
        "published/SHA256SUMS",
    } <= one.files.keys()
    expect_same_digests(script(tmp_path / "a", monkeypatch), other)
    report = call(Person(), "ceremony", "report", "ceremony.yaml", "record")
    assert report[0] is ExitStatus.DONE
    assert one.record.fingerprint in report[1].replace(" ", "")
    monkeypatch.chdir(tmp_path / "b/deeper down")
    assert call(Person(), "ceremony", "report", "ceremony.yaml", "record") == report
    below = sorted(name.removeprefix("published/") for name in one.files if name.startswith("published/"))
    sums = "".join(f"{hashlib.sha256(one.files[f'published/{name}']).hexdigest()}  {name}\n" for name in below)
    contents = hashlib.sha256(sums.encode()).digest()
    assert contents.hex() in report[1], "all that lies there is under the label"
    assert f"contents  {hex_groups(contents[:8])}" in report[1]
