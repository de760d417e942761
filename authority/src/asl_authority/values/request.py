"""ASL/OCS/1, requests: what a domain asks the offline roots to certify, and what is looked at before they sign."""

from __future__ import annotations

from enum import StrEnum

from asl_authority.errors import Malformed
from asl_authority.values.canonical import Limits
from asl_authority.values.dsse import check_signatures
from asl_authority.values.ed25519 import PublicKey
from asl_authority.values.finding import Finding
from asl_authority.values.frozen import frozen
from asl_authority.values.identifiers import DOMAIN_ID
from asl_authority.values.kinds import Kind
from asl_authority.values.policy import DomainPolicy, check_hash_equal
from asl_authority.values.roles import Role, role_set
from asl_authority.values.rootset import RootSet
from asl_authority.values.rules import Rule
from asl_authority.values.signed import Signed

PAPER = "ASL/OCS/1"

RULES = (
    Rule("AUTHORITY-REQUEST-SCHEMA", PAPER, "S", "A request says whose key is to be certified as what, and for whom."),
    Rule("REQUEST-ROLES", PAPER, "S", "A request for a principal names roles, any other (a domain's root) none."),
    Rule("REQUEST-POSSESSION", PAPER, "C", "A request is signed by the key that it is about."),
    Rule("REQUEST-NOT-A-ROOT", PAPER, "C", "The key is none of the roots: those certify and are not certified."),
)  # fmt: skip

KIND = Kind("authority-request", limits=Limits(size=1 << 14, depth=4, count=64))


class SubjectType(StrEnum):
    """What a key is certified as. The last two are ours: the paper has no key for a log or for X.509.

    A log key signs the checkpoints of its domain's log, and nothing else; an X.509 key signs the X.509 certificates
    that are exported from a domain, and nothing else. Both are certified like principals, without roles.
    """

    DOMAIN_ROOT = "domain_root"
    PRINCIPAL = "principal"
    LOG = "log"
    X509 = "x509"


@frozen
class AuthorityRequest:
    """What is asked for: this key, as that, for this domain under that policy."""

    subject_type: SubjectType
    subject_pubkey: PublicKey
    domain_id: str
    roles: tuple[Role, ...]
    policy_hash: str

    def __post_init__(self) -> None:
        """Sorts the roles. Raises Malformed when they do not go with the subject."""
        expect_roles(self.subject_type, self.roles, "REQUEST-ROLES")
        object.__setattr__(self, "roles", role_set(self.roles))

    def to_bytes(self) -> bytes:
        """Its canonical bytes, which the subject's key signs."""
        return KIND.body(
            {
                "subject_type": self.subject_type,
                "subject_pubkey": self.subject_pubkey.text,
                "domain_id": self.domain_id,
                "roles": list(self.roles),
                "policy_hash": self.policy_hash,
            }
        )


def expect_roles(subject_type: SubjectType, roles: tuple[Role, ...], check_id: str) -> None:
    """Demand roles for a principal and none for others. Raises Malformed with `check_id`."""
    if (subject_type is SubjectType.PRINCIPAL) != bool(roles):
        words = "a principal without a role" if not roles else f"{subject_type} with roles"
        raise Malformed(words, check_id=check_id)


def read_request(data: bytes) -> AuthorityRequest:
    """The request in `data`. Raises Malformed; no signature is looked at."""
    fields = KIND.read(data, ("subject_type", "subject_pubkey", "domain_id", "roles", "policy_hash"))
    return AuthorityRequest(
        fields.choice("subject_type", SubjectType),
        fields.public_key("subject_pubkey"),
        fields.text("domain_id", DOMAIN_ID),
        fields.choices("roles", Role),
        fields.sha256("policy_hash"),
    )


def check_request(
    request: Signed[AuthorityRequest], roots: RootSet | None, policy: DomainPolicy
) -> tuple[Finding, ...]:
    """What must hold before a root signs: possession, no root as a subject, and the policy that was shown.

    Who asks may not know the roots; who certifies does.
    """
    asked, key = request.body, request.body.subject_pubkey
    signed = check_signatures(request.envelope, {key.key_id: key})
    return (
        Finding("REQUEST-POSSESSION", all(each.ok for each in signed), f"{key.key_id}: {signed[0].detail}"),
        *(() if roots is None else (check_no_root("REQUEST-NOT-A-ROOT", key, roots),)),
        check_hash_equal(policy, {"the request": asked.policy_hash}),
    )


def check_no_root(check_id: str, key: PublicKey, roots: RootSet) -> Finding:
    """By whichever rule, that roots are no subjects: what they certify signs what they may not."""
    held = roots.holds(key)
    return Finding(check_id, not held, f"{key.key_id}{' is one of the roots itself' if held else ''}")
