"""What lies in a cpio archive and in unsquashfs' list is read whole, or refused."""

from __future__ import annotations

import hashlib
import io
import mmap
from pathlib import Path

import pytest

from asl_image import tree_writer
from asl_image.dpkgdb import owners, read_status
from asl_image.errors import CheckFailed
from asl_image.inventory import Inventory, Item, read_cpio
from asl_image.squash import DATA, read_listing


def cpio() -> bytes:
    out = io.BytesIO()
    entries = [
        tree_writer.directory("dev"),
        tree_writer.file("init", b"#!", 0o755),
        tree_writer.symlink("sbin", "usr/sbin"),
    ]
    tree_writer.write_cpio(entries, out, 1000)
    return out.getvalue()


def test_what_our_writer_packs_is_read_back() -> None:
    found = read_cpio(cpio())

    assert list(found.items) == ["dev", "init", "sbin"]
    assert found.items["init"] == Item("file", 0o755, 0, 0, 1000, 2, hashlib.sha256(b"#!").hexdigest())
    assert found.items["sbin"].link == "usr/sbin"
    assert found.read("init") == b"#!"


@pytest.mark.parametrize(
    "broken", [cpio()[:50], cpio()[:-130], cpio() + b"more", cpio().replace(b"070701", b"07070X"), b""]
)
def test_an_archive_that_is_not_whole_is_refused(broken: bytes) -> None:
    with pytest.raises(CheckFailed, match="initramfs"):
        read_cpio(broken)


def listing(tmp_path: Path, text: bytes) -> Inventory:
    (tmp_path / "list").write_bytes(text)
    with (tmp_path / "list").open("rb") as file:
        return read_listing(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))


def test_a_list_of_unsquashfs_is_read_with_names_that_hold_anything(tmp_path: Path) -> None:
    lines = [
        b"/ D 1000 755 0 0",
        b'a\\ b\\\\\\"c R 1000 4755 0 42 3 0 0',
        b'again L a\\ b\\\\\\"c',
        b'a\\ b\\\\\\"c x security.capability=0sAQ==',
        b"li\\ nk S 1000 777 0 0 x y",
        b"new\\\nline R 1000 644 0 0 2 3 0",
        b"null C 1000 600 0 0 1 3",
    ]
    found = listing(tmp_path, b"\n".join(lines) + b"\n" + DATA + b"onetw")

    assert list(found.items) == ["", 'a b\\"c', "again", "li nk", "new\nline", "null"]
    assert (found.items['a b\\"c'].mode, found.items['a b\\"c'].gid) == (0o4755, 42)
    assert found.items['a b\\"c'].xattrs == ("security.capability=0sAQ==",)
    assert (found.items["again"].kind, found.read("again")) == ("hardlink", b"one")
    assert (found.items["li nk"].link, found.items["null"].link) == ("x y", "1:3")
    assert found.items["new\nline"].sha256 == hashlib.sha256(b"tw").hexdigest()


@pytest.mark.parametrize(
    "line", [b"x", b"a Q 1 2 3 4", b"a R 1 644 0 0 3", b"a L b", b"a x b=c", b"a R x 644 0 0 1 2 0"]
)
def test_a_line_that_unsquashfs_never_writes_is_refused(tmp_path: Path, line: bytes) -> None:
    with pytest.raises(CheckFailed, match="unsquashfs wrote"):
        listing(tmp_path, line + b"\n" + DATA)


def test_only_what_dpkg_calls_installed_counts() -> None:
    status = "Package: b\nStatus: install ok installed\nVersion: 1\nArchitecture: amd64\nDescription: x\n y: z\n"
    gone = "Package: a\nStatus: deinstall ok config-files\nVersion: 1\nArchitecture: all\n"

    assert [each.name for each in read_status(f"{status}\n{gone}")] == ["b"]
    with pytest.raises(CheckFailed, match="no sense"):
        read_status("Package: b\nStatus: install ok installed\n")


def test_a_file_belongs_to_its_package_even_when_it_is_listed_through_a_link() -> None:
    path = "usr/lib/sysimage/dpkg/info/coreutils:amd64.list"
    one = Item("file", 0o755, 0, 0, 0, 1)
    tree = Inventory(
        {path: one, "usr/bin/ls": one, "usr": Item("directory", 0o755, 0, 0, 0)}, lambda _: b"/.\n/usr\n/bin/ls\n"
    )

    assert owners(tree) == {"usr/bin/ls": "coreutils"}
