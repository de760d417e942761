"""Samples of the sealed list of builders, and of what the root helper answers."""

from __future__ import annotations

import hashlib

from asl_authority.values.readings import Readings
from support.domains import SMALL_ORDER
from support.published import Bad, Good, Vectors, changed
from support.sealed_machine import ALICE, BOB, BUILDERS, CAROL


def digest(text: str) -> str:
    """A digest of something that a text stands for."""
    return hashlib.sha256(text.encode()).hexdigest()


READINGS = Readings({"base": digest("base")}, digest("sums"), digest("iso"), digest("kernel"), digest("initrd"))


def vectors() -> Vectors:
    """The published ones."""
    good, read = BUILDERS.to_bytes(), "builders.read_builders"
    readings, read_them = READINGS.to_bytes(), "readings.read_readings"
    alice, bob, carol = ({"keys": [key.public.text], "name": name} for name, key in KEYS.items())

    def bad(name: str, check_id: str, **members: object) -> Bad:
        return Bad(name, read, changed(good, **members), check_id)

    return Vectors(
        "ENC-ASL-AUTH-HOST/1, builders",
        good=[
            Good("two of three", read, good),
            Good("everything read", read_them, readings),
            Good("nothing could be read", read_them, Readings().to_bytes()),
        ],
        bad=[
            bad("another type", "BUILDERS-SCHEMA", type="asl.builders/2"),
            bad("no threshold", "BUILDERS-SCHEMA", threshold=None),
            bad("an unknown member", "BUILDERS-SCHEMA", comment="x"),
            bad("a builder without a key", "BUILDERS-SCHEMA", builders__0__keys=[]),
            bad("a name that can't be", "BUILDERS-SCHEMA", builders__0__name="Alice"),
            bad("out of order", "BUILDERS-UNIQUE", builders=[bob, alice, carol]),
            bad("a builder twice", "BUILDERS-UNIQUE", builders=[alice, alice, carol]),
            bad("a key twice", "BUILDERS-UNIQUE", builders__0__keys=[ALICE.public.text] * 2),
            bad("a shared key", "BUILDERS-KEYS", builders__1__keys=[ALICE.public.text]),
            bad("no builder, threshold 0", "BUILDERS-THRESHOLD", builders=[], threshold=0),
            bad("a threshold of 0", "BUILDERS-THRESHOLD", threshold=0),
            bad("a threshold of four", "BUILDERS-THRESHOLD", threshold=4),
            bad("a key of small order", "KEY-ORDER", builders__0__keys=[SMALL_ORDER]),
            Bad("half a medium", read_them, changed(readings, kernel=None), "READINGS-SCHEMA"),
            Bad("no roots", read_them, changed(readings, roots=None), "READINGS-SCHEMA"),
        ],
        keys={f"builder {name}": key for name, key in KEYS.items()},
    )


KEYS = {"alice": ALICE, "bob": BOB, "carol": CAROL}
