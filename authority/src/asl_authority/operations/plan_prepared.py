"""What preparing a genesis would leave in its directory, and what a session of its roots would sign and add, as data.

Told as operations/plan.py tells the rest: twice, with signatures that are none, and null for what depends on them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from asl_authority.operations.genesis import NewDomain, key_names
from asl_authority.operations.plan import FILLINGS, Asked, common, pretender
from asl_authority.operations.prepared import PreparedGenesis, files_of, payload_name, prepare_genesis, signature_name
from asl_authority.operations.root_sessions import signature_files
from asl_authority.values.dsse import payload_type_of
from asl_authority.values.ed25519 import SIGNATURE_BYTES, PublicKey
from asl_authority.values.levels import Level, key_name

Plan = dict[str, object]


def plan_prepare(new: NewDomain, issuer: PublicKey) -> Plan:
    """The files of the new directory, what each root must sign then, and what the domain's own root key signs now."""
    first, second = (_tried(new, issuer, Asked(filling)) for filling in FILLINGS)
    return {name: common(value, second[name]) for name, value in first.items()}


def plan_session(prepared: PreparedGenesis, signers: Sequence[PublicKey]) -> Plan:
    """What these roots would sign that they have not signed yet, and the new files of it."""
    tasks, roots = prepared.tasks(), prepared.new.asked.roots.root_keys
    waiting = [
        (name, task, key)
        for key in signers
        for name, task in tasks.items()
        if key.key_id not in {each.key_id for each in task.artifact.envelope.signatures}
    ]
    signatures = [
        {
            "key": key_name(Level.ROOT),
            "key_id": key.key_id,
            "signs": payload_type_of(task.message),
            "sha256": hashlib.sha256(task.message).hexdigest(),
        }
        for _, task, key in waiting
    ]
    files: list[Plan] = [
        {"path": signature_name(name, roots.index(key) + 1), "sha256": None, "size": SIGNATURE_BYTES}
        for name, _, key in waiting
    ]
    return {"files": files, **_waiting(prepared), "signatures": signatures}


def plan_brought(before: PreparedGenesis, after: PreparedGenesis) -> Plan:
    """The new files of signatures that were made elsewhere; nothing is signed here."""
    known = signature_files(before)
    new = {name: data for name, data in signature_files(after).items() if name not in known}
    return {"files": _files(new), **_waiting(after), "signatures": []}


def _tried(new: NewDomain, issuer: PublicKey, asked: Asked) -> Plan:
    rehearsal = new.asked.rehearsal
    root = pretender("root", new.dam.body.root_key, asked, rehearsal=rehearsal)
    names = key_names(dam_signer=new.asked.dam_signer)
    # Another each time: how long a key at rest will be, and what passphrase a person takes, is not known before.
    sealed = {name: name.encode() * asked.filling for name in names}
    signed = replace(new, dam=new.dam.signed_by(root))
    prepared = prepare_genesis(signed, issuer, sealed, weak_passphrase=asked.filling != FILLINGS[0])
    return {"files": _files(files_of(prepared)), **_waiting(prepared), "signatures": asked.signatures}


def _waiting(prepared: PreparedGenesis) -> Plan:
    """What the roots sign, each all of it, and who has signed it; the roots in the order of their set."""
    roots = prepared.new.asked.roots
    payloads: Iterable[Plan] = (
        {
            "name": payload_name(name),
            "sha256": hashlib.sha256(task.message).hexdigest(),
            "signed_by": sorted(each.key_id for each in task.artifact.envelope.signatures),
        }
        for name, task in prepared.tasks().items()
    )
    return {
        "payloads": list(payloads),
        "roots": [key.key_id for key in roots.root_keys],
        "threshold": roots.threshold,
        "issuer": prepared.issuer.key_id,
    }


def _files(files: Mapping[str, bytes]) -> list[Plan]:
    return [
        {"path": name, "sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}
        for name, data in sorted(files.items())
    ]
