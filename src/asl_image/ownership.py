"""Who brought each file, and who changed it since: written down while a build works on its trees.

The root tree is looked at before and after each step that changes it, by stat alone: another inode, time of change,
size, mode or owner means that the step touched the file. Nothing may change in between. Other trees are made in one go
and say whose each file is.
"""

from __future__ import annotations

import json
import stat
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from asl_image.dpkgdb import package_files
from asl_image.errors import CheckFailed
from asl_image.filelist import MEDIUM, FileRow, facts_of
from asl_image.tree_writer import Entry, walk

BOOTSTRAP = "generator bootstrap"
ROOT = "root"


@dataclass(frozen=True)
class Origin:
    """`first` brought it, `changed_by` changed it after that; `known_as` is the name that its package has for it."""

    first: str
    changed_by: tuple[str, ...] = ()
    known_as: str | None = None

    def changed(self, by: str) -> Origin:
        """The same thing after somebody changed it."""
        return self if by in self.changed_by else Origin(self.first, (*self.changed_by, by), self.known_as)


@dataclass
class Journal:
    """What is known of the root tree: how each file looked last, whose it is, and what packages call their own."""

    seen: dict[str, str]
    origins: dict[str, Origin]
    packaged: dict[str, Origin]

    @classmethod
    def read(cls, work: Path) -> Journal:
        """What `begin` and `changing` left. Raises CheckFailed when nobody began."""
        try:
            whole = json.loads(_journal(work).read_text())
        except FileNotFoundError:
            raise CheckFailed("the root tree has no record of where its files come from") from None
        if whole.keys() == {"seen"}:
            return cls.of_packages(work / ROOT, whole["seen"])
        return cls(whole["seen"], _origins(whole["origins"]), _origins(whole["packaged"]))

    @classmethod
    def of_packages(cls, root: Path, seen: dict[str, str]) -> Journal:
        """A root tree that nobody worked on yet: what dpkg does not know, the bootstrap made."""
        packaged = {
            name: Origin(f"package {package}", known_as=f"/{known_as}" if known_as != name else None)
            for name, (package, known_as) in package_files(*database(root / "var/lib/dpkg")).items()
        }
        return cls(seen, {name: packaged.get(name, Origin(BOOTSTRAP)) for name in seen}, packaged)

    def write(self, work: Path) -> None:
        _journal(work).write_text(json.dumps(asdict(self)))


def _journal(work: Path) -> Path:
    return work / f"{ROOT}.journal"


def _origins(kept: Mapping[str, Mapping[str, Any]]) -> dict[str, Origin]:
    return {name: Origin(at["first"], tuple(at["changed_by"]), at["known_as"]) for name, at in kept.items()}


def begin(work: Path) -> None:
    """Remember the root tree as packages left it. Whose each file is, is read when somebody asks: many builds don't."""
    _journal(work).write_text(json.dumps({"seen": signatures(work / ROOT)}))


def database(at: Path) -> tuple[dict[str, str], str]:
    """dpkg's lists of files by package, and its diversions."""
    lists = {
        path.name.removesuffix(".list"): path.read_text("utf-8", "surrogateescape")
        for path in (at / "info").glob("*.list")
    }
    diversions = at / "diversions"
    return lists, diversions.read_text("utf-8", "surrogateescape") if diversions.exists() else ""


def signatures(root: Path) -> dict[str, str]:
    """How each name looks to stat; a folder's times and size say only that something in it changed."""
    found = {}
    for name, status in walk(root):
        look = f"{status.st_mode:o} {status.st_uid}:{status.st_gid}"
        if not stat.S_ISDIR(status.st_mode):
            look += f" {status.st_ino} {status.st_ctime_ns} {status.st_size}"
        found[name] = look
    return found


@contextmanager
def changing(work: Path, by: str) -> Iterator[dict[str, str]]:
    """All that changes in the root tree meanwhile, `by` did. Raises CheckFailed when something changed before.

    Yields a mapping to be filled: the name of a file that was only made anew from another → the other's name.
    """
    journal = unchanged(work)
    made_from: dict[str, str] = {}
    yield made_from
    before, journal.seen = journal.seen, signatures(work / ROOT)
    origins = {}
    for name, look in journal.seen.items():
        if name not in before:
            source = journal.origins.get(made_from.get(name, ""))
            if source is not None:
                origin = Origin(source.first, source.changed_by, source.known_as or f"/{made_from[name]}").changed(by)
            else:
                origin = journal.packaged[name].changed(by) if name in journal.packaged else Origin(by)
        else:
            origin = journal.origins[name].changed(by) if before[name] != look else journal.origins[name]
        origins[name] = origin
    journal.origins = origins
    journal.write(work)


def unchanged(work: Path) -> Journal:
    """The journal, when the root tree is as it was left. Raises CheckFailed, naming what nobody answers for."""
    journal, now = Journal.read(work), signatures(work / ROOT)
    foreign = sorted(name for name in now.keys() | journal.seen.keys() if now.get(name) != journal.seen.get(name))
    if foreign:
        raise without_owner("the root tree changed while no step was at work on it", foreign)
    return journal


def without_owner(what: str, names: Iterable[str]) -> CheckFailed:
    """The error for files that nobody answers for."""
    return CheckFailed(
        what,
        details=tuple(f"/{name}: no origin is known" for name in list(names)[:20]),
        hint="a file comes from a package, an overlay, a tool, a hook or a step of the build; find out who left it",
    )


def record(work: Path, tree: str, origins: Mapping[str, str]) -> None:
    """Say whose each file of a tree is that was made in one go."""
    (work / f"{tree}.origins").write_text(json.dumps(dict(origins)))


def origins_of(work: Path, tree: str) -> Mapping[str, Origin]:
    """Whose each name of a tree is. A folder of which nobody spoke is there for the first thing in it."""
    if tree == ROOT:
        return unchanged(work).origins
    said: dict[str, str] = json.loads((work / f"{tree}.origins").read_text())
    for name in sorted(said):
        parts = name.split("/")[:-1]
        while parts:
            said.setdefault("/".join(parts), said[name])
            parts.pop()
    return {name: Origin(first) for name, first in said.items()}


def rows_of(part: str, entries: Iterable[Entry], origins: Mapping[str, Origin]) -> list[FileRow]:
    """The rows of a part of the image. Raises CheckFailed for files without an owner."""
    kept = list(entries)
    if orphans := [entry.name for entry in kept if entry.name not in origins]:
        raise without_owner(f"{part}: {len(orphans)} files have no owner", orphans)
    return [row_of(part, facts_of(entry), origins[entry.name]) for entry in kept]


def row_of(part: str, facts: Mapping[str, Any], origin: Origin) -> FileRow:
    """The row of one name."""
    return FileRow(
        part=part,  # type: ignore[arg-type]
        **facts,
        origin=origin.first,
        changed_by=origin.changed_by,
        known_as=origin.known_as,
    )


def medium_row(name: str, source: Path, origin: Origin) -> FileRow:
    """The row of a file of the medium, which has no mode and owner of its own."""
    facts = facts_of(Entry(name, "file", 0, size=source.stat().st_size, source=source))
    kept = {key: facts[key] for key in ("path", "kind", "size", "sha256")}
    return row_of(MEDIUM, kept, origin)
