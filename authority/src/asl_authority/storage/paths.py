"""The one place where a path of the host is laid under the root that is looked at."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from asl_authority.errors import Refused


def inside(root: Path, path: PurePosixPath) -> Path:
    """`path` under `root`. Raises Refused for a path that is not absolute, has `..`, or leaves by a link."""
    if not path.is_absolute() or ".." in path.parts:
        raise Refused(f"{path}: not a plain absolute path", check_id="PATH-LINK")
    joined = root / path.relative_to("/")
    try:
        stays = joined.resolve().is_relative_to(root.resolve())
    except (OSError, RuntimeError):  # Python 3.11 says RuntimeError for links that go in a circle
        raise Refused(f"{path}: a link leads nowhere", check_id="PATH-LINK") from None
    if not stays:
        raise Refused(f"{path}: a link leads out of {root}", check_id="PATH-LINK")
    return joined
