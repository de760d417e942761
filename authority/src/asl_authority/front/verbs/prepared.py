"""domain sign and domain found: a genesis that was prepared, signed by its roots in sessions, and founded then."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from asl_authority.front.acting import gate_of
from asl_authority.front.given import REHEARSAL, given_policy, given_public_key
from asl_authority.front.kept import KEEPING, KEPT
from asl_authority.front.verb import DRY_RUN, Answer, Argument, Call, Verb

if TYPE_CHECKING:
    from collections.abc import Mapping

    from asl_authority.operations.gate import Gate
    from asl_authority.operations.genesis import Asked
    from asl_authority.operations.prepared import PreparedGenesis
    from asl_authority.values.ed25519 import PublicKey, SecretKey
    from asl_authority.values.finding import Finding
    from asl_authority.values.rootset import RootSet

DIRECTORY = Argument(("DIR",), "the directory that --prepare has made", "DIR", "path", required=True)


def prepare(call: Call, gate: Gate, asked: Asked) -> Answer:
    """Draw, show, have it confirmed, seal, and leave all of it in a new directory; no root signs here."""
    from asl_authority.errors import UsageError
    from asl_authority.front.verbs.founding import agree, draw, expect_place, planned, seal
    from asl_authority.operations.genesis import sign_manifest
    from asl_authority.operations.plan_prepared import plan_prepare
    from asl_authority.operations.prepared import prepare_genesis, write_prepared
    from asl_authority.storage.disk import disk_of_whoever_asked
    from asl_authority.storage.plain_directory import expect_free

    disk, path = disk_of_whoever_asked(), call.path("prepare")
    if call.values.get("key"):
        raise UsageError("--key does not go with --prepare", hint="the roots sign later: domain sign DIR --key FILE")
    expect_free(disk, path)
    issuer = _issuer(call, asked.roots, rehearsal=gate.rehearsal)
    drawn = draw(call, gate, asked, issuer)
    expect_place(call, drawn.new)
    if call.dry_run:
        return planned(drawn.new, plan_prepare(drawn.new, issuer))
    agree(call, drawn.new)
    passphrase, sealed = seal(call, drawn)
    gate.expect_still_open()
    signed = sign_manifest(drawn.new, drawn.keys)
    prepared = prepare_genesis(signed, issuer, sealed, weak_passphrase=passphrase.weak)
    write_prepared(disk, path, prepared)
    return _waiting(call, path, prepared)


def sign(call: Call) -> Answer:
    """One session more: a root's key here, or signatures that were made elsewhere."""
    from asl_authority.operations.gate import public_random
    from asl_authority.operations.plan_prepared import plan_brought, plan_session
    from asl_authority.operations.prepared import load_prepared
    from asl_authority.operations.root_sessions import judge, keep_signatures, with_signatures
    from asl_authority.storage.disk import HostDisk
    from asl_authority.storage.domains import expect_writable
    from asl_authority.storage.plain_files import read_file
    from asl_authority.values.ed25519 import KEY_BYTES, SIGNATURE_BYTES, SecretKey

    rehearsal, done = _keys_allowed(call), Answer()
    disk, path = HostDisk(), call.path("dir")
    before = load_prepared(disk, path, rehearsal=rehearsal)
    random = public_random("throw-away") if rehearsal else call.outside.random
    judge(before, SecretKey(random(KEY_BYTES)))
    if given := call.values.get("add_signature", ()):
        _expect_one_way(call)
        after = with_signatures(before, {each: read_file(each, SIGNATURE_BYTES) for each in given})
        if call.dry_run:
            return _looked_at(after, plan_brought(before, after), "All of these signatures hold.\n")
    elif call.dry_run and not (call.values.get("key") or rehearsal):
        return _looked_at(before, plan_session(before, ()))
    else:
        signers = _signers(call, before, rehearsal=rehearsal)
        if call.dry_run:
            return _would_sign(call, before, signers)
        expect_writable(disk, path)
        after, done = _signed_here(call, before, signers)
    files = keep_signatures(disk, path, before, after)
    answer = _signed(call, path, after, files)
    # Its status too: the head may not have been kept on the stick.
    return Answer(done.text + answer.text, {**done.members, **answer.members}, done.status)


