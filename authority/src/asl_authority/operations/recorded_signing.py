"""A signature that a sealed host makes over files: an operation of the host's own domain, so that its log has it.

Nothing is signed there that no log records: what a claim covers is a head, and this is how a signature comes under one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from asl_authority.operations.act import Act, Bench, Made
from asl_authority.operations.collect import Task, pretended, signed
from asl_authority.operations.pieces import Piece
from asl_authority.operations.x509 import Export, assembled, finished, signed_here
from asl_authority.values.ed25519 import PublicKey, Signer
from asl_authority.values.levels import Level, key_name
from asl_authority.values.log_record import RecordType
from asl_authority.values.signed import Body

T = TypeVar("T", bound=Body)


@dataclass
class Recorded(Generic[T]):
    """A task that is signed while its operation is carried out; `task` has the signature afterwards.

    `signer` gives the key, which was opened after the confirmation; in a trial `public` is all that is known of it.
    """

    task: Task[T]
    signer: Callable[[], Signer]
    public: PublicKey

    def act(self, shown: str) -> Act:
        """The operation: two people compare the SHA-256 of the body, as they do everywhere else."""
        task = self.task
        body = task.artifact.envelope.payload

        def make(bench: Bench) -> Made:
            if bench.pretend is None:
                done = self.task = signed(task, self.signer())
            else:
                name = key_name(task.level_of(self.public))
                done = pretended(task, bench.pretend(name, self.public))
            facts = {"kind": task.kind.type, "sha256": task.digest.hex()}
            return Made((bench.put(Piece(RecordType.ARTIFACT, blocks=(done.artifact.to_bytes(),), facts=facts)),))

        return Act("sign", f"signed: {task.what}", tuple(shown.splitlines()), body, make)


@dataclass
class RecordedExport:
    """X.509 certificates, signed in the same way; `signatures` are there afterwards, by the certificates' names."""

    export: Export
    signer: Callable[[], Signer]
    signatures: dict[str, bytes] = field(default_factory=dict)

    def act(self, shown: str) -> Act:
        """The operation: its digest is the one that is confirmed everywhere else."""
        export = self.export

        def make(bench: Bench) -> Made:
            if bench.pretend is None:
                self.signatures |= signed_here(export, self.signer)
                made = finished(export, self.signatures)
            else:
                stands = bench.pretend(key_name(Level.X509), export.issuer)
                made = assembled(export, signed_here(export, lambda: stands))
            facts = {"kind": "x509", "sha256": export.digest.hex()}
            return Made((bench.put(Piece(RecordType.ARTIFACT, blocks=tuple(made.values()), facts=facts)),))

        return Act("sign", f"signed: {export.what}", tuple(shown.splitlines()), export.to_be_signed, make)
