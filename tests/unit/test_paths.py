"""One function joins the two kinds of path, and nothing it returns lies outside the tree."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import pytest

from asl_image.errors import ConfigError
from asl_image.paths import inside


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    tree = tmp_path / "tree"
    (tree / "usr/lib").mkdir(parents=True)
    (tree / "lib").symlink_to("usr/lib")
    (tree / "abs").symlink_to("/usr/lib")
    (tree / "out").symlink_to("../../../..")
    (tree / "loop").symlink_to("loop")
    (tmp_path / "secret").mkdir()
    return tree


def test_a_path_is_joined(tree: Path) -> None:
    assert inside(tree, PurePosixPath("/usr/lib/x")) == tree / "usr/lib/x"


@pytest.mark.parametrize("link", ["/lib/x", "/abs/x"])
def test_a_link_on_the_way_is_read_as_the_tree_s_own_root_would(tree: Path, link: str) -> None:
    assert inside(tree, PurePosixPath(link)) == tree / "usr/lib/x"


def test_a_link_that_leads_out_ends_at_the_tree_s_root(tree: Path) -> None:
    assert inside(tree, PurePosixPath("/out/secret")) == tree / "secret"


def test_a_link_at_the_end_is_the_link_itself(tree: Path) -> None:
    assert inside(tree, PurePosixPath("/lib")) == tree / "lib"


@pytest.mark.parametrize("path", ["usr/lib", "/usr/../../secret", "/.."])
def test_a_path_that_is_relative_or_goes_up_is_refused(tree: Path, path: str) -> None:
    with pytest.raises(ConfigError, match="absolute and has no"):
        inside(tree, PurePosixPath(path))


def test_links_that_go_round_are_refused(tree: Path) -> None:
    with pytest.raises(ConfigError, match="too many symbolic links"):
        inside(tree, PurePosixPath("/loop/x"))
