"""Options that several groups of verbs have, and what the files that they name hold."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from asl_authority.contract import ExitStatus
from asl_authority.front.verb import Answer, Argument, Call

if TYPE_CHECKING:
    from collections.abc import Sequence

    from asl_authority.operations.root_chain import RootChain
    from asl_authority.values.certificate import Certificate
    from asl_authority.values.dam import Dam
    from asl_authority.values.ed25519 import PublicKey
    from asl_authority.values.finding import Finding
    from asl_authority.values.policy import DomainPolicy
    from asl_authority.values.rootset import RootSet
    from asl_authority.values.share_set import ShareSet
    from asl_authority.values.signed import Signed

ROOT_SET = Argument(("--root-set",), "the offline root set that is trusted", "FILE", "path", required=True)
POLICY = Argument(("--policy",), "the domain's policy: the edited text or its JSON", "FILE", "path", required=True)
ROTATIONS = Argument(
    ("--rotation",),
    "a rotation of the roots that leads on from --root-set, as published (auth/rotation-N.json); once for each",
    "FILE",
    "path",
    many=True,
)
CERTIFICATES = Argument(
    ("--certificate",), "a certificate of the domain; once for each", "FILE", "path", required=True, many=True
)
REHEARSAL = Argument(("--rehearsal",), "this is a rehearsal, which nothing real accepts", kind="flag")
NEW_FILE = Argument(("--output",), "where it goes; a file that is there is never overwritten", "FILE", "path")

POLICY_LIMIT = 1 << 20
KEY_FILE_LIMIT = 1 << 17


def rehearsal_of(call: Call) -> bool:
    """Whether a verb that only reads is asked about a rehearsal."""
    return bool(call.values.get("rehearsal"))


def given_root_set(path: Path) -> RootSet:
    """The root set in a file."""
    from asl_authority.storage.plain_files import named, read_file
    from asl_authority.values.rootset import KIND, read_root_set

    with named(path):
        return read_root_set(read_file(path, KIND.limits.size))


def given_chain(call: Call) -> tuple[RootChain, list[Finding]]:
    """The set of --root-set and those that the rotations lead to, as far as they do; and what was found of these."""
    from asl_authority.operations.artifacts import form_of, load
    from asl_authority.operations.root_chain import as_far_as_it_holds, chain_from, check_chain
    from asl_authority.values.rootset import ROTATION, read_rotation

    form = form_of(ROTATION, read_rotation, rehearsal=rehearsal_of(call))
    rotations = [load(path, form) for path in call.values.get("rotation", ())]
    chain = chain_from(given_root_set(call.path("root_set")), [each.signed for each in rotations])
    findings = [finding for each in rotations for finding in each.findings]
    return as_far_as_it_holds(chain), [*findings, *check_chain(chain)]


def given_policy(path: Path) -> DomainPolicy:
    """The policy in a file."""
    from asl_authority.storage.plain_files import named, read_file
    from asl_authority.values.policy_text import read_policy_text

    with named(path):
        return read_policy_text(read_file(path, POLICY_LIMIT))


def given_public_key(path: Path) -> PublicKey:
    """The public key in a file."""
    from asl_authority.storage.plain_files import named, read_file
    from asl_authority.values.public_key_file import MOST_BYTES, read_public_key_file

    with named(path):
        return read_public_key_file(read_file(path, MOST_BYTES))


def given_share_set(path: Path) -> ShareSet:
    """The record of a set of shares."""
    from asl_authority.storage.plain_files import named, read_file
    from asl_authority.values.share_set import KIND, read_share_set

    with named(path):
        return read_share_set(read_file(path, KIND.limits.size))


def given_certificates(paths: Sequence[Path], *, rehearsal: bool) -> list[Signed[Certificate]]:
    """Signed certificates."""
    from asl_authority.operations.artifacts import form_of, load
    from asl_authority.values.certificate import KIND, read_certificate

    return [load(path, form_of(KIND, read_certificate, rehearsal=rehearsal)).signed for path in paths]


def given_dam(path: Path, *, rehearsal: bool) -> Dam:
    """A DAM, signed or not."""
    from asl_authority.operations.artifacts import form_of, load
    from asl_authority.values.dam import KIND, read_dam

    return load(path, form_of(KIND, read_dam, rehearsal=rehearsal)).body


def verdict(what: str, findings: Sequence[Finding], **members: object) -> Answer:
    """How a check of named rules ends: 3 when one of them says no."""
    from asl_authority.front import ui

    ok = all(finding.ok for finding in findings)
    members = {"ok": ok, **members, "findings": ui.findings_members(findings)}
    return Answer(ui.verdict_text(what, findings), members, ExitStatus.DONE if ok else ExitStatus.CHECK_FAILED)


def written(call: Call, data: bytes, text: str, **members: object) -> Answer:
    """A new file at --output, or the text itself."""
    from asl_authority.storage.plain_files import write_new

    path = call.values.get("output")
    if path is None:
        return Answer(data.decode() + ("" if data.endswith(b"\n") else "\n"), {**members, "text": data.decode()})
    write_new(path, data)
    return Answer(f"{path}: {text}\n", {**members, "file": str(path)})
