"""A disk that stops or fails at its n-th call, over any other disk."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

from support.memory_disk import MemoryDisk

CHANGES = (
    *("open_new", "write_at", "cut", "sync", "sync_directory", "link", "rename", "remove", "make_directory"),
    "remove_directory",
)
# What frees space, or needs none, does not fail on a full disk; delayed allocation fails at the sync.
NEED_SPACE = ("open_new", "write_at", "sync", "link", "make_directory")
READS = ("open_read", "open_write", "read_at", "read_into", "names")


class PowerCutError(BaseException):
    """The machine is off: nothing catches this but the test."""


class FaultyDisk:
    """Lets calls through until the n-th that may fail; a `number` of None only counts.

    `fault` is `stop`: the power is gone before that call (or in the middle of that write), and stays gone. Or it is an
    error of the system, at that call only or, when `lasting`, at each one after it too.
    """

    def __init__(self, disk: MemoryDisk, fault: str, number: int | None, *, lasting: bool = False) -> None:
        self.disk = disk
        self.fault = fault
        self.number = number
        self.lasting = lasting
        self.calls: list[str] = []
        self.hit = False

    def __getattr__(self, name: str) -> Any:
        call = getattr(self.disk, name)
        counted = {"stop": CHANGES, "ENOSPC": NEED_SPACE}.get(self.fault, (*CHANGES, *READS))
        if name not in counted:
            return call

        def faulty(*arguments: Any) -> Any:
            self.calls.append(name)
            if self.number is None or len(self.calls) < self.number or (self.hit and not self.lasting):
                if self.hit and self.fault == "stop":
                    raise PowerCutError
                return call(*arguments)
            if self.fault == "stop":
                self._stop(name, arguments)
            self.hit = True
            self._fail(name, arguments)
            return None

        return faulty

    def _stop(self, name: str, arguments: tuple[Any, ...]) -> None:
        first = not self.hit
        self.hit = True
        if first and name == "write_at":
            file, data, offset = arguments
            self.disk.write_at(file, data[: len(data) // 2], offset)
        raise PowerCutError

    def _fail(self, name: str, arguments: tuple[Any, ...]) -> None:
        if name == "write_at":
            file, data, offset = arguments
            self.disk.write_at(file, data[: len(data) // 3], offset)
        if name == "sync" and self.fault == "EIO":
            self.disk.forget(*arguments)
        number = getattr(errno, self.fault)
        where = next((str(each) for each in arguments if isinstance(each, Path)), None)
        raise OSError(number, os.strerror(number), where)
