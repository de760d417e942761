"""receipt: look at what an operation says that it did, and hold it against what is at hand."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from asl_authority.front.given import REHEARSAL, given_dam, given_policy, rehearsal_of
from asl_authority.front.reading import reads
from asl_authority.front.verb import Answer, Argument, Call, Verb
from asl_authority.front.verbs.replay import LIST, REPLAY

if TYPE_CHECKING:
    from asl_authority.operations.act import Standing
    from asl_authority.operations.artifacts import Form, Loaded
    from asl_authority.operations.replay import Listed
    from asl_authority.values.dsse import Envelope
    from asl_authority.values.finding import Finding
    from asl_authority.values.receipt import Receipt

RECEIPT = Argument(
    ("RECEIPT",),
    "a receipt or its envelope, as a file; with --domain the number of its record, its name, or the first 8 digits of "
    "that, as `receipt list` prints them",
    "RECEIPT",
    "path",
    required=True,
)
DOMAIN = Argument(("--domain",), "take it out of the store, from the domain of this id; `host` is the host's own", "ID")
# What somebody types who has read `receipt list` and forgets the domain.
_OF_A_LIST = re.compile(r"[0-9]{1,19}|[0-9a-f]{8,64}", re.ASCII)
# What a store has itself, of each receipt in it.
FROM_THE_STORE = ("dam", "signature", "policy", "claim", "previous", "first", "snapshot", "logseq")


@reads
def show(call: Call) -> Answer:
    """What is in it, in words."""
    if "domain" in call.values:
        from asl_authority.front.acting import standing_of
        from asl_authority.operations.receipt_check import load_envelope

        standing = standing_of(call, call.values["domain"])
        there = _listed(call, standing)
        return _shown(there.receipt, load_envelope(standing, there), logseq=there.logseq)
    found = _receipt(call)
    return _shown(found.body, found.envelope)


@reads
def verify(call: Call) -> Answer:
    """Every rule that what is at hand can answer."""
    from asl_authority.errors import UsageError
    from asl_authority.front.given import verdict

    if "domain" in call.values:
        return _verify_in_store(call)
    found = _receipt(call)
    findings = [*found.findings, *_signed(call, found), *_surroundings(call, found.body)]
    if not findings:
        raise UsageError(
            f"{call.path('receipt')} is well-formed, and nothing was given to hold it against",
            hint="give at least one of --dam, --claim, --policy, --previous, --input and --snapshot",
        )
    name = found.body.per_artifact_id
    signer = "" if call.values.get("dam") else "Who signed it was not looked at: that takes --dam.\n"
    answer = verdict(f"receipt {name}", findings, per_artifact_id=name, signer_checked=not signer)
    return Answer(answer.text + signer, answer.members, answer.status)


def _shown(receipt: Receipt, envelope: Envelope | None, **place: object) -> Answer:
    from asl_authority.front import show as words

    text = words.receipt_text(receipt) + words.signatures_text(envelope)
    return Answer(text, {"per_artifact_id": receipt.per_artifact_id, **place, "receipt": receipt.to_bytes().decode()})


def _verify_in_store(call: Call) -> Answer:
    """The same of a receipt in a store, by what the store has."""
    from asl_authority.contract import ExitStatus
    from asl_authority.errors import UsageError
    from asl_authority.front.acting import looked_at
    from asl_authority.front.given import verdict
    from asl_authority.operations.domain_check import DOMAIN_ARTIFACTS
    from asl_authority.operations.receipt_check import judge_receipt
    from asl_authority.storage.plain_files import sha256_of

    if other := [name for name in FROM_THE_STORE if name in call.values]:
        raise UsageError(
            f"--{other[0]} goes with a file: with --domain it comes from the store", hint=f"leave --{other[0]} away"
        )
    standing = looked_at(call, call.values["domain"])
    there = _listed(call, standing)
    receipt, given = there.receipt, {sha256_of(path): path for path in call.values.get("input", ())}
    judged = judge_receipt(standing, there, given)
    name, dam = receipt.per_artifact_id, judged.in_force.dam.body
    answer = verdict(
        f"receipt {name}",
        [*judged.findings, *judged.domain],
        per_artifact_id=name,
        signer_checked=True,
        logseq=there.logseq,
        operation=receipt.operation,
        dam={"version": dam.version, "hash": dam.hash, "logseq": judged.in_force.logseq},
    )
    said = f"{receipt.operation}, record {there.logseq}, under DAM {dam.version}\n  {dam.hash}\n"
    held = f"All {len(standing.report.findings)} checks of {standing.domain_id} hold.\n" if not judged.domain else ""
    damaged = any(each.check_id == DOMAIN_ARTIFACTS for each in judged.domain)
    return Answer(said + answer.text + held, answer.members, ExitStatus.STORE_DAMAGED if damaged else answer.status)


def _listed(call: Call, standing: Standing) -> Listed:
    """The receipt that is meant, in its domain. Raises UsageError, Malformed, IoFailed."""
    from asl_authority.operations.replay import find_receipt

    return find_receipt(standing, str(call.path("receipt")))


def _signed(call: Call, found: Loaded[Receipt]) -> list[Finding]:
    """Whether a principal with the role execute has signed, in the envelope and in the paper's own artifact."""
    from asl_authority.errors import UsageError
    from asl_authority.operations.artifacts import again
    from asl_authority.storage.plain_files import named, read_file
    from asl_authority.values.dam import check_act
    from asl_authority.values.per_signature import KIND, check_per_signature, read_per_signature
    from asl_authority.values.roles import Role

    path, signature = call.values.get("dam"), call.values.get("signature")
    if path is None:
        if signature is not None:
            raise UsageError("--signature needs --dam: whose key may sign is said there")
        return []
    dam = given_dam(path, rehearsal=rehearsal_of(call))
    findings: list[Finding] = []
    if found.envelope is not None:
        findings += check_act(found.envelope, dam, Role.EXECUTE)
        findings += again(found.envelope, [each.public_key for each in dam.principals])
    if signature is not None:
        with named(signature):
            artifact = read_per_signature(read_file(signature, KIND.limits.size))
        roles = {
            each.principal_id: [role for role in each.roles if role in dam.effective_scope] for each in dam.principals
        }
        findings += check_per_signature(artifact, found.body, roles)
    if not findings:
        return [*findings, *check_act(found.signed.envelope, dam, Role.EXECUTE)]  # raises: nobody has signed
    return findings


