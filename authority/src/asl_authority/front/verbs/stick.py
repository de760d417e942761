"""stick list, open, close: the sticks that people bring to a sealed host, which root alone can mount."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asl_authority.front.verb import Answer, Argument, Call, Verb

if TYPE_CHECKING:
    from asl_authority.values.sticks import SeenStick

WHICH = Argument(
    ("STICK",), "its device or its label, as `stick list` says them; not needed where only one is meant", "STICK"
)


def list_sticks(call: Call) -> Answer:
    """What is plugged in."""
    from asl_authority.operations.sticks import seen_sticks

    sticks = seen_sticks(call.machine).sticks
    text = "".join(_line(each) for each in sticks) or "no stick is plugged in; one takes a moment to be seen\n"
    return Answer(text, {"sticks": [_members(each) for each in sticks]})


def open_stick(call: Call) -> Answer:
    """Where the stick is now."""
    from asl_authority.operations.sticks import open_stick as opened

    stick = opened(call.machine, call.values["stick"])
    only = "; it can only be read" if stick.read_only else ""
    text = f"{stick.place}: open{only}\n  before it is pulled out: stick close {stick.device}\n"
    return Answer(text, {"stick": _members(stick)})


def close_stick(call: Call) -> Answer:
    """That it can be pulled out."""
    from asl_authority.operations.sticks import close_stick as closed

    stick = closed(call.machine, call.values["stick"])
    return Answer(f"{stick.device}: closed; it can be pulled out\n", {"stick": _members(stick)})


def _line(stick: SeenStick) -> str:
    size = f"{stick.size / 1_000_000:,.0f} MB"
    how = f"open: {stick.place}" if stick.place else "not open" if not stick.why else stick.why
    only = ", can only be read" if stick.read_only and not stick.why else ""
    return (
        f"{stick.device}  {stick.label or 'without a label'}, {stick.kind or 'nothing known'}, {size}{only}\n  {how}\n"
    )


def _members(stick: SeenStick) -> dict[str, object]:
    return {
        "device": stick.device,
        "label": stick.label,
        "kind": stick.kind,
        "bytes": stick.size,
        "read_only": stick.read_only,
        "place": stick.place,
        "why_not": stick.why,
    }


VERBS = (
    Verb(
        "stick list",
        "say which sticks and discs are plugged in",
        "Lists what is plugged in from outside (USB, card reader, disc) with its label, file system and size, and "
        "where it is open. The machine's own disks, the medium that the image runs from, and store volumes are left "
        "out. Changes nothing.",
        list_sticks,
    ),
    Verb(
        "stick open",
        "have a stick or disc mounted",
        "Mounts a stick (vfat or exfat) to be read and written, or a disc (iso9660, udf) to be read, at "
        "/run/asl/sticks/LABEL, or under the name of its device where its label is no plain "
        "name or two have it. No program on it can be run, no device file and no link on it counts. What it is "
        "opened for is said by the verbs that read and write there: --stick, --manifest, --output and the like.",
        open_stick,
        (WHICH,),
    ),
    Verb(
        "stick close",
        "have a stick unmounted, so that it can be pulled out",
        "Writes what is left to be written, and unmounts the stick. While something still reads or writes it, or a "
        "shell is in its directory, that is said, and it stays open.",
        close_stick,
        (WHICH,),
    ),
)
