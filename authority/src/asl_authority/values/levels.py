"""What a key of each level may sign: roots certify, a domain's root key signs DAMs, its principals sign the rest."""

from __future__ import annotations

from enum import StrEnum

from asl_authority.values import admission, dam, request
from asl_authority.values.ed25519 import Signer
from asl_authority.values.finding import Finding
from asl_authority.values.kinds import Kind
from asl_authority.values.rootset import ROOT_SIGNS, check_root_signs
from asl_authority.values.rules import Rule
from asl_authority.values.signed import LimitedSigner

PAPER = "ASL/OCS/1"

RULES = (
    Rule(
        "DOMAIN-ROOT-SIGNS-ONLY",
        PAPER,
        "C",
        "A domain's root key signs DAMs, and with requests (to be certified, to be admitted) proves that it is there.",
    ),
    Rule("LOG-SIGNS-ONLY", PAPER, "C", "A log key signs checkpoints, which are no envelopes, and its own request."),
    Rule("X509-SIGNS-ONLY", PAPER, "C", "An X.509 key signs X.509 certificates, no envelopes, and its own request."),
    Rule("PRINCIPAL-SIGNS-ONLY", PAPER, "C", "A principal signs no DAM and nothing that roots sign."),
)  # fmt: skip


class Level(StrEnum):
    """What a key is for."""

    ROOT = "root"
    DOMAIN_ROOT = "domain_root"
    PRINCIPAL = "principal"
    LOG = "log"
    X509 = "x509"


def key_name(level: Level) -> str:
    """What a plan calls a key of this level that lies elsewhere."""
    return "offline root" if level is Level.ROOT else level.value.replace("_", " ")


DOMAIN_ROOT_SIGNS = (dam.KIND, request.KIND, admission.REQUEST)


def check_may_sign(level: Level, payload_type: str, *, rehearsal: bool = False) -> Finding:
    """Whether a key of this level may sign a payload of this type; "" stands for what is no envelope's message."""
    if level is Level.ROOT:
        return check_root_signs(payload_type, rehearsal=rehearsal)
    # What is signed in a rehearsal passes for nothing real, and what is real is not signed in one.
    played = payload_type.startswith("application/vnd.asl-rehearsal.")
    if level in (Level.LOG, Level.X509):
        may = payload_type in ("", _type(request.KIND, rehearsal))
        check_id = "LOG-SIGNS-ONLY" if level is Level.LOG else "X509-SIGNS-ONLY"
        return Finding(check_id, may, payload_type or "no envelope")
    if level is Level.DOMAIN_ROOT:
        types = [_type(kind, rehearsal) for kind in DOMAIN_ROOT_SIGNS]
        return Finding("DOMAIN-ROOT-SIGNS-ONLY", payload_type in types, payload_type or "no envelope")
    others = [_type(kind, played) for kind in (*ROOT_SIGNS, dam.KIND, admission.REQUEST)]
    may = bool(payload_type) and payload_type not in others and played == rehearsal
    return Finding("PRINCIPAL-SIGNS-ONLY", may, payload_type or "no envelope")


def signer_of(level: Level, signer: Signer, *, rehearsal: bool = False) -> LimitedSigner:
    """A key as its holder hands it out: what its level may not sign, it refuses."""
    return LimitedSigner(signer, lambda payload_type: check_may_sign(level, payload_type, rehearsal=rehearsal))


def _type(kind: Kind, rehearsal: bool) -> str:
    return kind.rehearsal_type if rehearsal else kind.payload_type
