"""The one writer of trees: what leaves it depends on the tree alone."""

from __future__ import annotations

import hashlib
import io
import os
import socket
import tarfile
from pathlib import Path

import pytest

from asl_image import tree_writer
from asl_image.errors import CheckFailed
from asl_image.tree_writer import Entry, directory, file, scan_tree, symlink, with_parents, write_cpio, write_tar

EPOCH = 1_700_000_000


def tar_of(root: Path) -> bytes:
    out = io.BytesIO()
    write_tar(scan_tree(root), out, EPOCH)
    return out.getvalue()


def make(root: Path, names: list[str]) -> Path:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
        path.chmod(0o640)
    for folder in (path for path in root.rglob("*") if path.is_dir()):
        folder.chmod(0o755)
    return root


def test_trees_made_in_another_order_at_another_time_give_the_same_archive(tmp_path: Path) -> None:
    names = ["b/2", "a", "b-1", "b/1", "é"]
    one = make(tmp_path / "one", names)
    two = make(tmp_path / "two", names[::-1])
    for path in two.rglob("*"):
        os.utime(path, (1, 1))

    assert tar_of(one) == tar_of(two)


def test_a_directory_comes_before_what_it_holds_even_when_a_name_sorts_between(tmp_path: Path) -> None:
    root = make(tmp_path, ["b/1", "b-1"])

    assert [entry.name for entry in scan_tree(root)] == ["b", "b/1", "b-1"]


def test_every_time_in_the_archive_is_the_epoch_also_of_older_files(tmp_path: Path) -> None:
    root = make(tmp_path, ["old", "new"])
    os.utime(root / "old", (5, 5))

    with tarfile.open(fileobj=io.BytesIO(tar_of(root))) as archive:
        assert {member.mtime for member in archive} == {EPOCH}
        assert {(member.uname, member.gname) for member in archive} == {("", "")}


def test_of_hard_links_the_first_name_holds_the_bytes(tmp_path: Path) -> None:
    root = make(tmp_path, ["z"])
    (root / "a").hardlink_to(root / "z")

    first, second = scan_tree(root)

    assert (first.name, first.kind) == ("a", "file")
    assert (second.name, second.kind, second.link) == ("z", "hardlink", "a")


def test_extended_attributes_of_the_host_stay_behind(tmp_path: Path) -> None:
    root = make(tmp_path, ["a"])
    before = tar_of(root)
    try:
        os.setxattr(root / "a", "user.host", b"label")
    except OSError:
        pytest.fail("this file system has no extended attributes: run the tests on one that has")

    assert tar_of(root) == before


def test_a_socket_is_refused_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # a socket's path is short
    with socket.socket(socket.AF_UNIX) as left_over:
        left_over.bind("daemon")

        with pytest.raises(CheckFailed, match="/daemon: a socket"):
            scan_tree(tmp_path)


def test_the_digest_sees_mode_owner_target_and_bytes() -> None:
    base = [directory("d"), file("d/f", b"text"), symlink("d/l", "f")]
    changed = [
        [directory("d", 0o700), *base[1:]],
        [base[0], file("d/f", b"text", 0o600), base[2]],
        [base[0], file("d/f", b"text", uid=1), base[2]],
        [base[0], file("d/f", b"tex!"), base[2]],
        [*base[:2], symlink("d/l", "g")],
    ]

    digests = {tree_writer.tree_digest(entries) for entries in [base, *changed]}

    assert len(digests) == 6


def test_missing_parents_are_made_and_given_ones_kept() -> None:
    entries = with_parents([file("a/b/c", b""), directory("a", 0o700)])

    assert [(entry.name, entry.mode) for entry in entries] == [("a", 0o700), ("a/b", 0o755), ("a/b/c", 0o644)]


def test_the_cpio_is_what_it_was(tmp_path: Path) -> None:
    out = io.BytesIO()
    write_cpio([directory("asl"), file("asl/words", b"quiet\n"), file("init", b"\x7fELF", 0o755)], out, EPOCH)
    data = out.getvalue()

    assert len(data) % 4 == 0
    assert data[:6] == b"070701"
    assert data.count(b"TRAILER!!!") == 1
    assert hashlib.sha256(data).hexdigest() == "741b775e769d42f3e403e3506b92dbf3177f1d8cee1ce935e958051d35f9844f"


def test_a_hard_link_has_no_place_in_an_initramfs() -> None:
    with pytest.raises(ValueError, match="/b: a hard link"):
        write_cpio([Entry("b", "hardlink", 0o644, link="a")], io.BytesIO(), EPOCH)


def test_what_is_unpacked_scans_as_what_it_was(tmp_path: Path) -> None:
    entries = with_parents([file("a/run", b"#!", 0o755), symlink("a/link", "run"), file("b", b"2", 0o444)])
    tree_writer.unpack(entries, tmp_path / "tree")
    owner = {"uid": os.getuid(), "gid": os.getgid()}

    found = scan_tree(tmp_path / "tree")

    assert tree_writer.tree_digest(found) == tree_writer.tree_digest([Entry(**{**vars(e), **owner}) for e in entries])
