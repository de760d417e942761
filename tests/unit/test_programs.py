"""Which programs may run, and what of a tree each of them loads; on trees of a few made-up ELF files."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import pytest

from asl_image.elf import ENTRY, HEADER, MAGIC, SEGMENT, read_elf
from asl_image.errors import CheckFailed, Refused
from asl_image.plan import make_plan
from asl_image.programs import LoggedPrograms, find_program, names, read_record, real, record
from asl_image.step import Step
from support.plans import tiny_inputs

LIB = "usr/lib/x86_64-linux-gnu"


def elf(needed: Sequence[str] = (), interpreter: str = "", runpath: str = "", content: bytes = b"") -> bytes:
    """A file that loads these; it lies in memory where it lies in the file."""
    strings, places = bytearray(b"\0"), []
    for word in (*needed, runpath, interpreter):
        places.append(len(strings))
        strings += word.encode() + b"\0"
    entries = [(1, place) for place in places[: len(needed)]]
    entries += [(29, places[len(needed)])] if runpath else []
    at = HEADER.size + 3 * SEGMENT.size
    table = at + (len(entries) + 2) * ENTRY.size
    dynamic = b"".join(ENTRY.pack(*entry) for entry in (*entries, (5, table), (0, 0)))
    whole = len(dynamic) + len(strings) + at
    segments = [(1, 5, 0, 0, 0, whole, whole, 1), (2, 4, at, at, at, len(dynamic), len(dynamic), 8)]
    if interpreter:
        segments.append((3, 4, table + places[-1], 0, 0, len(interpreter) + 1, 0, 1))
    header = HEADER.pack(3, 62, 1, 0, HEADER.size, 0, 0, HEADER.size, SEGMENT.size, len(segments), 0, 0, 0)
    packed = b"".join(SEGMENT.pack(*segment) for segment in segments).ljust(3 * SEGMENT.size, b"\0")
    return MAGIC + header[len(MAGIC) :] + packed + dynamic + bytes(strings) + content


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Merged /usr, absolute links, a script, a library by $ORIGIN, and a program that needs what is not there."""
    files = {
        "usr/bin/xorriso": elf(("libisofs.so.6", "libc.so.6"), "/lib64/ld.so"),
        "usr/bin/perl5": elf(("libperl.so",), "/lib64/ld.so", "$ORIGIN/../lib/perl"),
        "usr/bin/mmdebstrap": b"#! /usr/bin/perl -w\nprint",
        "usr/bin/broken": elf(("libnowhere.so",)),
        "usr/bin/cut": elf(("libc.so.6",))[:100],
        "usr/bin/static": elf(),
        "usr/lib/perl/libperl.so": elf(("libc.so.6",)),
        f"{LIB}/libisofs.so.6.1": elf(("libc.so.6",)),
        f"{LIB}/libc.so.6": elf(),
        "usr/lib64/ld.so": elf(),
    }
    for name, data in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(data)
    (tmp_path / "lib64").symlink_to("usr/lib64")
    (tmp_path / f"{LIB}/libisofs.so.6").symlink_to("libisofs.so.6.1")
    (tmp_path / "etc/alternatives").mkdir(parents=True)
    (tmp_path / "etc/alternatives/perl").symlink_to("/usr/bin/perl5")
    (tmp_path / "usr/bin/perl").symlink_to("/etc/alternatives/perl")
    (tmp_path / "usr/bin/loop").symlink_to("loop")
    return tmp_path


def test_a_program_loads_its_interpreter_its_libraries_and_theirs(tree: Path) -> None:
    found = record(tree, ["xorriso"])

    assert found.programs["xorriso"].loads == (f"/{LIB}/libc.so.6", f"/{LIB}/libisofs.so.6.1", "/usr/lib64/ld.so")
    assert found.programs["xorriso"].sha256 == hashlib.sha256((tree / "usr/bin/xorriso").read_bytes()).hexdigest()
    assert tuple(found.loaded) == found.programs["xorriso"].loads


def test_a_script_loads_what_interprets_it_and_what_that_loads(tree: Path) -> None:
    assert record(tree, ["mmdebstrap"]).programs["mmdebstrap"].loads == (
        "/usr/bin/perl5",
        "/usr/lib/perl/libperl.so",
        f"/{LIB}/libc.so.6",
        "/usr/lib64/ld.so",
    )


