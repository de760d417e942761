"""The papers beside an ISO are whole, complete, and the same as the sealed ones."""

from __future__ import annotations

import hashlib
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from asl_image.errors import CheckFailed
from asl_image.manifest import ImageManifest
from asl_image.papers import SUMS, check_papers
from asl_image.steps.evidence import RESULTS

ISO = "0" * 64
MANIFEST = cast("ImageManifest", SimpleNamespace(profile="x"))
NAMES = sorted(pattern.format(profile="x") for pattern in RESULTS.values() if pattern != SUMS)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    sums = ""
    for name in NAMES:
        (tmp_path / name).write_text(name)
        sums += f"{ISO if name == 'x.iso' else hashlib.sha256(name.encode()).hexdigest()}  {name}\n"
    (tmp_path / SUMS).write_text(sums)
    return tmp_path


def wrong(folder: Path, sealed: bytes = b"x.spdx.json") -> list[str]:
    return check_papers(folder, MANIFEST, ISO, {"spdx.json": sealed})


def test_papers_that_are_whole_give_no_word(folder: Path) -> None:
    assert wrong(folder) == []


def test_each_way_in_which_papers_can_be_wrong_is_named(folder: Path) -> None:
    (folder / "x.cdx.json").write_text("other")
    (folder / "x.words.txt").unlink()
    sums = (folder / SUMS).read_text().replace("  x.packages.txt", "  y.packages.txt").replace(ISO, "1" * 64)
    (folder / SUMS).write_text(sums)

    assert wrong(folder, b"another") == [
        "SHA256SUMS does not name x.packages.txt",
        "SHA256SUMS names y.packages.txt, which is none of the papers",
        "x.cdx.json is not what SHA256SUMS says",
        "SHA256SUMS has another SHA-256 for the ISO",
        "x.spdx.json is not the one that is sealed in the image",
        "x.words.txt: No such file or directory",
    ]


@pytest.mark.parametrize("line", ["x", f"{ISO} x", f"{ISO}  ../x", f"{ISO}  x\n{ISO}  x", "\udc80"])
def test_a_list_of_checksums_that_makes_no_sense_is_refused(folder: Path, line: str) -> None:
    (folder / SUMS).write_bytes(line.encode("utf-8", "surrogateescape"))

    with pytest.raises(CheckFailed, match=SUMS):
        wrong(folder)
