"""RFC 5280 and RFC 8410: the X.509 certificates that are exported from a domain, for outsiders who need them.

Two kinds: a domain's X.509 key certifies itself as an authority, and certifies principals of the domain's manifest. We
write the bytes to be signed ourselves, in the one form below; a library that shares nothing with that reads them back.
The same domain, keys and dates give the same bytes: the serial number follows from all the rest.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from asl_authority.errors import Malformed
from asl_authority.values import der
from asl_authority.values.certificate import Certificate, find_accepted
from asl_authority.values.dam import Dam
from asl_authority.values.ed25519 import SIGNATURE_BYTES, PublicKey
from asl_authority.values.finding import Finding
from asl_authority.values.primitives import x509_fields
from asl_authority.values.request import SubjectType
from asl_authority.values.rootset import RootSet
from asl_authority.values.rules import Rule
from asl_authority.values.signed import Signed

PAPER = "RFC 5280"

RULES = (
    Rule("X509-NAME", PAPER, "S", "A domain whose id stands as a name in a certificate has one of at most 64 letters."),
    Rule(
        "X509-VALIDITY",
        PAPER,
        "C",
        "A certificate counts from the first second of a day that a person states, to the last of another, or for"
        " ever (99991231235959Z); no clock is asked.",
    ),
    Rule(
        "X509-READ-BACK",
        PAPER,
        "C",
        "What is to be signed is read by another implementation as what was meant: version, serial number (positive,"
        " 20 bytes, from the SHA-256 of all the rest), names, dates, key, and every extension.",
    ),
    Rule("X509-ALGORITHM", "RFC 8410", "S", "Keys and signatures are Ed25519, without parameters."),
    Rule(
        "X509-KEY-CERTIFIED",
        "ASL/OCS/1",
        "C",
        "The key that issues has a certificate as this domain's X.509 key that the offline roots signed, for the"
        " policy that the DAM names.",
    ),
    Rule(
        "X509-KEY-APART",
        "ASL/OCS/1",
        "C",
        "The key that issues is none of the roots, not the domain's root key, and none of its principals.",
    ),
    Rule("X509-SUBJECT", "ASL/DAM/1", "C", "Who is certified for outsiders is a principal of the domain's DAM."),
)  # fmt: skip

ED25519_OID = "1.3.101.112"
ED25519_ALGORITHM = der.sequence(der.object_id(ED25519_OID))
MOST_NAME = 64  # ub-common-name and ub-organization-name
SERIAL_BYTES = 20
FOR_EVER = "9999-12-31"

_COMMON_NAME, _ORGANIZATION = "2.5.4.3", "2.5.4.10"
_SUBJECT_KEY_ID, _KEY_USAGE, _ALT_NAME, _BASIC, _AUTHORITY_KEY_ID = (
    f"2.5.29.{number}" for number in (14, 15, 17, 19, 35)
)
_DIGITAL_SIGNATURE, _KEY_CERT_SIGN = 0, 5
# A name of our own, a UUID, which no verifier knows: it is critical in what a rehearsal signs, so that each refuses it.
REHEARSAL_OID = "2.25.33723528880651849394860385915167270539"
_BEGIN, _END = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
_DATE = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})", re.ASCII)


@dataclass(frozen=True)
class Validity:
    """Two days that a person states (YYYY-MM-DD), both included."""

    first: str
    last: str = FOR_EVER

    def __post_init__(self) -> None:
        """Raises Malformed for what is no day between 1950 and 9999, or for the last before the first."""
        for day in (self.first, self.last):
            if not _is_day(day):
                raise Malformed(f"{day[:40]!a} is no day, written YYYY-MM-DD, from 1950 on", check_id="X509-VALIDITY")
        if self.last < self.first:
            raise Malformed(f"the last day, {self.last}, is before the first, {self.first}", check_id="X509-VALIDITY")

    @property
    def words(self) -> str:
        """For a person."""
        return f"{self.first} to {'no end' if self.last == FOR_EVER else self.last}"

    @property
    def moments(self) -> tuple[str, str]:
        """The first and the last second: YYYYMMDDHHMMSSZ."""
        return f"{self.first.replace('-', '')}000000Z", f"{self.last.replace('-', '')}235959Z"


@dataclass(frozen=True)
class Exported:
    """One X.509 certificate, not signed yet: of the X.509 key itself when `subject` is `issuer`, or of a principal.

    `vouched` is the SHA-256 of what stands behind it: the roots' certificate for the key, or the domain's DAM.
    """

    domain_id: str
    issuer: PublicKey
    subject: PublicKey
    validity: Validity
    vouched: str
    rehearsal: bool = False

    def __post_init__(self) -> None:
        """Raises Malformed when the domain's id is too long to be a name."""
        if len(self.domain_id) > MOST_NAME:
            raise Malformed(
                f"the domain id has {len(self.domain_id)} characters, a name in X.509 {MOST_NAME} at most",
                check_id="X509-NAME",
            )

    @property
    def authority(self) -> bool:
        """Whether it may issue others."""
        return self.subject == self.issuer

    @property
    def name(self) -> str:
        """The stem of its file: `ca`, or the key id of the principal."""
        return "ca" if self.authority else self.subject.key_id

    @property
    def uris(self) -> tuple[str, ...]:
        """Its alternative names: the domain, the key, and what stands behind it."""
        space = "urn:asl-rehearsal" if self.rehearsal else "urn:asl"
        behind = "certificate" if self.authority else "dam"
        key = () if self.authority else (f"{space}:principal:{self.subject.key_id}",)
        return (f"{space}:domain:{self.domain_id}", *key, f"{space}:{behind}:{self.vouched}")

    def tbs(self) -> bytes:
        """The bytes that are signed: TBSCertificate."""
        rest = self._rest()
        return der.sequence(der.explicit(0, der.integer(2)), der.integer(serial_of(rest)), rest)

    def expected(self) -> Mapping[str, object]:
        """What another implementation must read in it; the names are those of `x509_fields`."""
        first, last = self.validity.moments
        return {
            "version": 3,
            "serial": serial_of(self._rest()),
            "issuer": [(_COMMON_NAME, self.domain_id)],
            "subject": list(self._subject),
            "not_before": first,
            "not_after": last,
            "public_key": self.subject.raw,
            "critical": sorted((_KEY_USAGE, _BASIC, *((REHEARSAL_OID,) if self.rehearsal else ()))),
            "not_critical": sorted((_SUBJECT_KEY_ID, _AUTHORITY_KEY_ID, _ALT_NAME)),
            "key_usage": ["key_cert_sign"] if self.authority else ["digital_signature"],
            "authority": self.authority,
            "path_length": 0 if self.authority else None,
            "subject_key_id": bytes.fromhex(self.subject.key_id),
            "authority_key_id": bytes.fromhex(self.issuer.key_id),
            "uris": list(self.uris),
        }

    @property
    def _subject(self) -> tuple[tuple[str, str], ...]:
        if self.authority:
            return ((_COMMON_NAME, self.domain_id),)
        return ((_ORGANIZATION, self.domain_id), (_COMMON_NAME, self.subject.key_id))

    def _rest(self) -> bytes:
        """All that is signed behind the serial number, which follows from it."""
        return b"".join(
            (
                ED25519_ALGORITHM,
                _name(((_COMMON_NAME, self.domain_id),)),
                der.sequence(*(_time(moment) for moment in self.validity.moments)),
                _name(self._subject),
                self.subject.spki,
                der.explicit(3, der.sequence(*self._extensions())),
            )
        )

    def _extensions(self) -> Iterable[bytes]:
        """In the order of RFC 5280. Identifiers of keys are key ids, which is one of RFC 7093's ways."""
        issuer, subject = (bytes.fromhex(key.key_id) for key in (self.issuer, self.subject))
        usage = _KEY_CERT_SIGN if self.authority else _DIGITAL_SIGNATURE
        # CA:TRUE, pathlen:0; what is left out says CA:FALSE.
        basic = der.sequence(der.boolean_true(), der.integer(0)) if self.authority else der.sequence()
        yield _extension(_AUTHORITY_KEY_ID, der.sequence(der.implicit(0, issuer)))
        yield _extension(_SUBJECT_KEY_ID, der.octets(subject))
        yield _extension(_KEY_USAGE, der.named_bits(usage), critical=True)
        yield _extension(_ALT_NAME, der.sequence(*(der.implicit(6, uri.encode()) for uri in self.uris)))
        yield _extension(_BASIC, basic, critical=True)
        if self.rehearsal:
            yield _extension(REHEARSAL_OID, der.utf8("REHEARSAL"), critical=True)


