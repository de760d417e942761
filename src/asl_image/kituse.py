"""Build from a kit: its files go into the store, its locks into the plan; refused with other sources than its own."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from asl_image.checkout import READ_BY_BUILDS, read_by_builds
from asl_image.errors import AslImageError, CheckFailed, ConfigError, IoFailed, Refused
from asl_image.house import House
from asl_image.inputs import load_inputs
from asl_image.kit import INDEX, STORED, KitIndex, KitMember, archive_size, index_text, offsets
from asl_image.kitexport import member
from asl_image.kitverify import Kit, label, read_index, read_locks, verify_kit
from asl_image.plan import make_plan
from asl_image.store import CHUNK_BYTES, Store, io_failed, sha256_of

MOST_NAMED = 20


def use_kit(house: House, path: Path, profile: str) -> Kit:
    """Verify a kit, bring what it holds into the store, and see that this checkout is the one that it was made of.

    What is returned has the locks to build from (`load_inputs`). Raises ConfigError when it is no kit of `profile`,
    CheckFailed when it is damaged, Refused when this checkout's own sources would make another image.
    """
    with opened(path) as file:
        with house.screen.task(f"verify {path.name}", os.fstat(file.fileno()).st_size, "B") as task:
            kit = sound_kit(file, path, task.advance)
        if kit.index.profile != profile:
            raise ConfigError(f"{path}: a kit of {kit.index.profile}, not of {profile}")
        with house.screen.task(f"fill the store from {path.name}", stored_size(kit.index), "B") as task:
            fill_store(file, path, kit.index, Store(house.store), task.advance)
    check_sources(house, path, kit)
    return kit


def locks_of(path: Path) -> Kit:
    """The index and the locks of a kit that `use_kit` has just accepted, and nothing else of it read again."""
    with opened(path) as file:
        index = read_index(file, path.name)
        begin = offsets(index)
        kept = {}
        for each in index.members:
            if each.role == "lock":
                kept[each.path] = data = b"".join(pieces(file, begin[each.path], each.size))
                if hashlib.sha256(data).hexdigest() != each.sha256:
                    raise CheckFailed(f"{path}: {each.path} changed while it was used")
    locks, problems = read_locks(index, kept)
    if problems:
        raise CheckFailed(f"{path}: it changed while it was used", details=tuple(problems))
    return Kit(index, locks)


def opened(path: Path) -> BinaryIO:
    """The kit's file. Raises IoFailed."""
    try:
        return path.open("rb")
    except OSError as error:
        raise IoFailed(f"{path}: can't be read: {error.strerror}") from error


def sound_kit(file: BinaryIO, path: Path, advance: Callable[[int], None]) -> Kit:
    """A kit in which every check is good. Raises CheckFailed with all that is wrong, ConfigError for no kit."""
    kit, findings = verify_kit(file, path.name, advance)
    if problems := [f"{each.check_id} {detail}" for each in findings for detail in each.details]:
        raise CheckFailed(
            f"{path}: the kit is damaged, and nothing of it is used",
            details=tuple(problems),
            hint=f"build.py kit verify {path} shows every check; get the kit from where it came from again",
        )
    return kit


def stored_size(index: KitIndex) -> int:
    """Bytes of what goes into the package store."""
    return sum(each.size for each in index.members if each.role in STORED)


def fill_store(file: BinaryIO, path: Path, index: KitIndex, store: Store, advance: Callable[[int], None]) -> None:
    """Bring every package and tool of a verified kit into the store; what is whole there already stays."""
    begin = offsets(index)
    for each in index.members:
        if each.role not in STORED:
            continue
        if not store.has(each.sha256) or sha256_of(store.path(each.sha256)) != each.sha256:
            store.add(pieces(file, begin[each.path], each.size), each.sha256, f"{path}: {label(each)}", origin="kit")
        advance(each.size)


def pieces(file: BinaryIO, at: int, size: int) -> Iterator[bytes]:
    """The bytes of a member."""
    file.seek(at)
    while size and (chunk := file.read(min(size, CHUNK_BYTES))):
        size -= len(chunk)
        yield chunk


