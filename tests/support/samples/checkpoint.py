"""Samples of signed notes, checkpoints and proofs: the published ones, and those of our own log."""

from __future__ import annotations

import base64

from asl_authority.values.checkpoint import Checkpoint, LogProof
from asl_authority.values.ed25519 import SecretKey
from asl_authority.values.log_record import LogFile
from asl_authority.values.merkle import Frontier, inclusion_proof, leaf_hash
from asl_authority.values.paper_head import paper_head
from asl_authority.values.signed_note import Note, NoteSigner
from support.published import Bad, Good, Vectors
from support.samples.log import LOG, LONGER, node

ORIGIN = "asl.example/me.example"
KEYS = {"log": SecretKey(b"\7" * 32), "witness": SecretKey(b"\x08" * 32)}
SIGNER = NoteSigner(ORIGIN, KEYS["log"])
WITNESS = NoteSigner("witness.example", KEYS["witness"])


def head(log: LogFile) -> Checkpoint:
    """The head of a log."""
    frontier = Frontier()
    frontier.extend([leaf_hash(each) for each in log.hashes()])
    return Checkpoint(ORIGIN, frontier.size, frontier.root())


def says(found: Checkpoint, signed: str = "log") -> dict[str, object]:
    """What follows from a checkpoint."""
    return {"signed_by": signed, "key": SIGNER.key.to_text(), "on_paper": paper_head(found).to_text()}


def vectors() -> Vectors:
    """The published ones."""
    note, proof, empty = "signed_note.read_note", "checkpoint.read_log_proof", Checkpoint(ORIGIN, 0, Frontier().root())
    signed = head(LOG).signed(SIGNER)
    whole = signed.to_bytes()
    hashes = inclusion_proof(1, len(LONGER.records), lambda *at: node(LONGER, *at))
    proven = LogProof(1, hashes, head(LONGER).signed(SIGNER)).to_bytes()
    line = base64.b64encode(bytes(32))
    return Vectors(
        "C2SP signed-note, tlog-checkpoint, tlog-proof",
        good=[
            Good("the checkpoint of an empty log", note, empty.signed(SIGNER).to_bytes(), says(empty)),
            Good("the checkpoint of log.json's four records", note, whole, says(head(LOG))),
            Good("with a witness", note, signed.signed_by(WITNESS).to_bytes(), says(head(LOG), "log, witness")),
            Good("the second of log.json's seven records", proof, proven, {"record_hash": LONGER.hashes()[1].hex()}),
        ],
        bad=[
            Bad("no signature", note, head(LOG).to_text().encode() + b"\n", "NOTE-FORM"),
            Bad("a hyphen for the dash", note, whole.replace("—".encode(), b"-"), "NOTE-FORM"),
            Bad("a carriage return", note, whole.replace(b"\n", b"\r\n", 1), "NOTE-FORM"),
            Bad("a byte follows", note, whole + b" ", "NOTE-FORM"),
            Bad("65 signatures", note, Note(signed.text, signed.signatures * 65).to_bytes(), "NOTE-SIZE"),
            Bad("more than 64 KiB", note, b"x" * 70_000 + whole, "NOTE-SIZE"),
            Bad("another version", proof, proven.replace(b"@v1", b"@v2"), "PROOF-FORM"),
            Bad("an index of two digits", proof, proven.replace(b"index 1", b"index 01"), "PROOF-FORM"),
            Bad("a short hash", proof, proven.replace(b"index 1\n", b"index 1\nAAAA\n"), "PROOF-FORM"),
            Bad("65 hashes", proof, proven.replace(b"index 1\n", b"index 1\n" + (line + b"\n") * 65), "PROOF-FORM"),
        ],
        keys=KEYS,
    )
