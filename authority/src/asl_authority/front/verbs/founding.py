"""root init and domain create: the host and its domains, founded in the order of a genesis, each as one transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from asl_authority.front.acting import gate_of
from asl_authority.front.given import KEY_FILE_LIMIT, POLICY, REHEARSAL, given_policy, given_public_key
from asl_authority.front.kept import HEAD, STICK
from asl_authority.front.verb import DRY_RUN, Answer, Argument, Call, Verb

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from asl_authority.operations.founding import Founded, Founding
    from asl_authority.operations.gate import Gate
    from asl_authority.operations.genesis import Asked, DomainKeys, NewDomain
    from asl_authority.values.ed25519 import PublicKey, SecretKey
    from asl_authority.values.passphrase import Passphrase
    from asl_authority.values.rootset import RootSet

HOST_SEED = "the host"


class Roots(NamedTuple):
    """The offline roots that will sign: who they are, and how to have their keys once it was confirmed."""

    public: list[PublicKey]
    unlock: Callable[[], list[SecretKey]]


def init(call: Call) -> Answer:
    """The root set of a store, and the host's own domain under it."""
    from asl_authority.front.configuration import expect_sealed_policy
    from asl_authority.operations.genesis import Asked
    from asl_authority.operations.reading import HOST

    gate = gate_of(call)
    roots = _new_root_set(call, rehearsal=gate.rehearsal)
    policy = given_policy(call.path("policy"))
    expect_sealed_policy(call, policy)
    asked = Asked("the host", policy, roots, domain_id=HOST, rehearsal=gate.rehearsal)
    return _prepared(call, gate, asked) or _found(call, gate, asked, _signing(call, roots, rehearsal=gate.rehearsal))


def create(call: Call) -> Answer:
    """One more domain, under the roots that the host has."""
    from asl_authority.errors import UsageError
    from asl_authority.front.kept import expect_known
    from asl_authority.front.store import checked_host
    from asl_authority.operations.genesis import Asked
    from asl_authority.operations.reading import HOST, find_domain
    from asl_authority.storage.disk import HostDisk

    gate, label = gate_of(call), call.values["name"]
    if call.values.get("id") == HOST:
        raise UsageError(f"--id {HOST}: that is the host's own domain")
    policy = given_policy(call.path("policy"))
    trusted = checked_host(call, HostDisk(), rehearsal=gate.rehearsal)
    expect_known(call, find_domain(HostDisk(), call.root, HOST, rehearsal=gate.rehearsal))
    asked = Asked(
        label,
        policy,
        trusted,
        domain_id=call.values.get("id", ""),
        common=call.values.get("common", ""),
        dam_signer=bool(call.values.get("dam_signer")),
        rehearsal=gate.rehearsal,
    )
    return _prepared(call, gate, asked) or _found(call, gate, asked, _signing(call, trusted, rehearsal=gate.rehearsal))


def _prepared(call: Call, gate: Gate, asked: Asked) -> Answer | None:
    """With --prepare everything goes into a directory, without any root's key; None without it. Raises UsageError."""
    from asl_authority.errors import UsageError

    if not call.values.get("prepare"):
        if call.values.get("issuer"):
            raise UsageError("--issuer goes with --prepare", hint="here the first --key issues")
        return None
    from asl_authority.front.verbs.prepared import prepare

    return prepare(call, gate, asked)


def _new_root_set(call: Call, *, rehearsal: bool) -> RootSet:
    """The roots that are named, or, in a rehearsal, those that everybody has. Raises UsageError."""
    from asl_authority.errors import UsageError
    from asl_authority.operations.gate import rehearsal_roots
    from asl_authority.values.rootset import MOST_KEYS, RootSet

    given, threshold = call.values.get("root_key", ()), call.values["threshold"]
    keys = [given_public_key(path) for path in given]
    if not keys and rehearsal:
        keys = [key.public for key in rehearsal_roots(MOST_KEYS)]
    if not 1 <= threshold <= len(keys) <= MOST_KEYS:
        raise UsageError(
            f"--root-key: 1 to {MOST_KEYS} public keys; --threshold: 1 to as many as there are",
            hint="make each with: key new --kind offline-root",
        )
    return RootSet(1, tuple(keys), threshold)


