"""ASL/OCS/1, certificates: the roots' word that a key is a domain's root, principal, log key or X.509 key."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from asl_authority.errors import Malformed
from asl_authority.values.ed25519 import PublicKey
from asl_authority.values.finding import Finding
from asl_authority.values.frozen import frozen, replace
from asl_authority.values.identifiers import DOMAIN_ID, U32
from asl_authority.values.request import AuthorityRequest, SubjectType, check_no_root, expect_roles
from asl_authority.values.roles import Role, role_set
from asl_authority.values.rootset import CERTIFICATE, RootSet, check_quorum
from asl_authority.values.rules import Rule
from asl_authority.values.signed import Signed

PAPER = "ASL/OCS/1"
KIND = CERTIFICATE

RULES = (
    Rule("CERTIFICATE-SCHEMA", PAPER, "S", "A certificate has the paper's eight members, and no date."),
    Rule("CERTIFICATE-ROLES", PAPER, "S", "Roles are empty for a domain's root (and for keys without any), else not."),
    Rule("CERTIFICATE-SUBJECT-ID", PAPER, "C", "subject_id is the key id of subject_pubkey, and is computed again."),
    Rule(
        "CERTIFICATE-ISSUER",
        PAPER,
        "C",
        "issued_by is one of the roots and has signed. Where several must sign, it is the one who issued; the envelope"
        " has all signatures, sorted by key id.",
    ),
    Rule("CERTIFICATE-NOT-A-ROOT", PAPER, "C", "The subject is none of the roots: what it signs, roots may not sign."),
    Rule(
        "LOG-KEY-CERTIFIED",
        PAPER,
        "C",
        "The key of a log's checkpoints has a certificate as that domain's log key, which roots sign like any other.",
    ),
    Rule(
        "PRINCIPAL-CERTIFIED",
        PAPER,
        "S",
        "A principal's key has a certificate for its domain and policy, with every role that it is given.",
    ),
    Rule(
        "CERTIFICATE-ISSUED",
        PAPER,
        "C",
        "The same request to the same issuer gives the same certificate; another one gets the next version.",
    ),
)  # fmt: skip


@frozen
class Certificate:
    """What the roots certify. `version` counts the certificates of one subject in one domain, beginning with 1."""

    subject_type: SubjectType
    subject_pubkey: PublicKey
    domain_id: str
    roles: tuple[Role, ...]
    policy_hash: str
    issued_by: PublicKey
    version: int

    def __post_init__(self) -> None:
        """Sorts the roles. Raises Malformed when they do not go with the subject."""
        expect_roles(self.subject_type, self.roles, "CERTIFICATE-ROLES")
        object.__setattr__(self, "roles", role_set(self.roles))

    @property
    def subject_id(self) -> str:
        """The key id of the subject."""
        return self.subject_pubkey.key_id

    def to_bytes(self) -> bytes:
        """Its canonical bytes, which the roots sign."""
        return KIND.body(
            {
                "subject_type": self.subject_type,
                "subject_id": self.subject_id,
                "subject_pubkey": self.subject_pubkey.text,
                "domain_id": self.domain_id,
                "roles": list(self.roles),
                "policy_hash": self.policy_hash,
                "issued_by": self.issued_by.text,
                "version": self.version,
            }
        )

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of its canonical bytes: `certs/cert-<digest>.json`."""
        return hashlib.sha256(self.to_bytes()).hexdigest()


def read_certificate(data: bytes) -> Certificate:
    """The certificate in `data`. Raises Malformed; no signature is looked at."""
    names = (
        "subject_type",
        "subject_id",
        "subject_pubkey",
        "domain_id",
        "roles",
        "policy_hash",
        "issued_by",
        "version",
    )
    fields = KIND.read(data, names)
    said = fields.sha256("subject_id")
    found = Certificate(
        fields.choice("subject_type", SubjectType),
        fields.public_key("subject_pubkey"),
        fields.text("domain_id", DOMAIN_ID),
        fields.choices("roles", Role),
        fields.sha256("policy_hash"),
        fields.public_key("issued_by"),
        fields.integer("version", 1, U32),
    )
    if said != found.subject_id:
        raise Malformed(f"subject_id {said} is not that of the key", check_id="CERTIFICATE-SUBJECT-ID")
    return found


