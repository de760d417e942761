"""ASL/OFFLINE-ROOT-TRUST/1: the offline roots of a host, what they may sign, and how one set follows another."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

from asl_authority.errors import Malformed
from asl_authority.values.canonical import Limits
from asl_authority.values.dsse import Envelope, check_signatures
from asl_authority.values.ed25519 import PublicKey, Signer
from asl_authority.values.fields import Fields
from asl_authority.values.finding import Finding
from asl_authority.values.frozen import frozen
from asl_authority.values.identifiers import DOMAIN_ID, U32
from asl_authority.values.kinds import Kind
from asl_authority.values.rules import Rule
from asl_authority.values.signed import LimitedSigner, Signed

PAPER = "ASL/OFFLINE-ROOT-TRUST/1"

RULES = (
    Rule("ROOT-SET-SCHEMA", PAPER, "S", "A root set has version, root_keys, threshold and reserved0."),
    Rule("ROOTSET-SIZE", PAPER, "C", "There are one to three root keys. (The paper recommends it; we demand it.)"),
    Rule("ROOTSET-KEYS-UNIQUE", PAPER, "S", "No root key is there twice; they are sorted: their order says nothing."),
    Rule("ROOTSET-THRESHOLD", PAPER, "S", "The threshold is at least 1 and no more than there are keys."),
    Rule("ROOTSET-RESERVED", PAPER, "S", "reserved0 is 0."),
    Rule("ROOTSET-QUORUM", PAPER, "S", "At least as many different root keys as the threshold says have signed."),
    Rule("ROOT-SIGNS-ONLY", PAPER, "S", "Roots sign certificates, rotations and ratifications of policies only."),
    Rule("ROOT-ROTATION-SCHEMA", PAPER, "C", "A rotation names the old set by its digest and carries the new one."),
    Rule("ROTATION-PREVIOUS", PAPER, "C", "A rotation goes out from the set that is held."),
    Rule("ROTATION-VERSION", PAPER, "C", "The new set's version is that of the old plus one."),
    Rule("ROTATION-OLD-SIGNED", PAPER, "S", "As many keys of the old set as its threshold says have signed."),
    Rule(
        "ROTATION-NEW-SIGNED",
        PAPER,
        "C",
        "So have as many of the new set as its own threshold says: whoever takes over has the keys. (The paper asks"
        " for the old set only; what satisfies both satisfies it.)",
    ),
    Rule("POLICY-RATIFIED", PAPER, "S", "Roots may ratify a domain's policy: then they speak of this one, and enough."),
    Rule("POLICY-RATIFICATION-SCHEMA", PAPER, "C", "A ratification names a domain and the hash of its policy."),
)  # fmt: skip

MOST_KEYS = 3
_SMALL = Limits(size=1 << 14, depth=4, count=64)

KIND = Kind("root-set", limits=_SMALL)
ROTATION = Kind("root-rotation", limits=_SMALL)
RATIFICATION = Kind("policy-ratification", limits=_SMALL)
# The paper of certificates is another; that roots sign them is a rule of this one.
CERTIFICATE = Kind("certificate", limits=_SMALL)
ROOT_SIGNS = (CERTIFICATE, ROTATION, RATIFICATION)


@frozen
class RootSet:
    """The roots that a domain trusts, an explicit set. `version` counts the sets, beginning with 1."""

    version: int
    root_keys: tuple[PublicKey, ...]
    threshold: int

    def __post_init__(self) -> None:
        """Sorts the keys. Raises Malformed for a set that is not valid."""
        if not 1 <= len(self.root_keys) <= MOST_KEYS:
            raise Malformed(f"{len(self.root_keys)} root keys, not 1 to {MOST_KEYS}", check_id="ROOTSET-SIZE")
        if len({key.raw for key in self.root_keys}) != len(self.root_keys):
            raise Malformed("a root key is there twice", check_id="ROOTSET-KEYS-UNIQUE")
        if not 1 <= self.threshold <= len(self.root_keys):
            words = f"a threshold of {self.threshold} with {len(self.root_keys)} keys"
            raise Malformed(words, check_id="ROOTSET-THRESHOLD")
        object.__setattr__(self, "root_keys", tuple(sorted(self.root_keys, key=lambda key: key.text)))

    def members(self) -> dict[str, Any]:
        """The members of its object."""
        return {
            "version": self.version,
            "root_keys": [key.text for key in self.root_keys],
            "threshold": self.threshold,
            "reserved0": 0,
        }

    def to_bytes(self) -> bytes:
        """Its canonical bytes."""
        return KIND.body(self.members())

    @property
    def digest(self) -> str:
        """What a snapshot or a rotation calls it by."""
        return hashlib.sha256(self.to_bytes()).hexdigest()

    def holds(self, key: PublicKey) -> bool:
        """Whether this is one of the roots."""
        return key in self.root_keys


@frozen
class Rotation:
    """One root set after another. `previous` is the digest of the old one."""

    previous: str
    new: RootSet

    def to_bytes(self) -> bytes:
        """Its canonical bytes, which both sets sign."""
        return ROTATION.body({"previous": self.previous, "new": {"type": KIND.type, **self.new.members()}})


@frozen
class Ratification:
    """The roots' word that this is the policy of that domain."""

    domain_id: str
    policy_hash: str

    def to_bytes(self) -> bytes:
        """Its canonical bytes, which the roots sign."""
        return RATIFICATION.body({"domain_id": self.domain_id, "policy_hash": self.policy_hash})


