"""root: the offline roots that everything hangs from; looked at, held together, and followed by others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asl_authority.front.acting import ACTING, ACTS, DOMAIN
from asl_authority.front.given import NEW_FILE, REHEARSAL, ROOT_SET, given_public_key, given_root_set, rehearsal_of
from asl_authority.front.signing import SIGNING
from asl_authority.front.verb import Answer, Argument, Call, Verb
from asl_authority.front.verbs.founding import INIT

if TYPE_CHECKING:
    from asl_authority.operations.artifacts import Loaded
    from asl_authority.values.rootset import RootSet, Rotation

FILE = Argument(
    ("FILE",), "a root set, or a rotation or a ratification or the envelope of one", "FILE", "path", required=True
)
HELD = Argument(("--root-set",), "the root set that is held now, to say what changes", "FILE", "path")


def set_(call: Call) -> Answer:
    """The first root set, in a new file."""
    from asl_authority.errors import Malformed, UsageError
    from asl_authority.front import show as words
    from asl_authority.storage.plain_files import expect_room, write_new
    from asl_authority.values.rootset import MOST_KEYS, RootSet

    path = call.path("output")
    expect_room(path)
    keys = tuple(given_public_key(each) for each in call.values["root_key"])
    try:
        roots = RootSet(1, keys, call.values["threshold"])
    except Malformed as error:
        hint = f"--root-key: 1 to {MOST_KEYS} different public keys; --threshold: 1 to as many as there are"
        raise UsageError(str(error), check_id=error.check_id, hint=hint) from None
    write_new(path, roots.to_bytes())
    text = f"{words.root_set_text(roots)}{path}: the root set, to be handed to everybody who verifies\n"
    return Answer(text, {**_members(roots), "file": str(path)})


def show(call: Call) -> Answer:
    """What is in it, in words."""
    from asl_authority.front import show as words
    from asl_authority.operations.artifacts import form_of, load
    from asl_authority.values import rootset

    path, rehearsal = call.path("file"), rehearsal_of(call)
    kind = _kind_of(call)
    if kind == rootset.KIND.name:
        roots = given_root_set(path)
        return Answer(words.root_set_text(roots), _members(roots))
    if kind == rootset.RATIFICATION.name:
        found = load(path, form_of(rootset.RATIFICATION, rootset.read_ratification, rehearsal=rehearsal))
        text = words.ratification_text(found.body) + words.signatures_text(found.envelope)
        return Answer(text, {"domain_id": found.body.domain_id, "policy_hash": found.body.policy_hash})
    rotation = _rotation(call)
    held = call.values.get("root_set")
    text = words.rotation_text(rotation.body, None if held is None else given_root_set(held))
    members = {"previous": rotation.body.previous, "root_set": rotation.body.new.digest}
    return Answer(text + words.signatures_text(rotation.envelope), members)


def verify(call: Call) -> Answer:
    """Whether a rotation leads from the held set to its own, which is then written; or whether a policy is ratified."""
    from asl_authority.errors import UsageError
    from asl_authority.front.given import verdict
    from asl_authority.operations.artifacts import again
    from asl_authority.storage.plain_files import write_new
    from asl_authority.values.rootset import RATIFICATION, check_rotation

    if _kind_of(call) == RATIFICATION.name:
        return _verify_ratified(call)
    if call.values.get("policy") or call.values.get("domain_id"):
        raise UsageError("--policy and --domain-id: a rotation speaks of neither; they go with a ratification")
    held, rotation = given_root_set(call.path("root_set")), _rotation(call)
    new = rotation.body.new
    findings = [*rotation.findings, *check_rotation(rotation.signed, held)]
    findings += again(rotation.envelope, {*held.root_keys, *new.root_keys})
    answer = verdict(f"from root set {held.version} to {new.version}", findings, root_set=new.digest)
    if (path := call.values.get("output")) is None or not all(finding.ok for finding in findings):
        return answer
    write_new(path, new.to_bytes())
    return Answer(f"{answer.text}{path}: root set {new.version}\n", {**answer.members, "file": str(path)})


def _verify_ratified(call: Call) -> Answer:
    """Whether the roots have ratified this policy, for its domain or for the one that is named."""
    from asl_authority.errors import UsageError
    from asl_authority.front.given import given_policy, verdict
    from asl_authority.operations.artifacts import again, form_of, load
    from asl_authority.values.rootset import RATIFICATION, check_ratified, read_ratification

    if (path := call.values.get("policy")) is None:
        raise UsageError("--policy is missing: which policy is it about?", hint="the domain's own, as it hands it out")
    if call.values.get("output"):
        raise UsageError("--output: a ratification leads to no root set")
    roots, policy = given_root_set(call.path("root_set")), given_policy(path)
    found = load(call.path("file"), form_of(RATIFICATION, read_ratification, rehearsal=rehearsal_of(call)))
    domain_id = call.values.get("domain_id", found.body.domain_id)
    findings = [*found.findings, *check_ratified(found.signed, domain_id, policy.hash, roots)]
    findings += again(found.envelope, roots.root_keys)
    what = f"the ratification of a policy of {found.body.domain_id}"
    return verdict(what, findings, domain_id=found.body.domain_id, policy_hash=found.body.policy_hash)


def rotate(call: Call) -> Answer:
    """Another set after the one that is held."""
    from asl_authority.errors import UsageError
    from asl_authority.front import show as words
    from asl_authority.front.signing import begin, carry_out
    from asl_authority.operations.tasks import rotation_task
    from asl_authority.values.keyfile import KeyKind
    from asl_authority.values.rootset import RootSet

    rehearsal = begin(call)
    held = given_root_set(call.path("root_set"))
    keys = tuple(given_public_key(path) for path in call.values["root_key"])
    if not 1 <= call.values["threshold"] <= len(keys):
        raise UsageError(f"--threshold: 1 to {len(keys)}, as many as there are keys")
    new = RootSet(held.version + 1, keys, call.values["threshold"])
    task = rotation_task(held, new, rehearsal=rehearsal)
    return carry_out(call, task, words.rotation_text(task.artifact.body, held), KeyKind.OFFLINE_ROOT)


def adopt(call: Call) -> Answer:
    """The host of a store goes over to a rotation's roots."""
    from asl_authority.front import show as words
    from asl_authority.front.acting import act, gate_of, standing_of
    from asl_authority.front.reading import is_rehearsal
    from asl_authority.operations.root_acts import adopt_act
    from asl_authority.storage.domains import HOST

    gate = gate_of(call)
    rotation = _rotation(call, rehearsal=is_rehearsal(call)).signed
    standing = standing_of(call, HOST)
    shown = words.rotation_text(rotation.body, standing.report.authority.roots)
    return act(call, gate, standing, adopt_act(standing, rotation, shown.splitlines()))


