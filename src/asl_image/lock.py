"""The lock: every package and tool of a profile, down to the last byte, in a file that people review.

`build.py lock` writes profiles/<name>.lock.yaml, sorted, one line a package, so that a review is a diff. The reader
accepts what the writer writes and nothing else. Where the files come from is not in it (see origins.py).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise, zip_longest
from pathlib import Path
from typing import Annotated, Any, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from asl_image import flowtext
from asl_image.atomic import write_whole
from asl_image.errors import ConfigError, IoFailed, Refused
from asl_image.flowtext import block, flow
from asl_image.profile import PypiOrigin, Tool

ArchiveName = Literal["debian", "debian-security"]

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
PackageName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9+.-]+$")]
Version = Annotated[str, Field(pattern=r"^(?:[0-9]+:)?[0-9A-Za-z.+~-]+$")]
PoolPath = Annotated[
    str, Field(pattern=r"^pool/(?:[A-Za-z0-9+_~-][A-Za-z0-9+._~%-]*/)+[A-Za-z0-9][A-Za-z0-9+._~%-]*\.deb$")
]
ReleaseDate = Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z$")]
Text = Annotated[str, Field(pattern=r"^[ -~]+$")]


class Locked(BaseModel):
    """Frozen, and unknown keys or loosely typed values are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Request(Locked):
    """What was asked for. A profile that asks for something else does not match the lock."""

    suite: Text
    architecture: Text
    components: tuple[Text, ...]
    packages: tuple[PackageName, ...]
    tools: tuple[Text, ...] = ()
    digest: Sha256 = Field(description="SHA-256 of the request in canonical JSON.")


class LockedSuite(Locked):
    """One signed Release file that the resolver believed."""

    archive: ArchiveName
    suite: Text
    date: ReleaseDate
    sha256: Sha256 = Field(description="SHA-256 of the signed Release file.")


class LockedPackage(Locked):
    """One .deb."""

    name: PackageName
    version: Version
    arch: Text
    archive: ArchiveName
    size: int = Field(gt=0, description="Bytes.")
    sha256: Sha256
    path: PoolPath


class LockedFile(Locked):
    """One file that a tool installs."""

    path: Text = Field(description="Where it lies in the archive.")
    size: int = Field(gt=0, description="Bytes.")
    sha256: Sha256


class LockedTool(Locked):
    """A pinned tool: what it is, where it comes from (never a URL) and the hashes of its bytes.

    One of kind `project` is built from this project's own sources and has no bytes to name.
    """

    name: Text
    version: Text
    kind: Literal["pypi", "project"]
    project: Text | None = None
    project_version: Text | None = Field(None, description="When the index counts otherwise than the tool.")
    archive: Text | None = Field(None, description="Its file name.")
    sha256: Sha256 | None = Field(None, description="SHA-256 of the archive.")
    files: tuple[LockedFile, ...] = ()


def locked_tool(tool: Tool) -> LockedTool:
    """What the lock says of a pinned tool: its definition, copied."""
    if not isinstance(tool.origin, PypiOrigin):
        return LockedTool(name=tool.name, version=tool.version, kind="project")
    return LockedTool(
        name=tool.name,
        version=tool.version,
        kind="pypi",
        project=tool.origin.project,
        project_version=tool.origin.version,
        archive=tool.origin.archive,
        sha256=tool.origin.sha256,
        files=tuple(LockedFile(path=file.path, size=file.size, sha256=file.sha256) for file in tool.files),
    )


class Lock(Locked):
    """A whole lock file."""

    format: Literal["asl-image.lock/1"]
    profile: Text
    renewed_from: Sha256 | None = Field(None, description="SHA-256 of the lock file that this one stands in for.")
    request: Request
    epoch: int = Field(gt=0, description="SOURCE_DATE_EPOCH: the newest date of the Release files.")
    keyring: Sha256 = Field(description="SHA-256 of the keyring that the Release files were verified with.")
    suites: tuple[LockedSuite, ...]
    packages: tuple[LockedPackage, ...]
    tools: tuple[LockedTool, ...] = ()

    def package_names(self) -> tuple[str, ...]:
        """The names of all packages, sorted."""
        return tuple(package.name for package in self.packages)


