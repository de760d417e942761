"""A step that reads the clock is named with its line, also when a library reads it on its behalf."""

from __future__ import annotations

import datetime as dt
import gzip
import io
import sys
import threading
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from asl_image import tree_writer
from asl_image.clockguard import CLOCKS, is_library, watched_clock
from asl_image.errors import Refused
from asl_image.runner import Command, Runner

NOW = dt.datetime.now
HERE = f"{Path(__file__)}:"


def in_a_thread() -> None:
    thread = threading.Thread(target=lambda: time.time_ns())
    thread.start()
    thread.join()


READS: dict[str, Callable[[], object]] = {
    "time": lambda: time.time(),
    "under another name": lambda: NOW(dt.UTC),
    "today": lambda: dt.date.today(),  # noqa: DTZ011
    "monotonic": lambda: time.monotonic(),
    "a date in words": lambda: time.strftime("%Y"),
    "in a thread": in_a_thread,
    "in a library: gzip": lambda: gzip.compress(b"x"),
    "in a library: zip": lambda: zipfile.ZipFile(io.BytesIO(), "w").writestr("x", b"x"),
}


@pytest.mark.parametrize("read", READS)
def test_a_step_that_reads_the_clock_is_named_with_file_and_line(read: str) -> None:
    with pytest.raises(Refused, match="sbom: the step reads the clock") as caught, watched_clock("sbom"):
        READS[read]()

    assert all(HERE in line for line in caught.value.details), caught.value.details
    assert str(READS[read].__code__.co_firstlineno) in caught.value.details[0] or read == "in a thread"


def test_an_error_of_the_step_itself_is_not_hidden() -> None:
    with pytest.raises(KeyError), watched_clock("sbom"):
        dict[float, int]()[time.time()]


def test_what_waits_for_programs_may_look_at_the_clock_and_so_may_who_writes_trees(tmp_path: Path) -> None:
    before = sys.getprofile()
    with watched_clock("sbom"):
        Runner(tmp_path / "log").run(Command(("true",)))
        tree_writer.write_tar([tree_writer.file("x", b"x")], io.BytesIO(), 1)
        dt.datetime.fromtimestamp(0, dt.UTC)
        threading.Event().wait(0.01)
    assert sys.getprofile() is before


def test_no_clock_is_forgotten() -> None:
    """Whatever Python can read a clock by is on a list; what is not in its C modules calls what is."""
    readers = {
        "time",
        "time_ns",
        "clock_gettime",
        "clock_gettime_ns",
        "monotonic",
        "monotonic_ns",
        "localtime",
        "gmtime",
    }

    assert readers <= {getattr(each, "__name__", "") for each in CLOCKS}


@pytest.mark.parametrize(
    ("name", "library"),
    [
        ("/opt/borrowed/lib/python3.11/site-packages/sh/__init__.py", True),
        ("/usr/lib/python3/dist-packages/yaml/__init__.py", True),
        (gzip.__file__, True),
        ("<frozen importlib._bootstrap>", True),
        (tree_writer.__file__, False),
        (__file__, False),
        ("<string>", False),
    ],
)
def test_a_library_is_known_wherever_it_lies(name: str, library: bool) -> None:
    assert is_library(name) == library
