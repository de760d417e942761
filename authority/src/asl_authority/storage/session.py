"""This boot's session: its id, made once after a start, and its last claim; both go with the machine's memory."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from asl_authority.contract import SESSION, SESSION_CLAIM
from asl_authority.errors import Damaged, IoFailed, Malformed, Refused
from asl_authority.storage import durable
from asl_authority.storage.disk import HostDisk
from asl_authority.storage.machine_facts import load_text
from asl_authority.storage.paths import inside
from asl_authority.values.claim import KIND
from asl_authority.values.log_entry import SESSION as FORM

BYTES = 16


def load_session(root: Path) -> str | None:
    """The session's id; None when nobody has made one since the start. Raises Malformed, IoFailed."""
    text = load_text(root, SESSION, 128)
    if text is not None and not FORM.fullmatch(text):
        raise Malformed(f"{SESSION}: no id of a session", check_id="CLAIM-SESSION", hint="restart this machine")
    return text


def make_session(root: Path, draw: Callable[[int], bytes]) -> str:
    """The session's id, made of `draw(16)` by whoever asks first. Raises IoFailed, Malformed."""
    found = load_session(root)
    if found is not None:
        return found
    path = inside(root, SESSION)
    if not path.parent.is_dir():
        raise Refused(
            f"{SESSION.parent}: is not there: this is no sealed host that was started",
            hint="start the authority's own image; elsewhere there are rehearsals, which take no claim",
            check_id="SEALED-HOST",
        )
    with suppress(Refused):  # when somebody was quicker, theirs it is
        durable.create(HostDisk(), path, f"{draw(BYTES).hex()}\n".encode())
    made = load_session(root)
    if made is None:
        raise IoFailed(f"{SESSION}: was made and is not there")
    return made


def keep_claim(root: Path, data: bytes) -> None:
    """Remember the claim, in the place of one before it. Raises IoFailed."""
    durable.replace(HostDisk(), inside(root, SESSION_CLAIM), data)


def load_claim(root: Path) -> bytes | None:
    """The last claim of this boot; None when there is none. Raises Malformed, IoFailed."""
    try:
        return durable.read(HostDisk(), inside(root, SESSION_CLAIM), KIND.limits.size)
    except FileNotFoundError:
        return None
    except Damaged:  # it is the machine's, and nothing of the store
        words = f"{SESSION_CLAIM}: longer than any claim"
        raise Malformed(words, check_id="PATH-SIZE", hint="restart this machine") from None
