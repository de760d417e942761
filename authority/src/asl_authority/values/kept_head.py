"""The last head of a log, kept elsewhere: a signed checkpoint on a stick; on paper a size, and the root or words.

A log that does not begin with such a head was rolled back to an older copy, or has another past.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass

from asl_authority.errors import Malformed
from asl_authority.values.canonical import MOST
from asl_authority.values.checkpoint import Checkpoint, read_checkpoint_text
from asl_authority.values.ed25519 import PublicKey
from asl_authority.values.fields import SHA256, Fields
from asl_authority.values.finding import Finding
from asl_authority.values.merkle import HASH_BYTES
from asl_authority.values.paper_head import PaperHead, paper_head, read_paper_head
from asl_authority.values.rules import Rule
from asl_authority.values.signed_note import Note, NoteKey, check_note, read_note

PAPER = "C2SP tlog-checkpoint, tlog-proof"

RULES = (
    Rule("KEPT-FORM", PAPER, "C", "A head that was kept is a checkpoint, or a size and a root or words; never size 0."),
    Rule("LOG-ROLLED-BACK", PAPER, "C", "A log has no fewer records than it had when a head of it was kept."),
    Rule("LOG-FORKED", PAPER, "C", "A log begins with the records that it had when a head of it was kept."),
    Rule("LOG-HEAD-SIGNED", PAPER, "C", "A checkpoint that was kept is signed by a key that the log may have."),
    Rule("LOG-KEPT", PAPER, "C", "A log begins with the head that was kept of it."),
)  # fmt: skip

_SIZE = re.compile(r"[1-9][0-9]{0,18}", re.ASCII)
_BASE64_CHARS = 44
MEMBERS = ("size", "root?", "words?")


@dataclass(frozen=True)
class KeptHead:
    """What was kept of a log: always its size, and either the root or the words. `note` is the checkpoint on a stick.

    A checkpoint says of which log it is, and words fit no other; a size and a root that were typed say nothing of it.
    """

    size: int
    root: bytes = b""
    words: tuple[str, ...] = ()
    note: Note | None = None

    def is_head(self, there: Checkpoint) -> bool:
        """Whether `there`, a log's head when it had as many records, is the one that was kept."""
        if self.words:
            return paper_head(there) == PaperHead(self.size, self.words)
        return (there.size, there.root) == (self.size, self.root)

    def members(self) -> dict[str, object]:
        """As records and programs have it."""
        return {"size": self.size, **({"words": " ".join(self.words)} if self.words else {"root": self.root.hex()})}

    def lines(self) -> list[str]:
        """For a person."""
        return [
            f"{self.size} records",
            *(PaperHead(self.size, self.words).lines() if self.words else [self.root.hex()]),
        ]


def kept_head(head: Checkpoint, note: Note | None = None) -> KeptHead:
    """What to keep of a log at this head. Raises Malformed for a log without a record: there is nothing to be lost."""
    if not 0 < head.size <= MOST:
        raise Malformed("the head of a log without a record says nothing", check_id="KEPT-FORM")
    return KeptHead(head.size, head.root, note=note)


def read_kept_checkpoint(data: bytes, origin: str) -> KeptHead:
    """The checkpoint of log `origin` in a file that was kept; no signature is looked at. Raises Malformed."""
    note = read_note(data)
    head = read_checkpoint_text(note.text)
    if head.origin != origin:
        raise Malformed(f"a head of {head.origin!a}, not of {origin!a}", check_id="CHECKPOINT-ORIGIN")
    return kept_head(head, note)


def read_typed_head(text: str) -> KeptHead:
    """What a person typed: the size, and then the root (hexadecimal, base64) or the twelve words. Raises Malformed.

    The word `size`, as it stands on the paper, may come first.
    """
    size, *rest = text.strip().removeprefix("size ").split() or [""]
    if len(rest) > 1:
        paper = read_paper_head(size, " ".join(rest))
        if paper.size:
            return KeptHead(paper.size, words=paper.words)
    root = _root(rest[0]) if len(rest) == 1 else b""
    if not _SIZE.fullmatch(size) or int(size) > MOST or not root:
        raise Malformed("a size, not 0, and then the twelve words or the root are expected", check_id="KEPT-FORM")
    return KeptHead(int(size), root)


def kept_head_of(fields: Fields) -> KeptHead:
    """The head in a record; `fields` have MEMBERS. Raises Malformed."""
    size = fields.integer("size", 1)
    if fields.has("root") == fields.has("words"):
        raise fields.wrong("", "a root or words, and not both")
    if fields.has("root"):
        return KeptHead(size, bytes.fromhex(fields.sha256("root")))
    return KeptHead(size, words=read_paper_head(str(size), fields.text("words")).words)


def check_kept(
    kept: KeptHead, there: Checkpoint | None, origin: str, size_now: int, keys: Sequence[PublicKey]
) -> Finding:
    """Whether a log that has `size_now` records now begins with what was kept. `there` is its head at the size kept,
    None when it is shorter; `keys` are those that its checkpoints may be signed by.

    LOG-ROLLED-BACK, LOG-FORKED or LOG-HEAD-SIGNED says why not, else LOG-KEPT that it does.
    """
    signed = _signed(kept, origin, keys)
    whose = "" if kept.note is None else ", signed by its key," if signed else ", signed by no key that counts,"
    was = f"the head that was kept{whose} has {kept.size}"
    if there is None or there.size != kept.size:
        return Finding("LOG-ROLLED-BACK", False, f"an older copy of the log is here: it has {size_now} records, {was}")
    if not kept.is_head(there):
        return Finding("LOG-FORKED", False, f"the log has another past: {was} records and another root")
    if not signed:
        return Finding("LOG-HEAD-SIGNED", False, f"{was} records: somebody else may have made it")
    more = size_now - kept.size
    return Finding("LOG-KEPT", True, f"the log begins with the {kept.size} records that were kept, and has {more} more")


def is_same(one: KeptHead, other: KeptHead, origin: str) -> bool:
    """Whether two are the same head of a log, though perhaps one is known by its root and one by its words."""
    if one.size != other.size:
        return False
    if one.root:
        return other.is_head(Checkpoint(origin, one.size, one.root))
    return one.is_head(Checkpoint(origin, other.size, other.root)) if other.root else one.words == other.words


def _signed(kept: KeptHead, origin: str, keys: Sequence[PublicKey]) -> bool:
    """Whether nothing has to be signed, or a key that counts has signed it and none of them wrongly."""
    if kept.note is None:
        return True
    return all(each.ok for each in check_note(kept.note, [NoteKey(origin, key) for key in keys]))


def _root(text: str) -> bytes:
    if SHA256.fullmatch(text.lower()):
        return bytes.fromhex(text)
    try:
        found = base64.b64decode(text, validate=True) if len(text) == _BASE64_CHARS else b""
    except (binascii.Error, ValueError):
        return b""
    return found if len(found) == HASH_BYTES else b""
