"""The environment claim: what ran, measured before anything is signed, and which states of the log it covers.

The verdict in a claim is not free: it follows from the facts. No wall time is in a claim.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from asl_authority.errors import Malformed
from asl_authority.values.canonical import Limits
from asl_authority.values.environment import Environment, Status, environment_of
from asl_authority.values.fields import Fields
from asl_authority.values.finding import Finding
from asl_authority.values.head import Head, head_of
from asl_authority.values.identifiers import DOMAIN_ID
from asl_authority.values.kinds import Kind
from asl_authority.values.log_entry import SESSION
from asl_authority.values.rules import Rule
from asl_authority.values.snapshot import Snapshot, snapshot_id

PAPER = "ENC-ASL-AUTH-HOST/1"

RULES = (
    Rule("CLAIM-SCHEMA", PAPER, "S", "A claim says image, boot environment, tool hashes and store checksum."),
    Rule("CLAIM-REFERENCE", PAPER, "C", "Nothing is verified without a manifest that enough sealed builders signed."),
    Rule("CLAIM-VERDICT", PAPER, "C", "The verdict is the one that follows from the facts."),
    Rule("CLAIM-VERIFIED", PAPER, "C", "Image, layers, kernel, command line and tools are verified; no doubt is left."),
    Rule("CLAIM-NAMED", PAPER, "S", "A claim lies under the id of the snapshot that its head and checksum make."),
    Rule("CLAIM-PINNED", PAPER, "S", "A snapshot refers to the claim that is named by it, by digest."),
    Rule("CLAIM-OFFLINE", PAPER, "C", "There is no network interface but the loopback."),
    Rule("CLAIM-SELF-TEST", PAPER, "C", "The self-test ran, and nothing of it failed."),
    Rule("CLAIM-SESSION", PAPER, "C", "The claim is of this boot."),
    Rule("CLAIM-NONCE", PAPER, "C", "The claim answers the verifier's nonce."),
    Rule("CLAIM-PREVIOUS", PAPER, "C", "The claim names the one before it."),
    Rule("CLAIM-ENVIRONMENT", PAPER, "S", "What is measured now is what the claim says; otherwise nothing is signed."),
    Rule("CLAIM-COVERS", PAPER, "C", "A head is covered when it extends the claimed one by this boot's records alone."),
)  # fmt: skip

KIND = Kind("claim", limits=Limits(size=1 << 20, depth=8, count=50_000))
NONCE = re.compile(r"[0-9a-f]{32,64}", re.ASCII)
CHECK_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._-]*", re.ASCII)
# What must have been held against the reference before a claim is worth VERIFIED.
REFERRED = ("image_id", "kernel", "initrd", "kernel_cmdline", "tools")


class Verdict(StrEnum):
    """What the facts amount to."""

    VERIFIED = "VERIFIED"
    UNVERIFIED = "UNVERIFIED"


@dataclass(frozen=True)
class Reference:
    """The image manifest that facts were held against, and which sealed builders' keys had signed it."""

    manifest: str
    signers: tuple[str, ...]
    threshold: int


@dataclass(frozen=True)
class TestResult:
    """One finding of the self-test."""

    check_id: str
    ok: bool

    # pytest would take it for a test.
    __test__ = False


@dataclass(frozen=True)
class Claim:
    """An environment claim. `session_id` is this boot's, `previous` the SHA-256 of the claim before."""

    host_id: str
    domain_id: str
    logseq: int
    head: Head
    store_checksum: str
    session_id: str
    environment: Environment
    self_test: tuple[TestResult, ...]
    reference: Reference | None = None
    nonce: str | None = None
    previous: str | None = None

    @property
    def snapshot_id(self) -> str:
        """The id by which the claim is named; the digest of the claim is not in it."""
        return snapshot_id(self.domain_id, self.logseq, self.head.root, self.store_checksum)

    @property
    def digest(self) -> str:
        """SHA-256 of the claim's bytes."""
        return hashlib.sha256(self.to_bytes()).hexdigest()

    @property
    def verdict(self) -> Verdict:
        """What follows from the facts."""
        return Verdict.UNVERIFIED if doubts(self) else Verdict.VERIFIED

    def to_bytes(self) -> bytes:
        """The one text of the claim."""
        members: dict[str, object] = {
            "domain_id": self.domain_id,
            "environment": self.environment.members(),
            "host_id": self.host_id,
            "log": self.head.members(),
            "logseq": self.logseq,
            "self_test": [{"check": each.check_id, "ok": each.ok} for each in self.self_test],
            "session_id": self.session_id,
            "snapshot_id": self.snapshot_id,
            "store_checksum": self.store_checksum,
            "verdict": self.verdict,
        }
        if self.reference is not None:
            members["reference"] = {
                "manifest": self.reference.manifest,
                "signers": list(self.reference.signers),
                "threshold": self.reference.threshold,
            }
        optional = {"nonce": self.nonce, "previous": self.previous}
        return KIND.body(members | {name: value for name, value in optional.items() if value is not None})


