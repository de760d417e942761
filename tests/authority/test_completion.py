"""Bash completes verbs, options, what an option chooses from and names of files, as it runs in a terminal."""

from __future__ import annotations

import os
import pty
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from asl_authority import contract
from asl_authority.front.completion import bash_completion
from asl_authority.front.parser import COMMON, GROUPS, load_verbs, option_words
from support.needs import lacking

HOUSE = Path(__file__).parents[2]
CONSOLE = HOUSE / "overlays/authority/root/usr/lib/asl/console.d/authority.sh"
ENDS_S = 60.0
KINDS = {"offline-root", "domain-root", "dam-signer", "log", "principal", "x509"}
COMMON_WORDS = set(option_words(COMMON))


@pytest.fixture(scope="module")
def bash() -> str:
    found = shutil.which("bash")
    if found is None:
        lacking("bash is needed: apt install bash")
    assert found is not None
    return found


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """A directory with a file and a directory in it, and one that is called like a verb."""
    (tmp_path / "input.txt").touch()
    (tmp_path / "my stick").mkdir()
    (tmp_path / "key").mkdir()
    return tmp_path


def offered(bash: str, here: Path, line: str) -> set[str]:
    """What the function answers for the words of `line`, of which the last one is being typed."""
    words = [f"'{word}'" for word in line.split(" ")]
    script = (
        f"{bash_completion()}\nCOMP_WORDS=({' '.join(words)}); COMP_CWORD={len(words) - 1}; _asl_auth_host\n"
        'printf "%s\\n" "${COMPREPLY[@]}"'
    )
    done = subprocess.run([bash, "--norc", "-c", script], cwd=here, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return set(done.stdout.splitlines()) - {""}


@pytest.mark.parametrize(
    ("line", "offers"),
    [
        ("asl-auth-host s", {"status", "self-test", "serve", "snapshot", "stick", "store"}),
        ("asl-auth-host --js", {"--json"}),
        ("asl-auth-host --completion ", {"bash"}),
        ("asl-auth-host --json sel", {"self-test"}),
        ("asl-auth-host status --m", {"--machine"}),
        ("asl-auth-host policy h", {"hash"}),
        ("asl-auth-host policy hash --j", {"--json"}),
        ("asl-auth-host status --v", set()),
        # After --help, and after options with their values, stands a verb as ever.
        ("asl-auth-host --help ke", {"key"}),
        ("asl-auth-host --help key c", {"check", "change-passphrase", "combine"}),
        ("asl-auth-host key new --he", {"--help"}),
        ("asl-auth-host --root key key n", {"new"}),
        ("asl-auth-host --root = key --config x log h", {"head"}),
        ("asl-auth-host receipt ", {"list", "replay", "show", "verify"}),
        ("asl-auth-host receipt --", set()),
        ("asl-auth-host nothing ", set()),
        ("asl-auth-host key nothing ", set()),
        # What an option chooses from, and nothing besides; nothing where nobody knows.
        ("asl-auth-host key new --kind ", KINDS),
        ("asl-auth-host key new --kind d", {"domain-root", "dam-signer"}),
        ("asl-auth-host key new --kind = o", {"offline-root"}),
        ("asl-auth-host key new --kind =", KINDS),
        ("asl-auth-host key drill x --by ", {"shares", "passphrase"}),
        ("asl-auth-host admit decide x --decision ACC", {"ACCEPTED", "ACCEPTED_LIMITED"}),
        ("asl-auth-host admit apply me --scope audit --scope p", {"produce", "publish"}),
        ("asl-auth-host cert request --subject-type ", {"domain_root", "principal", "log", "x509"}),
        ("asl-auth-host root set --threshold ", set()),
        ("asl-auth-host receipt list --domain ", set()),
        # Names of files where one is meant, and of directories where only those will do.
        ("asl-auth-host root set --root-key ", {"input.txt", "my stick", "key"}),
        ("asl-auth-host root set --output = in", {"input.txt"}),
        ("asl-auth-host store put --stick ", {"my stick", "key"}),
        ("asl-auth-host --root ", {"my stick", "key"}),
        ("asl-auth-host domain found i", set()),
        ("asl-auth-host domain found m", {"my stick"}),
        ("asl-auth-host policy check ", {"input.txt", "my stick", "key", "--against", *COMMON_WORDS}),
        ("asl-auth-host domain list ", {"--rehearsal", *COMMON_WORDS}),
    ],
)
def test_completion_offers_what_may_stand_there(bash: str, here: Path, line: str, offers: set[str]) -> None:
    assert offered(bash, here, line) == offers


def test_every_verb_and_every_choice_of_every_verb_is_offered(bash: str, here: Path) -> None:
    assert offered(bash, here, "asl-auth-host ") == {*GROUPS, *COMMON_WORDS, "--version", "--man-page", "--completion"}
    for verb in load_verbs():
        start = f"asl-auth-host {verb.name}"
        assert verb.name.split(" ")[-1] in offered(bash, here, start), verb.name
        for argument in verb.arguments:
            if argument.choices:
                assert offered(bash, here, f"{start} {argument.words[0]} ") == set(argument.choices), verb.name


def typed(bash: str, here: Path, first: str, keys: str) -> list[str]:
    """The words that a program gets when `keys` are typed at bash in a terminal; `first` is what bash reads before."""
    master, slave = pty.openpty()
    env = {"PATH": f"{here / 'bin'}:{os.environ['PATH']}", "TERM": "dumb", "PS1": "$ ", "LC_ALL": "C.UTF-8"}
    argv = [bash, "--norc", "--noprofile", "-i"]
    with subprocess.Popen(
        argv, cwd=here, env=env, stdin=slave, stdout=slave, stderr=slave, start_new_session=True
    ) as it:
        os.close(slave)
        try:
            os.write(master, f". {first}; printf 'READY%s\\n' .\n".encode())
            _until(master, b"READY.")
            os.write(master, f"{keys}\n".encode())
            said = _until(master, b"<END>")
        finally:
            it.kill()
            os.close(master)
    return said.decode().split("<WORD>")[1:-1]


def _until(master: int, mark: bytes) -> bytes:
    said, ends = b"", time.monotonic() + ENDS_S
    while mark not in said:
        assert time.monotonic() < ends, said.decode()
        said += os.read(master, 4096)
    return said.replace(b"<END>", b"<WORD><END>")


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ("asl-auth-host sel\t", ["self-test"]),
        ("asl-admin ke\tche\t--pu\tx", ["key", "check", "--public-key", "x"]),
        ("asl-auth-host key new --kind off\t--ou\tx", ["key", "new", "--kind", "offline-root", "--output", "x"]),
        ("asl-auth-host key new --kind=pr\t", ["key", "new", "--kind=principal"]),
        ("asl-auth-host policy check inp\t", ["policy", "check", "input.txt"]),
        ("asl-auth-host domain found my\t", ["domain", "found", "my stick/"]),
        ("asl-auth-host domain found my\\ st\t", ["domain", "found", "my stick/"]),
    ],
)
def test_bash_in_a_terminal_completes_it(bash: str, here: Path, keys: str, words: list[str]) -> None:
    first = here / "first"
    said = "() { printf '<WORD>%s' \"$@\"; printf '<END>'; }\n"
    first.write_text(bash_completion() + "".join(f"{name}{said}" for name in contract.PROGRAM_NAMES))

    assert typed(bash, here, "./first", keys) == words


def test_the_console_of_the_image_asks_the_program_at_the_first_tab(bash: str, here: Path) -> None:
    program = here / "bin/asl-auth-host"
    program.parent.mkdir()
    source = HOUSE / "authority/src"
    program.write_text(
        '#!/bin/sh\n[ "$1" = --completion ] || { printf "<WORD>%s" "$@"; printf "<END>"; exit; }\n'
        f"PYTHONPATH={source} exec {sys.executable} -c "
        '"from asl_authority.front.cli import start; start()" "$@"\n'
    )
    program.chmod(0o755)

    assert typed(bash, here, str(CONSOLE), "asl-auth-host key drill x --by sh\t") == [
        *("key", "drill", "x", "--by", "shares"),
    ]
