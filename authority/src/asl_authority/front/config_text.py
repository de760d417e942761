"""The words of `config show`: what may be done on this host, and which files say so."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from asl_authority.front.modes import MODES
from asl_authority.front.parser import load_verbs
from asl_authority.front.ui import plain, wrapped

if TYPE_CHECKING:
    from asl_authority.operations.configuration import InForce
    from asl_authority.values.config import Config, DomainRules

_WIDTH = 12


def in_force_text(here: InForce, policy_hash: str | None) -> str:
    """What is in force, with the digest of every file that says so."""
    if here.config is None:
        return "Nothing limits what is done here: a rehearsal, or a workstation that has no\nconfiguration.\n"
    lines = ["configuration, each line narrowed by the next"]
    for each in here.sources:
        lines += [f"  {plain(each.name)}", f"    {each.sha256}"]
    lines += _config_lines(here.config)
    lines += _row("claims", "must be VERIFIED" if here.verified_required else "NEED NOT BE VERIFIED to use keys")
    lines += _row("policy", f"sealed: {policy_hash}" if policy_hash else "no policy hash is sealed")
    lines += _verbs(here.config)
    return "\n".join(lines) + "\n"


def in_force_members(here: InForce, policy_hash: str | None) -> dict[str, object]:
    """The same for --json."""
    config = here.config
    members: dict[str, object] = {
        "limited": config is not None,
        "sources": [{"name": each.name, "sha256": each.sha256} for each in here.sources],
        "policy_hash": policy_hash,
        "verified_required": here.verified_required,
    }
    if config is None:
        return members
    domains = [
        {"id": each.id, "name": each.name, "allowed_operations": each.allowed_operations} for each in config.domains
    ]
    told = [{"name": name, "value": value} for name, value in config.told]
    return {**members, "mode": config.host.mode, "modes": config.modes, "domains": domains, "told": told}


def _config_lines(config: Config) -> Iterator[str]:
    yield from _row("host", f"{plain(config.host.name)}, configuration {plain(config.host.version)}")
    yield from _row("mode", config.host.mode)
    for each in config.domains:
        yield from _row("domain", _domain(each))
    if config.store is not None:
        pools = ", ".join(f"{pool.name} at {pool.mount_point}" for pool in config.store.pools)
        yield from _row("store", plain(f"{config.store.type}{f', pools {pools}' if pools else ''}"))
    for name, value in config.told:
        yield from _row("told", plain(f"{name}: {value}"))


def _domain(rules: DomainRules) -> str:
    lease = f", lease {rules.courtesy_lease}" if rules.courtesy_lease else ""
    kept = f", snapshots kept {rules.snapshot_retention}" if rules.snapshot_retention else ""
    return plain(f"{rules.name} ({rules.id}), {rules.type}: {', '.join(rules.allowed_operations)}{lease}{kept}")


def _verbs(config: Config) -> Iterator[str]:
    """Each mode that may run, with its verbs, and what may not."""
    names = [verb.name for verb in load_verbs() if verb.name in MODES]
    for mode in config.modes:
        yield f"{mode} may run"
        yield from _listed([name for name in names if mode in MODES[name]]) or ["  no verb"]
    refused = [name for name in names if not set(MODES[name]) & set(config.modes)]
    yield "refused"
    yield from _listed(refused) or ["  nothing; what only reads runs in every mode"]


def _listed(names: list[str]) -> list[str]:
    """Names in lines, each of them whole."""
    kept = ", ".join(name.replace(" ", "\xa0") for name in names)
    return [line.replace("\xa0", " ") for line in wrapped(kept, "  ")]


def _row(label: str, value: str) -> list[str]:
    first, *rest = wrapped(value, " " * _WIDTH) or [""]
    return [f"{label:<{_WIDTH}}{first.lstrip()}", *rest]