def _surroundings(call: Call, receipt: Receipt) -> list[Finding]:
    """Policy, claim, the receipt before, inputs, and the place in the log."""
    from asl_authority.errors import UsageError
    from asl_authority.operations.artifacts import form_of, load
    from asl_authority.storage.plain_files import named, read_file, sha256_of
    from asl_authority.values import claim, per_signature, snapshot
    from asl_authority.values import receipt as receipts

    values = call.values
    findings: list[Finding] = []
    if path := values.get("policy"):
        findings += [receipts.check_policy(receipt, given_policy(path).hash)]
    if path := values.get("claim"):
        form = form_of(claim.KIND, claim.read_claim, rehearsal=rehearsal_of(call))
        findings += [receipts.check_claim(receipt, load(path, form).body)]
    if path := values.get("previous"):
        before = _load(path, _form(call))
        findings += [receipts.check_previous(receipt, before.body.per_artifact_id)]
    elif values.get("first"):
        findings += [receipts.check_previous(receipt, None)]
    if paths := values.get("input"):
        findings += [receipts.check_inputs(receipt, {sha256_of(path): path for path in paths})]
    if path := values.get("snapshot"):
        with named(path):
            found = snapshot.read_snapshot(read_file(path, snapshot.KIND.limits.size))
        if "logseq" not in values:
            raise UsageError("--snapshot needs --logseq: where has the log the receipt's operation?")
        findings += per_signature.check_place(receipt, found, values["logseq"])
    return findings


def _form(call: Call) -> Form[Receipt]:
    from asl_authority.operations.artifacts import Form
    from asl_authority.values import receipt

    rehearsal = rehearsal_of(call)
    kind = receipt.REHEARSAL_TYPE if rehearsal else receipt.PAYLOAD_TYPE
    return Form(kind, receipt.LIMITS, lambda data: receipt.read_receipt(data, rehearsal=rehearsal))


def _load(path: object, form: Form[Receipt]) -> Loaded[Receipt]:
    from pathlib import Path

    from asl_authority.operations.artifacts import load

    return load(Path(str(path)), form)


def _receipt(call: Call) -> Loaded[Receipt]:
    from asl_authority.errors import UsageError

    path = call.path("receipt")
    if _OF_A_LIST.fullmatch(str(path)) and not path.exists():
        raise UsageError(
            f"{path}: no such file", hint="of a receipt in the store say the domain too: --domain ID, or --domain host"
        )
    return _load(path, _form(call))


VERBS = (
    LIST,
    REPLAY,
    Verb(
        "receipt show",
        "show what an operation says that it did",
        "Shows a receipt: operation, inputs, outputs, under which policy, snapshot and claim, and how much of it can "
        "be made again. Its name is the SHA-256 of its bytes. Nothing is verified by looking: see `receipt verify`. "
        "With --domain it is taken out of the store, and the domain is checked first, as by `domain check`.",
        show,
        (RECEIPT, DOMAIN, REHEARSAL),
    ),
    Verb(
        "receipt verify",
        "hold a receipt against what is at hand",
        "Checks each rule that the files given can answer: with --dam, that a principal with the role execute signed "
        "it, in the envelope and, with --signature, in its PER signature; with --policy, --claim and --previous or "
        "--first, that it names those; with --input, that those and no others went in; with --snapshot and --logseq, "
        "that its place in the log fits. With --domain the receipt is one of the store, and all of this comes from "
        "there: the DAM that was in force when its operation began, its PER signature, policy, claim, the receipt "
        "before it, its snapshot, its record, and what went in, as far as it is not given. The domain is checked as by "
        "`domain check`, and what does not hold of it is said. Ends with 3 when a rule is broken, with 5 when "
        "something that was committed is missing or changed, with 2 when nothing is given.",
        verify,
        (
            RECEIPT,
            DOMAIN,
            Argument(("--dam",), "the domain's DAM: who may sign receipts", "FILE", "path"),
            Argument(("--signature",), "the PER signature of the receipt", "FILE", "path"),
            Argument(("--policy",), "the domain's policy", "FILE", "path"),
            Argument(("--claim",), "the environment claim that covered it", "FILE", "path"),
            Argument(("--previous",), "the receipt before it in its domain", "FILE", "path"),
            Argument(("--first",), "it is the first receipt of its domain", kind="flag"),
            Argument(("--input",), "a file that went in; once for each", "FILE", "path", many=True),
            Argument(("--snapshot",), "the meta file of the snapshot that it names", "FILE", "path"),
            Argument(("--logseq",), "where the log has it", "N", "number"),
            REHEARSAL,
        ),
    ),
)