def follow(call: Call) -> Answer:
    """A domain comes after its host."""
    from asl_authority.errors import Damaged
    from asl_authority.front.acting import act, gate_of, standing_of
    from asl_authority.operations.domain_reading import host_chain
    from asl_authority.operations.root_acts import follow_act

    gate = gate_of(call)
    standing = standing_of(call, call.values["domain"])
    host = host_chain(standing.source.disk, standing.store, rehearsal=standing.rehearsal)
    if host is None:
        raise Damaged(
            "the host has no root sets, or one that does not follow from the one before",
            hint="see: domain check host",
            check_id="ROOTS-FOLLOW",
        )
    return act(call, gate, standing, follow_act(standing, host))


def _members(roots: RootSet) -> dict[str, object]:
    ids = [key.key_id for key in roots.root_keys]
    return {"root_set": roots.digest, "set": roots.version, "threshold": roots.threshold, "key_ids": ids}


def _kind_of(call: Call) -> str:
    """The name of the kind that a file says it is of; the reader of that kind says whether it is."""
    from asl_authority.errors import Malformed
    from asl_authority.operations.artifacts import kind_name
    from asl_authority.values import rootset

    path = call.path("file")
    kinds = (rootset.KIND, rootset.ROTATION, rootset.RATIFICATION)
    name = kind_name(path, kinds)
    if name not in [kind.name for kind in kinds]:
        words = ", ".join(kind.type for kind in kinds)
        raise Malformed(f"{path}: none of {words}", check_id=rootset.KIND.schema_id)
    return name