class Asks(Protocol):
    """What a profile, or a package set, says to the lock."""

    @property
    def name(self) -> str: ...
    @property
    def suite(self) -> str: ...
    @property
    def architecture(self) -> str: ...
    @property
    def packages(self) -> Sequence[str]: ...


def make_request(
    suite: str,
    architecture: str,
    packages: Iterable[str],
    tools: Iterable[LockedTool],
    components: Sequence[str] = ("main",),
) -> Request:
    """The request, sorted, with its digest: equal sets of wishes give equal bytes."""
    body: dict[str, Any] = {
        "suite": suite,
        "architecture": architecture,
        "components": tuple(sorted(set(components))),
        "packages": tuple(sorted(set(packages))),
        "tools": tuple(sorted(f"{tool.name} {tool.version}" for tool in tools)),
    }
    return Request(**body, digest=request_digest(body))


def request_digest(body: Mapping[str, Any]) -> str:
    """SHA-256 over the request as JSON with sorted keys and no blanks."""
    return hashlib.sha256(json.dumps(body, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


# --- writing -------------------------------------------------------------------------------------


def iso_date(epoch: int) -> str:
    """Seconds since 1970 as a date in UTC."""
    return datetime.fromtimestamp(epoch, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def render_lock(lock: Lock) -> str:
    """The text of the lock file. Each package is one line, so that a changed version is one changed line."""
    request = lock.request
    lines = [
        f"# Written by `build.py lock {lock.profile}`: review it, do not edit it.",
        f"format: {flow(lock.format)}",
        f"profile: {flow(lock.profile)}",
        *([f"renewed_from: {flow(lock.renewed_from, 'sha256')}"] if lock.renewed_from else []),
        "request:",
        f"  suite: {flow(request.suite)}",
        f"  architecture: {flow(request.architecture)}",
        f"  components: {flow(request.components)}",
        *block("packages", request.packages, indent="  "),
        *block("tools", request.tools, indent="  "),
        f"  digest: {flow(request.digest, 'sha256')}",
        f"epoch: {lock.epoch}  # {iso_date(lock.epoch)}",
        f"keyring: {flow(lock.keyring, 'sha256')}",
        *block("suites", map(fields, lock.suites)),
        *block("packages", map(fields, lock.packages)),
        *block("tools", map(fields, lock.tools)),
    ]
    return "\n".join(lines) + "\n"


def fields(model: Locked) -> dict[str, Any]:
    """A model's fields in the order of the class; absent ones are left out."""
    return model.model_dump(exclude_none=True)


def write_lock(lock: Lock, path: Path) -> str:
    """Write the lock file in one move and return its SHA-256."""
    data = render_lock(lock).encode()
    write_whole(path, data)
    return hashlib.sha256(data).hexdigest()


# --- reading -------------------------------------------------------------------------------------


def read_lock(path: Path) -> Lock:
    """The lock in a file. Raises ConfigError, with file and line, for anything that `write_lock` did not write."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such lock", hint=f"build.py lock {lock_owner(path)} makes it") from None
    except UnicodeDecodeError:
        raise not_ours(path, ["not UTF-8 text"]) from None
    except OSError as error:
        raise IoFailed(f"{path}: can't be read: {error.strerror}") from error
    return parse_lock(text, path)


def parse_lock(text: str, path: Path) -> Lock:
    """The lock in a text that stands in `path`; see `read_lock`."""
    try:
        found = flowtext.read(text)
        lock = Lock.model_validate_json(json.dumps(found.value))
    except flowtext.TextError as error:
        raise not_ours(path, [f"{path}:{error.line}:{error.column}: {error}"]) from None
    except ValidationError as error:
        problems = [
            f"{path}:{found.line_of(problem['loc'])}: {'.'.join(map(str, problem['loc']))}: {problem['msg']}"
            for problem in error.errors()
        ]
        raise not_ours(path, problems) from None
    problems = inconsistencies(lock, found, path)
    if not problems and (ours := render_lock(lock)) != text:
        pairs = enumerate(zip_longest(text.splitlines(), ours.splitlines()), 1)
        line = next((number for number, (theirs, written) in pairs if theirs != written), 1)
        problems = [f"{path}:{line}: not as `lock` writes it"]
    if problems:
        raise not_ours(path, problems)
    return lock


def inconsistencies(lock: Lock, found: flowtext.Read, path: Path) -> list[str]:
    """What a lock can say in good form and still can't mean."""
    problems = []
    held = lock.request.model_dump(exclude={"digest"})
    if request_digest(held) != lock.request.digest:
        problems.append(f"{path}:{found.line_of(('request', 'digest'))}: request.digest: not that of the request above")
    for key, names in (("packages", lock.package_names()), ("tools", tuple(tool.name for tool in lock.tools))):
        problems += [
            f"{path}:{found.line_of((key, number + 1))}: {after}: out of order or named twice"
            for number, (before, after) in enumerate(pairwise(names))
            if not before < after
        ]
    problems += [
        f"{path}:{found.line_of(('request', 'packages'))}: {name}: asked for but not locked"
        for name in sorted({*lock.request.packages} - {*lock.package_names()})
    ]
    return problems


def not_ours(path: Path, problems: Sequence[str]) -> ConfigError:
    """The error for a lock that somebody else's hand was in."""
    return ConfigError(
        f"{path}: not a lock that `lock` wrote",
        details=tuple(problems),
        hint=f"build.py lock {lock_owner(path)} writes a new one; a lock is never edited by hand",
    )


def lock_owner(path: Path) -> str:
    """The profile that a lock file belongs to."""
    return path.name.removesuffix(".lock.yaml")


# --- judging -------------------------------------------------------------------------------------


def check_lock(lock: Lock, profile: Asks, tools: Sequence[LockedTool]) -> None:
    """Raise Refused, naming every difference, when the lock was made for another request than the profile's."""
    asked = make_request(profile.suite, profile.architecture, profile.packages, tools)
    held = lock.request
    found = [
        f"{name}: the lock has {old!r}, the profile says {new!r}"
        for name, old, new in (
            ("profile", lock.profile, profile.name),
            ("suite", held.suite, asked.suite),
            ("architecture", held.architecture, asked.architecture),
        )
        if old != new
    ]
    for kind, old_names, new_names in (
        ("package", held.packages, asked.packages),
        ("tool", held.tools, asked.tools),
    ):
        found += [f"{kind} {name}: in the profile, not in the lock" for name in sorted({*new_names} - {*old_names})]
        found += [
            f"{kind} {name}: in the lock, no longer in the profile" for name in sorted({*old_names} - {*new_names})
        ]
    pinned = {tool.name: tool for tool in tools}
    found += [
        f"tool {tool.name}: the lock and profiles/tools/{tool.name}.yaml name different bytes"
        for tool in lock.tools
        if tool.name in pinned and tool.version == pinned[tool.name].version and tool != pinned[tool.name]
    ]
    if found:
        raise Refused(
            f"the lock of {profile.name} does not match its profile",
            details=tuple(found),
            hint=f"build.py lock {profile.name} makes a new one; review what changed",
        )


@dataclass(frozen=True)
class Change:
    """One line of a lock's review: `old` is None for what came, `new` is None for what went."""

    name: str
    old: str | None
    new: str | None


def diff_locks(old: Lock | None, new: Lock) -> tuple[Change, ...]:
    """What a reviewer wants to see first: packages and tools that came, went or changed their version or bytes."""
    before, after = ({} if old is None else contents(old)), contents(new)
    changes = []
    for name in sorted({*before, *after}):
        was, now = before.get(name), after.get(name)
        if was == now:
            continue
        if was is not None and now is not None and was[0] == now[0]:
            changes.append(Change(name, f"{was[0]} sha256 {was[1][:12]}…", f"{now[0]} sha256 {now[1][:12]}…"))
        else:
            changes.append(Change(name, was and was[0], now and now[0]))
    return tuple(changes)


def contents(lock: Lock) -> dict[str, tuple[str, str]]:
    """Name to version and hash, of packages and tools."""
    return {
        **{package.name: (package.version, package.sha256) for package in lock.packages},
        **{f"{tool.name} (tool)": (tool.version, tool.sha256 or "") for tool in lock.tools},
    }
