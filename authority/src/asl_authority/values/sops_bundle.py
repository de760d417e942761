"""What a SOPS bundle carries: a readable header, files by section, and a signed manifest of both.

Two forms hold the same: a document whose leaves are base64 strings (sops encrypts what lies under `contents`), and an
archive (sops encrypts it whole). Neither has an empty value, a number or a null: sops leaves or changes those.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from asl_authority.errors import Malformed
from asl_authority.values.canonical import Limits, canonical_bytes, read_canonical
from asl_authority.values.dsse import Envelope, read_envelope
from asl_authority.values.ed25519 import PKCS8_HEAD
from asl_authority.values.fields import Fields
from asl_authority.values.finding import Finding
from asl_authority.values.identifiers import DOMAIN_ID, REQUEST_ID, STATED_TIME
from asl_authority.values.kinds import Kind
from asl_authority.values.rules import Rule
from asl_authority.values.snapshot import Blocks, StoreFile
from asl_authority.values.ustar import read_archive

PAPER = "ASL/SOPS-BUNDLE/1"

RULES = (
    Rule("SOPS-BUNDLE-SCHEMA", PAPER, "S", "A bundle says version, id, time, purpose and domain; contents by section."),
    Rule("SOPS-BUNDLE-LEAF", PAPER, "C", "A leaf of contents is a string in base64 of one byte or more."),
    Rule("SOPS-BUNDLE-SIZE", PAPER, "C", "A bundle carries at most 16 MiB and 4096 files; larger sets lie beside it."),
    Rule("SOPS-BUNDLE-MANIFEST", PAPER, "C", "The manifest inside names header and files as they are."),
    Rule("SOPS-BUNDLE-SUMS", PAPER, "S", "SHA256SUMS in an archive is the list of its files."),
    Rule("SOPS-PRIVATE-KEY", PAPER, "C", "A private key travels for rescue or recovery, when allowed, in an age file."),
)  # fmt: skip

MANIFEST = Kind("bundle-manifest", limits=Limits(size=2 << 20, depth=4, count=40_000))
DOCUMENT_LIMITS = Limits(size=24 << 20, depth=6, count=20_000)
SCHEMA_ID = "SOPS-BUNDLE-SCHEMA"
VERSION = "0.1"
TOP = "asl_sops_bundle"

MOST_BYTES = 16 << 20
MOST_FILES = 4096
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,79}", re.ASCII)
SECTIONS = ("admission", "authority", "policy")
OPTIONAL = ("artifacts", "notes")
FOLDERS = (*SECTIONS, *(f"optional/{section}" for section in OPTIONAL))
AGE_HEAD = b"age-encryption.org/v1\n"
# A key file under another name is one still; in a bundle nothing else is encrypted once more.
AGE_HEADS = (AGE_HEAD, b"-----BEGIN AGE ENCRYPTED FILE-----")
# What a private key that nobody encrypted contains.
BARE_KEYS = (PKCS8_HEAD, b"PRIVATE KEY-----", b"AGE-SECRET-KEY-")
MANIFEST_FILE, SIGNED_FILE, SUMS_FILE = "MANIFEST.json", "MANIFEST.json.sig", "SHA256SUMS"


class Purpose(StrEnum):
    """What a bundle is for."""

    ADMISSION = "admission"
    RESCUE = "rescue"
    RECOVERY = "recovery"


@dataclass(frozen=True)
class Header:
    """What can be read without any key. `created_at` is stated by a person."""

    bundle_id: str
    created_at: str
    purpose: Purpose
    domain_id: str

    def members(self) -> dict[str, object]:
        """As every form writes it."""
        return {
            "bundle_id": self.bundle_id,
            "created_at": self.created_at,
            "domain_id": self.domain_id,
            "purpose": self.purpose,
        }


HEADER = ("bundle_id", "created_at", "domain_id", "purpose")


def header_of(fields: Fields) -> Header:
    """The header among an object's members. Raises Malformed."""
    return Header(
        bundle_id=fields.text("bundle_id", REQUEST_ID),
        created_at=fields.text("created_at", STATED_TIME),
        purpose=fields.choice("purpose", Purpose),
        domain_id=fields.text("domain_id", DOMAIN_ID),
    )


def manifest_of(header: Header, files: Mapping[str, bytes]) -> bytes:
    """The manifest: header and files with digest and size, in the one text that is signed."""
    listed = [
        {"path": path, "sha256": hashlib.sha256(files[path]).hexdigest(), "size": len(files[path])}
        for path in sorted(files)
    ]
    return MANIFEST.body({**header.members(), "files": listed})


