"""A comparison as people read it: plain text for a terminal, Markdown for a pull request."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict

from asl_image.compare import FOLLOWS, Comparison, Difference
from asl_image.screen import in_unit

MOST_ROWS = 40  # in one part; `--json` has all


def as_text(a: str, b: str, found: Comparison) -> str:
    """For a terminal."""
    if not found.differences:
        return f"{a} and {b} are the same, byte for byte"
    lines = [f"{len(found.differences)} differences between {a} and {b}"]
    for part, rows in parts(found):
        lines += ["", f"{part}: {summary(rows)}"]
        for row in rows[:MOST_ROWS]:
            lines.append(f"  {SIGNS[row.change]} {row.name}  {told(row)}  [{row.cause}]")
        lines += more(rows)
    if found.sizes:
        lines += ["", "sizes by package"]
        lines += [f"  {name:32} {said}" for name, said in sizes(found)]
    lines += ["", "causes"]
    lines += [f"  {cause:18} {number}" + remedies(found, cause) for cause, number in found.causes().items()]
    return "\n".join(lines)


SIGNS = {"added": "+", "removed": "-", "changed": "~"}


def as_markdown(a: str, b: str, found: Comparison) -> str:
    """For a pull request."""
    if not found.differences:
        return f"`{a}` and `{b}` are the same, byte for byte."
    lines = [
        f"## `{a}` → `{b}`",
        "",
        f"{len(found.differences)} differences.",
        "",
        "| cause | differences |",
        "|---|---|",
    ]
    lines += [f"| {cause} | {number} |" for cause, number in found.causes().items()]
    for part, rows in parts(found):
        lines += [
            "",
            f"### {part}",
            "",
            summary(rows),
            "",
            "| | name | before | after | cause |",
            "|---|---|---|---|---|",
        ]
        lines += [
            f"| {SIGNS[row.change]} | `{cell(row.name)}` | {cell(row.before)} | {cell(row.after)} | {row.cause} |"
            for row in rows[:MOST_ROWS]
        ]
        lines += ["", *(line.strip() for line in more(rows))] if len(rows) > MOST_ROWS else []
    if found.sizes:
        lines += ["", "### sizes by package", "", "| package | size |", "|---|---|"]
        lines += [f"| {cell(name)} | {said} |" for name, said in sizes(found)]
    return "\n".join(lines)


def as_data(found: Comparison) -> dict[str, object]:
    """For a program: everything, nothing left out."""
    return {
        "equal": not found.differences,
        "causes": found.causes(),
        "differences": [{**asdict(each), "change": each.change} for each in found.differences],
        "sizes": {name: list(both) for name, both in found.sizes.items()},
    }


def parts(found: Comparison) -> Iterator[tuple[str, list[Difference]]]:
    """The differences of each part, in the order in which the parts come."""
    for part in dict.fromkeys(each.part for each in found.differences):
        yield part, [each for each in found.differences if each.part == part]


def summary(rows: list[Difference]) -> str:
    """How many were added, removed and changed."""
    counted = {change: sum(row.change == change for row in rows) for change in SIGNS}
    return ", ".join(f"{number} {change}" for change, number in counted.items() if number)


def told(row: Difference) -> str:
    """Before and after, or the one that there is."""
    return f"{row.before} -> {row.after}" if row.change == "changed" else row.before or row.after


def more(rows: list[Difference]) -> list[str]:
    """How many rows are not shown."""
    return [f"  and {len(rows) - MOST_ROWS} more (all with --json)"] if len(rows) > MOST_ROWS else []


def sizes(found: Comparison) -> list[tuple[str, str]]:
    """Packages by how much they grew or shrank, the most first."""
    ordered = sorted(found.sizes.items(), key=lambda pair: (-abs(pair[1][1] - pair[1][0]), pair[0]))
    rows = [
        (name, f"{in_unit(before, 'B')} -> {in_unit(after, 'B')} ({after - before:+d})")
        for name, (before, after) in ordered[:MOST_ROWS]
    ]
    return rows if len(ordered) <= MOST_ROWS else [*rows, ("…", f"{len(ordered) - MOST_ROWS} more")]


def remedies(found: Comparison, cause: str) -> str:
    """What helps, once each."""
    said = dict.fromkeys(each.remedy for each in found.differences if each.cause == cause and each.remedy)
    return f"  {'; '.join(said)}" if said and cause != FOLLOWS else ""


def cell(text: str) -> str:
    """A text that can't end its cell of a table."""
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("`", "'").replace("\n", " ")
