"""A file that is not as it is listed is named with what is wrong, and so is a claim that dpkg does not bear out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from hashlib import sha256

import pytest

from asl_image.filelist import FileRow, by_path
from asl_image.inventory import Inventory, Item
from asl_image.manifest import SizedFile
from asl_image.ownership import Origin, rows_of
from asl_image.tree_writer import Entry, directory, file, symlink
from asl_image.treecheck import attributes, medium_troubles, origin_troubles, tree_troubles

EPOCH = 1_700_000_000
CAPABILITY = (("security.capability", b"\x01 \\\xff"),)
LISTED = ("security.capability=0t\\001 \\134\\377",)  # the same, as unsquashfs writes it
ENTRIES = [
    directory("usr"),
    file("usr/a", b"text", 0o755),
    Entry("usr/b", "hardlink", 0o755, link="usr/a"),
    symlink("usr/l", "a"),
    Entry("usr/x", "file", 0o755, data=b"", xattrs=CAPABILITY),
]
ROWS = by_path(rows_of("base", ENTRIES, dict.fromkeys([entry.name for entry in ENTRIES], Origin("package x"))), "base")
DIGEST = sha256(b"text").hexdigest()
TREE = {
    "usr": Item("directory", 0o755, 0, 0, EPOCH),
    "usr/a": Item("file", 0o755, 0, 0, EPOCH, 4, DIGEST),
    "usr/b": Item("hardlink", 0o755, 0, 0, EPOCH, 4, DIGEST, "usr/a"),
    "usr/l": Item("symlink", 0o777, 0, 0, EPOCH, link="a"),
    "usr/x": Item("file", 0o755, 0, 0, EPOCH, 0, sha256(b"").hexdigest(), xattrs=LISTED),
}


def troubles(tree: Mapping[str, Item]) -> list[str]:
    return list(tree_troubles("base", Inventory(tree), ROWS, EPOCH))


def test_a_tree_that_is_as_listed_gives_no_word() -> None:
    assert troubles(TREE) == []


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        ("usr/a", {"mode": 0o4755}, "mode 4755 instead of 0755"),
        ("usr", {"uid": 7}, "owner 7:0 instead of 0:0"),
        ("usr/a", {"mtime": 1}, f"date 1 instead of {EPOCH}"),
        ("usr/a", {"size": 5}, "size 5 instead of 4"),
        ("usr/a", {"sha256": "0" * 64}, f"sha256 {'0' * 64} instead of {DIGEST}"),
        ("usr/l", {"link": "b"}, "link b instead of a"),
        ("usr/b", {"link": "usr/x"}, "link usr/x instead of usr/a"),
        ("usr/x", {"xattrs": ()}, "xattrs {} instead of {'security.capability': '01205cff'}"),
        ("usr/l", {"kind": "fifo"}, "kind fifo instead of symlink"),
    ],
)
def test_each_way_in_which_a_file_can_be_wrong_is_named(name: str, change: dict[str, object], said: str) -> None:
    assert troubles({**TREE, name: replace(TREE[name], **change)}) == [f"base: /{name}: {said}"]  # type: ignore[arg-type]


def test_one_file_more_and_one_fewer_are_named() -> None:
    other = {name: item for name, item in TREE.items() if name != "usr/l"} | {"usr/new": TREE["usr/a"]}

    assert troubles(other) == ["base: /usr/l is missing", "base: /usr/new is not in the list of files"]


def test_an_attribute_is_read_plain_or_escaped() -> None:
    assert attributes(["user.a=0ta\\134b\\012\\377", "user.b=a=b"]) == {"user.a": "615c620aff", "user.b": "613d62"}


def test_the_medium_s_files_are_the_manifest_s() -> None:
    row = FileRow(part="medium", path="/a", kind="file", size=1, sha256="0" * 64, origin="overlay base")
    sized = SizedFile(size=1, sha256="0" * 64)

    assert list(medium_troubles({"/a": row}, {"a": sized})) == []
    assert list(medium_troubles({"/a": row}, {"a": SizedFile(size=2, sha256="0" * 64), "b": sized})) == [
        "medium: /a: the list of files and the manifest disagree",
        "medium: /b: the list of files and the manifest disagree",
    ]


def claims(*rows: tuple[str, str, Origin]) -> list[str]:
    """What is wrong with claims (part, name, origin) in an image whose package x has three files."""
    name = "usr/lib/sysimage/dpkg/info/x.list"
    base = Inventory({name: TREE["usr/a"]}, lambda _: b"/.\n/usr\n/usr/a\n/lib/m.ko.xz\n/boot/vmlinuz\n")
    found = [row for part, path, origin in rows for row in rows_of(part, [file(path, b"")], {path: origin})]
    return list(origin_troubles(found, base, {"x", "y"}))


def test_claims_that_the_package_s_list_bears_out_give_no_word() -> None:
    module = Origin("package x", ("generator kernel-modules",), "/usr/lib/m.ko.xz")

    assert (
        claims(
            ("base", "usr/a", Origin("package x")),
            ("base", "usr/lib/m.ko", module),
            ("initramfs", "asl/modules/m.ko", module),
            ("medium", "asl/vmlinuz", Origin("package x", known_as="/boot/vmlinuz")),
            ("base", "etc/new", Origin("hook finalise (asl-tiny)")),
        )
        == []
    )


@pytest.mark.parametrize(
    ("name", "origin", "said"),
    [
        ("usr/b", Origin("package x"), "package x has no file of that name"),
        ("usr/a", Origin("package y"), "package y has no file of that name"),
        ("usr/a", Origin("package z"), "package z is not in the manifest"),
        ("usr/b", Origin("package x", known_as="/usr/a"), "package x has it in another place"),
        ("usr/a", Origin("generator bootstrap"), "generator bootstrap, but it is of package x"),
    ],
)
def test_a_claim_that_the_package_s_list_does_not_bear_out_is_named(name: str, origin: Origin, said: str) -> None:
    assert claims(("base", name, origin)) == [f"base: /{name}: {said}"]
