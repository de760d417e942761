"""A prepared genesis: all of a new domain in a directory of its own, where it waits for the roots' signatures.

The directory is written whole, and nothing in it is believed: certificates, DAM and what is to be signed are made again
from requests, policy and roots each time that it is read, and every signature is verified by two implementations.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from asl_authority.errors import Malformed, Refused, UsageError
from asl_authority.operations import collect
from asl_authority.operations.collect import SIGN_KEY, SIGN_READ_BACK, Task
from asl_authority.operations.genesis import USES, Asked, NewDomain, assemble_domain, check_possession
from asl_authority.operations.tasks import certificate_task
from asl_authority.storage import durable
from asl_authority.storage.disk import Disk
from asl_authority.storage.plain_directory import read_files, write_new_directory
from asl_authority.storage.plain_files import named
from asl_authority.values import dam as dams
from asl_authority.values import request as requests
from asl_authority.values.certificate import Certificate
from asl_authority.values.dam import read_dam
from asl_authority.values.ed25519 import SIGNATURE_BYTES, PublicKey
from asl_authority.values.policy import read_policy
from asl_authority.values.prepared import LIMITS, PreparedIndex, expect_files, expect_follows, read_prepared_index
from asl_authority.values.public_key_file import public_key_file
from asl_authority.values.request import read_request
from asl_authority.values.rootset import RootSet, read_root_set
from asl_authority.values.signed import read_signed

INDEX = "prepared.json"
MOST_BYTES = 1 << 20
_MAY_LACK = "dam-signer"


@dataclass(frozen=True)
class PreparedGenesis:
    """A new domain that waits for signatures, with those that there are; its private keys at rest, by name."""

    new: NewDomain
    issuer: PublicKey
    sealed: Mapping[str, bytes]
    weak_passphrase: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """The names of its keys, in the order of requests and certificates."""
        return tuple(name for name in USES if name in self.sealed)

    def tasks(self) -> dict[str, Task[Certificate]]:
        """What the roots sign, by the name of the key that is certified. Raises Refused when the issuer is no root."""
        asked, found = self.new.asked, {}
        for name, request, certificate in zip(self.names, self.new.requests, self.new.certificates, strict=True):
            task = certificate_task(request, self.issuer, asked.roots, asked.policy, (), rehearsal=asked.rehearsal)
            found[name] = replace(task, artifact=certificate)
        return found

    def with_tasks(self, tasks: Mapping[str, Task[Certificate]]) -> PreparedGenesis:
        """With the signatures of these tasks."""
        return replace(self, new=replace(self.new, certificates=tuple(tasks[name].artifact for name in self.names)))


def prepare_genesis(
    new: NewDomain, issuer: PublicKey, sealed: Mapping[str, bytes], *, weak_passphrase: bool
) -> PreparedGenesis:
    """A new domain whose DAM is signed, for its directory: its id is said there, wherever it came from."""
    named_new = replace(new, asked=replace(new.asked, domain_id=new.domain_id))
    return PreparedGenesis(named_new, issuer, sealed, weak_passphrase)


def payload_name(name: str) -> str:
    """The file with the exact bytes that a root signs to certify a key."""
    return f"cert-{name}.payload"


def signature_name(name: str, root: int) -> str:
    """The file of a root's signature; roots are counted as in the root set, from 1."""
    return f"cert-{name}.root-{root}.signature"


def issuer_of(roots: RootSet, named: PublicKey | None) -> PublicKey:
    """The root that issues, and so must sign. Raises Refused for another key, UsageError when it has to be said."""
    if named is None and roots.threshold < len(roots.root_keys):
        raise UsageError(
            "--issuer is missing: which of the roots issues, and so signs in any case?",
            hint=f"{roots.threshold} of {len(roots.root_keys)} roots must sign, and one of them is this one",
        )
    issuer = named or roots.root_keys[0]
    if not roots.holds(issuer):
        raise Refused(f"{issuer.key_id} is none of the roots: it issues nothing", check_id=SIGN_KEY)
    return issuer


def write_prepared(disk: Disk, path: Path, prepared: PreparedGenesis) -> None:
    """Write it as a new directory, and read that. Raises Refused, Malformed when it was not kept, IoFailed."""
    _expect_possession(prepared.new)
    write_new_directory(disk, path, files_of(prepared))
    if load_prepared(disk, path, rehearsal=prepared.new.asked.rehearsal) != prepared:
        raise Malformed(f"{path} does not hold what was prepared: use another medium", check_id=SIGN_READ_BACK)


def load_prepared(disk: Disk, path: Path, *, rehearsal: bool) -> PreparedGenesis:
    """What a directory holds, with every signature verified.

    Raises Refused for what is no prepared genesis, or one that is not finished or a rehearsal's, Malformed for one that
    was changed, UsageError, IoFailed.
    """
    index = _index(disk, path, rehearsal=rehearsal)
    found = read_files(disk, path, index.files, MOST_BYTES)
    with named(path):
        expect_files(index, {name: hashlib.sha256(data).hexdigest() for name, data in found.items()})
        prepared = _assembled(index, found)
        _expect_possession(prepared.new)
    return _with_signature_files(disk, path, prepared)


