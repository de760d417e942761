"""Samples of SOPS bundles: what is encrypted, files that the real sops made of it, and statements about them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from asl_authority.values.dsse import Envelope
from asl_authority.values.ed25519 import SecretKey
from asl_authority.values.head import Head
from asl_authority.values.sops_bundle import (
    MANIFEST,
    MANIFEST_FILE,
    SUMS_FILE,
    Bundle,
    Header,
    Purpose,
    manifest_of,
    sums_of,
)
from asl_authority.values.sops_file import Recipients, make_statement, read_sops_file
from asl_authority.values.ustar import Archive
from support.published import FOLDER, Bad, Good, Vectors, changed
from support.samples.claim import digest
from support.samples.snapshot import DOMAIN

# Made by `python -m support.sops_files`; their private keys are published beside them.
MADE = FOLDER / "sops"
SITE_A, SITE_B, AUDITOR = (MADE / "recipients.txt").read_text().split()
TWO_GROUPS = Recipients((tuple(sorted((SITE_A, AUDITOR))), (SITE_B,)), 2)
ONE_GROUP = Recipients(((SITE_A,),), 1)

SIGNER = SecretKey(bytes(range(2, 34)))
HEADER = Header("7f1de0d2-6f0c-4c39-9d50-1f6d2c9b8a41", "2026-01-17T00:19:49Z", Purpose.ADMISSION, DOMAIN)
FILES = {
    "authority/dam-1.json": b'{"a":1}',
    "authority/root.pub": bytes(range(32)),
    "optional/artifacts/a.bin": b"\0",
    "policy/policy.json": b"{}",
}


def bundle(header: Header = HEADER, files: dict[str, bytes] = FILES) -> Bundle:
    """A bundle with a signed manifest."""
    return Bundle(header, files, Envelope(MANIFEST.payload_type, manifest_of(header, files)).signed_by(SIGNER))


BUNDLE = bundle()
SEALED = Archive(BUNDLE.archive_files()).to_bytes()
HEAD = Head(9, digest("a tree of nine"))


def made(name: str) -> bytes:
    """A file that the real sops wrote."""
    return Path(MADE / name).read_bytes()


def as_sops(value: Any) -> bytes:
    """JSON as sops writes it."""
    return (json.dumps(value, indent="\t", ensure_ascii=False) + "\n").encode()


def with_sops(name: str, **members: Any) -> bytes:
    """A file of sops with other members; paths as `changed` takes them."""
    order: list[str] = []

    def note(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        order.extend(key for key, _ in pairs)
        return dict(pairs)

    value = json.loads(made(name), object_pairs_hook=note)
    for path, new in members.items():
        *parents, last = path.split("__")
        inner = value
        for parent in parents:
            inner = inner[int(parent) if isinstance(inner, list) else parent]
        if new is None:
            del inner[int(last) if isinstance(inner, list) else last]
        elif isinstance(inner, list):
            inner[int(last)] = new
        else:
            inner[last] = new
    return as_sops(value)


def file_cases() -> list[Bad]:
    """What sops takes and we don't."""
    two, one, sealed = made("two.json"), "one.json", "sealed.json"
    top, contents, groups = "asl_sops_bundle__", "asl_sops_bundle__contents__", "sops__key_groups__"
    value = json.loads(two)
    same, clear, number = value["sops"]["mac"], "Y2xlYXI=", two.replace(b",type:str]", b",type:int]", 1)
    key = json.loads(made(one))["sops"]["age"][0]
    alone = with_sops("two.json", sops__key_groups=value["sops"]["key_groups"][:1], sops__shamir_threshold=1)
    cases = [
        ("SOPS-FILE-TEXT", "other blanks", json.dumps(value).encode()),
        ("SOPS-FILE-TEXT", "a byte too many", two + b"\n"),
        ("SOPS-FILE-TEXT", "cut off", two[:-40]),
        ("SOPS-FILE-TEXT", "a member twice", two.replace(b'\t\t"version"', b'\t\t"version": "0.2",\n\t\t"version"', 1)),
        ("SOPS-FILE-TEXT", "an array", b"[]\n"),
        ("SOPS-FILE-SCHEMA", "a header key renamed", two.replace(b'"bundle_id"', b'"bundle_no"')),
        ("SOPS-FILE-SCHEMA", "an empty string added", with_sops("two.json", **{top + "note": ""})),
        ("SOPS-FILE-SCHEMA", "a null added", two.replace(b'\t"sops": {', b'\t"x": null,\n\t"sops": {')),
        ("SOPS-FILE-SCHEMA", "a section unknown", with_sops("two.json", **{contents + "keys": {"a": same}})),
        ("SOPS-FILE-SCHEMA", "an empty section", with_sops("two.json", **{contents + "policy": {}})),
        ("SOPS-FILE-SCHEMA", "a name with a blank", with_sops("two.json", **{contents + "policy": {"a b": same}})),
        ("SOPS-FILE-SCHEMA", "version 0.2", with_sops("two.json", **{top + "version": "0.2"})),
        ("SOPS-FILE-METADATA", "a number for sops", with_sops("two.json", sops=1)),
        ("SOPS-FILE-SCHEMA", "no sops block", with_sops("two.json", sops=None)),
        ("SOPS-FILE-ENCRYPTED", "a leaf in the clear", with_sops("two.json", **{contents + "policy__a": clear})),
        ("SOPS-FILE-ENCRYPTED", "an empty leaf", with_sops("two.json", **{contents + "policy__a": ""})),
        ("SOPS-FILE-ENCRYPTED", "another type label", number),
        (
            "SOPS-FILE-ENCRYPTED",
            "a folder in a section",
            with_sops("two.json", **{contents + "policy__a": {"b": same}}),
        ),
        ("SOPS-FILE-ENCRYPTED", "sealed in the clear", with_sops(sealed, data=clear)),
        ("SOPS-FILE-METADATA", "the MAC removed", with_sops("two.json", sops__mac=None)),
        ("SOPS-FILE-METADATA", "the MAC empty", with_sops("two.json", sops__mac="")),
        ("SOPS-FILE-METADATA", "a PGP key", with_sops("two.json", sops__pgp=[])),
        ("SOPS-FILE-METADATA", "only the MAC of what is encrypted", with_sops(one, sops__mac_only_encrypted=True)),
        ("SOPS-FILE-METADATA", "other things encrypted", with_sops("two.json", sops__encrypted_regex="^authority$")),
        ("SOPS-FILE-METADATA", "a vault", with_sops("two.json", **{groups + "0__hc_vault": []})),
        ("SOPS-FILE-METADATA", "a text for a recipient", with_sops(one, sops__age__0__recipient="age1nobody")),
        ("SOPS-FILE-METADATA", "a version in words", with_sops(one, sops__version="latest")),
        ("SOPS-THRESHOLD", "the threshold removed", with_sops("two.json", sops__shamir_threshold=None)),
        ("SOPS-THRESHOLD", "the threshold lowered to 1", with_sops("two.json", sops__shamir_threshold=1)),
        ("SOPS-THRESHOLD", "a threshold above the groups", with_sops("two.json", sops__shamir_threshold=3)),
        ("SOPS-THRESHOLD", "a threshold with one group", with_sops(one, sops__shamir_threshold=2)),
        ("SOPS-THRESHOLD", "a group removed", with_sops("two.json", **{groups + "1": None})),
        ("SOPS-THRESHOLD", "a group alone", alone),
        ("SOPS-RECIPIENTS", "a recipient twice", with_sops(one, sops__age=[key, key])),
        ("SOPS-RECIPIENTS", "no recipient", with_sops(one, sops__age=[])),
    ]
    return [Bad(name, "sops_file.read_sops_file", data, check_id) for check_id, name, data in cases]


