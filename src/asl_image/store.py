"""The package store: files under the name of their own SHA-256, verified before they get that name.

    <store>/sha256/ab/abcd…        a whole, verified file, mode 0444
    <store>/sha256/ab/abcd….part   the beginning of one; whoever writes to it holds its flock
    <store>/arrivals               a line for each file that came: its hash, the kind of origin, what it is

A name appears by rename only, so a reader never sees half a file and two writers can't hurt each other.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import io
import os
import re
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from asl_image.errors import Busy, CheckFailed, IoFailed, Refused

CHUNK_BYTES = 1 << 20
ARRIVALS = "arrivals"
SHA256_PATTERN = re.compile(r"[0-9a-f]{64}")


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, in hex. Raises IoFailed when it can't be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise IoFailed(f"{path}: can't be read: {error.strerror}") from error


def io_failed(error: OSError, where: Path, needed_bytes: int | None = None) -> IoFailed:
    """An OSError while writing at `where`, in words; a full disk says how much is needed."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        need = f"; {mib(needed_bytes)} more are needed" if needed_bytes is not None else ""
        return IoFailed(
            f"{where}: the disk is full{need}",
            hint="free some space and run it again: what is whole is kept and a download goes on where it stopped",
        )
    return IoFailed(f"{where}: can't be written: {error.strerror}")


def mib(count: int) -> str:
    """A number of bytes as a person reads it."""
    return f"{count / (1 << 20):.1f} MiB"


class Store:
    """A content-addressed folder of files; `root` is made when the first file comes.

    With `named`, only files of these hashes may be read: a build takes nothing that its locks and tools don't name.
    """

    def __init__(self, root: Path, named: frozenset[str] | None = None) -> None:
        self.root = root
        self.named = named

    def path(self, sha256: str) -> Path:
        """Where the file with this hash lies, or would lie."""
        if not SHA256_PATTERN.fullmatch(sha256):
            raise ValueError(f"not a SHA-256 in lower-case hex: {sha256!r}")
        return self.root / "sha256" / sha256[:2] / sha256

    def part(self, sha256: str) -> Path:
        """Where the beginning of a file lies while it is fetched."""
        path = self.path(sha256)
        return path.with_name(f"{path.name}.part")

    def has(self, sha256: str, size: int | None = None) -> bool:
        """True when a file of that name (and size, when given) lies here. Its bytes are not read: see `verified`."""
        try:
            found = self.path(sha256).stat()
        except FileNotFoundError:
            return False
        return size is None or found.st_size == size

    def verified(self, sha256: str, name: str) -> Path:
        """The path of the file, after reading all of it.

        Raises CheckFailed, naming `name`, when its bytes are not what the hash says, IoFailed when it isn't there,
        and Refused when this store gives out only what others name.
        """
        if self.named is not None and sha256 not in self.named:
            raise Refused(
                f"{name}: the build asks the store for what neither its locks nor its pinned tools name",
                details=(f"sha256 {sha256}",),
                hint="lock it: list its package or tool in the profile, then build.py lock",
            )
        path = self.path(sha256)
        if not path.exists():
            raise IoFailed(f"{name}: not in the store ({path})", hint="build.py fetch brings it")
        found = sha256_of(path)
        if found != sha256:
            raise CheckFailed(
                f"{name}: the file in the store does not have the bytes that the lock names",
                details=(f"expected sha256 {sha256}", f"found    sha256 {found}", f"in {path}"),
                hint="the store is damaged; build.py fetch replaces the file",
            )
        return path

    def add_verified(self, source: Path, sha256: str, name: str, *, origin: str) -> Path:
        """Copy a file in, hashing what is written. Raises CheckFailed when `source` is not what `sha256` says."""
        try:
            with source.open("rb") as file:
                return self.add(iter(partial(file.read, CHUNK_BYTES), b""), sha256, f"{name}: {source}", origin=origin)
        except OSError as error:
            raise io_failed(error, self.path(sha256)) from error

    def add(self, pieces: Iterable[bytes], sha256: str, name: str, *, origin: str) -> Path:
        """Write a file that comes in pieces; `origin` is a word for what kind of place it comes from.

        Raises CheckFailed, naming `name`, when it is not what `sha256` says.
        """
        target = self.path(sha256)
        temporary: Path | None = None
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=target.parent, prefix=".new-", delete=False) as copy:
                temporary = Path(copy.name)
                digest = hashlib.sha256()
                for piece in pieces:
                    digest.update(piece)
                    copy.write(piece)
                if digest.hexdigest() != sha256:
                    raise CheckFailed(
                        f"{name} does not have the bytes that the lock names",
                        details=(f"expected sha256 {sha256}", f"found    sha256 {digest.hexdigest()}"),
                    )
                seal(copy.fileno())
            self._log(sha256, origin, name)
            temporary.replace(target)
        except OSError as error:
            raise io_failed(error, target) from error
        finally:
            if temporary is not None:
                temporary.unlink(missing_ok=True)
        return target

    def remove(self, sha256: str) -> None:
        """Take a (damaged) file out; no error when there is none."""
        self.path(sha256).unlink(missing_ok=True)

    @contextmanager
    def partial(self, sha256: str) -> Iterator[io.FileIO | None]:
        """The partial file of a hash, open for reading and writing, and ours alone while the block lasts.

        Yields None when the whole file is here (somebody else may have finished it). Raises Busy when another
        process, or another thread, is fetching the same file.
        """
        part = self.part(sha256)
        part.parent.mkdir(parents=True, exist_ok=True)
        # Not buffered: a full disk is then seen by the write that it stops.
        with os.fdopen(os.open(part, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644), "r+b", buffering=0) as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Busy(f"{part}: another process is fetching it") from None
            if self.has(sha256):
                if same_file(file, part):
                    part.unlink()
                yield None
            elif not same_file(file, part):  # renamed or removed between open and flock, and it was not whole
                raise Busy(f"{part}: another process is fetching it")
            else:
                yield file

    def finish(self, sha256: str, file: io.FileIO, name: str, *, origin: str) -> Path:
        """Give the partial file, whose bytes the caller has verified, its name in the store."""
        seal(file.fileno())
        self._log(sha256, origin, name)
        return self.part(sha256).replace(self.path(sha256))

    def _log(self, sha256: str, origin: str, name: str) -> None:
        """Say where a file came from, before it gets its name; one write a line, so that writers don't mix."""
        with (self.root / ARRIVALS).open("ab", buffering=0) as log:
            log.write(f"{sha256} {origin} {' '.join(name.split())}\n".encode("utf-8", "surrogateescape"))

    def arrived(self) -> frozenset[str]:
        """The hashes of all files that came in by this store's own ways."""
        try:
            lines = (self.root / ARRIVALS).read_text("utf-8", "surrogateescape").splitlines()
        except FileNotFoundError:
            return frozenset()
        return frozenset(line.split(" ", 1)[0] for line in lines)


def seal(descriptor: int) -> None:
    """On disk and read-only, before it gets its name."""
    os.fchmod(descriptor, 0o444)
    os.fsync(descriptor)


def write_all(file: io.FileIO, data: bytes) -> None:
    """Write everything; an unbuffered file may take less at a time."""
    view = memoryview(data)
    while view:
        view = view[file.write(view) or 0 :]


def same_file(file: io.FileIO, path: Path) -> bool:
    """True when `path` still is the file that is open."""
    try:
        named = path.stat()
    except FileNotFoundError:
        return False
    opened = os.fstat(file.fileno())
    return (named.st_dev, named.st_ino) == (opened.st_dev, opened.st_ino)
