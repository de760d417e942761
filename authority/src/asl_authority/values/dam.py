"""ASL/DAM/1: a domain's authority manifest, who in it may do what, and everything that makes one valid."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

from asl_authority.errors import Malformed
from asl_authority.values.canonical import Limits
from asl_authority.values.certificate import Certificate, find_accepted
from asl_authority.values.dsse import Envelope, check_signatures
from asl_authority.values.ed25519 import PublicKey
from asl_authority.values.fields import Fields
from asl_authority.values.finding import Finding
from asl_authority.values.frozen import frozen
from asl_authority.values.identifiers import DOMAIN_ID, U32
from asl_authority.values.kinds import Kind
from asl_authority.values.policy import DomainPolicy, check_hash_equal
from asl_authority.values.request import SubjectType
from asl_authority.values.roles import Role, role_set
from asl_authority.values.rootset import RootSet
from asl_authority.values.rules import Rule
from asl_authority.values.signed import Signed

PAPER = "ASL/DAM/1"

RULES = (
    Rule("DAM-SCHEMA", PAPER, "S", "A DAM has the paper's members; the scope may be absent."),
    Rule("DAM-PRINCIPALS-UNIQUE", PAPER, "C", "Principals are sorted by principal_id, and none is there twice."),
    Rule("DAM-PRINCIPAL-ID", PAPER, "C", "principal_id is the key id of the principal's key, and is computed again."),
    Rule("DAM-PRINCIPAL-ROLES", PAPER, "C", "A principal has at least one of the five roles."),
    Rule("DAM-ROOT-APART", PAPER, "C", "The root key is no principal: it signs DAMs, and principals sign the rest."),
    Rule("DAM-SCOPE", PAPER, "C", "A scope that is there names a role; without one, all roles are in scope."),
    Rule("DAM-SIGNATURE", PAPER, "S", "The DAM is signed by its own root key. (Who signs is our choice.)"),
    Rule(
        "DAM-ROOT-CERTIFIED",
        PAPER,
        "S",
        "The root key has a certificate as this domain's root that the offline roots signed, as many as must.",
    ),
    Rule("DAM-VERSION", PAPER, "S", "A new DAM of a domain has a higher version than the one that is pinned."),
    Rule("DAM-REFERENCE", PAPER, "S", "The DAM's hash is the one that the snapshot refers to."),
    Rule("DAM-PRINCIPAL-LISTED", PAPER, "S", "Who acts is a principal of the DAM."),
    Rule("DAM-ROLE-HELD", PAPER, "S", "Who acts has the role that the act takes."),
    Rule("DAM-ACT-SIGNED", PAPER, "S", "What is done is signed, and no signature of a principal on it is wrong."),
    Rule("DAM-IN-SCOPE", PAPER, "S", "That role is within the scope of the DAM."),
)  # fmt: skip

MOST_PRINCIPALS = 1024
KIND = Kind("dam", limits=Limits(size=1 << 20, depth=6, count=16 * MOST_PRINCIPALS))


@frozen
class Principal:
    """A key and what it may do."""

    public_key: PublicKey
    roles: tuple[Role, ...]

    def __post_init__(self) -> None:
        """Sorts the roles. Raises Malformed when there is none."""
        if not self.roles:
            raise Malformed(f"principal {self.principal_id} has no role", check_id="DAM-PRINCIPAL-ROLES")
        object.__setattr__(self, "roles", role_set(self.roles))

    @property
    def principal_id(self) -> str:
        """The key id."""
        return self.public_key.key_id


@frozen
class Dam:
    """A domain's manifest. `version` counts its DAMs, beginning with 1; `scope` is None when all roles count."""

    domain_id: str
    version: int
    root_key: PublicKey
    principals: tuple[Principal, ...]
    policy_hash: str
    scope: tuple[Role, ...] | None = None

    def __post_init__(self) -> None:
        """Sorts principals and scope. Raises Malformed when the members do not go together."""
        ordered = tuple(sorted(self.principals, key=lambda each: each.principal_id))
        if len({each.principal_id for each in ordered}) != len(ordered):
            raise Malformed("a principal is there twice", check_id="DAM-PRINCIPALS-UNIQUE")
        if any(each.public_key == self.root_key for each in ordered):
            raise Malformed("the root key is a principal too", check_id="DAM-ROOT-APART")
        if self.scope == ():
            raise Malformed("the scope is empty", check_id="DAM-SCOPE")
        object.__setattr__(self, "principals", ordered)
        object.__setattr__(self, "scope", None if self.scope is None else role_set(self.scope))

    def to_bytes(self) -> bytes:
        """Its canonical bytes, which the root key signs: `dam/dam-<seq>.json`."""
        members: dict[str, Any] = {
            "domain_id": self.domain_id,
            "version": self.version,
            "root_key": self.root_key.text,
            "principals": [
                {"principal_id": each.principal_id, "public_key": each.public_key.text, "roles": list(each.roles)}
                for each in self.principals
            ],
            "policy_hash": self.policy_hash,
        }
        if self.scope is not None:
            members["scope"] = list(self.scope)
        return KIND.body(members)

    @property
    def hash(self) -> str:
        """SHA-256 (hex) of its canonical bytes: what snapshots and admissions refer to."""
        return hashlib.sha256(self.to_bytes()).hexdigest()

    @property
    def effective_scope(self) -> tuple[Role, ...]:
        """The roles that count."""
        return role_set(Role) if self.scope is None else self.scope

    def principal(self, key: PublicKey) -> Principal | None:
        """The principal with this key."""
        return next((each for each in self.principals if each.public_key == key), None)


