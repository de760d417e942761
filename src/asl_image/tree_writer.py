"""The one writer of trees: sorted, numeric owners, set times, allowed xattrs only, canonical hard links.

A tree on disk is read into `Entry` values once (`scan_tree`); from there on nothing of the host can
leak: not the order of its directories, not its clock, not its inode numbers. Layers leave as tar,
the initramfs as cpio ("newc"); both come from the same entries.
"""

from __future__ import annotations

import errno
import hashlib
import io
import os
import shutil
import stat
import tarfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO

from asl_image.errors import CheckFailed, IoFailed
from asl_image.mounts import mounts_below

# What may travel with a file. Anything else (SELinux labels, ACLs of the host) stays behind.
ALLOWED_XATTRS = ("security.capability",)

CHUNK = 1 << 20


@dataclass(frozen=True)
class Entry:
    """One name in a tree.

    `name` is relative, without a leading slash; the root itself is "". `mode` holds the permission
    bits only. `source` is where a file's bytes are, `data` the bytes themselves when they exist only
    in memory. `link` is a symlink's target, or for a hard link the name of the entry that holds the
    bytes.
    """

    name: str
    kind: str  # file, directory, symlink, hardlink, character, block, fifo
    mode: int
    uid: int = 0
    gid: int = 0
    size: int = 0
    link: str = ""
    device: tuple[int, int] = (0, 0)
    source: Path | None = None
    data: bytes | None = None
    xattrs: tuple[tuple[str, bytes], ...] = field(default=())

    def open(self) -> io.BytesIO | io.BufferedReader:
        """The bytes of a file."""
        if self.data is not None:
            return io.BytesIO(self.data)
        if self.source is None:
            raise ValueError(f"/{self.name}: a {self.kind} has no bytes")
        return self.source.open("rb")


def directory(name: str, mode: int = 0o755, uid: int = 0, gid: int = 0) -> Entry:
    """A directory made of nothing but its name."""
    return Entry(name, "directory", mode, uid, gid)


def file(name: str, data: bytes, mode: int = 0o644, uid: int = 0, gid: int = 0) -> Entry:
    """A file whose bytes are in memory."""
    return Entry(name, "file", mode, uid, gid, size=len(data), data=data)


def symlink(name: str, target: str) -> Entry:
    """A symbolic link; its mode is always 0777."""
    return Entry(name, "symlink", 0o777, link=target)


def with_parents(entries: Iterable[Entry]) -> list[Entry]:
    """The entries, sorted, with every directory on the way to them; a missing one is 0755 and root's."""
    known = {entry.name: entry for entry in entries}
    for name in list(known):
        parts = name.split("/")[:-1]
        while parts:
            known.setdefault("/".join(parts), directory("/".join(parts)))
            parts.pop()
    return [known[name] for name in sorted(known, key=sort_key)]


def sort_key(name: str) -> list[bytes]:
    """Order of names in every output: by component, bytewise, so a directory comes before what it holds."""
    return [os.fsencode(part) for part in name.split("/")]


def scan_tree(root: Path, keep: Callable[[str], bool] = lambda _: True) -> list[Entry]:
    """Every name below `root` that `keep` wants, sorted; a directory that is not kept is not entered.

    Sockets are an error: they can't be shipped and mean that a daemon was left running.
    """
    entries: list[Entry] = []
    first_names: dict[tuple[int, int], str] = {}
    for name, status in walk(root, keep):
        entry = _entry(root, name, status)
        if entry.kind == "file" and status.st_nlink > 1:
            inode = (status.st_dev, status.st_ino)
            if inode in first_names:
                entry = replace(entry, kind="hardlink", link=first_names[inode], size=0, source=None, xattrs=())
            else:
                first_names[inode] = name
        entries.append(entry)
    return entries