def doubts(claim: Claim) -> tuple[str, ...]:
    """Everything for which a claim is not VERIFIED; nothing when it is."""
    seen, found = claim.environment, []
    if not _referred(claim):
        found.append("no manifest that enough builders signed")
    found += [name for name in REFERRED if getattr(seen, name).status is not Status.VERIFIED]
    if seen.medium.status not in (Status.VERIFIED, Status.ABSENT):  # it may have been taken out
        found.append("medium")
    found += [f"layer {layer.name}" for layer in seen.layers if layer.status is not Status.VERIFIED]
    found += [] if seen.layers else ["layers"]
    checks = (check_offline(claim), check_self_test(claim))
    found += [f"{finding.check_id}: {finding.detail}" for finding in checks if not finding.ok]
    if seen.swap.value != () or seen.swap.status is Status.DECLARED:
        found.append("swap")
    return tuple(found)


def read_claim(data: bytes) -> Claim:
    """A claim. Raises Malformed, also when its verdict or its snapshot is not what follows from it."""
    names = ("domain_id", "environment", "host_id", "log", "logseq", "nonce?", "previous?", "reference?", "self_test")
    whole = KIND.read(data, (*names, "session_id", "snapshot_id", "store_checksum", "verdict"))
    claim = Claim(
        host_id=whole.text("host_id", DOMAIN_ID),
        domain_id=whole.text("domain_id", DOMAIN_ID),
        logseq=whole.integer("logseq"),
        head=head_of(whole),
        store_checksum=whole.sha256("store_checksum"),
        session_id=whole.text("session_id", SESSION),
        environment=environment_of(whole),
        self_test=_self_test(whole),
        reference=_reference(whole.within("reference", ("manifest", "signers", "threshold")))
        if whole.has("reference")
        else None,
        nonce=whole.text("nonce", NONCE) if whole.has("nonce") else None,
        previous=whole.sha256("previous") if whole.has("previous") else None,
    )
    verified = claim.environment.having(Status.VERIFIED)
    if verified and not _referred(claim):
        raise Malformed(f"{verified[0]} is verified, and against what is not said", check_id="CLAIM-REFERENCE")
    if whole.choice("verdict", Verdict) is not claim.verdict:
        why = f": {', '.join(doubts(claim))[:200]}" if doubts(claim) else ""
        raise Malformed(f"the facts amount to {claim.verdict}{why}", check_id="CLAIM-VERDICT")
    if whole.sha256("snapshot_id") != claim.snapshot_id:
        raise Malformed(f"the claim's state is that of snapshot {claim.snapshot_id}", check_id="CLAIM-NAMED")
    return claim


def _referred(claim: Claim) -> bool:
    return claim.reference is not None and len(claim.reference.signers) >= claim.reference.threshold


def _reference(fields: Fields) -> Reference:
    return Reference(fields.sha256("manifest"), fields.digests("signers", 64), fields.integer("threshold", 1, 64))


def _self_test(whole: Fields) -> tuple[TestResult, ...]:
    found = tuple(
        TestResult(each.text("check", CHECK_ID, 64), each.flag("ok"))
        for each in whole.objects("self_test", ("check", "ok"), 256)
    )
    if [each.check_id for each in found] != sorted({each.check_id for each in found}):
        raise whole.wrong("self_test", "expected sorted checks, each once")
    return found


