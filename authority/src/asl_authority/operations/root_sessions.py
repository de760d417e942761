"""The roots sign what waits in a prepared genesis, in any number of sessions, here or elsewhere; then it is opened.

A signature that comes in is held to every payload by every root, so that nobody has to say which is which.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from asl_authority.errors import Malformed, Refused, UnlockFailed
from asl_authority.operations import collect
from asl_authority.operations.act import Act, Bench, Made
from asl_authority.operations.collect import SIGN_READ_BACK, SIGN_TWICE, Task
from asl_authority.operations.genesis import USES, DomainKeys, NewDomain, expect_signed
from asl_authority.operations.pieces import Piece
from asl_authority.operations.prepared import PreparedGenesis, load_prepared, payload_name, signature_name
from asl_authority.operations.terminal import Terminal
from asl_authority.operations.twice import SIGN_VERIFIED
from asl_authority.operations.unlock import unlock_with_passphrase
from asl_authority.storage.disk import Disk
from asl_authority.storage.plain_directory import add_new_files
from asl_authority.storage.plain_files import named
from asl_authority.values.age import read_header
from asl_authority.values.certificate import Certificate
from asl_authority.values.ed25519 import PublicKey, SecretKey, Signer
from asl_authority.values.keyfile import WORK, open_key
from asl_authority.values.levels import Level, key_name
from asl_authority.values.log_record import RecordType
from asl_authority.values.prepared import KIND as INDEX_KIND

Sign = Callable[[Task[Certificate], Signer], Task[Certificate]]


def judge(prepared: PreparedGenesis, throwaway: SecretKey) -> None:
    """Everything that can be known before a root's key is touched. Raises Refused, by the first rule that is broken."""
    for task in prepared.tasks().values():
        collect.lint(task, throwaway)


def expect_may_sign(prepared: PreparedGenesis, key: PublicKey) -> None:
    """Before its passphrase is asked for: this is a root, and it has something to sign. Raises Refused."""
    for task in prepared.tasks().values():
        task.level_of(key)
    if has_signed(prepared, key):
        raise Refused(f"{key.key_id} has signed all of this already", check_id=SIGN_TWICE)


def has_signed(prepared: PreparedGenesis, key: PublicKey) -> bool:
    """Whether nothing is left for this key to sign."""
    return all(_has_signed(task, key) for task in prepared.tasks().values())


def sign_here(prepared: PreparedGenesis, signer: Signer, sign: Sign = collect.signed) -> PreparedGenesis:
    """Every certificate that this root has not signed yet, signed. Raises Refused for a key that may not, or has."""
    tasks, new = prepared.tasks(), {}
    for name, task in tasks.items():
        task.level_of(signer.public)
        if not _has_signed(task, signer.public):
            new[name] = sign(task, signer)
    if not new:
        raise Refused(f"{signer.public.key_id} has signed all of this already", check_id=SIGN_TWICE)
    return prepared.with_tasks({**tasks, **new})


@dataclass
class RecordedSession:
    """A session on a sealed host: an operation of the host's own domain, so that a log has what was signed.

    `signers` gives the roots' keys, which were opened after the confirmation; `prepared` has the signatures afterwards.
    In a trial `public` is all that is known of these keys.
    """

    prepared: PreparedGenesis
    signers: Callable[[], Sequence[Signer]]
    public: Sequence[PublicKey]

    def act(self, shown: str) -> Act:
        """The operation: its digest is the one that is confirmed in every session, and when it is founded."""
        new = self.prepared.new

        def make(bench: Bench) -> Made:
            done = self.prepared
            if bench.pretend is None:
                for signer in self.signers():
                    done = self.prepared = sign_here(done, signer)
            else:
                for key in self.public:
                    done = sign_here(done, bench.pretend(key_name(Level.ROOT), key), collect.pretended)
            blocks = tuple(each.to_bytes() for each in done.new.certificates)
            facts = {"kind": INDEX_KIND.type, "sha256": new.digest.hex()}
            return Made((bench.put(Piece(RecordType.ARTIFACT, blocks=blocks, facts=facts)),))

        what = f"signed by roots: the certificates of {new.asked.label}"
        return Act("sign", what, tuple(shown.splitlines()), new.to_bytes(), make)


