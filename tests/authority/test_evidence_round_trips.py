"""Any claim, receipt, payload, request, response and statement is read as it was written."""

from __future__ import annotations

import re
from typing import Any, TypeVar

from hypothesis import given, settings
from hypothesis import strategies as some

from asl_authority.values.canonical import MOST
from asl_authority.values.claim import Claim, Reference, TestResult, read_claim
from asl_authority.values.ed25519 import SecretKey
from asl_authority.values.environment import (
    FACTS,
    Environment,
    Fact,
    Interface,
    LayerSeal,
    Mount,
    Register,
    Status,
    Tool,
)
from asl_authority.values.head import Head
from asl_authority.values.identifiers import DOMAIN_ID, FILE_NAME, REQUEST_ID, STATED_TIME
from asl_authority.values.per_signature import (
    check_per_signature,
    payload_of,
    read_payload,
    read_per_signature,
    sign_receipt,
)
from asl_authority.values.receipt import Output, Receipt, read_receipt
from asl_authority.values.roles import Role
from asl_authority.values.snapshot import Method, Snapshot, read_snapshot
from asl_authority.values.sops_bundle import Header, Purpose
from asl_authority.values.sops_file import Form, Recipients, Statement, read_statement
from asl_authority.values.usb_exchange import (
    Published,
    Request,
    RequestType,
    Response,
    Wanted,
    read_manifest,
    read_request,
    read_response,
)

T = TypeVar("T")
# Making such values takes longer than reading them.
FEW = settings(max_examples=30)

DIGESTS = some.binary(min_size=32, max_size=32).map(bytes.hex)
DOMAINS = some.from_regex(DOMAIN_ID, fullmatch=True)
IDS = some.from_regex(REQUEST_ID, fullmatch=True)
TIMES = some.from_regex(STATED_TIME, fullmatch=True)
NAMES = some.from_regex(FILE_NAME, fullmatch=True).filter(lambda name: len(name) <= 255)
NUMBERS = some.integers(0, MOST)
LINES = some.text(
    some.characters(min_codepoint=0x21, max_codepoint=0x2FF, exclude_characters="\x7f"), min_size=1
).filter(lambda line: not re.search(r"[\x7f-\xa0]", line))
WORDS = some.from_regex(r"[a-z0-9][a-z0-9.-]{0,9}", fullmatch=True)
PATHS = some.from_regex(r"(/[a-z0-9._-]{1,9}){1,3}", fullmatch=True)
HEADS = some.builds(Head, NUMBERS, DIGESTS)
MEASURED = some.sampled_from((Status.MEASURED, Status.DECLARED))


def sets(items: some.SearchStrategy[T], by: Any = None) -> some.SearchStrategy[tuple[T, ...]]:
    """Tuples that are sorted by `by`, each once."""
    key = by or (lambda item: item)
    return some.lists(items, max_size=3, unique_by=key).map(lambda found: tuple(sorted(found, key=key)))


def facts(value: some.SearchStrategy[Any]) -> some.SearchStrategy[Fact[Any]]:
    return some.just(Fact(Status.ABSENT)) | some.builds(Fact, MEASURED, value)


VALUES: dict[str, some.SearchStrategy[Any]] = {
    **dict.fromkeys(("image_id", "medium", "kernel", "initrd", "config"), DIGESTS),
    **dict.fromkeys(("kernel_release", "kernel_cmdline"), LINES),
    **dict.fromkeys(("entropy", "swap"), sets(WORDS)),
    "secure_boot": some.booleans(),
    "tpm": sets(some.builds(Register, some.integers(0, 23), DIGESTS), lambda each: each.index),
    "interfaces": sets(some.builds(Interface, WORDS, WORDS), lambda each: each.name),
    "mounts": sets(some.builds(Mount, PATHS, WORDS, sets(WORDS)), lambda each: each.path),
    "tools": sets(some.builds(Tool, PATHS, DIGESTS, LINES), lambda each: each.path),
}
LAYERS = sets(some.builds(LayerSeal, WORDS, DIGESTS, some.none() | DIGESTS, MEASURED), lambda each: each.name)
ENVIRONMENTS = some.builds(Environment, layers=LAYERS, **{name: facts(VALUES[name]) for name in FACTS})
CLAIMS = some.builds(
    Claim,
    host_id=DOMAINS,
    domain_id=DOMAINS,
    logseq=NUMBERS,
    head=HEADS,
    store_checksum=DIGESTS,
    session_id=DIGESTS.map(lambda digest: digest[:32]),
    environment=ENVIRONMENTS,
    self_test=sets(some.builds(TestResult, WORDS, some.booleans()), lambda each: each.check_id),
    reference=some.none() | some.builds(Reference, DIGESTS, sets(DIGESTS), some.integers(1, 64)),
    nonce=some.none() | DIGESTS,
    previous=some.none() | DIGESTS,
)
OUTPUTS = sets(some.builds(Output, NAMES, DIGESTS), lambda each: each.sha256).filter(bool)


