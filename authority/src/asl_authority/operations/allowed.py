"""Whether a domain's operator may execute or publish: by its DAM, and by the policy that the DAM names."""

from __future__ import annotations

from typing import Literal

from asl_authority.errors import Refused
from asl_authority.operations.act import Standing
from asl_authority.operations.domain_reading import loaded
from asl_authority.storage import layout
from asl_authority.values.dam import check_may
from asl_authority.values.finding import Finding
from asl_authority.values.policy import check_role_allowed
from asl_authority.values.public_key_file import read_public_key_file
from asl_authority.values.roles import Role

HINT = "see: domain show; other roles come with another DAM, and another policy with it: dam rotate --policy"


def expect_may(standing: Standing, act: Literal["publish", "execute"]) -> None:
    """Let the domain's operator do it. Raises Refused by the first rule that forbids it, Damaged, IoFailed."""
    report, source = standing.report, standing.source
    key = loaded(source.disk, source.paths, layout.public_key_name("operator"), read_public_key_file, 4096)
    operator, scope = report.dam.principal(key), report.dam.effective_scope
    held = () if operator is None else tuple(role for role in operator.roles if role in scope)
    able = [role for role in Role if check_role_allowed(report.policy, act, role).ok]
    words = f"it has {', '.join(held) or 'no role'}; by the policy allowed: {', '.join(able) or 'nobody'}"
    allowed = Finding("POLICY-ROLE-ALLOWED", not {*held}.isdisjoint(able), words)
    for finding in (*check_may(report.dam, key, Role(act)), allowed):
        if not finding.ok:
            said = f"{standing.domain_id}: its operator may not {act}: {finding.detail}"
            raise Refused(said, hint=HINT, check_id=finding.check_id)