def with_signatures(prepared: PreparedGenesis, given: Mapping[Path, bytes]) -> PreparedGenesis:
    """With signatures that were made elsewhere; of which root and over what each is, is found by verifying it.

    Raises Malformed for one that fits nothing, Refused for one that is there already.
    """
    tasks, roots = prepared.tasks(), prepared.new.asked.roots.root_keys
    for path, data in given.items():
        fitting = ((n, k) for n, task in tasks.items() for k in roots if k.verifies(task.message, data))
        name, key = next(fitting, ("", None))
        if key is None:
            raise Malformed(
                f"{path}: the signature of no root over any payload that waits here",
                hint=f"each signs the bytes of a file {payload_name('NAME')}, as they are",
                check_id=SIGN_VERIFIED,
            )
        with named(path):
            tasks[name] = collect.with_signature(tasks[name], key, data)
    return prepared.with_tasks(tasks)


def signature_files(prepared: PreparedGenesis) -> dict[str, bytes]:
    """The roots' signatures so far, each a file of 64 bytes."""
    roots = {key.key_id: number for number, key in enumerate(prepared.new.asked.roots.root_keys, 1)}
    return {
        signature_name(name, roots[each.key_id]): each.sig
        for name, task in prepared.tasks().items()
        for each in task.artifact.envelope.signatures
    }


def signers_of(prepared: PreparedGenesis) -> Iterator[tuple[str, list[int]]]:
    """Who has signed what: for each payload the numbers of the roots, counted as in the root set."""
    roots = {key.key_id: number for number, key in enumerate(prepared.new.asked.roots.root_keys, 1)}
    for name, task in prepared.tasks().items():
        yield payload_name(name), sorted(roots[each.key_id] for each in task.artifact.envelope.signatures)


def open_lines(prepared: PreparedGenesis) -> list[str]:
    """What is missing for it to be founded, in words."""
    return [
        f"{payload_name(name)}: {finding.detail}"
        for name, task in prepared.tasks().items()
        for finding in task.findings()
        if not finding.ok
    ]


def keep_signatures(disk: Disk, path: Path, before: PreparedGenesis, after: PreparedGenesis) -> list[str]:
    """Write what was signed since as new files, all or none, verify what is read back, and return their names.

    Raises Refused, Malformed when the medium did not keep them, IoFailed.
    """
    known = signature_files(before)
    files = {name: data for name, data in signature_files(after).items() if name not in known}
    add_new_files(disk, path, files)
    again = signature_files(load_prepared(disk, path, rehearsal=after.new.asked.rehearsal))
    if any(again.get(name) != data for name, data in files.items()):
        raise Malformed(f"{path} does not hold what was signed: use another medium", check_id=SIGN_READ_BACK)
    return list(files)


def expect_complete(prepared: PreparedGenesis) -> NewDomain:
    """The domain, signed by as many roots as must. Raises Refused by the first check that does not hold."""
    for name, task in prepared.tasks().items():
        for finding in task.findings():
            if not finding.ok:
                raise Refused(
                    f"nothing is founded yet: {payload_name(name)}: {finding.detail}",
                    hint="collect the roots' signatures: domain sign",
                    check_id=finding.check_id,
                )
    return expect_signed(prepared.new)


def unlock_keys(terminal: Terminal, prepared: PreparedGenesis) -> DomainKeys:
    """The private keys, each of them opened by the one passphrase. Raises UnlockFailed, Malformed, Refused."""
    public = {name: each.body.subject_pubkey for name, each in zip(prepared.names, prepared.new.requests, strict=True)}
    for name in prepared.names:  # before a passphrase is asked for
        with named(Path(f"{name}.priv.enc")):
            read_header(prepared.sealed[name], WORK[USES[name].kind])
    first = "log"  # the cheapest to try
    opened, passphrase = unlock_with_passphrase(
        terminal, f"{first}.priv.enc", prepared.sealed[first], USES[first].kind, public[first]
    )
    terminal.say("Opening the others with it; this takes a while.\n")
    keys = {}
    for name in prepared.names:
        keys[name] = opened if name == first else _opened(prepared, name, passphrase, public[name])
    return DomainKeys(keys)


def _opened(prepared: PreparedGenesis, name: str, passphrase: str, public: PublicKey) -> SecretKey:
    try:
        with named(Path(f"{name}.priv.enc")):
            return open_key(prepared.sealed[name], passphrase, USES[name].kind, public)
    except UnlockFailed:
        raise UnlockFailed(
            f"{name}.priv.enc: the passphrase of the others does not open it: it is none of what was prepared",
            hint="nothing was founded; prepare it again, and find out who had the medium",
        ) from None


def _has_signed(task: Task[Certificate], key: PublicKey) -> bool:
    return any(each.key_id == key.key_id for each in task.artifact.envelope.signatures)
