"""What a principal may do: the five capabilities of ASL/DAM/1, which policies, certificates and DAMs speak of."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum


class Role(StrEnum):
    """A capability, in the papers' order."""

    PRODUCE = "produce"  # make internal artifacts
    EXECUTE = "execute"  # give receipts
    PUBLISH = "publish"  # publish artifacts and snapshots
    FEDERATE = "federate"  # export what is published
    AUDIT = "audit"  # verify, and change nothing

    @property
    def code(self) -> int:
        """Its byte in ASL/POLICY-HASH/1's canonical bytes, a choice of ours."""
        return tuple(Role).index(self) + 1


def role_set(roles: Iterable[Role]) -> tuple[Role, ...]:
    """The roles as a paper writes a set: sorted as text, each once."""
    return tuple(sorted(set(roles)))
