"""The Python packages that the builder itself runs on, as wheels that somebody gives: the pinned ones and all.

An interpreter's wheels are no part of an image, and no lock can name them for every interpreter and machine. So they
are given, with the hash list that whoever fetched them made, and held against the project's own pins.
"""

from __future__ import annotations

import re
import tomllib
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from asl_image.errors import CheckFailed, ConfigError, IoFailed, Refused
from asl_image.kit import WHEELS
from asl_image.store import sha256_of

SUMS = "SHA256SUMS"
SUM_LINE = re.compile(r"(?P<sha256>[0-9a-f]{64}) [ *](?P<name>[^/\s]+)")
WHEEL_NAME = re.compile(r"(?P<name>[^-]+)-(?P<version>[^-]+)(?:-[^-]+)?-[^-]+-[^-]+-[^-]+\.whl")
PIN = re.compile(r"(?P<name>[A-Za-z0-9._-]+)==(?P<version>\S+)")
NEEDS = re.compile(r"^Requires-Dist: *(?P<name>[A-Za-z0-9._-]+)(?P<rest>.*)$", re.MULTILINE)
METADATA_LIMIT_BYTES = 4 << 20


def needed_wheels(folder: Path, root: Path) -> dict[str, Path]:
    """The wheels in `folder` that the builder of the project at `root` runs on, by their path in a kit.

    Raises ConfigError for a folder without a good hash list, CheckFailed for a wheel with other bytes than that
    says, Refused with every requirement that is missing or there in another version than is pinned.
    """
    pins = pinned(root / "requirements.txt")
    given = {normal(match["name"]): (match["version"], path) for path, match in listed(folder)}
    needed: set[str] = set()
    waiting = direct(root / "pyproject.toml")
    lacking = []
    while waiting:
        name = waiting.pop()
        if name in needed or name not in pins:  # not pinned: needed on another kind of machine only
            continue
        needed.add(name)
        version, path = given.get(name, ("", folder))
        if not version:
            lacking.append(f"{name} {pins[name]}: no wheel of it")
        elif version != pins[name]:
            lacking.append(f"{name}: {pins[name]} is pinned, {path.name} is there")
        else:
            waiting |= requirements(path)
    if lacking:
        raise Refused(
            f"{folder} does not have the Python packages that the builder runs on",
            details=tuple(sorted(lacking)),
            hint=f"pip download --only-binary=:all: --dest {folder} -r requirements.txt fetches; then {how(folder)}",
        )
    return {f"{WHEELS}/{given[name][1].name}": given[name][1] for name in sorted(needed)}


def listed(folder: Path) -> list[tuple[Path, re.Match[str]]]:
    """Every wheel of a folder with its name taken apart, after its bytes were held against the folder's hash list."""
    try:
        lines = (folder / SUMS).read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        raise ConfigError(f"{folder / SUMS}: no such hash list", hint=how(folder)) from None
    except (OSError, UnicodeDecodeError) as error:
        raise IoFailed(f"{folder / SUMS}: can't be read: {error}") from error
    matches = [SUM_LINE.fullmatch(line) for line in lines]
    if None in matches:
        number = matches.index(None) + 1
        raise ConfigError(f"{folder / SUMS}:{number}: not a line that sha256sum writes", hint=how(folder))
    sums = {match["name"]: match["sha256"] for match in matches if match is not None}
    found = []
    for path in sorted(folder.glob("*.whl")):
        name = WHEEL_NAME.fullmatch(path.name)
        if name is None:
            raise ConfigError(f"{path}: not the name of a wheel")
        if path.name not in sums:
            raise CheckFailed(f"{path}: {SUMS} does not name it")
        if sha256_of(path) != sums[path.name]:
            raise CheckFailed(f"{path}: other bytes than {SUMS} says", hint="fetch it again")
        found.append((path, name))
    return found


def how(folder: Path) -> str:
    """How the hash list of a folder is made."""
    return f"(cd {folder} && sha256sum *.whl >{SUMS}) makes the list, to be kept and reviewed"


def pinned(path: Path) -> Mapping[str, str]:
    """Name to version of all that requirements.txt pins. Raises ConfigError for any other line."""
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    matches = [PIN.fullmatch(line) for line in lines]
    if None in matches:
        raise ConfigError(f"{path}: '{lines[matches.index(None)]}' pins nothing", hint="name==version, a line each")
    return {normal(match["name"]): match["version"] for match in matches if match is not None}


def direct(path: Path) -> set[str]:
    """What pyproject.toml says the builder imports."""
    project = tomllib.loads(path.read_text(encoding="utf-8"))["project"]
    return names(project["dependencies"])


def requirements(wheel: Path) -> set[str]:
    """What a wheel says it needs, its extras left out. Raises CheckFailed when it says nothing that can be read."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            (metadata,) = (name for name in archive.namelist() if re.fullmatch(r"[^/]+\.dist-info/METADATA", name))
            with archive.open(metadata) as file:
                text = file.read(METADATA_LIMIT_BYTES).decode("utf-8")
    except (ValueError, zipfile.BadZipFile) as error:
        raise CheckFailed(f"{wheel}: not a wheel: {error}") from error
    head = text.partition("\n\n")[0]
    return {normal(match["name"]) for match in NEEDS.finditer(head) if "extra ==" not in match["rest"]}


def names(requirement_lines: Iterable[str]) -> set[str]:
    """The names at the beginning of requirements."""
    return {normal(re.split(r"[^A-Za-z0-9._-]", line, maxsplit=1)[0]) for line in requirement_lines}


def normal(name: str) -> str:
    """A project's name as all its spellings have it."""
    return re.sub(r"[-_.]+", "-", name).lower()
