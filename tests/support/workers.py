"""How several workers share the tests: what stays together, and what begins first."""

from __future__ import annotations

from pathlib import PurePath

# What takes minutes begins first, so that the many short tests fill up the end.
LONGEST_FIRST = ("image/test_authority_suite.py", "boot", "image", "twice", "steps", "test_house.py", "authority")
# Where machines are shared: all of it is one worker's, but for what only reads the image's files.
MACHINES = ("tests/boot/", "tests/image/")
FILES_ALONE = ("authority_suite", "damage", "read_back", "rebuild", "verify")


def shared_by(nodeid: str) -> str:
    """What a test shares with others: its file, or the machines."""
    file = nodeid.split("::", 1)[0]
    alone = PurePath(file).stem.removeprefix("test_") in FILES_ALONE
    return "machines" if file.startswith(MACHINES) and not alone else file


def rank(place: PurePath) -> int:
    """When a file's tests begin, by its path below tests/: the lowest first."""
    return next((rank for rank, first in enumerate(LONGEST_FIRST) if place.is_relative_to(first)), len(LONGEST_FIRST))
