"""config: what limits this host, and whether a text is a configuration that narrows another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asl_authority.front.given import REHEARSAL
from asl_authority.front.verb import Answer, Argument, Call, Verb

if TYPE_CHECKING:
    from pathlib import Path

    from asl_authority.values.config import Config
    from asl_authority.values.finding import Finding


def show(call: Call) -> Answer:
    """What is in force here, and where it is written."""
    from asl_authority.front import config_text
    from asl_authority.front.configuration import in_force
    from asl_authority.operations.configuration import sealed_policy_hash

    here = in_force(call)
    policy_hash = sealed_policy_hash(call.machine)
    return Answer(config_text.in_force_text(here, policy_hash), config_text.in_force_members(here, policy_hash))


def check(call: Call) -> Answer:
    """Whether it is a configuration, and narrows the other where one is named."""
    from asl_authority.front.given import verdict
    from asl_authority.values.config_rules import check_narrows

    path, sealed_path = call.path("file"), call.values.get("narrows")
    config, findings = _judged(path)
    if sealed_path is not None:
        sealed, wrong = _judged(sealed_path)
        findings += [] if sealed is not None else wrong
        if config is not None and sealed is not None:
            findings += check_narrows(sealed, config)
    return verdict(str(path), findings, **({} if config is None else {"modes": list(config.modes)}))


def _judged(path: Path) -> tuple[Config | None, list[Finding]]:
    """The configuration in a file, if it is one, and the findings about it."""
    import hashlib

    from asl_authority.errors import Malformed
    from asl_authority.front.configuration import text_of
    from asl_authority.values.config import SCHEMA, judge_config
    from asl_authority.values.finding import Finding

    text = text_of(path)
    try:
        config, wrong = judge_config(text.data)
    except Malformed as error:
        return None, [Finding(error.check_id, False, f"{path}: {error}")]
    if config is None:
        return None, [Finding(each.check_id, False, f"{path}:{each.detail}") for each in wrong]
    return config, [Finding(SCHEMA, True, f"SHA-256 {hashlib.sha256(text.data).hexdigest()}")]


VERBS = (
    Verb(
        "config show",
        "show what may be done on this host, and which files say so",
        "Shows the configuration that is in force: the reviewed one that is sealed into the image, narrowed by the one "
        "on the store volume, each with its SHA-256 (the claim has that of the store's, too); the modes that may run, "
        "with their verbs; and whether a policy hash is sealed. In a rehearsal and on a workstation nothing limits "
        "anybody, unless --config names a file. Ends with 4 when a sealed host has no configuration, or the store's "
        "allows more, with 2 when one of them can't be followed.",
        show,
        (REHEARSAL,),
    ),
    Verb(
        "config check",
        "say whether a text is a configuration, and whether it only narrows another",
        "Reads a configuration (ASL/AUTH-HOST-CONFIG/1) and names everything that is wrong with it at once, with line "
        "and column; unknown members are errors. With --narrows it holds it against the sealed one as a host does with "
        "what lies on its store volume: every way in which it would allow more is named. Ends with 3 when it does not "
        "hold.",
        check,
        (
            Argument(("FILE",), "the configuration", "FILE", "path", required=True),
            Argument(("--narrows",), "the sealed configuration that it lies under", "FILE", "path"),
        ),
    ),
)
