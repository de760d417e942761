#!/usr/bin/env python3
"""The builder's front door: finds the project's own Python (.venv) and starts asl_image in it."""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"


def start() -> int:
    """Run the builder and return its exit status."""
    own_python = VENV / "bin" / "python"
    if own_python.exists() and Path(sys.prefix).resolve() != VENV.resolve():
        os.execv(own_python, [str(own_python), str(ROOT / "build.py"), *sys.argv[1:]])  # noqa: S606
    sys.path[:0] = [str(ROOT / "src"), str(ROOT / "authority" / "src")]
    if sys.version_info < (3, 11):  # noqa: UP036 - whoever calls us may have any Python
        return _not_set_up("Python 3.11 or newer is needed, this is {}.{}".format(*sys.version_info[:2]))
    try:
        from asl_image.cli import main
    except ModuleNotFoundError as error:
        if str(error.name).startswith("asl_"):
            raise  # a mistake of ours, not of the setup
        return _not_set_up(str(error))
    return main(ROOT)


def _not_set_up(why: str) -> int:
    sys.stderr.write("build.py: error: " + why + "\nhint: run 'make setup' in " + str(ROOT) + "\n")
    return 4


if __name__ == "__main__":
    sys.exit(start())
