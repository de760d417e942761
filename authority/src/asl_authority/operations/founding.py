"""A new domain, written: everything beside its place, read back and checked there, and then given its name.

In the order of a genesis: the empty store is pinned (S0) and claimed, then come keys, policy, certificates and DAM,
then the store with all of them in it is pinned (S1), and a receipt says what was done.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from asl_authority.errors import Damaged, Refused
from asl_authority.operations.domain_check import check_domain
from asl_authority.operations.domain_reading import host_chain
from asl_authority.operations.gate import Gate
from asl_authority.operations.genesis import USES, DomainKeys, KeyRing, NewDomain
from asl_authority.operations.pieces import Piece, put
from asl_authority.operations.pinning import pin
from asl_authority.operations.reading import HOST
from asl_authority.operations.receipts import PROGRAM, receipt_piece, records_of
from asl_authority.operations.root_chain import DOMAIN_ROOTS, RootChain
from asl_authority.storage import layout
from asl_authority.storage.disk import Disk
from asl_authority.storage.domains import Domain, derive_view, growing, held, host_entries, read_log, write_view
from asl_authority.storage.layout import DOMAIN_DIRECTORIES, HOST_DIRECTORIES, StorePaths
from asl_authority.storage.snapshots import Inventory, take_inventory
from asl_authority.values.checkpoint import Checkpoint
from asl_authority.values.claim import Claim
from asl_authority.values.finding import Finding
from asl_authority.values.head import Head
from asl_authority.values.keyfile import RANDOM_BYTES, open_key, seal_key
from asl_authority.values.log_entry import Entry
from asl_authority.values.log_record import RecordType
from asl_authority.values.merkle import EMPTY_ROOT
from asl_authority.values.passphrase import Passphrase
from asl_authority.values.public_key_file import public_key_file
from asl_authority.values.receipt import Receipt, make_outputs
from asl_authority.values.rootset import RootSet
from asl_authority.values.signed_note import NoteSigner


@dataclass(frozen=True)
class Founding:
    """A signed new domain and what else its tree is made of.

    `sealed` are the private keys at rest, by name; `seed` is the SHA-256 of a rehearsal's public seed, else empty;
    `files` are what the host has besides, by path.
    """

    new: NewDomain
    keys: KeyRing
    sealed: Mapping[str, bytes]
    gate: Gate
    seed: str = ""
    files: Mapping[str, bytes] = field(default_factory=dict)
    weak_passphrase: bool = False


@dataclass(frozen=True)
class Founded:
    """What there is now, and what was checked on the way."""

    domain_id: str
    head: Checkpoint
    first_snapshot: str
    snapshot: str
    per_artifact_id: str
    findings: tuple[Finding, ...]


def seal_keys(keys: DomainKeys, passphrase: Passphrase, random: Callable[[int], bytes]) -> dict[str, bytes]:
    """The keys at rest, by name; each was opened again. Raises Refused for too little memory."""
    found = {}
    for name, key in keys.by_name.items():
        kind = USES[name].kind
        found[name] = seal_key(key, passphrase.text, kind, random(RANDOM_BYTES))
        open_key(found[name], passphrase.text, kind, key.public)
    return found


def found_domain(disk: Disk, store: StorePaths, founding: Founding, *, trial: bool = False) -> Founded:
    """Make the domain, or leave nothing of it. Raises Refused, Busy, Damaged when it reads back wrong, IoFailed.

    The host is held meanwhile: its roots are those that have signed, and nobody rotates them until the domain is there.
    A `trial` does the same on a disk that keeps nothing; what is signed in it is no signature, and is not
    held to be one.
    """
    founding.gate.expect_still_open()
    with ExitStack() as holding:
        if founding.new.domain_id != HOST and disk.is_directory(store.host.log):
            holding.enter_context(held(disk, store.host.root))
            _expect_roots(host_chain(disk, store, rehearsal=founding.new.asked.rehearsal), founding.new.asked.roots)
        return _found(disk, store, founding, trial=trial)


def _expect_roots(chain: RootChain | None, roots: RootSet) -> None:
    if chain is not None and chain.newest != roots:
        raise Refused(
            "the host's roots are others than those that have signed: they were rotated meanwhile",
            hint="nothing was founded; prepare the domain again, under the roots that there are now",
            check_id=DOMAIN_ROOTS,
        )


def _found(disk: Disk, store: StorePaths, founding: Founding, *, trial: bool) -> Founded:
    new, gate = founding.new, founding.gate
    host = new.domain_id == HOST
    paths = store.host if host else store.domain(new.domain_id)
    signer = NoteSigner(new.origin, founding.keys.signer("log", rehearsal=new.asked.rehearsal))
    directories = HOST_DIRECTORIES if host else DOMAIN_DIRECTORIES
    with growing(disk, paths, new.origin, signer, directories, session=gate.session_id) as domain:
        empty, claim, entries = _claim_the_empty_store(domain, store, founding)
        pieces = _pieces(founding)
        entries += [put(domain, piece) for piece in pieces]
        records = records_of(entries, gate.session_id, more=0)
        head = domain.commit(*entries)
        gate.expect_covered(claim, _head(head), EMPTY_ROOT.hex(), [gate.session_id] * head.size)
        pinned, entries = _pin(domain, store, founding, claim)
        records += records_of(entries, gate.session_id)
        receipt = _receipt(founding, empty, claim, pieces, domain.log.logseq + len(entries) + 1, records)
        operator = founding.keys.signer("operator", rehearsal=new.asked.rehearsal)
        head = domain.commit(*entries, put(domain, receipt_piece(receipt, operator)))
        said = host_entries(disk, store, new.domain_id, rehearsal=new.asked.rehearsal)
        write_view(disk, domain.paths, derive_view(read_log(disk, domain.paths, new.origin), new.domain_id, said))
        findings = () if trial else _read_back(disk, store, domain, founding)
    return Founded(new.domain_id, head, empty.snapshot_id, pinned.snapshot_id, receipt.per_artifact_id, findings)


def _claim_the_empty_store(
    domain: Domain, store: StorePaths, founding: Founding
) -> tuple[Inventory, Claim, list[Entry]]:
    """S0 and the claim that it names, before anything of the domain's authority is there."""
    asked, domain_id = founding.new.asked, founding.new.domain_id
    facts = {"domain_id": domain_id, "label": asked.label, "common": asked.common}
    made = Entry(RecordType.DOMAIN, facts={name: value for name, value in facts.items() if value})
    inventory = _inventory(domain, domain_id)
    claim = founding.gate.claim(inventory, None)
    return inventory, claim, [made, *pin(domain, store, inventory, claim)]


