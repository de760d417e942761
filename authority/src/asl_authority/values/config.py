"""ASL/AUTH-HOST-CONFIG/1: the configuration of a host, read strictly from the YAML that a person has reviewed.

The paper would have unknown members ignored with a warning; here they are errors, for a limit that is written and not
understood is no limit. All mistakes are told at once, each with its line and column.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from asl_authority import contract
from asl_authority.errors import Malformed
from asl_authority.values.environment import PATH, WORD
from asl_authority.values.fields import LINE
from asl_authority.values.finding import Finding
from asl_authority.values.identifiers import DOMAIN_ID
from asl_authority.values.members import Members, Mistakes, Unfit, exactly, flag, items, list_of, one_of, text
from asl_authority.values.modes import LETS, ConfigMode, ProfileMode
from asl_authority.values.rules import Rule
from asl_authority.values.strict_yaml import YamlLimits, YamlPath, read_yaml

PAPER = "ASL/AUTH-HOST-CONFIG/1"
SCHEMA = "CONFIG-SCHEMA"

RULES = (
    Rule(SCHEMA, PAPER, "C", "Every member has its form, and one that is unknown is an error, not a warning."),
    Rule("CONFIG-HOOKS", PAPER, "C", "hooks.pre_start and post_start are empty: nothing that a text says is executed."),
    Rule("CONFIG-LEASE", PAPER, "S", "A courtesy domain has a courtesy_lease, and one of type authority has none."),
    Rule("CONFIG-POOLS", PAPER, "C", "With zfs pools are listed, each name once; with posix there are none."),
    Rule("CONFIG-DOMAINS", PAPER, "S", "The id is what identifies a domain: no two names have the same."),
    Rule("CONFIG-MODES", "ASL/AUTH-HOST/1", "C", "host.modes has the mode in which host.mode starts, and none twice."),
    Rule("CONFIG-OPERATIONS", PAPER, "C", "allowed_operations has read: what is stored can always be audited."),
)  # fmt: skip

LIMITS = YamlLimits(size=contract.STATE_FILE_LIMIT_BYTES, depth=5)
MOST_DOMAINS = 256
_DURATION = re.compile(r"([1-9][0-9]{0,4})([smhdw])", re.ASCII)
_UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_HOOKS = ("pre_start", "post_start")


class DomainType(StrEnum):
    """Whose a domain is."""

    COURTESY = "courtesy"
    PRIVATE = "private"
    AUTHORITY = "authority"


class Operation(StrEnum):
    """What may be done to a domain's store and log."""

    READ = "read"
    WRITE = "write"
    APPEND = "append"
    SEAL = "seal"
    GC = "gc"


class StoreType(StrEnum):
    """What lies under the store."""

    POSIX = "posix"
    ZFS = "zfs"


class LogLevel(StrEnum):
    """How much is told."""

    DEBUG = "DEBUG"
    INFO = "INFO"
    WARN = "WARN"
    ERROR = "ERROR"


@dataclass(frozen=True)
class Duration:
    """A length of time as it is written (`30d`; s, m, h, d, w), and in seconds."""

    text: str
    seconds: int

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class HostRules:
    """`modes` is None where the configuration leaves it to `mode`."""

    name: str
    version: str
    mode: ConfigMode
    modes: tuple[ProfileMode, ...] | None = None


@dataclass(frozen=True)
class DomainRules:
    """What may be done to one domain; `name` is what the configuration calls it."""

    name: str
    id: str
    type: DomainType
    allowed_operations: tuple[Operation, ...]
    description: str | None = None
    path: str | None = None
    snapshot_retention: Duration | None = None
    courtesy_lease: Duration | None = None


@dataclass(frozen=True)
class Pool:
    """A ZFS pool, and where it must be mounted."""

    name: str
    mount_point: str


@dataclass(frozen=True)
class StoreRules:
    """What lies under the store."""

    type: StoreType
    pools: tuple[Pool, ...] = ()
    enable_snapshotting: bool = False
    snapshot_prefix: str | None = None


@dataclass(frozen=True)
class Config:
    """One configuration. None: it does not say. `told` are members that are said to people and limit nothing."""

    host: HostRules
    domains: tuple[DomainRules, ...] = ()
    store: StoreRules | None = None
    hash_file: str | None = None
    verified_claims: bool | None = None
    told: tuple[tuple[str, str], ...] = ()

    @property
    def modes(self) -> tuple[ProfileMode, ...]:
        """The modes that may run."""
        return LETS[self.host.mode] if self.host.modes is None else self.host.modes

    @property
    def verified_required(self) -> bool:
        """Whether keys may be used under a VERIFIED claim only; so unless a configuration says otherwise."""
        return self.verified_claims is not False

    def domain(self, domain_id: str) -> DomainRules | None:
        """What is said of a domain."""
        return next((each for each in self.domains if each.id == domain_id), None)


def read_config(data: bytes) -> Config:
    """The configuration in a text. Raises Malformed with all that is wrong, by the id of the first."""
    config, findings = judge_config(data)
    if config is None:
        raise Malformed("; ".join(each.detail for each in findings), check_id=findings[0].check_id)
    return config


def judge_config(data: bytes) -> tuple[Config | None, tuple[Finding, ...]]:
    """The configuration, or, where something is wrong, None and everything that is, with line and column.

    Raises Malformed for what is no YAML.
    """
    places: dict[YamlPath, str] = {}
    mistakes = Mistakes(SCHEMA, places)
    config = _config(Members(mistakes, read_yaml(data, LIMITS, places), ()))
    return (None, mistakes.in_order()) if mistakes.found else (config, ())


