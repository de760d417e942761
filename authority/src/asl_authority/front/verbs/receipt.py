"""receipt: look at what an operation says that it did, and hold it against what is at hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asl_authority.front.given import REHEARSAL, given_dam, given_policy, rehearsal_of
from asl_authority.front.verb import Answer, Argument, Call, Verb
from asl_authority.front.verbs.replay import LIST, REPLAY

if TYPE_CHECKING:
    from asl_authority.operations.artifacts import Form, Loaded
    from asl_authority.values.finding import Finding
    from asl_authority.values.receipt import Receipt

FILE = Argument(("FILE",), "a receipt or its envelope", "FILE", "path", required=True)


def show(call: Call) -> Answer:
    """What is in it, in words."""
    from asl_authority.front import show as words

    found = _receipt(call)
    text = words.receipt_text(found.body) + words.signatures_text(found.envelope)
    return Answer(text, {"per_artifact_id": found.body.per_artifact_id, "receipt": found.body.to_bytes().decode()})


def verify(call: Call) -> Answer:
    """Every rule that what is at hand can answer."""
    from asl_authority.errors import UsageError
    from asl_authority.front.given import verdict

    found = _receipt(call)
    findings = [*found.findings, *_signed(call, found), *_surroundings(call, found.body)]
    if not findings:
        raise UsageError(
            f"{call.path('file')} is well-formed, and nothing was given to hold it against",
            hint="give at least one of --dam, --claim, --policy, --previous, --input and --snapshot",
        )
    name = found.body.per_artifact_id
    signer = "" if call.values.get("dam") else "Who signed it was not looked at: that takes --dam.\n"
    answer = verdict(f"receipt {name}", findings, per_artifact_id=name, signer_checked=not signer)
    return Answer(answer.text + signer, answer.members, answer.status)


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
    return _load(call.path("file"), _form(call))


VERBS = (
    LIST,
    REPLAY,
    Verb(
        "receipt show",
        "show what an operation says that it did",
        "Shows a receipt: operation, inputs, outputs, under which policy, snapshot and claim, and how much of it can "
        "be made again. Its name is the SHA-256 of its bytes. Nothing is verified by looking: see `receipt verify`.",
        show,
        (FILE, REHEARSAL),
    ),
    Verb(
        "receipt verify",
        "hold a receipt against what is at hand",
        "Checks each rule that the files given can answer: with --dam, that a principal with the role execute signed "
        "it, in the envelope and, with --signature, in its PER signature; with --policy, --claim and --previous or "
        "--first, that it names those; with --input, that those and no others went in; with --snapshot and --logseq, "
        "that its place in the log fits. Ends with 3 when a rule is broken, with 2 when nothing is given.",
        verify,
        (
            FILE,
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
