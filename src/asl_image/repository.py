"""A local apt archive of exactly what a lock names, from which a root is bootstrapped without a network.

    <at>/dists/<suite>/Release
    <at>/dists/<suite>/main/binary-<arch>/Packages
    <at>/pool/…                                      as in the lock

Its bytes depend on the lock alone. It is not signed: every file in it has just been held against the lock.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path

from asl_image.deb import read_control, read_stanza
from asl_image.errors import CheckFailed
from asl_image.lock import Lock, LockedPackage
from asl_image.store import Store, io_failed

COMPONENT = "main"
# hashlib and pread let go of the interpreter, so two threads hash twice as fast as one.
HASHING_THREADS = 4


def write_repository(lock: Lock, store: Store, at: Path) -> None:
    """Make the archive at `at`, which must not exist or be empty.

    Every .deb is read whole and verified first: raises CheckFailed, naming the package, for a flipped byte in the
    store or a .deb that is another package than the lock says.
    """
    with ThreadPoolExecutor(HASHING_THREADS) as pool:
        stanzas = list(pool.map(lambda package: stanza_of(package, store), lock.packages))
    try:
        for package in lock.packages:
            place(store.path(package.sha256), at / package.path)
        # The blank line at the end too: without it debootstrap does not see the last package.
        packages = "".join(f"{stanza}\n" for stanza in stanzas).encode()
        index = f"{COMPONENT}/binary-{lock.request.architecture}/Packages"
        dist = at / "dists" / lock.request.suite
        (dist / index).parent.mkdir(parents=True)
        (dist / index).write_bytes(packages)
        (dist / "Release").write_text(release_text(lock, index, packages))
    except OSError as error:
        raise io_failed(error, at) from error


def stanza_of(package: LockedPackage, store: Store) -> str:
    """The package's paragraph in Packages, ending in a newline, from its own control file."""
    path = store.verified(package.sha256, package.name)
    control = cached_control(path, package, store)
    try:
        fields = read_stanza(control)
    except ValueError as error:
        raise CheckFailed(f"{package.name}: its control file is malformed: {error}") from error
    said = tuple(fields.get(key, "") for key in ("Package", "Version", "Architecture"))
    locked = (package.name, package.version, package.arch)
    if said != locked:
        raise CheckFailed(
            f"{package.name}: the .deb is another package than the lock says",
            details=(f"locked: {' '.join(locked)}", f"inside: {' '.join(said)}"),
        )
    return f"{control}Filename: {package.path}\nSize: {package.size}\nSHA256: {package.sha256}\n"


def cached_control(path: Path, package: LockedPackage, store: Store) -> str:
    """The control stanza of a verified .deb; unpacked once, then kept in the store beside a hash of itself."""
    cache = store.root / "control" / package.sha256
    try:
        digest, _, text = cache.read_text(encoding="utf-8").partition("\n")
    except (OSError, UnicodeDecodeError):
        digest, text = "", ""
    if digest == hashlib.sha256(text.encode()).hexdigest() and text:
        return text
    text = read_control(path)
    try:
        cache.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=cache.parent, prefix=".new-", delete=False, encoding="utf-8") as file:
            file.write(f"{hashlib.sha256(text.encode()).hexdigest()}\n{text}")
        os.chmod(file.name, 0o644)  # noqa: PTH101 - the name is already a string
        os.replace(file.name, cache)  # noqa: PTH105
    except OSError:
        pass  # only a cache: a store that can't be written to serves as well
    return text


def release_text(lock: Lock, index: str, packages: bytes) -> str:
    """A Release file with what mmdebstrap and debootstrap ask of one."""
    date = format_datetime(datetime.fromtimestamp(lock.epoch, UTC)).replace("+0000", "UTC")
    return (
        f"Origin: Debian\nLabel: Debian\nSuite: {lock.request.suite}\nCodename: {lock.request.suite}\n"
        f"Date: {date}\nArchitectures: {lock.request.architecture}\nComponents: {COMPONENT}\n"
        f"SHA256:\n {hashlib.sha256(packages).hexdigest()} {len(packages)} {index}\n"
    )


def place(source: Path, target: Path) -> None:
    """A hard link where the file system allows one, a copy elsewhere."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target)
    except OSError as error:
        if error.errno not in (errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOTSUP):
            raise
        shutil.copyfile(source, target)
        target.chmod(0o444)