def walk(
    root: Path, keep: Callable[[str], bool] = lambda _: True, name: str = ""
) -> Iterator[tuple[str, os.stat_result]]:
    """Every name below `root` that `keep` wants, sorted, with what stat says of it; links are not followed."""
    here = root / name if name else root
    with os.scandir(here) as found:
        children = sorted(found, key=lambda child: os.fsencode(child.name))
    for child in children:
        child_name = f"{name}/{child.name}" if name else child.name
        if not keep(child_name):
            continue
        status = child.stat(follow_symlinks=False)
        yield child_name, status
        if stat.S_ISDIR(status.st_mode):
            yield from walk(root, keep, child_name)


def _entry(root: Path, name: str, status: os.stat_result) -> Entry:
    path = root / name
    mode = stat.S_IMODE(status.st_mode)
    uid, gid = status.st_uid, status.st_gid
    if stat.S_ISREG(status.st_mode):
        return Entry(name, "file", mode, uid, gid, size=status.st_size, source=path, xattrs=_xattrs(path))
    if stat.S_ISDIR(status.st_mode):
        return Entry(name, "directory", mode, uid, gid)
    if stat.S_ISLNK(status.st_mode):
        return Entry(name, "symlink", 0o777, uid, gid, link=os.readlink(path))  # noqa: PTH115 - bytes as they are
    numbers = (os.major(status.st_rdev), os.minor(status.st_rdev))
    if stat.S_ISCHR(status.st_mode):
        return Entry(name, "character", mode, uid, gid, device=numbers)
    if stat.S_ISBLK(status.st_mode):
        return Entry(name, "block", mode, uid, gid, device=numbers)
    if stat.S_ISFIFO(status.st_mode):
        return Entry(name, "fifo", mode, uid, gid)
    raise CheckFailed(
        f"/{name}: a socket can't be part of an image", hint="a hook left a program running that listens there: end it"
    )


def _xattrs(path: Path) -> tuple[tuple[str, bytes], ...]:
    try:
        present = os.listxattr(path, follow_symlinks=False)
    except OSError as error:
        if error.errno != errno.ENOTSUP:  # a file system without them has none to carry
            raise
        return ()
    return tuple((name, os.getxattr(path, name)) for name in ALLOWED_XATTRS if name in present)


def tree_digest(entries: Sequence[Entry]) -> str:
    """SHA-256 (hex) over everything of the entries that a writer writes, the bytes of files included."""
    whole = hashlib.sha256()
    for entry in entries:
        content = ""
        if entry.kind == "file":
            with entry.open() as stream:
                content = hashlib.file_digest(stream, "sha256").hexdigest()
        fields = (
            entry.name,
            entry.kind,
            f"{entry.mode:o}",
            entry.uid,
            entry.gid,
            entry.link,
            entry.device,
            [(name, value.hex()) for name, value in entry.xattrs],
            content,
        )
        whole.update(os.fsencode(repr(fields)) + b"\n")
    return whole.hexdigest()


TAR_TYPES = {
    "file": tarfile.REGTYPE,
    "directory": tarfile.DIRTYPE,
    "symlink": tarfile.SYMTYPE,
    "hardlink": tarfile.LNKTYPE,
    "character": tarfile.CHRTYPE,
    "block": tarfile.BLKTYPE,
    "fifo": tarfile.FIFOTYPE,
}


def write_tar(entries: Iterable[Entry], out: BinaryIO, epoch: int) -> None:
    """The entries as a pax tar archive; every time is `epoch` (seconds since 1970, UTC)."""
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT, bufsize=CHUNK) as archive:
        for entry in entries:
            if entry.kind == "file":
                with entry.open() as stream:
                    archive.addfile(_tar_info(entry, epoch), stream)
            else:
                archive.addfile(_tar_info(entry, epoch))


def tar_header(entry: Entry, epoch: int) -> bytes:
    """What `write_tar` writes before the bytes of an entry."""
    return _tar_info(entry, epoch).tobuf(tarfile.PAX_FORMAT, tarfile.ENCODING, "surrogateescape")


