"""What is said of keys that nobody has restored yet: after a founding as the next thing to do, in a check as a note."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from asl_authority.front import ui

if TYPE_CHECKING:
    from pathlib import Path

    from asl_authority.front.verb import Answer, Call
    from asl_authority.operations.key_files import KeyFile
    from asl_authority.values.checkpoint import Checkpoint


def with_drill(call: Call, answer: Answer, domain_id: str, names: Sequence[str], head: Checkpoint) -> Answer:
    """The answer of a founding, and the drill to hold now: nothing depends on the keys yet, so all can be done anew."""
    from asl_authority.front.ceremony_desk import command_lines

    first, *others = names
    told = ui.wrapped(
        "Next, before anything depends on these keys: a recovery drill of each, with the passphrase as it stands on "
        "paper. Where there is a copy of the key file, name that, with --public-key. Now:",
        "",
    )
    words = _words(call, domain_id, first, _file(call, domain_id, first), (head.size, head.root.hex()))
    lines = [*told, *command_lines(call.program, words, "  ")]
    if others:
        same = ", ".join(f"{name} (--kind {_kind(name)})" for name in others)
        lines += ui.wrapped(f"then the same for {same}; until then domain check names them", "")
    keys = [{"key": name, "kind": _kind(name), "file": str(_file(call, domain_id, name))} for name in names]
    return answer._replace(
        text=answer.text + "".join(f"{line}\n" for line in lines), members={**answer.members, "drill": keys}
    )


def with_new_drill(call: Call, answer: Answer, domain_id: str, files: Sequence[KeyFile]) -> Answer:
    """The answer of a new passphrase: what still opens, and the drills to hold with what opens now."""
    from asl_authority.front.ceremony_desk import command_lines

    told = ui.wrapped(
        "The old files stay, and open with the old passphrase, as every copy of them does: who may have both has the "
        "key, and only another domain has other keys. Next, a recovery drill with the new passphrase as it stands on "
        "paper:",
        "",
    )
    head = answer.members["head"]
    known = (head["size"], head["root"]) if isinstance(head, dict) else (0, "")
    for each in files:
        place = _place(call, domain_id) / each.path
        told += command_lines(call.program, _words(call, domain_id, each.key, place, known), "  ")
    return answer._replace(text=answer.text + "".join(f"{line}\n" for line in told))


def undrilled_text(names: Sequence[str]) -> str:
    """The note of a check; empty where there is nothing to say."""
    if not names:
        return ""
    note = "NOTE     "
    lines = ui.wrapped(f"never restored in a recovery drill: {', '.join(names)} (see: key drill)", " " * len(note))
    return note + "".join(f"{line}\n" for line in lines)[len(note) :]


def _words(call: Call, domain_id: str, name: str, file: object, head: tuple[int, str]) -> tuple[str, ...]:
    from pathlib import PurePath

    from asl_authority.contract import AUTHORITY_ROOT
    from asl_authority.front.verbs.key import PRIVATE
    from asl_authority.storage.paths import inside
    from asl_authority.values.drill import Method

    # By the file's own name: it is another one after a new passphrase, and nothing is overwritten.
    record = f"drill-{PurePath(str(file)).name.removesuffix(PRIVATE)}.json"
    stick, rehearsal = call.values.get("stick"), bool(call.values.get("rehearsal"))
    # A log that has grown since is taken with this head too: so it does for every key.
    known = ("--stick", str(stick)) if stick else () if rehearsal else ("--head", f"{head[0]} {head[1]}")
    usual = call.root == inside(call.machine, AUTHORITY_ROOT)
    return (
        *("key", "drill", str(file), "--kind", _kind(name), "--by", str(Method.PASSPHRASE)),
        *("--output", record, "--domain", domain_id),
        *known,
        *(("--rehearsal",) if rehearsal else ()),
        *(() if usual else ("--root", str(call.root))),
    )


def _kind(name: str) -> str:
    from asl_authority.operations.genesis import USES

    return str(USES[name].kind)


def _file(call: Call, domain_id: str, name: str) -> Path:
    from asl_authority.storage import layout

    return _place(call, domain_id) / layout.private_key_name(name)


def _place(call: Call, domain_id: str) -> Path:
    from asl_authority.operations.reading import HOST
    from asl_authority.storage.layout import StorePaths

    store = StorePaths(call.root)
    return (store.host if domain_id == HOST else store.domain(domain_id)).root
