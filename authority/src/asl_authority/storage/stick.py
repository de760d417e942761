"""The last heads of logs on the operator's stick: read with a limit, through no link, and never lost by writing.

heads/<log>.checkpoint               the last signed checkpoint that was kept; `asl_host` is the log asl/host
heads/<log>.previous                 the one before it
heads/<log>.lost-<size>-<root>       one that was given up for an older backup
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from asl_authority.errors import Damaged, IoFailed, Malformed
from asl_authority.storage import durable
from asl_authority.storage.disk import Disk
from asl_authority.values.kept_head import KeptHead, read_kept_checkpoint
from asl_authority.values.signed_note import MOST_BYTES

HEADS = "heads"
ROOT_DIGITS = 16
MOUNT = "put it in and mount it; --stick names the directory where it is"
MOVE = "move this file away, but keep it, and type the head from paper: --head"
LOOK = "look at the stick: is it in, mounted, writable, and is there space on it?"


class Stick:
    """The directory that the operator named; it may be gone at any time. A stick is FAT: it has no links."""

    def __init__(self, disk: Disk, root: Path) -> None:
        self.disk = disk
        self.root = root

    def path(self, origin: str) -> Path:
        """Where the last head of a log lies."""
        # No other origin has this name: what stands before its first slash has no underscore in it.
        return self.root / HEADS / f"{origin.replace('/', '_', 1)}.checkpoint"

    def load(self, origin: str) -> KeptHead | None:
        """The last head that was kept of a log; None when none was. Raises Malformed for what is none, IoFailed.

        Where a write was interrupted so badly that it is gone, the one before it counts.
        """
        self._expect()
        path = self.path(origin)
        for each in (path, path.with_suffix(".previous")):
            data = self._read(each)
            if data is not None:
                return _kept(each, data, origin)
        return None

    def expect_writable(self) -> None:
        """A stick is there, and can be written: to be known before there is something to keep. Raises IoFailed."""
        self._expect()
        if self.disk.is_read_only(self.root):
            raise IoFailed(f"{self.root}: nothing can be written on this stick", hint=LOOK, check_id="STICK")

    def keep(self, origin: str, data: bytes) -> None:
        """Keep a checkpoint in the place of the last one, which stays beside it. Raises IoFailed.

        It lasts, and was read back, when this returns. Whatever stops it, a checkpoint is there if one was.
        """
        self._expect()
        path = self.path(origin)
        with _of_the_stick(path):
            durable.make_directory(self.disk, path.parent)
            before = self._read(path)
            if before is not None and before != data:
                durable.replace(self.disk, path.with_suffix(".previous"), before)
            durable.replace(self.disk, path, data)
        if self._read(path) != data:
            raise IoFailed(
                f"{path}: reads back otherwise than it was written", hint="use another stick", check_id="STICK"
            )

    def set_aside(self, origin: str, kept: KeptHead) -> Path:
        """Keep a head that is given up under a name of its own, and say which. Raises IoFailed."""
        if kept.note is None:
            raise ValueError("a head that lies on no stick")
        aside = self.path(origin).with_suffix(f".lost-{kept.size}-{kept.root.hex()[:ROOT_DIGITS]}")
        with _of_the_stick(aside):
            durable.replace(self.disk, aside, kept.note.to_bytes())
        return aside

    def _expect(self) -> None:
        if not self.disk.is_directory(self.root):
            raise IoFailed(f"{self.root}: there is no stick here", hint=MOUNT, check_id="STICK")
        heads = self.root / HEADS
        with _of_the_stick(self.root), durable.told("list", self.root):
            there = HEADS in self.disk.names(self.root)
        if there and not self.disk.is_directory(heads):
            raise IoFailed(f"{heads}: not a directory", hint="links on a stick are not followed", check_id="STICK")

    def _read(self, path: Path) -> bytes | None:
        with _of_the_stick(path):
            try:
                return durable.read(self.disk, path, MOST_BYTES)
            except FileNotFoundError:
                return None
            except Damaged:  # the store's own files are read so; this one is handed in
                words = f"{path}: longer than {MOST_BYTES} bytes, which no head of a log is"
                raise Malformed(words, check_id="PATH-SIZE", hint=MOVE) from None


def _kept(path: Path, data: bytes, origin: str) -> KeptHead:
    try:
        return read_kept_checkpoint(data, origin)
    except Malformed as error:
        raise Malformed(f"{path}: {error}", check_id=error.check_id, hint=MOVE) from None


@contextmanager
def _of_the_stick(path: Path) -> Iterator[None]:
    """What a failing stick needs is another than what a failing store needs; it may be pulled out at any time."""
    try:
        yield
    except FileNotFoundError:
        raise IoFailed(f"{path.parent}: is no longer there", hint=LOOK, check_id="STICK") from None
    except IoFailed as error:
        raise IoFailed(str(error), hint=LOOK, check_id="STICK") from None
