"""The options of every verb that signs, and the three ways that they lead: a key here, bytes out, a signature in."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from asl_authority.front.given import KEY_FILE_LIMIT, REHEARSAL, given_public_key
from asl_authority.front.kept import KEEPING
from asl_authority.front.verb import DRY_RUN, Answer, Argument, Call

if TYPE_CHECKING:
    from asl_authority.operations.collect import Task
    from asl_authority.values.ed25519 import PublicKey, SecretKey
    from asl_authority.values.keyfile import KeyKind
    from asl_authority.values.signed import Body

    T = TypeVar("T", bound=Body)

SIGNING = (
    Argument(("--key",), "sign here, with this private key at rest (an age file)", "FILE", "path"),
    Argument(("--payload",), "write the exact bytes to sign to this new file, for another machine", "FILE", "path"),
    Argument(("--add-signature",), "take this signature, made elsewhere over the payload", "FILE", "path"),
    Argument(("--public-key",), "the key that signs; needed where several may", "FILE", "path"),
    Argument(("--so-far",), "the envelope with the signatures of earlier sessions", "FILE", "path"),
    Argument(("--output",), "the body's new file; the envelope goes beside it as FILE.sig", "FILE", "path"),
    *KEEPING,
    REHEARSAL,
    DRY_RUN,
)
WAYS = ("key", "payload", "add_signature")


def begin(call: Call) -> bool:
    """Whether this is a rehearsal. Raises Refused where keys may not be used, UsageError for no way or two."""
    from asl_authority.errors import UsageError
    from asl_authority.operations.gate import rehearsal_here
    from asl_authority.storage.state import load_seal

    seal = load_seal(call.machine)
    if in_the_log(call):
        from asl_authority.front.acting import gate_of
        from asl_authority.front.modes import expect_operation
        from asl_authority.operations.reading import HOST

        gate_of(call)  # no key is opened, and nothing prepared, without a claim of this start
        if call.values.get("key"):
            expect_operation(call, HOST)
    ways = [name for name in WAYS if call.values.get(name)]
    if len(ways) != 1:
        raise UsageError(
            "say one of --key, --payload and --add-signature",
            hint="--key signs here; --payload and then --add-signature sign on another machine",
        )
    output = call.values.get("payload") or call.values.get("output")
    if output is None and not call.dry_run:
        raise UsageError("--output is missing: where shall it go?")
    if output is not None and not output.parent.is_dir():
        raise UsageError(
            f"{output.parent}: no such directory", hint="make it, and begin again", check_id="PATH-MISSING"
        )
    return rehearsal_here(seal, bool(call.values.get("rehearsal")))


def signer_named(call: Call) -> PublicKey | None:
    """The key of --public-key."""
    path = call.values.get("public_key")
    return None if path is None else given_public_key(path)


def carry_out(call: Call, task: Task[T], shown: str, kind: KeyKind) -> Answer:
    """Judge, show, and go the way that was asked for."""
    from asl_authority.operations import collect
    from asl_authority.storage.plain_files import named, read_file
    from asl_authority.values.ed25519 import SIGNATURE_BYTES, SecretKey

    if path := call.values.get("so_far"):
        with named(path):
            task = collect.continued(task, read_file(path, task.kind.limits.size * 2))
    throwaway = SecretKey(call.outside.random(32))
    if call.dry_run:
        answer = _planned(task, shown, collect.lint(task, throwaway))
        if call.values.get("key") and in_the_log(call):
            recorded = _recorded(call, task, shown, _signer(call, task), kind)
            answer = answer._replace(members={**answer.members, "host": recorded.members})
        return answer
    if path := call.values.get("payload"):
        collect.lint(task, throwaway)
        return payload_answer(task, shown, path)
    public = _signer(call, task)
    if path := call.values.get("add_signature"):
        collect.lint(task, throwaway)
        with named(path):
            task = collect.with_signature(task, public, read_file(path, SIGNATURE_BYTES))
        return _written(call, task)
    if in_the_log(call):
        collect.lint(task, throwaway)
        return _recorded(call, task, shown, public, kind)
    return _written(
        call, collect.sign_here(task, shown, call.terminal, lambda: unlocked(call, public, kind), throwaway)
    )


def protect(call: Call) -> None:
    """Before the first secret: no core, no tracer, no swap; what this machine can't do is said, and what to do."""
    failed = [finding for finding in call.outside.protect(call.machine) if not finding.ok]
    if failed:
        from asl_authority.front import ui
        from asl_authority.operations.own_rules import own_rule

        for finding in failed:
            rule = own_rule(finding.check_id)
            lines = ui.wrapped(f"WARNING {finding.check_id}: {ui.plain(finding.detail)}", "")
            lines += ui.wrapped(rule.now if rule else "", "  ")
            call.terminal.say("".join(f"{line}\n" for line in lines))


