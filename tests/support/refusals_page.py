"""docs/refusals.md: what the program itself demands, where it does, and which stories and tests try it.

PYTHONPATH=tests:authority/src .venv/bin/python -m support.refusals_page > docs/refusals.md
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path

import asl_authority
from asl_authority.operations.own_rules import OWN_RULES, OwnRule
from support.rules_page import stories, strings, tests, tried

SOURCES = Path(asl_authority.__file__).parent
TABLE = "operations/own_rules.py"
ERRORS = (
    *("AuthorityError", "UsageError", "ConfigError", "Malformed", "Refused", "IoFailed"),
    *("UnlockFailed", "Damaged", "Busy", "Aborted"),
)

# How an f-string begins that makes up a check id.
_BEGUN = re.compile("f.[A-Z][A-Z0-9]*(-[A-Z0-9]+)*-{")

HEAD = """# Refusals

Whatever the authority program refuses begins with a check id, then says what and where, and ends with what to do now:

    asl-auth-host: CLAIM-MISSING: nothing is signed: there is no claim of this start
      make one: claim

`asl-auth-host explain CHECK-ID` says the same as this page and as [the papers and their rules](papers.md), on the host.
Here is what the program demands besides the papers. What to do now is what is said where the place that refuses knows
nothing better. Exit statuses are in the manual page.

This page is made from `authority/src/asl_authority/operations/own_rules.py`; do not edit it:

    PYTHONPATH=tests:authority/src .venv/bin/python -m support.refusals_page > docs/refusals.md

"""


def sources() -> dict[str, str]:
    """The text of every module of the program but the table itself, by its place."""
    found = {path.relative_to(SOURCES).as_posix(): path.read_text("utf-8") for path in sorted(SOURCES.rglob("*.py"))}
    return {place: text for place, text in found.items() if place != TABLE}


def page(
    rules: Iterable[OwnRule], modules: Mapping[str, str], told: Mapping[str, str], tests: Mapping[str, str]
) -> str:
    """The page."""
    rows = ["| check | rule | what now | where | tried in |", "|---|---|---|---|---|"]
    for rule in rules:
        where = " ".join(f"`{place.removesuffix('.py')}`" for place in _using(rule.check_id, modules))
        names = " ".join(f"`{name.removesuffix('.py')}`" for name in trying(rule.check_id, told, tests))
        cells = (f"`{rule.check_id}`", rule.says, rule.now, where, names)
        rows.append("| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |")
    return HEAD + "\n".join(rows) + "\n"


def problems(
    rules: Iterable[OwnRule],
    of_papers: Iterable[str],
    modules: Mapping[str, str],
    told: Mapping[str, str],
    tests: Mapping[str, str],
) -> Iterator[str]:
    """What is wrong: refused by no rule, demanded and in no table, or in the table and demanded or tried nowhere."""
    own = [rule.check_id for rule in rules]
    known = {*own, *of_papers}
    for place, text in modules.items():
        for line, name, given in _raised(text):
            if given is None and name in ("Refused", "ConfigError"):
                yield f"{place}:{line}: a refusal without a check id"
            if given is not None and given not in known:
                yield f"{place}:{line}: {given} stands in no table"
        for line in _made_up(text):
            yield f"{place}:{line}: a check id that is put together, so no table can have it"
    for check_id in own:
        if not _using(check_id, modules):
            yield f"{check_id}: nothing demands it"
        if not trying(check_id, told, tests):
            yield f"{check_id}: no story and no test mentions it"


def trying(check_id: str, told: Mapping[str, str], tests: Mapping[str, str]) -> list[str]:
    """The stories and tests in which it is met."""
    return [*(name for name, text in told.items() if check_id in text), *tried(check_id, tests)]


def _using(check_id: str, modules: Mapping[str, str]) -> list[str]:
    return [place for place, text in modules.items() if check_id in _words(text)]


@cache
def _words(text: str) -> frozenset[str]:
    """A module's strings; every rule is looked for in every module."""
    return frozenset(strings(text))


def _raised(text: str) -> Iterator[tuple[int, str, str | None]]:
    """Each error that is made: its line, its class, and its check id; an id that is no constant counts as given."""
    constants = _constants(text)
    for node in ast.walk(ast.parse(text)):
        if not (
            isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in (*ERRORS, "Finding")
        ):
            continue
        given = [keyword.value for keyword in node.keywords if keyword.arg == "check_id"]
        given += node.args[:1] if node.func.id == "Finding" else []
        if not given:
            yield node.lineno, node.func.id, None
        elif isinstance(given[0], ast.Constant):
            yield node.lineno, node.func.id, str(given[0].value)
        elif isinstance(given[0], ast.Name) and given[0].id in constants:
            yield node.lineno, node.func.id, constants[given[0].id]


def _made_up(text: str) -> list[int]:
    """The lines where an f-string is a check id or begins like one, wherever it goes: the whole id stands nowhere."""
    found = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.JoinedStr) and _BEGUN.match(ast.unparse(node)):
            found.add(node.lineno)
        if isinstance(node, ast.Call):
            given = [keyword.value for keyword in node.keywords if keyword.arg == "check_id"]
            given += node.args[:1] if isinstance(node.func, ast.Name) and node.func.id == "Finding" else []
            found |= {each.lineno for each in given if isinstance(each, ast.JoinedStr)}
    return sorted(found)


def _constants(text: str) -> dict[str, str]:
    found = {}
    for statement in ast.parse(text).body:
        if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Constant):
            for target in statement.targets:
                if isinstance(target, ast.Name) and isinstance(statement.value.value, str):
                    found[target.id] = statement.value.value
    return found


def main() -> None:
    """Write the page on stdout."""
    sys.stdout.write(page(OWN_RULES, sources(), stories(), tests()))


if __name__ == "__main__":
    main()
