"""store put, snapshot create and restore: what is brought into a domain's store, pinned, and returned to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from asl_authority.front.acting import ACTING, ACTS, act, gate_of, standing_of
from asl_authority.front.reading import DOMAIN, domain_of, source_of
from asl_authority.front.verb import Answer, Argument, Call, Verb

if TYPE_CHECKING:
    from asl_authority.operations.healing import Lost


def put(call: Call) -> Answer:
    """Files, as blocks."""
    from asl_authority.errors import UsageError
    from asl_authority.operations.store_acts import put_act
    from asl_authority.storage.blocks import MOST_READ
    from asl_authority.storage.plain_files import read_file

    gate, paths = gate_of(call), call.values["file"]
    if len({path.name for path in paths}) != len(paths):
        raise UsageError("two of the files have the same name: a record names each once")
    standing = standing_of(call, domain_of(call))
    return act(call, gate, standing, put_act(standing, {path.name: read_file(path, MOST_READ) for path in paths}))


def create(call: Call) -> Answer:
    """What the store holds now, pinned."""
    from asl_authority.operations.snapshot_acts import create_act

    gate = gate_of(call)
    standing = standing_of(call, domain_of(call))
    answer = act(call, gate, standing, create_act(standing))
    outputs = answer.members.get("outputs")
    if not isinstance(outputs, list):
        return answer
    name = next(str(each["name"]) for each in outputs if str(each["name"]).endswith(".meta"))
    snapshot_id = name.removeprefix("snapshots/snapshot-").removesuffix(".meta")
    members = {**answer.members, "snapshot_id": snapshot_id}
    return Answer(f"snapshot\n  {snapshot_id}\n{answer.text}", members, answer.status)


def restore(call: Call) -> Answer:
    """Back to a snapshot, after what the store has lost was brought back."""
    from asl_authority.operations.snapshot_acts import restore_act

    gate = gate_of(call)
    _heal(call)
    standing = standing_of(call, domain_of(call))
    return act(call, gate, standing, restore_act(standing, call.values["snapshot"]))


def _heal(call: Call) -> None:
    """Bring back from --from what the log names and the store does not hold. Raises Damaged where no copy is given."""
    import hashlib

    from asl_authority.errors import Damaged
    from asl_authority.operations.confirm import confirm
    from asl_authority.operations.healing import find_lost, heal, need_copy
    from asl_authority.storage.layout import DomainPaths

    source = source_of(call)
    lost = find_lost(source)
    if not lost:
        return
    copy = call.values.get("from")
    counted = _counted(lost)
    listed = "".join(f"  {each.name}\n" for each in lost[:20]) + (f"  and {len(lost) - 20} more\n" if lost[20:] else "")
    if (copy is None and need_copy(source, lost)) or call.dry_run:
        raise Damaged(
            f"{source.domain_id}: not as its log names it: {lost[0].name}"
            + (f", and {len(lost) - 1} more" if lost[1:] else ""),
            hint="name a copy of this domain's directory that holds them: --from DIR",
            check_id="DOMAIN-ARTIFACTS",
        )
    call.terminal.say(f"Not as the log names them, and to be brought back from {copy or 'the store itself'}:\n{listed}")
    what = "".join(f"{each.name} {each.digest}\n" for each in lost)
    confirm(call.terminal, f"To be brought back: {counted}", hashlib.sha256(what.encode()).digest())
    heal(source, lost, DomainPaths(copy) if copy else None)
    call.terminal.say(f"Brought back, with the SHA-256 that the log names: {counted}.\n")


def _counted(lost: Sequence[Lost]) -> str:
    from asl_authority.operations.healing import Kind

    directories = sum(each.kind is Kind.DIRECTORY for each in lost)
    counts = ((len(lost) - directories, "file", "files"), (directories, "directory", "directories"))
    return " and ".join(f"one {one}" if count == 1 else f"{count} {many}" for count, one, many in counts if count)


PUT = Verb(
    "store put",
    "bring files into a domain's store",
    "Each FILE becomes a block under its own SHA-256, whole and for good; one record names all of them. `store get` "
    "gives a block out again. At most 64 MiB at once." + ACTS,
    put,
    (Argument(("FILE",), "a file to bring in", "FILE", "path", required=True, many=True), DOMAIN, *ACTING),
)

CREATE = Verb(
    "snapshot create",
    "pin what a domain's log and store hold now",
    "Reads and verifies every file of the store, and pins the list of them with the head of the log, under a claim "
    "that names the snapshot. `sha256sum -c` can read the list. A snapshot is for good." + ACTS,
    create,
    (DOMAIN, *ACTING),
)
RESTORE = Verb(
    "snapshot restore",
    "go back to what a snapshot pins; the log goes on and says so",
    "Checks that the store still holds all that the snapshot pins, and appends a record by which that snapshot is the "
    "current one again. The log is never shortened, and what came after stays readable. Where the store has lost "
    "something that its log names, --from names a copy of the domain's directory: what is missing or changed is "
    "brought back from there, after it was shown and confirmed, and only with the SHA-256 that the log names; a DAM "
    "that was published stays published." + ACTS,
    restore,
    (
        Argument(("SNAPSHOT",), "its id", "ID", required=True),
        Argument(("--from",), "a copy of this domain's directory, for what the store has lost", "DIR", "path"),
        *(DOMAIN, *ACTING),
    ),
)
