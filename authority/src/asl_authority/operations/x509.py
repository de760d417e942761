"""X.509 certificates for outsiders: of a domain's X.509 key, and by it of the principals of the domain's manifest.

The order is that of everything that is signed: judged with a throw-away key, shown, confirmed, signed, verified by two
implementations, written to new files, read back, verified again. Several certificates are one act, confirmed by one
digest over all of them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from asl_authority.errors import AuthorityError, Malformed, Refused
from asl_authority.operations.twice import SIGN_VERIFIED, verified, verified_elsewhere
from asl_authority.storage.plain_files import read_file, write_all_new
from asl_authority.values.certificate import Certificate
from asl_authority.values.dam import Dam, check_dam
from asl_authority.values.ed25519 import SIGNATURE_BYTES, PublicKey, SecretKey, Signer
from asl_authority.values.finding import Finding
from asl_authority.values.levels import Level, check_may_sign, signer_of
from asl_authority.values.policy import DomainPolicy
from asl_authority.values.rootset import RootSet
from asl_authority.values.signed import Signed
from asl_authority.values.x509 import (
    Exported,
    Validity,
    certificate_der,
    certificate_of,
    certificate_pem,
    check_issuer,
    check_read_back,
    check_subjects,
    x509_keys,
)

# What to do now, by the check that said no.
HINTS = {
    "X509-KEY-CERTIFIED": "have it certified (cert request --subject-type x509), and name that with --certificate",
    "X509-KEY-APART": "make a key for X.509 alone: key new --kind x509",
    "X509-SUBJECT": "principals are named by their key ids, as dam show prints them",
    "DAM-ROOT-CERTIFIED": "name the certificate of the domain's root key with --certificate, too",
    SIGN_VERIFIED: "NAME.sig is made by the X.509 key over the very bytes of NAME.tbs, with the same options",
}


@dataclass(frozen=True)
class Domain:
    """What an export begins with, as it was given."""

    dam: Signed[Dam]
    certificates: Sequence[Signed[Certificate]]
    roots: RootSet
    policy: DomainPolicy


@dataclass(frozen=True)
class Export:
    """What will be signed, the authority first; `findings` is everything that was checked before, and holds."""

    issuer: PublicKey
    certificates: tuple[Exported, ...]
    findings: tuple[Finding, ...]
    rehearsal: bool

    @property
    def to_be_signed(self) -> bytes:
        """All the bytes to be signed, one certificate after the other."""
        return b"".join(each.tbs() for each in self.certificates)

    @property
    def digest(self) -> bytes:
        """SHA-256 of these: what two people compare."""
        return hashlib.sha256(self.to_be_signed).digest()

    @property
    def what(self) -> str:
        """For a person."""
        return f"{len(self.certificates)} X.509 certificates of {self.certificates[0].domain_id}"


def find_issuer(domain: Domain) -> PublicKey:
    """The one X.509 key that the roots have certified for the domain. Raises Refused for none or several."""
    keys = x509_keys(domain.dam.body, domain.certificates, domain.roots)
    if len(keys) == 1:
        return keys[0]
    words = f"has {len(keys)} certified X.509 keys here" if keys else "has no certified X.509 key here"
    raise Refused(
        f"{domain.dam.body.domain_id} {words}",
        hint="name the one that signs with --public-key" if keys else HINTS["X509-KEY-CERTIFIED"],
        check_id="X509-KEY-CERTIFIED",
    )


def prepare_export(
    domain: Domain, issuer: PublicKey, key_ids: Iterable[str], validity: Validity, *, rehearsal: bool
) -> Export:
    """What is to be signed for these principals, all of them when none is named. Raises Refused, Malformed."""
    dam = domain.dam.body
    chosen = sorted(set(key_ids)) or [each.principal_id for each in dam.principals]
    certified, of_issuer = check_issuer(issuer, dam, domain.certificates, domain.roots)
    findings = [
        *check_dam(domain.dam, domain.certificates, domain.roots, domain.policy, None),
        *verified_elsewhere(domain.dam.envelope, [dam.root_key]),
        *(
            finding
            for each in domain.certificates
            for finding in verified_elsewhere(each.envelope, domain.roots.root_keys)
        ),
        *of_issuer,
        check_subjects(dam, chosen),
    ]
    _expect(findings, "nothing is exported", Refused)
    if certified is None:
        raise AssertionError("a key without a certificate passed")
    subjects = [each.public_key for each in dam.principals if each.principal_id in chosen]
    exported = (
        Exported(dam.domain_id, issuer, issuer, validity, certified.digest, rehearsal),
        *(Exported(dam.domain_id, issuer, each, validity, dam.hash, rehearsal) for each in subjects),
    )
    return Export(issuer, exported, tuple(findings), rehearsal)


def lint(export: Export, throwaway: SecretKey) -> tuple[Finding, ...]:
    """Everything that can be known before the key is touched. Raises Refused, with the first rule that is broken.

    A throw-away key signs the very bytes that will be signed, and another implementation reads what comes of it.
    """
    findings = [check_may_sign(Level.X509, "", rehearsal=export.rehearsal)]
    for each in export.certificates:
        tbs = each.tbs()
        signature = throwaway.sign(tbs)
        read = check_read_back(each, certificate_der(tbs, signature))
        findings += [*read, *verified(tbs, throwaway.public, signature)]
    _expect(findings, f"{export.what}: not signed", Refused)
    return (*export.findings, *findings)


def signed_here(export: Export, unlock: Callable[[], Signer]) -> dict[str, bytes]:
    """The signatures by name, each certificate's; the key is opened only now. Raises Refused for another key."""
    signer = signer_of(Level.X509, unlock(), rehearsal=export.rehearsal)
    return {each.name: signer.sign(each.tbs()) for each in export.certificates}


def finished(export: Export, signatures: Mapping[str, bytes]) -> dict[str, bytes]:
    """The certificates (PEM) by name, every signature verified by both implementations. Raises Malformed."""
    findings = [
        finding
        for each in export.certificates
        for finding in verified(each.tbs(), export.issuer, signatures.get(each.name, b""))
    ]
    _expect(findings, "a signature that does not fit", Malformed)
    return assembled(export, signatures)


def assembled(export: Export, signatures: Mapping[str, bytes]) -> dict[str, bytes]:
    """The certificates (PEM) by name, no signature looked at."""
    return {
        each.name: certificate_pem(certificate_der(each.tbs(), signatures[each.name])) for each in export.certificates
    }


def write_certificates(export: Export, made: Mapping[str, bytes], folder: Path) -> tuple[Path, ...]:
    """Write them into a folder as new files, all or none, read them back and verify them again.

    Raises Refused when a name is taken, Malformed when the medium did not keep what was written, IoFailed.
    """
    files = {each: folder / f"{each.name}.pem" for each in export.certificates}
    write_all_new({path: made[each.name] for each, path in files.items()})
    findings: list[Finding] = []
    for each, path in files.items():  # what the medium holds, not what we remember, is what counts now
        written = certificate_of(read_file(path, len(made[each.name])))
        findings += check_read_back(each, written)
        findings += verified(each.tbs(), export.issuer, written[-SIGNATURE_BYTES:])
    _expect(findings, f"{folder} does not hold what was signed: use another medium, and keep this one", Malformed)
    return tuple(files.values())


def _expect(findings: Iterable[Finding], what: str, error: type[AuthorityError]) -> None:
    failed = [finding for finding in findings if not finding.ok]
    if failed:
        check_id = failed[0].check_id
        raise error(f"{what}: {failed[0].detail}", check_id=check_id, hint=HINTS.get(check_id))
