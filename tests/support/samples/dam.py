"""Samples of DAMs: with principals, with a scope, with nobody, and what is wrong with others."""

from __future__ import annotations

import json
from dataclasses import replace

from asl_authority.values import dam as dams
from asl_authority.values.roles import Role
from asl_authority.values.signed import unsigned
from support.domains import POLICY, ROOTS, SMALL_ORDER, Cases, certificate, dam, secret
from support.published import Vectors, changed

READ = "dam.read_dam"


def vectors() -> Vectors:
    """The published ones."""
    made = Cases("ASL/DAM/1")
    made.keys |= {"operator", "auditor"}
    with_this = {
        "root_set": ROOTS.to_bytes().decode(),
        "certificates": [certificate().to_bytes().decode()],
        "policy": POLICY.to_bytes().decode(),
    }
    pinned = {**with_this, "pinned": dam(version=7).body.to_bytes().decode()}
    nobody = {**with_this, "certificates": []}
    another = {**with_this, "policy": replace(POLICY, version=2).to_bytes().decode()}
    scoped = dam(version=7, scope=(Role.PUBLISH, Role.AUDIT)).body
    for name, body_, signer, against, fails in (
        ("two principals", dam().body, "domain root", with_this, ()),
        ("a scope of two roles", scoped, "domain root", with_this, ()),
        ("nobody", dam(principals=()).body, "domain root", with_this, ()),
        ("a later version", dam(version=8).body, "domain root", pinned, ()),
        ("the same version", dam(version=7).body, "domain root", pinned, ("DAM-VERSION",)),
        ("signed by a root", dam().body, "root 1", with_this, ("DAM-SIGNATURE",)),
        ("nobody certified the root key", dam().body, "domain root", nobody, ("DAM-ROOT-CERTIFIED",)),
        ("another policy", dam().body, "domain root", another, ("POLICY-HASH-EQUAL",)),
    ):
        made.add_signed(name, READ, unsigned(dams.KIND, body_), signer, against=against, fails=list(fails))
    body = dam().body.to_bytes()
    people = json.loads(body)["principals"]
    first = people[0]
    made.refuse("DAM-SCHEMA", "no policy hash", READ, changed(body, policy_hash=None))
    made.refuse("DAM-SCHEMA", "version 0", READ, changed(body, version=0))
    made.refuse("DAM-SCHEMA", "an unknown member", READ, changed(body, expires=1))
    made.refuse("DAM-SCHEMA", "another paper's type", READ, changed(body, type="asl.certificate/1"))
    upper = changed(body, domain_id="Me.example")
    made.refuse("DAM-SCHEMA", "upper case in the domain", READ, upper)
    unknown = [{**first, "roles": ["rule"]}, people[1]]
    made.refuse("DAM-SCHEMA", "an unknown role", READ, changed(body, principals=unknown))
    made.refuse("DAM-SCHEMA", "a scope out of order", READ, changed(body, scope=["publish", "audit"]))
    made.refuse("DAM-PRINCIPALS-UNIQUE", "principals out of order", READ, changed(body, principals=people[::-1]))
    made.refuse("DAM-PRINCIPALS-UNIQUE", "a principal twice", READ, changed(body, principals=[first, first]))
    wrong = [{**first, "principal_id": "ff" * 32}]
    made.refuse("DAM-PRINCIPAL-ID", "another key's id", READ, changed(body, principals=wrong))
    made.refuse("DAM-PRINCIPAL-ROLES", "no role", READ, changed(body, principals=[{**first, "roles": []}]))
    root = secret("domain root").public
    twice = [{"principal_id": root.key_id, "public_key": root.text, "roles": ["execute"]}]
    made.refuse("DAM-ROOT-APART", "the root key as a principal", READ, changed(body, principals=twice))
    made.refuse("DAM-SCOPE", "an empty scope", READ, changed(body, scope=[]))
    made.refuse("KEY-ORDER", "a root key of small order", READ, changed(body, root_key=SMALL_ORDER))
    return made.vectors()
