"""A new domain, prepared: its keys, requests, certificates and first DAM, shown and signed before anything is written.

Nothing here touches a disk: what is prepared can be shown, refused and tried. `found_domain` writes it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from asl_authority.errors import Refused, UsageError
from asl_authority.operations.twice import verified_elsewhere
from asl_authority.values import certificate as certificates
from asl_authority.values import dam as dams
from asl_authority.values import request as requests
from asl_authority.values.canonical import canonical_bytes
from asl_authority.values.certificate import Certificate, check_certificate, check_log_key, check_principal, issue
from asl_authority.values.checkpoint import origin_of
from asl_authority.values.dam import Dam, Principal, check_dam
from asl_authority.values.dsse import check_signatures
from asl_authority.values.ed25519 import KEY_BYTES, PublicKey, SecretKey, Signer
from asl_authority.values.finding import Finding
from asl_authority.values.identifiers import DOMAIN_ID
from asl_authority.values.keyfile import KeyKind
from asl_authority.values.levels import Level, signer_of
from asl_authority.values.policy import DomainPolicy
from asl_authority.values.request import AuthorityRequest, SubjectType, check_request
from asl_authority.values.roles import Role
from asl_authority.values.rootset import RootSet
from asl_authority.values.signed import Signed, unsigned


@dataclass(frozen=True)
class KeyUse:
    """What one of a domain's keys is for, and what the roots certify it as."""

    kind: KeyKind
    level: Level
    subject: SubjectType
    roles: tuple[Role, ...] = ()


# The receipts of a domain are its operator's; a DAM signer is a delegate, and never instead of the root key.
USES = {
    "root": KeyUse(KeyKind.DOMAIN_ROOT, Level.DOMAIN_ROOT, SubjectType.DOMAIN_ROOT),
    "log": KeyUse(KeyKind.LOG, Level.LOG, SubjectType.LOG),
    "operator": KeyUse(KeyKind.PRINCIPAL, Level.PRINCIPAL, SubjectType.PRINCIPAL, (Role.EXECUTE, Role.PUBLISH)),
    "dam-signer": KeyUse(KeyKind.DAM_SIGNER, Level.PRINCIPAL, SubjectType.PRINCIPAL, (Role.PUBLISH,)),
}


class KeyRing(Protocol):
    """The keys of a new domain by the names of their files: what writing it needs of them."""

    @property
    def by_name(self) -> Mapping[str, object]: ...

    def signer(self, name: str, *, rehearsal: bool) -> Signer: ...

    def public(self, name: str) -> PublicKey: ...


@dataclass(frozen=True)
class DomainKeys:
    """The private keys of a new domain, by the names of their files; they show in no text of it."""

    by_name: dict[str, SecretKey]

    def signer(self, name: str, *, rehearsal: bool) -> Signer:
        """The key as its holder hands it out: it signs only what its level may."""
        return signer_of(USES[name].level, self.by_name[name], rehearsal=rehearsal)

    def public(self, name: str) -> PublicKey:
        """The public half of a key."""
        return self.by_name[name].public

    def __repr__(self) -> str:
        return f"DomainKeys({', '.join(self.by_name)})"


@dataclass(frozen=True)
class Asked:
    """What a new domain shall be. An empty `domain_id` stands for the key id of its root key; `common` for none."""

    label: str
    policy: DomainPolicy
    roots: RootSet
    domain_id: str = ""
    common: str = ""
    dam_signer: bool = False
    rehearsal: bool = False


