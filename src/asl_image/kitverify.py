"""Hold a kit against its own index, and the index against the locks in it; reads the archive once, front to back."""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from asl_image import tree_writer
from asl_image.errors import AslImageError, CheckFailed, ConfigError
from asl_image.kit import (
    BLOCK,
    INDEX,
    INDEX_LIMIT_BYTES,
    RECORD,
    KitIndex,
    KitMember,
    entry_of,
    index_entry,
    keyring_path,
    padding,
    parse_index,
    path_problem,
    renewed_path,
    reviewed_path,
    sources_digest,
    stored_members,
)
from asl_image.lock import Lock, parse_lock
from asl_image.tree_writer import sort_key
from asl_image.verify import Finding

CHUNK_BYTES = 1 << 20
LOCK_LIMIT_BYTES = 16 << 20
MOST_MISSING = 20  # that are named one by one
LINK_TYPES = (tarfile.SYMTYPE, tarfile.LNKTYPE)
ENDS = "the archive ends"


@dataclass(frozen=True)
class Kit:
    """A kit that was read: its index, and the locks that could be read, by their profile or package set."""

    index: KitIndex
    locks: dict[str, Lock]


def verify_kit(file: BinaryIO, name: str, advance: Callable[[int], None]) -> tuple[Kit, tuple[Finding, ...]]:
    """Every check of a kit, good or bad; `advance` is told how many more bytes were read.

    Raises ConfigError when the file is no kit or one of another version, CheckFailed when its index can't be read.
    """
    index = read_index(file, name)
    scan = Scan(file, index, advance)
    scan.run()
    locks, lock_problems = read_locks(index, scan.kept)
    findings = (
        answer("KIT-FORM", "the archive is as the builder writes it", scan.form),
        answer("KIT-PATHS", "no path leads out of the kit, and links lie only where they are text", paths(index)),
        answer("KIT-MEMBERS", f"{len(index.members)} members, each with the index's bytes", scan.members),
        answer("KIT-LOCKS", "both locks are whole and belong to the profile", lock_problems),
        answer("KIT-PACKAGES", "every locked package and tool is there, and no other", packages(index, locks)),
        answer("KIT-KEYRINGS", "the keyrings that the locks name are there, and no other", keyrings(index, locks)),
        answer("KIT-SOURCES", f"the project's files are those of {index.sources.digest[:16]}…", sources(index)),
    )
    return Kit(index, locks), findings


def answer(check_id: str, said: str, problems: list[str]) -> Finding:
    """A check's finding; what it says when all is well is not said when it isn't."""
    if not problems:
        return Finding(check_id, ok=True, said=said)
    count = "1 thing is" if len(problems) == 1 else f"{len(problems)} things are"
    return Finding(check_id, ok=False, said=f"{count} wrong", details=tuple(problems))


def read_index(file: BinaryIO, name: str) -> KitIndex:
    """The index at the beginning of a kit; the file is left where the first member begins. Errors as `verify_kit`."""
    head = file.read(BLOCK)
    try:
        first = tarfile.TarInfo.frombuf(head, "utf-8", "surrogateescape")
    except tarfile.HeaderError:
        first = None
    if first is None or first.name != INDEX or not first.isreg():
        raise ConfigError(f"{name}: not a kit: it is no archive that begins with {INDEX}")
    if not 0 <= first.size <= INDEX_LIMIT_BYTES:
        raise ConfigError(f"{name}: not a kit: its {INDEX} has {first.size} bytes")
    data = file.read(first.size)
    if len(data) < first.size:
        raise CheckFailed(f"{name}: {ENDS} at byte {BLOCK + len(data)}, in the middle of {INDEX}")
    try:
        index = parse_index(data.decode("ascii"), name)
    except UnicodeDecodeError:
        raise ConfigError(f"{name}: not a kit: its {INDEX} is not ASCII text") from None
    wanted = tree_writer.tar_header(index_entry(index), index.epoch)
    if head != wanted or any(file.read(padding(first.size))):
        raise CheckFailed(f"{name}: the kit's index is not packed as the builder packs it")
    return index