def issue(request: AuthorityRequest, issued_by: PublicKey, earlier: Iterable[Certificate] = ()) -> Certificate:
    """The certificate for a request; `earlier` are those of the domain that there are.

    It is the newest of the subject's when that says the same, so that asking twice changes nothing.
    """
    wanted = Certificate(
        request.subject_type,
        request.subject_pubkey,
        request.domain_id,
        request.roles,
        request.policy_hash,
        issued_by,
        version=1,
    )
    newest = max((each for each in earlier if _same_subject(each, wanted)), key=lambda each: each.version, default=None)
    if newest is None or newest == replace(wanted, version=newest.version):
        return newest or wanted
    return replace(wanted, version=newest.version + 1)


def check_issued(certificate: Certificate, request: AuthorityRequest, earlier: Iterable[Certificate] = ()) -> Finding:
    """CERTIFICATE-ISSUED: this is what `issue` gives, by whomever it was made."""
    expected = issue(request, certificate.issued_by, earlier)
    return Finding(
        "CERTIFICATE-ISSUED", certificate == expected, f"version {certificate.version}, expected {expected.version}"
    )


def check_certificate(certificate: Signed[Certificate], roots: RootSet) -> tuple[Finding, ...]:
    """Whether the roots have signed it, and for a key that is not one of theirs."""
    issuer = certificate.body.issued_by
    signed = any(each.key_id == issuer.key_id for each in certificate.envelope.signatures)
    words = "has signed" if signed else "has not signed"
    return (
        Finding(
            "CERTIFICATE-ISSUER",
            roots.holds(issuer) and signed,
            f"{issuer.key_id} {words} and is {'one' if roots.holds(issuer) else 'none'} of the roots",
        ),
        check_no_root("CERTIFICATE-NOT-A-ROOT", certificate.body.subject_pubkey, roots),
        check_quorum(certificate.envelope, roots),
    )


def find_accepted(
    certificates: Iterable[Signed[Certificate]],
    roots: RootSet,
    subject: tuple[SubjectType, PublicKey, str],
    policy_hash: str | None = None,
) -> Certificate | None:
    """The certificate of a subject (type, key, domain) that the roots accept: for this policy if there is one, or the
    newest.
    """
    good = [
        each.body
        for each in certificates
        if (each.body.subject_type, each.body.subject_pubkey, each.body.domain_id) == subject
        and all(finding.ok for finding in check_certificate(each, roots))
    ]
    return max(good, key=lambda each: (each.policy_hash == policy_hash, each.version), default=None)


def check_log_key(
    key: PublicKey, domain_id: str, certificates: Iterable[Signed[Certificate]], roots: RootSet
) -> Finding:
    """LOG-KEY-CERTIFIED: checkpoints that this key signs are those of the domain."""
    found = find_accepted(certificates, roots, (SubjectType.LOG, key, domain_id))
    words = f"{key.key_id} for the log of {domain_id}{'' if found else ': no certificate'}"
    return Finding("LOG-KEY-CERTIFIED", found is not None, words)


def check_principal(
    key: PublicKey,
    roles: Iterable[Role],
    domain_id: str,
    policy_hash: str,
    certificates: Iterable[Signed[Certificate]],
    roots: RootSet,
) -> Finding:
    """PRINCIPAL-CERTIFIED: the roots stand behind these roles of this key under this policy."""
    found = find_accepted(certificates, roots, (SubjectType.PRINCIPAL, key, domain_id), policy_hash)
    held = found.roles if found is not None and found.policy_hash == policy_hash else ()
    missing = [role for role in roles if role not in held]
    return Finding("PRINCIPAL-CERTIFIED", bool(held) and not missing, f"{key.key_id}: {', '.join(held) or 'no role'}")


def _same_subject(one: Certificate, other: Certificate) -> bool:
    return (one.subject_type, one.subject_pubkey, one.domain_id) == (
        other.subject_type,
        other.subject_pubkey,
        other.domain_id,
    )
