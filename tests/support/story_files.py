"""The files that stories begin with: test keys, policy, root set and seals. Every private key in them is published."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import replace
from pathlib import Path

from asl_authority.values.dsse import Envelope
from asl_authority.values.ed25519 import SecretKey
from asl_authority.values.keyfile import RANDOM_BYTES, KeyKind, seal_key
from asl_authority.values.per_signature import sign_receipt
from asl_authority.values.public_key_file import public_key_file
from asl_authority.values.rootset import RootSet
from asl_authority.values.signed import Body, Signed
from support.admissions import foreign, stranger_keys
from support.domains import POLICY, ROOTS, dam, secret
from support.samples.claim import CLAIM
from support.samples.receipt import RECEIPT
from support.samples.snapshot import SNAPSHOT
from support.sealed_machine import write_sealed
from support.story_store import make_store

# By the name of the file; by the name of the test key.
KEYS = {
    **{f"root-{n}": f"root {n}" for n in (1, 2, 3, 4)},
    "domain": "domain root",
    "operator": "operator",
    "auditor": "auditor",
    "log": "log",
    "stranger": "stranger",
}
SEALED = {"root-1": KeyKind.OFFLINE_ROOT, "domain": KeyKind.DOMAIN_ROOT, "log": KeyKind.LOG}
PASSPHRASE = "a test's own passphrase"
SEAL = {
    "image": "ab" * 32,
    "mode": "host",
    "medium": "/dev/sr0",
    "layers": [{"name": "base", "root_hash": "01" * 32, "salt": "0203", "data_blocks": 34000}],
    "in_memory": True,
    "times_ms": {"start": 812},
}


def make_files(here: Path) -> None:
    """Write them."""
    for name, of in KEYS.items():
        (here / f"{name}.pub").write_bytes(public_key_file(secret(of).public))
        (here / f"{name}.pem").write_bytes(private_pem(secret(of)))
    (here / "policy.json").write_bytes(POLICY.to_bytes())
    (here / "roots.json").write_bytes(ROOTS.to_bytes())
    (here / "roots-alone.json").write_bytes(RootSet(1, (secret("root 1").public,), 1).to_bytes())
    (here / "roots-other.json").write_bytes(RootSet(1, (secret("root 4").public,), 1).to_bytes())
    make_receipts(here)
    for mode in ("host", "rehearsal"):
        (here / f"seal-{mode}.json").write_text(json.dumps({**SEAL, "mode": mode}))
    write_sealed(here)
    make_stranger(here / "stranger")
    make_store(here / "store")
    for made in ("machine/run/asl", "machine/asl-auth-host"):
        (here / made).mkdir(parents=True)


def make_receipts(here: Path) -> None:
    """Two receipts, one after the other, with all that they name; the operator has signed the second in both forms."""
    (here / "input.txt").write_bytes(b"what went in\n")
    (here / "snapshot.meta").write_bytes(SNAPSHOT.to_bytes())
    (here / "claim.json").write_bytes(CLAIM.to_bytes())
    (here / "dam.json").write_bytes(dam().body.to_bytes())
    first = replace(RECEIPT, previous=None, policy_hash=POLICY.hash, claim=CLAIM.digest)
    first = replace(first, snapshot_id=SNAPSHOT.snapshot_id, logseq=SNAPSHOT.logseq + 1)
    inputs = (hashlib.sha256((here / "input.txt").read_bytes()).hexdigest(),)
    second = replace(first, previous=first.per_artifact_id, logseq=first.logseq + 1, inputs=inputs)
    (here / "first.per").write_bytes(
        Envelope(first.payload_type, first.to_bytes()).signed_by(secret("auditor")).to_bytes()
    )
    signed = Envelope(second.payload_type, second.to_bytes()).signed_by(secret("operator"))
    (here / "second.per").write_bytes(signed.to_bytes())
    (here / "second.per-signature").write_bytes(sign_receipt(second, secret("operator")).to_bytes())


def make_stranger(here: Path) -> None:
    """What a domain under roots of its own sends in a rehearsal, but for its request; and its root's private key."""
    sent, root = foreign(), stranger_keys().by_name["root"]
    here.mkdir()
    signed: dict[str, Signed[Body]] = {"dam": sent.dam}
    signed |= {f"cert-{number}": each for number, each in enumerate(sent.certificates, 1)}
    for name, artifact in signed.items():
        (here / f"{name}.json").write_bytes(artifact.body.to_bytes())
        (here / f"{name}.json.sig").write_bytes(artifact.to_bytes())
    (here / "policy.json").write_bytes(sent.policy.to_bytes())
    (here / "roots.json").write_bytes(sent.roots.to_bytes())
    (here / "root.pem").write_bytes(private_pem(root))


def make_sealed_files(folder: Path) -> None:
    """Write the keys at rest, which cost too much to be made for every test: they are kept in stories/files."""
    for name, kind in SEALED.items():
        random = hashlib.shake_256(name.encode()).digest(RANDOM_BYTES)
        (folder / f"{name}.priv.enc").write_bytes(seal_key(secret(KEYS[name]), PASSPHRASE, kind, random))


def private_pem(key: SecretKey) -> bytes:
    """A private key that is no secret, as openssl reads it."""
    return b"-----BEGIN PRIVATE KEY-----\n" + base64.b64encode(key.pkcs8) + b"\n-----END PRIVATE KEY-----\n"


if __name__ == "__main__":
    make_sealed_files(Path(__file__).parents[1] / "authority/stories/files")
