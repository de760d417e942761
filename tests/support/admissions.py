"""Applications for tests: of a domain that lies in the store, and of one under roots that nobody here knows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from asl_authority.operations.act import Done, Standing, carry_out
from asl_authority.operations.admission import Ruling, decide_act, hear
from asl_authority.operations.applications import Application
from asl_authority.operations.gate import rehearsal_gate
from asl_authority.operations.genesis import Asked, DomainKeys, draw_keys, prepare_domain, sign_domain
from asl_authority.operations.reading import HOST
from asl_authority.storage.disk import Disk
from asl_authority.values import admission
from asl_authority.values.admission import AdmissionRequest, Decision, Terms
from asl_authority.values.ed25519 import SecretKey
from asl_authority.values.roles import Role
from asl_authority.values.rootset import RootSet
from asl_authority.values.signed import unsigned
from support import acts
from support.acts import ME, standing_in
from support.genesis import POLICY, known_random
from support.story_store import QuickDisk

STRANGER = "stranger.example"
SCOPE = (Role.PRODUCE, Role.AUDIT)
FOREIGN_KEY = SecretKey(known_random("a root of somebody else")(32))
FOREIGN = RootSet(1, (FOREIGN_KEY.public,), 1)
LIMITED = Ruling(Decision.ACCEPTED_LIMITED, terms=Terms(epochs=2, quota_bytes=1 << 20))


def stand(root: Path, domain_id: str = ME, *, sound: bool = True, disk: Disk | None = None) -> Standing:
    """A domain of the store at `root`, held to every rule; nobody waits for the disk."""
    return acts.stand(root, domain_id, sound=sound, disk=disk or QuickDisk())


def request_id(number: int) -> str:
    """The id of a request."""
    return f"00000000-0000-0000-0000-{number:012x}"


def local(standing: Standing, number: int = 1, receiver: str = HOST, **asked: Any) -> Application:
    """What a domain of the store sends; `asked` replaces members of its request."""
    authority = standing.report.authority
    whole = {"requested_scope": SCOPE, "dam_hash": authority.dam.hash, "domain_id": standing.domain_id, **asked}
    body = AdmissionRequest(request_id(number), receiver, **whole)
    signed = unsigned(admission.REQUEST, body, rehearsal=True).signed_by(standing_in(standing)["root"])
    return Application(signed, authority.dams[-1].dam, authority.policy, authority.certificates, authority.roots)


def stranger_keys() -> DomainKeys:
    """The keys of the domain of another store."""
    return draw_keys(known_random("a stranger"), dam_signer=False)


def foreign(number: int = 1, receiver: str = HOST, domain_id: str = STRANGER, **asked: Any) -> Application:
    """What a domain of another store sends, with its own roots, which are trusted for it."""
    keys = stranger_keys()
    wanted = Asked("a stranger", POLICY, FOREIGN, domain_id=domain_id, rehearsal=True)
    new = sign_domain(prepare_domain(wanted, keys, FOREIGN_KEY.public), keys, [FOREIGN_KEY])
    whole = {"requested_scope": SCOPE, "dam_hash": new.dam.body.hash, "domain_id": domain_id, **asked}
    body = AdmissionRequest(request_id(number), receiver, **whole)
    signed = unsigned(admission.REQUEST, body, rehearsal=True).signed_by(keys.by_name["root"])
    return Application(signed, new.dam, POLICY, new.certificates, FOREIGN)


def decide(
    root: Path, sent: Application, ruling: Ruling, receiver: str = HOST, known_root: str = "", disk: Disk | None = None
) -> Done:
    """The decision, recorded by the receiver."""
    standing = stand(root, receiver, disk=disk)
    return done(standing, decide_act(hear(standing, sent, known_root), ruling))


def done(standing: Standing, asked: Any) -> Done:
    """The operation, carried out."""
    return carry_out(standing, asked, rehearsal_gate(), standing_in(standing))


def admitted(root: Path, ruling: Ruling, number: int = 1) -> Done:
    """me.example, admitted by the host."""
    standing = stand(root)
    known = standing.report.authority.dam.root_key.key_id
    return decide(root, local(standing, number), ruling, known_root=known)