def found(call: Call) -> Answer:
    """Hold everything to its rules once more, have it confirmed, open the domain's keys, and found it."""
    from asl_authority.front.signing import protect
    from asl_authority.front.verbs.founding import expect_place, plan, planned, shown, write
    from asl_authority.operations.confirm import confirm
    from asl_authority.operations.founding import Founding
    from asl_authority.operations.prepared import load_prepared
    from asl_authority.operations.root_sessions import expect_complete, unlock_keys
    from asl_authority.storage.disk import HostDisk

    gate, path = gate_of(call), call.path("dir")
    prepared = load_prepared(HostDisk(), path, rehearsal=gate.rehearsal)
    _expect_still_wanted(call, prepared, rehearsal=gate.rehearsal)
    expect_place(call, prepared.new)
    new = expect_complete(prepared)
    if call.dry_run:
        return planned(new, plan(call, gate, new, (), sealed=prepared.sealed))
    call.terminal.say(shown(new))
    confirm(call.terminal, f"To be founded: everything of {new.asked.label}", new.digest)
    protect(call)
    keys = unlock_keys(call.terminal, prepared)
    return write(call, Founding(new, keys, prepared.sealed, gate, weak_passphrase=prepared.weak_passphrase))


def _issuer(call: Call, roots: RootSet, *, rehearsal: bool) -> PublicKey:
    from asl_authority.operations.prepared import issuer_of

    path = call.values.get("issuer")
    named = None if path is None else given_public_key(path)
    if named is None and rehearsal:
        known = _rehearsal_keys(roots)
        named = known[0].public if known else None
    return issuer_of(roots, named)


def _rehearsal_keys(roots: RootSet) -> list[SecretKey]:
    """Those of the roots that every rehearsal has."""
    from asl_authority.operations.gate import rehearsal_roots
    from asl_authority.values.rootset import MOST_KEYS

    return [key for key in rehearsal_roots(MOST_KEYS) if roots.holds(key.public)]


def _keys_allowed(call: Call) -> bool:
    """Whether this is a rehearsal. Raises Refused on a sealed host without a VERIFIED claim of this start."""
    from asl_authority.operations.boot_claim import boot_claim
    from asl_authority.operations.configuration import verified_required
    from asl_authority.operations.gate import expect_keys_allowed, rehearsal_here
    from asl_authority.storage.state import load_seal

    seal = load_seal(call.machine)
    required = verified_required(call.machine, call.root)
    expect_keys_allowed(seal, lambda: boot_claim(call.machine, call.root), required=required)
    return rehearsal_here(seal, bool(call.values.get("rehearsal")))


def _expect_one_way(call: Call) -> None:
    from asl_authority.errors import UsageError

    if bool(call.values.get("key")) == bool(call.values.get("add_signature")):
        raise UsageError(
            "say one of --key and --add-signature",
            hint="--key signs here; --add-signature takes what was signed elsewhere",
        )


class Signers(NamedTuple):
    """The roots that sign here: those that every rehearsal has, or whose keys lie in these files."""

    known: list[SecretKey]
    at_rest: dict[Path, PublicKey]

    @property
    def public(self) -> list[PublicKey]:
        """Their public halves."""
        return [*(key.public for key in self.known), *self.at_rest.values()]


def _signers(call: Call, prepared: PreparedGenesis, *, rehearsal: bool) -> Signers:
    """Who signs here. Raises UsageError, Refused for a key that may not, or has."""
    from asl_authority.errors import Refused
    from asl_authority.front.verbs.key import public_half
    from asl_authority.operations.collect import SIGN_TWICE
    from asl_authority.operations.root_sessions import expect_may_sign, has_signed

    paths: tuple[Path, ...] = tuple(call.values.get("key", ()))
    if not paths and rehearsal:
        waiting = [key for key in _rehearsal_keys(prepared.new.asked.roots) if not has_signed(prepared, key.public)]
        if not waiting:
            raise Refused("all the roots of a rehearsal have signed this already", check_id=SIGN_TWICE)
        return Signers(waiting[:1], {})
    _expect_one_way(call)
    public = [public_half(path) for path in paths]
    for number, key in enumerate(public):
        expect_may_sign(prepared, key)
        if key in public[:number]:
            raise Refused(f"{paths[number]}: that key is named twice", check_id=SIGN_TWICE)
    return Signers([], dict(zip(paths, public, strict=True)))


def _signed_here(call: Call, prepared: PreparedGenesis, signers: Signers) -> tuple[PreparedGenesis, Answer]:
    """Show, have it confirmed, and only then open the roots' keys, one after the other; and what was logged of it."""
    from asl_authority.front.signing import protect
    from asl_authority.front.verbs.founding import shown, unlocked_root
    from asl_authority.operations.confirm import confirm
    from asl_authority.operations.root_sessions import sign_here

    if _is_recorded(call, prepared):
        return _recorded(call, prepared, signers.at_rest)
    call.terminal.say(shown(prepared.new))
    confirm(
        call.terminal, f"To be signed by roots: the certificates of {prepared.new.asked.label}", prepared.new.digest
    )
    protect(call)
    opened = signers.known or [unlocked_root(call, *each) for each in signers.at_rest.items()]
    _keys_allowed(call)  # once more: since it was asked, a person has read, typed words and passphrases
    for each in opened:
        prepared = sign_here(prepared, each)
    return prepared, Answer()


