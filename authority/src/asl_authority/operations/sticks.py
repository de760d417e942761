"""Have the root helper open and close sticks: which one is meant, and what is said where it can't be done."""

from __future__ import annotations

from pathlib import Path

from asl_authority.contract import StoreHow
from asl_authority.errors import Busy, IoFailed, Refused
from asl_authority.storage import helper, state
from asl_authority.values.sticks import SeenStick, SeenSticks

# What the helper says while another question is under way.
BUSY = "busy"


def seen_sticks(machine: Path) -> SeenSticks:
    """What is plugged in. Raises Refused where nobody opens sticks, IoFailed, Malformed."""
    return _asked(machine, "list")


def open_stick(machine: Path, device: str | None) -> SeenStick:
    """Open the stick of that name or label, or the only one that is not open. Raises Refused, IoFailed, Malformed."""
    seen = seen_sticks(machine)
    there = _meant(seen, device, [each for each in seen.sticks if not each.place], "no stick is there that is not open")
    if there.why:
        raise Refused(f"{there.device}: {there.why}", check_id="STICK-FORM")
    return _done(machine, "open", there)


def close_stick(machine: Path, device: str | None) -> SeenStick:
    """Close the stick of that name or label, or the only open one. Errors as `open_stick`."""
    seen = seen_sticks(machine)
    return _done(
        machine, "close", _meant(seen, device, [each for each in seen.sticks if each.place], "no stick is open")
    )


def open_late_store(machine: Path) -> str:
    """Have a store volume opened that was not there, or not alone, at the start; its device, "" for a rehearsal's.

    Raises Refused, IoFailed, Malformed.
    """
    if why := _asked(machine, "store").why:
        raise IoFailed(why, hint="restart this machine with the volume plugged in", check_id="STORE-OPENED")
    found = state.load_opened(machine)
    if found is None or found.how in (StoreHow.NONE, StoreHow.SEVERAL, StoreHow.REFUSED):
        how = "nobody looked" if found is None else WHY_NOT[found.how].format(found.device, found.why)
        raise Refused(f"no store was opened: {how}", hint="see: status", check_id="STORE-OPENED")
    return found.device


WHY_NOT = {
    StoreHow.NONE: "there is no volume with the label of a store",
    StoreHow.SEVERAL: "more than one volume has the label of a store: {1}",
    StoreHow.REFUSED: "{0}: {1}",
}


def _asked(machine: Path, words: str) -> SeenSticks:
    seen = helper.ask_sticks(machine, words)
    if seen is None:
        raise Refused("nobody opens sticks on this machine", check_id="STICK-HOST")
    if seen.why == BUSY:
        raise Busy("a stick is being opened or closed, or a store looked for", hint="wait until it has ended")
    return seen


def _meant(seen: SeenSticks, device: str | None, others: list[SeenStick], none: str) -> SeenStick:
    """The one that is named, open or not, or the only one of the others."""
    if device is not None:
        named = [each for each in seen.sticks if each.device == device.removeprefix("/dev/")]
        others = named or [each for each in seen.sticks if each.label == device]
        if not others:
            raise Refused(f"{device[:60]!a} is not plugged in", check_id="STICK-THERE")
    if device is None:  # an empty drive is there too, and perhaps the disc that the image came from: nobody means those
        others = [each for each in others if not each.why] or others
        others = [each for each in others if not each.read_only] or others
    if len(others) != 1:
        names = ", ".join(each.device for each in others)
        raise Refused(
            f"which one? {names}" if others else none,
            hint="name one; see: stick list" if others else "",
            check_id="STICK-THERE",
        )
    return others[0]


def _done(machine: Path, word: str, stick: SeenStick) -> SeenStick:
    after = _asked(machine, f"{word} {stick.device}")
    now = next((each for each in after.sticks if each.device == stick.device), stick)
    if after.why:
        raise IoFailed(f"{stick.device}: {after.why}", check_id="STICK-OPENED")
    return now
