"""The media that leave a ceremony: what is on each, labels to stick on them, and the last head for a camera.

A label is printed, so that nobody copies a digest by hand. Its digest is the SHA-256 of what `sha256sum` prints of the
files, in their order, from within the directory that it names.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath
from typing import NamedTuple

from asl_authority.contract.words import hex_groups, spoken
from asl_authority.front import ui
from asl_authority.front.pages import Block
from asl_authority.values.ceremony import Ceremony
from asl_authority.values.ceremony_record import HeadSeen, Record
from asl_authority.values.pdf import DARK
from asl_authority.values.qr import qr_code

INDENT = "  "
LABEL = ui.WIDTH - 4
# So much of a digest is on a label: with its words it tells media apart; the whole digest is in the list.
SHORT_BYTES = 8
QUIET = 4  # modules that a reader wants to be light around the code


class Medium(NamedTuple):
    """A directory that steps have written into, with its new files by name and SHA-256."""

    place: str
    files: tuple[tuple[str, str], ...]

    @property
    def sums(self) -> bytes:
        """As `sha256sum` prints them."""
        return "".join(f"{digest}  {name}\n" for name, digest in self.files).encode()

    @property
    def digest(self) -> bytes:
        """What is on the medium, in one SHA-256."""
        return hashlib.sha256(self.sums).digest()


def media_of(record: Record) -> list[Medium]:
    """Where new files are, each place once, in the order of the steps; the same file written again counts once."""
    places: dict[PurePosixPath, dict[PurePosixPath, str]] = {}
    for event in record.events:
        files = {PurePosixPath(name): digest for name, digest in event.outputs}
        for from_root in (False, True):
            some = {path: digest for path, digest in files.items() if path.is_absolute() is from_root}
            if some:
                places.setdefault(_common([path.parent for path in some]), {}).update(some)
    return [
        Medium(str(place), tuple(sorted((str(path.relative_to(place)), digest) for path, digest in files.items())))
        for place, files in places.items()
    ]


def media_members(media: Sequence[Medium]) -> list[dict[str, object]]:
    """The same for --json, in the order of the labels."""
    return [
        {"directory": each.place, "files": len(each.files), "sha256": each.digest.hex(), "words": _words(each)}
        for each in media
    ]


def media_block(media: Sequence[Medium]) -> Block:
    """Each with its whole digest."""
    rows = [
        line
        for number, each in enumerate(media, 1)
        for line in (f"{INDENT}{number}: {_place(each)}, {_count(each)}", f"{INDENT * 3}{each.digest.hex()}")
    ]
    return ["The media: the SHA-256 of what sha256sum prints of the new files in each", *rows] if rows else []


def label_blocks(ceremony: Ceremony, media: Sequence[Medium]) -> Iterator[Block]:
    """A label for each, to be cut out."""
    for number, each in enumerate(media, 1):
        title = "Labels for the media, to be cut out and stuck on" if number == 1 else ""
        lines = [
            f"{f'LABEL {number} of {len(media)}':<34}date {'_' * 20}",
            *(["REHEARSAL: nothing on it is real"] if ceremony.rehearsal else []),
            *_cut(ui.plain(f"{ceremony.title}, version {ceremony.version}")),
            f"ceremony  {hex_groups(ceremony.digest[:SHORT_BYTES])}",
            *_cut(f"{_place(each)}, {_count(each)}"),
            f"contents  {hex_groups(each.digest[:SHORT_BYTES])}",
            f"  {' '.join(_words(each)[:4])}",
            f"  {' '.join(_words(each)[4:])}",
        ]
        edge = f"+{'-' * (LABEL + 2)}+"
        yield [*([title] if title else []), edge, *(f"| {line:<{LABEL}} |" for line in lines), edge]


def head_code(head: HeadSeen) -> Block:
    """Size and root, as --head takes them, for a camera: light is paper, and stays free around it."""
    rows = qr_code(f"{head.size} {head.root.upper()}")
    margin = "  " * QUIET
    code = ["".join(DARK * 2 if dark else "  " for dark in row) for row in rows]
    return [*[""] * QUIET, *(f"{margin}{line}" for line in code), *[""] * QUIET]


def _common(parents: Sequence[PurePosixPath]) -> PurePosixPath:
    """The directory that all of these are in."""
    first = parents[0]
    above = (first, *first.parents)
    return next((each for each in above if all(each == other or each in other.parents for other in parents)), above[-1])


def _words(medium: Medium) -> list[str]:
    return spoken(medium.digest[:SHORT_BYTES])


def _place(medium: Medium) -> str:
    return "the folder of the ceremony" if medium.place == "." else ui.plain(medium.place)


def _count(medium: Medium) -> str:
    return "1 file" if len(medium.files) == 1 else f"{len(medium.files)} files"


def _cut(text: str) -> list[str]:
    return [text[at : at + LABEL] for at in range(0, len(text), LABEL)]