def _signing(call: Call, trusted: RootSet, *, rehearsal: bool) -> Roots:
    """Who signs. Raises Refused for a key that is none of the roots, or when they are too few."""
    from asl_authority.front.verbs.key import public_half
    from asl_authority.operations.gate import rehearsal_roots
    from asl_authority.values.rootset import MOST_KEYS

    paths = call.values.get("key", ())
    if not paths and rehearsal:
        known = [key for key in rehearsal_roots(MOST_KEYS) if trusted.holds(key.public)][: trusted.threshold]
        return _enough(Roots([key.public for key in known], lambda: known), trusted)
    public = [public_half(path) for path in paths]
    return _enough(
        Roots(public, lambda: [unlocked_root(call, *each) for each in zip(paths, public, strict=True)]), trusted
    )


def _enough(roots: Roots, trusted: RootSet) -> Roots:
    """The roots that sign. Raises Refused for a key that is none of the trusted, or when they are too few."""
    from asl_authority.errors import Refused
    from asl_authority.operations.collect import SIGN_KEY

    public = roots.public
    for key in public:
        if not trusted.holds(key):
            raise Refused(f"{key.key_id} is none of the roots: it certifies nothing", check_id=SIGN_KEY)
    if len({key.key_id for key in public}) < max(trusted.threshold, len(public)):
        raise Refused(
            f"{len(public)} roots sign, {trusted.threshold} different ones must",
            hint="--key FILE names the private key of a root, once for each",
            check_id="ROOTSET-QUORUM",
        )
    return roots


def unlocked_root(call: Call, path: Path, public: PublicKey) -> SecretKey:
    """The key of a root at rest. Raises UnlockFailed, Malformed, Refused."""
    from asl_authority.operations.unlock import unlock
    from asl_authority.storage.plain_files import named, read_file
    from asl_authority.values.keyfile import KeyKind

    with named(path):
        return unlock(call.terminal, str(path), read_file(path, KEY_FILE_LIMIT), KeyKind.OFFLINE_ROOT, public)


def _found(call: Call, gate: Gate, asked: Asked, roots: Roots) -> Answer:
    """Prepare, show, have it confirmed, make passphrases, sign, write."""
    from asl_authority.operations.founding import Founding
    from asl_authority.operations.genesis import sign_domain

    drawn = draw(call, gate, asked, roots.public[0])
    expect_place(call, drawn.new)
    if call.dry_run:
        return planned(drawn.new, plan(call, gate, drawn.new, roots.public))
    agree(call, drawn.new)
    opened = roots.unlock()
    passphrase, sealed = seal(call, drawn)
    gate.expect_still_open()
    signed = sign_domain(drawn.new, drawn.keys, opened)
    return write(call, Founding(signed, drawn.keys, sealed, gate, weak_passphrase=passphrase.weak))


class Drawn(NamedTuple):
    """A new domain's keys with what will be signed of it, and where more random bytes come from."""

    random: Callable[[int], bytes]
    keys: DomainKeys
    new: NewDomain


def draw(call: Call, gate: Gate, asked: Asked, issuer: PublicKey) -> Drawn:
    """Its keys, which are in this process from here on. Raises as `prepare_domain`."""
    from asl_authority.front.signing import protect
    from asl_authority.operations.gate import public_random
    from asl_authority.operations.genesis import draw_keys, prepare_domain

    protect(call)
    random = public_random(_seed(asked)) if gate.rehearsal else call.outside.random
    keys = draw_keys(random, dam_signer=asked.dam_signer)
    return Drawn(random, keys, prepare_domain(asked, keys, issuer))


def planned(new: NewDomain, plan: dict[str, object] | None = None) -> Answer:
    """What a dry run says; `plan` is for machines."""
    from asl_authority.operations.confirm import digest_text

    members = {"domain_id": new.domain_id, "shown": new.lines(), "sha256": new.digest.hex(), "dam": new.dam.body.hash}
    return Answer(
        f"{shown(new)}SHA-256 of all that would be signed\n{digest_text(new.digest)}Nothing was done.\n",
        members if plan is None else {**members, "plan": plan},
    )