def check_named(claim: Claim, named: str) -> Finding:
    """CLAIM-NAMED: the claim lies under the id of its own snapshot."""
    own = claim.snapshot_id
    said = own if own == named else f"the claim that is named {named} is that of snapshot {own}"
    return Finding("CLAIM-NAMED", own == named, said)


def check_pinned(claim: Claim, snapshot: Snapshot) -> Finding:
    """CLAIM-PINNED: the snapshot by which the claim is named refers to this very claim."""
    same = (claim.snapshot_id, claim.digest) == (snapshot.snapshot_id, snapshot.claim)
    return Finding(
        "CLAIM-PINNED", same, f"snapshot {snapshot.snapshot_id} pins {snapshot.claim}, this is {claim.digest}"
    )


def check_verified(claim: Claim) -> Finding:
    """CLAIM-VERIFIED: what ran is a known image, and nothing speaks against it."""
    found = doubts(claim)
    return Finding("CLAIM-VERIFIED", not found, "; ".join(found) if found else claim.verdict)


def check_offline(claim: Claim) -> Finding:
    """CLAIM-OFFLINE: the interfaces were looked at, and there is none but `lo`."""
    fact = claim.environment.interfaces
    others = [each.name for each in fact.value or () if each.name != "lo"]
    looked = fact.status in (Status.MEASURED, Status.VERIFIED)
    said = f"also {', '.join(others)}" if others else "lo alone" if looked else f"interfaces are {fact.status}"
    return Finding("CLAIM-OFFLINE", looked and not others, said)


def check_self_test(claim: Claim) -> Finding:
    """CLAIM-SELF-TEST: there was a self-test, and all of it passed."""
    failed = [each.check_id for each in claim.self_test if not each.ok]
    said = f"failed: {', '.join(failed)}" if failed else f"{len(claim.self_test)} checks passed"
    return Finding("CLAIM-SELF-TEST", bool(claim.self_test) and not failed, said)


def check_session(claim: Claim, session_id: str) -> Finding:
    """CLAIM-SESSION: the claim was made since this machine started."""
    return Finding("CLAIM-SESSION", claim.session_id == session_id, f"session {claim.session_id}, now {session_id}")


def check_nonce(claim: Claim, nonce: str) -> Finding:
    """CLAIM-NONCE: the claim was made after the verifier chose this nonce."""
    return Finding("CLAIM-NONCE", claim.nonce == nonce, f"nonce {claim.nonce or 'absent'}, asked for {nonce}")


def check_previous(claim: Claim, previous: str | None) -> Finding:
    """CLAIM-PREVIOUS: `previous` is the SHA-256 of the last claim in the log, None when there is none."""
    said = f"names {claim.previous or 'none'}, the last one is {previous or 'none'}"
    return Finding("CLAIM-PREVIOUS", claim.previous == previous, said)


def check_environment(claim: Claim, now: Environment) -> Finding:
    """CLAIM-ENVIRONMENT: a new measurement gives the same facts, whatever their status; sticks may come and go."""
    others = claim.environment.differs_from(now)
    return Finding("CLAIM-ENVIRONMENT", not others, f"changed: {', '.join(others)}" if others else "unchanged")


def check_covers(claim: Claim, head: Head, root_there: str | None, sessions: Sequence[str], session_id: str) -> Finding:
    """CLAIM-COVERS: `head` extends the claimed head, and this boot made every record after it.

    `root_there` is the root of the log of `head` at the claimed size, as replayed (None when it is shorter);
    `sessions` are the session ids of the records after it, in order. A reboot or a foreign record voids the claim.
    """
    foreign = [each for each in sessions if each != session_id]
    if claim.session_id != session_id:
        why = "the claim is of another boot"
    elif root_there != claim.head.root:
        why = "the log is not the claimed one"
    elif head.size - claim.head.size != len(sessions) or (not sessions and head != claim.head):
        why = f"{len(sessions)} records do not lead from {claim.head.size} to {head.size}"
    elif foreign:
        why = f"a record after it is of session {foreign[0][:64] or 'none'}"
    else:
        return Finding("CLAIM-COVERS", True, f"{len(sessions)} records of this boot since")
    return Finding("CLAIM-COVERS", False, why)
