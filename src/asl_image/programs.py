"""The programs of the tools tree that steps run, each with its hash and that of everything it loads.

The list is closed: a step that runs a program which is not on it fails, and names the program. The tools tree's step
records the hashes when it has made the tree (`record`), the manifest repeats them, and before a program runs its
bytes are held against the record (`LoggedPrograms`).
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from pydantic import Field, ValidationError

from asl_image.elf import is_elf, read_elf
from asl_image.errors import CheckFailed, Refused
from asl_image.jsontext import rendered
from asl_image.lock import Locked, Sha256, Text
from asl_image.paths import inside
from asl_image.store import sha256_of

# What steps run, and with it what that runs in its turn; a name as PATH finds it, or a path.
STARTED: dict[str, tuple[str, ...]] = {
    "mmdebstrap": (
        *("apt-cache", "apt-config", "apt-get", "chroot", "dpkg", "dpkg-deb", "dpkg-query", "env", "find", "ischroot"),
        *("mknod", "mount", "rm", "sh", "tar", "test", "true", "umount", "unshare"),
        *("/usr/lib/apt/apt-helper", "/usr/lib/apt/methods/copy"),
    ),
    "debootstrap": (
        *("apt-config", "cat", "chmod", "chown", "chroot", "cp", "cut", "dpkg", "dpkg-deb", "grep", "head", "id", "ln"),
        *(
            "ls",
            "mkdir",
            "mknod",
            "mount",
            "mv",
            "perl",
            "rm",
            "sed",
            "sh",
            "sha256sum",
            "sort",
            "sync",
            "tar",
            "touch",
        ),
        *("tr", "umount", "uniq", "wc"),
    ),
    "dpkg-query": (),
    "tar": (),
    "bash": (),  # runs hooks outside the image; what their scripts run is in the tree, whose digest holds all of it
    "depmod": (),
    "sqfstar": (),
    "unsquashfs": (),
    "veritysetup": (),
    "musl-gcc": (
        *("x86_64-linux-gnu-gcc", "as", "ld"),
        *(f"/usr/libexec/gcc/x86_64-linux-gnu/14/{name}" for name in ("cc1", "collect2")),
    ),
    "zstd": (),
    "grub-mkimage": (),
    "mkfs.fat": (),
    "mmd": (),
    "mcopy": (),
    "cat": (),
    "xorriso": (),
}
FOLDERS = ("/usr/sbin", "/usr/bin")  # as the clean environment's PATH has them; /usr/local is empty
LIBRARIES = ("/usr/lib/x86_64-linux-gnu", "/usr/lib", "/usr/lib64")
ON_HOST = ("mmdebstrap",)  # it makes the tools tree itself, and nothing else
RECORD = "programs.json"
MOST_LINKS = 40


class Program(Locked):
    """A program of the tools tree."""

    path: Text
    sha256: Sha256
    loads: tuple[Text, ...] = Field(description="Its interpreter and libraries, by their paths in `loaded`.")


class Programs(Locked):
    """Programs by the names that steps know, and what they load by its path; every path is the tools tree's."""

    programs: dict[Text, Program]
    loaded: dict[Text, Sha256]

    def text(self) -> str:
        """The one form of a record."""
        return rendered(self.model_dump(mode="json"))


def names() -> tuple[str, ...]:
    """Every program on the list, sorted."""
    return tuple(sorted({*STARTED, *(helper for helpers in STARTED.values() for helper in helpers)}))


def record(tree: Path, wanted: Iterable[str] | None = None) -> Programs:
    """The hashes of `wanted` (default: the whole list) in a tools tree. Raises CheckFailed for what is not there."""
    programs: dict[str, Program] = {}
    loaded: dict[str, str] = {}
    for name in names() if wanted is None else sorted(wanted):
        path = find_program(tree, name)
        if path is None:
            raise CheckFailed(
                f"{name}: the tools tree has no such program",
                hint="its package is missing in the profile's package set of tools (see profiles/), or programs.py "
                "lists what nothing needs",
            )
        loads = loads_of(tree, path)
        programs[name] = Program(path=str(path), sha256=sha256_of(inside(tree, path)), loads=loads)
        loaded |= {each: sha256_of(inside(tree, PurePosixPath(each))) for each in loads if each not in loaded}
    return Programs(programs=programs, loaded=dict(sorted(loaded.items())))


