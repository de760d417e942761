"""Snapshots: the list of a store's files as `sha256sum -c` reads it, the snapshot's id, and its meta file.

The id is over the log's head and the store's checksum and not over the environment claim, which is named by the id.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from asl_authority.errors import Malformed
from asl_authority.values.finding import Finding
from asl_authority.values.head import Head, head_of
from asl_authority.values.identifiers import DOMAIN_ID, FILE_NAME, FILE_NAME_LIMIT
from asl_authority.values.kinds import Kind
from asl_authority.values.rules import Rule

PAPER = "ENC-ASL-AUTH-HOST/1"

RULES = (
    Rule("SNAPSHOT-SCHEMA", PAPER, "C", "A meta file says domain, logseq, head, checksum, counts, segments, claim."),
    Rule("SNAPSHOT-LINE", PAPER, "C", "A line is a SHA-256 in lower case, two blanks, a plain name and a newline."),
    Rule("SNAPSHOT-ORDER", PAPER, "C", "Lines are sorted by the bytes of their names (LC_ALL=C), each name once."),
    Rule("SNAPSHOT-CHECKSUM", PAPER, "C", "The store checksum is the SHA-256 of the list of files."),
    Rule("SNAPSHOT-COUNT", PAPER, "C", "The list has as many files, and they as many bytes, as the meta file says."),
    Rule("SNAPSHOT-ID", PAPER, "C", "The id is the SHA-256 of domain, logseq, tree root and store checksum."),
    Rule("SNAPSHOT-FILES", PAPER, "S", "Every file of the list is in the store, and has the SHA-256 of its line."),
    Rule("SNAPSHOT-HEAD", PAPER, "S", "The log had the tree root that is pinned when it had that many records."),
)  # fmt: skip

KIND = Kind("snapshot")
ID_KIND = Kind("snapshot-id")

MOST_FILES = 1_000_000
MOST_BYTES = 256 << 20
_LINE = re.compile(rb"([0-9a-f]{64})  ([A-Za-z0-9._/-]{1,255})", re.ASCII)


class Method(StrEnum):
    """What the file system did for the snapshot; the truth is the list."""

    LIST = "list"
    HARD_LINKS = "hard-links"
    COPY = "copy"
    BTRFS = "btrfs"
    ZFS = "zfs"


@dataclass(frozen=True)
class StoreFile:
    """One file of a store: its name from the store's root, and its SHA-256."""

    name: str
    sha256: str

    def line(self) -> bytes:
        """Its line, as `sha256sum` writes it. Raises ValueError for a name that no store has."""
        if not FILE_NAME.fullmatch(self.name) or len(self.name) > FILE_NAME_LIMIT:
            raise ValueError(f"{self.name!a} is no name of a store's file")
        return f"{self.sha256}  {self.name}\n".encode()


@dataclass(frozen=True)
class Blocks:
    """A whole list; use `block_lines` and `read_lines` where it may be too long for memory."""

    files: tuple[StoreFile, ...]

    def to_bytes(self) -> bytes:
        """The list as `sha256sum -c` reads it; empty for an empty store."""
        return b"".join(block_lines(self.files))

    @property
    def checksum(self) -> str:
        """The store checksum."""
        return hashlib.sha256(self.to_bytes()).hexdigest()


@dataclass(frozen=True)
class Snapshot:
    """A meta file. `sealed_segments` is how many index segments the log had sealed, `claim` the claim's SHA-256."""

    domain_id: str
    logseq: int
    head: Head
    store_checksum: str
    block_count: int
    byte_count: int
    sealed_segments: int
    method: Method
    claim: str

    @property
    def snapshot_id(self) -> str:
        """The id, always computed."""
        return snapshot_id(self.domain_id, self.logseq, self.head.root, self.store_checksum)

    def to_bytes(self) -> bytes:
        """The one text of the meta file."""
        return KIND.body(
            {
                "block_count": self.block_count,
                "byte_count": self.byte_count,
                "claim": self.claim,
                "domain_id": self.domain_id,
                "log": self.head.members(),
                "logseq": self.logseq,
                "method": self.method,
                "sealed_segments": self.sealed_segments,
                "store_checksum": self.store_checksum,
            }
        )


def snapshot_id(domain_id: str, logseq: int, tree_root: str, store_checksum: str) -> str:
    """The id of the snapshot of this state; no claim and no time is in it."""
    body = {"domain_id": domain_id, "logseq": logseq, "store_checksum": store_checksum, "tree_root": tree_root}
    return hashlib.sha256(ID_KIND.body(body)).hexdigest()


