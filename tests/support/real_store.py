"""A sealed machine with a real store in it, founded under its VERIFIED claim, and a person who works on it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path

from asl_authority.contract import ExitStatus
from asl_authority.front import cli
from asl_authority.front.outside import Outside
from asl_authority.operations.boot_claim import boot_gate
from support.sealed_machine import ALICE, BOB, BUILDERS, SealedMachine, manifest_bytes, signed
from support.stories import asked_for, no_randomness, unprotected
from support.story_domains import KEYS, PASSPHRASE, make_domains

AT_REST = Path(__file__).parents[1] / "authority/stories/files" / KEYS
STORE = "asl-auth-host"


@dataclass
class Person:
    """Reads the screen, types the words of the digest and the passphrase, and `answers` to everything else.

    `before_keys` is what happens before the passphrase is typed.
    """

    answers: list[str] = field(default_factory=list)
    before_keys: Callable[[], object] = lambda: None
    screen: str = ""

    def say(self, text: str) -> None:
        self.screen += text

    def ask(self, question: str) -> str:
        self.screen += f"{question}\n"
        if re.search(r"word [0-9] of line", question):
            return asked_for(question, self.screen)
        answer = self.answers.pop(0)
        if answer == "^C":
            raise KeyboardInterrupt
        return answer

    def secret(self, question: str) -> str:
        self.screen += f"{question}\n"
        self.before_keys()
        return PASSPHRASE

    def reveal(self, text: str, question: str) -> None:
        raise AssertionError("nothing secret is shown")


def call(machine: Path, *words: str | Path, person: Person | None = None) -> tuple[ExitStatus, str]:
    """What the program ends with, and all that it says."""
    said, person = StringIO(), person or Person()
    outside = Outside(person, no_randomness("real"), unprotected)
    told = [str(word) for word in words]
    status = cli.run(told, program="asl-auth-host", stdout=said, stderr=said, machine=machine, outside=outside)
    return status, person.screen + said.getvalue()


def make_real(place: Path) -> Path:
    """The machine's root below `place`, with a host and the domain me.example; a claim was made, and is VERIFIED."""
    machine = SealedMachine(place / "machine", BUILDERS).root
    (place / "image.manifest.json").write_bytes(manifest_bytes())
    (place / "image.manifest.json.dsse.json").write_bytes(signed(manifest_bytes(), ALICE, BOB))
    status, said = call(machine, "claim", "--manifest", place / "image.manifest.json")
    assert status is ExitStatus.DONE, said
    gate = boot_gate(machine, machine / STORE)
    make_domains(machine / STORE, AT_REST, gate)
    return machine
