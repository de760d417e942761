"""domain: found domains, list them, show what they are, and hold them to every rule."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asl_authority.contract import ExitStatus
from asl_authority.front.given import REHEARSAL
from asl_authority.front.reading import is_rehearsal, reads
from asl_authority.front.verb import Answer, Argument, Call, Verb
from asl_authority.front.verbs.founding import CREATE
from asl_authority.front.verbs.moving import MOVES
from asl_authority.front.verbs.prepared import FOUND, SIGN

if TYPE_CHECKING:
    from asl_authority.operations.domain_check import Report
    from asl_authority.operations.domain_list import Listed
    from asl_authority.storage.layout import DomainPaths

DOMAIN = Argument(("DOMAIN",), "the domain's id; `host` is the host's own", "DOMAIN", required=True)


def list_(call: Call) -> Answer:
    """What lies in the store, and how the host stands to each."""
    from asl_authority.operations.domain_list import list_domains
    from asl_authority.operations.reading import HOST, find_domain
    from asl_authority.storage.disk import HostDisk
    from asl_authority.storage.layout import StorePaths

    rehearsal = is_rehearsal(call)
    find_domain(HostDisk(), call.root, HOST, rehearsal=rehearsal)
    found = list_domains(HostDisk(), StorePaths(call.root), rehearsal=rehearsal)
    text = "".join(_listed(each) for each in found) or "There is no domain but the host's own.\n"
    members = [
        {"domain_id": each.domain_id}
        | ({"damage": each.damage} if each.state is None else {"state": each.state.value, "label": each.label})
        for each in found
    ]
    damaged = any(each.damage for each in found)
    return Answer(text, {"domains": members}, ExitStatus.STORE_DAMAGED if damaged else ExitStatus.DONE)


def _listed(each: Listed) -> str:
    """A domain's two lines, or what is wrong with them."""
    from asl_authority.front import ui

    said = f"{each.state}  {each.label}" if each.state else f"it can't be told how it stands: {each.damage}"
    lines = [each.domain_id, *([f"  {ui.plain(said)}"] if each.state else ui.wrapped(ui.plain(said), "  "))]
    return "".join(f"{line}\n" for line in lines)


def show(call: Call) -> Answer:
    """What the log says of the domain, and who may do what in it."""
    from asl_authority.front import ui
    from asl_authority.front.kept import deviations_text
    from asl_authority.values.deviation import deviations

    report = _report(call)
    view, dam = report.view, report.dam
    rows = [
        ("domain", view.domain_id),
        ("label", report.label),
        ("state", view.state.value),
        ("records", str(view.current_logseq)),
        ("root key", view.root_key_fingerprint),
        ("policy", view.policy_hash),
        ("snapshot", view.current_snapshot),
        (f"DAM {dam.version}", dam.hash),
        *(() if dam.scope is None else (("scope", ", ".join(dam.scope)),)),
        *((("common", report.common),) if report.common else ()),
    ]
    for each in dam.principals:
        rows += [("principal", each.principal_id), ("", f"key   {each.public_key.text}")]
        rows += [("", f"roles {', '.join(each.roles)}")]
    text = "".join(f"{name:<12}{ui.plain(value)}\n" for name, value in rows)
    count = len(deviations(entry for _, entry in report.entries))
    text += f"{deviations_text(count)}{_verdict(report)}\n"
    members: dict[str, object] = {
        "ok": report.ok,
        "domain": view.domain_id,
        "label": report.label,
        "common": report.common or None,
        "state": view.state.value,
        "records": view.current_logseq,
        "root_key": view.root_key_fingerprint,
        "policy": view.policy_hash,
        "snapshot": view.current_snapshot,
        "dam": _dam_members(report),
        "deviations": count,
    }
    return Answer(text, members, _status(report))


def check(call: Call) -> Answer:
    """Every rule, one line each."""
    from asl_authority.front import ui
    from asl_authority.front.drill_text import undrilled_text
    from asl_authority.operations.drilled import undrilled
    from asl_authority.operations.strays import find_strays
    from asl_authority.storage.disk import HostDisk

    report = _report(call)
    paths = _paths(call, report.view.domain_id)
    strays = find_strays(HostDisk(), paths, report.entries)
    keys = undrilled(HostDisk(), paths, report.entries)
    text = "".join(ui.finding_line(finding) for finding in report.findings)
    text += "".join(f"belongs to nothing: {ui.plain(name)}\n" for name in strays)
    # Where something does not hold there is more to do than a drill, and none could be recorded.
    text += f"{undrilled_text(keys) if report.ok else ''}{_verdict(report)}\n"
    members = {"ok": report.ok, "findings": ui.findings_members(report.findings), "strays": list(strays)}
    return Answer(text, {**members, "undrilled": list(keys)}, _status(report))


