"""What an operation would do, as data: its artifacts, records, receipt and signatures, found by trying it in memory.

It is done twice, with signatures that are none and differ: whatever comes out the same does not depend on them, and is
said; whatever does not is null, for only the keys can say it. So nothing has to be told twice, here and by the verb.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from asl_authority.operations.act import Act, Standing, expect_may_act, held_for, work
from asl_authority.operations.founding import Founding, found_domain
from asl_authority.operations.gate import Gate
from asl_authority.operations.genesis import USES, key_names
from asl_authority.storage import durable, layout
from asl_authority.storage.disk import Disk
from asl_authority.storage.domains import HOST, create_directories, entries_of, read_log
from asl_authority.storage.layout import DomainPaths
from asl_authority.storage.trial_disk import TrialDisk
from asl_authority.values.canonical import read_canonical
from asl_authority.values.dsse import payload_type_of, read_envelope
from asl_authority.values.ed25519 import KEY_BYTES, SIGNATURE_BYTES, PublicKey, SecretKey, Signer
from asl_authority.values.levels import Level, key_name, signer_of
from asl_authority.values.log_entry import LIMITS as ENTRY
from asl_authority.values.log_entry import Entry
from asl_authority.values.public_key_file import MOST_BYTES, read_public_key_file
from asl_authority.values.receipt import LIMITS, PAYLOAD_TYPE, REHEARSAL_TYPE
from asl_authority.values.signed_note import NoteKey, NoteSigner

# Two fillings of what will be a signature; nothing but that they differ matters.
FILLINGS = (1, 2)
CHECKPOINT = "checkpoint"
MOST_RECEIPT = 8 << 20
UNKNOWN = "?"
_DIGEST = re.compile(r"[0-9a-f]{64}", re.ASCII)


@dataclass
class Asked:
    """Who is asked to sign, and what, in that order; `filling` stands for every signature."""

    filling: int
    signatures: list[dict[str, object]] = field(default_factory=list)

    def note(self, name: str, public: PublicKey, message: bytes) -> None:
        """Somebody is asked."""
        kind, digest = payload_type_of(message) or CHECKPOINT, hashlib.sha256(message).hexdigest()
        self.signatures.append({"key": name, "key_id": public.key_id, "signs": kind, "sha256": digest})


@dataclass(frozen=True)
class Pretender:
    """Stands for a key that is not opened: it notes what it is asked to sign, and signs nothing."""

    name: str
    public: PublicKey
    asked: Asked

    def sign(self, message: bytes) -> bytes:
        """No signature, of the length of one."""
        self.asked.note(self.name, self.public, message)
        return bytes([self.asked.filling]) * SIGNATURE_BYTES


@dataclass(frozen=True)
class LogPretender:
    """Stands for a log's key: the log reads back and verifies its own heads, so those of a trial have a key too."""

    stands_for: PublicKey
    asked: Asked

    @property
    def _key(self) -> SecretKey:
        return SecretKey(bytes([self.asked.filling]) * KEY_BYTES)

    @property
    def public(self) -> PublicKey:
        """A key that everybody knows, and that counts nowhere but in this memory."""
        return self._key.public

    def sign(self, message: bytes) -> bytes:
        """A signature of that key."""
        self.asked.note("log", self.stands_for, message)
        return self._key.sign(message)


@dataclass(frozen=True)
class PretendedKeys:
    """Stands for the keys of a new domain, by their names."""

    by_name: Mapping[str, PublicKey]
    asked: Asked

    def signer(self, name: str, *, rehearsal: bool) -> Signer:
        """What stands for the key, limited as that would be."""
        return pretender(name, self.by_name[name], self.asked, rehearsal=rehearsal)

    def public(self, name: str) -> PublicKey:
        """The public half of the key."""
        return self.by_name[name]


def pretender(name: str, public: PublicKey, asked: Asked, *, rehearsal: bool) -> Signer:
    """What stands for one of a domain's keys; it is asked for nothing that the key's level may not sign."""
    stands = LogPretender(public, asked) if name == "log" else Pretender(name, public, asked)
    return signer_of(USES[name].level, stands, rehearsal=rehearsal)


def plan_act(standing: Standing, act: Act, gate: Gate) -> dict[str, object]:
    """The plan of an operation, for machines. Raises Refused for what carrying it out would refuse, Busy, IoFailed."""
    expect_may_act(standing, act)
    first, second = (_tried(standing, act, gate, Asked(filling)) for filling in FILLINGS)
    return _plan(first, second)


def _tried(standing: Standing, act: Act, gate: Gate, asked: Asked) -> dict[str, object]:
    source = standing.source
    disk, log_key = TrialDisk(source.disk), standing.report.authority.log_key
    trying = replace(standing, source=replace(source, disk=disk))
    signers: dict[str, Signer] = {}
    for name in act.all_keys:
        file = durable.read(disk, source.paths.root / layout.public_key_name(name), MOST_BYTES)
        signers[name] = pretender(name, read_public_key_file(file), asked, rehearsal=standing.rehearsal)
    note, known = NoteSigner(source.origin, signers["log"]), NoteKey(source.origin, log_key)
    with held_for(trying, gate, note, (known,)) as domain:
        work(domain, trying, act, gate, signers, pretend=lambda name, public: Pretender(name, public, asked))
    return _said(disk, source.paths, source.origin, standing.report.head.size, asked, rehearsal=standing.rehearsal)