def serial_of(rest: bytes) -> int:
    """The serial number of a certificate with this behind it: 159 bits, the highest set, so that it has 20 bytes."""
    digest = hashlib.sha256(b"asl x509 serial\0" + rest).digest()[:SERIAL_BYTES]
    return int.from_bytes(digest, "big") & (1 << 159) - 1 | 1 << 158


def certificate_der(tbs: bytes, signature: bytes) -> bytes:
    """The certificate. Raises ValueError for what can be no Ed25519 signature."""
    if len(signature) != SIGNATURE_BYTES:
        raise ValueError(f"an Ed25519 signature has {SIGNATURE_BYTES} bytes")
    return der.sequence(tbs, ED25519_ALGORITHM, der.bit_string(signature))


def certificate_pem(data: bytes) -> bytes:
    """The certificate as openssl writes and reads it."""
    text = base64.b64encode(data).decode()
    lines = [text[at : at + 64] for at in range(0, len(text), 64)]
    return "\n".join((_BEGIN, *lines, _END, "")).encode()


def certificate_of(pem: bytes) -> bytes:
    """The certificate in a file of ours; nothing for a file that is otherwise."""
    lines = pem.decode("ascii", "replace").split("\n")
    try:
        data = base64.b64decode("".join(lines[1:-2]))
    except ValueError:
        return b""
    return data if certificate_pem(data) == pem else b""