def test_a_static_program_loads_nothing(tree: Path) -> None:
    assert record(tree, ["static"]).programs["static"].loads == ()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("broken", "/usr/bin/broken: the tools tree lacks libnowhere.so"),
        ("cut", "/usr/bin/cut: "),
        ("sqfstar", "sqfstar: the tools tree has no such program"),
        ("loop", "loop: the tools tree has no such program"),
    ],
)
def test_what_can_t_be_recorded_whole_is_named(tree: Path, name: str, words: str) -> None:
    with pytest.raises(CheckFailed, match=words):
        record(tree, [name])


@pytest.mark.parametrize("size", range(0, len(elf(("libc.so.6",), "/lib64/ld.so")) - 14, 7))
def test_a_file_that_is_cut_short_is_no_whole_elf_file(size: int) -> None:
    with pytest.raises(ValueError, match=r"cut short|not an ELF|table of names"):
        read_elf(elf(("libc.so.6",), "/lib64/ld.so")[:size])


def test_a_record_is_read_as_it_was_written_and_nothing_else_is(tree: Path) -> None:
    path = tree / "programs.json"
    path.write_text(record(tree, ["xorriso"]).text())
    assert read_record(path) == record(tree, ["xorriso"])

    path.write_text(path.read_text().replace("loads", "load"))
    with pytest.raises(CheckFailed, match="can't be read"):
        read_record(path)


def test_a_recorded_program_runs_by_its_name_or_its_path(tree: Path) -> None:
    logged = LoggedPrograms(tree, record(tree, ["xorriso", "mmdebstrap"]))

    for program in ("xorriso", "/usr/bin/xorriso", "mmdebstrap"):
        logged.check(program)


@pytest.mark.parametrize("program", ["static", "/usr/bin/static", "nowhere", "/usr/bin/perl5"])
def test_an_unlogged_program_is_named(tree: Path, program: str) -> None:
    with pytest.raises(Refused, match=f"{program}: an unlogged program of the tools tree"):
        LoggedPrograms(tree, record(tree, ["xorriso"])).check(program)


@pytest.mark.parametrize("changed", ["usr/bin/xorriso", f"{LIB}/libisofs.so.6.1", "usr/lib64/ld.so"])
def test_a_program_or_library_with_another_byte_does_not_run(tree: Path, changed: str) -> None:
    logged = LoggedPrograms(tree, record(tree, ["xorriso"]))
    (tree / changed).write_bytes((tree / changed).read_bytes() + b"x")

    with pytest.raises(CheckFailed, match=f"xorriso: /{changed} in the tools tree has other bytes"):
        logged.check("xorriso")


def test_a_link_leads_where_the_tree_s_own_root_would_go(tree: Path) -> None:
    shutil.copy(tree / "usr/bin/static", tree / "usr/bin/zstd")
    (tree / "usr/bin/unzstd").symlink_to("../../../../usr/bin/zstd")

    assert real(tree, PurePosixPath("/usr/bin/unzstd")) == PurePosixPath("/usr/bin/zstd")
    assert find_program(tree, "perl") == PurePosixPath("/usr/bin/perl5")


def below(step: Step, steps: dict[str, Step]) -> set[str]:
    return {step.name(), *(name for needed in step.needs() for name in below(steps[needed], steps))}


def test_every_step_that_runs_a_program_has_the_tools_tree_in_its_id_and_its_program_on_the_list() -> None:
    """An id covers the hash of every .deb of the tools tree, and so every program and library that a step may run."""
    steps = {step.name(): step for step in make_plan(tiny_inputs()).steps}
    acts = {
        name: [line.split(": ", 1)[1] for line in step.describe() if line.startswith("tools: ")]
        for name, step in steps.items()
    }

    assert {"root", "layer-base", "iso", "initramfs", "kernel-modules"} <= {
        name for name, lines in acts.items() if lines
    }
    for name, lines in acts.items():
        assert not lines or "tools-tree" in below(steps[name], steps), name
        for line in lines:
            program = next(word for word in line.split() if "=" not in word)
            assert program in names(), line
