"""A kit: one archive from which an image can be built again without a network; what its index says of it.

A kit is a tar archive that `tree_writer` writes: `kit.json`, the index, and then, sorted, what the index names.
Unpacked it is a checkout of the project with a full package store, whoever unpacks it and with what.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from asl_image import tree_writer
from asl_image.errors import CheckFailed, ConfigError
from asl_image.jsontext import digest, rendered, strict_value
from asl_image.lock import Lock, Locked, Sha256, Text
from asl_image.tree_writer import Entry

FORMAT: Literal["asl-image.kit/1"] = "asl-image.kit/1"
INDEX = "kit.json"
INDEX_LIMIT_BYTES = 16 << 20
BLOCK = 512  # bytes; tar counts in these
RECORD = 20 * BLOCK  # and ends with a whole one of these

Role = Literal["source", "lock", "package", "tool", "keyring", "wheel"]
Commit = Annotated[str, Field(pattern=r"^(?:[0-9a-f]{40}|[0-9a-f]{64})$")]

# Where what no checkout has is put, so that an unpacked kit is a checkout that can build.
STORE = "build/store/sha256"
KEYRINGS = "build/keyrings"
WHEELS = "build/wheels"
# A link's target is text of the image there; nowhere else has a kit a use for one.
LINKS_BELOW = "overlays/"
# What a checkout has of its own and no project brings: results, git's own files, the builder's Python.
NO_SOURCES = ("build", ".git", ".venv")
STORED: tuple[Role, ...] = ("package", "tool")


class KitMember(Locked):
    """One file or symbolic link of the archive."""

    path: Text = Field(description="Its name in the archive.")
    role: Role = Field(description="What it is for; a lock that nobody renewed is one of the sources too.")
    what: Text | None = Field(None, description="What a person calls it, where its name does not say it.")
    mode: Literal["0444", "0644", "0755", "0777"]
    size: int = Field(ge=0, description="Bytes; of a link 0.")
    sha256: Sha256 = Field(description="SHA-256 of its bytes, or of the target that a link names.")
    link: Text | None = Field(None, description="The target, of a symbolic link only.")


class KitLock(Locked):
    """One of the two locks that the image is built from."""

    profile: Text = Field(description="The profile or package set that it is the lock of.")
    path: Text = Field(description="Which member it is.")
    state: Literal["reviewed", "renewed"]


class KitSources(Locked):
    """The project, as it was when the kit was made."""

    checkout: Literal["clean", "dirty", "none"] = Field(
        description="`dirty`: not what the commit says, but as it lay there; `none`: no git checkout."
    )
    commit: Commit | None = Field(None, description="The git commit, where there was one.")
    digest: Sha256 = Field(description="SHA-256 over the members with the role `source`, as the index has them.")


class KitIndex(Locked):
    """What a kit holds, and what it makes."""

    format: Literal["asl-image.kit/1"]
    builder: Text = Field(description="Version of the builder that made the kit.")
    profile: Text
    epoch: int = Field(gt=0, description="Every date in the archive: seconds since 1970, from the image's lock.")
    locks: tuple[KitLock, KitLock] = Field(description="That of the image, and that of the build's own tools.")
    sources: KitSources
    steps: dict[str, Sha256] = Field(description="The id of each step of the build, with the profile's own settings.")
    members: tuple[KitMember, ...] = Field(min_length=1, description="Sorted by path, component by component.")


def kit_schema() -> dict[str, Any]:
    """The JSON Schema of this version of the index."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **KitIndex.model_json_schema(), "title": FORMAT}


def index_text(index: KitIndex) -> str:
    """The one text of an index."""
    return rendered(index.model_dump(mode="json", exclude_none=True))


