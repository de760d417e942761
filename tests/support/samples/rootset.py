"""Samples of offline roots: sets, a rotation, a ratification, and what is wrong with others."""

from __future__ import annotations

import json

from asl_authority.values import rootset
from asl_authority.values.rootset import Ratification, RootSet, Rotation
from asl_authority.values.signed import unsigned
from support.domains import DOMAIN, POLICY, ROOTS, SMALL_ORDER, Cases, secret
from support.published import Vectors, changed

SET = "rootset.read_root_set"
ROTATION = "rootset.read_rotation"
RATIFICATION = "rootset.read_ratification"


def vectors() -> Vectors:
    """The published ones."""
    made = Cases("ASL/OFFLINE-ROOT-TRUST/1")
    made.keys |= {"root 1", "root 2", "root 3", "root 4"}
    body = ROOTS.to_bytes()
    made.add("two of three", SET, body)
    made.add("one of one", SET, RootSet(1, (secret("root 1").public,), 1).to_bytes())
    new = RootSet(2, tuple(secret(f"root {n}").public for n in (1, 2, 4)), 2)
    rotation = unsigned(rootset.ROTATION, Rotation(ROOTS.digest, new))
    held = {"root_set": body.decode()}
    skipping = unsigned(rootset.ROTATION, Rotation(ROOTS.digest, RootSet(3, new.root_keys, 2)))
    for name, artifact, signers, fails in (
        ("both sets signed", rotation, (1, 3, 4), ()),
        ("the old set did not sign", rotation, (1, 4), ("ROTATION-OLD-SIGNED",)),
        ("the new set did not sign", rotation, (1, 3), ("ROTATION-NEW-SIGNED",)),
        ("a version is left out", skipping, (1, 2), ("ROTATION-VERSION",)),
    ):
        names = [f"root {n}" for n in signers]
        made.add_signed(name, ROTATION, artifact, *names, against=held, fails=list(fails))
    later = {"root_set": new.to_bytes().decode()}
    both = ["ROTATION-PREVIOUS", "ROTATION-VERSION"]
    made.add_signed("from another set", ROTATION, rotation, "root 1", "root 2", against=later, fails=both)
    word = unsigned(rootset.RATIFICATION, Ratification(DOMAIN, POLICY.hash))
    this = {"domain_id": DOMAIN, "policy": POLICY.to_bytes().decode(), **held}
    other = {**this, "domain_id": "other.example"}
    made.add_signed("a policy", RATIFICATION, word, "root 1", "root 2", against=this, fails=[])
    made.add_signed("for another", RATIFICATION, word, "root 1", "root 2", against=other, fails=["POLICY-RATIFIED"])
    made.add_signed("by one root", RATIFICATION, word, "root 2", against=this, fails=["ROOTSET-QUORUM"])
    keys = json.loads(body)["root_keys"]
    made.refuse("ROOT-SET-SCHEMA", "no threshold", SET, changed(body, threshold=None))
    made.refuse("ROOT-SET-SCHEMA", "version 0", SET, changed(body, version=0))
    made.refuse("ROOT-SET-SCHEMA", "a version of more than 32 bits", SET, changed(body, version=2**32))
    made.refuse("ROOTSET-SIZE", "no keys", SET, changed(body, root_keys=[]))
    four = sorted((*keys, secret("root 4").public.text))
    made.refuse("ROOTSET-SIZE", "four keys", SET, changed(body, root_keys=four))
    made.refuse("ROOTSET-KEYS-UNIQUE", "a key twice", SET, changed(body, root_keys=[keys[0], *keys[:2]]))
    made.refuse("ROOTSET-KEYS-UNIQUE", "keys out of order", SET, changed(body, root_keys=keys[::-1]))
    made.refuse("ROOTSET-THRESHOLD", "a threshold of 0", SET, changed(body, threshold=0))
    made.refuse("ROOTSET-THRESHOLD", "more than there are keys", SET, changed(body, threshold=4))
    made.refuse("ROOTSET-RESERVED", "reserved0 is 1", SET, changed(body, reserved0=1))
    made.refuse("KEY-ORDER", "a key of small order", SET, changed(body, root_keys=[SMALL_ORDER, *keys[1:]]))
    made.refuse("ROOT-SET-SCHEMA", "a short key", SET, changed(body, root_keys=["AAAA"]))
    said = rotation.body.to_bytes()
    set_of_2 = {**json.loads(new.to_bytes()), "type": "asl.root-set/2"}
    made.refuse("ROOT-ROTATION-SCHEMA", "the new set is of another type", ROTATION, changed(said, new=set_of_2))
    made.refuse("ROOT-ROTATION-SCHEMA", "no old set", ROTATION, changed(said, previous=None))
    slash = changed(word.body.to_bytes(), domain_id="a/b")
    made.refuse("POLICY-RATIFICATION-SCHEMA", "a slash in the domain", RATIFICATION, slash)
    return made.vectors()
