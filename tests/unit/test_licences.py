"""Licences are taken from what a machine can read, and what it can't read is not guessed."""

from __future__ import annotations

from pathlib import Path

import pytest
from license_expression import get_spdx_licensing

from asl_image.licences import SPDX, Licence, expression_of, made_of, read_licence
from asl_image.steps.licences import copyright_text
from support.papers import DEP5, copyright_file


def test_all_licences_of_a_machine_readable_file_hold_together() -> None:
    text = f"{DEP5}\nFiles: *\nLicense: GPL-2+\n The text.\n .\n More.\n\nFiles: b\nLicense: GPL-1+ or Artistic\n"

    assert read_licence(text) == Licence(
        ("GPL-1+ or Artistic", "GPL-2+"), "(GPL-1.0-or-later OR Artistic-1.0) AND GPL-2.0-or-later"
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Copyright 2020 by somebody: free to use.\n",
        "Files: *\nLicense: GPL-2+\n",
        f"{DEP5}Copyright: x\nCopyright: y\n",
        f"{DEP5}\nFiles: *\nnot a field\n",
    ],
    ids=["empty", "free form", "no format", "a field twice", "not a field"],
)
def test_a_file_that_no_machine_can_read_asserts_nothing(text: str) -> None:
    assert read_licence(text) == Licence((), "NOASSERTION")


@pytest.mark.parametrize(
    "name", ["public-domain", "MIT", "BSD", "GPL", "GPL-2.1", "GPL-4", "GPL-2+ with odd exception"]
)
def test_one_unknown_name_is_reported_as_written_and_nothing_is_asserted(name: str) -> None:
    assert made_of(["Expat", name]) == Licence(tuple(sorted(["Expat", name])), "NOASSERTION")


def test_and_together_with_or_is_left_alone() -> None:
    assert expression_of("GPL-2 and Expat or ISC") is None
    assert expression_of("GPL-2 and Expat") == "GPL-2.0-only AND MIT"


def test_every_licence_that_we_know_is_one_that_spdx_knows() -> None:
    known = get_spdx_licensing()
    gnu = [
        f"{family}{more}"
        for family in ("GPL-1", "GPL-2", "GPL-3", "LGPL-2", "LGPL-2.1", "AGPL-3")
        for more in ("", "+")
    ]
    for name in (*SPDX, *gnu):
        expression = expression_of(name)
        assert expression is not None, name
        assert known.validate(expression).errors == [], name


def test_a_copyright_file_is_found_through_links_and_never_outside_the_tree(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("the host's")
    tree = tmp_path / "tree"
    copyright_file(tree, "gcc-14-base", "found")
    doc = tree / "usr/share/doc"
    (doc / "libgcc-s1").symlink_to("gcc-14-base")
    (doc / "a").mkdir()
    (doc / "a/copyright").symlink_to("../gcc-14-base/copyright")
    (doc / "b").mkdir()
    (doc / "b/copyright").symlink_to("/usr/share/doc/libgcc-s1/copyright")
    (doc / "c").mkdir()
    (doc / "c/copyright").symlink_to("../../../../../secret")
    (doc / "d").mkdir()
    (doc / "d/copyright").symlink_to("copyright")

    assert [copyright_text(tree, name) for name in ("libgcc-s1", "a", "b")] == ["found"] * 3
    assert [copyright_text(tree, name) for name in ("c", "d", "e")] == [""] * 3
