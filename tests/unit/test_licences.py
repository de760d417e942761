"""Licences are taken from what a machine can read, and what it can't read is not guessed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from license_expression import get_spdx_licensing

from asl_image.licences import SPDX, Licence, LicenceText, expression_of, made_of, read_licence
from asl_image.steps.licences import copyright_text
from support.papers import DEP5, copyright_file


def test_all_licences_of_a_machine_readable_file_hold_together() -> None:
    text = f"{DEP5}\nFiles: *\nLicense: GPL-2+\n The text.\n .\n More.\n\nFiles: b\nLicense: GPL-1+ or Artistic\n"

    assert read_licence(text, "x") == Licence(
        ("GPL-1+ or Artistic", "GPL-2+"), "(GPL-1.0-or-later OR Artistic-1.0) AND GPL-2.0-or-later"
    )


@pytest.mark.parametrize(
    "text",
    [
        "Copyright 2020 by somebody: free to use.\n",
        "Files: *\nLicense: GPL-2+\n",
        f"{DEP5}Copyright: x\nCopyright: y\n",
        f"{DEP5}\nFiles: *\nnot a field\n",
    ],
    ids=["free form", "no format", "a field twice", "not a field"],
)
def test_a_file_that_no_machine_can_read_is_a_licence_of_its_own_with_all_its_text(text: str) -> None:
    whole = LicenceText("LicenseRef-libstdc-plus-plus6-copyright", "copyright file of libstdc++6", text)

    assert read_licence(text, "libstdc++6") == Licence((), whole.ref, (whole,))


def test_without_a_file_nothing_is_asserted() -> None:
    assert read_licence("", "x") == Licence((), "NOASSERTION")


@pytest.mark.parametrize(
    "name", ["public-domain", "MIT", "BSD", "GPL", "GPL-2.1", "GPL-4", "GPL-2+ with odd exception"]
)
def test_a_name_that_spdx_does_not_know_comes_with_its_text(name: str) -> None:
    text = f"{DEP5}\nFiles: *\nLicense: Expat and {name}\n\nLicense: {name}\n Do\n .\n  what.\n"
    licence = read_licence(text, "x")

    (found,) = licence.texts
    assert (found.name, found.text) == (name, "Do\n\n what.")
    assert licence.expression == f"MIT AND {found.ref}"
    assert get_spdx_licensing().parse(licence.expression).symbols
    assert re.fullmatch(r"LicenseRef-[A-Za-z0-9.-]+", found.ref)


def test_the_same_text_has_one_name_and_another_text_another() -> None:
    one, same, other = (
        read_licence(f"{DEP5}\nFiles: *\nLicense: BSD\n {text}\n", package).texts[0].ref
        for text, package in (("free", "a"), ("free", "b"), ("not free", "c"))
    )

    assert one == same != other


def test_a_name_without_a_text_says_so() -> None:
    (found,) = made_of(["BSD"], {}).texts

    assert found.text == "The copyright file names 'BSD' and has no text for it."


def test_and_together_with_or_is_left_alone_with_all_texts() -> None:
    (found,) = made_of(["GPL-2 and Expat or ISC"], {"Expat": "free", "ISC": "free too"}).texts

    assert (found.name, found.text) == ("GPL-2 and Expat or ISC", "free\n\nfree too")
    assert made_of(["GPL-2 and Expat"], {}) == Licence(("GPL-2 and Expat",), "GPL-2.0-only AND MIT")


def test_every_licence_that_we_know_is_one_that_spdx_knows() -> None:
    known = get_spdx_licensing()
    gnu = [
        f"{family}{more}"
        for family in ("GPL-1", "GPL-2", "GPL-3", "LGPL-2", "LGPL-2.1", "AGPL-3")
        for more in ("", "+")
    ]
    for name in (*SPDX, *gnu):
        expression = expression_of(name, lambda _: "unknown")
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
