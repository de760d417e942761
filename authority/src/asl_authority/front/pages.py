"""Paper: blocks of lines on numbered pages, each with the same head; as text with form feeds, or as PDF."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from asl_authority.front.ui import WIDTH
from asl_authority.values.pdf import DARK

LINES = 60

Block = Sequence[str]


def paged(blocks: Iterable[Block], left: str, head: Sequence[str]) -> list[list[str]]:
    """Pages of at most LINES lines. A block stays whole where a page can hold it; `left` stands beside the number."""
    room = LINES - len(head) - 2
    bodies: list[list[str]] = [[]]
    for block in blocks:
        rest = list(block)
        if bodies[-1] and len(bodies[-1]) + 1 + len(rest) > room:
            bodies.append([])
        elif bodies[-1]:
            bodies[-1].append("")
        while len(rest) > room:
            bodies[-1], rest = rest[:room], rest[room:]
            bodies.append([])
        bodies[-1] += rest
    return [[*_numbered(left, n, len(bodies)), *head, "-" * WIDTH, *body] for n, body in enumerate(bodies, 1)]


def as_text(pages: Iterable[Sequence[str]]) -> str:
    """For a printer that knows form feeds, and for eyes; a dark cell is a #."""
    return "\f".join("".join(f"{line.replace(DARK, '#').rstrip()}\n" for line in page) for page in pages)


def as_pdf(pages: Sequence[Sequence[str]], title: str) -> bytes:
    """For every other printer."""
    from asl_authority.values.pdf import make_pdf

    return make_pdf(pages, title)


def _numbered(left: str, page: int, pages: int) -> list[str]:
    right = f"page {page} of {pages}"
    return [f"{left:<{WIDTH - len(right)}}{right}"]
