"""Collect signatures over one body, made here or on other machines, in one session or several.

The order is that of a witness: judged with a throw-away key, shown, confirmed, signed, verified by two
implementations, written to new files, read back, verified again. What was judged and what is signed are the same
bytes, because they are one value.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Generic, TypeVar

from asl_authority.errors import AuthorityError, Malformed, Refused
from asl_authority.operations.confirm import confirm
from asl_authority.operations.terminal import Terminal
from asl_authority.operations.twice import envelope_beside, verified, verified_elsewhere
from asl_authority.storage.plain_files import read_file, write_all_new
from asl_authority.values.dsse import Signature, read_envelope
from asl_authority.values.ed25519 import PublicKey, SecretKey, Signer
from asl_authority.values.finding import Finding
from asl_authority.values.kinds import Kind
from asl_authority.values.levels import Level, check_may_sign, signer_of
from asl_authority.values.signed import Body, Signed, read_signed

T = TypeVar("T", bound=Body)

SIGN_KEY = "SIGN-KEY"
SIGN_TWICE = "SIGN-TWICE"
SIGN_READ_BACK = "SIGN-READ-BACK"
LINT_FORM = "LINT-FORM"
ANOTHER = "is it over these very bytes, and by this key? else sign the payload again, where the key is"


@dataclass(frozen=True)
class Task(Generic[T]):
    """Something to be signed.

    `signers` are the keys that may, each of its level; `judge` says all that must hold in the end, and of that only the
    checks in `awaited` may still be open, because signatures are missing. `what` names it for a person.
    """

    what: str
    kind: Kind
    read: Callable[[bytes], T]
    artifact: Signed[T]
    signers: tuple[tuple[PublicKey, Level], ...]
    judge: Callable[[Signed[T]], Iterable[Finding]]
    awaited: frozenset[str]
    rehearsal: bool = False

    @property
    def digest(self) -> bytes:
        """SHA-256 of the body: what two people compare."""
        return hashlib.sha256(self.artifact.envelope.payload).digest()

    @property
    def message(self) -> bytes:
        """The exact bytes that a key signs, here or elsewhere."""
        return self.artifact.envelope.message()

    def findings(self) -> tuple[Finding, ...]:
        """What holds, and what does not or not yet."""
        return tuple(self.judge(self.artifact))

    @property
    def complete(self) -> bool:
        """Whether nothing is open any more."""
        return all(finding.ok for finding in self.findings())

    def level_of(self, key: PublicKey) -> Level:
        """The level at which this key signs it. Raises Refused when it does not."""
        for each, level in self.signers:
            if each == key:
                return level
        ids = ", ".join(each.key_id for each, _ in self.signers)
        raise Refused(f"{key.key_id} is no key that signs this; {ids} may", check_id=SIGN_KEY)


def lint(task: Task[T], throwaway: SecretKey) -> tuple[Finding, ...]:
    """Everything that can be known before a real key is touched. Raises Refused, with the first rule that is broken.

    A throw-away key signs the very bytes that will be signed; nothing that it signed is kept.
    """
    envelope = replace(task.artifact.envelope, signatures=()).signed_by(throwaway)
    again = read_signed(envelope.to_bytes(), task.kind, task.read, rehearsal=task.rehearsal)
    findings = [
        Finding(
            LINT_FORM,
            again.body == task.artifact.body and again.envelope.message() == task.message,
            f"{len(task.message)} bytes to sign, read again as what they were made from",
        ),
        *verified(task.message, throwaway.public, envelope.signatures[0].sig),
        *(
            check_may_sign(level, envelope.payload_type, rehearsal=task.rehearsal)
            for level in sorted({level for _, level in task.signers})
        ),
        *(finding for finding in task.findings() if finding.check_id not in task.awaited),
    ]
    _expect(findings, f"{task.what} is not signed", Refused)
    return tuple(findings)


def signed(task: Task[T], signer: Signer) -> Task[T]:
    """The task with one more signature, made here. Raises Refused for a key that may not, or has already."""
    level = task.level_of(signer.public)
    _expect_new(task, signer.public)
    limited = signer_of(level, signer, rehearsal=task.rehearsal)
    return _signed_by(task, signer.public, limited.sign(task.message), hint=None)


def pretended(task: Task[T], signer: Signer) -> Task[T]:
    """As `signed`, by what only stands for a key: what it gives is no signature, and nobody verifies it."""
    level = task.level_of(signer.public)
    _expect_new(task, signer.public)
    limited = signer_of(level, signer, rehearsal=task.rehearsal)
    return replace(task, artifact=task.artifact.signed_by(limited))


def with_signature(task: Task[T], key: PublicKey, signature: bytes) -> Task[T]:
    """The task with a signature that was made anywhere, verified by both implementations. Raises Refused, Malformed."""
    task.level_of(key)
    _expect_new(task, key)
    return _signed_by(task, key, signature, hint=ANOTHER)


def _signed_by(task: Task[T], key: PublicKey, signature: bytes, *, hint: str | None) -> Task[T]:
    _expect(verified(task.message, key, signature), "a signature that does not fit", Malformed, hint)
    envelope = task.artifact.envelope.with_signatures([Signature(key.key_id, signature)])
    return replace(task, artifact=replace(task.artifact, envelope=envelope))


def continued(task: Task[T], data: bytes) -> Task[T]:
    """The task with the signatures of an earlier session. Raises Malformed, Refused when they are for another body."""
    envelope = read_envelope(data, task.artifact.envelope.payload_type, task.kind.limits)
    if envelope.payload != task.artifact.envelope.payload:
        raise Refused("what was signed so far is another body", check_id="DSSE-BODY-EQUAL")
    keys = {key.key_id: key for key, _ in task.signers}
    for each in envelope.signatures:
        if each.key_id not in keys:
            raise Refused(f"{each.key_id} has signed, and is no key that signs this", check_id=SIGN_KEY)
        task = with_signature(task, keys[each.key_id], each.sig)
    return task


def sign_here(
    task: Task[T], shown: str, terminal: Terminal, unlock: Callable[[], Signer], throwaway: SecretKey
) -> Task[T]:
    """Show, have it confirmed, and only then open the key and sign. Raises Refused, Aborted, UnlockFailed."""
    lint(task, throwaway)
    terminal.say(shown)
    confirm(terminal, f"To be signed: {task.what}", task.digest)
    return signed(task, unlock())


def write_signed(task: Task[T], body: Path) -> Path:
    """Write body and envelope (its name with .sig) as new files, read them back and verify; returns the envelope's.

    Raises Refused when a name is taken, Malformed when the medium did not keep what was written, IoFailed.
    """
    beside = envelope_beside(body)
    files = {body: task.artifact.envelope.payload, beside: task.artifact.to_bytes()}
    write_all_new(files)
    same = all(read_file(path, len(data)) == data for path, data in files.items())
    findings = [Finding(SIGN_READ_BACK, same, f"{beside} and {body} read back")]
    if same:
        again = read_file(beside, len(files[beside]))
        envelope = read_envelope(again, task.artifact.envelope.payload_type, task.kind.limits)
        findings += verified_elsewhere(envelope, [key for key, _ in task.signers])
    _expect(findings, f"{beside} does not hold what was signed: use another medium, and keep this one", Malformed)
    return beside


def _expect_new(task: Task[T], key: PublicKey) -> None:
    if any(each.key_id == key.key_id for each in task.artifact.envelope.signatures):
        raise Refused(f"{key.key_id} has signed this already", check_id=SIGN_TWICE)


def _expect(findings: Iterable[Finding], what: str, error: type[AuthorityError], hint: str | None = None) -> None:
    failed = [finding for finding in findings if not finding.ok]
    if failed:
        words = "; ".join(f"{each.check_id}: {each.detail}" for each in failed[1:])
        also = f" (also {words})" if words else ""
        raise error(f"{what}: {failed[0].detail}{also}", check_id=failed[0].check_id, hint=hint)
