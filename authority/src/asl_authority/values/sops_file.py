"""A finished sops file seen from outside, without any key; and the signed statement that says what it must look like.

sops leaves recipients, threshold, version, the names of clear values and nulls outside of what it authenticates. So all
that can be read is read strictly here and held against the statement before anything is decrypted.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from asl_authority.errors import Malformed
from asl_authority.values.canonical import Limits, canonical_bytes, check_limits
from asl_authority.values.fields import Fields
from asl_authority.values.finding import Finding
from asl_authority.values.head import Head, head_of
from asl_authority.values.kinds import Kind
from asl_authority.values.rules import Rule
from asl_authority.values.sops_bundle import HEADER, NAME, OPTIONAL, SECTIONS, TOP, VERSION, Bundle, Header, header_of

PAPER = "ASL/SOPS-BUNDLE/1"

RULES = (
    Rule("SOPS-FILE-TEXT", PAPER, "C", "A sops file is the one JSON text that sops writes for its values."),
    Rule("SOPS-FILE-SCHEMA", PAPER, "S", "Beside what is encrypted and `sops` there is nothing but the clear header."),
    Rule("SOPS-FILE-METADATA", PAPER, "C", "`sops` has age recipients, MAC, time, version and what to encrypt."),
    Rule("SOPS-FILE-ENCRYPTED", PAPER, "S", "Every leaf of contents is encrypted, as a string, and nothing else is."),
    Rule("SOPS-RECIPIENTS", PAPER, "S", "Recipients are age keys, each once in the whole file."),
    Rule("SOPS-THRESHOLD", PAPER, "C", "Two groups or more have a threshold of 2 to their number; one group has none."),
    Rule("SOPS-BUNDLE-STATEMENT-SCHEMA", PAPER, "C", "A statement says file, form, header, groups, threshold, head."),
    Rule("SOPS-STATED-FILE", PAPER, "C", "The file has the SHA-256 and the size that the statement says."),
    Rule("SOPS-STATED-HEADER", PAPER, "C", "The clear header is the one that the statement says."),
    Rule("SOPS-STATED-RECIPIENTS", PAPER, "C", "Groups, recipients and threshold are those that the statement says."),
    Rule("SOPS-STATED-VERSION", PAPER, "C", "Form and sops version are those that the statement says."),
    Rule("SOPS-STATED-CONTENTS", PAPER, "C", "What was decrypted has the header and manifest that the statement says."),
)  # fmt: skip

STATEMENT = Kind("sops-bundle-statement", limits=Limits(size=256 << 10, depth=4, count=4096))
FILE_LIMITS = Limits(size=40 << 20, depth=8, count=40_000)
MOST_GROUPS = 16
MOST_RECIPIENTS = 64
# bech32 of an X25519 recipient; its checksum is the business of age.
RECIPIENT = re.compile(r"age1[02-9ac-hj-np-z]{58}", re.ASCII)
SOPS_VERSION = re.compile(r"[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}", re.ASCII)
ENCRYPTED = re.compile(
    r"ENC\[AES256_GCM,data:[A-Za-z0-9+/]+={0,2},iv:[A-Za-z0-9+/]{43}=,tag:[A-Za-z0-9+/]{22}==,type:str\]", re.ASCII
)
ARMOR = re.compile(
    r"-----BEGIN AGE ENCRYPTED FILE-----\n[A-Za-z0-9+/=\n]{1,4096}-----END AGE ENCRYPTED FILE-----\n", re.ASCII
)
MODIFIED = re.compile(r"[0-9TZ:+-]{20,25}", re.ASCII)
ONLY_CONTENTS = "^contents$"


class Form(StrEnum):
    """How a bundle is encrypted."""

    DOCUMENT = "document"
    SEALED = "sealed"


@dataclass(frozen=True)
class Recipients:
    """Who can open a bundle: one of each of `threshold` groups. Raises Malformed for what sops would take otherwise."""

    groups: tuple[tuple[str, ...], ...]
    threshold: int

    def __post_init__(self) -> None:
        every = [recipient for group in self.groups for recipient in group]
        if not self.groups or not all(self.groups) or len(set(every)) != len(every) or len(every) > MOST_RECIPIENTS:
            words = "a group is empty, or a recipient is named twice, or there are too many"
            raise Malformed(words, check_id="SOPS-RECIPIENTS")
        least, most = (1, 1) if len(self.groups) == 1 else (2, len(self.groups))
        if len(self.groups) > MOST_GROUPS or not least <= self.threshold <= most:
            words = f"a threshold of {self.threshold} for {len(self.groups)} groups"
            raise Malformed(words, check_id="SOPS-THRESHOLD")

    def config(self, form: Form) -> bytes:
        """The configuration for `sops encrypt`: JSON, which is YAML too. It names every choice that sops would make."""
        rule: dict[str, object] = {"path_regex": ".*"}
        if form is Form.DOCUMENT:
            rule["encrypted_regex"] = ONLY_CONTENTS
        rule["key_groups"] = [{"age": list(group)} for group in self.groups]
        if len(self.groups) > 1:
            rule["shamir_threshold"] = self.threshold
        return canonical_bytes({"creation_rules": [rule]})


@dataclass(frozen=True)
class SopsFile:
    """What can be seen of a finished file. Only a document has a clear `header`; `leaves` are what is encrypted."""

    form: Form
    header: Header | None
    recipients: Recipients
    version: str
    leaves: tuple[str, ...]
    raw: bytes

    def to_bytes(self) -> bytes:
        """The file."""
        return self.raw


@dataclass(frozen=True)
class Statement:
    """What is signed about a finished file. `manifest` is the SHA-256 of the one inside, `head` that of the log."""

    header: Header
    form: Form
    sha256: str
    size: int
    recipients: Recipients
    version: str
    manifest: str
    head: Head

    def to_bytes(self) -> bytes:
        """The one text of the statement."""
        return STATEMENT.body(
            {
                **self.header.members(),
                "form": self.form,
                "groups": [list(group) for group in self.recipients.groups],
                "log": self.head.members(),
                "manifest": self.manifest,
                "sha256": self.sha256,
                "size": self.size,
                "sops_version": self.version,
                "threshold": self.recipients.threshold,
            }
        )


def make_statement(file: SopsFile, bundle: Bundle, head: Head) -> Statement:
    """The statement about a file that was just made of this bundle."""
    digest, manifest = (hashlib.sha256(data).hexdigest() for data in (file.raw, bundle.envelope.payload))
    return Statement(bundle.header, file.form, digest, len(file.raw), file.recipients, file.version, manifest, head)


def read_statement(data: bytes) -> Statement:
    """A statement. Raises Malformed."""
    names = ("form", "groups", "log", "manifest", "sha256", "size", "sops_version", "threshold")
    fields = STATEMENT.read(data, (*HEADER, *names))
    groups = fields.items("groups", MOST_GROUPS)
    return Statement(
        header=header_of(fields),
        form=fields.choice("form", Form),
        sha256=fields.sha256("sha256"),
        size=fields.integer("size", 1, FILE_LIMITS.size),
        recipients=Recipients(tuple(_group(group, fields) for group in groups), fields.integer("threshold", 1)),
        version=fields.text("sops_version", SOPS_VERSION),
        manifest=fields.sha256("manifest"),
        head=head_of(fields),
    )


def _group(group: Any, fields: Fields) -> tuple[str, ...]:
    named = Fields({"groups": group}, ("groups",), fields.what, fields.check_id)
    return named.texts("groups", RECIPIENT, MOST_RECIPIENTS)


def read_sops_file(data: bytes) -> SopsFile:
    """A finished file of either form. Raises Malformed; nothing is decrypted."""
    value = _json(data)
    sealed = "data" in value
    whole = Fields(value, ("data" if sealed else TOP, "sops"), "sops file", "SOPS-FILE-SCHEMA")
    header, leaves = (None, {"data": whole.value["data"]}) if sealed else _document(whole)
    bad = [path for path, text in leaves.items() if type(text) is not str or not ENCRYPTED.fullmatch(text)]
    if bad:
        raise Malformed(f"{bad[0]!a:.90} is no encrypted string", check_id="SOPS-FILE-ENCRYPTED")
    recipients, version = _metadata(whole, sealed)
    form = Form.SEALED if sealed else Form.DOCUMENT
    return SopsFile(form, header, recipients, version, tuple(sorted(leaves)), data)


def _json(data: bytes) -> dict[str, Any]:
    """The value of what sops wrote: order, indentation and all."""
    check_limits(data, FILE_LIMITS)
    try:
        text = data.decode("utf-8")
        value = json.loads(text)
        same = type(value) is dict and json.dumps(value, indent="\t", ensure_ascii=False) + "\n" == text
    except (ValueError, RecursionError):
        same = False
    if not same:
        raise Malformed("not the text that sops writes", check_id="SOPS-FILE-TEXT")
    return value  # type: ignore[no-any-return]


def _document(whole: Fields) -> tuple[Header, dict[str, Any]]:
    """The clear header, and what should be encrypted by its path."""
    fields = whole.within(TOP, (*HEADER, "contents", "version"))
    if fields.value["version"] != VERSION:
        raise fields.wrong("version", f"expected {VERSION}")
    contents = fields.within("contents", ("manifest", "optional?", *(f"{section}?" for section in SECTIONS)))
    leaves = {"manifest": contents.value["manifest"]}
    folders = [(contents, section, section) for section in SECTIONS if contents.has(section)]
    if contents.has("optional"):
        optional = contents.within("optional", tuple(f"{section}?" for section in OPTIONAL))
        folders += [(optional, each, f"optional/{each}") for each in OPTIONAL if optional.has(each)]
    for inner, section, folder in folders:
        names = inner.mapping(section)
        if not names or not all(NAME.fullmatch(name) for name in names):
            raise inner.wrong(section, "it is empty, or a name in it is none")
        leaves |= {f"{folder}/{name}": text for name, text in names.items()}
    return header_of(fields), leaves


def _metadata(whole: Fields, sealed: bool) -> tuple[Recipients, str]:
    grouped = isinstance(whole.value["sops"], dict) and "age" not in whole.value["sops"]
    names = ("key_groups", "shamir_threshold?") if grouped else ("age", "shamir_threshold?")
    more = () if sealed else ("encrypted_regex",)
    fields = Fields(
        whole.value["sops"], (*names, *more, "lastmodified", "mac", "version"), "sops", "SOPS-FILE-METADATA"
    )
    fields.text("lastmodified", MODIFIED)
    fields.text("mac", ENCRYPTED, 512)
    if not sealed and fields.value["encrypted_regex"] != ONLY_CONTENTS:
        raise fields.wrong("encrypted_regex", f"expected {ONLY_CONTENTS}")
    if grouped:
        groups = tuple(
            _keys(_no_vault(each)) for each in fields.objects("key_groups", ("hc_vault", "age"), MOST_GROUPS)
        )
    else:
        groups = (_keys(fields),)
    # One group opens with one key whatever the threshold says: none may be said. Several say theirs.
    if fields.has("shamir_threshold") is not grouped or (grouped and len(groups) < 2):
        raise Malformed(f"{len(groups)} groups and their threshold do not fit", check_id="SOPS-THRESHOLD")
    return Recipients(groups, fields.integer("shamir_threshold") if grouped else 1), fields.text(
        "version", SOPS_VERSION
    )


def _no_vault(group: Fields) -> Fields:
    if group.value["hc_vault"] is not None:
        raise group.wrong("hc_vault", "expected null: only age is used")
    return group


def _keys(fields: Fields) -> tuple[str, ...]:
    found = []
    for each in fields.objects("age", ("recipient", "enc"), MOST_RECIPIENTS):
        each.text("enc", ARMOR, 8192)
        found.append(each.text("recipient", RECIPIENT))
    return tuple(sorted(found))


def check_statement(statement: Statement, file: SopsFile) -> tuple[Finding, ...]:
    """SOPS-STATED-FILE, -HEADER, -RECIPIENTS and -VERSION, without any key; who signed, DSSE's checks say."""
    digest, size = hashlib.sha256(file.raw).hexdigest(), len(file.raw)
    header = file.header is None or file.header == statement.header
    kind = (file.form, file.version) == (statement.form, statement.version)
    return (
        Finding("SOPS-STATED-FILE", (digest, size) == (statement.sha256, statement.size), f"{digest}, {size} bytes"),
        Finding("SOPS-STATED-HEADER", header, f"bundle {statement.header.bundle_id}"),
        Finding("SOPS-STATED-RECIPIENTS", file.recipients == statement.recipients, _who(file.recipients)),
        Finding("SOPS-STATED-VERSION", kind, f"{file.form}, sops {file.version}"),
    )


def _who(recipients: Recipients) -> str:
    keys = sum(len(group) for group in recipients.groups)
    return f"{recipients.threshold} of {len(recipients.groups)} groups with {keys} keys"


def check_contents(statement: Statement, bundle: Bundle) -> Finding:
    """SOPS-STATED-CONTENTS: after decryption, what came out is what the statement is about."""
    manifest = hashlib.sha256(bundle.envelope.payload).hexdigest()
    same = (manifest, bundle.header) == (statement.manifest, statement.header)
    return Finding("SOPS-STATED-CONTENTS", same, f"manifest {manifest}, stated {statement.manifest}")
