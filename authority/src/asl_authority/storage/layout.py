"""Where everything lies in a store: the one table of the names of ENC-ASL-AUTH-HOST/1 and ENC-ASL-HOST/1.

host/                  the host, which is its own first domain, and besides:
  host-id  host-policy  config.yaml  trusted-roots/<name>.pub
domains/<domain-id>/
  domain.json          derived, never trusted
  admission/           <epoch>/ what this domain has decided of another, and on what: dam.json dam.json.sig dam.cbor
                       dam.sig policy-<hash>.json root-set.json cert-<sha256>.json cert-<sha256>.json.sig
                       admission-request.json{,.sig} admission-request.cbor
                       admission-decision.json{,.sig} admission-decision.{cbor,sig}
  auth/                what the domain's authority goes back to (the rest of it lies in certs/ policies/ dam/):
                       root-set-<version>.json rotation-<version>.json rotation-<version>.json.sig
                       request-<sha256>.json.sig; what it believes of others: pin-<epoch>.json; and asks of them:
                       admission-request-<request-id>.json{,.sig}
  certs/               <key>.pub <key>.priv.enc (root log operator dam-signer) cert-<sha256>.json cert-<sha256>.json.sig
                       <key>-<n>.pub <key>-<n>.priv.enc: the same key for another passphrase, from 2 on
  policies/            policy-<hash>.json
  dam/                 dam-<seq>.json dam-<seq>.json.sig
  store/               <block-id>.bin <block-id>.meta
  index/               segment-<n>.idx bloom-<n>.bf, and what only makes reading fast
  log/                 log-<seq>.aol checkpoint; recovered/
  snapshots/           snapshot-<id>.blocks snapshot-<id>.meta
  receipts/            receipt-<logseq>.per receipt-<logseq>.per.sig
  leases/              <epoch>.json <epoch>.json.sig
  tmp/                 transient
env-claims/            <snapshot-id>.claim
sops-bundles/          asl-admission-<short>.sops.yaml <bundle-id>.sops
federation/            peers/ exports/ imports/
quarantine/            <request-id>/
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from asl_authority import contract
from asl_authority.errors import UsageError
from asl_authority.values.identifiers import DOMAIN_ID

# Parents before children: this is the order in which they are made.
DOMAIN_DIRECTORIES = (
    *("admission", "auth", "certs", "dam", "index", "leases", "log", "log/recovered", "policies", "receipts"),
    *("snapshots", "store", "tmp"),
)  # fmt: skip
HOST_DIRECTORIES = (*DOMAIN_DIRECTORIES, "trusted-roots")
STORE_DIRECTORIES = (
    *(path.name for path in contract.STORE_DIRECTORIES if path != contract.HOST),
    *("federation", "federation/exports", "federation/imports", "federation/peers", "quarantine"),
)  # fmt: skip

_LOG_FILE = re.compile(r"log-([1-9][0-9]{0,18})\.aol", re.ASCII)
_SNAPSHOT_FILE = re.compile(r"snapshot-([0-9a-f]{64})\.meta", re.ASCII)
_BLOCK_FILE = re.compile(r"([0-9a-f]{64})\.bin", re.ASCII)


@dataclass(frozen=True)
class DomainPaths:
    """The places of one domain, or of the host; `root` is its directory."""

    root: Path

    @cached_property
    def view(self) -> Path:
        return self.root / "domain.json"

    @cached_property
    def store(self) -> Path:
        return self.root / "store"

    @cached_property
    def index(self) -> Path:
        return self.root / "index"

    @cached_property
    def log(self) -> Path:
        return self.root / "log"

    @cached_property
    def checkpoint(self) -> Path:
        return self.log / "checkpoint"

    @cached_property
    def unsigned_checkpoint(self) -> Path:
        """The head of what was logged before a key was unlocked."""
        return self.log / "checkpoint.unsigned"

    @cached_property
    def recovered(self) -> Path:
        """Where what did not become part of the log is kept."""
        return self.log / "recovered"

    @cached_property
    def snapshots(self) -> Path:
        return self.root / "snapshots"

    def log_file(self, first: int) -> Path:
        """The log file whose first record has this number."""
        return self.log / f"log-{first}.aol"

    def block(self, block_id: str) -> Path:
        return self.store / f"{block_id}.bin"

    def block_meta(self, block_id: str) -> Path:
        return self.store / f"{block_id}.meta"

    def segment(self, number: int) -> Path:
        return self.index / f"segment-{number}.idx"

    def bloom(self, number: int) -> Path:
        return self.index / f"bloom-{number}.bf"

    def snapshot_blocks(self, snapshot_id: str) -> Path:
        return self.snapshots / f"snapshot-{snapshot_id}.blocks"

    def snapshot_meta(self, snapshot_id: str) -> Path:
        return self.snapshots / f"snapshot-{snapshot_id}.meta"


@dataclass(frozen=True)
class StorePaths:
    """The places of a whole store; `root` is /asl-auth-host, or where a volume is looked at."""

    root: Path

    @property
    def host(self) -> DomainPaths:
        return DomainPaths(self.root / contract.HOST.name)

    @property
    def domains(self) -> Path:
        return self.root / contract.DOMAINS.name

    def domain(self, domain_id: str) -> DomainPaths:
        """The places of a domain. Raises UsageError for what can't be the id of one."""
        if not DOMAIN_ID.fullmatch(domain_id):
            raise UsageError(f"{domain_id[:60]!a} can't be the id of a domain")
        return DomainPaths(self.domains / domain_id)

    def claim(self, snapshot_id: str) -> Path:
        return self.root / contract.ENV_CLAIMS.name / f"{snapshot_id}.claim"