def check_sources(house: House, path: Path, kit: Kit) -> None:
    """Raise Refused, naming files and steps, when this checkout would not build what the kit was made for.

    The ids of the steps decide, for they cover all that can change the image. A file that no step depends on may
    differ; a lock in `profiles/` may not, since the kit's own stands for it.
    """
    files = differing_files(house, kit.index)
    locks = {reviewed for reviewed in files if reviewed.endswith(".lock.yaml") and concerns(reviewed, kit)}
    why: list[str] = []
    try:
        inputs = load_inputs(house, kit.index.profile, locked=False, locks=kit.locks)
        ids = make_plan(inputs).ids()
    except (AslImageError, KeyError) as error:
        if not files:
            raise
        why.append(f"no plan can be made of these sources with the kit's locks: {error}")
    else:
        here, there = ids, kit.index.steps
        differ = sorted(name for name in here.keys() | there.keys() if here.get(name) != there.get(name))
        if not differ and not locks:
            return
        why += [f"step {name}: another id" for name in differ]
    named = [f"{name}: {how}" for name, how in files.items()]
    more = [f"and {len(named) - MOST_NAMED} more files"] if len(named) > MOST_NAMED else []
    raise Refused(
        f"{path}: made of other sources than these of {house.root}",
        details=(*named[:MOST_NAMED], *more, *why),
        hint=f"build.py kit unpack {path} DIR lays the kit's own sources down; build with the build.py in DIR",
    )


def concerns(path: str, kit: Kit) -> bool:
    """Whether a lock in `profiles/` is one that the kit's locks are or stand in for."""
    return path in {f"profiles/{lock.profile}.lock.yaml" for lock in kit.index.locks}


def differing_files(house: House, index: KitIndex) -> dict[str, str]:
    """What a build reads and is not the same here and in the kit: path, and in which way."""
    here = read_by_builds(house.root, house.profiles)
    there = {
        each.path: each
        for each in index.members
        if each.role in ("source", "lock") and each.path.split("/")[0] in READ_BY_BUILDS
    }
    found = {}
    for path in sorted(here.keys() | there.keys()):
        if path not in here:
            found[path] = "only in the kit"
        elif path not in there:
            found[path] = "only here"
        elif facts(member(path, there[path].role, here[path])) != facts(there[path]):
            found[path] = "not the same"
    return found


def facts(each: KitMember) -> tuple[object, ...]:
    """What makes two files the same source."""
    return each.mode, each.sha256, each.link


def unpack_kit(path: Path, to: Path, advance: Callable[[int], None], *, only_sources: bool = False) -> Kit:
    """Verify a kit and lay it down as the folder `to`, which must not exist; a checkout with a full store.

    `advance` hears of the bytes that are verified. Raises Refused when `to` is there, else as `use_kit`.
    """
    if os.path.lexists(to):
        raise Refused(f"{to}: is there already", hint="name a folder that is not; it is made")
    with opened(path) as file:
        kit = sound_kit(file, path, advance)
        wanted = [each for each in kit.index.members if not only_sources or each.role in ("source", "lock")]
        temporary: Path | None = None
        try:
            temporary = Path(tempfile.mkdtemp(dir=to.parent, prefix=f".{to.name}."))
            temporary.chmod(0o755)
            (temporary / INDEX).write_text(index_text(kit.index))
            starts = offsets(kit.index)
            for each in wanted:
                lay_down(file, each, starts[each.path], temporary)
            temporary.rename(to)
            temporary = None
        except OSError as error:
            raise io_failed(error, to, archive_size(kit.index)) from error
        finally:
            if temporary is not None:
                shutil.rmtree(temporary)
    return kit


def lay_down(file: BinaryIO, each: KitMember, at: int, folder: Path) -> None:
    """One member of a verified kit, below `folder`."""
    target = folder / each.path
    target.parent.mkdir(parents=True, exist_ok=True)
    if each.link is not None:
        target.symlink_to(each.link)
        return
    with target.open("xb") as out:
        for piece in pieces(file, at, each.size):
            out.write(piece)
    target.chmod(int(each.mode, 8))
