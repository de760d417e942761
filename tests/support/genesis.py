"""New domains for tests: prepared and signed with keys that everybody knows, ready to be written to any disk."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from asl_authority.operations.founding import Founded, Founding, found_domain
from asl_authority.operations.gate import Gate, rehearsal_gate
from asl_authority.operations.genesis import (
    Asked,
    DomainKeys,
    draw_keys,
    prepare_domain,
    sign_domain,
    sign_manifest,
)
from asl_authority.operations.prepared import PreparedGenesis, prepare_genesis
from asl_authority.operations.reading import HOST
from asl_authority.operations.root_sessions import expect_complete
from asl_authority.storage.disk import Disk
from asl_authority.storage.domains import create_directories
from asl_authority.storage.layout import StorePaths
from asl_authority.values import age
from asl_authority.values.ed25519 import SecretKey
from asl_authority.values.policy_text import TEMPLATE, read_policy_text
from asl_authority.values.public_key_file import public_key_file
from asl_authority.values.rootset import RootSet

POLICY = read_policy_text(TEMPLATE.encode())
PASSPHRASE = "known to everybody"
# What a guesser would pay is not tried here, and would take minutes.
CHEAP = 4


def known_random(name: str) -> Callable[[int], bytes]:
    """Bytes that look random and are the same for the same name."""
    count = iter(range(1 << 20))
    return lambda size: hashlib.shake_256(f"never use: {name} {next(count)}".encode()).digest(size)


ROOT_KEYS = tuple(SecretKey(known_random(f"root {number}")(32)) for number in (1, 2, 3))
ROOTS = RootSet(1, tuple(key.public for key in ROOT_KEYS), 2)


def sealed(keys: DomainKeys, random: Callable[[int], bytes]) -> dict[str, bytes]:
    """The keys at rest, cheaply."""
    return {
        name: age.seal(key.pkcs8, PASSPHRASE, CHEAP, random(age.RANDOM_BYTES)) for name, key in keys.by_name.items()
    }


def founding(name: str, gate: Gate | None = None, **asked: Any) -> Founding:
    """A new domain of a rehearsal, signed by two of three roots; the same for the same name."""
    random = known_random(name)
    whole = Asked(label=name, policy=POLICY, roots=ROOTS, **{"rehearsal": True, **asked})
    keys = draw_keys(random, dam_signer=whole.dam_signer)
    prepared = prepare_domain(whole, keys, ROOT_KEYS[0].public)
    new = sign_domain(prepared, keys, ROOT_KEYS[:2])
    trusted = {f"trusted-roots/root-{n}.pub": public_key_file(key) for n, key in enumerate(ROOTS.root_keys, 1)}
    files = trusted if whole.domain_id == HOST else {}
    return Founding(new, keys, sealed(keys, random), gate or rehearsal_gate(), files=files)


def prepared(name: str, **asked: Any) -> PreparedGenesis:
    """The same new domain as `founding` has, prepared for its roots, who have not signed yet."""
    random = known_random(name)
    whole = Asked(label=name, policy=POLICY, roots=ROOTS, **{"rehearsal": True, **asked})
    keys = draw_keys(random, dam_signer=whole.dam_signer)
    new = sign_manifest(prepare_domain(whole, keys, ROOT_KEYS[0].public), keys)
    return prepare_genesis(new, ROOT_KEYS[0].public, sealed(keys, random), weak_passphrase=False)


def founding_of(whole: PreparedGenesis, **more: Any) -> Founding:
    """A prepared and signed genesis, ready to be written; its private keys are drawn again."""
    keys = draw_keys(known_random(whole.new.asked.label), dam_signer=whole.new.asked.dam_signer)
    return Founding(expect_complete(whole), keys, whole.sealed, rehearsal_gate(), **more)


def founded(disk: Disk, root: Path, name: str = "me", **asked: Any) -> tuple[StorePaths, Founded]:
    """A store with the host and one more domain."""
    store = create_directories(disk, root)
    found_domain(disk, store, founding("the host", domain_id=HOST))
    return store, found_domain(disk, store, founding(name, **asked))