def _would_sign(call: Call, prepared: PreparedGenesis, signers: Signers) -> Answer:
    """What these roots would sign; on a sealed host with the operation of the host's that it would be."""
    from asl_authority.operations.plan_prepared import plan_session

    answer = _looked_at(prepared, plan_session(prepared, signers.public))
    if not _is_recorded(call, prepared):
        return answer
    _, recorded = _recorded(call, prepared, signers.at_rest)
    return answer._replace(members={**answer.members, "host": recorded.members})


def _is_recorded(call: Call, prepared: PreparedGenesis) -> bool:
    """Whether what is signed here is an operation of the host's: on a sealed host, unless it is founded by this."""
    from asl_authority.front.signing import in_the_log
    from asl_authority.operations.reading import HOST

    return in_the_log(call) and (prepared.new.domain_id != HOST or _host_is_there(call))


def _host_is_there(call: Call) -> bool:
    """Whether this store has a host already, in whose log what is signed must be."""
    from asl_authority.operations.record_claim import has_host
    from asl_authority.storage.disk import HostDisk

    return has_host(HostDisk(), call.root)


def _recorded(call: Call, prepared: PreparedGenesis, keys: Mapping[Path, PublicKey]) -> tuple[PreparedGenesis, Answer]:
    """On a sealed host: as an operation of the host's own domain. Of the host that is not there yet nothing can be."""
    from asl_authority.front.acting import act, gate_of, standing_of
    from asl_authority.front.verbs.founding import shown, unlocked_root
    from asl_authority.operations.reading import HOST
    from asl_authority.operations.root_sessions import RecordedSession

    opened: list[SecretKey] = []
    session = RecordedSession(prepared, lambda: opened, list(keys.values()))
    gate, standing = gate_of(call), standing_of(call, HOST)

    def unlock() -> None:
        opened.extend(unlocked_root(call, path, public) for path, public in keys.items())

    done = act(call, gate, standing, session.act(shown(prepared.new)), unlock=unlock)
    return session.prepared, done


def _expect_still_wanted(call: Call, prepared: PreparedGenesis, *, rehearsal: bool) -> None:
    """The roots are still those of the host, and the policy, where it is given, is the one that was prepared."""
    from asl_authority.front.configuration import expect_sealed_policy
    from asl_authority.front.kept import expect_known
    from asl_authority.front.store import checked_host
    from asl_authority.operations.reading import HOST, find_domain
    from asl_authority.storage.disk import HostDisk
    from asl_authority.values.policy import check_hash_equal
    from asl_authority.values.prepared import check_roots

    asked = prepared.new.asked
    if path := call.values.get("policy"):
        _expect(check_hash_equal(given_policy(path), {"what was prepared": asked.policy.hash}))
    if prepared.new.domain_id == HOST:
        expect_sealed_policy(call, asked.policy)
    else:
        _expect(check_roots(asked.roots, checked_host(call, HostDisk(), rehearsal=rehearsal)))
        expect_known(call, find_domain(HostDisk(), call.root, HOST, rehearsal=rehearsal))


def _expect(finding: Finding) -> None:
    from asl_authority.errors import Refused

    if not finding.ok:
        raise Refused(
            f"nothing is founded: {finding.detail}",
            hint="prepare it again, as it is wanted now",
            check_id=finding.check_id,
        )


def _waiting(call: Call, path: Path, prepared: PreparedGenesis) -> Answer:
    import hashlib

    from asl_authority.operations.prepared import payload_name

    asked = prepared.new.asked
    number = asked.roots.root_keys.index(prepared.issuer) + 1
    payloads = {payload_name(name): hashlib.sha256(task.message).hexdigest() for name, task in prepared.tasks().items()}
    text = (
        f"{path}\n  waits for the roots: {asked.label}\n"
        f"{asked.roots.threshold} of {len(asked.roots.root_keys)} roots must sign, root {number} among them, "
        "which issues\n"
        f"  {prepared.issuer.key_id}\n"
        "Each signs the exact bytes of each of these; SHA-256, as sha256sum prints it\n"
        + "".join(f"  {name}\n    {digest}\n" for name, digest in payloads.items())
        + "On another machine, for each of them, for instance:\n"
        "  openssl pkeyutl -sign -rawin -inkey KEY -in FILE -out SIGNATURE\n"
        f"then: {call.program} domain sign {path} --add-signature SIGNATURE ...\n"
        f"Here: {call.program} domain sign {path} --key ROOT.priv.enc\n"
        f"When enough have signed: {call.program} domain found {path}\n"
    )
    members: dict[str, object] = {
        "directory": str(path),
        "domain_id": prepared.new.domain_id,
        "label": asked.label,
        "rehearsal": asked.rehearsal,
        "sha256": prepared.new.digest.hex(),
        "issuer": prepared.issuer.key_id,
        "threshold": asked.roots.threshold,
        "payloads": [{"name": name, "sha256": digest} for name, digest in payloads.items()],
    }
    return Answer(text, members)