def plan_founding(disk: Disk, root: Path, founding: Founding, roots: Sequence[PublicKey]) -> dict[str, object]:
    """The plan of a new domain, whatever of it is signed by now; `roots` are those that sign what is not.

    Its keys are only named in it, none is opened: what `founding` has of them, and of files at rest, is left unread.
    Raises Refused for what founding it would refuse, Busy, IoFailed.
    """
    first, second = (_tried_founding(disk, root, founding, roots, Asked(filling)) for filling in FILLINGS)
    return _plan(first, second)


def _tried_founding(
    below: Disk, root: Path, founding: Founding, roots: Sequence[PublicKey], asked: Asked
) -> dict[str, object]:
    new, disk = founding.new, TrialDisk(below)
    names = key_names(dam_signer=new.asked.dam_signer)
    keys = PretendedKeys(dict(zip(names, (each.body.subject_pubkey for each in new.requests), strict=True)), asked)
    holders = [
        signer_of(Level.ROOT, Pretender(key_name(Level.ROOT), each, asked), rehearsal=new.asked.rehearsal)
        for each in roots
    ]
    if not all(each.envelope.signatures for each in new.certificates):
        new = replace(new, certificates=tuple(each.signed_by(*holders) for each in new.certificates))
    if not new.dam.envelope.signatures:
        new = replace(new, dam=new.dam.signed_by(keys.signer("root", rehearsal=new.asked.rehearsal)))
    # Of another length each time: how long a key at rest will be is not known before it is sealed.
    sealed = founding.sealed or {name: name.encode() * asked.filling for name in names}
    store = create_directories(disk, root)
    found_domain(disk, store, replace(founding, new=new, keys=keys, sealed=sealed), trial=True)
    paths = store.host if new.domain_id == HOST else store.domain(new.domain_id)
    return _said(disk, paths, new.origin, 0, asked, rehearsal=new.asked.rehearsal)


def _said(
    disk: Disk, paths: DomainPaths, origin: str, before: int, asked: Asked, *, rehearsal: bool
) -> dict[str, object]:
    """All that one trial has left; its log had `before` records. An operation ends with its receipt."""
    kind = REHEARSAL_TYPE if rehearsal else PAYLOAD_TYPE
    entries = [(logseq, entry) for logseq, entry in entries_of(read_log(disk, paths, origin)) if logseq > before]
    logseq, last = entries[-1]
    envelope = read_envelope(durable.read(disk, paths.root / layout.receipt_name(logseq), MOST_RECEIPT), kind, LIMITS)
    statement = read_canonical(envelope.payload, LIMITS)
    return {
        "artifacts": _artifacts(disk, paths, [entry for _, entry in entries]),
        "records": [{"logseq": number, "entry": read_canonical(entry.to_bytes(), ENTRY)} for number, entry in entries],
        "receipt": {"per_artifact_id": last.facts["per_artifact_id"], "statement": statement},
        "signatures": asked.signatures,
        "size": logseq,
    }


def _artifacts(disk: Disk, paths: DomainPaths, entries: Iterable[Entry]) -> list[dict[str, object]]:
    """What the records name, each path once, with its size."""
    named: dict[Path, str] = {}
    for entry in entries:
        named |= {paths.root / name: digest for name, digest in entry.files.items()}
        named |= {paths.block(block_id): block_id for block_id in entry.blocks}
    found = [(str(path.relative_to(paths.root)), path, digest) for path, digest in named.items()]
    return [
        {"path": name, "sha256": digest, "size": durable.size_of(disk, path)} for name, path, digest in sorted(found)
    ]


def _plan(first: Mapping[str, object], second: Mapping[str, object]) -> dict[str, object]:
    return {name: common(value, second[name]) for name, value in first.items()}


def common(one: object, other: object) -> object:
    """What two tellings of the same have in common; null stands for what differs, and ? for a digest within a name.

    Lists have the same length, and what is sorted by digest may stand elsewhere in the other: what is equal stays where
    it is in `one`, and the rest is paired as it comes. Members by names that differ are paired by the rest of these.
    """
    if isinstance(one, dict) and isinstance(other, dict):
        masked = {_masked(name): value for name, value in other.items() if name not in one}
        same = {name: common(value, other[name]) for name, value in one.items() if name in other}
        names = {name: _masked(name) for name in one if name not in other}
        return same | {mask: common(one[name], masked.get(mask)) for name, mask in names.items()}
    if isinstance(one, list) and isinstance(other, list):
        rest = [each for each in other if each not in one]
        return [each if each in other else common(each, rest.pop(0) if rest else None) for each in one]
    if isinstance(one, str) and isinstance(other, str) and _masked(one) == _masked(other) != UNKNOWN:
        return one if one == other else _masked(one)
    return one if one == other else None


def _masked(text: str) -> str:
    return _DIGEST.sub(UNKNOWN, text)
