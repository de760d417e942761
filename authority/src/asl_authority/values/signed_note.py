"""Notes that people carry (C2SP signed-note): a text, a blank line, and a line for each Ed25519 signature."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from asl_authority.errors import Malformed
from asl_authority.values.ed25519 import SIGNATURE_BYTES, PublicKey, Signer
from asl_authority.values.finding import Finding
from asl_authority.values.rules import Rule

PAPER = "C2SP signed-note"

RULES = (
    Rule("NOTE-SIZE", PAPER, "S", "A note has at most 64 KiB and 64 signatures (S: a limit; C: which)."),
    Rule("NOTE-FORM", PAPER, "S", "A note is UTF-8 text without control characters, a blank line, signature lines."),
    Rule("NOTE-SIGNATURES", PAPER, "S", "Every signature of a known key, by name and id, verifies."),
    Rule("NOTE-SIGNED", PAPER, "S", "At least as many different known keys have signed as are asked for."),
)  # fmt: skip

MOST_BYTES = 64 * 1024
MOST_SIGNATURES = 64
ED25519 = b"\x01"
NAME = re.compile(r"[^\s+\x00-\x20\x7f]{1,256}")
_LINE = re.compile(r"— (?P<name>[^\s+]{1,256}) (?P<sig>[A-Za-z0-9+/]{8,8192}={0,2})")


@dataclass(frozen=True)
class NoteKey:
    """A public key under the name that it signs notes by."""

    name: str
    public: PublicKey

    def __post_init__(self) -> None:
        """Raises ValueError for a name that no note can hold."""
        if not NAME.fullmatch(self.name):
            raise ValueError(f"{self.name!a} can't be the name of a note's key")

    @cached_property
    def key_id(self) -> bytes:
        """The four bytes that stand before this key's signatures."""
        return hashlib.sha256(self.name.encode() + b"\n" + ED25519 + self.public.raw).digest()[:4]

    def to_text(self) -> str:
        """The key as other programs read it: name, key id, and the key with its kind."""
        return f"{self.name}+{self.key_id.hex()}+{base64.b64encode(ED25519 + self.public.raw).decode()}"


@dataclass(frozen=True)
class NoteSigner:
    """A key that signs notes, under its name."""

    name: str
    signer: Signer

    @cached_property
    def key(self) -> NoteKey:
        """The public half."""
        return NoteKey(self.name, self.signer.public)


@dataclass(frozen=True)
class NoteSignature:
    """One signature line: `sig` is what follows the four bytes of the key's id."""

    name: str
    key_id: bytes
    sig: bytes

    def to_text(self) -> str:
        """The line."""
        return f"— {self.name} {base64.b64encode(self.key_id + self.sig).decode()}\n"


@dataclass(frozen=True)
class Note:
    """A signed text; `text` ends with its last newline."""

    text: str
    signatures: tuple[NoteSignature, ...] = ()

    def to_bytes(self) -> bytes:
        """The whole note."""
        return (self.text + "\n" + "".join(each.to_text() for each in self.signatures)).encode()

    def signed_by(self, *signers: NoteSigner) -> Note:
        """The note with these signatures too, after those it has."""
        message = self.text.encode()
        new = (NoteSignature(each.name, each.key.key_id, each.signer.sign(message)) for each in signers)
        return replace(self, signatures=(*self.signatures, *new))


def read_note(data: bytes) -> Note:
    """The note in `data`. Raises Malformed; no signature is looked at."""
    if len(data) > MOST_BYTES:
        raise Malformed(f"a note of {len(data)} bytes", check_id="NOTE-SIZE")
    try:
        whole = data.decode("utf-8")
    except UnicodeDecodeError:
        raise Malformed("a note that is not UTF-8", check_id="NOTE-FORM") from None
    text, blank, lines = whole.rpartition("\n\n")
    if not blank or not lines.endswith("\n") or any(char < " " and char != "\n" for char in whole):
        raise Malformed("no note: text, blank line, signature lines", check_id="NOTE-FORM")
    rows = lines.removesuffix("\n").split("\n")
    if len(rows) > MOST_SIGNATURES:
        raise Malformed(f"a note with {len(rows)} signatures", check_id="NOTE-SIZE")
    note = Note(text + "\n", tuple(_signature(row) for row in rows))
    if note.to_bytes() != data:  # base64 that no writer would write
        raise Malformed("a note in another form than notes are written in", check_id="NOTE-FORM")
    return note


def read_note_key(text: str) -> NoteKey:
    """The key in its text form. Raises Malformed."""
    name, _, rest = text.partition("+")
    key_id, _, encoded = rest.partition("+")
    raw = _decoded(encoded)
    if not NAME.fullmatch(name) or raw is None or raw[:1] != ED25519:
        raise Malformed(f"{text[:60]!a} is no key of a note", check_id="NOTE-FORM")
    key = NoteKey(name, PublicKey(raw[1:]))
    if key.to_text() != text:
        raise Malformed(f"{text[:60]!a}: its id is {key.key_id.hex()}, not {key_id[:8]!a}", check_id="NOTE-FORM")
    return key


def check_note(note: Note, keys: Iterable[NoteKey], threshold: int = 1) -> tuple[Finding, ...]:
    """NOTE-SIGNATURES and NOTE-SIGNED: who of `keys` has signed. Others count neither for nor against."""
    if threshold < 1:
        raise ValueError("a threshold is at least 1")
    known = {(key.name, key.key_id): key for key in keys}
    message = note.text.encode()
    good: set[bytes] = set()
    bad: list[str] = []
    for each in note.signatures:
        key = known.get((each.name, each.key_id))
        if key is not None and len(each.sig) == SIGNATURE_BYTES and key.public.verifies(message, each.sig):
            good.add(key.public.raw)
        elif key is not None:
            bad.append(each.name)
    return (
        Finding("NOTE-SIGNATURES", not bad, f"wrong: {', '.join(bad)}" if bad else f"{len(good)} verified"),
        Finding("NOTE-SIGNED", len(good) >= threshold, f"{len(good)} of {threshold} keys that must sign have signed"),
    )


def require_signed(note: Note, keys: Sequence[NoteKey], threshold: int = 1) -> None:
    """Raise Malformed, by the first check that fails, unless the note is signed as demanded."""
    for finding in check_note(note, keys, threshold):
        if not finding.ok:
            raise Malformed(finding.detail, check_id=finding.check_id)


def _signature(row: str) -> NoteSignature:
    line = _LINE.fullmatch(row)
    sig = _decoded(line["sig"]) if line else None
    if line is None or sig is None or len(sig) < 5:
        raise Malformed(f"{row[:40]!a} is no signature line", check_id="NOTE-FORM")
    return NoteSignature(line["name"], sig[:4], sig[4:])


def _decoded(text: str) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
