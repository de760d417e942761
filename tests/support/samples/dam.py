"""Samples of DAMs: with principals, with a scope, with nobody, and what is wrong with others."""

from __future__ import annotations

import json

from asl_authority.values import dam as dams
from asl_authority.values.roles import Role
from asl_authority.values.signed import unsigned
from support.domains import SMALL_ORDER, Cases, dam, secret
from support.published import Vectors, changed

READ = "dam.read_dam"


def vectors() -> Vectors:
    """The published ones."""
    made = Cases("ASL/DAM/1")
    made.keys |= {"operator", "auditor"}
    made.add_signed("two principals", READ, unsigned(dams.KIND, dam().body), "domain root")
    scoped = dam(version=7, scope=(Role.PUBLISH, Role.AUDIT)).body
    made.add_signed("a scope of two roles", READ, unsigned(dams.KIND, scoped), "domain root")
    made.add_signed("nobody", READ, unsigned(dams.KIND, dam(principals=()).body), "domain root")
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