def certificate_name(digest: str) -> str:
    """A certificate's path below its domain; its envelope lies beside it, with .sig."""
    return f"certs/cert-{digest}.json"


def request_name(digest: str) -> str:
    """The path of the envelope of a request for a certificate, below its domain."""
    return f"auth/request-{digest}.json.sig"


def root_set_name(version: int) -> str:
    """The path of the roots that a domain trusts, below it."""
    return f"auth/root-set-{version}.json"


def rotation_name(version: int) -> str:
    """The path of the rotation that leads to a root set, below a domain; its envelope lies beside it, with .sig."""
    return f"auth/rotation-{version}.json"


def trusted_root_name(version: int, number: int) -> str:
    """The path of a root's public key below the host: one that came with a later root set."""
    return f"trusted-roots/root-{version}-{number}.pub"


def public_key_name(key: str, number: int = 1) -> str:
    """The path of a public key below its domain; of its copy beside the key's file of that number."""
    return f"certs/{_numbered(key, number)}.pub"


def private_key_name(key: str, number: int = 1) -> str:
    """The path of a private key at rest, below its domain; its later files are for other passphrases."""
    return f"certs/{_numbered(key, number)}.priv.enc"


def _numbered(key: str, number: int) -> str:
    return key if number == 1 else f"{key}-{number}"


def policy_name(policy_hash: str) -> str:
    """A policy's path below its domain."""
    return f"policies/policy-{policy_hash}.json"


def dam_name(seq: int) -> str:
    """A DAM's path below its domain."""
    return f"dam/dam-{seq}.json"


def dam_signature_name(seq: int) -> str:
    """The path of a DAM's envelope below its domain."""
    return f"dam/dam-{seq}.json.sig"


def receipt_name(logseq: int) -> str:
    """A receipt's path below its domain."""
    return f"receipts/receipt-{logseq}.per"


def receipt_signature_name(logseq: int) -> str:
    """The path of a receipt's PER signature below its domain."""
    return f"receipts/receipt-{logseq}.per.sig"


def admission_name(epoch: int, file: str) -> str:
    """The path, below the receiver, of a file of the admission that was decided in this epoch."""
    return f"admission/{epoch}/{file}"


def lease_name(epoch: int) -> str:
    """The path, below the receiver, of the courtesy lease that was granted in this epoch; its envelope has .sig."""
    return f"leases/{epoch}.json"


def trust_pin_name(epoch: int) -> str:
    """The path, below the receiver, of what it believes of the domain that it admitted in this epoch."""
    return f"auth/pin-{epoch}.json"


def admission_request_name(request_id: str) -> str:
    """The path, below the applicant, of what it asks of another domain; its envelope has .sig."""
    return f"auth/admission-request-{request_id}.json"


def log_file_first(name: str) -> int | None:
    """The number of the first record of a log file, by the file's name; None for other names."""
    found = _LOG_FILE.fullmatch(name)
    return int(found[1]) if found else None


def block_of(name: str) -> str | None:
    """The block that a file of the store holds; None for other names."""
    found = _BLOCK_FILE.fullmatch(name)
    return found[1] if found else None


def snapshot_of(name: str) -> str | None:
    """The snapshot whose meta file has this name; None for other names."""
    found = _SNAPSHOT_FILE.fullmatch(name)
    return found[1] if found else None
