"""Runs one thing on a real site, in namespaces of its own: `guarded.py TOOLS-TREE HOME WHAT`; see test_guards.py.

Prints `status`, `error`, `details` as JSON; a filter of the kernel is never taken off again, so this is a process.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

from asl_image import ownership
from asl_image.errors import AslImageError
from asl_image.hooks import HookSet, Script, run_parts
from asl_image.netguard import watched_network
from asl_image.programs import record
from asl_image.runner import Runner
from asl_image.site import LocalSite
from asl_image.step import Act
from asl_image.steps.hook_phase import HookPhase
from asl_image.store import Store

TO_NOWHERE = "203.0.113.1/80"  # RFC 5737: documentation
CALLS_OUT = f"#!/bin/bash\nset -eu\n(exec 3<>/dev/tcp/{TO_NOWHERE}) 2>/dev/null || true\n"
ASKS_FOR_A_NAME = "#!/bin/bash\nset -eu\nperl -e 'gethostbyname(\"example.org\")' || true\n"
STAYS = "#!/bin/bash\nset -eu\ngetent passwd root >/dev/null\nperl -MSocket -e 'socket(S, AF_INET, SOCK_DGRAM, 0)'\n"


def hook(text: str) -> Callable[[LocalSite], None]:
    """A phase outside the image, which runs in the tools tree."""

    def run(site: LocalSite) -> None:
        (site.work / "root").mkdir()
        ownership.begin(site.work)
        scripts = (
            Script("root", "asl-good", "10-good", b"#!/bin/bash\nset -eu\n", True),
            Script("root", "asl-planted", "20-planted", text.encode(), True),
        )
        HookPhase("root", HookSet(("asl-good", "asl-planted"), scripts, run_parts()), "root", 1_700_000_000).run(site)

    return run


def act(*argv: str) -> Callable[[LocalSite], None]:
    """A program in the tools tree."""
    return lambda site: site.act(Act(argv))


def another(site: LocalSite) -> None:
    """A program of another's bytes under a recorded name."""
    assert site.programs is not None
    known = site.programs.recorded.programs
    swapped = {**known, "xorriso": known["xorriso"].model_copy(update={"sha256": "0" * 64})}
    site.programs.recorded = site.programs.recorded.model_copy(update={"programs": swapped})
    site.act(Act(("xorriso", "-version")))


WHAT: dict[str, Callable[[LocalSite], None]] = {
    "hook calls out": hook(CALLS_OUT),
    "hook asks for a name": hook(ASKS_FOR_A_NAME),
    "hook stays": hook(STAYS),
    "act is not logged": act("sha1sum", "/etc/hostname"),
    "act is not logged, by its path": act("/usr/bin/sha1sum", "/etc/hostname"),
    "act of the host is not logged": lambda site: site.act(Act(("true",), where="host")),
    "program is another": another,
    "act calls out": act("bash", "-c", f"(exec 3<>/dev/tcp/{TO_NOWHERE}) || true"),
}


def main(tree: Path, home: Path, what: str) -> int:
    """The exit status is that of the builder's front door."""
    os.umask(0o022)
    try:
        with watched_network() as network:
            site = LocalSite(home / "work", Runner(home / "log"), Store(home / "store"), network)
            with site.opened(), site.tools_mounted(tree, record(tree)):
                WHAT[what](site)
    except AslImageError as error:
        sys.stdout.write(json.dumps({"status": error.status, "error": str(error), "details": error.details}))
        return error.status
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]))
