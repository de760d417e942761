"""Samples of policies: both forms of each, and what is wrong with others."""

from __future__ import annotations

import json
from dataclasses import replace

from asl_authority.values.roles import Role
from support.domains import POLICY, Cases
from support.published import Vectors, changed

VIEW = "policy.read_policy"
BYTES = "policy.read_hashed_bytes"


def vectors() -> Vectors:
    """The published ones."""
    made = Cases("ASL/POLICY-HASH/1")
    empty = replace(
        POLICY,
        version=2**32 - 1,
        publication=replace(POLICY.publication, allowed_roles=(), require_signature=False),
        execution=replace(POLICY.execution, allowed_roles=tuple(Role)),
        federation=replace(POLICY.federation, trusted_domains=()),
    )
    for name, policy in (("one role, two domains", POLICY), ("no role, all roles, no domain", empty)):
        made.add(name, VIEW, policy.to_bytes(), policy_hash=policy.hash)
        canonical = policy.to_bytes().decode()
        made.add(name, BYTES, policy.hashed_bytes(), policy_hash=policy.hash, canonical=canonical)
    view, data = POLICY.to_bytes(), POLICY.hashed_bytes()
    roles = {**json.loads(view)["publication_policy"], "allowed_roles": ["publish", "federate"]}
    made.refuse("POLICY-SCHEMA", "a section is missing", VIEW, changed(view, visibility_policy=None))
    made.refuse("POLICY-SCHEMA", "an unknown member", VIEW, changed(view, note="x"))
    made.refuse("POLICY-SCHEMA", "roles out of order", VIEW, changed(view, publication_policy=roles))
    unknown = {**roles, "allowed_roles": ["root"]}
    made.refuse("POLICY-SCHEMA", "an unknown role", VIEW, changed(view, publication_policy=unknown))
    made.refuse("POLICY-SCHEMA", "another type", VIEW, changed(view, type="asl.policy/2"))
    made.refuse("POLICY-SCHEMA", "version 0", VIEW, changed(view, version=0))
    made.refuse("POLICY-RESERVED", "reserved0 is 1", VIEW, changed(view, reserved0=1))
    made.refuse("JSON-CANONICAL", "a blank too many", VIEW, view.replace(b":", b": ", 1))
    made.refuse("POLICY-RESERVED", "reserved0 is 1", BYTES, data[:-1] + b"\1")
    made.refuse("POLICY-BYTES", "a byte follows", BYTES, data + b"\0")
    made.refuse("POLICY-BYTES", "a byte is missing", BYTES, data[:-1])
    made.refuse("POLICY-BYTES", "a boolean of 2", BYTES, data[:4] + b"\2" + data[5:])
    made.refuse("POLICY-BYTES", "roles out of order", BYTES, data[:9] + bytes((4, 3)) + data[11:])
    made.refuse("POLICY-BYTES", "a role twice", BYTES, data[:9] + bytes((3, 3)) + data[11:])
    made.refuse("POLICY-BYTES", "an unknown role", BYTES, data[:9] + bytes((3, 6)) + data[11:])
    made.refuse("POLICY-BYTES", "version 0", BYTES, bytes(4) + data[4:])
    made.refuse("POLICY-BYTES", "a domain with a slash", BYTES, data.replace(b"other.", b"other/"))
    common, other = b"\0\0\0\6common", b"\0\0\0\x0dother.example"
    made.refuse("POLICY-BYTES", "domains out of order", BYTES, data.replace(common + other, other + common))
    made.refuse("POLICY-BYTES", "a domain twice", BYTES, data.replace(common + other, common + common))
    made.refuse("POLICY-BYTES", "a count of 2^32-1", BYTES, data[:5] + b"\xff" * 4 + data[9:])
    return made.vectors()