def _tar_info(entry: Entry, epoch: int) -> tarfile.TarInfo:
    info = tarfile.TarInfo(entry.name)
    info.type = TAR_TYPES[entry.kind]
    info.mode = entry.mode
    info.uid, info.gid = entry.uid, entry.gid
    info.mtime = epoch
    info.linkname = entry.link
    info.devmajor, info.devminor = entry.device
    info.pax_headers = {
        f"SCHILY.xattr.{name}": value.decode("utf-8", "surrogateescape") for name, value in entry.xattrs
    }
    if entry.kind == "file":
        info.size = entry.size
    return info


CPIO_TYPES = {
    "file": stat.S_IFREG,
    "directory": stat.S_IFDIR,
    "symlink": stat.S_IFLNK,
    "character": stat.S_IFCHR,
    "block": stat.S_IFBLK,
    "fifo": stat.S_IFIFO,
}


def write_cpio(entries: Iterable[Entry], out: BinaryIO, epoch: int) -> None:
    """The entries as a cpio archive in the "newc" form that the kernel unpacks; inodes count from 1.

    Hard links are refused: the kernel's unpacker would need them in its own order, and nothing in an
    initramfs has use for them.
    """
    for number, entry in enumerate(entries, start=1):
        if entry.kind == "hardlink":
            raise ValueError(f"/{entry.name}: a hard link has no place in an initramfs")
        content = os.fsencode(entry.link) if entry.kind == "symlink" else b""
        size = entry.size if entry.kind == "file" else len(content)
        _cpio_header(out, entry, number, size, epoch)
        if entry.kind == "file":
            with entry.open() as stream:
                while chunk := stream.read(CHUNK):
                    out.write(chunk)
        else:
            out.write(content)
        out.write(b"\0" * (-size % 4))
    _cpio_header(out, Entry("TRAILER!!!", "file", 0), 0, 0, 0)


def _cpio_header(out: BinaryIO, entry: Entry, inode: int, size: int, epoch: int) -> None:
    name = os.fsencode(entry.name) + b"\0"
    links = 2 if entry.kind == "directory" else 1
    mode = (CPIO_TYPES[entry.kind] | entry.mode) if inode else 0
    fields = (inode, mode, entry.uid, entry.gid, links, epoch, size, 0, 0, *entry.device, len(name), 0)
    out.write(b"070701" + b"".join(b"%08X" % value for value in fields) + name)
    out.write(b"\0" * (-(110 + len(name)) % 4))


def unpack(entries: Iterable[Entry], at: Path) -> None:
    """Lay directories, files and symbolic links down under `at`, with their modes (owners are the caller's)."""
    at.mkdir(parents=True, exist_ok=True)
    for entry in entries:
        path = at / entry.name
        if entry.kind == "directory":
            path.mkdir(exist_ok=True)
        elif entry.kind == "symlink":
            path.symlink_to(entry.link)
        else:
            with path.open("xb") as out, entry.open() as content:
                shutil.copyfileobj(content, out, CHUNK)
        if entry.kind != "symlink":
            path.chmod(entry.mode)


def remove(at: Path) -> None:
    """Take a tree away; a missing one is fine. Raises IoFailed when anything is mounted in it, and removes nothing."""
    if at.is_dir() and not at.is_symlink():
        if mounts := mounts_below(at):
            raise IoFailed(
                f"{at}: not removed, something is mounted there", details=tuple(str(point) for point in mounts)
            )
        shutil.rmtree(at)
    else:
        at.unlink(missing_ok=True)


def unpack_owned(entries: Iterable[Entry], at: Path) -> None:
    """Like `unpack`, and gives every name its numeric owner."""
    kept = list(entries)
    unpack(kept, at)
    for entry in kept:
        os.chown(at / entry.name, entry.uid, entry.gid, follow_symlinks=False)
        if entry.kind != "symlink":
            (at / entry.name).chmod(entry.mode)  # chown clears set-id bits
