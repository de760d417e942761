"""Samples of trust pins, and what is wrong with others."""

from __future__ import annotations

from asl_authority.values.trust_pin import TrustPin, make_pin
from support.domains import DOMAIN, POLICY, Cases, admission_record, dam
from support.published import Vectors, changed

READ = "trust_pin.read_pin"


def vectors() -> Vectors:
    """The published ones."""
    made = Cases("ASL/AUTH/1, trust pins")
    pin = make_pin(admission_record(), dam().body)
    made.add("one root key", READ, pin.to_bytes())
    made.add("two root keys", READ, TrustPin(DOMAIN, POLICY.hash, ("00" * 32, *pin.root_key_fingerprints)).to_bytes())
    body = pin.to_bytes()
    made.refuse("TRUST-PIN-SCHEMA", "no policy", READ, changed(body, policy_hash=None))
    made.refuse("TRUST-PIN-SCHEMA", "a key for a fingerprint", READ, changed(body, root_key_fingerprints=["AAAA"]))
    twice = ["00" * 32] * 2
    made.refuse("TRUST-PIN-SCHEMA", "a fingerprint twice", READ, changed(body, root_key_fingerprints=twice))
    made.refuse("TRUST-PIN-SCHEMA", "what they think of us", READ, changed(body, mutual=True))
    made.refuse("TRUST-PIN-ROOTS", "no root key", READ, changed(body, root_key_fingerprints=[]))
    return made.vectors()
