"""Samples of requests and responses on a stick."""

from __future__ import annotations

import hashlib

from asl_authority.values.ed25519 import SecretKey
from asl_authority.values.usb_exchange import Published, Request, RequestType, Response, Wanted
from support.published import Bad, Good, Vectors, changed
from support.samples.pel import INPUTS, PROGRAM

REQUESTER = SecretKey(bytes(range(1, 33)))
REQUEST = Request(
    request_id="0e7b2c9a-5d41-4f0e-9a63-3f2f1c0d9b7e",
    request_type=RequestType.ADMISSION,
    created_at="2026-01-17T00:19:49Z",
    requested_outputs=(Wanted.ARTIFACTS, Wanted.RECEIPT),
    policy_hash=hashlib.sha256(b"policy").hexdigest(),
    pel_program_hash=PROGRAM.program_id,
    input_artifact_hashes=PROGRAM.inputs,
    signer_hint="me.example root key",
)
RECEIPT_FILE = b"the bytes of receipt.per"
FILES = {"published/blocks/a.bin": b"a block", "published/snapshots/s.meta": b"{}"}
RESPONSE = Response(
    request_id=REQUEST.request_id,
    request=REQUEST.digest,
    receipt=hashlib.sha256(RECEIPT_FILE).hexdigest(),
    published=tuple(
        Published(name, hashlib.sha256(data).hexdigest(), len(data)) for name, data in sorted(FILES.items())
    ),
)
# As a person writes it: in any order, with comments, unquoted where that has one meaning.
BY_HAND = f"""\
# A request for the authority host
version: 1
request_type: admission
request_id: {REQUEST.request_id}
created_at: "2026-01-17T00:19:49Z"   # a date must be quoted
requested_outputs:
  - receipt
  - artifacts
policy_hash: "{REQUEST.policy_hash}"
pel_program_hash: '{PROGRAM.program_id}'
input_artifact_hashes: [{", ".join(f'"{digest}"' for digest in reversed(PROGRAM.inputs))}]
signing:
  algorithm: ed25519
  signer_hint: me.example root key
""".encode()
PROGRAM_YAML = f"""\
version: 1
steps:
  - {{operator: ingest, input: "{next(iter(INPUTS))}", result: first}}
  - {{operator: hash, value: first, result: digest}}
outputs:
  - {{name: digest.txt, value: digest}}
""".encode()
PROGRAM_MEANT = (
    '{"outputs":[{"name":"digest.txt","value":"digest"}],"steps":[{"input":"' + next(iter(INPUTS)) + '",'
    '"operator":"ingest","result":"first"},{"operator":"hash","result":"digest","value":"first"}],'
    '"type":"asl.pel-program/1"}'
)


def yaml_cases() -> list[Bad]:
    """What YAML can say and no manifest may."""
    scalars = ("010", "0o10", "0x1F", "1:30", "1.0", "1e3", ".5", ".inf", "~", "null", "yes", "On", "2026-01-17", "=")
    cases = [
        ("YAML-TEXT", b""),
        ("YAML-TEXT", b"# nothing\n"),
        ("YAML-TEXT", b"- a\n"),
        ("YAML-TEXT", b"a: [\n"),
        ("YAML-TEXT", b"a: b: c\n"),
        ("YAML-TEXT", b"\ta: b\n"),
        ("YAML-TEXT", b"a: \xff\n"),
        ("YAML-TEXT", b"\xef\xbb\xbfa: b\n"),
        ("YAML-TEXT", b"a: \x00\n"),
        ("YAML-TEXT", b'a: "\\U00110000"\n'),
        ("YAML-TEXT", b'a: "\\ud800"\n'),
        ("YAML-TEXT", b"%YAML 1.1\n---\na: b\n"),
        ("YAML-TEXT", b"%TAG ! tag:x,2000:\n---\na: b\n"),
        ("YAML-TEXT", b"a: b\n---\na: b\n"),
        ("YAML-ALIAS", b"a: &x b\n"),
        ("YAML-ALIAS", b"a: &x b\nc: *x\n"),
        ("YAML-ALIAS", b"a: {<<: {b: c}}\n"),
        ("YAML-TAG", b"a: !!str b\n"),
        ("YAML-TAG", b"a: !!python/object/apply:os.system [b]\n"),
        ("YAML-TAG", b"a: ! b\n"),
        ("YAML-KEYS", b"a: b\na: b\n"),
        ("YAML-KEYS", b'a: b\n"a": c\n'),
        ("YAML-KEYS", b"1: b\n"),
        ("YAML-KEYS", b"true: b\n"),
        ("YAML-KEYS", b"? [a]\n: b\n"),
        ("YAML-SCALAR", b"a:\n"),
        ("YAML-SCALAR", b"a: {b}\n"),
        ("YAML-SCALAR", b"a: 99999999999999999999\n"),
        ("YAML-SCALAR", b"a: 9007199254740992\n"),
        ("YAML-SIZE", b"a: " + b"[" * 9 + b"]" * 9 + b"\n"),
        ("YAML-SIZE", b"a: [" + b"b," * 4096 + b"b]\n"),
        ("YAML-SIZE", b"#" * (64 << 10) + b"\n"),
        *(("YAML-SCALAR", f"a: {scalar}\n".encode()) for scalar in scalars),
    ]
    return [Bad(f"YAML {data[:40]!a}", "usb_exchange.read_manifest", data, check_id) for check_id, data in cases]


