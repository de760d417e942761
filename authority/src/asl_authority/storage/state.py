"""Load the state files of the running image, each at most once and never more than its limit."""

from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import TypeVar

from asl_authority import contract
from asl_authority.errors import IoFailed, Malformed
from asl_authority.storage.paths import inside
from asl_authority.values.builders import Builders, read_builders
from asl_authority.values.state import (
    Opened,
    Release,
    Seal,
    Volumes,
    read_opened,
    read_release,
    read_seal,
    read_volumes,
)

_T = TypeVar("_T")
# Below the store's root; the claim's fact `config` is of the same file (operations/measure.py).
STORE_CONFIG = PurePosixPath("/host/config.yaml")
# The start of the image wrote what is read here, and nobody edits it.
_START_AGAIN = "start this machine again; if it stays so, sign nothing here: see docs/debugging.md"


def load_release(root: Path) -> Release | None:
    """Which image this is, or None when nothing says so. Raises Malformed or IoFailed."""
    return _load(root, contract.IMAGE_RELEASE, read_release)


def load_seal(root: Path) -> Seal | None:
    """What the initramfs opened, or None on a machine that it did not start. Raises Malformed or IoFailed."""
    return _load(root, contract.SEAL_STATE, read_seal)


def load_volumes(root: Path) -> Volumes | None:
    """The store volumes found at start, or None when nobody looked. Raises Malformed or IoFailed."""
    return _load(root, contract.VOLUMES_STATE, read_volumes)


def load_opened(root: Path) -> Opened | None:
    """What became of the store at start, or None where nobody opens one. Raises Malformed or IoFailed."""
    return _load(root, contract.STORE_STATE, read_opened)


def load_builders(root: Path) -> Builders | None:
    """The builders sealed into this image, or None when it names none. Raises Malformed or IoFailed."""
    return _load(root, contract.BUILDERS, read_builders)


def load_config(root: Path) -> bytes | None:
    """The text of the sealed configuration, or None when there is none. Raises Malformed or IoFailed."""
    return _load(root, contract.CONFIG, bytes)


def load_policy_hash(root: Path) -> bytes | None:
    """The policy.hash file that is sealed, or None when none is. Raises Malformed or IoFailed."""
    return _load(root, contract.POLICY_HASH, bytes)


def load_store_config(store_root: Path) -> bytes | None:
    """The text of the configuration on the store volume, or None when there is none. Raises Malformed or IoFailed."""
    return _load(store_root, STORE_CONFIG, bytes)


def _load(root: Path, path: PurePosixPath, read: Callable[[bytes], _T]) -> _T | None:
    file_path = inside(root, path)
    try:
        if not stat.S_ISREG(file_path.stat().st_mode):  # opening a FIFO would wait for ever
            raise Malformed(f"{path}: not a regular file", check_id="PATH-REGULAR")
        with file_path.open("rb") as file:
            data = file.read(contract.STATE_FILE_LIMIT_BYTES + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise IoFailed(f"{path}: {error.strerror}") from None
    if len(data) > contract.STATE_FILE_LIMIT_BYTES:
        words = f"{path}: longer than {contract.STATE_FILE_LIMIT_BYTES} bytes"
        # What is read as plain bytes are texts that people edit.
        raise Malformed(words, check_id="PATH-SIZE", hint=None if read is bytes else _START_AGAIN)
    try:
        return read(data)
    except Malformed as error:
        raise Malformed(f"{path}: {error}", check_id=error.check_id, hint=error.hint or _START_AGAIN) from None