def parse_index(text: str, name: str) -> KitIndex:
    """The index in a text; `name` is the kit's.

    Raises ConfigError when that is no index, or one of another version; CheckFailed when it is not as we write it.
    """
    try:
        value = strict_value(text)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{name}: not a kit: its {INDEX} is no JSON: {error}") from None
    said = value.get("format") if isinstance(value, dict) else None
    if said != FORMAT:
        raise ConfigError(
            f"{name}: not a kit of the form {FORMAT}",
            details=(f"its format is {said!r}",),
            hint="the builder in it reads it: unpack it with tar" if said else None,
        )
    try:
        index = KitIndex.model_validate_json(text)
    except ValidationError as error:
        problems = (f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
        raise CheckFailed(f"{name}: the kit's index is damaged", details=tuple(problems)) from None
    if index_text(index) != text:
        raise CheckFailed(f"{name}: the kit's index says what one may say, but not as the builder writes it")
    return index


def entry_of(member: KitMember, source: Path | None = None) -> Entry:
    """A member as the writer takes it; its header is the same with and without a source for its bytes."""
    if member.link is not None:
        return tree_writer.symlink(member.path, member.link)
    return Entry(member.path, "file", int(member.mode, 8), size=member.size, source=source)


def index_entry(index: KitIndex) -> Entry:
    """The index as a member of the archive."""
    return tree_writer.file(INDEX, index_text(index).encode("ascii"))


def offsets(index: KitIndex) -> dict[str, int]:
    """Where in the archive each member's bytes begin, by path; under "" where the last one ends."""
    found, at = {}, 0
    for entry in (index_entry(index), *map(entry_of, index.members)):
        at += len(tree_writer.tar_header(entry, index.epoch))
        found[entry.name] = at
        at += entry.size + padding(entry.size)
    return {**found, "": at}


def archive_size(index: KitIndex) -> int:
    """How long the archive of an index is, in bytes."""
    content = offsets(index)[""] + 2 * BLOCK
    return content + -content % RECORD


def padding(size: int) -> int:
    """Bytes from the end of a member's content to the next block."""
    return -size % BLOCK


def sources_digest(members: Iterable[KitMember]) -> str:
    """SHA-256 over what the index says of the sources among `members`."""
    return digest([member.model_dump(mode="json") for member in members if member.role == "source"])


def link_digest(target: str) -> str:
    """The `sha256` of a link."""
    return hashlib.sha256(target.encode()).hexdigest()


def stored_path(sha256: str) -> str:
    """Where a file of the package store lies in a kit."""
    return f"{STORE}/{sha256[:2]}/{sha256}"


def keyring_path(sha256: str) -> str:
    """Where the keyring of a lock lies in a kit."""
    return f"{KEYRINGS}/{sha256}.gpg"


def renewed_path(profile: str) -> str:
    """Where a renewed lock lies in a kit: where the builder looks for one."""
    return f"build/{profile}/renewed.lock.yaml"


def reviewed_path(profile: str) -> str:
    """Where a reviewed lock lies in a kit, whether the image is built from it or not."""
    return f"profiles/{profile}.lock.yaml"


def stored_members(locks: Iterable[Lock]) -> dict[str, KitMember]:
    """What of the package store a kit of these locks holds, by its path; a tool's archive has the size 0 here.

    The size of that archive is the only thing that no lock says.
    """
    found: dict[str, KitMember] = {}

    def add(role: Role, what: str, size: int, sha256: str) -> None:
        path = stored_path(sha256)
        found.setdefault(path, KitMember(path=path, role=role, what=what, mode="0444", size=size, sha256=sha256))

    for lock in locks:
        for package in lock.packages:
            add("package", f"{package.name} {package.version} {package.arch}", package.size, package.sha256)
        for tool in lock.tools:
            if tool.sha256 is not None:
                add("tool", f"{tool.name} {tool.version} ({tool.archive})", 0, tool.sha256)
            for file in tool.files:
                add("tool", f"{tool.name} {tool.version}: {file.path}", file.size, file.sha256)
    return found


def path_problem(member: KitMember, members: Mapping[str, KitMember]) -> str | None:
    """Why a member must not be unpacked; None when it may. `members` are all of the kit, by path."""
    path = PurePosixPath(member.path)
    if path.is_absolute() or ".." in path.parts or str(path) != member.path or path == PurePosixPath():
        return "its path leads out of the kit"
    through = next((members[str(parent)] for parent in path.parents if str(parent) in members), None)
    if through is not None:
        return f"its path leads through the {'file' if through.link is None else 'link'} {through.path}"
    if member.link is not None and not member.path.startswith(LINKS_BELOW):
        return f"a link, to {member.link}, where none belongs"
    if member.link is not None and (member.size != 0 or member.sha256 != link_digest(member.link)):
        return "a link with the size or hash of something else"
    if (member.mode == "0777") != (member.link is not None):
        return f"mode {member.mode}"
    home = {"source": "", "lock": "", "package": f"{STORE}/", "tool": f"{STORE}/"}
    wanted = {**home, "keyring": f"{KEYRINGS}/", "wheel": f"{WHEELS}/"}[member.role]
    if not member.path.startswith(wanted):
        return f"a {member.role} that does not lie in {wanted}"
    if member.role == "source" and (path.parts[0] in NO_SOURCES or member.path == INDEX):
        return "a source where the builder's own files lie"
    return None
