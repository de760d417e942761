"""The application that a command line names: its files, or what lies in the store, judged by the receiver."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asl_authority.front.acting import standing_of
from asl_authority.front.verb import Call

if TYPE_CHECKING:
    from asl_authority.operations.act import Standing
    from asl_authority.operations.admission import Hearing
    from asl_authority.operations.applications import Application
    from asl_authority.values.admission import AdmissionRequest
    from asl_authority.values.signed import Signed


def heard(call: Call, standing: Standing) -> Hearing:
    """The application that is named, judged. Raises UsageError, Refused, Malformed."""
    from asl_authority.operations.admission import hear
    from asl_authority.operations.artifacts import form_of, load
    from asl_authority.values import admission

    form = form_of(admission.REQUEST, admission.read_request, rehearsal=standing.rehearsal)
    asked = load(call.path("request"), form).signed
    applicant = asked.body.domain_id
    here = applicant != standing.domain_id and _lies_here(call, applicant)
    local = standing_of(call, applicant) if here else None
    root = local.report.dam.root_key.key_id if local else ""
    return hear(standing, _sent(call, asked, standing, local), root)


def _sent(call: Call, asked: Signed[AdmissionRequest], standing: Standing, local: Standing | None) -> Application:
    from asl_authority.errors import Refused, UsageError
    from asl_authority.front.given import given_certificates, given_policy, given_root_set
    from asl_authority.operations.applications import Application, court_of
    from asl_authority.operations.artifacts import form_of, load
    from asl_authority.values import dam

    path = call.values.get("root_set")
    own = standing.report.authority.roots
    roots = own if path is None else given_root_set(path)
    if local is not None and roots != own:
        raise Refused(
            f"{local.domain_id}: a domain of this store goes back to this store's roots, and to no others",
            hint="leave --root-set away",
            check_id="DOMAIN-ROOTS",
        )
    missing = [name for name in ("dam", "certificate", "policy") if not call.values.get(name)]
    if len(missing) == 3 and local is not None:
        signed, policy = local.report.authority.dams[-1].dam, local.report.policy
        court = court_of(signed.body, local.report.courts)
        return Application(asked, signed, policy, court.certificates, court.roots)
    if missing:
        why = f"{asked.body.domain_id} is no domain of this store" if local is None else "some was given, and not all"
        raise UsageError(f"--{', --'.join(missing)}: missing: {why}", hint="the applicant sends them with its request")
    form = form_of(dam.KIND, dam.read_dam, rehearsal=standing.rehearsal)
    return Application(
        asked,
        load(call.path("dam"), form).signed,
        given_policy(call.path("policy")),
        tuple(given_certificates(call.values["certificate"], rehearsal=standing.rehearsal)),
        roots,
    )


def _lies_here(call: Call, domain_id: str) -> bool:
    from asl_authority.operations.reading import HOST
    from asl_authority.storage.disk import HostDisk
    from asl_authority.storage.layout import StorePaths

    return domain_id == HOST or HostDisk().is_directory(StorePaths(call.root).domain(domain_id).log)
