"""The files that stories begin with: test keys, policy, root set and seals. Every private key in them is published."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import replace
from functools import cache
from pathlib import Path

from asl_authority.operations.gate import rehearsal_roots
from asl_authority.operations.genesis import Asked, DomainKeys, prepare_domain, sign_manifest
from asl_authority.operations.prepared import prepare_genesis, write_prepared
from asl_authority.operations.reading import HOST
from asl_authority.storage.plain_directory import read_files
from asl_authority.values import certificate as certificates
from asl_authority.values import dam as dams
from asl_authority.values.dsse import Envelope
from asl_authority.values.ed25519 import SecretKey
from asl_authority.values.keyfile import RANDOM_BYTES, KeyKind, seal_key
from asl_authority.values.kinds import Kind
from asl_authority.values.passphrase import shared_passphrase
from asl_authority.values.per_signature import sign_receipt
from asl_authority.values.public_key_file import public_key_file
from asl_authority.values.request import SubjectType
from asl_authority.values.rootset import RootSet
from asl_authority.values.share_set import SALT_BYTES, make_share_set
from asl_authority.values.signed import Body, Signed, unsigned
from asl_authority.values.slip39 import split
from support.admissions import foreign, stranger_keys
from support.domains import POLICY, ROOTS, certificate, dam, request, secret
from support.memory_disk import MemoryDisk
from support.samples.claim import CLAIM
from support.samples.receipt import RECEIPT
from support.samples.snapshot import SNAPSHOT
from support.sealed_machine import CONFIG, write_sealed
from support.story_store import make_store

# By the name of the file; by the name of the test key.
KEYS = {
    **{f"root-{n}": f"root {n}" for n in (1, 2, 3, 4)},
    "domain": "domain root",
    "operator": "operator",
    "auditor": "auditor",
    "log": "log",
    "x509": "x509",
    "stranger": "stranger",
    "shared": "log",
}
SEALED = {
    "root-1": KeyKind.OFFLINE_ROOT,
    "domain": KeyKind.DOMAIN_ROOT,
    "log": KeyKind.LOG,
    "operator": KeyKind.PRINCIPAL,
    "x509": KeyKind.X509,
}
# The keys of a domain, and of which test key each is.
DOMAIN_KEYS = {"root": "domain", "log": "log", "operator": "operator"}
FILES = Path(__file__).parents[1] / "authority/stories/files"
PASSPHRASE = "a test's own passphrase"
# Two of three open shared.priv.enc.
SHARED_SECRET = bytes(range(16))
SHARES = split(SHARED_SECRET, 2, 3, lambda size: hashlib.shake_256(b"shares").digest(size))
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
    make_domain(here / "me")
    make_ceremony(here)
    for mode in ("host", "rehearsal"):
        (here / f"seal-{mode}.json").write_text(json.dumps({**SEAL, "mode": mode}))
    write_sealed(here)
    make_stranger(here / "stranger")
    make_store(here / "store")
    for made in ("machine/run/asl", "machine/asl-auth-host", "machine/etc/asl-auth-host"):
        (here / made).mkdir(parents=True)
    (here / "machine/etc/asl-auth-host/config.yaml").write_bytes(CONFIG)


def make_rehearsal_roots(here: Path) -> None:
    """The roots of every rehearsal, as openssl reads them."""
    for number, key in enumerate(rehearsal_roots(3), 1):
        (here / f"rehearsal-root-{number}.pub").write_bytes(public_key_file(key.public))
        (here / f"rehearsal-root-{number}.pem").write_bytes(private_pem(key))


def make_prepared(here: Path) -> None:
    """Prepared geneses that nobody has signed yet: a real domain's, a rehearsal's host, and one under other roots."""
    for name, files in prepared_files().items():
        (here / name).mkdir()
        for file, data in files.items():
            (here / name / file).write_bytes(data)


@cache
def prepared_files() -> dict[str, dict[str, bytes]]:
    """Their files; made once, for each signature in them is verified by two implementations."""
    others = RootSet(1, (secret("root 4").public,), 1)
    return {
        "prepared": story_genesis("me.example", ROOTS),
        "prepared-host": story_genesis(HOST, ROOTS, rehearsal=True),
        "prepared-real-host": story_genesis(HOST, ROOTS),
        "prepared-others": story_genesis("me.example", others, rehearsal=True),
    }


def story_genesis(domain_id: str, roots: RootSet, *, rehearsal: bool = False) -> dict[str, bytes]:
    """The files of a prepared genesis; its keys are those that lie in stories/files."""
    keys = DomainKeys({name: secret(KEYS[of]) for name, of in DOMAIN_KEYS.items()})
    sealed = {name: (FILES / f"{of}.priv.enc").read_bytes() for name, of in DOMAIN_KEYS.items()}
    label = "the host" if domain_id == HOST else "Me"
    asked = Asked(label, POLICY, roots, domain_id=domain_id, rehearsal=rehearsal)
    issuer = secret("root 1").public if roots.holds(secret("root 1").public) else roots.root_keys[0]
    new = sign_manifest(prepare_domain(asked, keys, issuer), keys)
    disk, place = MemoryDisk(), Path("/prepared")
    write_prepared(disk, place, prepare_genesis(new, issuer, sealed, weak_passphrase=False))
    return read_files(disk, place, disk.names(place), 1 << 20)


def make_ceremony(here: Path) -> None:
    """A short rehearsal about the policy."""
    policy = hashlib.sha256((here / "policy.json").read_bytes()).hexdigest()
    (here / "ceremony.yaml").write_text(CEREMONY.format(policy=policy))


CEREMONY = """\
title: The policy, looked at by two
version: 2
rehearsal: true
seed: policy
people: [{{name: Ada, role: operator}}, {{name: Ben, role: witness}}]
assertions:
  - {{network: absent}}
  - {{file: policy.json, sha256: {policy}}}
