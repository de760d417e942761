"""A store on a real file system whose writer is killed: the disk that kills, the child, and mounts of file systems."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from asl_authority.storage.disk import Disk, HostDisk
from asl_authority.storage.domains import opened
from asl_authority.values.log_entry import Entry
from asl_authority.values.log_record import RecordType
from support.faulty_disk import CHANGES
from support.store_faults import ORIGIN, PATHS, SESSION, SIGNER, Ledger

MIB = 192  # the least that btrfs takes with some room


class RootedDisk(HostDisk):
    """The host's disk, seen from a folder as its root, so that a store lies at the same path as in memory."""

    def __init__(self, root: Path, kill_at: int | None = None) -> None:
        self.root = root
        self.kill_at = kill_at
        self.calls = 0

    def __getattribute__(self, name: str) -> Any:
        found = super().__getattribute__(name)
        if name.startswith("_") or not callable(found) or not hasattr(HostDisk, name):
            return found
        root = super().__getattribute__("root")

        def rooted(*arguments: Any) -> Any:
            if name in CHANGES:
                self.calls += 1
                if self.calls == self.kill_at:
                    os.kill(os.getpid(), signal.SIGKILL)
            paths = (root / each.relative_to("/") if isinstance(each, Path) else each for each in arguments)
            return found(*paths)

        return rooted


class TellingLedger(Ledger):
    """A ledger that says in a file what was acknowledged, at once; the file outlives its writer."""

    told: Path

    @classmethod
    def of(cls, ledger: Ledger, told: Path) -> TellingLedger:
        new = cls(**vars(ledger.copy()))
        new.told = told
        return new

    def tell(self, *words: Any) -> None:
        with self.told.open("ab", buffering=0) as file:
            file.write(json.dumps(words).encode() + b"\n")

    def commit(self, domain: Any, *entries: Entry) -> None:
        super().commit(domain, *entries)
        self.tell("commit", self.size, self.root.hex())

    def put(self, domain: Any, data: bytes) -> str:
        block_id = super().put(domain, data)
        self.tell("put", block_id, data.hex())
        return block_id

    def write(self, domain: Any, name: str, data: bytes) -> str:
        digest = super().write(domain, name, data)
        self.tell("write", name, data.hex())
        return digest


def heard(ledger: Ledger, told: Path) -> Ledger:
    """The ledger with what its writer has said since; the file is taken away."""
    new = ledger.copy()
    if not told.exists():
        return new
    for line in told.read_text().split("\n")[:-1]:
        verb, name, data = json.loads(line)
        if verb == "commit":
            new.size, new.root = name, bytes.fromhex(data)
        else:
            (new.blocks if verb == "put" else new.files)[name] = bytes.fromhex(data)
    told.unlink()
    return new


def started(run: Callable[[Disk, Ledger], None], disk: Disk, ledger: Ledger, told: Path) -> int:
    """Run an operation in a process of its own, and return its number."""
    child = os.fork()
    if child == 0:
        try:
            run(disk, TellingLedger.of(ledger, told))
            os._exit(0)
        except BaseException as error:
            sys.stderr.write(f"{error!r}\n")
            os._exit(9)
    return child


def ended(child: int) -> bool:
    """Wait for a child and say whether it was killed; it may end by itself, but not by an error."""
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0, status
    return os.WIFSIGNALED(status)


def work_on(disk: Disk, ledger: Ledger, operations: int = 10_000) -> None:
    """One operation after the other, until somebody ends it."""
    with opened(disk, PATHS, ORIGIN, SIGNER, session=SESSION) as domain:
        domain.log.roll_bytes = 4000
        for number in range(operations):
            block = ledger.put(domain, b"%d after %d" % (number, ledger.size) * 20)
            name = f"dam/dam-{ledger.size}.json"
            digest = ledger.write(domain, name, b"{%d}" % ledger.size)
            ledger.commit(
                domain, Entry(RecordType.ARTIFACT, blocks=(block,)), Entry(RecordType.DAM, files={name: digest})
            )


def make_file_system(kind: str, image: Path) -> None:
    """A file system in a file. Raises CalledProcessError."""
    with image.open("wb") as file:
        file.truncate(MIB << 20)
    subprocess.run([f"mkfs.{kind}", "-q", str(image)], check=True, capture_output=True)


@contextmanager
def mounted(image: Path, at: Path) -> Iterator[Path]:
    """A file system in a file, mounted. Raises CalledProcessError where this machine can't."""
    at.mkdir(exist_ok=True)
    subprocess.run(["mount", "-o", "loop", str(image), str(at)], check=True, capture_output=True)
    try:
        yield at
    finally:
        subprocess.run(["umount", str(at)], check=True, capture_output=True)
