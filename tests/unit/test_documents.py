"""The documents say what is there: every module, every verb and option, and no link that leads nowhere."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from asl_authority.contract import ExitStatus
from asl_authority.values.kinds import Kind
from asl_authority.values.rules import Rule
from asl_image.cli import PROGRAM, door
from asl_image.verbs.reference import COMMON, door_text, verbs_of
from asl_image.verbsdoc import STATUSES, DoorText, OptionText, VerbText, man_page, reference_page
from support import rules_page
from support.rules_page import Paper

HOUSE = Path(__file__).parents[2]
SOURCES = (HOUSE / "src/asl_image", HOUSE / "authority/src/asl_authority")
# A link in Markdown: `[text](target)`; what is between backticks is no link.
CODE = re.compile(r"^```.*?^```|`[^`\n]*`", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ +(.*)$", re.MULTILINE)


def documents() -> list[Path]:
    """Every Markdown file of the project that is not made by a build."""
    folders = (HOUSE, HOUSE / "docs", HOUSE / "src", HOUSE / "bench", HOUSE / "authority", HOUSE / "tests")
    found = {path for folder in folders[1:] for path in folder.rglob("*.md")}
    return sorted(found | set(HOUSE.glob("*.md")))


def anchors(text: str) -> set[str]:
    """The anchors that GitHub makes of a page's headings."""
    headings = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in HEADING.findall(CODE.sub(without_ticks, text)))
    return {heading.strip().replace(" ", "-") for heading in headings}


def without_ticks(code: re.Match[str]) -> str:
    """A word in code as a heading shows it; a block of code has no headings."""
    return "" if code[0].startswith("```") else code[0].strip("`")


def broken_links(page: Path, text: str) -> list[str]:
    """The links of a page that lead to nothing in this project; the web is not looked at."""
    broken = []
    for target in LINK.findall(CODE.sub("", text)):
        if "://" in target or target.startswith("mailto:"):
            continue
        name, _, anchor = target.partition("#")
        there = page.parent / name if name else page
        if not there.exists() or (anchor and anchor not in anchors(text if not name else there.read_text("utf-8"))):
            broken.append(target)
    return broken


def unnamed_modules(text: str) -> list[str]:
    """Modules of both programs whose path (from their package) the text does not have in code."""
    return [
        name
        for source in SOURCES
        for path in sorted((*source.rglob("*.py"), *source.rglob("*.c")))
        if path.name != "__init__.py" and f"`{(name := path.relative_to(source).as_posix())}`" not in text
    ]


def the_door() -> DoorText:
    return door_text(door.make_context(PROGRAM, [], resilient_parsing=True))


def test_architecture_names_every_module() -> None:
    assert unnamed_modules((HOUSE / "ARCHITECTURE.md").read_text("utf-8")) == []


def test_a_module_that_is_named_outside_of_code_or_by_half_its_path_is_missed() -> None:
    text = "`plan.py` is one; cache.py, `manifest.py` and `steps/iso.pyx` are not"

    assert "plan.py" not in unnamed_modules(text)
    assert {"cache.py", "steps/manifest.py", "steps/iso.py"} <= set(unnamed_modules(text))


@pytest.mark.parametrize("page", documents(), ids=lambda page: page.relative_to(HOUSE).as_posix())
def test_every_link_leads_somewhere(page: Path) -> None:
    assert broken_links(page, page.read_text("utf-8")) == []


@pytest.mark.parametrize("link", ["nowhere.md", "docs/nowhere.md#x", "README.md#no-such-heading", "#nor-this"])
def test_a_link_that_leads_nowhere_is_found(link: str) -> None:
    assert broken_links(HOUSE / "README.md", f"# Title\n[x]({link}) `[y](in-code.md)`") == [link]


def test_links_to_files_folders_headings_and_the_web_are_right() -> None:
    links = "[a](Makefile) [b](docs/) [c](#the-title) [d](https://example.org/x) [e](CONTRIBUTING.md#set-up)"

    assert broken_links(HOUSE / "README.md", f"# The `title`\n{links}") == []


def test_the_reference_page_is_current() -> None:
    kept = (HOUSE / "docs/reference.md").read_text("utf-8")

    assert kept == reference_page(the_door()), "run: ./build.py reference > docs/reference.md"


def test_the_reference_page_has_every_verb_with_all_its_options() -> None:
    pattern = r"^## ([\w-]+(?: [\w-]+)?)\n(.*?)(?=^## |\Z)"
    sections = dict(re.findall(pattern, reference_page(the_door()), re.MULTILINE | re.DOTALL))
    assert "kit export" in sections
    for name, verb in verbs_of(door):
        shown = {word for param in verb.params if not getattr(param, "hidden", False) for word in param.opts}
        options = {word for word in shown if word.startswith("-")} - set(COMMON)
        assert options == set(re.findall(r"^\| `(--[\w-]+)`", sections[name], re.MULTILINE)), name


