"""The claim of this boot, under which all is signed: found again, held against the machine, and carried on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from asl_authority.errors import Malformed, Refused
from asl_authority.operations.claim import StoreState, check_unchanged
from asl_authority.operations.configuration import verified_required
from asl_authority.operations.gate import CLAIM_MISSING, GATE_CLAIM, Gate, expect_verified
from asl_authority.operations.measure import measure
from asl_authority.storage import session
from asl_authority.storage.snapshots import Inventory
from asl_authority.values.claim import Claim, check_offline, check_session, read_claim
from asl_authority.values.environment import Environment, Status
from asl_authority.values.readings import Readings


def boot_claim(machine: Path, store_root: Path) -> Claim:
    """The last claim of this boot, if the machine is still what it says. Raises Refused, Malformed, IoFailed.

    Layers and medium are not read again: dm-verity holds the one, and without a medium that it needs the machine halts.
    """
    data, session_id = session.load_claim(machine), session.load_session(machine)
    if data is None or session_id is None:
        raise Refused(
            "there is no environment claim of this start", hint="make one: asl-auth-host claim", check_id=CLAIM_MISSING
        )
    claim = read_claim(data)
    now = measure(machine, store_root, _readings(claim.environment)).environment
    findings = (
        check_session(claim, session_id),
        check_unchanged(claim, now),
        check_offline(replace(claim, environment=now)),
    )
    for finding in findings:
        if not finding.ok:
            raise Refused(
                f"the claim of this start no longer holds: {finding.detail}",
                hint="find out why; then make a new one: asl-auth-host claim",
                check_id=finding.check_id,
            )
    return claim


def boot_gate(machine: Path, store_root: Path) -> Gate:
    """The gate of this machine: open under a VERIFIED claim of this boot, else shut. Raises as `boot_claim`.

    The configuration that is sealed into the image may say that the claim need not be VERIFIED.
    """
    claim, required = boot_claim(machine, store_root), verified_required(machine, store_root)
    expect_verified(claim, required=required)
    return Gate(
        claim.session_id,
        claims_for(claim),
        rehearsal=False,
        verified_required=required,
        again=lambda: _expect_still(machine, store_root, claim),
    )


def _expect_still(machine: Path, store_root: Path, before: Claim) -> None:
    """The machine is what it was when the gate was opened, and the claim of this start is the same. Raises Refused."""
    what = "the keys are open, and nothing was signed"
    try:
        now, required = boot_claim(machine, store_root), verified_required(machine, store_root)
        expect_verified(now, required=required)
    except (Refused, Malformed) as error:
        hint = error.hint or "find out what has happened at this machine; see: claim"
        raise Refused(f"{what}: {error}", hint=hint, check_id=error.check_id) from None
    if now != before:
        raise Refused(
            f"{what}: another claim of this start was made meanwhile",
            hint="who has made it? do this again, under the claim that there is now",
            check_id=GATE_CLAIM,
        )


def claims_for(claim: Claim) -> Callable[[Inventory, str | None], Claim]:
    """How a state of a log gets its claim: the facts of this boot's, with what is said of that log and store."""

    def claim_for(inventory: Inventory, previous: str | None) -> Claim:
        said = StoreState.of(inventory, previous)
        return replace(
            claim,
            host_id=said.host_id,
            domain_id=said.domain_id,
            logseq=said.logseq,
            head=said.head,
            store_checksum=said.store_checksum,
            previous=said.previous,
        )

    return claim_for


def _readings(seen: Environment) -> Readings:
    """What was read for the claim."""
    roots = {layer.name: layer.recomputed for layer in seen.layers if layer.recomputed is not None}
    facts = (seen.image_id, seen.medium, seen.kernel, seen.initrd)
    if any(fact.status not in (Status.MEASURED, Status.VERIFIED) for fact in facts):
        return Readings(roots)
    return Readings(roots, *(fact.value for fact in facts))
