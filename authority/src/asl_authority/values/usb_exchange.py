"""Requests and responses on a stick: what must be there, what it says, and what answers it.

A request's manifest is YAML for people; signed and hashed is the canonical JSON that it means. A response is signed
over a list of all that it publishes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from asl_authority.errors import Malformed
from asl_authority.values.canonical import Limits
from asl_authority.values.dsse import Envelope
from asl_authority.values.fields import Fields
from asl_authority.values.finding import Finding
from asl_authority.values.identifiers import FILE_NAME, FILE_NAME_LIMIT, REQUEST_ID, STATED_TIME
from asl_authority.values.kinds import Kind
from asl_authority.values.pel import Program, program_bytes, read_program
from asl_authority.values.rules import Rule
from asl_authority.values.strict_yaml import read_yaml

PAPER = "ASL/USB-EXCHANGE/1"
THREATS = "ASL/AUTH-HOST-THREAT-MODEL/1"

RULES = (
    Rule("USB-REQUEST-SCHEMA", PAPER, "S", "A manifest has the paper's members, with the values that it allows."),
    Rule("USB-PROGRAM-SCHEMA", PAPER, "C", "pel-program.yaml has version, steps and outputs."),
    Rule("USB-RESPONSE-SCHEMA", PAPER, "C", "A response names request, receipt and every published file by digest."),
    Rule("USB-REQUEST-TREE", PAPER, "S", "Four files are required; inputs and two notes may be there, nothing else."),
    Rule("USB-LIMITS", THREATS, "S", "There are no more files and bytes on the stick than are taken in."),
    Rule("USB-POLICY-HASH-EQUAL", PAPER, "S", "policy.hash holds the hash that the manifest names."),
    Rule("USB-PROGRAM-EQUAL", PAPER, "S", "The program has the digest that the manifest names."),
    Rule("USB-INPUTS-EQUAL", PAPER, "S", "The input artifacts are those that the manifest names, all and no other."),
    Rule("USB-SIGNED-MANIFEST", PAPER, "S", "request.sig covers the canonical manifest."),
    Rule("USB-REPLAY", THREATS, "S", "A request is answered once: its id has not been used."),
    Rule("USB-RESPONSE-REQUEST", PAPER, "C", "The response answers this request."),
    Rule("USB-RESPONSE-RECEIPT", PAPER, "S", "response.sig covers the receipt that lies beside it."),
    Rule("USB-RESPONSE-FILES", PAPER, "S", "Everything published has the digest and size that was signed."),
    Rule("USB-RESPONSE-APPEND-ONLY", PAPER, "S", "What a response has published does not change and does not go."),
)  # fmt: skip

KIND = Kind("usb-request", limits=Limits(size=2 << 20, depth=4, count=50_000))
RESPONSE = Kind("usb-response", limits=Limits(size=8 << 20, depth=4, count=200_000))

MOST_INPUTS = 512
MOST_PUBLISHED = 20_000
MOST_BYTES = 1 << 30
REQUIRED = ("manifest.yaml", "pel-program.yaml", "policy.hash", "request.sig")
NOTES = ("meta/notes.txt", "meta/requester-domain.txt")
INPUTS = "input-artifacts/"
_MANIFEST = (
    *("version", "request_id", "request_type", "created_at", "requested_outputs", "policy_hash"),
    *("pel_program_hash", "input_artifact_hashes", "signing"),
)


class RequestType(StrEnum):
    """What is asked for."""

    RESCUE = "rescue"
    ADMISSION = "admission"
    AUTHORITY_OP = "authority-op"


class Wanted(StrEnum):
    """An output that a requester may ask for."""

    ARTIFACTS = "artifacts"
    DAM = "dam"
    RECEIPT = "receipt"


@dataclass(frozen=True)
class Request:
    """A manifest. `created_at` is what the requester says; `signer_hint` is only a hint."""

    request_id: str
    request_type: RequestType
    created_at: str
    requested_outputs: tuple[Wanted, ...]
    policy_hash: str
    pel_program_hash: str
    input_artifact_hashes: tuple[str, ...]
    signer_hint: str

    @property
    def digest(self) -> str:
        """SHA-256 of the canonical manifest."""
        return hashlib.sha256(self.to_bytes()).hexdigest()

    def to_bytes(self) -> bytes:
        """The canonical manifest: what is signed."""
        return KIND.body(
            {
                "created_at": self.created_at,
                "input_artifact_hashes": list(self.input_artifact_hashes),
                "pel_program_hash": self.pel_program_hash,
                "policy_hash": self.policy_hash,
                "request_id": self.request_id,
                "request_type": self.request_type,
                "requested_outputs": list(self.requested_outputs),
                "signing": {"algorithm": "ed25519", "signer_hint": self.signer_hint},
                "version": 1,
            }
        )

    def to_yaml(self) -> bytes:
        """manifest.yaml: every string quoted, so that it says the same in every YAML."""
        members = json.loads(self.to_bytes())
        return "".join(f"{name}: {json.dumps(members[name])}\n" for name in _MANIFEST).encode()


@dataclass(frozen=True)
class Published:
    """One file of a response: its name below RESPONSE/, SHA-256 and size in bytes."""

    name: str
    sha256: str
    size: int

    def members(self) -> dict[str, object]:
        """As the response writes it."""
        return {"name": self.name, "sha256": self.sha256, "size": self.size}


@dataclass(frozen=True)
class Response:
    """What is signed in response.sig: the request, the receipt's file and everything published, sorted by name."""

    request_id: str
    request: str
    receipt: str
    published: tuple[Published, ...]

    def to_bytes(self) -> bytes:
        """The one text; it is meta.yaml too, for every JSON text is YAML."""
        members = {"receipt": self.receipt, "request": self.request, "request_id": self.request_id}
        return RESPONSE.body(members | {"published": [each.members() for each in self.published]})


