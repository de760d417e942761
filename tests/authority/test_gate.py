"""The gate on a sealed host: no key is made or opened without a VERIFIED claim of this start, and with one it is."""

from __future__ import annotations

import re
import shlex
import shutil
from io import StringIO
from pathlib import Path

import pytest

from asl_authority.contract import ExitStatus
from asl_authority.front import cli
from asl_authority.front.modes import MODES
from asl_authority.front.outside import Outside
from asl_authority.values.policy_text import TEMPLATE
from asl_authority.values.public_key_file import public_key_file
from support.domains import secret
from support.genesis import ROOT_KEYS
from support.sealed_machine import ALICE, BOB, BUILDERS, SealedMachine, manifest_bytes, signed
from support.stopped import tree, verb_of
from support.stories import Answers, no_randomness, unprotected
from support.story_files import make_files
from support.verb_acts import ACTS, called_in

FILES = Path(__file__).parent / "stories/files"


@pytest.fixture
def machine(tmp_path: Path) -> SealedMachine:
    (tmp_path / "policy.yaml").write_text(TEMPLATE)
    (tmp_path / "root.pub").write_bytes(public_key_file(ROOT_KEYS[0].public))
    for name in ("log.priv.enc", "shared.priv.enc", "shared.shares.json"):
        (tmp_path / f"kept-{name}").write_bytes((FILES / name).read_bytes())
    for name in ("kept-log.pub", "kept-shared.pub"):
        (tmp_path / name).write_bytes(public_key_file(secret("log").public))
    (tmp_path / "image.manifest.json").write_bytes(manifest_bytes())
    (tmp_path / "image.manifest.json.dsse.json").write_bytes(signed(manifest_bytes(), ALICE, BOB))
    return SealedMachine(tmp_path / "machine", BUILDERS)


def call(machine: SealedMachine, *words: str) -> tuple[ExitStatus, str]:
    said = StringIO()
    outside = Outside(Answers(["^C"], said.write), no_randomness("gate"), unprotected)
    place = machine.root.parent
    told = [word.replace("HERE", str(place)) for word in words]
    status = cli.run(
        told, program="asl-auth-host", stdout=said, stderr=said, machine=machine.root, outside=outside
    )  # fmt: skip
    return status, said.getvalue()


KEY_NEW = ("key", "new", "--kind", "log", "--output", "HERE/log")
INIT = (
    *("root", "init", "--policy", "HERE/policy.yaml", "--threshold", "1", "--root-key", "HERE/root.pub"),
    *("--key", "HERE/root.priv.enc"),
)  # fmt: skip
SPLIT = (
    *("key", "split", "HERE/kept-log.priv.enc", "--kind", "log"),
    *("--shares", "3", "--threshold", "2", "--output", "HERE/split"),
)  # fmt: skip
COMBINE = ("key", "combine", "HERE/kept-shared.priv.enc", "--kind", "log")
DRILL = ("key", "drill", "HERE/kept-log.priv.enc", "--kind", "log", "--by", "passphrase", "--output", "HERE/drill")
FIRST_QUESTION = ("To be signed", "The passphrase", "Passphrase (not shown)", "Words 1 to 4", "Who is present?")
VERBS = pytest.mark.parametrize(
    "words",
    [KEY_NEW, INIT, SPLIT, COMBINE, DRILL],
    ids=["key new", "root init", "key split", "key combine", "key drill"],
)


@VERBS
def test_without_a_claim_no_key_is_touched(machine: SealedMachine, words: tuple[str, ...]) -> None:
    status, said = call(machine, *words)

    assert (status, "CLAIM-MISSING" in said) == (ExitStatus.REFUSED, True)


# No key is opened by these themselves; that a step of a ceremony is refused is in test_ceremony.
UNGATED = {"ceremony run": "each act of a ceremony is asked for by its own verb, which asks the gate"}
OF_A_DOMAIN = (
    "$ asl-auth-host key drill log.priv.enc --kind log --by passphrase --output drill.json --domain me.example"
)
REAL = sorted(
    {
        " ".join(re.sub(r"--root [a-z]+|--rehearsal", "", line[2:]).split())
        for line in (OF_A_DOMAIN, *(line for act in ACTS.values() for line, _ in called_in(act)))
        if line.startswith("$ ")
    }
)


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> SealedMachine:
    """A sealed machine among the stories' files, without a claim; no test changes anything."""
    place = tmp_path_factory.mktemp("sealed")
    shutil.copytree(FILES, place, dirs_exist_ok=True)
    make_files(place)
    return SealedMachine(place / "machine", BUILDERS)


@pytest.mark.parametrize("line", [line for line in REAL if verb_of(line) not in UNGATED])
def test_without_a_claim_every_call_that_opens_a_key_or_writes_into_a_store_is_refused(
    line: str, sealed: SealedMachine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(sealed.root.parent)
    before = tree(sealed.root.parent)
    status, said = call(sealed, *shlex.split(line)[1:])

    assert (status, "CLAIM-MISSING: " in said) == (ExitStatus.REFUSED, True), said
    assert tree(sealed.root.parent) == before


def test_every_verb_is_called_and_what_the_gate_does_not_ask_is_one_of_them() -> None:
    assert {verb_of(line) for line in REAL} == MODES.keys()
    assert UNGATED.keys() <= MODES.keys()


@VERBS
def test_under_a_claim_that_nobody_vouches_for_no_key_is_touched(
    machine: SealedMachine, words: tuple[str, ...]
) -> None:
    assert call(machine, "claim")[0] is ExitStatus.DONE
    status, said = call(machine, *words)

    assert (status, "CLAIM-VERIFIED" in said) == (ExitStatus.REFUSED, True)


@VERBS
def test_under_a_verified_claim_the_gate_is_open(machine: SealedMachine, words: tuple[str, ...]) -> None:
    assert call(machine, "claim", "--manifest", "HERE/image.manifest.json")[0] is ExitStatus.DONE
    status, said = call(machine, *words)

    assert status is ExitStatus.ABORTED, said
    assert any(question in said for question in FIRST_QUESTION), "it came to the first question"
    assert not (machine.root / "asl-auth-host/host").exists()
