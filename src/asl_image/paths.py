"""Two kinds of path, never mixed: `Path` is on the builder, `PurePosixPath` is inside a tree."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath

from asl_image.errors import ConfigError


def inside(tree: Path, path: PurePosixPath) -> Path:
    """Where `path`, absolute in the tree, lies on the builder.

    Refuses `..` and any symbolic link on the way that leads out of the tree. An absolute link is
    read as the tree's own root would read it.
    """
    if not path.is_absolute() or ".." in path.parts:
        raise ConfigError(f"{path}: a path inside an image is absolute and has no '..'")
    real_tree = Path(os.path.realpath(tree))
    here = real_tree
    waiting = list(path.parts[1:])
    hops = 0
    while waiting:
        part = waiting.pop(0)
        if part == "..":
            here = here.parent if here != real_tree else here
            continue
        step = here / part
        if step.is_symlink() and waiting:
            hops += 1
            if hops > 40:
                raise ConfigError(f"{path}: too many symbolic links")
            target = PurePosixPath(os.readlink(step))  # noqa: PTH115 - read as text, never resolved on the builder
            if target.is_absolute():
                here = real_tree
            waiting = [piece for piece in target.parts if piece not in ("/", ".")] + waiting
            continue
        here = step
    return here