@dataclass
class Scan:
    """One walk through the archive behind its index: what lies there against what should."""

    file: BinaryIO
    index: KitIndex
    advance: Callable[[int], None]
    form: list[str] = field(default_factory=list)
    members: list[str] = field(default_factory=list)
    kept: dict[str, bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._place = {member.path: number for number, member in enumerate(self.index.members)}
        self._missing: dict[str, KitMember] = {}
        self._next = 0

    def run(self) -> None:
        """Walk to the end, or to where nothing can be told any more."""
        self.advance(self.file.tell())
        while self._one():
            pass
        self._miss(len(self.index.members))
        missing = [f"{label(each)}: missing" for each in self._missing.values()]
        if len(missing) > MOST_MISSING:  # it was cut
            missing[MOST_MISSING:] = [f"and {len(missing) - MOST_MISSING} more are missing"]
        self.members += missing

    def _one(self) -> bool:
        """One member, whatever it is; False at the end."""
        at = self.file.tell()
        if self._next == len(self.index.members):
            block = self._read(BLOCK)
            if not any(block):
                self._end(at, block)
                return False
            return self._stranger(at, block)
        member = self.index.members[self._next]
        wanted = tree_writer.tar_header(entry_of(member), self.index.epoch)
        found = self._read(BLOCK)
        if found == wanted[:BLOCK] and found + (more := self._read(len(wanted) - BLOCK)) == wanted:
            self._next += 1
            return self._content(member)
        if found == wanted[:BLOCK]:
            self.file.seek(-len(more), io.SEEK_CUR)
        if len(found) < BLOCK or not any(found):
            self.form.append(f"{ENDS} at byte {at}, where {label(member)} should begin")
            return False
        return self._stranger(at, found)

    def _stranger(self, at: int, block: bytes) -> bool:
        """Something other than what comes next: say what it is, and go on behind it."""
        try:
            found = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
        except tarfile.HeaderError:
            self.form.append(f"byte {at}: not a header of a tar archive")
            return False
        name = found.name.encode("ascii", "backslashreplace").decode()
        place = self._place.get(found.name)
        if place is None:
            self._unknown(name, found)
        elif place >= self._next:
            self._miss(place)
            self._next = place + 1
            return self._known(self.index.members[place], found, block)
        elif found.name in self._missing:
            self.form.append(f"{name}: out of order")
            return self._known(self._missing.pop(found.name), found, block)
        else:
            self.members.append(f"{label(self.index.members[place])}: there twice")
        return self._skip(name, found.size)

    def _unknown(self, name: str, found: tarfile.TarInfo) -> None:
        if name.startswith("/") or ".." in name.split("/"):
            self.members.append(f"{name}: leads out of the kit, and is not in the index")
        elif found.type in LINK_TYPES:
            self.members.append(f"{name}: a link, to {found.linkname!a}, that is not in the index")
        else:
            self.members.append(f"{name}: not in the index")

    def _known(self, member: KitMember, found: tarfile.TarInfo, block: bytes) -> bool:
        """A member whose header is not the one we write, or that lies elsewhere."""
        header = tree_writer.tar_header(entry_of(member), self.index.epoch)[:BLOCK]
        wanted = tarfile.TarInfo.frombuf(header, "utf-8", "surrogateescape")
        facts = ("type", "mode", "uid", "gid", "uname", "gname", "size", "mtime", "linkname")
        differ = [fact for fact in facts if getattr(found, fact) != getattr(wanted, fact)]
        if found.type in LINK_TYPES and member.link is None:
            self.members.append(f"{label(member)}: a link, to {found.linkname!a}, instead of a file")
        elif "size" in differ or "linkname" in differ:
            self.members.append(f"{label(member)}: other bytes than the index says")
        if block != header:
            differ = differ or ["what no program reads"]
            self.form.append(f"{label(member)}: its header is not the builder's ({', '.join(differ)})")
        if found.size == member.size:
            return self._content(member)
        return self._skip(label(member), found.size)

    def _content(self, member: KitMember) -> bool:
        """Read a member's bytes and hold them against the index; those of a lock are kept."""
        if member.link is not None:
            return True
        digest, left, pieces = hashlib.sha256(), member.size, []
        keep = member.role == "lock" and member.size <= LOCK_LIMIT_BYTES
        while left and (chunk := self._read(min(left, CHUNK_BYTES))):
            digest.update(chunk)
            left -= len(chunk)
            if keep:
                pieces.append(chunk)
        if left:
            return self._cut(label(member))
        if digest.hexdigest() != member.sha256:
            self.members.append(f"{label(member)}: other bytes than the index says")
        elif keep:
            self.kept[member.path] = b"".join(pieces)
        return self._pad(label(member), member.size)

    def _skip(self, name: str, size: int) -> bool:
        """Go behind the bytes of something that should not be there."""
        if size < 0:
            self.form.append(f"{name}: its header says a size of {size}")
            return False
        left = size
        while left and (chunk := self._read(min(left, CHUNK_BYTES))):
            left -= len(chunk)
        return self._pad(name, size) if not left else self._cut(name)

    def _pad(self, name: str, size: int) -> bool:
        filling = self._read(padding(size))
        if len(filling) < padding(size):
            return self._cut(name)
        if any(filling):
            self.form.append(f"{name}: bytes between its end and the next member")
        return True

    def _cut(self, name: str) -> bool:
        self.form.append(f"{ENDS} at byte {self.file.tell()}, in the middle of {name}")
        return False

    def _miss(self, place: int) -> None:
        self._missing |= {each.path: each for each in self.index.members[self._next : place]}
        self._next = place

    def _end(self, at: int, block: bytes) -> None:
        """Zeros to the end of the last record, and not a byte more."""
        wanted = at + 2 * BLOCK
        wanted += -wanted % RECORD
        length, dirty = at + len(block), False
        while chunk := self._read(CHUNK_BYTES):
            length += len(chunk)
            dirty = dirty or any(chunk)
        if length < wanted:
            self.form.append(f"{ENDS} at byte {length}, {wanted - length} bytes too early")
        elif length > wanted:
            self.form.append(f"{length - wanted} bytes behind the end of the archive")
        if dirty:
            self.form.append("bytes that are not zero behind the last member")

    def _read(self, count: int) -> bytes:
        data = self.file.read(count)
        self.advance(len(data))
        return data


def label(member: KitMember) -> str:
    """A member as a person finds it: a package by its name and version, all else by its path."""
    return member.what or member.path


def paths(index: KitIndex) -> list[str]:
    """What of the index must not be unpacked, or is not sorted."""
    members = {member.path: member for member in index.members}
    found = [f"{member.path}: {why}" for member in index.members if (why := path_problem(member, members))]
    keys = [sort_key(member.path) for member in index.members]
    found += [
        f"{member.path}: named twice or out of order"
        for member, before, after in zip(index.members[1:], keys, keys[1:], strict=False)
        if not before < after
    ]
    return found


def read_locks(index: KitIndex, kept: dict[str, bytes]) -> tuple[dict[str, Lock], list[str]]:
    """The locks by their profile, and what is wrong with them."""
    locks: dict[str, Lock] = {}
    problems: list[str] = []
    reviewed = {member.path: member.sha256 for member in index.members}
    for said in index.locks:
        if said.path not in kept:
            problems.append(f"{said.path}: the lock of {said.profile} can't be read")
            continue
        try:
            lock = parse_lock(kept[said.path].decode(), Path(said.path))
        except (UnicodeDecodeError, AslImageError) as error:
            problems += [f"{said.path}: {error}", *getattr(error, "details", ())]
            continue
        locks[said.profile] = lock
        renewed = lock.renewed_from is not None
        if lock.profile != said.profile:
            problems.append(f"{said.path}: the lock of {lock.profile}, not of {said.profile}")
        if said.state != ("renewed" if renewed else "reviewed"):
            problems.append(f"{said.path}: the index calls it {said.state}, and it is not")
        if said.path != (renewed_path if renewed else reviewed_path)(said.profile):
            problems.append(f"{said.path}: not where the lock of {said.profile} lies")
        if renewed and lock.renewed_from != reviewed.get(reviewed_path(said.profile)):
            problems.append(f"{said.path}: it does not stand in for the reviewed lock in the kit")
    if index.locks[0].profile != index.profile:
        problems.append(f"the kit is one of {index.profile}, its first lock is one of {index.locks[0].profile}")
    if index.profile in locks and locks[index.profile].epoch != index.epoch:
        problems.append("the dates in the archive are not those of the image's lock")
    named = {said.path for said in index.locks}
    problems += [
        f"{each.path}: a third lock" for each in index.members if each.role == "lock" and each.path not in named
    ]
    return locks, problems


def packages(index: KitIndex, locks: dict[str, Lock]) -> list[str]:
    """Where the index and the locks differ over packages and tools."""
    if len(locks) < len(index.locks):
        return ["can't be told without both locks"]
    locked = stored_members(locks.values())
    held = {member.path: member for member in index.members if member.role in ("package", "tool")}
    problems = [f"{label(locked[path])}: locked, and not in the kit" for path in sorted(locked.keys() - held.keys())]
    for path, member in sorted(held.items()):
        if path not in locked:
            problems.append(f"{label(member)}: in no lock ({path})")
        elif member != locked[path].model_copy(update={"size": locked[path].size or member.size}):
            problems.append(f"{label(locked[path])}: the index says of it what the lock does not")
    return problems


def keyrings(index: KitIndex, locks: dict[str, Lock]) -> list[str]:
    """Where the index and the locks differ over keyrings."""
    if len(locks) < len(index.locks):
        return ["can't be told without both locks"]
    wanted = {keyring_path(lock.keyring): lock.keyring for lock in locks.values()}
    held = {member.path: member.sha256 for member in index.members if member.role == "keyring"}
    problems = [f"{path}: missing" for path in sorted(wanted.keys() - held.keys())]
    problems += [f"{path}: no lock names it" for path in sorted(held.keys() - wanted.keys())]
    problems += [
        f"{path}: not the keyring of its name" for path in sorted(held) if wanted.get(path, held[path]) != held[path]
    ]
    return problems


def sources(index: KitIndex) -> list[str]:
    """Whether the project is all there, as far as that can be seen without running it."""
    held = {member.path for member in index.members if member.role in ("source", "lock")}
    needed = ["build.py", *(f"profiles/{lock.profile}.yaml" for lock in index.locks)]
    needed += [reviewed_path(lock.profile) for lock in index.locks]
    problems = [f"{path}: missing" for path in needed if path not in held]
    if sources_digest(index.members) != index.sources.digest:
        problems.append("they are not those of the digest that the index gives")
    return problems
