"""How a domain stands to others, in words and for --json."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asl_authority.front.show import row

if TYPE_CHECKING:
    from asl_authority.operations.act import Standing
    from asl_authority.values.admission import Lease


def standing_rows(standing: Standing, domain_id: str) -> tuple[str, dict[str, object]]:
    """One domain, as the receiver stands to it. Raises Damaged, IoFailed."""
    from asl_authority.operations.courtesy import check_use, used_bytes
    from asl_authority.values.domain_state import State

    history = standing.report.history
    state, steps, admitted = history.state(domain_id), history.of(domain_id), history.admitted(domain_id)
    members: dict[str, object] = {"domain_id": domain_id, "state": state.value}
    changed = next((step for step in reversed(steps) if step.state is not None), None)
    rows = [("state", f"{state}, since record {changed.logseq}" if changed else f"{state}")]
    if changed is not None and changed.reason:
        rows.append(("reason", changed.reason))
        members["reason"] = changed.reason
    if admitted is not None:
        scope = admitted.record.body.admitted_scope
        rows.append(("scope", ", ".join(scope)))
        members["scope"] = list(scope)
    last = next((step.decided for step in reversed(steps) if step.decided is not None), None)
    if last is not None:
        record = last.record.body
        rows += [("decided", f"{record.decision}, epoch {last.epoch}"), ("request", record.request_id)]
        rows += [("said no", ", ".join(record.reasons))] if record.reasons else []
        members |= {"decision": record.decision.value, "decision_epoch": last.epoch, "request_id": record.request_id}
        members |= {"reasons": list(record.reasons)} if record.reasons else {}
    if admitted is not None and admitted.lease is not None and state is State.COURTESY:
        lease, used = admitted.lease.body, used_bytes(standing.source.disk, standing.store, domain_id)
        finding = check_use(lease, history.epoch, None, used)
        rows += _lease_rows(lease, history.epoch, used, holds=finding.ok)
        members["lease"] = {
            "granted_epoch": lease.granted_epoch,
            "expires_epoch": lease.expires_epoch,
            "quota_bytes": lease.quota_bytes,
            "used_bytes": used,
            "holds": finding.ok,
        }
    return f"{domain_id}\n" + "".join(f"  {row(*each)}" for each in rows), members


def _lease_rows(lease: Lease, epoch: int, used: int, *, holds: bool) -> list[tuple[str, str]]:
    over = epoch >= lease.expires_epoch
    now = "holds" if holds else "IS OVER" if over else "HOLDS, and its quota is used up"
    return [
        ("lease", f"from epoch {lease.granted_epoch} until before {lease.expires_epoch}; now {epoch}: {now}"),
        ("quota", f"{used} of {lease.quota_bytes} bytes used"),
    ]
