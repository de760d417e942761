"""A layer made by the real tools: the same bytes every time, and a seal that notices one flipped bit."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from asl_image import ownership
from asl_image.errors import CheckFailed, ProgramFailed
from asl_image.filelist import read_rows
from asl_image.step import Act
from asl_image.steps.layer import BLOCK, LEAST_BLOCKS, Layer, read_seal
from support.sites import TinySite
from support.toolstree import ToolsTree

pytestmark = pytest.mark.host

LAYER = Layer("tools", "tree", "tools", "smoke", "dev", 1_700_000_000)


def grow(work: Path, *, backwards: bool = False) -> Path:
    """A tree with what is easily lost or leaked: set-id bits, links, an old date, a long name, sparse-looking data."""
    tree = work / "tree"
    tree.mkdir(parents=True)
    names = ["a/set-id", "a/b/plain", "z" * 200, "zeros"]
    for name in reversed(names) if backwards else names:
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_bytes(bytes(300_000) if name == "zeros" else name.encode() * 500)
        (tree / name).chmod(0o644)
    (tree / "a/set-id").chmod(0o4750)
    (tree / "a/b/twin").hardlink_to(tree / "a/b/plain")
    (tree / "link").symlink_to("nowhere")
    ownership.record(work, "tree", dict.fromkeys(["a/b/plain", "a/b/twin", "a/set-id", "link", *names], "tool x 1"))
    os.utime(tree / "zeros", (5, 5))
    for folder in (tree / "a", tree / "a/b"):
        folder.chmod(0o711)
    return work


@pytest.fixture
def site(tmp_path: Path, tools_tree: ToolsTree) -> TinySite:
    return TinySite(grow(tmp_path / "one"), tools_tree)


def verify(site: TinySite, layer: Layer = LAYER) -> None:
    """What the initramfs asks of the kernel. Raises ProgramFailed when the bytes are not those of the seal."""
    seal = read_seal(site.work, layer.layer)
    blocks = (f"--data-block-size={BLOCK}", f"--hash-block-size={BLOCK}", f"--data-blocks={seal.data_blocks}")
    files = (f"/work/{layer.layer}.squashfs", f"/work/{layer.layer}.verity", seal.root_hash)
    site.act(Act(("veritysetup", "verify", "--no-superblock", "--hash=sha256", *blocks, f"--salt={seal.salt}", *files)))


def test_a_layer_has_the_same_bytes_whoever_makes_it_and_when(site: TinySite, tmp_path: Path) -> None:
    other = TinySite(grow(tmp_path / "two", backwards=True), site.tools)
    LAYER.run(site)
    before = os.umask(0o077)
    try:
        LAYER.run(other)
    finally:
        os.umask(before)

    for output in LAYER.outputs():
        assert (site.work / output).read_bytes() == (other.work / output).read_bytes(), output
        assert (other.work / output).stat().st_mode & 0o777 == 0o644


def test_a_layer_is_what_its_seal_says(site: TinySite) -> None:
    LAYER.run(site)

    verify(site)
    assert read_seal(site.work, "tools").word().startswith("asl.layer=tools,")
    rows = read_rows(site.work / "tools.files")
    assert [(row.path, row.kind) for row in rows[:5]] == [
        ("/", "directory"),
        ("/a", "directory"),
        ("/a/b", "directory"),
        ("/a/b/plain", "file"),
        ("/a/b/twin", "hardlink"),
    ]
    assert [row.origin for row in rows[:4]] == ["generator layer-tools", *["tool x 1"] * 3]
    assert rows[5].mode == "4750"


def test_a_file_that_nobody_brought_stops_the_build_by_name(site: TinySite) -> None:
    (site.work / "tree/a/stray").touch()

    with pytest.raises(CheckFailed, match="tools: 1 files have no owner") as caught:
        LAYER.run(site)
    assert caught.value.details == ("/a/stray: no origin is known",)


@pytest.mark.parametrize("part", ["squashfs", "verity"])
@pytest.mark.parametrize("where", [0.0, 0.5, 1.0])
def test_one_flipped_bit_anywhere_is_found(site: TinySite, part: str, where: float) -> None:
    LAYER.run(site)
    path = site.work / f"tools.{part}"
    data = bytearray(path.read_bytes())
    data[int(where * (len(data) - 1))] ^= 1
    path.write_bytes(data)

    with pytest.raises(ProgramFailed, match="veritysetup"):
        verify(site)


def test_an_empty_layer_still_has_a_hash_tree(site: TinySite) -> None:
    empty = Layer("overlay", "empty", "files", "smoke", "dev", 1_700_000_000)
    (site.work / "empty").mkdir()
    ownership.record(site.work, "empty", {})
    empty.run(site)

    assert (site.work / "overlay.squashfs").stat().st_size >= LEAST_BLOCKS * BLOCK
    verify(site, empty)


def test_another_profile_has_another_salt_and_so_another_seal(site: TinySite) -> None:
    salts = {Layer("tools", "tree", "tools", profile, "dev", 1).salt() for profile in ("smoke", "authority")}

    assert len(salts) == 2


@dataclass
class BadUnsquashfs(TinySite):
    """A site whose squashfs does not hold what was put in."""

    spoil: Callable[[Path], object] = Path.touch

    def act(self, act: Act) -> None:
        super().act(act)
        if act.argv[0] == "unsquashfs":
            self.spoil(self.work / "tools.read-back")


@pytest.mark.parametrize(
    ("spoil", "name"),
    [
        (lambda tree: (tree / "zeros").write_bytes(b"x"), "/zeros"),
        (lambda tree: (tree / "a/set-id").chmod(0o755), "/a/set-id"),
        (lambda tree: (tree / "link").unlink(), "/link"),
        (lambda tree: (tree / "extra").touch(), "/extra"),
    ],
    ids=["bytes", "mode", "gone", "more"],
)
def test_a_layer_that_reads_back_otherwise_is_refused_by_name(
    site: TinySite, spoil: Callable[[Path], object], name: str
) -> None:
    bad = BadUnsquashfs(site.work, site.tools, spoil=spoil)

    with pytest.raises(CheckFailed, match=r"tools\.squashfs does not read back") as caught:
        LAYER.run(bad)
    assert caught.value.details == (name,)
