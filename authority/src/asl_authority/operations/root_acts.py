"""Root sets follow each other in a store: the host brings a rotation in, and each of its domains comes after it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

from asl_authority.errors import Damaged, Refused, UsageError
from asl_authority.operations.act import Act, Bench, Made, Standing, expect_sound
from asl_authority.operations.domain_check import check_domain
from asl_authority.operations.domain_reading import read_domain
from asl_authority.operations.pieces import Piece
from asl_authority.operations.root_chain import RootChain
from asl_authority.operations.twice import verified_elsewhere
from asl_authority.storage import layout
from asl_authority.storage.domains import HOST, domain_ids
from asl_authority.values.canonical import canonical_bytes
from asl_authority.values.head import Head
from asl_authority.values.log_record import RecordType
from asl_authority.values.public_key_file import public_key_file
from asl_authority.values.rootset import RootSet, Rotation, check_rotation
from asl_authority.values.signed import Signed


def adopt_act(standing: Standing, rotation: Signed[Rotation], shown: Sequence[str]) -> Act:
    """The host follows its roots. `shown` says what changes, for a person.

    With it goes the head of every domain: what a domain's log has after that is held to the new set, so that nothing
    of the retired roots' can be slipped in. Raises UsageError elsewhere than in the host, Refused by the first rule
    that the rotation breaks, Damaged, IoFailed.
    """
    if standing.domain_id != HOST:
        raise UsageError("it is the host that brings a rotation in", hint=f"then: root follow {standing.domain_id}")
    held, new = standing.report.authority.roots, rotation.body.new
    _expect_follows(rotation, held)
    _expect_sound(standing)
    heads = _heads(standing)
    envelope = rotation.to_bytes()
    files = _files(rotation) | _new_keys(held, new)
    members = {domain_id: head.members() for domain_id, head in heads.items()}
    lines = [*shown, f"domains of this host, each with the head that is pinned: {len(heads)}"]
    lines += [line for domain_id, head in heads.items() for line in (f"  {domain_id}", f"    {head.size} {head.root}")]
    parameters = {"operation": "root-adopt", "rotation": _sha256(rotation.body.to_bytes()), "heads": members}

    def make(bench: Bench) -> Made:
        if _heads(standing) != heads:
            raise Refused("a domain's log has grown since this was shown", hint="do it again", check_id="CLAIM-COVERS")
        facts = {"root_set": new.digest, "previous": held.digest, **({"heads": members} if members else {})}
        entry = bench.put(Piece(RecordType.ROOT_SET, files, (envelope,), facts))
        inputs = (_sha256(envelope), _sha256(rotation.body.to_bytes()))
        return Made((entry,), inputs, again=frozenset({new.digest}))

    what = f"root set {new.version} follows {held.version}"
    return Act("root-adopt", what, tuple(lines), canonical_bytes(parameters), make)


def follow_act(standing: Standing, host: RootChain) -> Act:
    """A domain follows its host's roots, by as many sets as it is behind. Raises UsageError, Refused when it is not."""
    if standing.domain_id == HOST:
        raise UsageError("the host goes first", hint="bring a rotation into it by: root adopt ROTATION")
    held = standing.report.authority.roots
    place = host.place_of(held)
    links = () if place is None else host.links[place + 1 :]
    rotations = [link.rotation for link in links if link.rotation is not None]
    if not rotations:
        raise Refused(
            f"{standing.domain_id} goes back to root set {held.version}, as the host does: nothing is left",
            check_id="ROOTS-BACK",
        )
    before = held
    for rotation in rotations:
        _expect_follows(rotation, before)
        before = rotation.body.new
    digests = [_sha256(each.body.to_bytes()) for each in rotations]
    lines = [f"{standing.domain_id} follows the roots of the host"]
    lines += [
        f"root set {link.roots.version}: {link.roots.threshold} of {len(link.roots.root_keys)}\n  {link.roots.digest}"
        for link in links
    ]
    parameters = {"operation": "root-follow", "domain_id": standing.domain_id, "rotations": digests}

    def make(bench: Bench) -> Made:
        entries, previous = [], held
        for each in rotations:
            facts = {"root_set": each.body.new.digest, "previous": previous.digest}
            entries.append(bench.put(Piece(RecordType.ROOT_SET, _files(each), (each.to_bytes(),), facts)))
            previous = each.body.new
        inputs = (*digests, *(_sha256(each.to_bytes()) for each in rotations))
        return Made(tuple(entries), inputs, again=frozenset(each.body.new.digest for each in rotations))

    what = f"root set {before.version} follows {held.version}"
    shown = tuple("\n".join(lines).split("\n"))
    return Act("root-follow", what, shown, canonical_bytes(parameters), make)


def _expect_follows(rotation: Signed[Rotation], held: RootSet) -> None:
    keys = {*held.root_keys, *rotation.body.new.root_keys}
    for finding in (*check_rotation(rotation, held), *verified_elsewhere(rotation.envelope, keys)):
        if not finding.ok:
            raise Refused(
                f"the rotation does not lead from root set {held.version}: {finding.detail}",
                hint="nothing was changed; see: root verify ROTATION --root-set HELD",
                check_id=finding.check_id,
            )


def _files(rotation: Signed[Rotation]) -> dict[str, bytes]:
    new = rotation.body.new
    name = layout.rotation_name(new.version)
    return {
        layout.root_set_name(new.version): new.to_bytes(),
        name: rotation.body.to_bytes(),
        f"{name}.sig": rotation.to_bytes(),
    }


def _new_keys(held: RootSet, new: RootSet) -> dict[str, bytes]:
    """The public keys that came: what was there stays, for what it certified."""
    numbered = enumerate(new.root_keys, 1)
    named = {layout.trusted_root_name(new.version, number): key for number, key in numbered}
    return {name: public_key_file(key) for name, key in named.items() if not held.holds(key)}


def _expect_sound(standing: Standing) -> None:
    """Every domain holds, so that no head is pinned which nobody can stand by. Raises Damaged, Malformed, IoFailed."""
    disk, store, rehearsal = standing.source.disk, standing.store, standing.rehearsal
    trusted = standing.report.authority.roots
    for domain_id in domain_ids(disk, store):
        paths = store.domain(domain_id)
        expect_sound(check_domain(disk, store, paths, domain_id, trusted=trusted, rehearsal=rehearsal), domain_id)


def _heads(standing: Standing) -> Mapping[str, Head]:
    """The head of every domain of the store, as the key of its log has signed it. Raises Damaged, IoFailed."""
    disk, store = standing.source.disk, standing.store
    found = {}
    for domain_id in domain_ids(disk, store):
        reading, _ = read_domain(disk, store, store.domain(domain_id), domain_id, rehearsal=standing.rehearsal)
        signed = reading.reader.heads.signed
        if signed is None:
            raise Damaged(f"{domain_id}: nobody has signed a head of its log", check_id="LOG-SIGNED")
        found[domain_id] = Head(signed[0].size, signed[0].root.hex())
    return found


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