def plan(
    call: Call, gate: Gate, new: NewDomain, roots: Sequence[PublicKey], *, sealed: Mapping[str, bytes] | None = None
) -> dict[str, object]:
    """What founding it would write, log and have signed. Raises Refused for what it would refuse, Busy, IoFailed."""
    from asl_authority.operations.founding import Founding
    from asl_authority.operations.genesis import DomainKeys
    from asl_authority.operations.plan import plan_founding
    from asl_authority.storage.disk import HostDisk

    founding = _whole(Founding(new, DomainKeys({}), sealed or {}, gate))
    return plan_founding(HostDisk(), call.root, founding, roots)


def expect_place(call: Call, new: NewDomain) -> None:
    """There is room for it in the store and on the stick. Raises UsageError, Refused, Busy, Malformed, IoFailed."""
    from asl_authority.front.kept import expect_free_on_stick
    from asl_authority.front.store import expect_free

    expect_free(call, new.domain_id)
    expect_free_on_stick(call, new.origin, new.domain_id)


def agree(call: Call, new: NewDomain) -> None:
    """A person has seen and confirmed all that will be signed. Raises Aborted."""
    from asl_authority.operations.confirm import confirm

    call.terminal.say(shown(new))
    confirm(call.terminal, f"To be signed: everything of {new.asked.label}", new.digest)


def seal(call: Call, drawn: Drawn) -> tuple[Passphrase, dict[str, bytes]]:
    """The keys at rest under a new passphrase. Raises Aborted, Refused for too little memory."""
    from asl_authority.operations.founding import seal_keys
    from asl_authority.operations.keys import new_passphrase

    names = ", ".join(drawn.keys.by_name)
    call.terminal.say(f"{names}: one passphrase for these keys of {drawn.new.asked.label}\n")
    passphrase = new_passphrase(call.terminal, drawn.random, own=bool(call.values.get("own")))
    call.terminal.say("Sealing the keys, and opening each again; this takes a while.\n")
    return passphrase, seal_keys(drawn.keys, passphrase, drawn.random)


def write(call: Call, founding: Founding) -> Answer:
    """Found it, in the one transaction. Raises as `found_domain`."""
    from asl_authority.front.drill_text import with_drill
    from asl_authority.front.kept import kept_after
    from asl_authority.operations.founding import found_domain
    from asl_authority.operations.genesis import USES
    from asl_authority.operations.reading import find_domain
    from asl_authority.storage.disk import HostDisk
    from asl_authority.storage.domains import create_directories

    disk, asked = HostDisk(), founding.new.asked
    founded = found_domain(disk, create_directories(disk, call.root), _whole(founding))
    answer = founded_answer(asked, founded)
    source = find_domain(disk, call.root, founding.new.domain_id, rehearsal=founding.gate.rehearsal)
    names = [name for name in USES if name in founding.sealed]
    return with_drill(call, kept_after(call, source, answer), founded.domain_id, names, founded.head)


def _whole(founding: Founding) -> Founding:
    """With what the host has besides, and a rehearsal says of its keys."""
    import hashlib
    from dataclasses import replace

    from asl_authority.operations.reading import HOST

    asked = founding.new.asked
    seed = hashlib.sha256(_seed(asked).encode()).hexdigest() if founding.gate.rehearsal else ""
    return replace(founding, seed=seed, files=_host_files(asked.roots) if founding.new.domain_id == HOST else {})


def _seed(asked: Asked) -> str:
    """What a rehearsal's keys follow from."""
    from asl_authority.operations.reading import HOST

    return HOST_SEED if asked.domain_id == HOST else f"domain {asked.label}"


def _host_files(roots: RootSet) -> dict[str, bytes]:
    """What the host has that other domains have not, by path."""
    from asl_authority.operations.reading import HOST
    from asl_authority.values.public_key_file import public_key_file

    keys = enumerate(roots.root_keys, 1)
    files = {f"trusted-roots/root-{number}.pub": public_key_file(key) for number, key in keys}
    return {**files, "host-id": f"{HOST}\n".encode()}


def shown(new: NewDomain) -> str:
    from asl_authority.front import ui

    head = ui.rehearsal_banner() if new.asked.rehearsal else ""
    return head + "".join(f"{ui.plain(line)}\n" for line in new.lines())


