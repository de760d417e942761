"""Ctrl-C at any question of any verb: everything is as it was, the status is 6, and begun again the same call succeeds.

A call of an act (`support/verb_acts.py`) is stopped at its first question, then at its second, and so on in the same
place, until it has asked all of them and is done.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from asl_authority.contract import ExitStatus
from asl_authority.front.modes import MODES, READING
from support.stopped import Stopping, called, tree, verb_of
from support.stories import tell
from support.story_domains import make_rehearsed
from support.story_files import make_files, make_prepared, make_rehearsal_roots
from support.surroundings import Surroundings
from support.verb_acts import ACTS, called_in

pytestmark = pytest.mark.any_python

FILES = Path(__file__).parent / "stories/files"
# What is in these files is on the record by design, whatever stopped a ceremony: it goes on from there.
RECORD = "record"
CEREMONY = """\
title: A file is kept
version: 1
rehearsal: true
seed: x
people: [{name: Ada, role: operator}, {name: Ben, role: witness}]
steps: [{title: The file, minutes: 1, run: [store, put, input.txt, --domain, me.example]}]
"""
# What was lost comes back by a confirmation of its own, which was given: that is done, and stays.
BROUGHT_BACK = {"rehearsed/domains/me.example/certs/root.pub"}
# They write nothing, and so leave nothing when they are done.
LEAVES_NOTHING = ("key check",)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The stories' files, which no test changes."""
    place = tmp_path_factory.mktemp("stories")
    shutil.copytree(FILES, place, dirs_exist_ok=True)
    for make in (make_files, make_rehearsed, make_prepared, make_rehearsal_roots):
        make(place)
    (place / "put.yaml").write_text(CEREMONY)
    return place


@pytest.fixture
def here(kept: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of them in the current directory."""
    shutil.copytree(kept, tmp_path / "here", symlinks=True)
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"


def stopped_at_each_question(line: str, answers: list[str], here: Path) -> int:
    """Call it until it is done; how many questions it asked."""
    at = 1
    while True:
        before = tree(here, RECORD)
        person = Stopping([*answers], at)
        status, said = called(line, person)
        if len(person.questions) < at:
            break
        assert status is ExitStatus.ABORTED, said
        after = tree(here, RECORD)
        changed = {name for name in before.keys() | after.keys() if before.get(name, "") != after.get(name, "")}
        assert changed == (BROUGHT_BACK if "\nBrought back" in person.screen else set()), person.questions[-1]
        (here / RECORD).unlink(missing_ok=True)
        at += 1
    assert status is ExitStatus.DONE, said
    assert person.answers == [], "nobody asked for these"
    assert (tree(here, RECORD) == before) is (verb_of(line) in LEAVES_NOTHING)
    return at - 1


@pytest.mark.parametrize("act", ACTS)
def test_ctrl_c_at_any_question_leaves_everything_as_it_was(act: str, here: Path) -> None:
    snapshots = sorted(here.glob("rehearsed/domains/*/snapshots/*.meta"))
    for line, answers in called_in(ACTS[act]):
        if line.startswith("% "):
            with Surroundings(here) as around:
                tell("stopped", f"{line}\n", around)
            continue
        for number, path in enumerate(snapshots, 1):
            line = line.replace(f"SNAPSHOT-{number}", path.stem.removeprefix("snapshot-"))
        assert stopped_at_each_question(line[2:], answers, here) > 0, line


def test_every_verb_that_may_ask_is_stopped() -> None:
    stopped = {verb_of(line[2:]) for act in ACTS.values() for line, _ in called_in(act) if line.startswith("$ ")}

    assert MODES.keys() - stopped == set()
    assert stopped & READING == set()