@dataclass(frozen=True)
class NewDomain:
    """Everything of a new domain that is signed; the same before and after, but for the signatures."""

    asked: Asked
    domain_id: str
    requests: tuple[Signed[AuthorityRequest], ...]
    certificates: tuple[Signed[Certificate], ...]
    dam: Signed[Dam]

    @property
    def origin(self) -> str:
        """The name of its log. A rehearsal's is another, so that no checkpoint of it passes for a real one."""
        return origin_of(self.domain_id, rehearsal=self.asked.rehearsal)

    def to_bytes(self) -> bytes:
        """What is confirmed: every body that will be signed, by digest, and what the domain is called."""
        asked = self.asked
        return canonical_bytes(
            {
                "certificates": sorted(each.body.digest for each in self.certificates),
                "common": asked.common,
                "dam": self.dam.body.hash,
                "domain_id": self.domain_id,
                "label": asked.label,
                "policy_hash": asked.policy.hash,
                "rehearsal": asked.rehearsal,
                "root_set": asked.roots.digest,
            }
        )

    @property
    def digest(self) -> bytes:
        """SHA-256 of what is confirmed: what two people compare."""
        return hashlib.sha256(self.to_bytes()).digest()

    def lines(self) -> list[str]:
        """What is about to be signed, for a person; keys with their bodies."""
        asked, dam = self.asked, self.dam.body
        found = [f"domain       {self.domain_id}", f"label        {asked.label}", f"policy hash  {asked.policy.hash}"]
        found += [f"common       {asked.common}"] if asked.common else []
        found += [
            f"roots        version {asked.roots.version}, {asked.roots.threshold} of {len(asked.roots.root_keys)}"
        ]
        for request in self.requests:
            body = request.body
            found += [f"{body.subject_type}: {', '.join(body.roles) or 'no roles'}"]
            found += [f"  key id {body.subject_pubkey.key_id}", f"  key    {body.subject_pubkey.text}"]
        found += [f"certificate  {each.body.digest}" for each in self.certificates]
        return [*found, f"DAM {dam.version}        {dam.hash}"]


def draw_keys(random: Callable[[int], bytes], *, dam_signer: bool) -> DomainKeys:
    """Fresh keys; `random` gives as many fresh bytes as it is asked for."""
    return DomainKeys({name: SecretKey(random(KEY_BYTES)) for name in key_names(dam_signer=dam_signer)})


def key_names(*, dam_signer: bool) -> list[str]:
    """The keys that a new domain has, in the order in which they are drawn."""
    return [name for name in USES if name != "dam-signer" or dam_signer]


def prepare_domain(asked: Asked, keys: DomainKeys, issuer: PublicKey) -> NewDomain:
    """The new domain with nothing signed but the requests, by the keys that they are for.

    `issuer` is the root that issues. Raises Refused for what may not be certified, UsageError for an id or a label.
    """
    domain_id = asked.domain_id or keys.public("root").key_id
    _expect_names(asked, domain_id)
    return assemble_domain(asked, {name: _request(asked, keys, name, domain_id) for name in keys.by_name}, issuer)


def assemble_domain(asked: Asked, asks: Mapping[str, Signed[AuthorityRequest]], issuer: PublicKey) -> NewDomain:
    """What follows from the requests of a domain's keys, by the names of these: certificates and DAM, unsigned.

    Raises Refused for what may not be certified, UsageError for an id or a label.
    """
    root = asks["root"].body
    domain_id = asked.domain_id or root.subject_pubkey.key_id
    _expect_names(asked, domain_id)
    for name, request in asks.items():
        expected = _wanted(asked, name, request.body.subject_pubkey, domain_id)
        fits = Finding("CERTIFICATE-ISSUED", request.body == expected, f"the request of {name} asks for something else")
        _expect((fits, *check_request(request, asked.roots, asked.policy)), "nothing is certified")
    principals = [
        Principal(request.body.subject_pubkey, USES[name].roles)
        for name, request in asks.items()
        if USES[name].level is Level.PRINCIPAL
    ]
    dam = Dam(domain_id, 1, root.subject_pubkey, tuple(principals), asked.policy.hash)
    issued = (
        unsigned(certificates.KIND, issue(each.body, issuer), rehearsal=asked.rehearsal) for each in asks.values()
    )
    return NewDomain(
        asked, domain_id, tuple(asks.values()), tuple(issued), unsigned(dams.KIND, dam, rehearsal=asked.rehearsal)
    )


