"""A domain's next DAM, with what it needs to hold; and the one in force, published on a medium for others."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial

from asl_authority.errors import Refused
from asl_authority.operations.act import Act, Bench, Made, Standing
from asl_authority.operations.allowed import expect_may
from asl_authority.operations.collect import Task, lint
from asl_authority.operations.domain_reading import host_chain
from asl_authority.operations.pieces import Piece
from asl_authority.operations.root_chain import judged, with_given
from asl_authority.operations.tasks import dam_task
from asl_authority.operations.twice import verified_elsewhere
from asl_authority.storage import durable, layout
from asl_authority.storage.domains import HOST
from asl_authority.storage.snapshots import load_snapshot
from asl_authority.values.canonical import canonical_bytes
from asl_authority.values.cbor_views import DAM_VIEW
from asl_authority.values.certificate import Certificate, check_certificate, check_principal
from asl_authority.values.dam import Dam, check_dam, check_may
from asl_authority.values.ed25519 import PublicKey, SecretKey
from asl_authority.values.finding import Finding
from asl_authority.values.log_record import RecordType
from asl_authority.values.policy import DomainPolicy
from asl_authority.values.roles import Role
from asl_authority.values.rootset import RootSet
from asl_authority.values.signed import Signed
from asl_authority.values.snapshot import MOST_BYTES

DAM_RECEIPTS = "DAM-RECEIPTS"
PUBLISH_SNAPSHOT = "PUBLISH-SNAPSHOT"


def next_dam(
    standing: Standing, dam: Dam, given: Sequence[Signed[Certificate]], policy: DomainPolicy | None
) -> Task[Dam]:
    """The task of signing it: by all that the domain holds, what is given, and the DAM in force as the pinned one."""
    authority, courts = standing.report.authority, with_given(standing.report.courts, given)
    in_force = policy or authority.policy
    task = dam_task(dam, given, authority.roots, in_force, authority.dam, rehearsal=standing.rehearsal)

    def judge(artifact: Signed[Dam]) -> Sequence[Finding]:
        return judged(courts, lambda certs, roots: check_dam(artifact, certs, roots, in_force, authority.dam))

    return replace(task, judge=judge)


def rotate_act(
    standing: Standing,
    task: Task[Dam],
    given: Sequence[Signed[Certificate]],
    policy: DomainPolicy | None,
    shown: Sequence[str],
    throwaway: SecretKey,
) -> Act:
    """Sign the next DAM by the domain's root key, unless the task has its signature already, and have it in force.

    Raises Refused by the first rule that it would break; a throw-away key has signed the same bytes by then.
    """
    dam = task.artifact.body
    lint(task, throwaway)
    _expect(_principals(standing, dam, given))
    _expect([_receipts(standing, dam)])
    signed_elsewhere = bool(task.artifact.envelope.signatures)
    new_policy = policy if policy is not None and policy.hash != standing.report.policy.hash else None
    asked = {
        "certificates": sorted(each.body.digest for each in given),
        "dam": dam.to_bytes().decode(),
        "domain_id": standing.domain_id,
        "operation": "dam-rotate",
    }

    def make(bench: Bench) -> Made:
        signed = task.artifact if signed_elsewhere else task.artifact.signed_by(bench.signers["root"])
        done = replace(task, artifact=signed)
        _expect(bench.signed_here(lambda: [*done.findings(), *verified_elsewhere(signed.envelope, [dam.root_key])]))
        pieces = [*_policy_piece(new_policy), *_certificate_piece(standing, given), _dam_piece(signed)]
        inputs = [hashlib.sha256(each.to_bytes()).hexdigest() for each in given]
        inputs += [hashlib.sha256(new_policy.to_bytes()).hexdigest()] if new_policy else []
        again = frozenset({dam.hash})
        return Made(tuple(bench.put(piece) for piece in pieces), tuple(inputs), again=again)

    keys = () if signed_elsewhere else ("root",)
    return Act("dam-rotate", f"DAM {dam.version} of {dam.domain_id}", tuple(shown), canonical_bytes(asked), make, keys)


def publication(standing: Standing) -> dict[str, bytes]:
    """All that others need to hold the DAM in force to the roots, by the names of the papers. Raises Refused, IoFailed.

    A policy that publishes only what a snapshot pins is asked.
    """
    source, authority = standing.source, standing.report.authority
    signed = authority.dams[-1].dam
    dam, policy = signed.body, authority.policy
    if policy.publication.snapshot_required:
        _expect_pinned(standing, signed)
    files = {
        layout.dam_name(dam.version): dam.to_bytes(),
        layout.dam_signature_name(dam.version): signed.to_bytes(),
        f"dam/dam-{dam.version}.record": source.log().hashed(authority.dams[-1].logseq),
        "dam/domain.dam": signed.to_bytes(),
        "admission/dam.cbor": DAM_VIEW.of(dam.to_bytes()),
        "admission/dam.sig": signed.envelope.signatures[0].sig,
        layout.policy_name(policy.hash): policy.to_bytes(),
        **_roots(standing),
    }
    for each in _counting(standing):
        name = layout.certificate_name(each.body.digest)
        files |= {name: each.body.to_bytes(), f"{name}.sig": each.to_bytes()}
    snapshot = standing.report.view.current_snapshot
    for path in (source.paths.snapshot_blocks(snapshot), source.paths.snapshot_meta(snapshot)):
        files[str(path.relative_to(source.paths.root))] = durable.read(source.disk, path, MOST_BYTES)
    files[f"env-claims/{snapshot}.claim"] = durable.read(source.disk, standing.store.claim(snapshot), MOST_BYTES)
    return dict(sorted(files.items()))


def _roots(standing: Standing) -> dict[str, bytes]:
    """Every root set from the host's first on, with the rotations between them: whoever holds one finds the newest."""
    chain = standing.report.authority.chain
    if standing.domain_id != HOST:
        chain = host_chain(standing.source.disk, standing.store, rehearsal=standing.rehearsal) or chain
    files = {}
    for link in chain.links:
        files[layout.root_set_name(link.roots.version)] = link.roots.to_bytes()
        if link.rotation is not None:
            name = layout.rotation_name(link.roots.version)
            files |= {name: link.rotation.body.to_bytes(), f"{name}.sig": link.rotation.to_bytes()}
    return files


