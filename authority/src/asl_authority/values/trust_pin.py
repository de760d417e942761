"""ASL/AUTH/1, trust pins: what a host believes of another domain since it admitted it; local, explicit, one-way."""

from __future__ import annotations

from dataclasses import dataclass

from asl_authority.errors import Malformed
from asl_authority.values.admission import STATE_AFTER, AdmissionRecord
from asl_authority.values.canonical import Limits
from asl_authority.values.dam import Dam
from asl_authority.values.finding import Finding
from asl_authority.values.identifiers import DOMAIN_ID
from asl_authority.values.kinds import Kind
from asl_authority.values.rules import Rule

PAPER = "ASL/AUTH/1"

RULES = (
    Rule("TRUST-PIN-SCHEMA", PAPER, "S", "A pin has a domain's id, the hash of its policy, and its root keys' ids."),
    Rule("TRUST-PIN-ROOTS", PAPER, "C", "A pin has at least one root key; a key's id is its fingerprint."),
    Rule("TRUST-PIN-HOLDS", PAPER, "S", "A DAM of a pinned domain has a pinned root key and the pinned policy."),
)  # fmt: skip

MOST_ROOTS = 16
KIND = Kind("trust-pin", limits=Limits(size=1 << 13, depth=3, count=64))


@dataclass(frozen=True)
class TrustPin:
    """What is believed of one domain. That it believes anything of us is not said."""

    domain_id: str
    policy_hash: str
    root_key_fingerprints: tuple[str, ...]

    def __post_init__(self) -> None:
        """Sorts the fingerprints. Raises Malformed when there is none."""
        if not self.root_key_fingerprints:
            raise Malformed("a pin without a root key", check_id="TRUST-PIN-ROOTS")
        object.__setattr__(self, "root_key_fingerprints", tuple(sorted(set(self.root_key_fingerprints))))

    def to_bytes(self) -> bytes:
        """Its canonical bytes. It is local, and so is not signed."""
        return KIND.body(
            {
                "domain_id": self.domain_id,
                "policy_hash": self.policy_hash,
                "root_key_fingerprints": list(self.root_key_fingerprints),
            }
        )


def read_pin(data: bytes) -> TrustPin:
    """The pin in `data`. Raises Malformed."""
    fields = KIND.read(data, ("domain_id", "policy_hash", "root_key_fingerprints"))
    return TrustPin(
        fields.text("domain_id", DOMAIN_ID),
        fields.sha256("policy_hash"),
        fields.digests("root_key_fingerprints", MOST_ROOTS),
    )


def make_pin(record: AdmissionRecord, dam: Dam) -> TrustPin:
    """The pin of an admitted domain. Raises ValueError when it was not admitted, or with another DAM."""
    if record.decision not in STATE_AFTER or record.dam_hash != dam.hash:
        raise ValueError("only a domain that was admitted with this DAM is pinned")
    return TrustPin(dam.domain_id, dam.policy_hash, (dam.root_key.key_id,))


def check_pin(pin: TrustPin, dam: Dam) -> Finding:
    """TRUST-PIN-HOLDS: this DAM is one of the domain that was pinned. A new root key or policy is admitted first."""
    same = (pin.domain_id, pin.policy_hash) == (dam.domain_id, dam.policy_hash)
    known = dam.root_key.key_id in pin.root_key_fingerprints
    words = f"{dam.domain_id}, policy {dam.policy_hash}, root key {dam.root_key.key_id}"
    return Finding("TRUST-PIN-HOLDS", same and known, f"{words}{'' if same and known else ': not as pinned'}")
