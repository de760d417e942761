"""Samples of snapshots: lists of files, and meta files."""

from __future__ import annotations

import hashlib

from asl_authority.values.head import Head
from asl_authority.values.snapshot import Blocks, Method, Snapshot, StoreFile
from support.published import Bad, Good, Vectors, changed

DOMAIN = "me.example"
CONTENTS = {
    "blocks/B.bin": b"upper case sorts first",
    "blocks/a.bin": b"one block\n",
    "blocks/a.meta": b"{}",
    "certs/root.pub": b"",
}
BLOCKS = Blocks(tuple(StoreFile(name, hashlib.sha256(data).hexdigest()) for name, data in sorted(CONTENTS.items())))
EMPTY = Blocks(())
SNAPSHOT = Snapshot(
    domain_id=DOMAIN,
    logseq=7,
    head=Head(7, hashlib.sha256(b"a tree").hexdigest()),
    store_checksum=BLOCKS.checksum,
    block_count=len(CONTENTS),
    byte_count=sum(len(data) for data in CONTENTS.values()),
    sealed_segments=1,
    method=Method.LIST,
    claim=hashlib.sha256(b"a claim").hexdigest(),
)


def vectors() -> Vectors:
    """The published ones."""
    lines = BLOCKS.to_bytes().splitlines(keepends=True)
    meta = SNAPSHOT.to_bytes()
    line = "snapshot.read_blocks"
    zeros = b"0" * 64

    def names(name: bytes) -> bytes:
        return zeros + b"  " + name + b"\n"

    return Vectors(
        "ENC-ASL-AUTH-HOST/1, snapshots",
        good=[
            Good("an empty store", line, b"", {"store_checksum": EMPTY.checksum}),
            Good("four files", line, b"".join(lines), {"store_checksum": BLOCKS.checksum}),
            Good("a meta file", "snapshot.read_snapshot", meta, {"snapshot_id": SNAPSHOT.snapshot_id}),
        ],
        bad=[
            Bad("two lines swapped", line, b"".join([lines[1], lines[0]]), "SNAPSHOT-ORDER"),
            Bad("a name twice", line, lines[0] * 2, "SNAPSHOT-ORDER"),
            Bad("no newline at the end", line, lines[0][:-1], "SNAPSHOT-LINE"),
            Bad("an empty line", line, lines[0] + b"\n", "SNAPSHOT-LINE"),
            Bad("a carriage return", line, names(b"a\r"), "SNAPSHOT-LINE"),
            Bad("one blank", line, zeros + b" a\n", "SNAPSHOT-LINE"),
            Bad("a binary mark", line, zeros + b" *a\n", "SNAPSHOT-LINE"),
            Bad("upper-case digits", line, b"A" * 64 + b"  a\n", "SNAPSHOT-LINE"),
            Bad("a short digest", line, b"0" * 63 + b"  a\n", "SNAPSHOT-LINE"),
            *(
                Bad(f"the name {name!a}", line, names(name), "SNAPSHOT-LINE")
                for name in (
                    b"/a",
                    b"../a",
                    b"a/../b",
                    b"./a",
                    b"a//b",
                    b"a/",
                    b"-c",
                    b"a\\nb",
                    b"a b",
                    b"\xc3\xa9",
                    b"",
                )
            ),
            Bad("a name of 256 bytes", line, names(b"a" * 256), "SNAPSHOT-LINE"),
            Bad("a member too many", "snapshot.read_snapshot", changed(meta, time=1), "SNAPSHOT-SCHEMA"),
            Bad("no claim", "snapshot.read_snapshot", changed(meta, claim=None), "SNAPSHOT-SCHEMA"),
            Bad("another version", "snapshot.read_snapshot", changed(meta, type="asl.snapshot/2"), "SNAPSHOT-SCHEMA"),
            Bad("a negative size", "snapshot.read_snapshot", changed(meta, log__size=-1), "SNAPSHOT-SCHEMA"),
            Bad("an unknown method", "snapshot.read_snapshot", changed(meta, method="tape"), "SNAPSHOT-SCHEMA"),
            Bad("trailing bytes", "snapshot.read_snapshot", meta + b"\n", "JSON-CANONICAL"),
        ],
    )