def _config(top: Members) -> Config:
    top.expect("host", "domains", "certificates", "policy", "logging", "store", "hooks", "claim")
    _hooks(top)
    policy = top.within("policy", "hash_file", "description")
    return Config(
        host=_host(top),
        domains=_domains(top.within("domains")),
        store=_store(top.within("store", "type", "pools", "enable_snapshotting", "snapshot_prefix")),
        hash_file=policy.take("hash_file", exactly(str(contract.POLICY_HASH)), None),
        verified_claims=top.within("claim", "verified_required").take("verified_required", flag, None),
        told=_told(top, policy),
    )


def _host(top: Members) -> HostRules:
    if "host" not in top.value:
        top.mistakes.add((), "host is missing")
        return HostRules("?", "?", ConfigMode.NORMAL)
    host = top.within("host", "name", "version", "mode", "modes")
    mode = host.need("mode", one_of(ConfigMode), None)
    modes = host.take("modes", list_of(one_of(ProfileMode)), None)
    if modes is not None and len(set(modes)) != len(modes):
        host.wrong("modes", "one is named twice", "CONFIG-MODES")
    if modes is not None and mode is not None and LETS[mode][0] not in modes:
        host.wrong("modes", f"mode {mode} starts in {LETS[mode][0]}, which is not among them", "CONFIG-MODES")
    return HostRules(
        host.need("name", text(WORD), "?"), host.need("version", text(WORD), "?"), mode or ConfigMode.NORMAL, modes
    )


def _domains(domains: Members) -> tuple[DomainRules, ...]:
    if len(domains.value) > MOST_DOMAINS:
        domains.mistakes.add(domains.path, f"{len(domains.value)} domains, at most {MOST_DOMAINS} are read")
        return ()
    found: dict[str, DomainRules] = {}
    for name in domains.value:
        if not WORD.fullmatch(name):
            domains.wrong(name, "can't be the name of a domain")
        one = _domain(name, domains.within(name))
        if one.id in found:
            domains.wrong(name, f"has the id of {found[one.id].name}", "CONFIG-DOMAINS")
        found |= {one.id: one} if one.id != "?" else {}
    return tuple(found.values())


def _domain(name: str, members: Members) -> DomainRules:
    members.expect(*("id", "type", "description", "path", "snapshot_retention", "allowed_operations", "courtesy_lease"))
    domain_id, of = members.need("id", text(DOMAIN_ID), "?"), members.need("type", one_of(DomainType), None)
    operations = members.need("allowed_operations", list_of(one_of(Operation)), None)
    if operations is not None and Operation.READ not in operations:
        members.wrong("allowed_operations", "read can't be withheld", "CONFIG-OPERATIONS")
    leased = "courtesy_lease" in members.value
    if of is DomainType.COURTESY and not leased:
        members.mistakes.add(members.path, "courtesy_lease is missing: type is courtesy", "CONFIG-LEASE")
    if of is DomainType.AUTHORITY and leased:
        members.wrong("courtesy_lease", "a domain of type authority has none", "CONFIG-LEASE")
    return DomainRules(
        name,
        domain_id,
        of or DomainType.PRIVATE,
        operations or (),
        members.take("description", text(LINE), None),
        members.take("path", exactly(str(contract.DOMAINS / domain_id)), None),
        members.take("snapshot_retention", _duration, None),
        members.take("courtesy_lease", _duration, None),
    )


def _store(store: Members) -> StoreRules | None:
    if not store.value:
        return None
    kind = store.need("type", one_of(StoreType), None)
    pools: list[Pool] = []
    listed: list[object] = store.take("pools", items, [])
    for number, value in enumerate(listed):
        pool = Members(store.mistakes, value, (*store.path, "pools", number)).expect("name", "mount_point")
        pools.append(Pool(pool.need("name", text(WORD), "?"), pool.need("mount_point", text(PATH), "/")))
    if kind is StoreType.ZFS and not pools:
        store.mistakes.add(store.path, "pools are missing: type is zfs", "CONFIG-POOLS")
    if kind is StoreType.POSIX and pools:
        store.wrong("pools", "there are none with posix", "CONFIG-POOLS")
    if len({pool.name for pool in pools}) != len(pools):
        store.wrong("pools", "one is named twice", "CONFIG-POOLS")
    return StoreRules(
        kind or StoreType.POSIX,
        tuple(pools),
        store.take("enable_snapshotting", flag, instead=False),
        store.take("snapshot_prefix", text(WORD), None),
    )


def _hooks(top: Members) -> None:
    hooks = top.within("hooks", *_HOOKS)
    for name in _HOOKS:
        if hooks.value.get(name, "") not in ("", [], {}):
            hooks.wrong(
                name, "must be empty: on this host nothing that a configuration says is executed", "CONFIG-HOOKS"
            )


def _told(top: Members, policy: Members) -> tuple[tuple[str, str], ...]:
    """The members that the paper has and that nothing here acts on."""
    certificates = top.within("certificates", "root_offline_path", "domain_authority_path", "sops_bundle_path")
    logging = top.within("logging", "path", "level")
    found = {f"certificates.{name}": certificates.take(name, text(PATH), None) for name in certificates.value}
    found["policy.description"] = policy.take("description", text(LINE), None)
    found["logging.path"] = logging.take("path", text(PATH), None)
    found["logging.level"] = logging.take("level", one_of(LogLevel), None)
    return tuple((name, str(value)) for name, value in found.items() if value is not None)


def _duration(value: object) -> Duration:
    found = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise Unfit(f"{str(value)[:40]!a} is no length of time such as 30d (s, m, h, d, w)")
    return Duration(found[0], int(found[1]) * _UNITS_S[found[2]])