def _rotation(call: Call, *, rehearsal: bool | None = None) -> Loaded[Rotation]:
    from asl_authority.operations.artifacts import form_of, load
    from asl_authority.values.rootset import ROTATION, read_rotation

    asked = rehearsal_of(call) if rehearsal is None else rehearsal
    return load(call.path("file"), form_of(ROTATION, read_rotation, rehearsal=asked))


VERBS = (
    INIT,
    Verb(
        "root set",
        "write the first root set of offline roots to a file",
        "Makes root set 1 of the public keys given, shows the keys with their ids and the digest of the set, and "
        "writes it to a new file: what --root-set takes, for verifying and signing where there is no store. The order "
        "of the keys says nothing: the same keys and threshold are the same bytes, wherever they are put together, and "
        "the very set that `root init` founds a store with. A later set comes by `root rotate` only.",
        set_,
        (
            Argument(
                ("--root-key",), "the public key of a root; once for each", "FILE", "path", required=True, many=True
            ),
            Argument(("--threshold",), "how many of them must sign", "N", "number", required=True),
            Argument(
                ("--output",), "where it goes; a file that is there is never overwritten", "FILE", "path", required=True
            ),
        ),
    ),
    Verb(
        "root show",
        "show a root set, or what follows it",
        "Shows the keys of an offline root set with their ids in groups and words, how many of them must sign, and the "
        "digest of the set; or a rotation with what it changes, or a ratification of a policy. Nothing is verified by "
        "looking: see `root verify`.",
        show,
        (FILE, HELD, REHEARSAL),
    ),
    Verb(
        "root verify",
        "say whether a rotation of the roots holds, or a ratification of theirs",
        "Holds a rotation against the root set that is trusted now: it goes out from that set, counts one further, and "
        "as many keys of the old set and of the new one have signed as each demands; every signature is verified by "
        "two implementations. With --output the new set is written when all of it holds. A ratification is held to the "
        "policy of --policy, and to the domain of --domain-id where that is given. Ends with 3 when not.",
        verify,
        (
            FILE,
            ROOT_SET,
            NEW_FILE,
            Argument(("--policy",), "with a ratification: the policy, its edited text or its JSON", "FILE", "path"),
            Argument(("--domain-id",), "with a ratification: the domain that it must be of", "ID"),
            REHEARSAL,
        ),
    ),
    Verb(
        "root rotate",
        "have one root set follow another",
        "Makes the rotation from the root set that is held to one of the keys given, and collects signatures over it: "
        "as many of the old keys as the old threshold says and of the new ones as the new. Sign here with --key, or "
        "write the bytes to sign with --payload and bring the signature back with --add-signature; --so-far has the "
        "envelope of the session before. Everything is shown and checked before a key is opened.",
        rotate,
        (
            ROOT_SET,
            Argument(
                ("--root-key",), "a public key of the new set; once for each", "FILE", "path", required=True, many=True
            ),
            Argument(("--threshold",), "how many of the new set must sign", "N", "number", required=True),
            *SIGNING,
        ),
    ),
    Verb(
        "root adopt",
        "have the host of a store follow a rotation of its roots",
        "Holds a rotation, as `root rotate` makes it, against the root set that the host has: it goes out from that "
        "set, and the old threshold and the new one have signed. Then it becomes a record of the host's, with the new "
        "set and its keys, and with the head of every domain: whatever comes into a domain's log from there on is held "
        "to the new roots, so that those that were retired certify nothing any more. What they certified before stays "
        "valid. Each domain then comes after it by `root follow`." + ACTS,
        adopt,
        (Argument(("FILE",), "the signed rotation", "FILE", "path", required=True), *ACTING),
    ),
    Verb(
        "root follow",
        "have a domain follow the roots of its host",
        "Brings the rotations that the host has adopted into a domain's own log, by as many root sets as it is behind. "
        "Until then the domain holds, and `domain check` says which set it follows." + ACTS,
        follow,
        (DOMAIN, *ACTING),
    ),
)
