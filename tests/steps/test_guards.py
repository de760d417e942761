"""What a step must not do is stopped and named while it happens, by the real site with the real tools tree."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from asl_image.site import private_argv
from support import guarded
from support.toolstree import ToolsTree

pytestmark = pytest.mark.host

HOUSE = Path(__file__).parents[2]


@dataclass(frozen=True)
class Said:
    status: int
    error: str
    details: tuple[str, ...]


def happened(tools_tree: ToolsTree, home: Path, what: str) -> Said:
    """What becomes of one thing that `support/guarded.py` does on a site."""
    path = os.pathsep.join(str(HOUSE / folder) for folder in ("src", "authority/src", "tests"))
    argv = private_argv((sys.executable, guarded.__file__, str(tools_tree.at), str(home), what))
    done = subprocess.run(
        argv, capture_output=True, text=True, check=False, timeout=60, env={**os.environ, "PYTHONPATH": path}
    )
    assert not done.stderr, done.stderr
    said = json.loads(done.stdout or '{"status": 0, "error": "", "details": []}')
    assert done.returncode == said["status"]
    return Said(said["status"], said["error"], tuple(said["details"]))


def test_a_hook_that_calls_out_and_hides_it_is_named_with_its_file(tools_tree: ToolsTree, tmp_path: Path) -> None:
    said = happened(tools_tree, tmp_path, "hook calls out")

    assert said.status == 4
    assert said.error == "hooks/asl-planted/root.d/20-planted reaches for a network, which no build has"
    assert said.details[0].endswith("connect to 203.0.113.1 port 80")
    assert any("20-planted" in line for line in said.details)
    assert not any("10-good" in line for line in said.details)


def test_a_hook_that_asks_for_the_address_of_a_name_is_named(tools_tree: ToolsTree, tmp_path: Path) -> None:
    said = happened(tools_tree, tmp_path, "hook asks for a name")

    assert said.status == 4
    assert said.error.startswith("hooks/asl-planted/root.d/20-planted reaches for a network")
    assert " port 53" in said.details[0]


def test_a_hook_may_look_up_users_and_make_a_socket_that_leads_nowhere(tools_tree: ToolsTree, tmp_path: Path) -> None:
    assert happened(tools_tree, tmp_path, "hook stays") == Said(0, "", ())


def test_a_program_of_a_step_that_calls_out_is_named(tools_tree: ToolsTree, tmp_path: Path) -> None:
    said = happened(tools_tree, tmp_path, "act calls out")

    assert said.status == 4
    assert said.error.startswith("bash -c ")
    assert "reaches for a network" in said.error


@pytest.mark.parametrize(
    ("what", "program"),
    [
        ("act is not logged", "sha1sum: an unlogged program of the tools tree"),
        ("act is not logged, by its path", "/usr/bin/sha1sum: an unlogged program of the tools tree"),
        ("act of the host is not logged", "true: an unlogged program of this host"),
    ],
)
def test_a_program_that_is_not_on_the_list_does_not_run_and_is_named(
    tools_tree: ToolsTree, tmp_path: Path, what: str, program: str
) -> None:
    said = happened(tools_tree, tmp_path, what)

    assert (said.status, said.error) == (4, program)


def test_a_program_whose_bytes_are_not_the_recorded_ones_does_not_run(tools_tree: ToolsTree, tmp_path: Path) -> None:
    said = happened(tools_tree, tmp_path, "program is another")

    assert (said.status, said.error) == (
        3,
        "xorriso: /usr/bin/xorriso in the tools tree has other bytes than were recorded for it",
    )
