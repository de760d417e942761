"""What differs between two DAMs of a domain, as data: whole key bodies, so that a person can compare every one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from asl_authority.values.dam import Dam, Principal
from asl_authority.values.ed25519 import PublicKey
from asl_authority.values.roles import Role

_T = TypeVar("_T")


@dataclass(frozen=True)
class Change(Generic[_T]):
    """One thing before and after."""

    before: _T
    after: _T


@dataclass(frozen=True)
class DamDiff:
    """The differences; what is the same is None or empty. Principals are in the order of their ids."""

    version: Change[int] | None
    root_key: Change[PublicKey] | None
    policy_hash: Change[str] | None
    scope: Change[tuple[Role, ...] | None] | None
    added: tuple[Principal, ...]
    removed: tuple[Principal, ...]
    changed: tuple[Change[Principal], ...]


def diff_dams(before: Dam, after: Dam) -> DamDiff:
    """From one DAM to another. Raises ValueError when they are not of one domain."""
    if before.domain_id != after.domain_id:
        raise ValueError("two domains have nothing to compare")
    old = {each.principal_id: each for each in before.principals}
    new = {each.principal_id: each for each in after.principals}
    return DamDiff(
        _change(before.version, after.version),
        _change(before.root_key, after.root_key),
        _change(before.policy_hash, after.policy_hash),
        _change(before.scope, after.scope),
        tuple(each for key_id, each in new.items() if key_id not in old),
        tuple(each for key_id, each in old.items() if key_id not in new),
        tuple(Change(old[key_id], each) for key_id, each in new.items() if key_id in old and each != old[key_id]),
    )


def _change(before: _T, after: _T) -> Change[_T] | None:
    return None if before == after else Change(before, after)