def read_manifest(data: bytes) -> Request:
    """The request that a manifest.yaml means. Raises Malformed."""
    members = read_yaml(data)
    if "type" in members:
        raise Malformed("usb-request: unknown member 'type'", check_id=KIND.schema_id)
    for name in ("input_artifact_hashes", "requested_outputs"):  # people write sets in any order
        members[name] = _as_set(members.get(name), f"usb-request.{name}", KIND.schema_id)
    return read_request(KIND.body(members))


def _as_set(items: Any, what: str, check_id: str) -> list[str]:
    if type(items) is not list or any(type(item) is not str for item in items):
        raise Malformed(f"{what}: expected a list of strings", check_id=check_id)
    return sorted(items)


def read_request(data: bytes) -> Request:
    """A canonical manifest. Raises Malformed."""
    fields = KIND.read(data, _MANIFEST)
    fields.integer("version", 1, 1)
    signing = fields.within("signing", ("algorithm", "signer_hint"))
    if signing.value["algorithm"] != "ed25519":
        raise signing.wrong("algorithm", "expected ed25519")
    return Request(
        request_id=fields.text("request_id", REQUEST_ID),
        request_type=fields.choice("request_type", RequestType),
        created_at=fields.text("created_at", STATED_TIME),
        requested_outputs=fields.choices("requested_outputs", Wanted),
        policy_hash=fields.sha256("policy_hash"),
        pel_program_hash=fields.sha256("pel_program_hash"),
        input_artifact_hashes=fields.digests("input_artifact_hashes", MOST_INPUTS),
        signer_hint=signing.text("signer_hint"),
    )


def read_program_yaml(data: bytes) -> Program:
    """The program that a pel-program.yaml means: `version: 1`, steps and outputs. Raises Malformed."""
    fields = Fields(read_yaml(data), ("version", "steps", "outputs"), "pel-program.yaml", "USB-PROGRAM-SCHEMA")
    fields.integer("version", 1, 1)
    return read_program(program_bytes(fields.value["steps"], fields.value["outputs"]))


def read_response(data: bytes) -> Response:
    """What response.sig covers. Raises Malformed."""
    fields = RESPONSE.read(data, ("published", "receipt", "request", "request_id"))
    published = tuple(
        Published(each.text("name", FILE_NAME, FILE_NAME_LIMIT), each.sha256("sha256"), each.integer("size"))
        for each in fields.objects("published", ("name", "sha256", "size"), MOST_PUBLISHED)
    )
    names = [each.name for each in published]
    if names != sorted(set(names)):
        raise fields.wrong("published", "not sorted by name, or one twice")
    digests = {name: fields.sha256(name) for name in ("receipt", "request")}
    return Response(fields.text("request_id", REQUEST_ID), published=published, **digests)


