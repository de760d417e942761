"""The configuration of a call: what limits it here, and whether the host's policy is the one that is sealed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asl_authority.front.verb import Call

if TYPE_CHECKING:
    from pathlib import Path

    from asl_authority.operations.configuration import InForce, Text
    from asl_authority.values.finding import Finding
    from asl_authority.values.policy import DomainPolicy


def in_force(call: Call) -> InForce:
    """What limits this call: nothing in a rehearsal and on a workstation, unless a configuration is given or there.

    Raises Refused, ConfigError, UsageError, IoFailed.
    """
    from asl_authority.operations.configuration import load_in_force
    from asl_authority.operations.gate import rehearsal_here
    from asl_authority.storage.state import load_seal

    seal = load_seal(call.machine)
    rehearsal = rehearsal_here(seal, bool(call.values.get("rehearsal")))
    given = None if call.config is None else text_of(call.config)
    return load_in_force(call.machine, call.root, seal, given=given, rehearsal=rehearsal)


def expect_sealed_policy(call: Call, policy: DomainPolicy) -> None:
    """POLICY-HASH-SEALED, for the host's own policy; a rehearsal has any. Raises Refused, ConfigError, IoFailed."""
    from asl_authority.errors import Refused
    from asl_authority.front.reading import is_rehearsal
    from asl_authority.operations.configuration import policy_finding

    if is_rehearsal(call) and call.config is None:
        return
    finding = policy_finding(in_force(call), call.machine, policy)
    if not finding.ok:
        raise Refused(
            finding.detail,
            hint="the image and the policy were reviewed apart: find out which of them is meant",
            check_id=finding.check_id,
        )


def sealed_policy_finding(call: Call, policy: DomainPolicy) -> Finding | None:
    """POLICY-HASH-SEALED, for who only reads; None where nothing says which policy the host has. Raises IoFailed."""
    from asl_authority.errors import ConfigError, Refused
    from asl_authority.front.reading import is_rehearsal
    from asl_authority.operations.configuration import policy_finding, sealed_policy_hash
    from asl_authority.values.finding import Finding

    if is_rehearsal(call) and call.config is None:
        return None
    try:
        sealed = sealed_policy_hash(call.machine)
    except ConfigError as error:
        return Finding("POLICY-HASH-SEALED", ok=False, detail=str(error))
    try:
        here = in_force(call)
    except (ConfigError, Refused) as error:
        # Reading works beside a configuration that is not usable; what is wrong with it is said by who acts.
        return None if sealed is None else Finding("POLICY-HASH-SEALED", ok=False, detail=str(error))
    # A copy of a store is read on a workstation too, where its configuration names a file of the image's.
    named = (here.sealed or call.config is not None) and here.config is not None and here.config.hash_file is not None
    return policy_finding(here, call.machine, policy) if named or sealed is not None else None


def text_of(path: Path) -> Text:
    """A configuration that a person names. Raises UsageError, ConfigError for one too long, IoFailed."""
    from asl_authority.errors import ConfigError, Malformed
    from asl_authority.operations.configuration import Text
    from asl_authority.storage.plain_files import read_file
    from asl_authority.values.config import LIMITS

    try:
        return Text(str(path), read_file(path, LIMITS.size))
    except Malformed as error:
        raise ConfigError(str(error), check_id=error.check_id) from None