steps:
  - title: The bag
    minutes: 1
    say: |
      DO    Look at it from all sides.
      IF    it was opened
      THEN  END.
    check: The seal is whole.
  - title: The hash of the policy
    minutes: 2
    run: [policy, hash, policy.json]
  - title: Read back
    minutes: 2
    read_aloud: 2
  - title: The policy in its canonical form
    minutes: 2
    run: [policy, show, policy.json, --output, shown.json]
"""


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


def make_domain(folder: Path) -> None:
    """A domain's DAM and the certificates of its root key and its X.509 key, signed, as for a rehearsal too."""
    x509 = certificate(request("x509", SubjectType.X509).body)
    signed: dict[str, tuple[Kind, Signed[Body], list[str]]] = {"dam": (dams.KIND, dam(), ["domain root"])}
    signed |= {
        name: (certificates.KIND, each, ["root 1", "root 2"])
        for name, each in (("cert", certificate()), ("cert-x509", x509))
    }
    folder.mkdir()
    for name, (kind, artifact, signers) in signed.items():
        played = unsigned(kind, artifact.body, rehearsal=True).signed_by(*(secret(each) for each in signers))
        for file, each in ((name, artifact), (f"rehearsal-{name}", played)):
            (folder / f"{file}.json").write_bytes(each.body.to_bytes())
            (folder / f"{file}.json.sig").write_bytes(each.to_bytes())


def make_sealed_files(folder: Path) -> None:
    """Write the keys at rest, which cost too much to be made for every test: they are kept in stories/files."""
    for name, kind in SEALED.items():
        random = hashlib.shake_256(name.encode()).digest(RANDOM_BYTES)
        (folder / f"{name}.priv.enc").write_bytes(seal_key(secret(KEYS[name]), PASSPHRASE, kind, random))
    key, passphrase = secret(KEYS["shared"]), shared_passphrase(SHARED_SECRET).text
    shared = seal_key(key, passphrase, KeyKind.LOG, hashlib.shake_256(b"shared").digest(RANDOM_BYTES))
    (folder / "shared.priv.enc").write_bytes(shared)
    sha256 = hashlib.sha256(shared).hexdigest()
    record = make_share_set(SHARES, key.public.key_id, KeyKind.LOG, sha256, bytes(SALT_BYTES))
    (folder / "shared.shares.json").write_bytes(record.to_bytes())


def private_pem(key: SecretKey) -> bytes:
    """A private key that is no secret, as openssl reads it."""
    return b"-----BEGIN PRIVATE KEY-----\n" + base64.b64encode(key.pkcs8) + b"\n-----END PRIVATE KEY-----\n"


if __name__ == "__main__":
    make_sealed_files(FILES)
