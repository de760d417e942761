"""A ceremony: every parameter of a session at the host, reviewed beforehand; script, run and report come from it.

A person writes it as YAML with comments in. What counts, and has the digest, is the one canonical body.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from asl_authority.errors import Malformed
from asl_authority.values.canonical import Limits, canonical_bytes
from asl_authority.values.fields import LINE, Fields
from asl_authority.values.kinds import Kind
from asl_authority.values.rules import Rule
from asl_authority.values.strict_yaml import YamlLimits, read_yaml

PAPER = "ASL/AUTH-HOST/1"

RULES = (
    Rule("CEREMONY-SCHEMA", PAPER, "C", "A ceremony has the members that are named here, and a step does one thing."),
    Rule("CEREMONY-PEOPLE", PAPER, "C", "There are an operator and a witness, and nobody is named twice."),
    Rule("CEREMONY-SEED", PAPER, "C", "A rehearsal names its public seed, and nothing real has one."),
    Rule("CEREMONY-GO-TO", PAPER, "C", "GO TO leads to a step that there is."),
    Rule("CEREMONY-EARLIER", PAPER, "C", "What is read aloud or taken over comes from an earlier step that runs."),
)  # fmt: skip

KIND = Kind("ceremony", limits=Limits(size=256 << 10, depth=6, count=16 * 1024))
YAML_LIMITS = YamlLimits(size=256 << 10, depth=6, count=16 * 1024)

MOST_STEPS, MOST_PEOPLE, MOST_WORDS, MOST_MINUTES = 99, 20, 100, 600
TITLE_LIMIT, TEXT_LIMIT, PATH_LIMIT = 60, 4096, 1024
_TEXT = re.compile(r"(?:[^\x00-\x09\x0b-\x1f\x7f-\x9f\n][^\x00-\x09\x0b-\x1f\x7f-\x9f]*)?[^\x00-\x20\x7f-\xa0]")
_WORD = re.compile(r"[^\x00-\x1f\x7f-\x9f]+")
_SEED = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?", re.ASCII)
# A word that stands for the last SHA-256 of this name that an earlier step answered.
TAKEN_OVER = re.compile(r"\$\{([0-9]{1,2})\.([a-z][a-z0-9_]{0,39})\}", re.ASCII)
_GO_TO = re.compile(r"\bGO TO ([0-9]{1,9})\b", re.ASCII)


class Role(StrEnum):
    """What a person does in a ceremony."""

    OPERATOR = "operator"
    WITNESS = "witness"


class Does(StrEnum):
    """What a step does, by the name of its member."""

    RUN = "run"
    CHECK = "check"
    READ_ALOUD = "read_aloud"
    DEVIATION = "deviation"


class Asserted(StrEnum):
    """What the tool itself looks at before anything begins, by the name of its member."""

    NETWORK = "network"
    CLAIM = "claim"
    STORE = "store"
    FILE = "file"


# What may be said of each; of a file, its path.
_ASSERTED = {Asserted.NETWORK: ("absent",), Asserted.CLAIM: ("VERIFIED",), Asserted.STORE: ("absent", "present")}


@dataclass(frozen=True)
class Person:
    """Who is there."""

    name: str
    role: Role


@dataclass(frozen=True)
class Assertion:
    """Something that must hold before the first step. `value` is a state, or the path of a file with this SHA-256."""

    what: Asserted
    value: str
    sha256: str = ""

    def members(self) -> dict[str, str]:
        """As the body says it."""
        return {self.what.value: self.value, **({"sha256": self.sha256} if self.sha256 else {})}


@dataclass(frozen=True)
class Step:
    """One step. `run` is the argv of a verb; `text` is what is checked or deviated from; `aloud` is a step's number.

    A word of `run` may stand for a digest that an earlier step answers: TAKEN_OVER.
    """

    title: str
    minutes: int
    does: Does
    say: str = ""
    run: tuple[str, ...] = ()
    text: str = ""
    aloud: int = 0

    @property
    def sources(self) -> tuple[int, ...]:
        """The steps that it takes something from: a digest for a word, or what is read aloud."""
        taken = tuple(int(found[1]) for word in self.run if (found := TAKEN_OVER.fullmatch(word)))
        return (self.aloud,) if self.does is Does.READ_ALOUD else taken

    def members(self) -> dict[str, Any]:
        """As the body says it."""
        done = {Does.RUN: list(self.run), Does.READ_ALOUD: self.aloud}.get(self.does, self.text)
        said = {"say": self.say} if self.say else {}
        return {"title": self.title, "minutes": self.minutes, **said, self.does.value: done}


@dataclass(frozen=True)
class Ceremony:
    """A session at the host. `version` counts its revisions; `seed` names the public seed of a rehearsal."""

    title: str
    version: int
    people: tuple[Person, ...]
    assertions: tuple[Assertion, ...]
    steps: tuple[Step, ...]
    rehearsal: bool
    seed: str = ""

    def to_bytes(self) -> bytes:
        """The canonical body."""
        return KIND.body(
            {
                "title": self.title,
                "version": self.version,
                "rehearsal": self.rehearsal,
                **({"seed": self.seed} if self.seed else {}),
                "people": [{"name": each.name, "role": each.role} for each in self.people],
                "assertions": [each.members() for each in self.assertions],
                "steps": [each.members() for each in self.steps],
            }
        )

    @property
    def digest(self) -> bytes:
        """What people compare: the SHA-256 of the canonical body."""
        return hashlib.sha256(self.to_bytes()).digest()

    @property
    def minutes(self) -> int:
        """How long all of it is expected to take."""
        return sum(step.minutes for step in self.steps)

    def of_role(self, role: Role) -> tuple[Person, ...]:
        """Who does this."""
        return tuple(person for person in self.people if person.role is role)


def read_ceremony(data: bytes) -> Ceremony:
    """The ceremony in a text, or in the canonical body. Raises Malformed."""
    return _body(data) if data.startswith(b"{") else _body(_canonical(read_yaml(data, YAML_LIMITS)))


def _canonical(value: Mapping[str, Any]) -> bytes:
    """The body of what a person wrote: the type comes in, blocks lose their last line's end, numbers become words."""
    if "type" in value:
        raise Malformed("ceremony.type: is not written in the text", check_id="CEREMONY-SCHEMA")
    steps = value.get("steps")
    written = [_written(step) for step in steps] if isinstance(steps, list) else steps
    whole = {"type": KIND.type, "assertions": [], "rehearsal": False, **value, "steps": written}
    try:
        return canonical_bytes({name: member for name, member in whole.items() if member is not None})
    except ValueError as error:
        raise Malformed(f"ceremony: {error}", check_id="CEREMONY-SCHEMA") from None