def _paths(call: Call, domain_id: str) -> DomainPaths:
    from asl_authority.operations.reading import HOST
    from asl_authority.storage.layout import StorePaths

    store = StorePaths(call.root)
    return store.host if domain_id == HOST else store.domain(domain_id)


def _dam_members(report: Report) -> dict[str, object]:
    """The DAM in force: from which record on, and the principals by the names that they have in it."""
    dam = report.dam
    principals = [
        {"principal_id": each.principal_id, "public_key": each.public_key.text, "roles": list(each.roles)}
        for each in dam.principals
    ]
    return {
        "version": dam.version,
        "hash": dam.hash,
        "logseq": report.authority.dams[-1].logseq,
        "scope": list(dam.effective_scope),
        "principals": principals,
    }


def _report(call: Call) -> Report:
    from dataclasses import replace

    from asl_authority.front.configuration import sealed_policy_finding
    from asl_authority.front.store import checked, checked_host
    from asl_authority.operations.reading import HOST
    from asl_authority.storage.disk import HostDisk

    domain_id, rehearsal, disk = call.values["domain"], is_rehearsal(call), HostDisk()
    trusted = None if domain_id == HOST else checked_host(call, disk, rehearsal=rehearsal)
    report = checked(call, disk, domain_id, trusted=trusted, rehearsal=rehearsal)
    finding = sealed_policy_finding(call, report.policy) if domain_id == HOST else None
    return report if finding is None else replace(report, findings=(*report.findings, finding))


def _verdict(report: Report) -> str:
    from asl_authority.front import ui
    from asl_authority.operations.reading import READ_ONLY

    bad = list(dict.fromkeys(finding.check_id for finding in report.findings if not finding.ok))
    if not bad:
        return f"All {len(report.findings)} checks hold."
    damaged = _status(report) is ExitStatus.STORE_DAMAGED
    said = ui.wrapped(f"THE STORE IS DAMAGED: {READ_ONLY}", "") if damaged else ui.explained(bad).splitlines()
    return "\n".join((f"DOES NOT HOLD: {', '.join(bad)}", *said))


def _status(report: Report) -> ExitStatus:
    from asl_authority.operations.domain_check import DOMAIN_ARTIFACTS

    bad = [finding.check_id for finding in report.findings if not finding.ok]
    if not bad:
        return ExitStatus.DONE
    return ExitStatus.STORE_DAMAGED if DOMAIN_ARTIFACTS in bad else ExitStatus.CHECK_FAILED


VERBS = (
    CREATE,
    SIGN,
    FOUND,
    Verb(
        "domain list",
        "list the domains of this store",
        "Prints the id of every domain in the store and, below it, how the host stands to it (state) and its label, as "
        "the logs say. Nothing is verified by listing: see `domain check`. Ends with 5 when a log can't be read; the "
        "others are listed still.",
        reads(list_),
        (REHEARSAL,),
    ),
    Verb(
        "domain show",
        "show what a domain is, by its log",
        "Shows state, root key, policy, newest snapshot and DAM in force of a domain, with the principals of that (key "
        "id, key and roles), as its log and its signed artifacts say them, after all of it was checked as by `domain "
        "check`. domain.json is never believed.",
        reads(show),
        (DOMAIN, REHEARSAL),
    ),
    Verb(
        "domain check",
        "hold a domain to every rule",
        "Replays the log against its signed checkpoint, and holds to it everything that it names: certificates, DAM, "
        "policy, snapshots with their claims, receipts, domain.json; signatures are verified by two implementations. "
        "A domain must go back to the roots that the host holds, which is checked first; and where a policy hash is "
        "sealed the host must have that policy. Ends with 5 when something that was committed is missing or changed, "
        "with 3 when another rule says no. Names files that belong to nothing, which an interruption has left or "
        "somebody has put there; nothing reads them. A note names the keys that were never restored in a recovery "
        "drill (`key drill --domain`), which is no failure.",
        reads(check),
        (DOMAIN, REHEARSAL),
    ),
    *MOVES,
)
