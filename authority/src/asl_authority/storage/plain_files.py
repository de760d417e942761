"""Files that a person names on the command line: read with a limit, written only where nothing is."""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from io import BufferedReader
from pathlib import Path

from asl_authority.contract import DESK
from asl_authority.errors import IoFailed, Malformed, Refused, UsageError


def read_file(path: Path, most: int) -> bytes:
    """All of a regular file. Raises UsageError for a name that leads nowhere, Malformed for one too long, IoFailed."""
    with _opened(path) as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise Malformed(f"{path}: longer than {most} bytes", check_id="PATH-SIZE")
    return data


def sha256_of(path: Path) -> str:
    """The SHA-256 (hex) of a regular file of any length. Raises UsageError, IoFailed."""
    import hashlib

    with _opened(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def expect_room(*paths: Path) -> None:
    """New files can be made there: before anything is asked or signed. Raises UsageError, Refused, IoFailed."""
    from asl_authority.storage.disk import HostDisk
    from asl_authority.storage.durable import expect_writable

    for path in paths:
        if not path.parent.is_dir():
            raise UsageError(
                f"{path.parent}: no such directory", hint="make it, and begin again", check_id="PATH-MISSING"
            )
        if path.exists():
            raise Refused(
                f"{path}: is there already; nothing is overwritten", hint="name a new file", check_id="PATH-TAKEN"
            )
        expect_writable(HostDisk(), path.parent)


def write_new(path: Path, data: bytes) -> None:
    """A new file, whole and on the disk when this returns. Raises Refused when the name is taken, IoFailed."""
    write_new_from(path, [data])


def write_new_from(path: Path, chunks: Iterable[bytes]) -> None:
    """A new file of many pieces. Raises as `write_new`."""
    from asl_authority.storage.disk import disk_of_whoever_asked  # who only reads does not pay for it
    from asl_authority.storage.durable import create_from

    try:
        create_from(disk_of_whoever_asked(), path, chunks)
    except FileNotFoundError:
        raise UsageError(f"{path.parent}: no such directory", check_id="PATH-MISSING") from None


def write_checked(path: Path, data: bytes, check: Callable[[bytes], None]) -> None:
    """A new file that is taken away again unless `check` takes what is read back of it. Raises as `write_new`."""
    if path.exists():
        raise Refused(f"{path}: is there already; nothing is overwritten", check_id="PATH-TAKEN")
    write_new(path, data)
    try:
        check(read_file(path, len(data)))
    except BaseException:  # Ctrl-C too leaves nothing behind
        _take_away(path)
        raise


def write_all_new(files: Mapping[Path, bytes]) -> None:
    """New files, all or none; one that is there with these bytes already is left. Raises as `write_new`."""
    made: list[Path] = []
    for path in files:
        if path.exists() and not _holds(path, files[path]):
            raise Refused(
                f"{path}: is there already, with other contents; nothing is overwritten", check_id="PATH-TAKEN"
            )
    try:
        for path, data in files.items():
            # Before it is made: a name can be there although the sync that should have made it last has failed.
            made += [] if path.exists() else [path]
            write_new(path, data)
    except BaseException:  # Ctrl-C too leaves nothing behind
        for path in made:
            _take_away(path)
        raise


def _take_away(path: Path) -> None:
    from asl_authority.storage.disk import HostDisk
    from asl_authority.storage.durable import remove

    with suppress(IoFailed, FileNotFoundError):
        remove(HostDisk(), path)


@contextmanager
def _opened(path: Path) -> Iterator[BufferedReader]:
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # opening a FIFO would wait for ever
            raise UsageError(f"{path}: not a regular file", check_id="PATH-REGULAR")
        with path.open("rb") as file:
            yield file
    except (FileNotFoundError, NotADirectoryError):
        raise UsageError(f"{path}: no such file", check_id="PATH-MISSING") from None
    except PermissionError as error:
        raise IoFailed(
            f"{path}: {error.strerror}", hint=f"on a sealed host the authority reads it: chmod g+r, in {DESK}"
        ) from None
    except OSError as error:
        raise IoFailed(f"{path}: {error.strerror}") from None


def _holds(path: Path, data: bytes) -> bool:
    try:
        return read_file(path, len(data)) == data
    except Malformed:
        return False


@contextmanager
def named(path: Path) -> Iterator[None]:
    """Put the file's name before what is wrong in it."""
    try:
        yield
    except Malformed as error:
        words = str(error)
        # Not by the bare name: what is wrong in a file that is called `dam` may begin with `dam.scope`.
        named_already = words.startswith((f"{path}: ", f"{path} "))
        raise Malformed(
            words if named_already else f"{path}: {words}", check_id=error.check_id, hint=error.hint
        ) from None
