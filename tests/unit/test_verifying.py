"""The page for whoever trusts nobody: its commands are run as they stand, and it names what there is."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import click
import pytest

from asl_image.cli import door
from asl_image.steps.evidence import RESULTS
from asl_image.verify import CHECKS
from support.papers import write_papers
from support.signers import ROOT, Signer, builders_file, openssl_key, public_pem, ssh_key, statement_in

PAGE = (ROOT / "docs/verifying.md").read_text("utf-8")
BLOCK = re.compile(r"(?:^    [^\n]*\n)+", re.MULTILINE)
# What needs no built image, no network and no other program than coreutils, openssl and ssh-keygen.
RUNNABLE = ("## 1 ", "## 2 ", "## 3 ", "## 6 ")


def blocks(page: str) -> list[str]:
    """The commands of the page, a block each."""
    return [re.sub(r"^    ", "", block, flags=re.MULTILINE) for block in BLOCK.findall(page)]


def section(title: str) -> str:
    return PAGE[PAGE.index(f"\n{title}") + 1 :].split("\n## ")[0]


def mentioned() -> list[str]:
    """Every command line of ours that the page has, the short ones in the text too."""
    return re.findall(r"(?:\./|old/)build\.py ([^\n`]*)", PAGE)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the reader has: the checkout's door, what they received, and the builders' keys."""
    at = tmp_path_factory.mktemp("reader")
    work = write_papers(tmp_path_factory.mktemp("papers"))
    received = at / "received"
    received.mkdir()
    for source, pattern in RESULTS.items():
        shutil.copyfile(work / source, received / pattern.format(profile="authority"))
    (at / "build.py").symlink_to(ROOT / "build.py")
    keys = {"alice": openssl_key(at / "alice"), "bob": ssh_key(at / "bob"), "carol": openssl_key(at / "carol")}
    (at / "alice.pem").write_text(public_pem(keys["alice"]))
    public = {name: [public_pem(key)] for name, key in keys.items() if name != "bob"}
    builders_file(at / "builders.yaml", {**public, "bob": [(at / "bob.pub").read_text()]}, threshold=2)
    person = Signer(at)
    for key in keys.values():
        assert person.types("sign", received / "authority.manifest.json", "--key", key) == 0
    for name in ("alice", "bob"):
        statement = statement_in(received / f"{name}.rebuild.json")
        assert person.types("sign", statement, "--key", keys[name]) == 0
    return at


def run(commands: str, folder: Path) -> subprocess.CompletedProcess[str]:
    script = f"set -eu -o pipefail\n{commands}"
    return subprocess.run(["bash", "-c", script], cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("title", "number"), [(title, number) for title in RUNNABLE for number in range(len(blocks(section(title))))]
)
def test_the_commands_do_what_the_page_says(folder: Path, title: str, number: int) -> None:
    done = run(blocks(section(title))[number], folder)

    assert done.returncode == 0, done.stdout + done.stderr


def test_the_commands_say_no_when_the_answer_is_no(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "reader"
    shutil.copytree(folder, other, symlinks=True)
    manifest, iso = other / "received/authority.manifest.json", other / "received/authority.iso"
    manifest.write_text(manifest.read_text().replace('"trixie"', '"sid"'))
    iso.write_bytes(iso.read_bytes() + b"\0")
    statement_in(other / "received/bob.rebuild.json", iso="another")

    answers = {
        (title, number): run(commands, other).returncode
        for title in RUNNABLE[1:]
        for number, commands in enumerate(blocks(section(title)))
    }
    assert len(answers) == 6
    assert 0 not in answers.values(), answers


@pytest.mark.parametrize("line", mentioned())
def test_every_verb_and_option_is_there(line: str) -> None:
    words = [word for word in shlex.split(line) if word not in ("…", "\\")]
    command: click.Command = door
    while isinstance(command, click.Group):
        command = command.commands[words.pop(0)]
    context = click.Context(command, info_name=command.name)
    _, left, _ = command.make_parser(context).parse_args(words)

    assert left == []


def test_the_page_names_every_check_of_verify_and_no_other() -> None:
    assert set(re.findall(r"^\| `(VERIFY-[A-Z]+)`", PAGE, re.MULTILINE)) == {"VERIFY-ISO", "VERIFY-MEDIUM", *CHECKS}