def founded_answer(asked: Asked, made: Founded) -> Answer:
    from asl_authority.values.paper_head import paper_head

    head = paper_head(made.head)
    text = (
        f"{made.domain_id}\n  is there: {asked.label}\n"
        f"snapshot of the empty store\n  {made.first_snapshot}\n"
        f"snapshot\n  {made.snapshot}\n"
        f"receipt\n  {made.per_artifact_id}\n"
        f"{len(made.findings)} checks of what was read back, and all of them hold\n"
        "head of its log, for paper\n" + "".join(f"  {line}\n" for line in head.to_text().splitlines())
    )
    members: dict[str, object] = {
        "domain_id": made.domain_id,
        "label": asked.label,
        "rehearsal": asked.rehearsal,
        "snapshots": [made.first_snapshot, made.snapshot],
        "receipt": made.per_artifact_id,
        "head": {"size": made.head.size, "root": made.head.root.hex(), "words": list(head.words)},
    }
    return Answer(text, members)


PREPARE = Argument(
    ("--prepare",), "sign nothing by roots yet: all goes into this new directory, for `domain sign`", "DIR", "path"
)
ISSUER = Argument(("--issuer",), "with --prepare: the root's public key that issues, and so signs", "FILE", "path")
OWN = Argument(("--own",), "a passphrase of your own; without it, one is made of words", kind="flag")
KEY = Argument(
    ("--key",), "a root that signs: NAME.priv.enc, with NAME.pub beside it; once for each", "FILE", "path", many=True
)  # fmt: skip
REAL = (
    " Refused with 4 without an environment claim of this start that is VERIFIED and covers the head (see `claim`). "
    "In a rehearsal the claim says that nothing was measured, keys follow from a public seed, and, unless others are "
    "named, the roots are those that every rehearsal has. With --stick the head of the new log is kept there."
)

LATER = (
    " As many roots as must sign have to be here at once, each by --key; or, with --prepare, they sign what lies in a "
    "directory, in any number of sessions (`domain sign`), and `domain found` founds it from there."
)

INIT = Verb(
    "root init",
    "found a store: its root set, and the host as its first domain",
    "Makes the root set of a store and the host's own domain under it, in the order of a genesis: the empty store is "
    "pinned and claimed, then come keys, certificates by the roots, DAM and receipt, and the store is pinned again. "
    "All of it is there in the end, or nothing: it is written beside its place, read back, checked by every rule, and "
    "only then gets its name. A store that has a host is never touched. Make the roots before, each on a stick of its "
    "own, with `key new --kind offline-root`." + LATER + REAL,
    init,
    (
        POLICY,
        Argument(("--root-key",), "a root's public key; once for each", "FILE", "path", many=True),
        Argument(("--threshold",), "how many of the roots must sign", "N", "number", required=True),
        *(KEY, PREPARE, ISSUER, OWN, STICK, REHEARSAL, DRY_RUN),
    ),
)

CREATE = Verb(
    "domain create",
    "found a domain, from its root key to its first DAM, as one transaction",
    "Draws the domain's keys (root, log, operator; a DAM signer when asked for), shows every key, certificate and the "
    "DAM by digest, and has two words of the digest over all of them typed. Then the roots certify, the root key signs "
    "the DAM, and the domain is written beside its place with log, snapshots, claims and receipt, read back, checked "
    "by every rule, and only then gets its name. Whatever stops it, no half domain is left. Without --id its id is the "
    "key id of its root key; NAME is what people call it. First the host's log is held to its last head, from --stick "
    "or --head; with neither nothing is founded." + LATER + REAL,
    create,
    (
        Argument(("NAME",), "what people call the domain", "NAME", required=True),
        POLICY,
        Argument(("--id",), "an id of your choice: lower case, digits, . _ -", "ID"),
        Argument(("--common",), "the id of the common domain that it refers to", "ID"),
        Argument(("--dam-signer",), "also a key of a delegate that may publish", kind="flag"),
        *(KEY, PREPARE, ISSUER, OWN, STICK, HEAD, REHEARSAL, DRY_RUN),
    ),
)