@dataclass(frozen=True)
class Bundle:
    """A bundle before it is encrypted. `files` by path: section/name, or optional/artifacts/name, optional/notes/name.

    Raises Malformed when the envelope holds another manifest than that of header and files.
    """

    header: Header
    files: Mapping[str, bytes]
    envelope: Envelope

    def __post_init__(self) -> None:
        size = sum(len(data) for data in self.files.values())
        if size > MOST_BYTES or len(self.files) > MOST_FILES:
            raise Malformed(f"{len(self.files)} files of {size} bytes", check_id="SOPS-BUNDLE-SIZE")
        for path, data in self.files.items():
            if not data:
                raise Malformed(f"{path} is empty, which sops does not encrypt", check_id="SOPS-BUNDLE-LEAF")
            if not _is_path(path):
                raise Malformed(f"{path[:80]!a} is in no section of a bundle", check_id=SCHEMA_ID)
        if self.envelope.payload != manifest_of(self.header, self.files):
            words = "the manifest is not that of this header and these files"
            raise Malformed(words, check_id="SOPS-BUNDLE-MANIFEST")

    def to_bytes(self) -> bytes:
        """The document that sops gets: canonical JSON."""
        contents: dict[str, object] = {"manifest": base64.b64encode(self.envelope.to_bytes()).decode()}
        for path, data in self.files.items():
            *sections, name = path.split("/")
            inner = contents
            for section in sections:
                inner = inner.setdefault(section, {})  # type: ignore[assignment]
            inner[name] = base64.b64encode(data).decode()
        return canonical_bytes({TOP: {**self.header.members(), "contents": contents, "version": VERSION}})

    def archive_files(self) -> dict[str, bytes]:
        """The files of the sealed form's archive, with its manifest, signature and checksums."""
        manifest = {MANIFEST_FILE: self.envelope.payload, SIGNED_FILE: self.envelope.to_bytes()}
        every = {**self.files, **manifest}
        return {**every, SUMS_FILE: sums_of(every)}


def _is_path(path: str) -> bool:
    *sections, name = path.split("/")
    return "/".join(sections) in FOLDERS and NAME.fullmatch(name) is not None


def sums_of(files: Mapping[str, bytes]) -> bytes:
    """SHA256SUMS of an archive's other files."""
    return Blocks(tuple(StoreFile(name, hashlib.sha256(files[name]).hexdigest()) for name in sorted(files))).to_bytes()


def read_bundle(data: bytes, *, rehearsal: bool = False) -> Bundle:
    """A bundle in its document form, canonical. Raises Malformed; no signature is looked at."""
    whole = Fields(read_canonical(data, DOCUMENT_LIMITS), (TOP,), "bundle", SCHEMA_ID)
    fields = whole.within(TOP, (*HEADER, "contents", "version"))
    if fields.value["version"] != VERSION:
        raise fields.wrong("version", f"expected {VERSION}")
    contents = fields.within("contents", ("manifest", "optional?", *(f"{section}?" for section in SECTIONS)))
    files: dict[str, bytes] = {}
    for section in SECTIONS:
        if contents.has(section):
            _add(files, contents, section, section)
    if contents.has("optional"):
        optional = contents.within("optional", tuple(f"{section}?" for section in OPTIONAL))
        for section in OPTIONAL:
            if optional.has(section):
                _add(files, optional, section, f"optional/{section}")
        if not optional.value:
            raise contents.wrong("optional", "it is empty: leave it out")
    return Bundle(header_of(fields), files, _envelope(leaf(contents.value["manifest"], "manifest"), rehearsal))


def _envelope(data: bytes, rehearsal: bool) -> Envelope:
    return read_envelope(data, MANIFEST.rehearsal_type if rehearsal else MANIFEST.payload_type, MANIFEST.limits)


def _add(files: dict[str, bytes], fields: Fields, section: str, folder: str) -> None:
    members = fields.mapping(section, MOST_FILES)
    if not members:
        raise fields.wrong(section, "it is empty: leave it out")
    files |= {f"{folder}/{name}": leaf(text, f"{folder}/{name[:80]}") for name, text in members.items()}


def leaf(text: object, what: str) -> bytes:
    """The bytes of a leaf. Raises Malformed."""
    try:
        data = base64.b64decode(text, validate=True) if type(text) is str else b""
    except (binascii.Error, ValueError):
        data = b""
    if not data or base64.b64encode(data).decode() != text:
        raise Malformed(f"{what!a}: expected base64 of one byte or more", check_id="SOPS-BUNDLE-LEAF")
    return data


def read_sealed_bundle(data: bytes, *, rehearsal: bool = False) -> Bundle:
    """A bundle in its archive form, as sops gives it back. Raises Malformed; no signature is looked at."""
    files = dict(read_archive(data, 2 * MOST_BYTES).files)
    try:
        manifest, signed, sums = (files.pop(name) for name in (MANIFEST_FILE, SIGNED_FILE, SUMS_FILE))
    except KeyError as error:
        raise Malformed(f"{error.args[0]} is missing", check_id=SCHEMA_ID) from None
    if sums != sums_of({**files, MANIFEST_FILE: manifest, SIGNED_FILE: signed}):
        raise Malformed(f"{SUMS_FILE} is not the list of the files", check_id="SOPS-BUNDLE-SUMS")
    fields = MANIFEST.read(manifest, (*HEADER, "files"))
    envelope = _envelope(signed, rehearsal)
    if envelope.payload != manifest:
        raise Malformed("what is signed is another manifest", check_id="SOPS-BUNDLE-MANIFEST")
    return Bundle(header_of(fields), files, envelope)


def check_private_keys(bundle: Bundle, allowed: bool) -> Finding:
    """SOPS-PRIVATE-KEY: `allowed` is the operator's word, given for this bundle."""
    fits = allowed and bundle.header.purpose in (Purpose.RESCUE, Purpose.RECOVERY)
    wrong = []
    for path, data in sorted(bundle.files.items()):
        if any(mark in data for mark in BARE_KEYS):
            wrong.append(f"{path} is a private key in the clear")
        elif (path.endswith(".priv.enc") or data.startswith(AGE_HEADS)) and not fits:
            wrong.append(f"{path} is a private key: not for {bundle.header.purpose}, or not allowed")
        elif path.endswith(".priv.enc") and not data.startswith(AGE_HEAD):
            wrong.append(f"{path} is no age file")
    return Finding("SOPS-PRIVATE-KEY", not wrong, "; ".join(wrong) or "no private key that may not travel")
