"""What follows from configurations: that one only narrows another, which modes may run, and what a verb may do."""

from __future__ import annotations

from collections.abc import Container, Iterable
from dataclasses import replace

from asl_authority import contract
from asl_authority.errors import Malformed
from asl_authority.values.config import PAPER, Config, DomainRules, Duration, Operation, Pool, StoreType
from asl_authority.values.finding import Finding
from asl_authority.values.modes import ProfileMode
from asl_authority.values.policy import DomainPolicy
from asl_authority.values.rules import Rule

RULES = (
    Rule(
        "CONFIG-NARROWS",
        PAPER,
        "C",
        "The configuration on the store volume only narrows the sealed one: no more modes, domains and operations, no"
        " longer leases, no shorter retention, no claim that need not be VERIFIED, nothing else under store.",
    ),
    Rule("CONFIG-MODE", "ASL/AUTH-HOST/1", "C", "A verb runs in its modes, one of which is allowed; reading in all."),
    Rule("CONFIG-OPERATION", PAPER, "C", "What a verb does to a domain is among its allowed_operations."),
    Rule("CONFIG-POOL-MOUNTED", PAPER, "S", "With zfs every pool is mounted where it must be before anything is done."),
    Rule(
        "POLICY-HASH-SEALED",
        "ASL/POLICY-HASH/1",
        "C",
        "Where a policy.hash is sealed, policy.hash_file names it and the host's own policy has that hash.",
    ),
)


def check_narrows(sealed: Config, volume: Config) -> list[Finding]:
    """CONFIG-NARROWS: each way in which the volume's configuration allows more; or that it does not."""
    wide = [*_more_of_the_host(sealed, volume), *_more_of_domains(sealed, volume)]
    if not wide:
        return [Finding("CONFIG-NARROWS", True, "it allows nothing that the sealed one does not")]
    return [Finding("CONFIG-NARROWS", False, words) for words in wide]


def narrow(sealed: Config, volume: Config) -> Config:
    """What both allow. Raises Malformed when the volume's allows more than the sealed one."""
    for finding in check_narrows(sealed, volume):
        if not finding.ok:
            raise Malformed(finding.detail, check_id=finding.check_id)
    said = {each.name: each for each in volume.domains}
    return Config(
        host=replace(volume.host, modes=volume.modes),
        domains=tuple(_narrowed(each, said.get(each.name)) for each in sealed.domains) or volume.domains,
        store=sealed.store or volume.store,
        hash_file=sealed.hash_file or volume.hash_file,
        verified_claims=sealed.verified_claims if volume.verified_claims is None else volume.verified_claims,
        told=tuple(({**dict(sealed.told), **dict(volume.told)}).items()),
    )


def check_mode(config: Config, verb: str, modes: Iterable[ProfileMode]) -> Finding:
    """CONFIG-MODE: one of the modes that a verb belongs to may run."""
    needed, allowed = tuple(modes), config.modes
    words = f"{verb} belongs to {_words(needed)}; allowed: {_words(allowed)}"
    return Finding("CONFIG-MODE", any(mode in allowed for mode in needed), words)


def check_operation(config: Config, domain_id: str, operation: Operation) -> Finding:
    """CONFIG-OPERATION: this may be done to the domain. What no configuration speaks of is not limited."""
    rules = config.domain(domain_id)
    if rules is None:
        return Finding("CONFIG-OPERATION", True, f"nothing is said of {domain_id}")
    ok = operation in rules.allowed_operations
    words = f"{operation}{'' if ok else ' is not allowed'} on {rules.name}; allowed: {_words(rules.allowed_operations)}"
    return Finding("CONFIG-OPERATION", ok, words)


def check_pools(config: Config, mounted: Container[str]) -> Finding:
    """CONFIG-POOL-MOUNTED: `mounted` are the places where something is mounted."""
    pools: tuple[Pool, ...] = ()
    if config.store is not None and config.store.type is StoreType.ZFS:
        pools = config.store.pools
    missing = [f"{pool.name} at {pool.mount_point}" for pool in pools if pool.mount_point not in mounted]
    words = f"not mounted: {', '.join(missing)}" if missing else f"{len(pools)} pools are mounted"
    return Finding("CONFIG-POOL-MOUNTED", not missing, words)


def check_policy_sealed(config: Config | None, sealed_hash: str | None, policy: DomainPolicy) -> Finding:
    """POLICY-HASH-SEALED: the host's own policy is the one whose hash is sealed, where one is."""
    named = config is not None and config.hash_file is not None
    words = "no policy hash is sealed"
    if sealed_hash is None and named:
        words = f"the configuration names {contract.POLICY_HASH}, and there is none"
    elif sealed_hash is not None and not named:
        words = f"{contract.POLICY_HASH} is there, and no configuration names it (policy.hash_file)"
    elif sealed_hash is not None:
        words = f"sealed is {sealed_hash}, the policy is {policy.hash}"
    ok = named == (sealed_hash is not None) and sealed_hash in (None, policy.hash)
    return Finding("POLICY-HASH-SEALED", ok, words)


def _more_of_the_host(sealed: Config, volume: Config) -> Iterable[str]:
    if more := [mode for mode in volume.modes if mode not in sealed.modes]:
        yield f"host: lets {_words(more)} run; sealed are {_words(sealed.modes)}"
    if sealed.verified_required and volume.verified_claims is False:
        yield "claim.verified_required: the sealed one requires it"
    if volume.store is not None and sealed.store is not None and volume.store != sealed.store:
        yield "store: is another than the sealed one; leave it out"


def _more_of_domains(sealed: Config, volume: Config) -> Iterable[str]:
    known = {each.name: each for each in sealed.domains}
    for each in volume.domains:
        where, limit = f"domains.{each.name}", known.get(each.name)
        if limit is None:
            if known:
                yield f"{where}: is none of the sealed domains ({_words(known)})"
            continue
        if (each.id, each.type) != (limit.id, limit.type):
            yield f"{where}: is another domain than the sealed {limit.type} {limit.id}"
        if more := [one for one in each.allowed_operations if one not in limit.allowed_operations]:
            yield f"{where}.allowed_operations: {_words(more)} more than the sealed {_words(limit.allowed_operations)}"
        if _shorter(limit.courtesy_lease, each.courtesy_lease):
            yield f"{where}.courtesy_lease: {each.courtesy_lease} is longer than the sealed {limit.courtesy_lease}"
        if _shorter(each.snapshot_retention, limit.snapshot_retention):
            yield (
                f"{where}.snapshot_retention: {each.snapshot_retention} is shorter than the sealed"
                f" {limit.snapshot_retention}"
            )


def _narrowed(limit: DomainRules, said: DomainRules | None) -> DomainRules:
    if said is None:
        return limit
    return replace(
        said,
        description=said.description or limit.description,
        path=said.path or limit.path,
        snapshot_retention=said.snapshot_retention or limit.snapshot_retention,
        courtesy_lease=said.courtesy_lease or limit.courtesy_lease,
    )


def _shorter(one: Duration | None, other: Duration | None) -> bool:
    return one is not None and other is not None and one.seconds < other.seconds


def _words(names: Iterable[str]) -> str:
    return ", ".join(names) or "nothing"