def test_every_option_says_what_it_means() -> None:
    made = the_door()
    options = [*made.options, *made.common, *(option for verb in made.verbs for option in verb.options)]

    assert [option.words for option in options if not option.meaning.endswith((".", ")"))] == []


def test_hidden_options_stay_hidden() -> None:
    assert "--inside" not in reference_page(the_door())
    assert "inside" not in man_page(the_door())


def test_the_readme_counts_the_steps_of_the_plan() -> None:
    steps = re.findall(
        r"^ ?\d+ [a-z-]+  [0-9a-f]{64}$", (HOUSE / "tests/golden/plan-authority.txt").read_text(), re.MULTILINE
    )

    assert f"plan: {len(steps)} steps" in (HOUSE / "README.md").read_text()


def test_every_exit_status_has_its_meaning() -> None:
    assert list(STATUSES) == list(ExitStatus)


def test_the_manual_page_is_plain_roff_that_no_text_can_break() -> None:
    made = the_door()
    option = OptionText(("--odd",), "…is it? 'quoted' \\n", choices=("a", "b"), default="a")
    odd = replace(made, verbs=(VerbText("odd", "odd NAME", ".SH is no request", (option,)),))
    page = man_page(odd)

    assert page.isascii()
    assert "\n\\&.SH is no request\n" in page
    assert "\\fB\\-\\-odd\\fR \\fIa|b\\fR\n\\[u2026]is it? 'quoted' \\en Default: a.\n" in page


@pytest.mark.skipif(shutil.which("groff") is None, reason="no groff to read it")
def test_groff_reads_the_manual_page_without_a_complaint() -> None:
    done = subprocess.run(
        ["groff", "-man", "-Tutf8", "-ww"], input=man_page(the_door()).encode(), capture_output=True, check=False
    )

    assert (done.returncode, done.stderr) == (0, b"")
    assert b"EXIT STATUS" in re.sub(rb"\x1b\[\d+m|.\x08", b"", done.stdout)


def test_every_rule_of_a_paper_is_checked_in_its_module_and_tried_by_a_test() -> None:
    assert list(rules_page.problems(rules_page.papers(), rules_page.tests())) == []


def test_the_page_of_the_papers_is_current() -> None:
    kept = (HOUSE / "docs/papers.md").read_text("utf-8")

    assert kept == rules_page.page(rules_page.papers(), rules_page.tests(), rules_page.stories()), (
        "run: PYTHONPATH=tests:authority/src .venv/bin/python -m support.rules_page > docs/papers.md"
    )


def paper(text: str, *check_ids: str, kinds: tuple[Kind, ...] = ()) -> Paper:
    return Paper("x", tuple(Rule(check_id, "P/1", "S", "A | b.") for check_id in check_ids), text, kinds)


CHECKED = """RULES = (Rule("X-A", PAPER, "S", "…"), Rule("X-SCHEMA", PAPER, "S", "…"))
def check(): return Finding("X-A", True, "")
"""
TRIED = {"authority/test_x.py": 'assert "X-A"; assert "X-SCHEMA"'}


def test_a_rule_that_is_checked_and_tried_has_its_row() -> None:
    good = paper(CHECKED, "X-A", "X-SCHEMA", kinds=(Kind("x"),))

    assert list(rules_page.problems([good], TRIED)) == []
    assert "## P/1\n" in rules_page.page([good], TRIED)
    assert "| `X-A` | S | A \\| b. | `x` | `test_x` |\n" in rules_page.page([good], TRIED)


@pytest.mark.parametrize(
    ("problem", "papers", "tests"),
    [
        ("X-A: no test mentions it", [paper(CHECKED, "X-A")], {"test_y.py": "X-A"}),
        ("X-SCHEMA: x.py never checks it", [paper(CHECKED, "X-A", "X-SCHEMA")], TRIED),
        ("X-A: is a rule 2 times", [paper(CHECKED, "X-A"), paper(CHECKED, "X-A")], TRIED),
        ("X-A: x.py answers it and no RULES tell it", [paper(CHECKED)], TRIED),
        (
            "X-B: x.py answers it and no RULES tell it",
            [paper('raise Malformed("", check_id="X-B")')],
            TRIED,
        ),
    ],
)
def test_a_rule_that_only_stands_there_is_named(problem: str, papers: list[Paper], tests: dict[str, str]) -> None:
    assert list(rules_page.problems(papers, tests)) == [problem]
