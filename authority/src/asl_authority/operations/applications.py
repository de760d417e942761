"""What a domain sends to be admitted by another: its request, DAM, policy and certificates; and whether that holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from asl_authority.operations.root_chain import Court
from asl_authority.operations.twice import verified_elsewhere
from asl_authority.values.admission import AdmissionRequest, Receiver, check_request
from asl_authority.values.cbor_views import DAM_VIEW, REQUEST_VIEW, View
from asl_authority.values.certificate import Certificate
from asl_authority.values.dam import Dam, check_dam, check_root_certified
from asl_authority.values.finding import Finding
from asl_authority.values.policy import DomainPolicy
from asl_authority.values.rootset import RootSet
from asl_authority.values.signed import Body, Signed

# The five names of ENC-ASL-HOST/1 are these with .cbor and .sig; bodies and envelopes lie beside them as elsewhere.
DAM, REQUEST = "dam", "admission-request"
ROOTS = "root-set.json"
POLICY_START, CERTIFICATE_START, JSON = "policy-", "cert-", ".json"


@dataclass(frozen=True)
class Application:
    """One domain's, unjudged; `roots` are those that are trusted for it."""

    request: Signed[AdmissionRequest]
    dam: Signed[Dam]
    policy: DomainPolicy
    certificates: tuple[Signed[Certificate], ...]
    roots: RootSet

    @property
    def domain_id(self) -> str:
        """Who asks."""
        return self.request.body.domain_id

    def files(self) -> dict[str, bytes]:
        """What is kept of it, by the names of the files."""
        certified = {f"{CERTIFICATE_START}{each.body.digest}{JSON}": each for each in self.certificates}
        return {
            **with_view(DAM, self.dam, DAM_VIEW),
            f"{DAM}.sig": self.dam.to_bytes(),
            **with_view(REQUEST, self.request, REQUEST_VIEW),
            f"{POLICY_START}{self.policy.hash}{JSON}": self.policy.to_bytes(),
            ROOTS: self.roots.to_bytes(),
            **{name: each.body.to_bytes() for name, each in certified.items()},
            **{f"{name}.sig": each.to_bytes() for name, each in certified.items()},
        }


def court_of(dam: Dam, courts: Sequence[Court]) -> Court:
    """The certificates, and the root set that they are held to, by which a domain's root key is certified."""
    good = (each for each in courts if check_root_certified(dam, each.certificates, each.roots)[1].ok)
    return next(good, courts[0])


def with_view(name: str, artifact: Signed[Body], view: View) -> dict[str, bytes]:
    """Body, envelope and CBOR view of one artifact, by the names of their files."""
    body = artifact.body.to_bytes()
    return {f"{name}{JSON}": body, f"{name}{JSON}.sig": artifact.to_bytes(), f"{name}.cbor": view.of(body)}


def check_application(sent: Application, receiver: Receiver, pinned: Dam | None) -> tuple[Finding, ...]:
    """Every check of the paper, in its order, signatures by both implementations.

    `pinned` is the DAM with which the receiver last admitted the domain: the same may come again, an older may not.
    """
    dam, root = sent.dam, sent.dam.body.root_key
    newer = None if pinned is None or pinned.hash == dam.body.hash else pinned
    found = [
        *check_dam(dam, sent.certificates, sent.roots, sent.policy, newer),
        *verified_elsewhere(dam.envelope, (root,)),
        *check_request(sent.request, dam.body, sent.policy, receiver),
        *verified_elsewhere(sent.request.envelope, (root,)),
    ]
    for each in sent.certificates:
        found += verified_elsewhere(each.envelope, sent.roots.root_keys)
    return tuple(dict.fromkeys(found))  # several certificates of one root, and what two rules both look at


def known_to(receiver: Receiver, domain_id: str, root: str) -> Receiver:
    """The receiver, whose own store knows a domain by this root key, if any: what lies there counts before a pin."""
    return replace(receiver, known_roots={**receiver.known_roots, domain_id: root}) if root else receiver
