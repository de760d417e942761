"""What tests of a built image share: the image, its tree, and one booted machine for many checks."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from testinfra.host import Host

from asl_image.machine import Machine
from asl_image.qemu import Drive, MachineConfig
from support.boots import EVERY_NIC, FAILED_UNITS, FIRMWARE_SETTINGS, SETTLED_S, at_prompt
from support.iso import Iso
from support.needs import lacking
from support.serial_backend import booted_host
from support.toolstree import ToolsTree
from support.tree import tree_host, unpacked
from support.workers import rank, shared_by

HOUSE = Path(__file__).parents[1]
# A loaded machine is slow, and that is no finding; in CI the same examples come every time.
hypothesis.settings.register_profile("house", deadline=None, derandomize=os.environ.get("CI") == "true")
hypothesis.settings.load_profile("house")
DEFAULT_ISO = HOUSE / "build/authority/authority.iso"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--iso",
        type=Path,
        default=DEFAULT_ISO,
        metavar="FILE",
        help="the image that is tested; its manifest lies beside it (default: build/authority/authority.iso)",
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest first; everything else stays in its order."""
    items.sort(key=lambda item: rank(item.path.relative_to(HOUSE / "tests")))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Several workers share the tests: a file goes to one of them, and the tests of shared machines to one too."""
    from xdist.scheduler.loadscope import LoadScopeScheduling

    class ByFileAndMachine(LoadScopeScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            return shared_by(nodeid)

    return ByFileAndMachine(config, log)


@pytest.fixture(scope="session")
def iso(request: pytest.FixtureRequest) -> Iso:
    """The image under test."""
    path: Path = request.config.getoption("--iso")
    if not path.is_file():
        lacking(f"{path} has not been built: ./build.py build {path.stem}")
    return Iso(path.absolute())


@pytest.fixture(scope="session")
def manifest(iso: Iso) -> dict[str, Any]:
    """What the builder wrote beside the image."""
    whole: dict[str, Any] = json.loads(iso.path.with_suffix(".manifest.json").read_text())
    return whole


@pytest.fixture(scope="session")
def tools_tree() -> ToolsTree:
    """The build's own tools."""
    tools = ToolsTree.newest(HOUSE / "build")
    if tools is None:
        lacking("there is no tools tree under build/cache: ./build.py build authority")
    assert tools is not None
    return tools


@pytest.fixture(scope="session")
def tree(iso: Iso, tools_tree: ToolsTree, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The image's root tree, unpacked once."""
    with unpacked(iso, tools_tree, tmp_path_factory.mktemp("tree")) as at:
        yield at


@pytest.fixture(scope="session")
def booted(iso: Iso, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """The image at its prompt, with all units started: from a CD, by BIOS, with three network cards plugged in.

    One machine for all tests that need none of their own; they leave it as they found it.
    """
    config = MachineConfig(medium=Drive(iso.path, "cdrom"), nics=EVERY_NIC, extra=FIRMWARE_SETTINGS)
    with at_prompt(config, tmp_path_factory.mktemp("booted")) as machine:
        machine.run(FAILED_UNITS, timeout_s=SETTLED_S + 60)
        yield machine


@pytest.fixture(scope="session")
def rehearsal(iso: Iso, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """A rehearsal on a machine with enough memory to hold the image, and to open a root's key.

    The tests of the image in memory switch it off: they are its last.
    """
    config = MachineConfig(medium=Drive(iso.path, "usb"), memory_mib=2400)
    with at_prompt(config, tmp_path_factory.mktemp("rehearsal"), key="r") as machine:
        machine.run(FAILED_UNITS, timeout_s=SETTLED_S + 60)
        yield machine


@pytest.fixture(params=["tree", pytest.param("booted", marks=pytest.mark.boot)])
def host(request: pytest.FixtureRequest) -> Host:
    """One spec, two places: the built tree, seen by root, and the booted machine, seen by its operator."""
    if request.param == "tree":
        return tree_host(request.getfixturevalue("tree"))
    return booted_host(request.getfixturevalue("booted"))


@pytest.fixture
def spare(iso: Iso, tmp_path: Path) -> Iterator[Path]:
    """Where a test may put a changed copy of the image; it is gone afterwards, for it is large."""
    path = tmp_path / "changed.iso"
    yield path
    path.unlink(missing_ok=True)
