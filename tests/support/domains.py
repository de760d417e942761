"""A domain of test keys with everything that makes it one: policy, roots, certificates, DAM."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from asl_authority.values import admission
from asl_authority.values import certificate as certificates
from asl_authority.values import dam as dams
from asl_authority.values import request as requests
from asl_authority.values.admission import AdmissionRecord, AdmissionRequest, Decision, Terms
from asl_authority.values.certificate import Certificate, issue
from asl_authority.values.dam import Dam, Principal
from asl_authority.values.ed25519 import SecretKey
from asl_authority.values.policy import (
    DomainPolicy,
    ExecutionPolicy,
    FederationPolicy,
    PublicationPolicy,
    RetentionPolicy,
    VisibilityPolicy,
)
from asl_authority.values.request import AuthorityRequest, SubjectType
from asl_authority.values.roles import Role
from asl_authority.values.rootset import RootSet
from asl_authority.values.signed import Body, Signed, unsigned
from support.published import Bad, Good, Vectors

DOMAIN = "me.example"
SMALL_ORDER = "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="


@cache
def secret(name: str) -> SecretKey:
    """The test key of this name. Everyone knows it: its seed is the SHA-256 of a sentence."""
    return SecretKey(hashlib.sha256(f"asl test key, never use: {name}".encode()).digest())


POLICY = DomainPolicy(
    version=1,
    publication=PublicationPolicy(True, (Role.PUBLISH, Role.FEDERATE), snapshot_required=True),
    execution=ExecutionPolicy(True, (Role.EXECUTE,), deterministic_only=True),
    federation=FederationPolicy(True, True, ("common", "other.example")),
    retention=RetentionPolicy(False, 3),
    visibility=VisibilityPolicy(True, True),
)

ROOTS = RootSet(1, tuple(secret(f"root {n}").public for n in (1, 2, 3)), 2)


def request(
    subject: str = "domain root", kind: SubjectType = SubjectType.DOMAIN_ROOT, *roles: Role
) -> Signed[AuthorityRequest]:
    """A request by the holder of a test key."""
    asked = AuthorityRequest(kind, secret(subject).public, DOMAIN, roles, POLICY.hash)
    return unsigned(requests.KIND, asked).signed_by(secret(subject))


def certificate(asked: AuthorityRequest | None = None, *signers: str) -> Signed[Certificate]:
    """A certificate of the first root, signed by two roots unless others are named."""
    body = issue(asked or request().body, secret("root 1").public)
    return unsigned(certificates.KIND, body).signed_by(*(secret(each) for each in signers or ("root 1", "root 2")))


def dam(**members: Any) -> Signed[Dam]:
    """The domain's DAM, signed by its root key; `members` replaces some of it."""
    whole = {
        "domain_id": DOMAIN,
        "version": 1,
        "root_key": secret("domain root").public,
        "principals": (
            Principal(secret("operator").public, (Role.EXECUTE, Role.PUBLISH)),
            Principal(secret("auditor").public, (Role.AUDIT,)),
        ),
        "policy_hash": POLICY.hash,
        "scope": None,
    }
    return unsigned(dams.KIND, Dam(**{**whole, **members})).signed_by(secret("domain root"))


@dataclass
class Cases:
    """The vectors of one paper, as they are made."""

    paper: str
    good: list[Good] = field(default_factory=list)
    bad: list[Bad] = field(default_factory=list)
    keys: set[str] = field(default_factory=set)

    def add(self, name: str, reader: str, data: bytes, **says: Any) -> None:
        """Bytes that `reader` reads."""
        self.good.append(Good(name, reader, data, says))

    def add_signed(self, name: str, reader: str, artifact: Signed[Body], *signers: str, **says: Any) -> None:
        """The body of an artifact; with it go its envelope and the names of the test keys that signed.

        `says` may have what it is judged against, and `fails`: the checks that then refuse it.
        """
        self.keys |= set(signers)
        signed = artifact.signed_by(*(secret(signer) for signer in signers))
        more = {"payload_type": signed.envelope.payload_type, "envelope": signed.to_bytes().decode()}
        self.add(name, reader, signed.body.to_bytes(), **more, signers=list(signers), **says)

    def refuse(self, check_id: str, name: str, reader: str, data: bytes) -> None:
        """Bytes that `reader` refuses by the rule `check_id`."""
        self.bad.append(Bad(name, reader, data, check_id))

    def vectors(self) -> Vectors:
        """As they are published."""
        return Vectors(self.paper, self.good, self.bad, {name: secret(name) for name in sorted(self.keys)})


RECEIVING = "common"
REQUEST_ID = "9f3d1c3e-4b1f-4c53-9d6a-2f5c0b7d8e01"


def admission_request(**members: Any) -> Signed[AdmissionRequest]:
    """The domain asks to be admitted, signed by its root key; `members` replaces some of it."""
    whole: dict[str, Any] = {
        "request_id": REQUEST_ID,
        "receiver": RECEIVING,
        "domain_id": DOMAIN,
        "dam_hash": dam().body.hash,
        "requested_scope": (Role.PUBLISH, Role.AUDIT),
        "lease": Terms(epochs=10, quota_bytes=1 << 30),
    }
    return unsigned(admission.REQUEST, AdmissionRequest(**{**whole, **members})).signed_by(secret("domain root"))


def admission_record(**members: Any) -> AdmissionRecord:
    """The request is accepted; `members` replaces some of the decision."""
    whole: dict[str, Any] = {
        "request_id": REQUEST_ID,
        "domain_id": DOMAIN,
        "dam_hash": dam().body.hash,
        "policy_hash": POLICY.hash,
        "admitted_scope": (Role.PUBLISH, Role.AUDIT),
        "decision": Decision.ACCEPTED,
        "decision_epoch": 5,
        "snapshot_id": "5a" * 32,
    }
    return AdmissionRecord(**{**whole, **members})
