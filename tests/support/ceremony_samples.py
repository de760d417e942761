"""A ceremony with a step of every kind, as text, and a record of it with an event of every kind."""

from __future__ import annotations

from asl_authority.values.ceremony import read_ceremony
from asl_authority.values.ceremony_record import Event, Happened, HeadSeen, Record

TEXT = """\
title: A short one
version: 2
rehearsal: true
seed: short
people:
  - {name: Ada, role: operator}
  - {name: Ben, role: witness}
assertions:
  - {network: absent}
  - {claim: VERIFIED}
  - {store: absent}
  - {file: policy.yaml, sha256: %s}
steps:
  - title: The seal
    minutes: 1
    say: |
      DO    Look at it.
      IF    it is broken
      THEN  GO TO 4
    check: It is whole.
  - title: The policy
    minutes: 2
    run: [policy, hash, policy.yaml]
  - title: Aloud
    minutes: 3
    read_aloud: 2
  - title: Another bag
    minutes: 4
    deviation: The bag is another one than last time.
  - title: The policy once more
    minutes: 5
    run: [policy, check, policy.yaml, --against, "${2.policy_hash}"]
""" % ("ab" * 32)
CEREMONY = read_ceremony(TEXT.encode())
DIGEST = CEREMONY.digest.hex()

EVENTS = (
    Event(Happened.BEGUN, ceremony=DIGEST),
    Event(Happened.DONE, 1, people=("Ben",)),
    Event(Happened.STARTED, 2),
    Event(Happened.FAILED, 2, status=4, check_id="CLAIM-MISSING"),
    Event(Happened.ABORTED, 2),
    Event(Happened.CONTINUED),
    Event(Happened.STARTED, 2),
    Event(
        Happened.DONE,
        2,
        status=0,
        confirmed=("cd" * 32,),
        digests=(("policy_hash", "01" * 32), ("policy_hash", "ef" * 32)),
        outputs=(("out/policy.json", "23" * 32),),
        head=HeadSeen(7, "45" * 32, "credit move"),
    ),
    Event(Happened.DONE, 3, people=("Ada", "Ben")),
    Event(Happened.DEVIATION, 4, what="Another bag.", why="The old one tore.", people=("Ada", "Ben"), goes_on=True),
    Event(Happened.STARTED, 5),
    Event(Happened.DONE, 5, status=0),
    Event(Happened.ENDED),
)


def written(*events: Event, rehearsal: bool = True) -> tuple[Record, bytes]:
    """The record of these events, and its bytes."""
    record, data = Record(rehearsal), b""
    for event in events:
        record, line = record.with_event(event)
        data += line
    return record, data
