"""Lines of plain ASCII as a PDF: A4, Courier, no date, the same bytes for the same lines.

There are no pictures, but DARK is a filled cell: two of them are a square, of which codes for a camera are made.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

# A4 in points; Courier is 0.6 of its size wide, so 78 columns of 10 points leave 63 points at either side.
WIDTH, HEIGHT = 595, 842
SIZE, LEADING, LEFT, TOP = 10, 12, 63, 790
LINES = 62
DARK = "\u2588"
# A cell is as wide as a character and as high as a line; so far below the baseline it ends.
CELL, BELOW = 6, 3
_RUN = re.compile(f"{DARK}+")


def make_pdf(pages: Sequence[Sequence[str]], title: str) -> bytes:
    """A page for each sequence of at most LINES lines. Raises ValueError for what can't be printed so."""
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Count %d /Kids [%s] >>"
        % (len(pages), b" ".join(b"%d 0 R" % (5 + 2 * n) for n in range(len(pages)))),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Courier /Encoding /WinAnsiEncoding >>",
        b"<< /Title (%s) >>" % _escaped(title),
    ]
    for n, lines in enumerate(pages):
        objects.append(
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 %d %d] /Resources << /Font << /F1 3 0 R >> >> "
            b"/Contents %d 0 R >>" % (WIDTH, HEIGHT, 6 + 2 * n)
        )
        objects.append(_stream(lines))
    return _file(objects)


def _stream(lines: Sequence[str]) -> bytes:
    if len(lines) > LINES:
        raise ValueError(f"{len(lines)} lines on a page of {LINES}")
    text = b"".join(b"(%s) Tj T*\n" % _escaped(line.replace(DARK, " ").rstrip(" ")) for line in lines)
    data = b"BT /F1 %d Tf %d TL %d %d Td\n%sET\n%s" % (SIZE, LEADING, LEFT, TOP, text, _cells(lines))
    return b"<< /Length %d >>\nstream\n%sendstream" % (len(data), data)


def _cells(lines: Sequence[str]) -> bytes:
    """The dark cells of a page, each run of them as one rectangle; nothing where there are none."""
    found = b"".join(
        b"%d %d %d %d re\n"
        % (LEFT + run.start() * CELL, TOP - n * LEADING - BELOW, (run.end() - run.start()) * CELL, LEADING)
        for n, line in enumerate(lines)
        for run in _RUN.finditer(line)
    )
    return found and found + b"f\n"


def _file(objects: Sequence[bytes]) -> bytes:
    """Header, numbered objects, the table of where each begins, and where that table is."""
    data = b"%PDF-1.4\n"
    places = []
    for number, each in enumerate(objects, 1):
        places.append(len(data))
        data += b"%d 0 obj\n%s\nendobj\n" % (number, each)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    return data + b"xref\n0 %d\n0000000000 65535 f \n%strailer\n<< /Size %d /Root 1 0 R /Info 4 0 R >>\n" % (
        len(objects) + 1,
        table,
        len(objects) + 1,
    ) + b"startxref\n%d\n%%%%EOF\n" % len(data)  # fmt: skip


def _escaped(text: str) -> bytes:
    if not text.isascii() or not all(char.isprintable() for char in text):
        raise ValueError(f"{text[:40]!a} is no line of printable ASCII")
    return text.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)").encode()