def vectors() -> Vectors:
    """The published ones."""
    document, sealed, statement = (
        "sops_bundle.read_bundle",
        "sops_bundle.read_sealed_bundle",
        "sops_file.read_statement",
    )
    files = {name: read_sops_file(made(name)) for name in ("two.json", "one.json", "sealed.json")}
    stated = make_statement(files["two.json"], BUNDLE, HEAD).to_bytes()
    body, top = BUNDLE.to_bytes(), "asl_sops_bundle__"
    archived, contents = BUNDLE.archive_files(), top + "contents__"

    beside = {**archived, MANIFEST_FILE: changed(archived[MANIFEST_FILE], files=[])}
    del beside[SUMS_FILE]
    beside[SUMS_FILE] = sums_of(beside)

    def bad(name: str, check_id: str, **members: Any) -> Bad:
        return Bad(name, document, changed(body, **members), check_id)

    def packed(name: str, check_id: str, **others: bytes | None) -> Bad:
        every = {key: data for key, data in (archived | others).items() if data is not None}
        return Bad(name, sealed, Archive(every).to_bytes(), check_id)

    def other(name: str, check_id: str, **members: Any) -> Bad:
        return Bad(name, statement, changed(stated, **members), check_id)

    schema = "SOPS-BUNDLE-SCHEMA"
    return Vectors(
        "ASL/SOPS-BUNDLE/1",
        keys={"signer": SIGNER},
        good=[
            Good("a document before it is encrypted", document, body),
            Good("an archive before it is encrypted", sealed, SEALED, {"canonical": body.decode()}),
            *(Good(f"what sops made: {name}", "sops_file.read_sops_file", file.raw) for name, file in files.items()),
            Good("a statement", statement, stated),
        ],
        bad=[
            *file_cases(),
            bad("version 0.2", schema, **{top + "version": "0.2"}),
            bad("an unknown purpose", schema, **{top + "purpose": "backup"}),
            bad("an id that is none", schema, **{top + "bundle_id": "1"}),
            bad("a section that is empty", schema, **{contents + "policy": {}}),
            bad("an optional part that is empty", schema, **{contents + "optional": {}}),
            bad("a name with a slash", schema, **{contents + "policy": {"a/b": "AA=="}}),
            bad("an unknown section", schema, **{contents + "keys": {"a": "AA=="}}),
            bad("an empty leaf", "SOPS-BUNDLE-LEAF", **{contents + "policy": {"policy.json": ""}}),
            bad("an empty manifest", "SOPS-BUNDLE-LEAF", **{contents + "manifest": ""}),
            bad("a number for a leaf", "SOPS-BUNDLE-LEAF", **{contents + "policy": {"policy.json": 1}}),
            bad("base64 with a tail", "SOPS-BUNDLE-LEAF", **{contents + "policy": {"policy.json": "AB=="}}),
            bad("another file", "SOPS-BUNDLE-MANIFEST", **{contents + "policy": {"policy.json": "AA=="}}),
            bad("a file more", "SOPS-BUNDLE-MANIFEST", **{contents + "policy__more": "AA=="}),
            bad("a file less", "SOPS-BUNDLE-MANIFEST", **{contents + "policy": None}),
            bad("another header", "SOPS-BUNDLE-MANIFEST", **{top + "domain_id": "other"}),
            packed("no checksums", schema, **{SUMS_FILE: None}),
            Bad("a manifest beside the signed one", sealed, Archive(beside).to_bytes(), "SOPS-BUNDLE-MANIFEST"),
            packed("checksums of something else", "SOPS-BUNDLE-SUMS", **{SUMS_FILE: b""}),
            packed("a file that no checksum names", "SOPS-BUNDLE-SUMS", **{"policy/more": b"x"}),
            other("a time of its own", "SOPS-BUNDLE-STATEMENT-SCHEMA", signed_at="now"),
            other("an SSH key", "SOPS-BUNDLE-STATEMENT-SCHEMA", groups=[["ssh-ed25519 AAAA"]]),
            other("a group out of order", "SOPS-BUNDLE-STATEMENT-SCHEMA", groups__0=[SITE_B, SITE_A]),
            other("a threshold of 1 with two groups", "SOPS-THRESHOLD", threshold=1),
            other("a recipient in both groups", "SOPS-RECIPIENTS", groups=[[SITE_A], [SITE_A]]),
            other("no groups", "SOPS-RECIPIENTS", groups=[]),
        ],
    )
