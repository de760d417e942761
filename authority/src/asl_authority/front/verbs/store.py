"""snapshot and store: what a domain's store holds, read and verified; what is brought into it is in `keeping`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asl_authority.front.given import NEW_FILE, REHEARSAL
from asl_authority.front.reading import DOMAIN, LOG_KEY, ROOTS, TRUST, ended, keys_of, reads, source_of, teller
from asl_authority.front.verb import Answer, Argument, Call, Verb
from asl_authority.front.verbs.keeping import CREATE, PUT, RESTORE

if TYPE_CHECKING:
    from asl_authority.storage.blocks import BlockStore

# What is shown on a screen at most; larger blocks go to a file.
MOST_SHOWN = 64 << 10


@reads
def snapshots(call: Call) -> Answer:
    """Every snapshot in a few lines."""
    from asl_authority.operations.snapshot_check import list_snapshots

    listed = list_snapshots(source_of(call))
    text = "".join(
        f"{each.snapshot_id}\n  log {each.head.size} records, store {each.block_count} files, {each.byte_count} bytes\n"
        for each in listed.snapshots
    )
    members: dict[str, object] = {
        "snapshots": [
            {
                "snapshot_id": each.snapshot_id,
                "logseq": each.logseq,
                "root": each.head.root,
                "store_checksum": each.store_checksum,
                "files": each.block_count,
                "bytes": each.byte_count,
                "claim": each.claim,
            }
            for each in listed.snapshots
        ]
    }
    return ended(listed.damaged, text or "no snapshots\n", members)


@reads
def verify_snapshot(call: Call) -> Answer:
    """Whether the store still holds what a snapshot pins."""
    from asl_authority.operations import snapshot_check

    source = source_of(call)
    snapshot_id = call.values["snapshot"]
    findings = snapshot_check.verify_snapshot(source, snapshot_id, keys_of(call, source))
    return ended(findings, f"snapshot {snapshot_id}\n", {"snapshot_id": snapshot_id})


def open_late(call: Call) -> Answer:
    """Which volume the store is on now."""
    from asl_authority.operations.sticks import open_late_store

    device = open_late_store(call.machine)
    return Answer(f"the store is open: {device or 'in memory, for a rehearsal'}\n", {"device": device})


@reads
def get(call: Call) -> Answer:
    """A block, verified before the first byte is given out."""
    from asl_authority.errors import UsageError
    from asl_authority.storage.plain_files import write_new_from
    from asl_authority.values.fields import SHA256

    blocks, block_id, path = _blocks(call), call.values["block"], call.values.get("output")
    if not SHA256.fullmatch(block_id) or not blocks.has(block_id):
        raise UsageError(f"{block_id[:70]!a}: no such block in this store")
    size = blocks.verify(block_id)
    meta = blocks.meta(block_id)
    members: dict[str, object] = {"block": block_id, "bytes": size}
    if meta is not None and meta.type_tag is not None:
        members["type_tag"] = meta.type_tag
    if path is None:
        text = _shown(blocks, block_id, size)
        return Answer(text, {**members, "text": text})
    write_new_from(path, blocks.stream(block_id))
    return Answer(f"{path}: {size} bytes, the block {block_id}\n", {**members, "file": str(path)})


@reads
def scrub(call: Call) -> Answer:
    """Every block, read again."""
    from asl_authority.storage.scrub import Progress
    from asl_authority.storage.scrub import scrub as run_scrub

    blocks = _blocks(call)
    tell = teller(call, "blocks read")
    read: list[Progress] = []

    def progress(now: Progress) -> None:
        read[:] = [now]
        tell(now.done, now.total)

    findings = run_scrub(blocks, progress, resume=bool(call.values.get("resume")))
    total, size = (read[0].total, read[0].read_bytes) if read else (len(blocks.ids()), 0)
    members: dict[str, object] = {"blocks": total, "bytes_read": size}
    said = f"{total} blocks; {size} bytes were read in this run; "
    said += f"{len(findings)} found wrong\n" if findings else "all are what they were\n"
    return ended(findings, said, members)


def _blocks(call: Call) -> BlockStore:
    from asl_authority.storage.blocks import BlockStore

    source = source_of(call)
    return BlockStore(source.disk, source.paths)


def _shown(blocks: BlockStore, block_id: str, size: int) -> str:
    """A block that is text; anything else could do things to a screen. Raises Refused."""
    from asl_authority.errors import Refused

    hint = "write it to a file: --output FILE"
    if size > MOST_SHOWN:
        raise Refused(f"{block_id}: {size} bytes are too many to show", hint=hint, check_id="BLOCK-TEXT")
    try:
        text = blocks.read(block_id).decode()
    except UnicodeDecodeError:
        text = "\0"
    if not all(char.isprintable() or char == "\n" for char in text):
        raise Refused(f"{block_id}: is no text", hint=hint, check_id="BLOCK-TEXT")
    return text if text.endswith("\n") else f"{text}\n"


VERBS = (
    PUT,
    CREATE,
    RESTORE,
    Verb(
        "snapshot list",
        "list the snapshots of a domain",
        "Lists every snapshot, oldest first, with the length of the log and the size of the store that it pins. Only "
        "the meta files are read: `snapshot verify` looks at the rest. Ends with 5 when one is not readable.",
        snapshots,
        (DOMAIN, REHEARSAL),
    ),
    Verb(
        "snapshot verify",
        "say whether a store still holds what a snapshot pins",
        "Computes the snapshot's id and the checksum of its list again, reads every file that the list names, and "
        f"holds the pinned head against the log, whose checkpoint must be signed. {TRUST} Where nobody vouches it ends "
        "with 3, with 5 when the store is not what the snapshot pins. `sha256sum -c` can read the list, too.",
        verify_snapshot,
        (
            Argument(("SNAPSHOT",), "its id", "ID", required=True),
            *(DOMAIN, LOG_KEY, ROOTS, REHEARSAL),
        ),
    ),
    Verb(
        "store open",
        "have the store's volume mounted when it was plugged in late",
        "On a sealed host the volume with the label asl-store is mounted at the start. Where there was none then, or "
        "more than one, or one that was refused, this looks again: exactly one is checked and mounted. One that is "
        "open stays as it is. Make the claim after it, for it says what is mounted.",
        open_late,
    ),
    Verb(
        "store get",
        "print a block, or write it to a file",
        "Reads a block of the store, holds it against its name and its meta file, and only then gives it out: to a new "
        "file, or, when it is text, to the standard output. Ends with 5 when it is not the block of its name.",
        get,
        (Argument(("BLOCK",), "its SHA-256", "BLOCK", required=True), NEW_FILE, DOMAIN, REHEARSAL),
    ),
    Verb(
        "store scrub",
        "read every block of a store and say which are damaged",
        "Reads every block and its meta file and holds them against their names. How far it is goes to the standard "
        "error. When it is stopped, it keeps how far it had come, and --resume goes on there, with what it had found. "
        "Ends with 5 when something is damaged; nothing is repaired.",
        scrub,
        (DOMAIN, REHEARSAL, Argument(("--resume",), "go on where an interrupted scrub had come to", kind="flag")),
    ),
)