def read_dam(data: bytes) -> Dam:
    """The DAM in `data`. Raises Malformed; no signature is looked at."""
    fields = KIND.read(data, ("domain_id", "version", "root_key", "principals", "policy_hash", "scope?"))
    names = ("principal_id", "public_key", "roles")
    principals = tuple(_read_principal(each) for each in fields.objects("principals", names, MOST_PRINCIPALS))
    found = Dam(
        fields.text("domain_id", DOMAIN_ID),
        fields.integer("version", 1, U32),
        fields.public_key("root_key"),
        principals,
        fields.sha256("policy_hash"),
        fields.choices("scope", Role) if fields.has("scope") else None,
    )
    if found.principals != principals:
        raise Malformed("principals are not sorted by principal_id", check_id="DAM-PRINCIPALS-UNIQUE")
    return found


def _read_principal(fields: Fields) -> Principal:
    said = fields.sha256("principal_id")
    found = Principal(fields.public_key("public_key"), fields.choices("roles", Role))
    if said != found.principal_id:
        raise Malformed(f"principal_id {said} is not that of the key", check_id="DAM-PRINCIPAL-ID")
    return found


def check_dam(
    dam: Signed[Dam],
    certificates: Iterable[Signed[Certificate]],
    roots: RootSet,
    policy: DomainPolicy,
    pinned: Dam | None,
) -> tuple[Finding, ...]:
    """Whether a DAM is valid, one finding a rule. `pinned` is the domain's DAM so far; None when it is the first."""
    root = dam.body.root_key
    signed = check_signatures(dam.envelope, {root.key_id: root})
    accepted, certified = check_root_certified(dam.body, certificates, roots)
    said = {"the DAM": dam.body.policy_hash}
    if accepted is not None:
        said["the certificate"] = accepted.policy_hash
    return (
        Finding("DAM-SIGNATURE", all(each.ok for each in signed), f"root key {root.key_id}: {signed[1].detail}"),
        certified,
        check_hash_equal(policy, said),
        *(() if pinned is None else (check_version(dam.body, pinned),)),
    )


def check_root_certified(
    dam: Dam, certificates: Iterable[Signed[Certificate]], roots: RootSet
) -> tuple[Certificate | None, Finding]:
    """DAM-ROOT-CERTIFIED, and the certificate that says so: one for the DAM's policy if there is one, or the newest."""
    subject = (SubjectType.DOMAIN_ROOT, dam.root_key, dam.domain_id)
    best = find_accepted(certificates, roots, subject, dam.policy_hash)
    words = f"root key {dam.root_key.key_id} of {dam.domain_id}: {'certified' if best else 'no certificate'}"
    return best, Finding("DAM-ROOT-CERTIFIED", best is not None, words)


def check_version(dam: Dam, pinned: Dam) -> Finding:
    """DAM-VERSION: it is a later one of the same domain."""
    later = dam.version > pinned.version and dam.domain_id == pinned.domain_id
    words = f"{dam.domain_id} version {dam.version}, pinned {pinned.domain_id} version {pinned.version}"
    return Finding("DAM-VERSION", later, words)


def check_reference(dam: Dam, referred: str | None) -> Finding:
    """DAM-REFERENCE: `referred` is the hash in the snapshot that the act belongs to; None when it has no such DAM."""
    same, said = dam.hash == referred, referred or f"nothing of DAM {dam.version}"
    return Finding("DAM-REFERENCE", same, dam.hash if same else f"the DAM is {dam.hash}, the snapshot says {said}")


def check_may(dam: Dam, key: PublicKey, role: Role) -> tuple[Finding, ...]:
    """Whether this key may act in this role under the DAM."""
    principal = dam.principal(key)
    held = principal.roles if principal else ()
    return (
        Finding(
            "DAM-PRINCIPAL-LISTED", principal is not None, f"key {key.key_id}{'' if principal else ' is no principal'}"
        ),
        Finding("DAM-ROLE-HELD", role in held, f"needs {role}, has {', '.join(held) or 'none'}"),
        Finding(
            "DAM-IN-SCOPE", role in dam.effective_scope, f"needs {role}, in scope {', '.join(dam.effective_scope)}"
        ),
    )


def check_act(envelope: Envelope, dam: Dam, role: Role) -> tuple[Finding, ...]:
    """Whether a principal that may act in this role has signed what is in the envelope."""
    signed = check_signatures(envelope, {each.principal_id: each.public_key for each in dam.principals})
    ids = [each.key_id for each in envelope.signatures]
    who = [each for each in dam.principals if each.principal_id in ids]
    if not who:
        return (Finding("DAM-PRINCIPAL-LISTED", False, f"signed by no principal, by {', '.join(ids) or 'nobody'}"),)
    able = next((each for each in who if role in each.roles), who[0])
    words = "; ".join(each.detail for each in signed)
    return (
        Finding("DAM-ACT-SIGNED", all(each.ok for each in signed), words),
        *check_may(dam, able.public_key, role),
    )
