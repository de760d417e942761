"""dam rotate and publish: a domain's next manifest comes into force, and the one in force goes out on a medium."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asl_authority.front.acting import ACTING, ACTS, act, gate_of, standing_of
from asl_authority.front.acting import DOMAIN as DOMAIN
from asl_authority.front.given import given_certificates, given_policy
from asl_authority.front.verb import Answer, Argument, Call, Verb

if TYPE_CHECKING:
    from asl_authority.operations.act import Standing
    from asl_authority.operations.collect import Task
    from asl_authority.values.dam import Dam
    from asl_authority.values.policy import DomainPolicy


def rotate(call: Call) -> Answer:
    """The next manifest, signed here or elsewhere, in the domain's log."""
    from asl_authority.errors import UsageError
    from asl_authority.front import show as words
    from asl_authority.front.configuration import expect_sealed_policy
    from asl_authority.operations.dam_acts import next_dam, rotate_act
    from asl_authority.operations.reading import HOST
    from asl_authority.values.dam_diff import diff_dams
    from asl_authority.values.ed25519 import SecretKey

    if call.values.get("payload") and call.values.get("add_signature"):
        raise UsageError("--payload or --add-signature: one after the other")
    gate, standing = gate_of(call), standing_of(call, call.values["domain"])
    before, dam = standing.report.dam, _body(call)
    if dam.domain_id != standing.domain_id:
        raise UsageError(f"{call.path('file')}: is of {dam.domain_id}, not of {standing.domain_id}")
    certificates = given_certificates(call.values.get("certificate", ()), rehearsal=standing.rehearsal)
    policy = _policy(call, standing, dam)
    if standing.domain_id == HOST:  # `act` asks too, but after certificates were made, and not for a payload
        expect_sealed_policy(call, policy or standing.report.policy)
    task = next_dam(standing, dam, certificates, policy)
    shown = words.dam_diff_text(before, dam, diff_dams(before, dam)).splitlines()
    throwaway = SecretKey(call.outside.random(32))
    if path := call.values.get("add_signature"):
        task = _signed(task, path)
    asked = rotate_act(standing, task, certificates, policy, shown, throwaway)
    if path := call.values.get("payload"):
        return _payload(task, "\n".join(shown) + "\n", path)
    return act(call, gate, standing, asked, policy=policy)


def publish(call: Call) -> Answer:
    """The manifest in force with all that others need, recorded and then written to a new directory."""
    from asl_authority.operations.dam_acts import prove_dam, publication, publish_act, sums_file
    from asl_authority.storage.disk import HostDisk
    from asl_authority.storage.plain_directory import expect_free, write_new_directory

    output = call.path("output")
    expect_free(HostDisk(), output)
    gate, standing = gate_of(call), standing_of(call, call.values["domain"])
    files = publication(standing)
    answer = act(call, gate, standing, publish_act(standing, files))
    if call.dry_run:
        return answer
    after = standing_of(call, call.values["domain"])
    version = after.report.dam.version
    proof = {f"dam/dam-{version}.tlog-proof": prove_dam(after)}
    written = {**files, **proof, "SHA256SUMS": sums_file(files)}
    write_new_directory(HostDisk(), output, written)
    text = f"{answer.text}{output}: {len(files)} files with their SHA256SUMS, and the proof that the log has the DAM\n"
    return Answer(text, {**answer.members, "directory": str(output), "files": sorted(written)}, answer.status)


def _body(call: Call) -> Dam:
    from asl_authority.storage.plain_files import named, read_file
    from asl_authority.values.dam import KIND
    from asl_authority.values.dam_text import read_dam_text

    path = call.path("file")
    with named(path):
        return read_dam_text(read_file(path, KIND.limits.size))


def _policy(call: Call, standing: Standing, dam: Dam) -> DomainPolicy | None:
    """The policy that comes with the next manifest, if one does. Raises Refused."""
    from asl_authority.errors import Refused

    path = call.values.get("policy")
    if path is not None:
        return given_policy(path)
    if dam.policy_hash != standing.report.policy.hash:
        raise Refused(
            f"the DAM names the policy {dam.policy_hash}, the domain has another",
            hint="give the new one with --policy, and with --certificate those that name it",
            check_id="POLICY-HASH-EQUAL",
        )
    return None


def _signed(task: Task[Dam], path: object) -> Task[Dam]:
    from pathlib import Path

    from asl_authority.operations.collect import with_signature
    from asl_authority.storage.plain_files import named, read_file
    from asl_authority.values.ed25519 import SIGNATURE_BYTES

    given = Path(str(path))
    with named(given):
        return with_signature(task, task.artifact.body.root_key, read_file(given, SIGNATURE_BYTES))


def _payload(task: Task[Dam], shown: str, path: object) -> Answer:
    from pathlib import Path

    from asl_authority.front.signing import payload_answer

    return payload_answer(task, shown, Path(str(path)))


ROTATE = Verb(
    "dam rotate",
    "bring a domain's next manifest into force",
    "Shows the difference to the DAM in force, with whole keys, checks every rule with a throw-away key, and has the "
    "domain's root key sign the very same bytes: here, or on another machine with --payload and --add-signature. "
    "Certificates of new principals (`cert issue`) and a new policy come with it. Start from `dam new --pinned`. The "
    "version grows by one at least, and whoever leaves this domain's receipts must still be in it." + ACTS,
    rotate,
    (
        DOMAIN,
        Argument(("FILE",), "the edited text or the body", "FILE", "path", required=True),
        Argument(("--certificate",), "a certificate that it needs; once for each", "FILE", "path", many=True),
        Argument(("--policy",), "the policy, when it is another", "FILE", "path"),
        Argument(("--payload",), "write the exact bytes to sign to this new file, for another machine", "FILE", "path"),
        Argument(("--add-signature",), "take this signature, made elsewhere over the payload", "FILE", "path"),
        *ACTING,
    ),
)
PUBLISH = Verb(
    "dam publish",
    "give out the manifest in force, with all that others need to check it",
    "Records that it is published, and writes a new directory: the DAM with its envelope (dam/), its CBOR view and "
    "bare signature (admission/), certificates, policy, every root set with the rotations between them (auth/), the "
    "current snapshot with its claim, SHA256SUMS, and the log's record of the DAM with the proof that the log has it "
    "(`dam verify --proof`). Where the policy publishes only what a snapshot pins, one must pin it (`snapshot "
    "create`). What is published stays published: a domain goes on with the next DAM." + ACTS,
    publish,
    (DOMAIN, Argument(("--output",), "the new directory", "DIR", "path", required=True), *ACTING),
)
