"""Files brought into a domain's store: each is a block under its own SHA-256, and a record says what it was called."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from asl_authority.errors import Refused, UsageError
from asl_authority.operations.act import Act, Bench, Made, Standing
from asl_authority.operations.pieces import Piece
from asl_authority.storage.blocks import MOST_READ
from asl_authority.values.canonical import canonical_bytes
from asl_authority.values.identifiers import FILE_NAME
from asl_authority.values.log_record import RecordType
from asl_authority.values.roles import Role

MOST_FILES = 1000


def put_act(standing: Standing, files: Mapping[str, bytes]) -> Act:
    """These contents, by their names, into the store. Raises UsageError for a name, Refused for too much."""
    if not 0 < len(files) <= MOST_FILES:
        raise UsageError(f"{len(files)} files: 1 to {MOST_FILES} at once")
    for name in files:
        if "/" in name or not FILE_NAME.fullmatch(name):
            raise UsageError(f"{name[:60]!a}: no name for a record", hint="rename the file: letters, digits, . _ -")
    if sum(map(len, files.values())) > MOST_READ:
        raise Refused(
            f"more than {MOST_READ >> 20} MiB at once",
            hint="bring the files in several operations",
            check_id="INPUT-LIMIT",
        )
    named = {name: hashlib.sha256(data).hexdigest() for name, data in sorted(files.items())}
    lines = [f"into the store of {standing.domain_id}:"]
    lines += [f"  {digest}\n    {name}, {len(files[name])} bytes" for name, digest in named.items()]

    def make(bench: Bench) -> Made:
        piece = Piece(RecordType.ARTIFACT, blocks=tuple(files.values()), facts={"names": named})
        return Made((bench.put(piece),), names={digest: name for name, digest in reversed(named.items())})

    what = f"{len(named)} files into the store" if len(named) > 1 else f"{next(iter(named))} into the store"
    parameters = canonical_bytes({"domain_id": standing.domain_id, "names": named, "operation": "store-put"})
    size = sum(map(len, files.values()))
    shown = tuple("\n".join(lines).split("\n"))
    return Act("store-put", what, shown, parameters, make, role=Role.PRODUCE, adds=size)
