"""ASL/POLICY-HASH/1: a domain's policy, the canonical bytes that its hash is taken of, and the JSON view of it.

The hash is of the binary form and never of the JSON text, so that the view may be printed, carried and compared
without being what is believed.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from functools import cached_property
from typing import Literal

from asl_authority.errors import Malformed
from asl_authority.values.big_endian import BytesReader, text_be, u32_be
from asl_authority.values.canonical import Limits
from asl_authority.values.finding import Finding
from asl_authority.values.frozen import frozen
from asl_authority.values.identifiers import DOMAIN_ID, U32
from asl_authority.values.kinds import Kind
from asl_authority.values.roles import Role, role_set
from asl_authority.values.rules import Rule

PAPER = "ASL/POLICY-HASH/1"

RULES = (
    Rule("POLICY-SCHEMA", PAPER, "S", "Every member of the five sections is present, with its type; none other is."),
    Rule("POLICY-RESERVED", PAPER, "S", "reserved0 is 0."),
    Rule(
        "POLICY-BYTES",
        PAPER,
        "S",
        "The canonical bytes have fixed order, big-endian integers, booleans 0x00 or 0x01, sorted arrays without"
        " repeats behind a u32 count, strings behind a u32 length, roles as the bytes 1 to 5 in the order of"
        " ASL/DAM/1; nothing is left out and nothing follows. (Counts, lengths and role bytes are our choice.)",
    ),
    Rule(
        "POLICY-HASH-EQUAL",
        PAPER,
        "S",
        "Whoever speaks of a domain's policy (DAM, certificate, request, policy.hash) says the SHA-256 of its"
        " canonical bytes.",
    ),
    Rule("POLICY-HASH-FILE", PAPER, "C", "policy.hash is 64 lower-case hexadecimal digits and a line feed."),
    Rule("POLICY-ROLE-ALLOWED", PAPER, "S", "Who publishes or executes has an allowed role; an empty list has none."),
)  # fmt: skip

MOST_DOMAINS = 4096
KIND = Kind("policy", limits=Limits(size=1 << 20, depth=4, count=MOST_DOMAINS + 64))

_HASH_FILE = re.compile(rb"(?:sha256:)?([0-9a-f]{64})\n")


@frozen
class PublicationPolicy:
    """Who may publish, and what that takes."""

    require_signature: bool
    allowed_roles: tuple[Role, ...]
    snapshot_required: bool

    def __post_init__(self) -> None:
        object.__setattr__(self, "allowed_roles", role_set(self.allowed_roles))


@frozen
class ExecutionPolicy:
    """Who may execute, and what that takes; `per_signature_required` is about signed receipts."""

    per_signature_required: bool
    allowed_roles: tuple[Role, ...]
    deterministic_only: bool

    def __post_init__(self) -> None:
        object.__setattr__(self, "allowed_roles", role_set(self.allowed_roles))


@frozen
class FederationPolicy:
    """What may be exported, and which domains' exports are believed."""

    export_published_only: bool
    require_snapshot: bool
    trusted_domains: tuple[str, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "trusted_domains", tuple(sorted(set(self.trusted_domains))))


@frozen
class RetentionPolicy:
    """What may be thrown away; `min_snapshot_retention` is a number of snapshots."""

    gc_unpublished_allowed: bool
    min_snapshot_retention: int


@frozen
class VisibilityPolicy:
    """What others see, and may change."""

    internal_hidden: bool
    published_read_only: bool


@frozen
class DomainPolicy:
    """The constraints of one domain. `version` counts its policies, beginning with 1."""

    version: int
    publication: PublicationPolicy
    execution: ExecutionPolicy
    federation: FederationPolicy
    retention: RetentionPolicy
    visibility: VisibilityPolicy

    def to_bytes(self) -> bytes:
        """The JSON view: `policies/policy-<hash>.json`."""
        return KIND.body(
            {
                "version": self.version,
                "publication_policy": {
                    "require_signature": self.publication.require_signature,
                    "allowed_roles": list(self.publication.allowed_roles),
                    "snapshot_required": self.publication.snapshot_required,
                },
                "execution_policy": {
                    "per_signature_required": self.execution.per_signature_required,
                    "allowed_roles": list(self.execution.allowed_roles),
                    "deterministic_only": self.execution.deterministic_only,
                },
                "federation_policy": {
                    "export_published_only": self.federation.export_published_only,
                    "require_snapshot": self.federation.require_snapshot,
                    "trusted_domains": list(self.federation.trusted_domains),
                },
                "retention_policy": {
                    "gc_unpublished_allowed": self.retention.gc_unpublished_allowed,
                    "min_snapshot_retention": self.retention.min_snapshot_retention,
                },
                "visibility_policy": {
                    "internal_hidden": self.visibility.internal_hidden,
                    "published_read_only": self.visibility.published_read_only,
                },
                "reserved0": 0,
            }
        )

    def hashed_bytes(self) -> bytes:
        """The canonical bytes of the paper, of which the hash is taken."""
        return b"".join(
            (
                u32_be(self.version),
                _bool(self.publication.require_signature),
                _roles(self.publication.allowed_roles),
                _bool(self.publication.snapshot_required),
                _bool(self.execution.per_signature_required),
                _roles(self.execution.allowed_roles),
                _bool(self.execution.deterministic_only),
                _bool(self.federation.export_published_only),
                _bool(self.federation.require_snapshot),
                _strings(self.federation.trusted_domains),
                _bool(self.retention.gc_unpublished_allowed),
                u32_be(self.retention.min_snapshot_retention),
                _bool(self.visibility.internal_hidden),
                _bool(self.visibility.published_read_only),
                u32_be(0),
            )
        )

    @cached_property
    def hash(self) -> str:
        """The policy hash: SHA-256 (hex) of the canonical bytes."""
        return hashlib.sha256(self.hashed_bytes()).hexdigest()


