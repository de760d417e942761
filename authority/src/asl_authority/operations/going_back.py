"""Going on from an older backup: shown to two persons, confirmed, and a record of the log like any other."""

from __future__ import annotations

from asl_authority.errors import Malformed, Refused
from asl_authority.operations.act import Act, Bench, Made, Standing
from asl_authority.operations.pieces import Piece
from asl_authority.values.deviation import OlderBackup
from asl_authority.values.head import Head
from asl_authority.values.kept_head import KeptHead
from asl_authority.values.log_record import RecordType


def accept_backup_act(standing: Standing, lost: tuple[KeptHead, ...], reason: str, operator: str, witness: str) -> Act:
    """These later heads are given up, and the log goes on from where it is. Raises Refused.

    It is done in a domain of any state: a volume that was lost asks nobody.
    """
    head = standing.report.head
    start = Head(head.size, head.root.hex())
    try:
        deviation = OlderBackup(standing.domain_id, reason, operator, witness, lost, start)
        said = deviation.to_bytes()
    except Malformed as error:
        raise Refused(str(error), hint="nothing was done", check_id=error.check_id) from None

    def make(bench: Bench) -> Made:
        # A receipt has an output: here it is what was confirmed, as a block.
        return Made((bench.put(Piece(RecordType.DEVIATION, blocks=(said,), facts=deviation.facts())),))

    lines = ("DEVIATION: an older backup is gone on from", *deviation.lines())
    return Act("accept-backup", "an older backup is gone on from", lines, said, make, in_any_state=True)