def vectors() -> Vectors:
    """The published ones."""
    manifest, request = "usb_exchange.read_manifest", "usb_exchange.read_request"
    program, response = "usb_exchange.read_program_yaml", "usb_exchange.read_response"
    body, made = REQUEST.to_bytes(), REQUEST.to_yaml()
    answer, published = RESPONSE.to_bytes(), [each.members() for each in RESPONSE.published]
    canonical = {"canonical": body.decode()}

    def bad(name: str, check_id: str, **members: object) -> Bad:
        return Bad(name, request, changed(body, **members), check_id)

    schema = "USB-REQUEST-SCHEMA"
    return Vectors(
        "ASL/USB-EXCHANGE/1",
        keys={"requester": REQUESTER},
        good=[
            Good("a manifest by hand", manifest, BY_HAND, canonical),
            Good("a manifest as we write it", manifest, made, canonical),
            Good("a canonical manifest", request, body),
            Good("a program", program, PROGRAM_YAML, {"canonical": PROGRAM_MEANT}),
            Good("a response", response, answer),
        ],
        bad=[
            *yaml_cases(),
            bad("version 2", schema, version=2),
            bad("version true", schema, version=True),
            bad("an id that is no UUID", schema, request_id="1"),
            bad("an unknown type of request", schema, request_type="normal"),
            bad("a date in words", schema, created_at="today"),
            bad("another algorithm", schema, signing__algorithm="rsa"),
            bad("inputs out of order", schema, input_artifact_hashes=list(PROGRAM.inputs)[::-1]),
            bad("513 inputs", schema, input_artifact_hashes=[f"{n:064x}" for n in range(513)]),
            bad("no policy", schema, policy_hash=None),
            bad("a path", schema, path="/etc/passwd"),
            Bad("a manifest that names its type", manifest, made + b"type: asl.usb-request/1\n", schema),
            Bad("an input twice", manifest, made.replace(b'"artifacts", ', b'"receipt", '), schema),
            Bad("outputs that are a number", manifest, made.replace(b'["artifacts", "receipt"]', b"1"), schema),
            Bad("outputs of two kinds", manifest, made.replace(b'"artifacts", ', b"1, "), schema),
            Bad("no outputs", manifest, made.replace(b"requested_outputs", b"wanted"), schema),
            Bad("outputs that are no list", manifest, made.replace(b'["artifacts", "receipt"]', b"all"), schema),
            Bad("a program of version 2", program, PROGRAM_YAML.replace(b"n: 1", b"n: 2"), "USB-PROGRAM-SCHEMA"),
            Bad("a program with a hook", program, PROGRAM_YAML + b"hook: x\n", "USB-PROGRAM-SCHEMA"),
            Bad("a program that fetches", program, PROGRAM_YAML.replace(b"hash", b"fetch"), "PEL-FORBIDDEN"),
            Bad("steps that are a map", program, b"version: 1\nsteps: {}\noutputs: []\n", "PEL-PROGRAM-SCHEMA"),
            Bad("files out of order", response, changed(answer, published=published[::-1]), "USB-RESPONSE-SCHEMA"),
            Bad("a file above", response, changed(answer, published__0__name="../a"), "USB-RESPONSE-SCHEMA"),
            Bad("a time", response, changed(answer, completed_at=1), "USB-RESPONSE-SCHEMA"),
        ],
    )