def _index(disk: Disk, path: Path, *, rehearsal: bool) -> PreparedIndex:
    if not disk.is_directory(path):
        raise UsageError(f"{path}: no such directory", check_id="PATH-MISSING")
    data = read_files(disk, path, [INDEX], LIMITS.size).get(INDEX)
    if data is None or durable.is_part(path.name):
        raise Refused(
            f"{path}: no prepared genesis, or one whose preparing was interrupted",
            hint=f"its {INDEX} is written last; prepare it again, into a new directory",
            check_id="PREPARED-FILES",
        )
    with named(path / INDEX):
        index = read_prepared_index(data)
    if index.rehearsal and not rehearsal:
        raise Refused(
            f"{path}: a rehearsal's, which nothing real accepts",
            hint="go on by --rehearsal",
            check_id="REHEARSAL-APART",
        )
    if rehearsal and not index.rehearsal:
        raise UsageError(f"{path}: real, and no rehearsal's", hint="leave --rehearsal away", check_id="REHEARSAL-APART")
    return index


def _assembled(index: PreparedIndex, found: Mapping[str, bytes]) -> PreparedGenesis:
    """All that follows, made again and held to what lies there. Raises Malformed, Refused."""
    names = tuple(name for name in USES if name in index.keys)
    if set(index.keys) != set(names) or {*names, _MAY_LACK} != set(USES):
        raise Malformed("the keys are not those of a domain", check_id="PREPARED-GENESIS-SCHEMA")
    wanted = {"policy.json", "root-set.json", "dam.json.sig", *(f"request-{name}.json.sig" for name in names)}
    wanted |= {f"{name}.priv.enc" for name in names}
    if missing := sorted(wanted - found.keys()):
        raise Malformed(f"{missing[0]} is not in the index", check_id="PREPARED-FILES")
    asked = Asked(
        index.label,
        read_policy(found["policy.json"]),
        read_root_set(found["root-set.json"]),
        domain_id=index.domain_id,
        common=index.common,
        dam_signer=_MAY_LACK in names,
        rehearsal=index.rehearsal,
    )
    rehearsal = index.rehearsal
    asks = {
        name: read_signed(found[f"request-{name}.json.sig"], requests.KIND, read_request, rehearsal=rehearsal)
        for name in names
    }
    new = assemble_domain(asked, asks, index.issuer)
    dam = read_signed(found["dam.json.sig"], dams.KIND, read_dam, rehearsal=rehearsal)
    sealed = {name: found[f"{name}.priv.enc"] for name in names}
    prepared = PreparedGenesis(replace(new, dam=dam), index.issuer, sealed, index.weak_passphrase)
    expect_follows(_made(PreparedGenesis(new, index.issuer, sealed)), found)
    if dam.body != new.dam.body or prepared.new.digest.hex() != index.digest:
        raise Malformed("the DAM that is signed, or what was confirmed, is another", check_id="PREPARED-FOLLOWS")
    return prepared


def _with_signature_files(disk: Disk, path: Path, prepared: PreparedGenesis) -> PreparedGenesis:
    tasks = prepared.tasks()
    for number, key in enumerate(prepared.new.asked.roots.root_keys, 1):
        for name, task in tasks.items():
            file = signature_name(name, number)
            found = read_files(disk, path, [file], SIGNATURE_BYTES)
            if file in found:
                with named(path / file):
                    tasks[name] = collect.with_signature(task, key, found[file])
    return prepared.with_tasks(tasks)


def files_of(prepared: PreparedGenesis) -> dict[str, bytes]:
    """Everything in the order in which it is written: the index last, so that without it nothing counts."""
    new, asked = prepared.new, prepared.new.asked
    files = _made(prepared) | {"dam.json.sig": new.dam.to_bytes()}
    for name, request in zip(prepared.names, new.requests, strict=True):
        files |= {f"request-{name}.json.sig": request.to_bytes(), f"{name}.priv.enc": prepared.sealed[name]}
    index = PreparedIndex(
        asked.label,
        new.domain_id,
        prepared.issuer,
        tuple(sorted(prepared.names)),
        new.digest.hex(),
        {name: hashlib.sha256(data).hexdigest() for name, data in sorted(files.items())},
        asked.common,
        asked.rehearsal,
        prepared.weak_passphrase,
    )
    return {**files, INDEX: index.to_bytes()}


def _made(prepared: PreparedGenesis) -> dict[str, bytes]:
    """The files that follow from requests, policy and roots."""
    new, asked = prepared.new, prepared.new.asked
    files = {
        "policy.json": asked.policy.to_bytes(),
        "root-set.json": asked.roots.to_bytes(),
        "dam.json": new.dam.body.to_bytes(),
    }
    for name, certificate in zip(prepared.names, new.certificates, strict=True):
        files[f"{name}.pub"] = public_key_file(certificate.body.subject_pubkey)
        files[f"cert-{name}.json"] = certificate.body.to_bytes()
        files[payload_name(name)] = certificate.envelope.message()
    return files


def _expect_possession(new: NewDomain) -> None:
    for finding in check_possession(new):
        if not finding.ok:
            raise Malformed(f"not signed as it must be: {finding.detail}", check_id=finding.check_id)