def _pin(domain: Domain, store: StorePaths, founding: Founding, before: Claim) -> tuple[Inventory, list[Entry]]:
    """S1, with everything in it, and its claim."""
    inventory = _inventory(domain, founding.new.domain_id)
    claim = founding.gate.claim(inventory, before.digest)
    return inventory, pin(domain, store, inventory, claim)


def _inventory(domain: Domain, domain_id: str) -> Inventory:
    if domain.log.head is None:
        raise AssertionError("a log that is not open")
    return take_inventory(domain.disk, domain.paths, domain_id, domain.log.head)


def _pieces(founding: Founding) -> list[Piece]:
    """Every artifact of the domain's authority, in the order of a genesis."""
    new, asked = founding.new, founding.new.asked
    dam, roots, policy = new.dam, asked.roots, asked.policy
    certified = {layout.request_name(_sha256(each.body.to_bytes())): each.to_bytes() for each in new.requests}
    for each in new.certificates:
        name = layout.certificate_name(each.body.digest)
        certified |= {name: each.body.to_bytes(), f"{name}.sig": each.to_bytes()}
    root_set = {layout.root_set_name(roots.version): roots.to_bytes(), **founding.files}
    envelopes = tuple(each.to_bytes() for each in new.certificates)
    dam_files = {
        layout.dam_name(dam.body.version): dam.body.to_bytes(),
        layout.dam_signature_name(dam.body.version): dam.to_bytes(),
    }
    return [
        Piece(RecordType.ROOT_SET, root_set, facts={"root_set": roots.digest}),
        Piece(
            RecordType.KEY,
            _key_files(founding),
            facts=_key_facts(founding),
        ),
        Piece(
            RecordType.POLICY,
            {layout.policy_name(policy.hash): policy.to_bytes()},
            (policy.to_bytes(),),
            {"policy_hash": policy.hash},
        ),
        Piece(RecordType.CERTIFICATE, certified, envelopes),
        Piece(RecordType.DAM, dam_files, (dam.to_bytes(),), {"version": dam.body.version, "dam": dam.body.hash}),
    ]


def _key_files(founding: Founding) -> dict[str, bytes]:
    names = list(founding.keys.by_name)
    public = {layout.public_key_name(name): public_key_file(founding.keys.public(name)) for name in names}
    return public | {layout.private_key_name(name): founding.sealed[name] for name in names}


def _key_facts(founding: Founding) -> dict[str, Any]:
    """What each key is, and that its passphrase was worth little, for who reads the log."""
    kinds = {name: USES[name].kind.value for name in founding.keys.by_name}
    facts = {"root_key_fingerprint": founding.new.dam.body.root_key.key_id, "kinds": kinds}
    return {**facts, "passphrase": "weak"} if founding.weak_passphrase else facts


def _receipt(
    founding: Founding, empty: Inventory, claim: Claim, pieces: Iterable[Piece], logseq: int, records: tuple[str, ...]
) -> Receipt:
    """What was given and what was made. Keys and signatures can't be made again from the inputs."""
    new, asked = founding.new, founding.new.asked
    given = (asked.policy.to_bytes(), asked.roots.to_bytes(), claim.to_bytes(), *(r.to_bytes() for r in new.requests))
    inputs = tuple(sorted({_sha256(each) for each in given}))
    made = {name: data for piece in pieces for name, data in piece.files.items() if _sha256(data) not in inputs}
    outputs = make_outputs(made)
    again = {each.body.digest for each in new.certificates} | {new.dam.body.hash}
    return Receipt(
        domain_id=new.domain_id,
        operation="domain-create",
        program=PROGRAM,
        inputs=inputs,
        outputs=outputs,
        parameters=new.digest.hex(),
        policy_hash=asked.policy.hash,
        snapshot_id=empty.snapshot_id,
        claim=claim.digest,
        logseq=logseq,
        declared=tuple(sorted(each.sha256 for each in outputs if each.sha256 not in again)),
        seed=founding.seed or None,
        records=records,
        rehearsal=asked.rehearsal,
    )


def _read_back(disk: Disk, store: StorePaths, domain: Domain, founding: Founding) -> tuple[Finding, ...]:
    new, asked = founding.new, founding.new.asked
    findings = check_domain(
        disk, store, domain.paths, new.domain_id, trusted=asked.roots, rehearsal=asked.rehearsal
    ).findings
    for finding in findings:
        if not finding.ok:
            raise Damaged(f"what was written reads back otherwise: {finding.detail}", check_id=finding.check_id)
    return findings


def _head(head: Checkpoint) -> Head:
    return Head(head.size, head.root.hex())


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
