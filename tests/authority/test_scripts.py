"""The scripts beside the program: each hands its words to one verb, and says how it is used when it can't."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import asl_authority
from asl_authority.front.parser import load_verbs
from support.acts import ME

SOURCES = Path(asl_authority.__file__).parents[1]
SCRIPTS = Path(__file__).parents[2] / "authority/tools"
NAMES = ("add_artifact.sh", "make-dam.sh", "sign_dam.sh", "verify-env.sh")


@pytest.fixture
def run(tmp_path: Path) -> object:
    """Runs a script with a program of the authority's name that only says what it was given."""
    fake = tmp_path / "asl-auth-host"
    fake.write_text("#!/bin/sh\nprintf '%s\\n' \"$@\"\nexit 4\n")
    fake.chmod(0o755)

    def call(name: str, *words: str) -> tuple[int, list[str], str]:
        env = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
        done = subprocess.run((str(SCRIPTS / name), *words), capture_output=True, text=True, check=False, env=env)
        return done.returncode, done.stdout.splitlines(), done.stderr

    return call


@pytest.mark.parametrize(
    ("name", "words", "given"),
    [
        ("make-dam.sh", ["me", "a b.yaml"], ["dam", "new", "--domain", "me", "--output", "a b.yaml"]),
        ("sign_dam.sh", ["me", "a b.yaml", "--dry-run"], ["dam", "rotate", "me", "a b.yaml", "--dry-run"]),
        ("add_artifact.sh", ["me", "a b", "*"], ["store", "put", "--domain", "me", "a b", "*"]),
        ("verify-env.sh", [], ["claim"]),
        ("verify-env.sh", ["--manifest", "m"], ["claim", "--manifest", "m"]),
        ("verify-env.sh", ["a.claim"], ["verify-env", "a.claim"]),
    ],
)
def test_a_script_hands_its_words_to_one_verb_and_ends_as_that_does(
    run: object, name: str, words: list[str], given: list[str]
) -> None:
    assert callable(run)
    assert run(name, *words) == (4, given, "")
    verbs = {verb.name for verb in load_verbs()}
    assert " ".join(given[:2]) in verbs or given[0] in verbs


@pytest.mark.parametrize("name", NAMES)
def test_a_script_without_the_words_that_it_needs_says_how_it_is_used(run: object, name: str) -> None:
    assert callable(run)
    for words in (["--help"], ["-h"]) if name == "verify-env.sh" else ([], ["one"], ["--help", "x"]):
        status, out, err = run(name, *words)
        assert (status, out) == (2, [])
        assert err.startswith(f"usage: {name} ")


def test_with_the_real_program_a_dam_is_made_shown_and_refused_and_a_file_looked_at(
    founded_store: Path, tmp_path: Path
) -> None:
    program = tmp_path / "asl-auth-host"
    load = (
        f"import sys; sys.path.insert(0, {str(SOURCES)!r}); from asl_authority.front.cli import main; sys.exit(main())"
    )
    program.write_text(f"#!{sys.executable} -I\n{load}\n")
    program.chmod(0o755)
    env = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}

    def call(name: str, *words: str) -> tuple[int, str, str]:
        argv = (str(SCRIPTS / name), ME, *words, "--root", str(founded_store), "--rehearsal")
        done = subprocess.run(argv, capture_output=True, text=True, check=False, env=env, cwd=tmp_path)
        return done.returncode, done.stdout, done.stderr

    assert call("make-dam.sh", "next.yaml")[0] == 0
    text = (tmp_path / "next.yaml").read_text()
    (tmp_path / "next.yaml").write_text(re.sub("(?m)^# scope: .*", "scope: [execute, publish]", text))
    status, shown, _ = call("sign_dam.sh", "next.yaml", "--dry-run")
    assert (status, "+ scope    execute, publish" in shown) == (0, True), shown
    status, shown, _ = call("add_artifact.sh", "next.yaml", "--dry-run")
    assert (status, "next.yaml, " in shown) == (0, True), shown
    status, _, said = call("make-dam.sh", "next.yaml")
    assert (status, said.startswith("asl-auth-host: PATH-TAKEN: ")) == (4, True), said


def test_these_are_the_scripts_and_each_says_first_what_it_does() -> None:
    found = sorted(SCRIPTS.iterdir())

    assert tuple(path.name for path in found) == NAMES
    for path in found:
        assert path.stat().st_mode & 0o111
        assert path.read_text().splitlines()[1].startswith(f"# {path.name} ")
