"""The configuration that is in force on this machine: the sealed one, narrowed by the store's; and what it forbids."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from asl_authority import contract
from asl_authority.errors import ConfigError, Malformed, Refused
from asl_authority.storage import machine_facts, state
from asl_authority.values.config import Config, Operation, read_config
from asl_authority.values.config_rules import check_mode, check_operation, check_policy_sealed, check_pools, narrow
from asl_authority.values.finding import Finding
from asl_authority.values.modes import ProfileMode
from asl_authority.values.policy import DomainPolicy, read_hash_file
from asl_authority.values.state import Seal

CONFIG_MISSING = "CONFIG-MISSING"
SEALED_NAME = str(contract.CONFIG)
STORE_NAME = f"{str(state.STORE_CONFIG).lstrip('/')} on the store volume"


@dataclass(frozen=True)
class Text:
    """A configuration as it was found: where, and its bytes."""

    name: str
    data: bytes

    @property
    def sha256(self) -> str:
        """What identifies it, as the claim has that of the store's."""
        return hashlib.sha256(self.data).hexdigest()


@dataclass(frozen=True)
class InForce:
    """What limits this machine: `sources` in the order in which they narrow. Without any, nothing does.

    `sealed` says that the first of them is part of the image that runs.
    """

    config: Config | None
    sources: tuple[Text, ...] = ()
    sealed: bool = False

    @property
    def verified_required(self) -> bool:
        """Whether keys may be used under a VERIFIED claim only; nothing but what is sealed says that they need not."""
        return not self.sealed or self.config is None or self.config.verified_required


def load_in_force(
    machine: Path, store_root: Path, seal: Seal | None, *, given: Text | None = None, rehearsal: bool = False
) -> InForce:
    """What is in force. `given` stands for the sealed one, where another one may be given at all.

    A rehearsal and a workstation (no seal) without one are not limited. Raises Refused on a sealed host without one,
    and for a store's that allows more; ConfigError for one that can't be followed; IoFailed.
    """
    if rehearsal and given is None:
        return InForce(None)
    sealed = given or _text(SEALED_NAME, state.load_config, machine)
    if sealed is None and seal is not None:
        raise Refused(
            f"this image has no configuration: {SEALED_NAME} is missing, and says what may be done here",
            hint="build the image with one; reading verbs and the rehearsal entry work without",
            check_id=CONFIG_MISSING,
        )
    sources = tuple(each for each in (sealed, _text(STORE_NAME, state.load_store_config, store_root)) if each)
    read = [_read(each) for each in sources]
    within = seal is not None and given is None
    if len(read) < 2:
        return InForce(read[0] if read else None, sources, within)
    try:
        return InForce(narrow(*read), sources, within)
    except Malformed as error:
        raise Refused(
            f"{STORE_NAME} allows more than {sources[0].name}: {error}",
            hint=f"see: config check FILE --narrows {sources[0].name}",
            check_id=error.check_id,
        ) from None


def verified_required(machine: Path, store_root: Path) -> bool:
    """Whether keys may be used under a VERIFIED claim only: see InForce. Raises as `load_in_force`."""
    seal = state.load_seal(machine)
    if seal is None or state.load_config(machine) is None:
        return True
    return load_in_force(machine, store_root, seal).verified_required


def expect_allowed(
    here: InForce, machine: Path, verb: str, modes: Iterable[ProfileMode], on: tuple[str, Operation] | None = None
) -> None:
    """Let a verb run in one of its modes; `on` is the domain that it changes, and how. Raises Refused."""
    if here.config is None:
        return
    findings = [check_mode(here.config, verb, modes)]
    if on is not None:
        findings.append(check_operation(here.config, *on))
    findings.append(check_pools(here.config, {mount.path for mount in machine_facts.load_mounts(machine) or ()}))
    _expect(here, findings, "see: config show")


def expect_operation(here: InForce, domain_id: str, operation: Operation, hint: str) -> None:
    """Let it be done to this domain. Raises Refused."""
    if here.config is not None:
        _expect(here, [check_operation(here.config, domain_id, operation)], hint)


def _expect(here: InForce, findings: Iterable[Finding], hint: str) -> None:
    for finding in findings:
        if not finding.ok:
            files = " and ".join(each.name for each in here.sources)
            raise Refused(f"{finding.detail} ({files})", hint=hint, check_id=finding.check_id)


def policy_finding(here: InForce, machine: Path, policy: DomainPolicy) -> Finding:
    """POLICY-HASH-SEALED, for the policy of the host itself. Raises ConfigError, IoFailed."""
    return check_policy_sealed(here.config, sealed_policy_hash(machine), policy)


def sealed_policy_hash(machine: Path) -> str | None:
    """The policy hash that is sealed, if one is. Raises ConfigError for a file that holds none, IoFailed."""
    try:
        data = state.load_policy_hash(machine)
        return None if data is None else read_hash_file(data)
    except Malformed as error:
        raise ConfigError(f"{contract.POLICY_HASH}: {error}", check_id=error.check_id) from None


def _text(name: str, load: Callable[[Path], bytes | None], root: Path) -> Text | None:
    try:
        data = load(root)
    except Malformed as error:
        raise ConfigError(str(error), check_id=error.check_id) from None
    return None if data is None else Text(name, data)


def _read(text: Text) -> Config:
    try:
        return read_config(text.data)
    except Malformed as error:
        raise ConfigError(f"{text.name}: {error}", hint="see: config check FILE", check_id=error.check_id) from None
