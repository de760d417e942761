"""Whatever is refused is refused by a rule that stands in a table, and says what to do now."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from asl_authority import errors
from asl_authority.contract import ExitStatus
from asl_authority.errors import AuthorityError, Damaged, IoFailed, Malformed, Refused, UsageError
from asl_authority.front import ui
from asl_authority.operations.own_rules import OWN_RULES, OwnRule, every_rule, own_rule, what_now
from support import refusals_page, rules_page, told

pytestmark = pytest.mark.workstation  # it reads the pages of the project

CLASSES = [each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, AuthorityError)]
MADE_UP = "a check id that is put together, so no table can have it"
RULE = OwnRule("X-RULE", "A | b.", "do c")
TOLD = {"x.txt": "! asl-auth-host: X-RULE: no\n"}


def problems(text: str, *rules: OwnRule, told: dict[str, str] = TOLD) -> list[str]:
    return list(refusals_page.problems(rules, ("OF-A-PAPER",), {"front/x.py": text}, told, {}))


def test_every_refusal_has_a_rule_and_every_rule_is_demanded_and_tried() -> None:
    of_papers = [rule.check_id for paper in rules_page.papers() for rule in paper.rules]
    asked = (OWN_RULES, of_papers, refusals_page.sources(), rules_page.stories(), rules_page.tests())

    assert list(refusals_page.problems(*asked)) == []


def test_the_page_of_the_refusals_is_current() -> None:
    page = refusals_page.page(OWN_RULES, refusals_page.sources(), rules_page.stories(), rules_page.tests())

    assert (rules_page.HOUSE / "docs/refusals.md").read_text("utf-8") == page, (
        "run: PYTHONPATH=tests:authority/src .venv/bin/python -m support.refusals_page > docs/refusals.md"
    )


@pytest.mark.parametrize(
    ("problem", "text", "rules"),
    [
        ("front/x.py:1: a refusal without a check id", 'raise Refused("no", hint="x")', ()),
        ("front/x.py:1: a refusal without a check id", 'raise ConfigError("no")', ()),
        ("front/x.py:1: X-RULE stands in no table", 'raise Damaged("no", check_id="X-RULE")', ()),
        ("front/x.py:2: X-RULE stands in no table", 'ID = "X-RULE"\nFinding(ID, ok=False, detail="")', ()),
        ("X-RULE: nothing demands it", "", (RULE,)),
        (f"front/x.py:1: {MADE_UP}", 'raise Refused("no", check_id=f"{paper}-RULE")', ()),
        (f"front/x.py:1: {MADE_UP}", 'Finding(f"X-{what}", ok=False, detail="")', ()),
        (f"front/x.py:2: {MADE_UP}", 'def id_of(what):\n    return f"X-{what.upper()}"', ()),
    ],
)
def test_what_is_wrong_with_a_refusal_is_said(problem: str, text: str, rules: tuple[OwnRule, ...]) -> None:
    assert problems(text, *rules) == [problem]


def test_a_rule_that_nothing_tries_is_named() -> None:
    assert problems('raise Refused("", check_id="X-RULE")', RULE, told={}) == [
        "X-RULE: no story and no test mentions it"
    ]


def test_a_refusal_by_a_rule_of_a_table_is_good_and_has_its_row() -> None:
    text = 'raise Refused("", check_id="X-RULE")\nraise Malformed("", check_id="OF-A-PAPER")\nraise UsageError("")'

    assert problems(text, RULE) == []
    assert "| `X-RULE` | A \\| b. | do c | `front/x` | `x.txt` |\n" in refusals_page.page(
        [RULE], {"front/x.py": text}, TOLD, {}
    )


@pytest.mark.parametrize("kind", [each for each in CLASSES if each.general_id], ids=lambda each: each.__name__)
def test_every_class_of_error_has_a_rule_of_its_own_and_says_what_to_do(kind: type[AuthorityError]) -> None:
    assert own_rule(kind.general_id) is not None
    assert what_now(kind("no"))
    assert what_now(kind("no", check_id="LOG-CHAIN"))  # a paper's


def test_who_refuses_knows_best_what_to_do() -> None:
    assert ui.error_text("x", Refused("no", check_id="PATH-TAKEN", hint="do d"), "x y") == "x: PATH-TAKEN: no\n  do d\n"


@pytest.mark.parametrize(
    ("error", "now"),
    [
        (Refused("no", check_id="PATH-TAKEN"), "name a new one"),
        (UsageError("no"), "see: x y --help"),
        (UsageError("no", check_id="PATH-MISSING"), "look at the path; it is taken as typed"),
        (Malformed("no", check_id="LOG-CHAIN"), "nothing of it was used; what the rule says: explain LOG-CHAIN"),
        (Refused("no", check_id="DAM-VERSION"), "nothing was done; what the rule says: explain DAM-VERSION"),
        (IoFailed("no"), "is it still connected, and readable? then try again"),
    ],
)
def test_else_the_rule_says_it(error: AuthorityError, now: str) -> None:
    assert ui.hint_of(error, "x y") == now


def test_a_damaged_store_is_left_alone_whatever_was_found_in_it() -> None:
    assert "do not write to this volume" in ui.hint_of(Damaged("no", check_id="LOG-CHAIN"), "x y")


def test_the_ids_of_program_and_papers_are_apart_and_all_are_told() -> None:
    rules = every_rule()

    assert len(rules) == len(OWN_RULES) + sum(len(paper.rules) for paper in rules_page.papers())
    assert rules["LOG-CHAIN"].basis == "S"
    assert rules["PATH-TAKEN"].paper == "The program"


def sentences() -> Iterator[str]:
    yield from (rule.says for rule in OWN_RULES)


def test_every_rule_is_a_sentence_and_what_to_do_is_none() -> None:
    assert [
        says for says in sentences() if not (says[0].isupper() or says.startswith("scrypt")) or says[-1] != "."
    ] == []
    assert [rule.now for rule in OWN_RULES if rule.now[0].isupper() or rule.now.endswith(".")] == []
    assert all(rule.says.isascii() and rule.now.isascii() for rule in OWN_RULES)


def test_no_rule_is_there_twice() -> None:
    assert len({rule.check_id for rule in OWN_RULES}) == len(OWN_RULES)
    assert Path(refusals_page.SOURCES, refusals_page.TABLE).is_file()
    assert {kind.status for kind in CLASSES} == set(ExitStatus) - {ExitStatus.DONE, ExitStatus.PROGRAM_FAILED}


def test_every_rule_is_refused_in_a_story_or_it_is_said_why_not() -> None:
    assert list(told.problems(every_rule(), rules_page.stories(), told.UNTOLD)) == []


@pytest.mark.parametrize(
    "line",
    [
        "! asl-auth-host: X-RULE: no",
        "! asl-auth-host: dam.json: X-RULE: no",
        "X-RULE: no; once more",
        "FAILED  X-RULE  no",
        "! FAILED  X-RULE  no",
        '      "check_id": "X-RULE",\n      "ok": false,',
    ],
)
def test_a_refusal_of_a_story_is_found_in_each_of_its_forms(line: str) -> None:
    assert told.refusals({"x.txt": f"# x\n{line}\n"}) == {"X-RULE": ["x.txt"]}


@pytest.mark.parametrize(
    "line", ["ok      X-RULE  yes", "# X-RULE: ", '"check_id": "X-RULE",\n "ok": true', "ok: X-RULE: a"]
)
def test_what_only_names_a_rule_refuses_nothing(line: str) -> None:
    assert told.refusals({"x.txt": f"{line}\n"}) == {}


def test_an_excuse_has_its_end() -> None:
    assert list(told.problems(["X-RULE", "Y-RULE"], TOLD, {"X-RULE": "w", "Z-RULE": "w"})) == [
        "Y-RULE: no story refuses it",
        "X-RULE: is told, and excused",
        "Z-RULE: is excused, and no rule",
    ]
