"""A step that reads the clock is named, with file and line: dates in an image come from the lock.

tests/test_house.py finds such a call where it is written in our own text; this finds it when it happens, also where a
library makes it for us. Python tells us of every call of a function that is written in C (`sys.setprofile`). What a
program does for itself is not seen here, but by `repro-test`, which moves the clock by years.
"""

from __future__ import annotations

import datetime as dt
import sys
import sysconfig
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from asl_image.errors import Refused

# What gives today's date, whoever calls it on a step's behalf.
DATES = frozenset(
    (
        *(time.time, time.time_ns, time.clock_gettime, time.clock_gettime_ns),
        *(dt.datetime.now, dt.datetime.utcnow, dt.datetime.today, dt.date.today),
    )
)
# What may be harmless in a library, which waits by it or is given a date, and is not in a step of ours.
OTHERS = frozenset(
    (
        *(time.monotonic, time.monotonic_ns, time.perf_counter, time.perf_counter_ns, time.process_time),
        *(time.localtime, time.gmtime, time.ctime, time.strftime),
    )
)
CLOCKS = DATES | OTHERS
PACKAGE = Path(__file__).parent
# They wait for programs and say how long it took; no byte of an image comes from them.
EXEMPT = frozenset(str(PACKAGE / name) for name in ("runner.py", "screen.py", "netguard.py"))
LIBRARIES = tuple(f"{sysconfig.get_path(name)}/" for name in ("stdlib", "platstdlib"))
PACKAGES = ("/site-packages/", "/dist-packages/")  # wherever they lie: an environment may be borrowed from elsewhere


@contextmanager
def watched_clock(step: str) -> Iterator[None]:
    """Raise Refused at the end of the block when the clock was read in it, also by a thread that it started."""
    found: list[str] = []

    def watch(frame: FrameType, event: str, called: object) -> None:
        if event == "c_call" and called in CLOCKS:
            culprit = responsible(frame, anywhere=called in DATES)
            if culprit is not None:
                name = getattr(called, "__qualname__", str(called))
                found.append(f"{name} at {culprit.f_code.co_filename}:{culprit.f_lineno} ({culprit.f_code.co_name})")

    before = sys.getprofile()
    threading.setprofile(watch)
    sys.setprofile(watch)
    try:
        yield
    finally:
        sys.setprofile(before)
        threading.setprofile(before)
    if found:
        raise Refused(
            f"{step}: the step reads the clock",
            details=tuple(dict.fromkeys(found)),
            hint="take the date from the lock: `epoch`",
        )


def responsible(frame: FrameType | None, *, anywhere: bool) -> FrameType | None:
    """The frame that answers for a call: the nearest that is no library's; None when it is exempt, or there is none.

    Unless `anywhere`, a library's own call has nobody who answers for it.
    """
    while frame is not None:
        name = frame.f_code.co_filename
        if not is_library(name):
            return None if name in EXEMPT else frame
        if not anywhere:
            return None
        frame = frame.f_back
    return None


def is_library(name: str) -> bool:
    """Whether a file of Python is neither the project's nor a test's."""
    if name.startswith(f"{PACKAGE}/"):
        return False
    return name.startswith(("<frozen", *LIBRARIES)) or any(folder in name for folder in PACKAGES)