def check_tree(sizes: Mapping[str, int]) -> tuple[Finding, ...]:
    """USB-REQUEST-TREE and USB-LIMITS: the regular files below REQUEST/, by name, with their sizes in bytes."""
    missing = [name for name in REQUIRED if name not in sizes]
    foreign = sorted(name for name in sizes if name not in (*REQUIRED, *NOTES) and not _is_input(name))
    said = [f"{name} is missing" for name in missing] + [f"{name[:80]!a} has no place there" for name in foreign]
    inputs, size = sum(_is_input(name) for name in sizes), sum(sizes.values())
    fits = inputs <= MOST_INPUTS and size <= MOST_BYTES
    return (
        Finding("USB-REQUEST-TREE", not said, "; ".join(said[:8]) or f"{len(sizes)} files"),
        Finding("USB-LIMITS", fits, f"{inputs} inputs of {MOST_INPUTS}, {size} bytes of {MOST_BYTES}"),
    )


def _is_input(name: str) -> bool:
    rest = name.removeprefix(INPUTS)
    return rest != name and "/" not in rest and bool(FILE_NAME.fullmatch(rest)) and len(name) <= FILE_NAME_LIMIT


def check_policy_hash(request: Request, policy_hash: str) -> Finding:
    """USB-POLICY-HASH-EQUAL: the hash that the file policy.hash holds."""
    detail = f"policy.hash holds {policy_hash}, the manifest names {request.policy_hash}"
    return Finding("USB-POLICY-HASH-EQUAL", policy_hash == request.policy_hash, detail)


def check_program(request: Request, program: Program) -> Finding:
    """USB-PROGRAM-EQUAL: the id of the program beside the manifest is the one that it names."""
    own, named = program.program_id, request.pel_program_hash
    return Finding("USB-PROGRAM-EQUAL", own == named, f"the program is {own}, the manifest names {named}")


def check_inputs(request: Request, digests: Collection[str]) -> Finding:
    """USB-INPUTS-EQUAL: the SHA-256 of the files under input-artifacts/."""
    named, there = set(request.input_artifact_hashes), set(digests)
    said = [f"{each} is missing" for each in sorted(named - there)]
    said += [f"{each} is not named" for each in sorted(there - named)]
    return Finding("USB-INPUTS-EQUAL", not said, "; ".join(said[:8]) or f"{len(named)} inputs")


def check_signed(request: Request, envelope: Envelope) -> Finding:
    """USB-SIGNED-MANIFEST: the envelope's payload is this manifest; who signed it, DSSE's checks say."""
    same = envelope.payload == request.to_bytes()
    return Finding("USB-SIGNED-MANIFEST", same, f"request {request.digest}" if same else "signed is something else")


def check_replay(request: Request, used: Collection[str]) -> Finding:
    """USB-REPLAY: `used` are the ids of every request that was ever taken in."""
    return Finding("USB-REPLAY", request.request_id not in used, f"request {request.request_id}")


def check_response(
    response: Response, request: Request, receipt: bytes, files: Mapping[str, bytes]
) -> tuple[Finding, ...]:
    """USB-RESPONSE-REQUEST, -RECEIPT and -FILES: `receipt` is the file receipt.per, `files` what lies beside it."""
    answers = (response.request_id, response.request) == (request.request_id, request.digest)
    digest = hashlib.sha256(receipt).hexdigest()
    there = {name: (hashlib.sha256(data).hexdigest(), len(data)) for name, data in files.items()}
    signed = {each.name: (each.sha256, each.size) for each in response.published}
    wrong = sorted(name for name in there.keys() | signed.keys() if there.get(name) != signed.get(name))
    return (
        Finding("USB-RESPONSE-REQUEST", answers, f"answers {response.request_id} {response.request}"),
        Finding("USB-RESPONSE-RECEIPT", response.receipt == digest, f"signed {response.receipt}, there is {digest}"),
        Finding("USB-RESPONSE-FILES", not wrong, ", ".join(wrong[:8]) or f"{len(signed)} files"),
    )


def check_append_only(before: Response, after: Response) -> Finding:
    """USB-RESPONSE-APPEND-ONLY: all that was published before is still there, unchanged."""
    gone = sorted(each.name for each in set(before.published) - set(after.published))
    return Finding("USB-RESPONSE-APPEND-ONLY", not gone, f"changed or gone: {', '.join(gone[:8])}" if gone else "kept")