def _counting(standing: Standing) -> list[Signed[Certificate]]:
    """The certificates that count where they stand in the log.

    What retired roots have signed since is not handed out: who has no log could not tell it from what they had before.
    """
    return [
        each
        for court in standing.report.courts
        for each in court.certificates
        if all(finding.ok for finding in check_certificate(each, court.roots))
    ]


def publish_act(standing: Standing, files: Mapping[str, bytes]) -> Act:
    """Record that the DAM in force was given out, with the SHA-256 of everything beside it.

    Raises Refused, also where the domain's operator may not publish.
    """
    expect_may(standing, "publish")
    signed = standing.report.authority.dams[-1].dam
    dam = signed.body
    sums = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
    lines = [f"DAM {dam.version} of {dam.domain_id}, to be published", f"  {dam.hash}", f"  with {len(files)} files"]
    parameters = {"dam": dam.hash, "domain_id": dam.domain_id, "files": sums, "operation": "dam-publish"}

    def make(bench: Bench) -> Made:
        operator = bench.signers["operator"].public
        _expect(check_may(dam, operator, Role.PUBLISH))
        block = sums_file(files)
        facts = {"version": dam.version, "dam": dam.hash}
        entry = bench.put(Piece(RecordType.EXCHANGE, blocks=(block,), facts=facts))
        inputs = tuple(sorted({digest for digest in sums.values() if _kept(standing, digest)}))
        name = {hashlib.sha256(block).hexdigest(): "SHA256SUMS"}
        return Made((entry,), inputs, name)

    what = f"DAM {dam.version} is published"
    return Act("dam-publish", what, tuple(lines), canonical_bytes(parameters), make)


