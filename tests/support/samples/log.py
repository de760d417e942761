"""Samples of logs: whole files, with every record's hash, the tree's roots and proofs."""

from __future__ import annotations

import struct

from asl_authority.values.log_entry import Entry
from asl_authority.values.log_record import FIRST_HASH, MOST_PAYLOAD, LogFile, Record, RecordType
from asl_authority.values.merkle import Frontier, consistency_proof, inclusion_proof, leaf_hash, node_hash
from support.published import Bad, Good, Vectors

D = "ab" * 32
ENTRIES = (
    Entry(RecordType.DOMAIN, "5e" * 16, facts={"label": "an example"}),
    Entry(RecordType.KEY, "5e" * 16, 1, files={"certs/root.pub": D}, facts={"root_key_fingerprint": D}),
    Entry(RecordType.ARTIFACT, "5e" * 16, blocks=(D,)),
)
UNKNOWN = Record(4, 0x20, b"\0\1\xff: a type that only its maker knows")
LOG = LogFile((*(Record(n, each.type, each.to_bytes()) for n, each in enumerate(ENTRIES, 1)), UNKNOWN))
LONGER = LogFile((*LOG.records, *(Record(n, RecordType.TOMBSTONE, b"") for n in range(5, 8))))


def node(log: LogFile, level: int, index: int) -> bytes:
    """A complete subtree's hash, the plain way."""
    if level == 0:
        return leaf_hash(log.hashes()[index])
    return node_hash(node(log, level - 1, 2 * index), node(log, level - 1, 2 * index + 1))


def says(log: LogFile) -> dict[str, object]:
    """What follows from a log."""
    size, frontier, roots = len(log.records), Frontier(), []
    for each in log.hashes():
        roots.append(frontier.root().hex())
        frontier.extend([leaf_hash(each)])
    known = [*roots, frontier.root().hex()]
    inclusion = [inclusion_proof(n, size, lambda *at: node(log, *at)) for n in range(size)]
    consistency = [consistency_proof(n, size, lambda *at: node(log, *at)) for n in range(1, size + 1)]
    return {
        "record_hashes": [each.hex() for each in log.hashes()],
        "roots_by_size": known,
        "inclusion_proofs_by_index": [[each.hex() for each in proof] for proof in inclusion],
        "consistency_proofs_from_size_1": [[each.hex() for each in proof] for proof in consistency],
    }


def vectors() -> Vectors:
    """The published ones."""
    whole, read = LOG.to_bytes(), "log_record.read_log_file"
    elsewhere = whole[:24] + Record(1, 1, b"").to_bytes(b"\xab" * 32)
    too_long = whole + struct.pack("<QII", 5, 1, MOST_PAYLOAD + 1)
    return Vectors(
        "ENC/ASL-LOG/1 and RFC 9162",
        good=[
            Good("an empty log", read, LogFile(()).to_bytes(), says(LogFile(()))),
            Good("three records of ours and one of an unknown type", read, whole, says(LOG)),
            Good("seven records", read, LONGER.to_bytes(), says(LONGER)),
        ],
        bad=[
            Bad("nothing", read, b"", "LOG-HEADER"),
            Bad("version 2", read, whole[:8] + b"\2" + whole[9:], "LOG-HEADER"),
            Bad("a flag", read, whole[:16] + b"\1" + whole[17:], "LOG-HEADER"),
            Bad("a torn tail", read, whole[:-1], "LOG-TORN"),
            Bad("a byte follows", read, whole + b"\5", "LOG-TORN"),
            Bad("a flipped byte of a payload", read, whole[:50] + b"X" + whole[51:], "LOG-CHAIN"),
            Bad("a flipped byte of a hash", read, whole[:-1] + bytes([whole[-1] ^ 1]), "LOG-CHAIN"),
            Bad("another type", read, whole[:32] + b"\2" + whole[33:], "LOG-CHAIN"),
            Bad("a first record 2", read, LogFile((Record(2, 1, b""),)).to_bytes(), "LOG-SEQUENCE"),
            Bad("a number twice", read, LogFile((Record(1, 1, b""),) * 2).to_bytes(), "LOG-SEQUENCE"),
            Bad(
                "a chain that begins elsewhere",
                read,
                elsewhere,
                "LOG-CHAIN",
            ),
            Bad("a payload of more than 1 MiB", read, too_long, "LOG-LENGTH"),
            Bad("big-endian numbers", read, whole[:24] + struct.pack(">QII", 1, 1, 0) + FIRST_HASH, "LOG-SEQUENCE"),
        ],
    )
