"""docs/papers.md: which rule of which paper is checked where, and by which tests; made from the RULES of values/.

PYTHONPATH=tests:authority/src .venv/bin/python -m support.rules_page > docs/papers.md
"""

from __future__ import annotations

import ast
import importlib
import pkgutil
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from asl_authority import values
from asl_authority.operations.own_rules import OWN_RULES
from asl_authority.values.kinds import Kind
from asl_authority.values.rules import Rule
from support.told import refusals

HOUSE = Path(__file__).parents[2]
TESTS = HOUSE / "tests"
STORIES = TESTS / "authority/stories"
EXCUSES = "support/told.py"  # to be named there is not to be tried

HEAD = """# The papers and their rules

What the authority program holds the papers to. Each rule has a check id, the same in the code, in what the program
says, in the log and in tests. **S**: the paper states it. **C**: the paper is silent, cut off or contradicts another,
and we chose. A row leads from the rule to the module that checks it, to the stories that
tell the refusal (`….txt`) and to the tests that try it; the bytes to try it
with are the [test vectors](../tests/authority/vectors/README.md) (`samples/…`, tried by `test_vectors`).

This page is made from the `RULES` of the modules in `authority/src/asl_authority/values/`; do not edit it:

    PYTHONPATH=tests:authority/src .venv/bin/python -m support.rules_page > docs/papers.md
"""


@dataclass(frozen=True)
class Paper:
    """A module that has rules. `text` is its source."""

    name: str
    rules: tuple[Rule, ...]
    text: str
    kinds: tuple[Kind, ...] = ()


def papers() -> list[Paper]:
    """Every module of values/ with RULES."""
    found = []
    for info in pkgutil.iter_modules(values.__path__):
        module = importlib.import_module(f"{values.__name__}.{info.name}")
        if hasattr(module, "RULES"):
            found.append(_paper(info.name, module))
    return found


def _paper(name: str, module: ModuleType) -> Paper:
    kinds = tuple(value for value in vars(module).values() if isinstance(value, Kind))
    return Paper(name, module.RULES, Path(str(module.__file__)).read_text("utf-8"), kinds)


def tests() -> dict[str, str]:
    """The text of every test, and of what tests are made from, by its name."""
    found = {path.relative_to(TESTS).as_posix(): path.read_text("utf-8") for path in sorted(TESTS.rglob("*.py"))}
    return {name: text for name, text in found.items() if name != EXCUSES}


def problems(papers: Iterable[Paper], tests: Mapping[str, str]) -> Iterator[str]:
    """What is wrong with the rules: told twice, never checked, never tried, or checked and not told."""
    every = list(papers)
    counted = Counter(rule.check_id for paper in every for rule in paper.rules)
    counted.update(rule.check_id for rule in OWN_RULES)
    yield from (f"{check_id}: is a rule {count} times" for check_id, count in counted.items() if count > 1)
    for paper in every:
        used = set(strings(paper.text)) | {kind.schema_id for kind in paper.kinds}
        for rule in paper.rules:
            if rule.check_id not in used:
                yield f"{rule.check_id}: {paper.name}.py never checks it"
            if not tried(rule.check_id, tests):
                yield f"{rule.check_id}: no test mentions it"
        for check_id in _answers(paper.text):
            if check_id not in counted:
                yield f"{check_id}: {paper.name}.py answers it and no RULES tell it"


def page(papers: Iterable[Paper], tests: Mapping[str, str], stories: Mapping[str, str] | None = None) -> str:
    """The page."""
    rows: dict[str, list[str]] = {}
    told = refusals(stories or {})
    for paper in papers:
        for rule in paper.rules:
            trying = (*told.get(rule.check_id, ()), *tried(rule.check_id, tests))
            names = " ".join(f"`{name.removesuffix('.py')}`" for name in trying)
            cells = (f"`{rule.check_id}`", rule.basis, rule.says, f"`{paper.name}`", names)
            rows.setdefault(rule.paper, []).append("| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |")
    parts = [HEAD]
    for name in sorted(rows, key=str.lower):
        head = "| check | | rule | module | tests |\n|---|---|---|---|---|\n"
        parts.append(f"## {name}\n\n{head}" + "\n".join(rows[name]) + "\n")
    return "\n".join(parts)


def stories() -> dict[str, str]:
    """The text of every story, by its name."""
    return {path.name: path.read_text("utf-8") for path in sorted(STORIES.glob("*.txt"))}


def tried(check_id: str, tests: Mapping[str, str]) -> list[str]:
    """The tests that name this check id."""
    quoted = f'"{check_id}"'
    return [short(name) for name, text in tests.items() if quoted in text]


def short(name: str) -> str:
    """A test's name without what all have."""
    return name.removeprefix("authority/").removeprefix("support/")


def strings(text: str) -> Iterator[str]:
    """The strings of a module, without its RULES and without what only documents."""
    for statement in ast.parse(text).body:
        if isinstance(statement, ast.Assign) and any(
            isinstance(t, ast.Name) and t.id == "RULES" for t in statement.targets
        ):
            continue
        yield from (n.value for n in ast.walk(statement) if isinstance(n, ast.Constant) and isinstance(n.value, str))


def _answers(text: str) -> Iterator[str]:
    """The check ids that a module gives to a Finding or to Malformed."""
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.Call):
            continue
        given = [keyword.value for keyword in node.keywords if keyword.arg == "check_id"]
        if isinstance(node.func, ast.Name) and node.func.id == "Finding":
            given += node.args[:1]
        yield from (each.value for each in given if isinstance(each, ast.Constant) and isinstance(each.value, str))


def main() -> None:
    """Write the page on stdout."""
    sys.stdout.write(page(papers(), tests(), stories()))


if __name__ == "__main__":
    main()
