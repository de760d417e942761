"""store put: files into a domain's store, each as one operation with its receipt."""

from __future__ import annotations

from asl_authority.front.acting import ACTING, ACTS, act, gate_of, standing_of
from asl_authority.front.reading import DOMAIN, domain_of
from asl_authority.front.verb import Answer, Argument, Call, Verb


def put(call: Call) -> Answer:
    """Files, as blocks."""
    from asl_authority.errors import UsageError
    from asl_authority.operations.store_acts import put_act
    from asl_authority.storage.blocks import MOST_READ
    from asl_authority.storage.plain_files import read_file

    gate, paths = gate_of(call), call.values["file"]
    if len({path.name for path in paths}) != len(paths):
        raise UsageError("two of the files have the same name: a record names each once")
    standing = standing_of(call, domain_of(call))
    return act(call, gate, standing, put_act(standing, {path.name: read_file(path, MOST_READ) for path in paths}))


PUT = Verb(
    "store put",
    "bring files into a domain's store",
    "Each FILE becomes a block under its own SHA-256, whole and for good; one record names all of them. `store get` "
    "gives a block out again. At most 64 MiB at once." + ACTS,
    put,
    (Argument(("FILE",), "a file to bring in", "FILE", "path", required=True, many=True), DOMAIN, *ACTING),
)