def _written(step: Any) -> Any:
    if not isinstance(step, dict):
        return step
    texts = {name: each.rstrip("\n") if type(each) is str else each for name, each in step.items()}
    if isinstance(run := step.get("run"), list):
        texts["run"] = [str(word) if type(word) is int else word for word in run]
    return texts


def _body(data: bytes) -> Ceremony:
    fields = KIND.read(data, ("title", "version", "rehearsal", "seed?", "people", "assertions", "steps"))
    ceremony = Ceremony(
        fields.text("title", LINE, TITLE_LIMIT),
        fields.integer("version", 1),
        tuple(_person(each) for each in fields.objects("people", ("name", "role"), MOST_PEOPLE)),
        tuple(_assertion(fields, each, n) for n, each in enumerate(fields.items("assertions", MOST_STEPS))),
        tuple(_step(fields, each, n) for n, each in enumerate(fields.items("steps", MOST_STEPS))),
        fields.flag("rehearsal"),
        fields.text("seed", _SEED) if fields.has("seed") else "",
    )
    _expect_people(ceremony)
    _expect_places(ceremony)
    if ceremony.rehearsal != bool(ceremony.seed):
        words = "a rehearsal names one" if ceremony.rehearsal else "nothing real has one"
        raise Malformed(f"ceremony.seed: {words}", check_id="CEREMONY-SEED")
    return ceremony


def _person(fields: Fields) -> Person:
    return Person(fields.text("name", LINE, TITLE_LIMIT), fields.choice("role", Role))


def _assertion(fields: Fields, value: object, n: int) -> Assertion:
    given = [each for each in Asserted if isinstance(value, dict) and each in value]
    if len(given) != 1:
        raise fields.wrong(f"assertions[{n}]", f"expected one of {', '.join(Asserted)}")
    what = given[0]
    names = (what, "sha256") if what is Asserted.FILE else (what,)
    one = Fields(value, names, f"ceremony.assertions[{n}]", "CEREMONY-SCHEMA")
    if what is Asserted.FILE:
        return Assertion(what, one.text(what, LINE, PATH_LIMIT), one.sha256("sha256"))
    state = one.text(what)
    if state not in _ASSERTED[what]:
        raise one.wrong(what, f"expected {' or '.join(_ASSERTED[what])}")
    return Assertion(what, state)


def _step(fields: Fields, value: object, n: int) -> Step:
    given = [each for each in Does if isinstance(value, dict) and each in value]
    if len(given) != 1:
        raise fields.wrong(f"steps[{n}]", f"expected one of {', '.join(Does)}")
    does = given[0]
    one = Fields(value, ("title", "minutes", "say?", does), f"ceremony.steps[{n}]", "CEREMONY-SCHEMA")
    return Step(
        one.text("title", LINE, TITLE_LIMIT),
        one.integer("minutes", 1, MOST_MINUTES),
        does,
        one.text("say", _TEXT, TEXT_LIMIT) if one.has("say") else "",
        _words(one) if does is Does.RUN else (),
        one.text(does, _TEXT, TEXT_LIMIT) if does in (Does.CHECK, Does.DEVIATION) else "",
        one.integer(does, 1, MOST_STEPS) if does is Does.READ_ALOUD else 0,
    )


def _words(fields: Fields) -> tuple[str, ...]:
    words = fields.items("run", MOST_WORDS)
    if not words or any(type(word) is not str or not _WORD.fullmatch(word) for word in words):
        raise fields.wrong("run", "expected the words of a verb")
    return tuple(words)


def _expect_people(ceremony: Ceremony) -> None:
    twice = [name for name, count in Counter(each.name.casefold() for each in ceremony.people).items() if count > 1]
    missing = [role for role in Role if not ceremony.of_role(role)]
    if twice or missing:
        words = f"{twice[0]!a:.60} is named twice" if twice else f"there is no {missing[0]}"
        raise Malformed(f"ceremony.people: {words}", check_id="CEREMONY-PEOPLE")


def _expect_places(ceremony: Ceremony) -> None:
    """Where GO TO and read_aloud lead."""
    for n, step in enumerate(ceremony.steps):
        for place in _GO_TO.findall(f"{step.say}\n{step.text}"):
            if not 1 <= int(place) <= len(ceremony.steps):
                raise Malformed(f"ceremony.steps[{n}]: GO TO {place}: no such step", check_id="CEREMONY-GO-TO")
        for source in step.sources:
            if not 1 <= source <= n or ceremony.steps[source - 1].does is not Does.RUN:
                words = f"step {source} is no earlier step that runs a verb"
                raise Malformed(f"ceremony.steps[{n}].{step.does}: {words}", check_id="CEREMONY-EARLIER")
    if not ceremony.steps:
        raise Malformed("ceremony.steps: there is none", check_id="CEREMONY-SCHEMA")
