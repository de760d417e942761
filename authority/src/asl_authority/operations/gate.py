"""May private keys be made or opened on this machine at all? Asked before every verb that does."""

from __future__ import annotations

from asl_authority.contract import Mode
from asl_authority.errors import Refused
from asl_authority.values.state import Seal

CLAIM_MISSING = "CLAIM-MISSING"


def rehearsal_here(seal: Seal | None, wanted: bool) -> bool:
    """Whether what is signed here is a rehearsal's: always under the rehearsal entry, else when it is `wanted`."""
    return wanted or (seal is not None and seal.mode is Mode.REHEARSAL)


def expect_keys_allowed(seal: Seal | None) -> None:
    """Allow a workstation (no seal) and a rehearsal. Raises Refused on a sealed host: no claim covers its head."""
    if seal is not None and seal.mode is not Mode.REHEARSAL:
        raise Refused(
            "no private key is made or opened here: no environment claim of this start covers the head of the log",
            hint="make the claim first (claim), or start the rehearsal entry of the boot menu",
            check_id=CLAIM_MISSING,
        )
