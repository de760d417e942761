"""What leaves a ceremony has a label whose digest anybody computes again, and the last head a code for a camera."""

from __future__ import annotations

import hashlib
import re
import subprocess
from pathlib import Path

from asl_authority.contract.words import hex_groups, spoken
from asl_authority.front.ceremony_labels import head_code, label_blocks, media_block, media_members, media_of
from asl_authority.front.ceremony_report import closing_lines, report_members, report_pages
from asl_authority.front.pages import as_pdf, as_text
from asl_authority.front.ui import WIDTH
from asl_authority.values.ceremony_record import Event, Happened, HeadSeen, Record
from asl_authority.values.kept_head import read_typed_head
from asl_authority.values.pdf import CELL, DARK, LEADING, LEFT
from asl_authority.values.qr import SIZE, qr_code
from support.ceremony_samples import CEREMONY

ROOT = "4f" * 32
HEAD = HeadSeen(13, ROOT, " ".join(["academic"] * 12))
NAMES = ("published/dam/dam-1.json", "published/SHA256SUMS", "published/auth/root-set-1.json")


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def record(*outputs: tuple[str, ...], head: HeadSeen | None = HEAD) -> Record:
    """The record of a ceremony whose steps made these files, each of its own name."""
    events = [
        Event(Happened.DONE, n, outputs=tuple((name, sha256(name.encode())) for name in names), head=head)
        for n, names in enumerate(outputs, 1)
    ]
    return Record(rehearsal=True, events=tuple(events), lines=("ab" * 32,))


def test_a_label_has_the_digest_that_sha256sum_gives_of_the_files_on_the_medium(tmp_path: Path) -> None:
    for name in NAMES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(name.encode())
    (medium,) = media_of(record(NAMES))
    words = sorted(name.removeprefix("published/") for name in NAMES)
    listed = subprocess.run(["sha256sum", *words], cwd=tmp_path / "published", capture_output=True, check=True).stdout

    assert medium.place == "published"
    assert medium.digest.hex() == sha256(listed)
    (label,) = label_blocks(CEREMONY, [medium])
    assert f"contents  {hex_groups(medium.digest[:8])}" in "\n".join(label)
    assert " ".join(spoken(medium.digest[:8])[:4]) in "\n".join(label)
    assert "LABEL 1 of 1" in label[2]
    assert re.search("date _+", label[2])
    assert medium.digest.hex() in "\n".join(media_block([medium]))


def test_each_directory_has_one_label_whichever_steps_wrote_there() -> None:
    found = media_of(
        record(("a.json", "a.json.sig"), NAMES, ("b.json",), ("/stick/x/1", "/stick/2"), ("c", "/stick/3"))
    )

    assert [(each.place, len(each.files)) for each in found] == [(".", 4), ("published", 3), ("/stick", 3)]
    assert [each["directory"] for each in media_members(found)] == [".", "published", "/stick"]
    labels = ["\n".join(label) for label in label_blocks(CEREMONY, found)]
    assert [re.findall("LABEL . of .", label) for label in labels] == [[f"LABEL {n} of 3"] for n in (1, 2, 3)]
    assert "the folder of the ceremony, 4 files" in labels[0]
    assert all("REHEARSAL" in label for label in labels)


def test_what_is_on_a_medium_changes_its_label_and_the_order_of_steps_does_not() -> None:
    one, other = media_of(record(NAMES))[0], media_of(record(tuple(reversed(NAMES))))[0]
    assert one == other
    assert one.digest != media_of(record(NAMES[:2]))[0].digest
    assert media_of(record(("a",), ("a",)))[0].files == (("a", sha256(b"a")),), "written again it counts once"


def test_the_closing_page_has_the_last_head_in_words_hexadecimal_and_for_a_camera() -> None:
    pages = report_pages(CEREMONY, record(NAMES))
    text = as_text(pages)

    assert text.isascii()
    assert max(map(len, text.splitlines())) <= WIDTH
    assert "size 13" in text
    assert "academic academic academic academic" in text
    assert ROOT in text
    assert len(re.findall(r"#{14}", text)) >= 4, "the code's corners"
    assert report_members(CEREMONY, record(NAMES))["media"]
    assert f"  {ROOT}" in closing_lines(record(NAMES))
    assert "camera" not in as_text(report_pages(CEREMONY, record(NAMES, head=None)))


def test_the_code_is_the_size_and_the_root_as_the_option_takes_them() -> None:
    lines = [line for line in head_code(HEAD) if line]
    margin = 8
    read = [[line[margin + 2 * at : margin + 2 * at + 2] == DARK * 2 for at in range(SIZE)] for line in lines]

    said = f"13 {ROOT.upper()}"
    assert read == qr_code(said)
    assert read_typed_head(said).root == bytes.fromhex(ROOT)


def test_in_a_pdf_the_code_is_made_of_squares() -> None:
    pages = report_pages(CEREMONY, record(NAMES))
    data = as_pdf(pages, "x")
    assert data == as_pdf(pages, "x")
    cells = set()
    for x, y, width, height in re.findall(rb"([0-9]+) ([0-9]+) ([0-9]+) ([0-9]+) re\n", data):
        assert int(height) == LEADING
        assert (int(x) - LEFT) % CELL == 0
        cells |= {((int(x) - LEFT) // CELL + each, int(y)) for each in range(int(width) // CELL)}
    page = next(page for page in pages if any(DARK in line for line in page))
    there = {(at, row) for row, line in enumerate(page) for at, each in enumerate(line) if each == DARK}
    tops = sorted({y for _, y in cells}, reverse=True)
    rows = sorted({row for _, row in there})
    assert {(at, rows[tops.index(y)]) for at, y in cells} == there
    assert tops == list(range(tops[0], tops[0] - LEADING * len(tops), -LEADING))
    assert DARK.encode() not in data
