"""The packed program has the same bytes wherever it is packed, and really runs from its compiled form."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

import pytest

from asl_image.errors import AslImageError, ConfigError
from asl_image.pack import compile_command, load_compiled, load_sources, pack_program, program_version

AUTHORITY = Path(__file__).parents[2] / "authority" / "src"
ENTRY = "asl_authority.front.cli:main"

# Sets, shared strings and a nested function: what once made compiled code differ between two runs.
TOY = {
    "toy/__init__.py": b'__version__ = "1.2"\n',
    "toy/main.py": b"""\
def run():
    if "status" in {"status", "self-test", "alpha", "beta", "gamma", "delta"}:
        def inner():
            return "status"
        print(inner(), __file__, run.__code__.co_filename)
    return 7
""",
}


def write(root: Path, files: Mapping[str, bytes]) -> Path:
    for name, data in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return root


def compiled(sources: Path, target: Path, env: Mapping[str, str] = {}) -> dict[str, bytes]:
    """What the running Python, in the place of the image's, makes of `sources`."""
    target.mkdir(exist_ok=True)
    argv = compile_command(PurePosixPath(sources), PurePosixPath(target), sys.executable)
    subprocess.run(argv, check=True, env=dict(env), cwd=target)
    return load_compiled(target)


def packed(sources: Path, work: Path, entry: str, env: Mapping[str, str] = {}) -> bytes:
    return pack_program(load_sources(sources), compiled(sources, work / "compiled", env), entry)


def start(program: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-I", str(program), *words], capture_output=True, text=True, check=False, cwd=program.parent
    )


def test_the_bytes_do_not_depend_on_place_umask_dates_or_environment(tmp_path: Path) -> None:
    here = write(tmp_path / "here", TOY)
    there = write(tmp_path / "far" / "away" / "there", dict(reversed(TOY.items())))
    for path in there.rglob("*.py"):
        os.utime(path, (1, 1))
        path.chmod(0o600)
    first = packed(here, tmp_path, "toy.main:run", {"PYTHONHASHSEED": "1"})

    before = os.umask(0o077)
    try:
        second = packed(there, tmp_path / "far", "toy.main:run", {"PYTHONHASHSEED": "2", "TZ": "Asia/Tokyo"})
    finally:
        os.umask(before)

    assert first == second


def test_the_bytes_do_not_depend_on_the_order_of_the_listing(tmp_path: Path) -> None:
    root = write(tmp_path / "src", TOY)
    sources, code = load_sources(root), compiled(root, tmp_path / "out")

    backwards = pack_program(dict(reversed(sources.items())), dict(reversed(code.items())), "toy.main:run")

    assert backwards == pack_program(sources, code, "toy.main:run")


def test_the_authority_program_is_the_same_twice_and_runs(tmp_path: Path) -> None:
    first = packed(AUTHORITY, tmp_path, ENTRY)
    shutil.rmtree(tmp_path / "compiled")
    assert packed(AUTHORITY, tmp_path, ENTRY) == first
    program = tmp_path / "asl-auth-host"
    program.write_bytes(first)

    done = start(program, "--version")

    assert (done.returncode, done.stdout) == (
        0,
        f"asl-auth-host {program_version(load_sources(AUTHORITY), 'asl_authority')}\n",
    )
    assert start(program, "statsu").returncode == 2


def test_it_runs_from_its_compiled_form_and_knows_no_path_of_the_builder(tmp_path: Path) -> None:
    root = write(tmp_path / "src", TOY)
    sources, code = load_sources(root), compiled(root, tmp_path / "out")
    # Sources that can't run: whoever reads them fails.
    program = tmp_path / "toy"
    program.write_bytes(pack_program(dict.fromkeys(sources, b"?"), code, "toy.main:run"))

    done = start(program)

    assert (done.returncode, done.stderr) == (7, "")
    assert done.stdout == f"status {program}/toy/main.pyc toy/main.py\n"
    assert str(tmp_path).encode() not in program.read_bytes()


def test_a_python_that_cannot_use_the_compiled_form_takes_the_source(tmp_path: Path) -> None:
    root = write(tmp_path / "src", TOY)
    strange = {name: b"\0\0\r\n" + data[4:] for name, data in compiled(root, tmp_path / "out").items()}
    program = tmp_path / "toy"
    program.write_bytes(pack_program(load_sources(root), strange, "toy.main:run"))

    assert start(program).returncode == 7


def test_the_archive_is_plain_sorted_and_dateless(tmp_path: Path) -> None:
    data = packed(write(tmp_path / "src", TOY), tmp_path, "toy.main:run")

    assert data.startswith(b"#!/usr/bin/python3 -I\nPK")
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = archive.infolist()
        assert archive.testzip() is None
    assert [m.filename for m in members] == sorted(
        ["__main__.py", "toy/__init__.py", "toy/__init__.pyc", "toy/main.py", "toy/main.pyc"]
    )
    assert {(m.date_time, m.compress_type, m.external_attr, m.create_system) for m in members} == {
        ((1980, 1, 1, 0, 0, 0), zipfile.ZIP_STORED, 0o100644 << 16, 3)
    }


def test_a_module_that_was_not_compiled_or_has_no_source_is_named() -> None:
    with pytest.raises(AslImageError) as caught:
        pack_program(TOY, {"toy/__init__.pyc": b"", "toy/stranger.pyc": b""}, "toy.main:run")

    assert caught.value.details == ("toy/main.pyc: not compiled", "toy/stranger.pyc: compiled from nothing")


@pytest.mark.parametrize("entry", ["toy.none:run", "toy.main", "toy.main:", "toy.main:run()", ""])
def test_an_entry_that_is_not_there_is_refused(entry: str) -> None:
    with pytest.raises(AslImageError, match="no such entry"):
        pack_program(TOY, {f"{name}c": b"" for name in TOY}, entry)


def test_sources_that_do_not_compile_leave_nothing(tmp_path: Path) -> None:
    root = write(tmp_path / "src", {**TOY, "toy/zz.py": b"def"})

    with pytest.raises(subprocess.CalledProcessError):
        compiled(root, tmp_path / "out")

    assert list((tmp_path / "out").iterdir()) == []


def test_a_link_among_the_sources_and_an_empty_tree_are_refused(tmp_path: Path) -> None:
    root = write(tmp_path / "src", TOY)
    (root / "toy/link.py").symlink_to("/etc/hostname")
    (tmp_path / "empty").mkdir()

    with pytest.raises(ConfigError, match=r"link\.py: not a regular file"):
        load_sources(root)
    with pytest.raises(ConfigError, match=r"no \.py file"):
        load_sources(tmp_path / "empty")


def test_the_version_is_read_without_running_the_program() -> None:
    assert program_version(TOY, "toy") == "1.2"
    with pytest.raises(ConfigError, match=r"none/__init__\.py"):
        program_version(TOY, "none")
