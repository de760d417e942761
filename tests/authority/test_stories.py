"""What people see of every verb and of every refusal, kept as transcripts: UPDATE_STORIES=1 writes them again."""

from __future__ import annotations

import os
import resource
import shutil
from pathlib import Path

import pytest

from asl_authority.errors import Refused
from asl_authority.front.verb import Answer
from asl_authority.storage.disk import HostDisk
from support.stories import Answers, Meanwhile, expect_fixed_names, read_story, tell
from support.story_domains import STORE, make_rehearsed
from support.story_files import PASSPHRASE, make_files, make_prepared, make_rehearsal_roots
from support.surroundings import Surroundings

STORIES = Path(__file__).parent / "stories"
NAMES = sorted(path.stem for path in STORIES.glob("*.txt"))


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with the stories' files and an empty machine, which is the current one."""
    shutil.copytree(STORIES / "files", tmp_path, dirs_exist_ok=True)
    make_files(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", NAMES)
def test_a_story_is_told_as_it_is_kept(name: str, here: Path) -> None:
    path = STORIES / f"{name}.txt"
    kept = path.read_text()
    if f"--root {STORE}" in kept or f"cp -r {STORE}" in kept:
        make_rehearsed(here)
    if " prepared" in kept:
        make_prepared(here)
    if " rehearsal-root" in kept:
        make_rehearsal_roots(here)
    with Surroundings(here) as around:
        told = tell(name, kept, around)
        written = [path for path in here.rglob("*") if path.is_file() and PASSPHRASE.encode() in path.read_bytes()]
    assert written == []
    if os.environ.get("UPDATE_STORIES"):
        path.write_text(told)
    else:
        assert told == kept, f"UPDATE_STORIES=1 writes {path} again: read what changed"


@pytest.mark.parametrize("name", ["key", "shares", "drill", "sign-here"])
def test_what_is_typed_unseen_is_printed_nowhere(name: str) -> None:
    lines = (STORIES / f"{name}.txt").read_text().splitlines()
    secrets = {
        line.removeprefix(">* ") for line in lines if line.startswith(">* ") and len(line) > len(">* hunter2") - 1
    }
    printed = "\n".join(line for line in lines if not line.startswith((">*", "|", "#")))

    assert secrets
    assert [secret for secret in secrets if secret in printed] == []


@pytest.mark.parametrize("name", NAMES)
def test_a_story_fits_on_a_console_and_says_first_what_it_shows(name: str) -> None:
    text = (STORIES / f"{name}.txt").read_text()
    ours = [line for line in text.splitlines() if line.startswith(("ok ", "FAILED", "  ", "#"))]

    assert text.startswith("# ")
    assert text.isascii()
    assert [line for line in ours if len(line) > 78 and not line.lstrip().startswith('"')] == []


def test_a_story_that_would_be_told_otherwise_is_noticed(here: Path) -> None:
    story = "# A hash.\n$ asl-auth-host policy hash nothing.yaml\n! asl-auth-host: somewhere else: no such file\n= 0\n"

    assert tell("x", story, Surroundings(here)) == (
        "# A hash.\n$ asl-auth-host policy hash nothing.yaml\n"
        "! asl-auth-host: PATH-MISSING: nothing.yaml: no such file\n"
        "!   look at the path; it is taken as typed\n= 2\n"
    )


def test_a_change_of_the_machine_is_before_a_command_or_among_its_answers() -> None:
    told = "$ a\nQ?\n% fill x 3\n> one\n= 0\n% room x\n$ b\n= 0\n"
    new = "$ a\n% fill x 3\n> one\n% room x\n$ b\n"
    wanted = [("$ a", ("fill x 3", "one")), ("% room x", ()), ("$ b", ())]

    for story in (told, new):
        read = list(read_story(story))
        assert [(each.line, each.answers) for each in read] == wanted
        assert [isinstance(each, Meanwhile) for each in read[0].answers] == [True, False]


def test_a_machine_is_as_it_was_when_a_story_is_over(here: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_AS)
    with Surroundings(here) as around:
        for line in ("memory 100", "busy store", "no-terminal"):
            assert around.change(line.split())
        assert resource.getrlimit(resource.RLIMIT_AS) != before
        assert HostDisk().lock(here / "store") is None
        with pytest.raises(Refused):
            around.terminal(Answers([], str)).ask("")
        assert not around.change(["ls"])

    assert resource.getrlimit(resource.RLIMIT_AS) == before
    lock = HostDisk().lock(here / "store")
    assert lock is not None
    os.close(lock)


def test_a_program_that_fails_meanwhile_fails_the_story(here: Path) -> None:
    with Surroundings(here) as around, pytest.raises(AssertionError, match="rm nothing"):
        tell("x", "# x\n% rm nothing\n", around)


@pytest.mark.parametrize("name", ["DAM_1", "payload_2", "me.example", "cert-root", "A"])
def test_a_member_that_is_named_by_data_is_noticed_at_any_depth(name: str) -> None:
    expect_fixed_names(Answer("", {"ok": True, "sha256": "x", "dam": {"key_ids": [{"root_sha256": name}]}}))
    for members in ({name: 1}, {"dam": {name: 1}}, {"outputs": [[{name: 1}]]}):
        with pytest.raises(AssertionError, match="whose names are data"):
            expect_fixed_names(Answer("", members))


def test_answers_belong_to_the_command_before_them_and_what_it_printed_to_nobody() -> None:
    read = list(
        read_story("# words\n\n$ a b\nout\n# printed\n\n> one\n>* two\n> \n= 0\n$ new\n> x\n# more\n$ c\n= 1\n")
    )

    assert [(each.line, each.answers) for each in read] == [
        ("# words", ()),
        ("", ()),
        ("$ a b", ("one", "two", "")),
        ("$ new", ("x",)),
        ("# more", ()),
        ("$ c", ()),
    ]