@some.composite
def receipts(draw: some.DrawFn) -> Receipt:
    outputs = draw(OUTPUTS)
    declared = draw(some.lists(some.sampled_from([each.sha256 for each in outputs]), unique=True).map(sorted))
    fixed: dict[str, Any] = {
        name: draw(DIGESTS) for name in ("program", "parameters", "policy_hash", "snapshot_id", "claim")
    }
    return Receipt(
        domain_id=draw(DOMAINS),
        operation=draw(some.from_regex(r"[a-z][a-z0-9-]{0,63}", fullmatch=True)),
        inputs=draw(sets(DIGESTS)),
        outputs=outputs,
        logseq=draw(NUMBERS),
        declared=tuple(declared),
        previous=draw(some.none() | DIGESTS),
        seed=draw(some.none() | DIGESTS),
        **fixed,
    )


REQUESTS = some.builds(
    Request,
    request_id=IDS,
    request_type=some.sampled_from(RequestType),
    created_at=TIMES,
    requested_outputs=sets(some.sampled_from(Wanted)),
    policy_hash=DIGESTS,
    pel_program_hash=DIGESTS,
    input_artifact_hashes=sets(DIGESTS),
    signer_hint=LINES,
)
RESPONSES = some.builds(
    Response, IDS, DIGESTS, DIGESTS, sets(some.builds(Published, NAMES, DIGESTS, NUMBERS), lambda each: each.name)
)
RECIPIENTS = some.binary(min_size=58, max_size=58).map(
    lambda data: "age1" + "".join("qpzry9x8gf2tvdw0s3jn54khce6mua7l"[byte % 32] for byte in data)
)


@some.composite
def quorums(draw: some.DrawFn) -> Recipients:
    every = draw(some.lists(RECIPIENTS, min_size=1, max_size=4, unique=True))
    if draw(some.booleans()) or len(every) == 1:
        return Recipients((tuple(sorted(every)),), 1)
    return Recipients(tuple((each,) for each in every), draw(some.integers(2, len(every))))


STATEMENTS = some.builds(
    Statement,
    header=some.builds(Header, IDS, TIMES, some.sampled_from(Purpose), DOMAINS),
    form=some.sampled_from(Form),
    sha256=DIGESTS,
    size=some.integers(1, 1 << 20),
    recipients=quorums(),
    version=some.just("3.11.0"),
    manifest=DIGESTS,
    head=HEADS,
)


@FEW
@given(CLAIMS)
def test_any_claim(claim: Claim) -> None:
    assert read_claim(claim.to_bytes()) == claim


@FEW
@given(
    some.builds(
        Snapshot,
        domain_id=DOMAINS,
        logseq=NUMBERS,
        head=HEADS,
        store_checksum=DIGESTS,
        block_count=some.integers(0, 1000),
        byte_count=NUMBERS,
        sealed_segments=NUMBERS,
        method=some.sampled_from(Method),
        claim=DIGESTS,
    )
)
def test_any_meta_file_of_a_snapshot(snapshot: Snapshot) -> None:
    assert read_snapshot(snapshot.to_bytes()) == snapshot


@FEW
@given(receipts(), some.binary(min_size=32, max_size=32))
def test_any_receipt_its_payload_and_its_signature(receipt: Receipt, seed: bytes) -> None:
    key = SecretKey(seed)
    signature = sign_receipt(receipt, key)

    assert read_receipt(receipt.to_bytes()) == receipt
    assert read_payload(payload_of(receipt).to_bytes()) == payload_of(receipt)
    assert read_per_signature(signature.to_bytes()) == signature
    assert all(f.ok for f in check_per_signature(signature, receipt, {key.public.key_id: (Role.EXECUTE,)}))


@FEW
@given(REQUESTS)
def test_any_request_in_json_and_in_yaml(request: Request) -> None:
    assert read_request(request.to_bytes()) == request
    assert read_manifest(request.to_yaml()) == request


@FEW
@given(RESPONSES)
def test_any_response(response: Response) -> None:
    assert read_response(response.to_bytes()) == response


@FEW
@given(STATEMENTS)
def test_any_statement_about_a_sops_file(statement: Statement) -> None:
    assert read_statement(statement.to_bytes()) == statement