def read_root_set(data: bytes) -> RootSet:
    """The root set in `data`. Raises Malformed."""
    return _root_set(KIND.read(data, _NAMES))


def read_rotation(data: bytes) -> Rotation:
    """The rotation in `data`. Raises Malformed; no signature is looked at."""
    fields = ROTATION.read(data, ("previous", "new"))
    inner = fields.within("new", ("type", *_NAMES))
    if inner.value["type"] != KIND.type:
        raise inner.wrong("type", f"expected {KIND.type}")
    return Rotation(fields.sha256("previous"), _root_set(inner))


def read_ratification(data: bytes) -> Ratification:
    """The ratification in `data`. Raises Malformed; no signature is looked at."""
    fields = RATIFICATION.read(data, ("domain_id", "policy_hash"))
    return Ratification(fields.text("domain_id", DOMAIN_ID), fields.sha256("policy_hash"))


def check_root_signs(payload_type: str, *, rehearsal: bool = False) -> Finding:
    """ROOT-SIGNS-ONLY: an offline root may sign a payload of this type; asked before every use of a root key."""
    may = [kind.rehearsal_type if rehearsal else kind.payload_type for kind in ROOT_SIGNS]
    return Finding("ROOT-SIGNS-ONLY", payload_type in may, f"{payload_type}; an offline root signs {', '.join(may)}")


def root_signer(signer: Signer, *, rehearsal: bool = False) -> LimitedSigner:
    """A root key as the only thing that its holder hands out: it refuses what roots do not sign."""
    return LimitedSigner(signer, lambda payload_type: check_root_signs(payload_type, rehearsal=rehearsal))


def check_quorum(envelope: Envelope, roots: RootSet) -> Finding:
    """ROOTSET-QUORUM: enough of the roots have signed, and none of their signatures is wrong."""
    return _signed("ROOTSET-QUORUM", envelope, roots)


def check_rotation(rotation: Signed[Rotation], held: RootSet) -> tuple[Finding, ...]:
    """Whether a rotation leads from the held set to its own."""
    new, envelope = rotation.body.new, rotation.envelope
    old = rotation.body.previous
    return (
        Finding("ROTATION-PREVIOUS", old == held.digest, f"from {old}, held {held.digest}"),
        Finding("ROTATION-VERSION", new.version == held.version + 1, f"from {held.version} to {new.version}"),
        _signed("ROTATION-OLD-SIGNED", envelope, held),
        _signed("ROTATION-NEW-SIGNED", envelope, new),
    )


def check_ratified(
    ratification: Signed[Ratification], domain_id: str, policy_hash: str, roots: RootSet
) -> tuple[Finding, ...]:
    """Whether the roots have ratified this policy of this domain."""
    said = ratification.body
    same = (said.domain_id, said.policy_hash) == (domain_id, policy_hash)
    words = f"policy {said.policy_hash} of {said.domain_id}"
    return (
        Finding("POLICY-RATIFIED", same, words if same else f"{words}, not {policy_hash} of {domain_id}"),
        check_quorum(ratification.envelope, roots),
    )


def _signed(check_id: str, envelope: Envelope, roots: RootSet) -> Finding:
    findings = check_signatures(envelope, keys_by_id(roots.root_keys), roots.threshold)
    return Finding(check_id, all(each.ok for each in findings), "; ".join(each.detail for each in findings))


def keys_by_id(keys: Iterable[PublicKey]) -> dict[str, PublicKey]:
    """The keys under their computed ids, as signatures are looked up."""
    return {key.key_id: key for key in keys}


_NAMES = ("version", "root_keys", "threshold", "reserved0")


def _root_set(fields: Fields) -> RootSet:
    if fields.integer("reserved0", most=U32) != 0:
        raise Malformed("root-set.reserved0 is not 0", check_id="ROOTSET-RESERVED")
    keys = fields.public_keys("root_keys", 64)
    found = RootSet(fields.integer("version", 1, U32), keys, fields.integer("threshold", most=255))
    if found.root_keys != keys:
        raise Malformed("root keys are not sorted", check_id="ROOTSET-KEYS-UNIQUE")
    return found
