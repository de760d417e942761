"""Samples of the index of a prepared genesis, and what is wrong with others."""

from __future__ import annotations

from asl_authority.values.prepared import PreparedIndex
from support.domains import DOMAIN, Cases, secret
from support.published import Vectors, changed

READ = "prepared.read_prepared_index"
INDEX = PreparedIndex(
    label="Me",
    domain_id=DOMAIN,
    issuer=secret("root 1").public,
    keys=("log", "operator", "root"),
    digest="d1" * 32,
    files={"cert-log.payload": "0a" * 32, "root.priv.enc": "0b" * 32},
    common="common",
    rehearsal=True,
)


def vectors() -> Vectors:
    """The published ones."""
    made = Cases("ENC-ASL-AUTH-HOST/1, prepared geneses")
    body = INDEX.to_bytes()
    made.add("of a rehearsal", READ, body)
    made.add("without a common domain", READ, changed(body, common=None))
    bad = "PREPARED-GENESIS-SCHEMA"
    made.refuse(bad, "no label", READ, changed(body, label=""))
    made.refuse(bad, "no digest", READ, changed(body, digest=None))
    made.refuse(bad, "a path out of the directory", READ, changed(body, files={"../root.pub": "0a" * 32}))
    made.refuse(bad, "a file in a directory", READ, changed(body, files={"certs/root.pub": "0a" * 32}))
    made.refuse(bad, "a file without its SHA-256", READ, changed(body, files={"root.pub": ""}))
    made.refuse(bad, "a key twice", READ, changed(body, keys=["log", "log"]))
    made.refuse(bad, "whether it is a rehearsal is not said", READ, changed(body, rehearsal=None))
    made.refuse(
        "KEY-ORDER",
        "an issuer of small order",
        READ,
        changed(body, issuer="AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="),
    )
    return made.vectors()