def block_lines(files: Iterable[StoreFile]) -> Iterator[bytes]:
    """The lines of files that come sorted. Raises ValueError when they do not: a fault of ours."""
    last = ""
    for file in files:
        if file.name <= last:  # names are ASCII: their order is that of their bytes
            raise ValueError(f"{file.name} does not come after {last}")
        last = file.name
        yield file.line()


def read_lines(lines: Iterable[bytes], most: int = MOST_FILES) -> Iterator[StoreFile]:
    """The files that the lines name, each with its newline, in constant memory. Raises Malformed."""
    last = ""
    for number, line in enumerate(lines, 1):
        found = _LINE.fullmatch(line[:-1]) if line.endswith(b"\n") else None
        name = found[2].decode() if found else ""
        if found is None or not FILE_NAME.fullmatch(name):
            raise Malformed(f"line {number}: not a SHA-256 and a plain name", check_id="SNAPSHOT-LINE")
        if number > most:
            raise Malformed(f"more than {most} lines", check_id="SNAPSHOT-LINE")
        if name <= last:
            raise Malformed(f"line {number}: {name} does not come after {last}", check_id="SNAPSHOT-ORDER")
        last = name
        yield StoreFile(name, found[1].decode())


def read_blocks(data: bytes) -> Blocks:
    """A whole list of files. Raises Malformed."""
    if len(data) > MOST_BYTES:
        raise Malformed(f"{len(data)} bytes, at most {MOST_BYTES} are read", check_id="SNAPSHOT-LINE")
    return Blocks(tuple(read_lines(data.splitlines(keepends=True))))


def read_snapshot(data: bytes) -> Snapshot:
    """A meta file. Raises Malformed."""
    names = ("block_count", "byte_count", "claim", "domain_id", "log", "logseq", "method", "sealed_segments")
    fields = KIND.read(data, (*names, "store_checksum"))
    return Snapshot(
        domain_id=fields.text("domain_id", DOMAIN_ID),
        logseq=fields.integer("logseq"),
        head=head_of(fields),
        store_checksum=fields.sha256("store_checksum"),
        block_count=fields.integer("block_count", most=MOST_FILES),
        byte_count=fields.integer("byte_count"),
        sealed_segments=fields.integer("sealed_segments"),
        method=fields.choice("method", Method),
        claim=fields.sha256("claim"),
    )


def check_snapshot_id(snapshot: Snapshot, named: str) -> Finding:
    """SNAPSHOT-ID: the meta file lies under the id that its content has."""
    own = snapshot.snapshot_id
    return Finding("SNAPSHOT-ID", own == named, own if own == named else f"named {named}, it is {own}")


def check_checksum(snapshot: Snapshot, blocks_sha256: str) -> Finding:
    """SNAPSHOT-CHECKSUM: the list (by its SHA-256) is the one that the meta file pins."""
    pinned = snapshot.store_checksum
    return Finding("SNAPSHOT-CHECKSUM", pinned == blocks_sha256, f"pinned {pinned}, the list is {blocks_sha256}")


def check_count(snapshot: Snapshot, block_count: int, byte_count: int) -> Finding:
    """SNAPSHOT-COUNT: as many files and bytes as the meta file says."""
    same = (snapshot.block_count, snapshot.byte_count) == (block_count, byte_count)
    said = f"{snapshot.block_count} files of {snapshot.byte_count} bytes"
    return Finding("SNAPSHOT-COUNT", same, f"pinned {said}, there are {block_count} of {byte_count}")


def check_files(count: int, bad: Sequence[str]) -> Finding:
    """SNAPSHOT-FILES: of the files of the list, `bad` are missing or changed."""
    said = f"missing or changed: {', '.join(bad[:5])}" if bad else f"{count} files"
    return Finding("SNAPSHOT-FILES", not bad, said)


def check_head(snapshot: Snapshot, root_there: str | None) -> Finding:
    """SNAPSHOT-HEAD: `root_there` is the root of the log at the pinned size, None when the log is shorter."""
    there = "nothing: the log is shorter" if root_there is None else root_there
    said = f"pinned {snapshot.head.root} at {snapshot.head.size} records, the log has {there}"
    return Finding("SNAPSHOT-HEAD", snapshot.head.root == root_there, said)
