"""The receipt of an operation, made of the records that it leaves, and its own record."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

from asl_authority import __version__
from asl_authority.operations.pieces import Piece
from asl_authority.storage import layout
from asl_authority.values.dsse import Envelope
from asl_authority.values.ed25519 import Signer
from asl_authority.values.log_entry import Entry, numbered
from asl_authority.values.log_record import RecordType
from asl_authority.values.per_signature import sign_receipt
from asl_authority.values.receipt import Output, Receipt

# What did it, by name and version; the digests of the tools are in the claim.
PROGRAM = hashlib.sha256(f"asl-authority {__version__}\n".encode()).hexdigest()


_NO_NAMES: Mapping[str, str] = MappingProxyType({})


def receipt_piece(receipt: Receipt, operator: Signer, parameters: bytes = b"") -> Piece:
    """The receipt's record: the Statement in its envelope, its PER signature, and, as a block, what was confirmed."""
    envelope = Envelope(receipt.payload_type, receipt.to_bytes()).signed_by(operator).to_bytes()
    files = {
        layout.receipt_name(receipt.logseq): envelope,
        layout.receipt_signature_name(receipt.logseq): sign_receipt(receipt, operator).to_bytes(),
    }
    blocks = (envelope, parameters) if parameters else (envelope,)
    return Piece(RecordType.RECEIPT, files, blocks, {"per_artifact_id": receipt.per_artifact_id})


def records_of(entries: Sequence[Entry], session: str, more: int = 1) -> tuple[str, ...]:
    """The SHA-256 of payloads, as they will lie in the log with `more` records of their operation after them."""
    return tuple(hashlib.sha256(each.to_bytes()).hexdigest() for each in numbered(entries, session, more))


def outputs_of(
    entries: Iterable[Entry], inputs: Iterable[str], names: Mapping[str, str] = _NO_NAMES
) -> tuple[Output, ...]:
    """What records name and no input is, each digest once; `names` has what some are called, by digest.

    Else files are called by their paths, and blocks that are no files by theirs.
    """
    entries, found = tuple(entries), dict(names)
    for entry in entries:
        for name, digest in sorted(entry.files.items()):
            found.setdefault(digest, name)
    for entry in entries:
        for block_id in entry.blocks:
            found.setdefault(block_id, f"store/{block_id}.bin")
    named = {digest for entry in entries for digest in (*entry.files.values(), *entry.blocks)} - set(inputs)
    return tuple(Output(found[digest], digest) for digest in sorted(named))