def in_the_log(call: Call) -> bool:
    """Whether what is signed here must be in a log: on a sealed host, outside of a rehearsal."""
    from asl_authority.contract import Mode
    from asl_authority.storage.state import load_seal

    seal = load_seal(call.machine)
    return seal is not None and seal.mode is not Mode.REHEARSAL


def _recorded(call: Call, task: Task[T], shown: str, public: PublicKey, kind: KeyKind) -> Answer:
    """Sign as an operation of the host's own domain, and only then write the files. Raises as `act`.

    In a dry run the answer is what that operation would be.
    """
    from asl_authority.front.acting import act, gate_of, standing_of
    from asl_authority.operations.reading import HOST
    from asl_authority.operations.recorded_signing import Recorded
    from asl_authority.operations.twice import envelope_beside
    from asl_authority.storage.plain_files import expect_room

    if body := call.values.get("output"):
        expect_room(body, envelope_beside(body))
    opened: list[SecretKey] = []
    signing = Recorded(task, lambda: opened[0], public)
    gate, standing = gate_of(call), standing_of(call, HOST)
    unlock = partial(unlocked, call, public, kind)
    done = act(call, gate, standing, signing.act(shown), unlock=lambda: opened.append(unlock()))
    if call.dry_run:
        return done
    answer = _written(call, signing.task)
    return Answer(done.text + answer.text, {**done.members, **answer.members}, max(done.status, answer.status))


def unlocked(call: Call, public: PublicKey, kind: KeyKind) -> SecretKey:
    """The private key of --key. Raises UnlockFailed, Malformed, Refused."""
    from asl_authority.operations.unlock import unlock
    from asl_authority.storage.plain_files import named, read_file

    protect(call)
    path = call.path("key")
    with named(path):
        return unlock(call.terminal, str(path), read_file(path, KEY_FILE_LIMIT), kind, public)


def _signer(call: Call, task: Task[T]) -> PublicKey:
    from asl_authority.errors import UsageError

    public = signer_named(call)
    if public is None and len(task.signers) == 1:
        public = task.signers[0][0]
    if public is None:
        raise UsageError("--public-key is missing: which of the keys signs?")
    task.level_of(public)
    return public


def _planned(task: Task[T], shown: str, findings: object) -> Answer:
    from asl_authority.front import ui
    from asl_authority.operations.confirm import digest_text
    from asl_authority.values.finding import Finding

    checked = [each for each in findings if isinstance(each, Finding)] if isinstance(findings, tuple) else []
    text = "".join(ui.finding_line(finding) for finding in checked)
    return Answer(
        f"{shown}{text}SHA-256 of what would be signed\n{digest_text(task.digest)}Nothing was done.\n",
        {
            "sha256": task.digest.hex(),
            "size": len(task.artifact.envelope.payload),
            "payload_type": task.artifact.envelope.payload_type,
            "signers": [{"key_id": key.key_id, "level": level} for key, level in task.signers],
            "findings": ui.findings_members(checked),
        },
    )


def payload_answer(task: Task[T], shown: str, path: Path) -> Answer:
    """The bytes to sign, in a new file, and how they are signed elsewhere. Raises Refused, IoFailed."""
    import hashlib

    from asl_authority.operations.confirm import digest_text
    from asl_authority.storage.plain_files import write_new

    write_new(path, task.message)
    sha256 = hashlib.sha256(task.message)
    text = (
        f"{shown}SHA-256 of what is to be signed, to compare\n{digest_text(task.digest)}"
        f"{path}: the exact bytes to sign; their SHA-256, as sha256sum prints it\n  {sha256.hexdigest()}\n"
        "On the other machine, for instance:\n"
        f"  openssl pkeyutl -sign -rawin -inkey KEY -in {path.name} -out SIGNATURE\n"
    )
    return Answer(text, {"file": str(path), "sha256": task.digest.hex(), "payload_sha256": sha256.hexdigest()})


def _written(call: Call, task: Task[T]) -> Answer:
    from asl_authority.front import ui
    from asl_authority.operations.collect import write_signed

    body = call.path("output")
    envelope = write_signed(task, body)
    findings = task.findings()
    ids = [each.key_id for each in task.artifact.envelope.signatures]
    state = "complete" if task.complete else "NOT YET COMPLETE: more signatures are needed"
    text = (
        f"{body}: {task.what}\n{envelope}: its envelope, read back and verified by two implementations\n"
        + "".join(f"  signed by {each}\n" for each in ids)
        + "".join(ui.finding_line(each, "open  " if each.check_id in task.awaited else "FAILED") for each in findings)
        + f"{state}\n"
    )
    members = {"file": str(body), "envelope": str(envelope), "sha256": task.digest.hex(), "signed_by": ids}
    return Answer(text, {**members, "complete": task.complete, "findings": ui.findings_members(findings)})
