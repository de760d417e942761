"""The gate before keys: may any be made or opened on this machine, and does a claim of this boot cover the head?

Without a claim it stays shut. A rehearsal has a claim of its own, which says that nothing was measured.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from asl_authority.contract import Mode
from asl_authority.errors import Refused
from asl_authority.storage.snapshots import Inventory
from asl_authority.values.claim import Claim, check_covers, check_offline, check_pinned, check_self_test, check_verified
from asl_authority.values.ed25519 import KEY_BYTES, SecretKey
from asl_authority.values.environment import FACTS, Environment, Fact, Status
from asl_authority.values.finding import Finding
from asl_authority.values.head import Head
from asl_authority.values.state import Seal

CLAIM_MISSING = "CLAIM-MISSING"
GATE_CLAIM = "GATE-CLAIM"
REHEARSAL_STARTED = "REHEARSAL-STARTED"
REHEARSAL_HOST = "rehearsal"
# Known to everybody, like all of a rehearsal: its claims and records are the same wherever it is held.
REHEARSAL_SESSION = hashlib.sha256(b"the session of every rehearsal").hexdigest()[:32]


@dataclass(frozen=True)
class Gate:
    """How a state of a log gets its claim: `claim_for` words one, after the one before it (its SHA-256).

    `verified_required` is False only where the configuration that is sealed into the image says so. `again` asks once
    more what was asked when it was opened, and raises Refused where that holds no longer.
    """

    session_id: str
    claim_for: Callable[[Inventory, str | None], Claim]
    rehearsal: bool
    verified_required: bool = True
    again: Callable[[], None] = field(default=lambda: None, compare=False)

    def expect_still_open(self) -> None:
        """Right before the first signature: since the gate was opened a person has read, typed words and passphrases.

        Raises Refused, and nothing is signed or written, when the machine is not what it was.
        """
        self.again()

    def claim(self, inventory: Inventory, previous: str | None) -> Claim:
        """The claim of this state. Raises Refused when it is not worth signing under."""
        claim = self.claim_for(inventory, previous)
        _expect(check_pinned(claim, inventory.snapshot(claim.digest)))
        head = Head(inventory.head.size, inventory.head.root.hex())
        self.expect_covered(claim, head, head.root, ())
        return claim

    def expect_covered(self, claim: Claim, head: Head, root_there: str | None, sessions: Sequence[str]) -> None:
        """Let through what is signed at this head. Raises Refused; for the arguments see `check_covers`."""
        if not self.rehearsal:
            expect_verified(claim, required=self.verified_required)
        _expect(check_covers(claim, head, root_there, sessions, self.session_id))


def rehearsal_here(seal: Seal | None, wanted: bool) -> bool:
    """Whether what is done here is a rehearsal's: always under the rehearsal entry, else when it is `wanted`.

    Raises Refused when it is wanted on a sealed host that was started for real: its store is a real one.
    """
    rehearsing = seal is not None and seal.mode is Mode.REHEARSAL
    if wanted and seal is not None and not rehearsing:
        raise Refused(
            "--rehearsal: this host was started for real, and its store is a real one",
            hint="start the rehearsal entry of the boot menu",
            check_id=REHEARSAL_STARTED,
        )
    return wanted or rehearsing


def expect_keys_allowed(seal: Seal | None, claim: Callable[[], Claim], *, required: bool = True) -> None:
    """Allow a workstation (no seal), a rehearsal, and a sealed host whose claim of this boot is VERIFIED.

    `claim` finds that claim, and raises when there is none; for `required` see `expect_verified`. Raises Refused.
    """
    if seal is not None and seal.mode is not Mode.REHEARSAL:
        expect_verified(claim(), required=required)


def expect_verified(claim: Claim, *, required: bool = True) -> None:
    """Let through who works under a claim that is VERIFIED. Raises Refused.

    `required` is False only where the sealed configuration says so (operations/configuration.py): then nobody need
    vouch for the image, while a network, or a self-test that failed, still shuts the gate. The front floor warns before
    and after whatever is done, and the claim, which is logged, goes on saying what it is.
    """
    findings = (check_verified(claim),) if required else (check_offline(claim), check_self_test(claim))
    for finding in findings:
        if not finding.ok:
            raise Refused(
                f"the claim of this start is not {'VERIFIED' if required else 'good enough'}: {finding.detail}",
                hint="make one against the image's manifest: claim --manifest FILE" if required else "see: claim",
                check_id=finding.check_id,
            )


def rehearsal_gate() -> Gate:
    """The gate of a rehearsal, which stands open: nothing that is made behind it is real."""
    return Gate(REHEARSAL_SESSION, rehearsal_claim, rehearsal=True)


def public_random(seed: str) -> Callable[[int], bytes]:
    """What a rehearsal has instead of randomness: the same bytes for the same seed, which everybody may know."""
    count = iter(range(1 << 30))
    return lambda size: hashlib.shake_256(f"asl rehearsal, never use: {seed} {next(count)}".encode()).digest(size)


def rehearsal_roots(count: int) -> list[SecretKey]:
    """The offline roots of every rehearsal, the first so many of them; everybody has their private keys."""
    random = public_random("offline roots")
    return [SecretKey(random(KEY_BYTES)) for _ in range(count)]


def rehearsal_claim(inventory: Inventory, previous: str | None) -> Claim:
    """The claim of a rehearsal: of this state, and that nothing of the machine was looked at."""
    facts = {name: Fact[object](Status.ABSENT) for name in FACTS}
    return Claim(
        host_id=REHEARSAL_HOST,
        domain_id=inventory.domain_id,
        logseq=inventory.head.size,
        head=Head(inventory.head.size, inventory.head.root.hex()),
        store_checksum=inventory.checksum,
        session_id=REHEARSAL_SESSION,
        environment=Environment(layers=(), **facts),  # type: ignore[arg-type]  # every fact, absent
        self_test=(),
        previous=previous,
    )


def _expect(finding: Finding) -> None:
    if not finding.ok:
        raise Refused(f"nothing is signed: {finding.detail}", check_id=finding.check_id)