def sums_file(files: Mapping[str, bytes]) -> bytes:
    """SHA256SUMS, as `sha256sum -c` reads it."""
    return "".join(f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in sorted(files.items())).encode()


def prove_dam(standing: Standing) -> bytes:
    """The proof that the log has the record of the DAM in force, under its signed head. Raises Damaged, IoFailed."""
    return standing.source.log().prove(standing.report.authority.dams[-1].logseq).to_bytes()


def _expect_pinned(standing: Standing, signed: Signed[Dam]) -> None:
    snapshot_id = standing.report.view.current_snapshot
    source = standing.source
    snapshot = load_snapshot(source.disk, source.paths, snapshot_id)
    record = standing.report.authority.dams[-1].logseq
    if snapshot.logseq < record:
        raise Refused(
            f"DAM {signed.body.version} is in record {record}, the current snapshot pins {snapshot.logseq} records",
            hint="the domain's policy publishes only what a snapshot pins: snapshot create",
            check_id=PUBLISH_SNAPSHOT,
        )


def _principals(standing: Standing, dam: Dam, given: Sequence[Signed[Certificate]]) -> list[Finding]:
    courts = with_given(standing.report.courts, given)
    found: list[Finding] = []
    for each in dam.principals:
        subject = (each.public_key, each.roles, dam.domain_id, dam.policy_hash)
        found += judged(courts, partial(_principal, subject))
    return found


def _principal(
    subject: tuple[PublicKey, Sequence[Role], str, str], certs: Sequence[Signed[Certificate]], roots: RootSet
) -> list[Finding]:
    return [check_principal(*subject, certs, roots)]


def _receipts(standing: Standing, dam: Dam) -> Finding:
    """DAM-RECEIPTS: whoever leaves receipts in this domain still may, or nothing could be done in it any more."""
    executes = {each.principal_id for each in standing.report.dam.principals if Role.EXECUTE in each.roles}
    able = [each for each in dam.principals if Role.EXECUTE in each.roles and Role.EXECUTE in dam.effective_scope]
    still = any(each.principal_id in executes for each in able)
    said = "somebody" if still else "nobody"
    return Finding(DAM_RECEIPTS, still, f"{said} who signs receipts in this domain now may do so under it too")


def _policy_piece(policy: DomainPolicy | None) -> list[Piece]:
    if policy is None:
        return []
    files = {layout.policy_name(policy.hash): policy.to_bytes()}
    return [Piece(RecordType.POLICY, files, (policy.to_bytes(),), {"policy_hash": policy.hash})]


def _certificate_piece(standing: Standing, given: Sequence[Signed[Certificate]]) -> list[Piece]:
    known = {each.body.digest for each in standing.report.authority.certificates}
    files: dict[str, bytes] = {}
    blocks = []
    for each in given:
        if each.body.digest not in known:
            name = layout.certificate_name(each.body.digest)
            files |= {name: each.body.to_bytes(), f"{name}.sig": each.to_bytes()}
            blocks.append(each.to_bytes())
    return [Piece(RecordType.CERTIFICATE, files, tuple(blocks))] if files else []


def _dam_piece(signed: Signed[Dam]) -> Piece:
    dam = signed.body
    files = {layout.dam_name(dam.version): dam.to_bytes(), layout.dam_signature_name(dam.version): signed.to_bytes()}
    return Piece(RecordType.DAM, files, (signed.to_bytes(),), {"version": dam.version, "dam": dam.hash})


def _kept(standing: Standing, digest: str) -> bool:
    return any(digest in (*entry.blocks, *entry.files.values()) for _, entry in standing.report.entries)


def _expect(findings: Iterable[Finding]) -> None:
    for finding in findings:
        if not finding.ok:
            raise Refused(f"nothing is signed: {finding.detail}", check_id=finding.check_id)
