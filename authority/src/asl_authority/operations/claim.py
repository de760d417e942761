"""The environment claim: measured, held against the image's manifest where one came, and worded; and checked again."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace

from asl_authority import contract
from asl_authority.errors import Malformed
from asl_authority.operations.measure import ADDED, Measured
from asl_authority.storage.snapshots import Inventory
from asl_authority.values.builders import Builders
from asl_authority.values.claim import (
    Claim,
    Reference,
    TestResult,
    check_environment,
    check_nonce,
    check_offline,
    check_self_test,
    check_session,
    check_verified,
    doubts,
    read_claim,
)
from asl_authority.values.environment import DECLARED_WORD, FACTS, Environment, Fact, Status
from asl_authority.values.finding import Finding
from asl_authority.values.head import Head
from asl_authority.values.image_manifest import ImageManifest, read_image_manifest
from asl_authority.values.reference import check_equal, check_still_verified, hold_against, judge_reference
from asl_authority.values.snapshot import Blocks

HOST_ID = contract.HOST.name


@dataclass(frozen=True)
class StoreState:
    """What a claim says of the store. `previous` is the SHA-256 of the last claim in the log, None without one."""

    host_id: str
    domain_id: str
    logseq: int
    head: Head
    store_checksum: str
    previous: str | None = None

    @classmethod
    def of(cls, inventory: Inventory, previous: str | None) -> StoreState:
        """What an inventory of a domain says."""
        size = inventory.head.size
        head = Head(size, inventory.head.root.hex())
        return cls(HOST_ID, inventory.domain_id, size, head, inventory.checksum, previous)


# A host whose store is empty, or not there: what it claims is the same.
NO_STORE = StoreState(HOST_ID, HOST_ID, 0, Head(0, hashlib.sha256(b"").hexdigest()), Blocks(()).checksum)


@dataclass(frozen=True)
class Judged:
    """A manifest, who vouches for it, and whether that is enough."""

    manifest: ImageManifest
    reference: Reference
    findings: tuple[Finding, ...]


@dataclass(frozen=True)
class PreparedClaim:
    """A claim with all that a person should know of it; nothing has been written."""

    claim: Claim
    findings: tuple[Finding, ...]
    notes: tuple[str, ...]

    @property
    def doubts(self) -> tuple[str, ...]:
        """Why it is not VERIFIED; nothing when it is."""
        return doubts(self.claim)


def judge(manifest: bytes, envelopes: Iterable[tuple[str, bytes]], builders: Builders) -> Judged:
    """Read a manifest and all signatures over it. Raises Malformed, also when too few vouch or one is wrong."""
    read = read_image_manifest(manifest)
    reference, findings = judge_reference(manifest, read.reviewed, envelopes, builders)
    wrong = [finding for finding in findings if not finding.ok]
    if wrong:
        raise Malformed(
            f"the manifest is not believed: {wrong[0].detail}",
            check_id=wrong[0].check_id,
            hint="without --manifest the claim is made, and is UNVERIFIED",
        )
    return Judged(read, reference, findings)


def prepare_claim(
    measured: Measured,
    self_test: Iterable[Finding],
    store: StoreState,
    session_id: str,
    judged: Judged | None = None,
    nonce: str | None = None,
) -> PreparedClaim:
    """The claim of this moment. Raises Malformed for what no reader would take."""
    environment, findings = measured.environment, []
    if judged is not None:
        held = hold_against(environment, judged.manifest)
        environment = held.environment
        findings += [*judged.findings, check_equal(held)]
    results = sorted((TestResult(each.check_id, each.ok) for each in self_test), key=lambda each: each.check_id)
    claim = Claim(
        host_id=store.host_id,
        domain_id=store.domain_id,
        logseq=store.logseq,
        head=store.head,
        store_checksum=store.store_checksum,
        session_id=session_id,
        environment=environment,
        self_test=tuple(results),
        reference=judged.reference if judged else None,
        nonce=nonce,
        previous=store.previous,
    )
    if read_claim(claim.to_bytes()) != claim:
        raise AssertionError("a claim that reads otherwise than it was written")
    findings += [check_offline(claim), check_self_test(claim)]
    return PreparedClaim(claim, tuple(findings), measured.notes)


def verify_here(
    claim: Claim, measured: Measured, session_id: str | None, self_test: Iterable[Finding]
) -> list[Finding]:
    """A claim on the machine that made it: what is measured now is what it says, and it is of this start."""
    failed = [each.check_id for each in self_test if not each.ok]
    tested = check_self_test(claim)
    said = f"failed now: {', '.join(failed)}" if failed else "it passes now too"
    return [
        check_session(claim, session_id or "none"),
        check_unchanged(claim, measured.environment),
        check_offline(replace(claim, environment=measured.environment)),
        Finding("CLAIM-SELF-TEST", tested.ok and not failed, f"{tested.detail}; {said}"),
    ]


def check_unchanged(claim: Claim, now: Environment) -> Finding:
    """CLAIM-ENVIRONMENT, with what a person had declared for the claim: that can't be measured again."""
    return check_environment(claim, _as_declared(now, claim.environment))


def verify_paper(claim: Claim, judged: Judged | None, nonce: str | None) -> list[Finding]:
    """A claim by itself, anywhere: against a manifest where there is one, and a nonce where one was given."""
    findings = [] if nonce is None else [check_nonce(claim, nonce)]
    if judged is None:
        return findings
    held = hold_against(_as_measured(claim.environment), judged.manifest)
    findings += [*judged.findings, check_equal(held)]
    named = claim.reference.manifest if claim.reference else "none"
    ours = judged.reference.manifest
    findings.append(Finding("CLAIM-REFERENCE", named == ours, f"the claim names the manifest {named}, given is {ours}"))
    try:
        check_still_verified(claim.environment, held.environment)
    except Malformed as error:
        findings.append(Finding(error.check_id, False, str(error)))
    return [*findings, check_verified(claim)]


def _as_measured(said: Environment) -> Environment:
    """The environment with nothing believed that only a manifest could tell."""

    def measured(fact: Fact[object]) -> Fact[object]:
        return Fact(Status.MEASURED, fact.value) if fact.status is Status.VERIFIED else fact

    facts = {name: measured(getattr(said, name)) for name in FACTS}
    layers = tuple(
        replace(layer, status=Status.MEASURED) if layer.status is Status.VERIFIED else layer for layer in said.layers
    )
    return replace(said, layers=layers, **facts)  # type: ignore[arg-type]  # the same facts


def _as_declared(now: Environment, claimed: Environment) -> Environment:
    """What is measured now, with what a person had declared for the claim: that can't be measured again."""
    found: dict[str, Fact[object]] = {}
    for name in FACTS:
        said, fact = getattr(claimed, name), getattr(now, name)
        if said.status is not Status.DECLARED:
            continue
        if name == ADDED and fact.value is not None:
            declared = (word for word in said.value if word.startswith(DECLARED_WORD))
            found[name] = Fact(Status.DECLARED, tuple(sorted({*fact.value, *declared})))
        elif fact.status is Status.ABSENT:
            found[name] = said
    return replace(now, **found)  # type: ignore[arg-type]  # the same facts