def x509_keys(dam: Dam, certificates: Iterable[Signed[Certificate]], roots: RootSet) -> list[PublicKey]:
    """The keys that have a certificate as the domain's X.509 key, sorted by key id."""
    every = list(certificates)
    named = {each.body.subject_pubkey for each in every if each.body.subject_type is SubjectType.X509}
    found = (key for key in named if find_accepted(every, roots, (SubjectType.X509, key, dam.domain_id)))
    return sorted(found, key=lambda key: key.key_id)


def check_issuer(
    key: PublicKey, dam: Dam, certificates: Iterable[Signed[Certificate]], roots: RootSet
) -> tuple[Certificate | None, tuple[Finding, ...]]:
    """Whether this key may issue for outsiders, and the certificate that says so."""
    found = find_accepted(certificates, roots, (SubjectType.X509, key, dam.domain_id), dam.policy_hash)
    good = found is not None and found.policy_hash == dam.policy_hash
    others = (dam.root_key, *(each.public_key for each in dam.principals), *roots.root_keys)
    words = f"X.509 key {key.key_id} of {dam.domain_id}"
    return found, (
        Finding("X509-KEY-CERTIFIED", good, f"{words}: {'certified' if good else 'no certificate for its policy'}"),
        Finding(
            "X509-KEY-APART", key not in others, f"{words} is {'another key too' if key in others else 'no other key'}"
        ),
    )


def check_subjects(dam: Dam, key_ids: Iterable[str]) -> Finding:
    """X509-SUBJECT: these are principals of the DAM."""
    listed = {each.principal_id for each in dam.principals}
    strangers = [each for each in key_ids if each not in listed]
    words = f"no principal: {', '.join(strangers)}" if strangers else f"{len(listed)} principals in the DAM"
    return Finding("X509-SUBJECT", not strangers, words)


def check_read_back(wanted: Exported, data: bytes) -> tuple[Finding, ...]:
    """Whether another implementation reads this certificate as it was meant; no signature is looked at."""
    read = x509_fields(data)
    if read is None:
        return (Finding("X509-READ-BACK", False, f"{wanted.name}: is read as no certificate"),)
    algorithms = ", ".join(read.pop("algorithms"))
    expected = {"tbs": wanted.tbs(), **wanted.expected()}
    wrong = sorted(name for name in expected.keys() | read.keys() if read.get(name) != expected.get(name))
    words = f"read otherwise: {', '.join(wrong)}" if wrong else f"{len(expected)} fields, read as they were meant"
    return (
        Finding("X509-READ-BACK", not wrong, f"{wanted.name}: {words}"),
        Finding("X509-ALGORITHM", algorithms == f"{ED25519_OID}, Ed25519", f"{wanted.name}: {algorithms}"),
    )


def _is_day(day: str) -> bool:
    found = _DATE.fullmatch(day)
    if found is None:
        return False
    year, month, number = (int(part) for part in found.groups())
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    days = (31, 29 if leap else 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
    return year >= 1950 and 1 <= month <= 12 and 1 <= number <= days[month - 1]


def _time(moment: str) -> bytes:
    """UTCTime up to 2049, as RFC 5280 demands, GeneralizedTime from then on."""
    return der.utc_time(moment[2:]) if moment < "2050" else der.generalized_time(moment)


def _name(attributes: Iterable[tuple[str, str]]) -> bytes:
    return der.sequence(
        *(der.set_of_one(der.sequence(der.object_id(oid), der.utf8(value))) for oid, value in attributes)
    )


def _extension(oid: str, value: bytes, *, critical: bool = False) -> bytes:
    mark = (der.boolean_true(),) if critical else ()
    return der.sequence(der.object_id(oid), *mark, der.octets(value))
