"""What is signed, as tasks: a request by its own key, a certificate and a rotation by roots, a DAM by its root key.

A task says who may sign and what must hold, so that none of it can be forgotten where signatures are collected.
"""

from __future__ import annotations

from collections.abc import Sequence

from asl_authority.errors import Refused
from asl_authority.operations.collect import SIGN_KEY, Task
from asl_authority.values import admission, rootset
from asl_authority.values import certificate as certificates
from asl_authority.values import dam as dams
from asl_authority.values import request as requests
from asl_authority.values.admission import AdmissionRequest
from asl_authority.values.certificate import Certificate
from asl_authority.values.dam import Dam
from asl_authority.values.ed25519 import PublicKey
from asl_authority.values.keyfile import KeyKind
from asl_authority.values.levels import Level
from asl_authority.values.policy import DomainPolicy
from asl_authority.values.request import AuthorityRequest, SubjectType
from asl_authority.values.rootset import RootSet, Rotation
from asl_authority.values.signed import Signed, unsigned

# What a subject's own key is, at its level and at rest.
SUBJECTS = {
    SubjectType.DOMAIN_ROOT: (Level.DOMAIN_ROOT, KeyKind.DOMAIN_ROOT),
    SubjectType.PRINCIPAL: (Level.PRINCIPAL, KeyKind.PRINCIPAL),
    SubjectType.LOG: (Level.LOG, KeyKind.LOG),
    SubjectType.X509: (Level.X509, KeyKind.X509),
}


def request_task(
    asked: AuthorityRequest, policy: DomainPolicy, roots: RootSet | None, *, rehearsal: bool
) -> Task[AuthorityRequest]:
    """The subject's key signs the request: that proves that it is there."""
    level, _ = SUBJECTS[asked.subject_type]
    return Task(
        f"the request of {asked.domain_id} for its {asked.subject_type} key {asked.subject_pubkey.key_id}",
        requests.KIND,
        requests.read_request,
        unsigned(requests.KIND, asked, rehearsal=rehearsal),
        ((asked.subject_pubkey, level),),
        lambda artifact: requests.check_request(artifact, roots, policy),
        frozenset({"REQUEST-POSSESSION"}),
        rehearsal,
    )


def certificate_task(
    request: Signed[AuthorityRequest],
    issuer: PublicKey,
    roots: RootSet,
    policy: DomainPolicy,
    earlier: Sequence[Certificate],
    *,
    rehearsal: bool,
) -> Task[Certificate]:
    """Roots sign what was asked for. Raises Refused when the issuer is none of them."""
    if not roots.holds(issuer):
        raise Refused(f"{issuer.key_id} is none of the roots: it issues nothing", check_id=SIGN_KEY)
    body = certificates.issue(request.body, issuer, earlier)
    return Task(
        f"the certificate of {body.domain_id} for its {body.subject_type} key {body.subject_id}",
        certificates.KIND,
        certificates.read_certificate,
        unsigned(certificates.KIND, body, rehearsal=rehearsal),
        _roots(roots),
        lambda artifact: (
            *requests.check_request(request, roots, policy),
            certificates.check_issued(artifact.body, request.body, earlier),
            *certificates.check_certificate(artifact, roots),
        ),
        frozenset({"CERTIFICATE-ISSUER", "ROOTSET-QUORUM"}),
        rehearsal,
    )


def rotation_task(held: RootSet, new: RootSet, *, rehearsal: bool) -> Task[Rotation]:
    """The old threshold and the new one sign that the new set follows."""
    return Task(
        f"the rotation from root set {held.version} to {new.version}",
        rootset.ROTATION,
        rootset.read_rotation,
        unsigned(rootset.ROTATION, Rotation(held.digest, new), rehearsal=rehearsal),
        _roots(held) + tuple(each for each in _roots(new) if not held.holds(each[0])),
        lambda artifact: rootset.check_rotation(artifact, held),
        frozenset({"ROTATION-OLD-SIGNED", "ROTATION-NEW-SIGNED"}),
        rehearsal,
    )


def dam_task(
    body: Dam,
    given: Sequence[Signed[Certificate]],
    roots: RootSet,
    policy: DomainPolicy,
    pinned: Dam | None,
    *,
    rehearsal: bool,
) -> Task[Dam]:
    """A domain's root key signs its manifest."""
    return Task(
        f"the DAM of {body.domain_id}, version {body.version}",
        dams.KIND,
        dams.read_dam,
        unsigned(dams.KIND, body, rehearsal=rehearsal),
        ((body.root_key, Level.DOMAIN_ROOT),),
        lambda artifact: dams.check_dam(artifact, given, roots, policy, pinned),
        frozenset({"DAM-SIGNATURE"}),
        rehearsal,
    )


def admission_task(asked: AdmissionRequest, dam: Dam, *, rehearsal: bool) -> Task[AdmissionRequest]:
    """A domain's root key signs what it asks of another: that proves that it is there."""
    return Task(
        f"the request of {asked.domain_id} to {asked.receiver}, {asked.request_id}",
        admission.REQUEST,
        admission.read_request,
        unsigned(admission.REQUEST, asked, rehearsal=rehearsal),
        ((dam.root_key, Level.DOMAIN_ROOT),),
        lambda artifact: admission.check_asked(artifact, dam),
        frozenset({"ADMISSION-POSSESSION"}),
        rehearsal,
    )


def _roots(roots: RootSet) -> tuple[tuple[PublicKey, Level], ...]:
    return tuple((key, Level.ROOT) for key in roots.root_keys)
