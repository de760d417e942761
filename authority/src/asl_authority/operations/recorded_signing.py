"""A signature that a sealed host makes over files: an operation of the host's own domain, so that its log has it.

Nothing is signed there that no log records: what a claim covers is a head, and this is how a signature comes under one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from asl_authority.operations.act import Act, Bench, Made
from asl_authority.operations.collect import Task, signed
from asl_authority.operations.pieces import Piece
from asl_authority.values.ed25519 import Signer
from asl_authority.values.log_record import RecordType
from asl_authority.values.signed import Body

T = TypeVar("T", bound=Body)


@dataclass
class Recorded(Generic[T]):
    """A task that is signed while its operation is carried out; `task` has the signature afterwards.

    `signer` gives the key, which was opened after the confirmation.
    """

    task: Task[T]
    signer: Callable[[], Signer]

    def act(self, shown: str) -> Act:
        """The operation: two people compare the SHA-256 of the body, as they do everywhere else."""
        task = self.task
        body = task.artifact.envelope.payload

        def make(bench: Bench) -> Made:
            self.task = signed(task, self.signer())
            facts = {"kind": task.kind.type, "sha256": task.digest.hex()}
            entry = bench.put(Piece(RecordType.ARTIFACT, blocks=(self.task.artifact.to_bytes(),), facts=facts))
            return Made((entry,))

        return Act("sign", f"signed: {task.what}", tuple(shown.splitlines()), body, make)
