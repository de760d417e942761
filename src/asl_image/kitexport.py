"""Make a kit: collect what an image is built from, write it into one archive, and read that back."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from asl_image import __version__, tree_writer
from asl_image.checkout import Checkout
from asl_image.errors import CheckFailed, ConfigError, Refused
from asl_image.kit import (
    FORMAT,
    KitIndex,
    KitLock,
    KitMember,
    KitSources,
    Role,
    archive_size,
    entry_of,
    index_entry,
    keyring_path,
    link_digest,
    path_problem,
    renewed_path,
    reviewed_path,
    sources_digest,
    stored_members,
)
from asl_image.kitverify import verify_kit
from asl_image.lock import Lock
from asl_image.locking import LockFiles
from asl_image.resolve import MISSING_KEYRING_HINT
from asl_image.store import Store, io_failed, sha256_of


@dataclass(frozen=True)
class Contents:
    """What goes into a kit: its index, and where the bytes of each member are, by the member's path."""

    index: KitIndex
    sources: Mapping[str, Path]


@dataclass(frozen=True)
class Wanted:
    """What a kit is asked to be the kit of."""

    profile: str
    lock: Lock
    tools_tree: Lock
    lock_files: Mapping[str, LockFiles]  # of both locks, by the profile's or package set's name
    steps: Mapping[str, str]
    keyrings: Sequence[Path] = ()  # where to look for them
    wheels: Mapping[str, Path] | None = None  # verified already, by their path in the kit


def collect(wanted: Wanted, checkout: Checkout, store: Store) -> Contents:
    """Look at everything that goes in; packages and tools are believed to be what their names say until they are read.

    Raises Refused for what is not there, ConfigError for a source that a kit can't carry.
    """
    locks = (wanted.lock, wanted.tools_tree)
    sources = dict(checkout.files)
    members = {path: member(path, "source", source) for path, source in sources.items()}
    for lock in locks:
        path, source = lock_place(lock, wanted.lock_files[lock.profile])
        sources[path], members[path] = source, member(path, "lock", source)
    for path, stored in stored_members(locks).items():
        sources[path] = store.path(stored.sha256)
        size = stored.size or sources[path].stat().st_size
        members[path] = stored.model_copy(update={"size": size})
    for sha256, keyring in find_keyrings({lock.keyring for lock in locks}, wanted.keyrings).items():
        path = keyring_path(sha256)
        sources[path], members[path] = keyring, member(path, "keyring", keyring)
    for path, wheel in (wanted.wheels or {}).items():
        sources[path], members[path] = wheel, member(path, "wheel", wheel)
    ordered = tuple(members[path] for path in sorted(members, key=tree_writer.sort_key))
    index = KitIndex(
        format=FORMAT,
        builder=__version__,
        profile=wanted.profile,
        epoch=wanted.lock.epoch,
        locks=(kit_lock(wanted.lock), kit_lock(wanted.tools_tree)),
        sources=KitSources(checkout=checkout.state, commit=checkout.commit, digest=sources_digest(ordered)),
        steps=dict(wanted.steps),
        members=ordered,
    )
    if problems := [f"{each.path}: {why}" for each in ordered if (why := path_problem(each, members))]:
        raise ConfigError("the project holds what a kit can't carry", details=tuple(problems), hint="take it away")
    return Contents(index, sources)


def kit_lock(lock: Lock) -> KitLock:
    """What the index says of a lock."""
    state, path = ("reviewed", reviewed_path) if lock.renewed_from is None else ("renewed", renewed_path)
    return KitLock(profile=lock.profile, path=path(lock.profile), state=state)  # type: ignore[arg-type]


def lock_place(lock: Lock, files: LockFiles) -> tuple[str, Path]:
    """A lock's path in the kit, and its file."""
    return kit_lock(lock).path, files.reviewed if lock.renewed_from is None else files.renewed


def member(path: str, role: Role, source: Path) -> KitMember:
    """What the index says of a file or link as it is now. Raises ConfigError for a name that no kit can hold."""
    if not path.isascii() or not path.isprintable():
        raise ConfigError(f"{source}: the names of the project's files are printable ASCII", hint="rename it")
    if source.is_symlink():
        target = os.readlink(source)  # noqa: PTH115 - the target is text of the image
        return KitMember(path=path, role=role, mode="0777", size=0, sha256=link_digest(target), link=target)
    status = source.stat()
    executable = role == "source" and bool(status.st_mode & 0o100)
    return KitMember(
        path=path, role=role, mode="0755" if executable else "0644", size=status.st_size, sha256=sha256_of(source)
    )


def find_keyrings(wanted: Iterable[str], places: Sequence[Path]) -> dict[str, Path]:
    """A file with each of these hashes. Raises Refused when there is none in any place."""
    known = {sha256_of(place): place for place in reversed(places) if place.is_file()}
    lacking = sorted({*wanted} - known.keys())
    if lacking:
        raise Refused(
            "a keyring that the lock's Release files were verified with is not here",
            details=(*(f"sha256 {each}" for each in lacking), *(f"looked at {place}" for place in places)),
            hint=f"give it with --keyring, or {MISSING_KEYRING_HINT} of the day of the lock",
        )
    return {sha256: known[sha256] for sha256 in wanted}


def write_kit(contents: Contents, output: Path, advance: Callable[[int], None], *, force: bool = False) -> None:
    """Write the archive beside `output`, read it back, and only then give it its name.

    `advance` hears of 2 x `archive_size` bytes. Raises Refused when `output` is there (and not `force`), CheckFailed
    when what was read is not what the index says: a damaged store, or a source that changed meanwhile.
    """
    if os.path.lexists(output) and not force:
        raise Refused(f"{output}: is there already", hint="take another name, or --force to replace it")
    index = contents.index
    size = archive_size(index)
    temporary: Path | None = None
    try:
        with tempfile.NamedTemporaryFile(dir=output.parent, prefix=f".{output.name}.", delete=False) as file:
            temporary = Path(file.name)
            entries = (entry_of(each, contents.sources[each.path]) for each in index.members)
            out = cast("BinaryIO", Counted(cast("BinaryIO", file), advance))
            tree_writer.write_tar([index_entry(index), *entries], out, index.epoch)
            os.fchmod(file.fileno(), 0o644)
            file.flush()
            os.fsync(file.fileno())
        check_written(temporary, output.name, advance)
        temporary.replace(output)
    except OSError as error:
        raise io_failed(error, output, size) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def check_written(path: Path, name: str, advance: Callable[[int], None]) -> None:
    """Hold the archive that was written against its own index. Raises CheckFailed."""
    with path.open("rb") as file:
        _, findings = verify_kit(file, name, advance)
    if problems := [f"{each.check_id} {detail}" for each in findings for detail in each.details]:
        raise CheckFailed(
            f"{name}: what was written is not what the locks and the project say; nothing is left of it",
            details=tuple(problems),
            hint="build.py fetch mends a damaged store; a source that changed meanwhile wants another try",
        )


class Counted:
    """A file to write to that tells how much was written."""

    def __init__(self, file: BinaryIO, advance: Callable[[int], None]) -> None:
        self._file = file
        self._advance = advance

    def write(self, data: bytes) -> int:
        self._advance(len(data))
        return self._file.write(data)

    def tell(self) -> int:
        return self._file.tell()
