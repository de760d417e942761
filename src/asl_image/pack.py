"""Pack a Python program into one file that starts by itself and has the same bytes wherever it is packed.

The file is a `#!` line and a zip archive: sources for auditors and, beside each, the code that the
image's own Python compiled from it. Python takes the compiled form without looking at the source, which
saves most of the start; another Python than the image's finds its magic number wrong and takes the source.
"""

from __future__ import annotations

import ast
import io
import zipfile
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from asl_image.errors import AslImageError, ConfigError

INTERPRETER = "/usr/bin/python3"
SUFFIX = ".py"
COMPILED_SUFFIX = ".pyc"
# Zip knows no time before this; a fixed one keeps the sources' dates out.
FIXED_DATE = (1980, 1, 1, 0, 0, 0)
FILE_MODE = 0o100644
UNIX = 3

# Runs in the image's Python. What could differ between two runs is kept out:
# * the name in the code is the path inside the archive, not where it was compiled;
# * marshal format 2 has no back references: those of later formats depend on how often an object happens
#   to be referred to in the compiling process;
# * flags 1: checked by nobody, so the source's date and place don't matter;
# * everything is compiled before anything is written, so a syntax error leaves no half of a program.
COMPILE_SCRIPT = """\
import importlib.util, marshal, pathlib, sys
sources, target = map(pathlib.Path, sys.argv[1:])
done = {}
for path in sorted(sources.rglob("*.py")):
    name = path.relative_to(sources).as_posix()
    text = path.read_bytes()
    code = compile(text, name, "exec", dont_inherit=True, optimize=0)
    head = importlib.util.MAGIC_NUMBER + (1).to_bytes(4, "little") + importlib.util.source_hash(text)
    done[name + "c"] = head + marshal.dumps(code, 2)
for name, data in done.items():
    (target / name).parent.mkdir(parents=True, exist_ok=True)
    (target / name).write_bytes(data)
"""


def compile_command(sources: PurePosixPath, target: PurePosixPath, interpreter: str = INTERPRETER) -> tuple[str, ...]:
    """The argv that compiles every .py under `sources` to a .pyc at the same place under `target`.

    Both are paths as the image sees them; nothing else is read or written. Run it in the image's root.
    """
    # -I: neither the environment nor the current directory reaches it; -S: nor what site would load;
    # -B: it leaves no caches of its own behind.
    return (interpreter, "-I", "-S", "-B", "-c", COMPILE_SCRIPT, str(sources), str(target))


def load_sources(root: Path) -> dict[str, bytes]:
    """Every .py under `root` by its path there. Raises ConfigError when there is none or one is a link."""
    return _load(root, SUFFIX)


def load_compiled(root: Path) -> dict[str, bytes]:
    """Every .pyc that compile_command left under `root`, by its path there."""
    return _load(root, COMPILED_SUFFIX)


def program_version(sources: Mapping[str, bytes], package: str) -> str:
    """The `__version__` that the package's `__init__.py` states, read without running it. Raises ConfigError."""
    path = f"{package}/__init__.py"
    for node in ast.parse(sources.get(path, b"")).body:
        match node:
            case ast.Assign(targets=[ast.Name(id="__version__")], value=ast.Constant(value=str(version))):
                return version
    raise ConfigError(f'{path}: no line __version__ = "..."')


def pack_program(sources: Mapping[str, bytes], compiled: Mapping[str, bytes], entry: str) -> bytes:
    """The packed program; it calls `entry` ("package.module:function") and ends with what that returns.

    The same input gives the same bytes, whatever the order of the mappings. `compiled` holds exactly one
    .pyc for each source; anything else is our own fault and raises AslImageError.
    """
    _check_complete(sources, compiled)
    module, _, function = entry.partition(":")
    if f"{module.replace('.', '/')}{SUFFIX}" not in sources or not function.isidentifier():
        raise AslImageError(f"{entry}: no such entry in the sources")
    main = f"import sys\n\nfrom {module} import {function}\n\nsys.exit({function}())\n"
    members = {**sources, **compiled, "__main__.py": main.encode()}
    packed = io.BytesIO()
    packed.write(f"#!{INTERPRETER} -I\n".encode())  # first, so that the archive's offsets count from the file's start
    # Stored, not compressed: two versions of zlib may compress to different bytes, and the layer is
    # compressed anyway.
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as file:
        for name in sorted(members):
            info = zipfile.ZipInfo(name, FIXED_DATE)
            info.create_system = UNIX
            info.external_attr = FILE_MODE << 16
            file.writestr(info, members[name])
    return packed.getvalue()


def _check_complete(sources: Mapping[str, bytes], compiled: Mapping[str, bytes]) -> None:
    wanted = {f"{name}c" for name in sources}
    problems = [f"{name}: not compiled" for name in sorted(wanted - compiled.keys())]
    problems += [f"{name}: compiled from nothing" for name in sorted(compiled.keys() - wanted)]
    if problems:
        raise AslImageError("the compiled program is not the program", details=tuple(problems))


def _load(root: Path, suffix: str) -> dict[str, bytes]:
    found = {}
    for path in root.rglob(f"*{suffix}"):
        name = path.relative_to(root).as_posix()
        if path.is_symlink() or not path.is_file():
            raise ConfigError(f"{path}: not a regular file")
        if "__pycache__" not in path.parts:
            found[name] = path.read_bytes()
    if not found:
        raise ConfigError(f"{root}: no {suffix} file in it")
    return found