def sign_domain(new: NewDomain, keys: DomainKeys, roots: Sequence[Signer]) -> NewDomain:
    """The domain with every signature: the roots' on the certificates, the domain's root key's on the DAM.

    Verified by both implementations before it is given out. Raises Refused by the first check that does not hold.
    """
    holders = [signer_of(Level.ROOT, root, rehearsal=new.asked.rehearsal) for root in roots]
    certified = tuple(each.signed_by(*holders) for each in new.certificates)
    return expect_signed(replace(sign_manifest(new, keys), certificates=certified))


def sign_manifest(new: NewDomain, keys: DomainKeys) -> NewDomain:
    """The domain with its DAM signed by its own root key, which needs none of the roots."""
    return replace(new, dam=new.dam.signed_by(keys.signer("root", rehearsal=new.asked.rehearsal)))


def expect_signed(new: NewDomain) -> NewDomain:
    """The domain, if every signature is there. Raises Refused by the first check that does not hold."""
    _expect(check_signed(new), "nothing is written")
    return new


def check_signed(new: NewDomain) -> list[Finding]:
    """Everything that must hold of what was signed, by both implementations."""
    asked, dam = new.asked, new.dam.body
    found = [each for one in new.certificates for each in check_certificate(one, asked.roots)]
    found += check_dam(new.dam, new.certificates, asked.roots, asked.policy, None)
    found += [
        check_principal(each.public_key, each.roles, new.domain_id, dam.policy_hash, new.certificates, asked.roots)
        for each in dam.principals
    ]
    logs = [each.body.subject_pubkey for each in new.requests if each.body.subject_type is SubjectType.LOG]
    found += [check_log_key(key, new.domain_id, new.certificates, asked.roots) for key in logs]
    subjects = [each.body.subject_pubkey for each in new.requests]
    keys = (*asked.roots.root_keys, *subjects)
    envelopes = [each.envelope for each in new.requests]
    envelopes += [*(each.envelope for each in new.certificates), new.dam.envelope]
    return [*found, *(each for envelope in envelopes for each in verified_elsewhere(envelope, keys))]


def check_possession(new: NewDomain) -> list[Finding]:
    """What the domain's own keys sign before any root does: the requests and the DAM, by both implementations."""
    root = new.dam.body.root_key
    signed = check_signatures(new.dam.envelope, {root.key_id: root})
    subjects = [each.body.subject_pubkey for each in new.requests]
    envelopes = [*(each.envelope for each in new.requests), new.dam.envelope]
    return [
        *(found for each in new.requests for found in check_request(each, new.asked.roots, new.asked.policy)),
        Finding("DAM-SIGNATURE", all(each.ok for each in signed), f"root key {root.key_id}: {signed[1].detail}"),
        *(found for envelope in envelopes for found in verified_elsewhere(envelope, subjects)),
    ]


def _expect_names(asked: Asked, domain_id: str) -> None:
    if wrong := [each for each in (domain_id, asked.common or domain_id) if not DOMAIN_ID.fullmatch(each)]:
        raise UsageError(
            f"{wrong[0][:60]!a}: can't be the id of a domain",
            hint="1 to 128 of a-z 0-9 . _ -, a letter or a digit first; without --id it is made from the root key",
        )
    if asked.common == domain_id:
        raise UsageError(f"--common {domain_id}: that is the domain itself", hint="leave it out, or name another")
    if not asked.label.isprintable() or not 0 < len(asked.label) <= 128:
        raise UsageError("the name of a domain has 1 to 128 printable characters")


def _wanted(asked: Asked, name: str, key: PublicKey, domain_id: str) -> AuthorityRequest:
    use = USES[name]
    return AuthorityRequest(use.subject, key, domain_id, use.roles, asked.policy.hash)


def _request(asked: Asked, keys: DomainKeys, name: str, domain_id: str) -> Signed[AuthorityRequest]:
    body = _wanted(asked, name, keys.public(name), domain_id)
    signer = keys.signer(name, rehearsal=asked.rehearsal)
    return unsigned(requests.KIND, body, rehearsal=asked.rehearsal).signed_by(signer)


def _expect(findings: Iterable[Finding], what: str) -> None:
    for finding in findings:
        if not finding.ok:
            raise Refused(f"{what}: {finding.detail}", check_id=finding.check_id)
