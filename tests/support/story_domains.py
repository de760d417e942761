"""The store that stories do something in: a rehearsal's host and a domain, me.example, with keys that everybody has."""

from __future__ import annotations

from pathlib import Path

from asl_authority.operations.founding import Founding, found_domain
from asl_authority.operations.gate import Gate, public_random, rehearsal_gate, rehearsal_roots
from asl_authority.operations.genesis import USES, Asked, DomainKeys, draw_keys, prepare_domain, sign_domain
from asl_authority.operations.reading import HOST
from asl_authority.storage.domains import create_directories
from asl_authority.values.ed25519 import SecretKey
from asl_authority.values.keyfile import RANDOM_BYTES, seal_key
from asl_authority.values.policy_text import TEMPLATE, read_policy_text
from asl_authority.values.public_key_file import public_key_file
from asl_authority.values.rootset import RootSet
from support.domains import DOMAIN
from support.story_store import QuickDisk

POLICY = read_policy_text(TEMPLATE.encode())
PASSPHRASE = "a test's own passphrase"
LABELS = {HOST: "the host", DOMAIN: "Me"}
# The store's place in a story's folder, and that of its keys at rest, which cost too much to be made for every test.
STORE, KEYS = "rehearsed", "rehearsed-keys"


def make_rehearsed(here: Path) -> None:
    """Make the store from the keys at rest in `here`."""
    (here / STORE).mkdir()
    make_domains(here / STORE, here / KEYS, rehearsal_gate())


def make_domains(root: Path, sealed_keys: Path, gate: Gate) -> None:
    """Found the host and a domain in the directory `root`, as a rehearsal or, under its gate, for real."""
    roots, rehearsal = rehearsal_roots(3), gate.rehearsal
    trusted = RootSet(1, tuple(key.public for key in roots), 2)
    disk = QuickDisk()
    store = create_directories(disk, root)
    for domain_id, label in LABELS.items():
        keys = _keys(domain_id)
        asked = Asked(label, POLICY, trusted, domain_id=domain_id, rehearsal=rehearsal)
        new = sign_domain(prepare_domain(asked, keys, roots[0].public), keys, roots[:2])
        sealed = {name: (sealed_keys / f"{domain_id}-{name}.priv.enc").read_bytes() for name in keys.by_name}
        files = {"host-id": f"{HOST}\n".encode()} if domain_id == HOST else {}
        if domain_id == HOST:
            named = enumerate(trusted.root_keys, 1)
            files |= {f"trusted-roots/root-{number}.pub": public_key_file(key) for number, key in named}
        found_domain(disk, store, Founding(new, keys, sealed, gate, files=files))


def make_keys(folder: Path) -> None:
    """Write the keys at rest."""
    folder.mkdir(exist_ok=True)
    for domain_id in LABELS:
        for name, key in _keys(domain_id).by_name.items():
            random = public_random(f"at rest {domain_id} {name}")(RANDOM_BYTES)
            data = seal_key(key, PASSPHRASE, USES[name].kind, random)
            (folder / f"{domain_id}-{name}.priv.enc").write_bytes(data)


def rehearsed_key(domain_id: str, name: str) -> SecretKey:
    """A key of the store's, by the name that it has in its domain: everybody knows them."""
    return _keys(domain_id).by_name[name]


def _keys(domain_id: str) -> DomainKeys:
    return draw_keys(public_random(f"stories, {domain_id}"), dam_signer=False)


if __name__ == "__main__":
    make_keys(Path(__file__).parents[1] / "authority/stories/files" / KEYS)
