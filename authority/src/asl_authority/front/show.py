"""The papers in words for a person: who may do what, key ids in groups and words, and what changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asl_authority.contract.words import hex_groups
from asl_authority.front.ui import plain
from asl_authority.operations.confirm import digest_text

if TYPE_CHECKING:  # a verb loads the papers that it reads, and no others
    from asl_authority.values.certificate import Certificate
    from asl_authority.values.dam import Dam, Principal
    from asl_authority.values.dam_diff import DamDiff
    from asl_authority.values.dsse import Envelope
    from asl_authority.values.ed25519 import PublicKey
    from asl_authority.values.receipt import Receipt
    from asl_authority.values.request import AuthorityRequest
    from asl_authority.values.roles import Role
    from asl_authority.values.rootset import Ratification, RootSet, Rotation

_LABEL = 11


def row(label: str, value: str) -> str:
    """One line of a paper."""
    return f"{label:<{_LABEL}}{plain(value)}\n"


def digest_rows(label: str, digest: str) -> str:
    """A digest, with its groups and words."""
    return f"{label}\n{digest_text(bytes.fromhex(digest))}"


def key_rows(label: str, key: PublicKey) -> str:
    """A key: its body, and its id in groups and words."""
    return f"{label:<{_LABEL}}{key.text}\n  key id\n{digest_text(bytes.fromhex(key.key_id))}"


def root_set_text(roots: RootSet) -> str:
    """A root set."""
    count = len(roots.root_keys)
    head = f"Root set {roots.version}: {roots.threshold} of {count} root keys must sign\n"
    keys = "".join(key_rows(f"root {n}", key) for n, key in enumerate(roots.root_keys, 1))
    return head + keys + digest_rows("digest of the set", roots.digest)


def rotation_text(rotation: Rotation, held: RootSet | None) -> str:
    """A rotation; what changes, where the set before it is at hand."""
    new = rotation.new
    lines = [f"Rotation of the roots, to root set {new.version}\n", digest_rows("from the set", rotation.previous)]
    if held is not None:
        lines += [row("version", f"{held.version} -> {new.version}")]
        lines += [
            row("threshold", f"{held.threshold} of {len(held.root_keys)} -> {new.threshold} of {len(new.root_keys)}")
        ]
        lines += [key_rows("- root", key) for key in held.root_keys if not new.holds(key)]
        lines += [key_rows("+ root", key) for key in new.root_keys if not held.holds(key)]
        lines += [row("  root", f"{key.text} stays") for key in new.root_keys if held.holds(key)]
    else:
        lines += [root_set_text(new)]
    return "".join(lines)


def ratification_text(said: Ratification) -> str:
    """A ratification."""
    return f"The roots ratify a policy\n{row('domain', said.domain_id)}{row('policy', said.policy_hash)}"


def request_text(asked: AuthorityRequest) -> str:
    """A request."""
    return (
        f"A request to certify a key as {asked.subject_type}\n{_subject(asked)}{key_rows('key', asked.subject_pubkey)}"
    )


def certificate_text(certificate: Certificate) -> str:
    """A certificate."""
    return (
        f"A certificate for a key as {certificate.subject_type}, version {certificate.version}\n{_subject(certificate)}"
        f"{row('issued by', certificate.issued_by.key_id)}{key_rows('key', certificate.subject_pubkey)}"
    )


def dam_text(dam: Dam) -> str:
    """A DAM."""
    lines = [f"The DAM of {dam.domain_id}, version {dam.version}\n"]
    lines += [row("policy", dam.policy_hash), row("scope", _scope(dam.scope)), key_rows("root key", dam.root_key)]
    lines += [_principal(" ", each) for each in dam.principals]
    return "".join(lines)


def dam_diff_text(before: Dam, after: Dam, diff: DamDiff) -> str:
    """From one DAM to the next: everything that is not the same, with whole keys."""
    lines = [f"The DAM of {after.domain_id}, from version {before.version} to {after.version}\n"]
    if diff.root_key:
        lines += [key_rows("- root key", diff.root_key.before), key_rows("+ root key", diff.root_key.after)]
    if diff.policy_hash:
        lines += [row("- policy", diff.policy_hash.before), row("+ policy", diff.policy_hash.after)]
    if diff.scope:
        lines += [row("- scope", _scope(diff.scope.before)), row("+ scope", _scope(diff.scope.after))]
    lines += [_principal("-", each) for each in diff.removed]
    lines += [_principal("+", each) for each in diff.added]
    for change in diff.changed:
        old, new = ", ".join(change.before.roles), ", ".join(change.after.roles)
        lines += [_principal("~", change.after, f"{old} -> {new}")]
    same = len(after.principals) - len(diff.added) - len(diff.changed)
    unchanged = [
        *([] if diff.root_key else ["root key"]),
        *([] if diff.policy_hash else ["policy"]),
        *([] if diff.scope else ["scope"]),
        *([f"{same} principal{'s' if same != 1 else ''}"] if same else []),
    ]
    return "".join(lines) + row("the same", ", ".join(unchanged) or "nothing")


def receipt_text(receipt: Receipt) -> str:
    """A receipt."""
    rows = (
        *(("operation", receipt.operation), ("domain", receipt.domain_id), ("logseq", str(receipt.logseq))),
        *(("snapshot", receipt.snapshot_id), ("claim", receipt.claim), ("policy", receipt.policy_hash)),
        *(("program", receipt.program), ("parameters", receipt.parameters)),
        *(("previous", receipt.previous or "none"), ("seed", receipt.seed or "none")),
        ("replay", {"full": "every output", "partial": "some outputs", "none": "no output"}[receipt.determinism]),
        *(("input", each) for each in receipt.inputs),
        *(("record", each) for each in receipt.records),
    )
    lines = [f"A {'REHEARSAL ' if receipt.rehearsal else ''}receipt\n", *(row(*each) for each in rows)]
    for each in receipt.outputs:
        declared = " (can not be made again)" if each.sha256 in receipt.declared else ""
        lines += [row("output", each.sha256), row("", f"{each.name}{declared}")]
    return "".join(lines) + digest_rows("name of the receipt", receipt.per_artifact_id)


def signatures_text(envelope: Envelope | None) -> str:
    """Who has signed, as the envelope says it: nothing is verified by looking."""
    if envelope is None:
        return row("signed by", "nobody: this is the body alone")
    ids = [each.key_id for each in envelope.signatures] or ["nobody yet"]
    return "".join(row("signed by" if not n else "", each) for n, each in enumerate(ids)) + (
        "REHEARSAL: no real verifier accepts it\n" if ".asl-rehearsal." in envelope.payload_type else ""
    )


def _subject(paper: AuthorityRequest | Certificate) -> str:
    rows = (("domain", paper.domain_id), ("roles", ", ".join(paper.roles) or "none"), ("policy", paper.policy_hash))
    return "".join(row(*each) for each in rows)


def _principal(mark: str, principal: Principal, roles: str | None = None) -> str:
    return (
        f"{mark} principal\n    {hex_groups(bytes.fromhex(principal.principal_id))}\n"
        f"    key   {principal.public_key.text}\n    roles {roles or ', '.join(principal.roles)}\n"
    )


def _scope(scope: tuple[Role, ...] | None) -> str:
    return "all roles" if scope is None else ", ".join(scope)
