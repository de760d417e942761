"""A library that is loaded into every program of a build: another time of day, another order of directories.

It is compiled at need by the compiler of the tools tree, which the first build has left in the cache: pass by pass,
each started by the tree's own loader, so that it takes neither root nor a compiler of the host.
"""

from __future__ import annotations

from pathlib import Path

from asl_image.errors import Refused
from asl_image.runner import Command, Runs
from asl_image.squash import LIBRARIES

SOURCE = Path(__file__).parent / "preloaded/elsewhere.c"
TREES = "cache/shared/tools-tree/*/tools-tree"
COMPILER = "usr/libexec/gcc/x86_64-linux-gnu/*/cc1"
ASSEMBLER = "usr/bin/x86_64-linux-gnu-as"
LINKER = "usr/bin/x86_64-linux-gnu-ld.bfd"


def compile_library(build: Path, runner: Runs, target: Path, *, clock_offset_s: int, order_seed: int) -> None:
    """Leave the library at `target`, with its intermediate files beside it. Raises Refused, or ProgramFailed."""
    assembly, code = target.with_suffix(".s"), target.with_suffix(".o")
    tree = newest_tree(build)
    (compiler,) = tree.glob(COMPILER)
    meaning = (f"-DCLOCK_OFFSET={clock_offset_s}", f"-DORDER_SEED={order_seed}")
    plain = ("-std=c11", "-O2", "-fPIC", "-ffreestanding", "-fno-builtin", "-fno-stack-protector")
    strict = ("-Wall", "-Wextra", "-Werror")
    for program, *words in (
        (compiler, "-quiet", *plain, *strict, *meaning, str(SOURCE), "-o", str(assembly)),
        (tree / ASSEMBLER, "-o", str(code), str(assembly)),
        (tree / LINKER, "-shared", "-z", "noexecstack", "-o", str(target), str(code)),
    ):
        libraries = str(tree / LIBRARIES)
        loader = f"{libraries}/ld-linux-x86-64.so.2"
        runner.run(Command((loader, "--library-path", libraries, str(program), *words)))


def newest_tree(build: Path) -> Path:
    """The tools tree with a compiler that was made last. Raises Refused when there is none."""
    trees = [tree for tree in build.glob(TREES) if [*tree.glob(COMPILER)]]
    if not trees:
        raise Refused(f"{build}: no tools tree with a compiler is kept there", hint="build the profile first")
    return max(trees, key=lambda tree: tree.lstat().st_ctime)
