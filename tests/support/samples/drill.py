"""Samples of records of recovery drills, and what is wrong with others."""

from __future__ import annotations

from dataclasses import replace

from asl_authority.values.drill import Drill, Method, SharesUsed
from asl_authority.values.keyfile import KeyKind
from support.domains import Cases, secret
from support.published import Vectors, changed

READ = "drill.read_drill"
DRILL = Drill(
    key_id=secret("log").public.key_id,
    key_kind=KeyKind.LOG,
    key_file="11" * 32,
    method=Method.SHARES,
    shares=SharesUsed("22" * 32, 2, 3, (1, 3)),
    persons=("Alice", "Bob"),
    failed=(),
    rehearsal=False,
)


def vectors() -> Vectors:
    """The published ones."""
    made = Cases("ASL/AUTH-HOST/1, recovery drills")
    body = DRILL.to_bytes()
    alone = replace(DRILL, method=Method.PASSPHRASE, shares=None, persons=("Alice",))
    failed = replace(DRILL, shares=SharesUsed("22" * 32, 2, 3, (3,)), failed=("DRILL-OPENS",))
    made.add("by shares", READ, body)
    made.add("by passphrase", READ, alone.to_bytes())
    made.add("one that failed, with one share", READ, failed.to_bytes())
    made.add("in a rehearsal", READ, replace(alone, rehearsal=True).to_bytes())
    made.refuse("DRILL-SCHEMA", "when it was held", READ, changed(body, date="2026-01-01"))
    made.refuse("DRILL-SCHEMA", "no file", READ, changed(body, key_file=None))
    made.refuse("DRILL-SCHEMA", "another method", READ, changed(body, method="luck"))
    made.refuse("DRILL-SCHEMA", "persons not sorted", READ, changed(body, persons=["Bob", "Alice"]))
    made.refuse("DRILL-SCHEMA", "a person with a control character", READ, changed(body, persons=["A\tB"]))
    made.refuse("DRILL-SCHEMA", "a share's words", READ, changed(body, shares__used=["academic"]))
    made.refuse("DRILL-SCHEMA", "true for a share's number", READ, changed(body, shares__used=[True, 3]))
    made.refuse("DRILL-SCHEMA", "a check that has no id", READ, changed(body, failed=["it failed"], result="failed"))
    made.refuse("DRILL-PERSONS", "nobody there", READ, changed(body, persons=[]))
    made.refuse("DRILL-SHARES", "by shares, and none named", READ, changed(body, shares=None))
    made.refuse("DRILL-SHARES", "by passphrase, with shares", READ, changed(body, method="passphrase"))
    made.refuse("DRILL-SHARES", "one share too few", READ, changed(body, shares__used=[1]))
    made.refuse("DRILL-SHARES", "a share twice", READ, changed(body, shares__used=[3, 3]))
    made.refuse("DRILL-SHARES", "shares out of order", READ, changed(body, shares__used=[3, 1]))
    made.refuse("DRILL-SHARES", "a share that there is not", READ, changed(body, shares__used=[1, 4]))
    made.refuse("DRILL-SHARES", "more needed than there are", READ, changed(body, shares__threshold=4))
    made.refuse(
        "DRILL-SHARES", "one that failed, with too many", READ, changed(failed.to_bytes(), shares__used=[1, 2, 3])
    )
    made.refuse("DRILL-RESULT", "passed, and a check failed", READ, changed(failed.to_bytes(), result="passed"))
    made.refuse("DRILL-RESULT", "failed, and no check did", READ, changed(body, result="failed"))
    return made.vectors()
