"""Two images are compared part by part, and each class of leak gets its own name."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace

import pytest

from asl_image.bootmenu import Start
from asl_image.compare import FOLLOWS, Comparison, compare
from asl_image.comparetext import as_data, as_markdown, as_text
from asl_image.facts import Facts
from asl_image.inventory import Inventory, Item
from asl_image.squash import Superblock


def item(data: bytes = b"same", **other: object) -> Item:
    plain = Item("file", 0o644, 0, 0, 1000, len(data), hashlib.sha256(data).hexdigest())
    return replace(plain, **other)  # type: ignore[arg-type]


def facts(files: Mapping[str, tuple[bytes, Item]], name: str = "a.iso") -> Facts:
    base = Inventory({path: known for path, (_, known) in files.items()}, lambda path: files[path][0])
    digest = hashlib.sha256(repr(sorted(files.items())).encode() + name.encode()).hexdigest()
    return Facts(
        name=name,
        size=1,
        sha256=digest,
        label="ASL",
        dates=b"2026",
        medium={"asl/base.squashfs": (1, digest), "asl/SHA256SUMS": (1, digest)},
        starts=(Start("Host", ("quiet", "asl.image=0", "asl.layer=base")),),
        boot={},
        packages={"bash:amd64": "5.2"},
        trees={"base": base, "initramfs": Inventory()},
        superblocks={"base": Superblock(1, 2, "zstd", 3)},
        owners={"usr/bin/bash": "bash"},
    )


def known(side: bytes | Item) -> tuple[bytes, Item]:
    return (b"same", side) if isinstance(side, Item) else (side, item(side))


def causes(path: str, before: tuple[bytes, Item], after: tuple[bytes, Item]) -> list[str]:
    found = compare(facts({path: before}), facts({path: after}, "b.iso"))
    return [each.cause for each in found.differences if each.cause != FOLLOWS]


GZIP = [gzip.compress(b"text", mtime=stamp) for stamp in (1, 2)]
LEAKS: dict[str, tuple[str, bytes | Item, bytes | Item]] = {
    "clock: time of a file": ("usr/x", item(), item(mtime=2000)),
    "umask": ("usr/x", item(), item(mode=0o600)),
    "user": ("usr/x", item(), item(uid=1000, gid=1000)),
    "host file system": ("usr/x", item(), item(xattrs=("security.selinux=x",))),
    "hard link": ("usr/x", item(), item(kind="hardlink", link="usr/w")),
    "byte code": ("usr/__pycache__/x.pyc", b"1", b"2"),
    "ldconfig": ("var/cache/ldconfig/aux-cache", b"1", b"2"),
    "machine id": ("etc/machine-id", b"", b"0123"),
    "random: seed": ("usr/lib/systemd/random-seed", b"1", b"2"),
    "log": ("var/log/dpkg.log", b"1", b"2"),
    "cache": ("var/cache/apt/pkgcache.bin", b"1", b"2"),
    "backup": ("etc/passwd-", b"1", b"2"),
    "clock: password day": ("etc/shadow", b"root:*:20000:0:::::\n", b"root:*:20001:0:::::\n"),
    "clock: gzip": ("usr/x.gz", GZIP[0], GZIP[1]),
    "clock: date": ("usr/x", b"made 2026-11-22 00:57:20 here", b"made 2027-01-02 10:11:12 here"),
    "clock: seconds": ("usr/x", b"t=1795140670;", b"t=1795140999;"),
    "order": ("usr/x", b"a\nb\n", b"b\na\n"),
    "order: words": ("usr/x", b"list: a b\n", b"list: b a\n"),
    "path": ("usr/x", b"from /tmp/tmp.Ab12/x/y;", b"from /home/me/other/place;"),
    "random: uuid": ("usr/x", b"id 0b0bfad7-0000-4000-8000-00000000000a", b"id 1b0bfad7-0000-4000-8000-00000000000b"),
    "unexplained": ("usr/x", b"one", b"two"),
}


@pytest.mark.parametrize("leak", LEAKS)
def test_each_class_of_leak_gets_its_name(leak: str) -> None:
    path, before, after = LEAKS[leak]

    assert causes(path, known(before), known(after)) == [leak.partition(":")[0]]


def test_more_than_the_umask_takes_away_is_no_umask() -> None:
    assert causes("usr/x", (b"", item(mode=0o755)), (b"", item(mode=0o4755))) == ["unexplained"]


def test_another_target_of_a_symlink_is_no_hard_link() -> None:
    before, after = item(kind="symlink", link="/lib/x"), item(kind="symlink", link="/usr/lib/x")

    assert causes("etc/x", known(before), known(after)) == ["unexplained"]


def test_the_same_image_has_no_difference_and_says_so_in_every_form() -> None:
    one = facts({"usr/x": (b"same", item())})
    found = compare(one, one)

    assert found == Comparison((), {})
    assert as_text("a", "b", found) == "a and b are the same, byte for byte"
    assert "the same, byte for byte" in as_markdown("a", "b", found)
    assert as_data(found)["equal"] is True


def test_a_layer_of_the_same_content_was_packed_differently() -> None:
    one = facts({"usr/x": (b"same", item())})
    other = replace(one, sha256="1", medium={**one.medium, "asl/base.squashfs": (1, "1")})
    later = replace(other, superblocks={"base": Superblock(9, 2, "zstd", 3)})

    assert compare(one, other).causes() == {"tool": 1}
    assert compare(one, later).causes() == {"clock": 1}


def test_files_of_a_package_of_another_version_are_put_down_to_it() -> None:
    one = facts({"usr/bin/bash": (b"1", item(b"1"))})
    other = replace(facts({"usr/bin/bash": (b"22", item(b"22"))}, "b.iso"), packages={"bash:amd64": "5.3"})
    found = compare(one, other)

    assert found.causes() == {"package": 2}
    assert found.sizes == {"bash": (1, 2)}


def test_a_changed_word_of_the_kernel_and_the_order_of_the_initramfs_are_seen() -> None:
    one = facts({})
    names = {"a": item(), "b": item()}
    one = replace(one, trees={**one.trees, "initramfs": Inventory(names)})
    other = replace(
        one,
        sha256="1",
        starts=(Start("Host", ("debug", "asl.image=1", "asl.layer=base")),),
        trees={**one.trees, "initramfs": Inventory(dict(reversed(names.items())))},
    )
    found = [(each.part, each.before, each.cause) for each in compare(one, other).differences]

    assert ("command line", "quiet", "unexplained") in found
    assert ("initramfs", "one order of names", "order") in found


def test_each_form_tells_every_difference() -> None:
    path = "usr/a|b"
    found = compare(facts({path: (b"", item())}), facts({path: (b"", item(uid=7))}, "b.iso"))

    assert "  ~ /usr/a|b  uid 0 -> uid 7  [user]" in as_text("a", "b", found).splitlines()
    assert "| ~ | `/usr/a\\|b` | uid 0 | uid 7 | user |" in as_markdown("a", "b", found).splitlines()
    assert json.loads(json.dumps(as_data(found)))["causes"] == {"user": 1}