def read_policy(data: bytes) -> DomainPolicy:
    """The policy in a JSON view. Raises Malformed."""
    sections = ("publication_policy", "execution_policy", "federation_policy", "retention_policy", "visibility_policy")
    top = KIND.read(data, ("version", *sections, "reserved0"))
    if top.integer("reserved0", most=U32) != 0:
        raise Malformed("policy.reserved0 is not 0", check_id="POLICY-RESERVED")
    publication = top.within(sections[0], ("require_signature", "allowed_roles", "snapshot_required"))
    execution = top.within(sections[1], ("per_signature_required", "allowed_roles", "deterministic_only"))
    federation = top.within(sections[2], ("export_published_only", "require_snapshot", "trusted_domains"))
    retention = top.within(sections[3], ("gc_unpublished_allowed", "min_snapshot_retention"))
    visibility = top.within(sections[4], ("internal_hidden", "published_read_only"))
    return DomainPolicy(
        top.integer("version", 1, U32),
        PublicationPolicy(
            publication.flag("require_signature"),
            publication.choices("allowed_roles", Role),
            publication.flag("snapshot_required"),
        ),
        ExecutionPolicy(
            execution.flag("per_signature_required"),
            execution.choices("allowed_roles", Role),
            execution.flag("deterministic_only"),
        ),
        FederationPolicy(
            federation.flag("export_published_only"),
            federation.flag("require_snapshot"),
            federation.texts("trusted_domains", DOMAIN_ID, MOST_DOMAINS),
        ),
        RetentionPolicy(
            retention.flag("gc_unpublished_allowed"),
            retention.integer("min_snapshot_retention", most=U32),
        ),
        VisibilityPolicy(visibility.flag("internal_hidden"), visibility.flag("published_read_only")),
    )


def read_hashed_bytes(data: bytes) -> DomainPolicy:
    """The policy in canonical bytes. Raises Malformed."""
    at = _Reader(data, "policy bytes", "POLICY-BYTES")
    policy = DomainPolicy(
        at.u32(),
        PublicationPolicy(at.bool(), at.roles(), at.bool()),
        ExecutionPolicy(at.bool(), at.roles(), at.bool()),
        FederationPolicy(at.bool(), at.bool(), at.domains()),
        RetentionPolicy(at.bool(), at.u32()),
        VisibilityPolicy(at.bool(), at.bool()),
    )
    if at.u32() != 0:
        raise Malformed("reserved0 is not 0", check_id="POLICY-RESERVED")
    at.end()
    if policy.version < 1:
        raise Malformed("policy bytes: version 0", check_id="POLICY-BYTES")
    return policy


def read_hash_file(data: bytes) -> str:
    """The policy hash in a policy.hash file; it may be written with `sha256:` before it. Raises Malformed."""
    found = _HASH_FILE.fullmatch(data)
    if found is None:
        raise Malformed("policy.hash: expected 64 hexadecimal digits and a line feed", check_id="POLICY-HASH-FILE")
    return found[1].decode()


def hash_file(policy_hash: str) -> bytes:
    """The bytes of a policy.hash file."""
    return f"{policy_hash}\n".encode()


def check_hash_equal(policy: DomainPolicy, said: Mapping[str, str]) -> Finding:
    """POLICY-HASH-EQUAL: everyone in `said` (who speaks, the hash that it says) means this policy."""
    others = [f"{who} says {hash_}" for who, hash_ in said.items() if hash_ != policy.hash]
    return Finding("POLICY-HASH-EQUAL", not others, "; ".join((f"the policy is {policy.hash}", *others)))


def check_role_allowed(policy: DomainPolicy, act: Literal["publish", "execute"], role: Role) -> Finding:
    """POLICY-ROLE-ALLOWED: this role may publish or execute."""
    allowed = policy.publication.allowed_roles if act == "publish" else policy.execution.allowed_roles
    words = ", ".join(allowed) or "nobody"
    return Finding("POLICY-ROLE-ALLOWED", role in allowed, f"{role} wants to {act}; allowed: {words}")


def _bool(value: bool) -> bytes:
    return b"\1" if value else b"\0"


def _roles(roles: tuple[Role, ...]) -> bytes:
    return u32_be(len(roles)) + bytes(sorted(role.code for role in roles))


def _strings(texts: tuple[str, ...]) -> bytes:
    return u32_be(len(texts)) + b"".join(text_be(text) for text in texts)


class _Reader(BytesReader):
    """Takes canonical bytes from the front."""

    def bool(self) -> bool:
        byte = self.take(1)
        if byte not in (b"\0", b"\1"):
            raise self.wrong("expected 0x00 or 0x01")
        return byte == b"\1"

    def roles(self) -> tuple[Role, ...]:
        codes = self.take(self.count(1, len(Role)))
        by_code = {role.code: role for role in Role}
        if list(codes) != sorted(set(codes)) or not by_code.keys() >= set(codes):
            raise self.wrong("expected sorted role bytes, each once")
        return role_set(by_code[code] for code in codes)

    def domains(self) -> tuple[str, ...]:
        found = tuple(self.text(128) for _ in range(self.count(5, MOST_DOMAINS)))
        if list(found) != sorted(set(found)) or not all(DOMAIN_ID.fullmatch(each) for each in found):
            raise self.wrong("expected sorted ids of domains, each once")
        return found
