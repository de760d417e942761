"""What is mounted is seen, and never taken away as if it were a folder of ours."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from asl_image.mounts import mounts_below

HOUSE = Path(__file__).parents[2]
LIST = """\
22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
23 22 254:0 /tree /b/work/tools rw - ext4 /dev/vda rw
24 23 0:30 / /b/work/tools/dev rw - tmpfs tmpfs rw
25 22 0:31 / /b/work\\040two/x rw - tmpfs tmpfs rw
26 22 0:32 / /b/workshop rw - tmpfs tmpfs rw
"""


def test_mounts_below_a_folder_are_listed_the_last_first() -> None:
    assert mounts_below(Path("/b/work"), LIST) == [Path("/b/work/tools/dev"), Path("/b/work/tools")]


def test_a_folder_s_own_mount_counts_and_a_neighbour_s_does_not() -> None:
    assert mounts_below(Path("/b/work/tools/dev"), LIST) == [Path("/b/work/tools/dev")]
    assert mounts_below(Path("/b/wor"), LIST) == []


def test_a_blank_in_a_path_is_read_as_the_kernel_means_it() -> None:
    assert mounts_below(Path("/b/work two"), LIST) == [Path("/b/work two/x")]


IN_OUR_OWN_NAMESPACE = """
import subprocess, sys
from pathlib import Path
sys.path[:0] = ["src"]
from asl_image.errors import IoFailed
from asl_image.mounts import let_go
from asl_image.tree_writer import remove
tree, home = Path(sys.argv[1]), Path(sys.argv[2])
subprocess.run(["mount", "--bind", tree, home / "tools"], check=True)
subprocess.run(["mount", "-t", "tmpfs", "tmpfs", home / "tools/dev"], check=True)
try:
    remove(home)
except IoFailed as error:
    print(error.details)
let_go(home)
remove(home)
"""


@pytest.mark.host
def test_a_folder_with_a_tree_bound_in_it_is_removed_only_once_the_tree_is_let_go(tmp_path: Path) -> None:
    (tmp_path / "tree/dev").mkdir(parents=True)
    (tmp_path / "home/tools").mkdir(parents=True)
    user = () if os.geteuid() == 0 else ("--user", "--map-root-user")
    paths = (tmp_path / "tree", tmp_path / "home")
    done = subprocess.run(
        ["unshare", *user, "--mount", sys.executable, "-c", IN_OUR_OWN_NAMESPACE, *paths],
        cwd=HOUSE,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str((f"{tmp_path}/home/tools/dev", f"{tmp_path}/home/tools"))
    assert (tmp_path / "tree/dev").is_dir()
    assert not (tmp_path / "home").exists()