def _signed(call: Call, path: Path, prepared: PreparedGenesis, files: list[str]) -> Answer:
    from asl_authority.front import ui
    from asl_authority.operations.root_sessions import open_lines

    lines = open_lines(prepared)
    text = "".join(f"{path / name}\n" for name in files)
    text += "  new, read back and verified by two implementations\n" + _state_text(prepared)
    if lines:
        text += "".join(f"{line}\n" for line in ui.wrapped(lines[0], "  "))
    text += "NOT YET COMPLETE: more signatures are needed\n" if lines else "complete\n"
    text += "" if lines else f"To found it: {call.program} domain found {path}\n"
    members = {"directory": str(path), "files": files, "complete": not lines, "open": lines}
    return Answer(text, {**members, "sha256": prepared.new.digest.hex()})


def _looked_at(prepared: PreparedGenesis, plan: dict[str, object], more: str = "") -> Answer:
    from asl_authority.front.verbs.founding import planned

    answer = planned(prepared.new, plan)
    return answer._replace(text=_state_text(prepared) + more + answer.text)


def _state_text(prepared: PreparedGenesis) -> str:
    """The roots, by the numbers that names of files have, and who has signed what."""
    from asl_authority.operations.root_sessions import signers_of

    roots = enumerate(prepared.new.asked.roots.root_keys, 1)
    return "".join(f"root {number}  {key.key_id}\n" for number, key in roots) + "".join(
        f"{name:<24}signed by {', '.join(f'root {number}' for number in numbers) or 'nobody yet'}\n"
        for name, numbers in signers_of(prepared)
    )


SIGN = Verb(
    "domain sign",
    "sign, as one of the roots, what a prepared genesis waits for",
    "Collects the roots' signatures over the certificates of a domain, or of the host, that `domain create --prepare` "
    "or `root init --prepare` has left in a directory; in any number of sessions, on any copy of it. --key signs all "
    "of them here, after two words of the digest over everything were typed. Elsewhere a root signs the bytes of each "
    "cert-*.payload with any tool, openssl for instance, and --add-signature brings the files of 64 bytes back: whose "
    "they are and over what is found by verifying them, by two implementations. Each becomes a new file of the "
    "directory. On a sealed host a VERIFIED claim of this start is needed, and what --key signs for a domain is an "
    "operation of the host's own, with a record and a receipt, before it is in a file; of the host itself nothing can "
    "be, until it is founded. In a rehearsal, without either, the next of "
    "the roots that every rehearsal has signs.",
    sign,
    (
        DIRECTORY,
        Argument(
            ("--key",),
            "a root that signs here: NAME.priv.enc, with NAME.pub beside it; once for each",
            "FILE",
            "path",
            many=True,
        ),
        Argument(
            ("--add-signature",),
            "a signature made elsewhere over one of the payloads; once for each",
            "FILE",
            "path",
            many=True,
        ),
        *(*KEEPING, REHEARSAL, DRY_RUN),
    ),
)

FOUND = Verb(
    "domain found",
    "found the domain, or the host, that was prepared and signed",
    "Founds what `domain create --prepare` or `root init --prepare` has prepared, when as many roots as must have "
    "signed. Everything is made again from requests, policy and roots and held to what lies in the directory; the "
    "host must have these roots still. It is shown and confirmed by the same two words once more, the passphrase of "
    "the domain's keys is asked for and opens each of them, and then the domain is founded as by `domain create`, in "
    "one transaction. The directory is left as it is: delete it, for a domain is founded once. Refused with 4 without "
    "an environment claim of this start that is VERIFIED and covers the head (see `claim`)." + KEPT,
    found,
    (
        DIRECTORY,
        Argument(
            ("--policy",), "the policy as it is wanted now, which must be the one that was prepared", "FILE", "path"
        ),
        *(*KEEPING, REHEARSAL, DRY_RUN),
    ),
)