def read_record(path: Path) -> Programs:
    """The record of a tools tree. Raises CheckFailed."""
    try:
        return Programs.model_validate_json(path.read_text())
    except (OSError, ValidationError, UnicodeDecodeError):
        raise CheckFailed(f"{path}: the tools tree's record of its programs can't be read") from None


def find_program(tree: Path, name: str) -> PurePosixPath | None:
    """Where a program lies in a tree, all links followed."""
    candidates = [name] if name.startswith("/") else [f"{folder}/{name}" for folder in FOLDERS]
    found = (real(tree, PurePosixPath(candidate)) for candidate in candidates)
    return next((path for path in found if path is not None), None)


def real(tree: Path, path: PurePosixPath) -> PurePosixPath | None:
    """The path that a file of a tree really has there, links followed as the tree's own root would; None for none."""
    for _ in range(MOST_LINKS):
        at = inside(tree, path)
        here = PurePosixPath("/") / at.relative_to(inside(tree, PurePosixPath("/"))).as_posix()
        if not at.is_symlink():
            return here if at.is_file() else None
        path = PurePosixPath(os.path.normpath(here.parent / os.readlink(at)))  # noqa: PTH115 - bytes as they are
    return None


def loads_of(tree: Path, program: PurePosixPath) -> tuple[str, ...]:
    """All that running a program loads by itself: interpreters and libraries, theirs too. Raises CheckFailed."""
    found: set[PurePosixPath] = set()
    waiting = [program]
    while waiting:
        for path in needs_of(tree, waiting.pop()):
            if path not in found:
                found.add(path)
                waiting.append(path)
    return tuple(sorted(map(str, found)))


def needs_of(tree: Path, path: PurePosixPath) -> Iterator[PurePosixPath]:
    """What one file names itself. Raises CheckFailed when a tree does not have it."""
    data = inside(tree, path).read_bytes()
    if data.startswith(b"#!"):
        yield _there(real(tree, PurePosixPath(interpreter_of(data))), path, interpreter_of(data))
        return
    if not is_elf(data):
        return
    try:
        elf = read_elf(data)
    except ValueError as error:
        raise CheckFailed(f"{path}: {error}") from None
    if elf.interpreter:
        yield _there(real(tree, PurePosixPath(elf.interpreter)), path, elf.interpreter)
    folders = [folder.replace("$ORIGIN", str(path.parent)) for folder in elf.search] + list(LIBRARIES)
    for library in elf.needed:
        places = (real(tree, PurePosixPath(os.path.normpath(f"{folder}/{library}"))) for folder in folders)
        yield _there(next((place for place in places if place is not None), None), path, library)


def interpreter_of(script: bytes) -> str:
    """The program that a script's first line names."""
    words = script.split(b"\n", 1)[0][2:].split()
    return words[0].decode("utf-8", "surrogateescape") if words else ""


def _there(found: PurePosixPath | None, by: PurePosixPath, name: str) -> PurePosixPath:
    if found is None:
        raise CheckFailed(f"{by}: the tools tree lacks {name}, which it needs")
    return found


@dataclass
class LoggedPrograms:
    """Lets those programs run that are recorded, and have the recorded bytes; each is read once a build."""

    tree: Path
    recorded: Programs
    sound: set[str] = field(default_factory=set)

    def check(self, program: str) -> None:
        """Raise Refused for a program that is not recorded, CheckFailed for one with other bytes."""
        at = str(find_program(self.tree, program))
        found = (each for each in self.recorded.programs.items() if at == each[1].path)
        name, known = next(found, (program, None))
        if known is None:
            raise unlogged(program, "the tools tree")
        expected = {known.path: known.sha256, **{path: self.recorded.loaded[path] for path in known.loads}}
        for path, sha256 in expected.items():
            if path not in self.sound and sha256_of(inside(self.tree, PurePosixPath(path))) != sha256:
                raise CheckFailed(f"{name}: {path} in the tools tree has other bytes than were recorded for it")
            self.sound.add(path)


def unlogged(program: str, place: str) -> Refused:
    """The error for a program that no list has."""
    return Refused(
        f"{program}: an unlogged program of {place}",
        hint="a step runs only what programs.py lists, so that its hash is recorded and stands in the manifest",
    )
