"""The head of a log as a signed note (C2SP tlog-checkpoint), and proofs that carry one (C2SP tlog-proof)."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass

from asl_authority.errors import Malformed
from asl_authority.values.finding import Finding
from asl_authority.values.merkle import EMPTY_ROOT, HASH_BYTES, MOST_HASHES, check_inclusion
from asl_authority.values.rules import Rule
from asl_authority.values.signed_note import NAME, Note, NoteKey, NoteSigner, read_note, require_signed

PAPER = "C2SP tlog-checkpoint, tlog-proof"

RULES = (
    Rule("CHECKPOINT-FORM", PAPER, "S", "A head is three lines: origin, size, root in base64; no extension lines (C)."),
    Rule("CHECKPOINT-EMPTY", PAPER, "S", "The root of an empty log is the SHA-256 of nothing."),
    Rule("CHECKPOINT-ORIGIN", PAPER, "C", "A head is that of the log that is asked for, by its origin."),
    Rule("PROOF-FORM", PAPER, "S", "A proof is its first line, the index, the hashes, a blank line, the checkpoint."),
)  # fmt: skip

MOST_SIZE = 2**63 - 1
PROOF_LINE = "c2sp.org/tlog-proof@v1"
ORIGIN = "asl/"
REHEARSAL_ORIGIN = "asl-rehearsal/"
_NUMBER = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)


def origin_of(domain_id: str, *, rehearsal: bool) -> str:
    """The name of a domain's log. A rehearsal's is another, so that no checkpoint of it passes for a real one."""
    return f"{REHEARSAL_ORIGIN if rehearsal else ORIGIN}{domain_id}"


@dataclass(frozen=True)
class Checkpoint:
    """How many records a log has and the root over them. `origin` names the log."""

    origin: str
    size: int
    root: bytes

    def __post_init__(self) -> None:
        """Raises Malformed."""
        if not NAME.fullmatch(self.origin) or not 0 <= self.size <= MOST_SIZE or len(self.root) != HASH_BYTES:
            raise Malformed(f"no head of a log: {self.origin[:40]!a}, size {self.size}", check_id="CHECKPOINT-FORM")
        if self.size == 0 and self.root != EMPTY_ROOT:
            raise Malformed("a head of size 0 with another root than that of nothing", check_id="CHECKPOINT-EMPTY")

    def to_text(self) -> str:
        """The text that is signed."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"

    def signed(self, *signers: NoteSigner) -> Note:
        """The checkpoint."""
        return Note(self.to_text()).signed_by(*signers)


def read_checkpoint_text(text: str) -> Checkpoint:
    """The head in a note's text. Raises Malformed."""
    lines = text.split("\n")
    if len(lines) != 4 or lines[3] or not _NUMBER.fullmatch(lines[1]):
        raise Malformed("not the head of a log: origin, size, root", check_id="CHECKPOINT-FORM")
    head = Checkpoint(lines[0], int(lines[1]), _hash(lines[2], "CHECKPOINT-FORM"))
    if head.to_text() != text:
        raise Malformed("a head in another form than heads are written in", check_id="CHECKPOINT-FORM")
    return head


def read_checkpoint(data: bytes, origin: str, keys: Sequence[NoteKey], threshold: int = 1) -> tuple[Checkpoint, Note]:
    """The head of log `origin` in a checkpoint that enough of `keys` have signed. Raises Malformed."""
    note = read_note(data)
    head = read_checkpoint_text(note.text)
    if head.origin != origin:
        raise Malformed(f"a head of {head.origin!a}, not of {origin!a}", check_id="CHECKPOINT-ORIGIN")
    require_signed(note, keys, threshold)
    return head, note


@dataclass(frozen=True)
class LogProof:
    """That an entry lies in a log: its index, the way to the root, and the checkpoint that says the root."""

    index: int
    hashes: tuple[bytes, ...]
    checkpoint: Note

    def to_bytes(self) -> bytes:
        """The text form, for a file that ends in .tlog-proof."""
        lines = [PROOF_LINE, f"index {self.index}", *(base64.b64encode(each).decode() for each in self.hashes), ""]
        return "".join(f"{line}\n" for line in lines).encode() + self.checkpoint.to_bytes()


def read_log_proof(data: bytes) -> LogProof:
    """The proof in `data`; its checkpoint's signatures are not looked at. Raises Malformed."""
    front, blank, checkpoint = data.partition(b"\n\n")
    lines = front.decode("utf-8", "replace").split("\n")
    index = lines[1].removeprefix("index ") if len(lines) > 1 and lines[1].startswith("index ") else ""
    if not blank or lines[0] != PROOF_LINE or not _NUMBER.fullmatch(index) or len(lines) > MOST_HASHES + 2:
        raise Malformed(f"no proof of the form {PROOF_LINE}", check_id="PROOF-FORM")
    proof = LogProof(int(index), tuple(_hash(line, "PROOF-FORM") for line in lines[2:]), read_note(checkpoint))
    if proof.to_bytes() != data:
        raise Malformed("a proof in another form than proofs are written in", check_id="PROOF-FORM")
    return proof


def check_log_proof(proof: LogProof, entry: bytes, origin: str, keys: Sequence[NoteKey]) -> Finding:
    """TREE-INCLUSION: `entry`, a record's hash, lies in the log `origin`. Raises Malformed for a bad checkpoint."""
    head, _ = read_checkpoint(proof.checkpoint.to_bytes(), origin, keys)
    return check_inclusion(entry, proof.index, head.size, head.root, proof.hashes)


def _hash(text: str, check_id: str) -> bytes:
    try:
        found = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        found = b""
    if len(found) != HASH_BYTES:
        raise Malformed(f"{text[:60]!a} is no SHA-256 in base64", check_id=check_id)
    return found
