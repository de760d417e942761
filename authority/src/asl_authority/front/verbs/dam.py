"""dam: write, compare, sign and verify a domain's authority manifest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asl_authority.front.given import (
    CERTIFICATES,
    NEW_FILE,
    POLICY,
    REHEARSAL,
    ROOT_SET,
    ROTATIONS,
    given_certificates,
    given_dam,
    given_policy,
    given_public_key,
    given_root_set,
    rehearsal_of,
    written,
)
from asl_authority.front.signing import SIGNING
from asl_authority.front.verb import Answer, Argument, Call, Verb
from asl_authority.front.verbs.dam_acts import PUBLISH, ROTATE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from asl_authority.operations.artifacts import Loaded
    from asl_authority.operations.root_chain import Court
    from asl_authority.values.dam import Dam
    from asl_authority.values.finding import Finding
    from asl_authority.values.signed import Signed

FILE = Argument(("FILE",), "a DAM or its envelope", "FILE", "path", required=True)
PROOF = Argument(("--proof",), "the proof that the domain's log has it, as published: dam-N.tlog-proof", "FILE", "path")
RECORD = Argument(("--record",), "with --proof: the record of that log, as published: dam-N.record", "FILE", "path")
SNAPSHOT = Argument(
    ("--snapshot",), "the list of a snapshot that has it, its .meta beside: snapshot-ID.blocks", "FILE", "path"
)
PINNED = Argument(("--pinned",), "the DAM of the domain so far; none is given for its first", "FILE", "path")


def new(call: Call) -> Answer:
    """The text to start from, with what is known filled in."""
    from asl_authority.errors import UsageError
    from asl_authority.values.dam_text import dam_template
    from asl_authority.values.identifiers import DOMAIN_ID

    pinned, key_path, policy_path = (call.values.get(name) for name in ("pinned", "public_key", "policy"))
    if pinned is not None and call.values.get("domain"):
        raise UsageError("--pinned or --domain: the DAM in a file, or the one in force in the store")
    last = _in_force(call) if pinned is None else given_dam(pinned, rehearsal=rehearsal_of(call))
    key = given_public_key(key_path) if key_path else last.root_key if last else None
    policy_hash = given_policy(policy_path).hash if policy_path else last.policy_hash if last else "?"
    domain_id = call.values.get("domain_id") or (last.domain_id if last else key.key_id if key else "?")
    if domain_id != "?" and not DOMAIN_ID.fullmatch(domain_id):
        raise UsageError(f"--domain-id {domain_id[:60]!a}: 1 to 128 of a-z, 0-9, dot, dash and underline")
    text = dam_template(domain_id, key, policy_hash, last)
    more = f"edit it, then: {call.program} dam check {call.values.get('output')}"
    return written(call, text.encode(), more)


def _in_force(call: Call) -> Dam | None:
    """The DAM of the domain of --domain, where that is given."""
    from asl_authority.front.acting import standing_of

    domain_id = call.values.get("domain")
    return None if domain_id is None else standing_of(call, domain_id).report.dam


def check(call: Call) -> Answer:
    """The canonical body of a text, and its digest."""
    from asl_authority.front import show as words
    from asl_authority.storage.plain_files import named, read_file, write_new
    from asl_authority.values.dam import KIND
    from asl_authority.values.dam_text import read_dam_text

    path = call.path("file")
    with named(path):
        dam = read_dam_text(read_file(path, KIND.limits.size))
    text = words.dam_text(dam) + words.digest_rows("SHA-256 of the DAM", dam.hash)
    members: dict[str, object] = {"sha256": dam.hash, "dam": dam.to_bytes().decode()}
    output = call.values.get("output")
    if output is None:
        return Answer(text, members)
    write_new(output, dam.to_bytes())
    return Answer(f"{text}{output}: the body, to be signed\n", {**members, "file": str(output)})


def show(call: Call) -> Answer:
    """What is in it, in words."""
    from asl_authority.front import show as words

    found = _dam(call, "file", rehearsal_of(call))
    text = words.dam_text(found.body) + words.digest_rows("SHA-256 of the DAM", found.body.hash)
    return Answer(
        text + words.signatures_text(found.envelope),
        {"sha256": found.body.hash, "dam": found.body.to_bytes().decode()},
    )


def diff(call: Call) -> Answer:
    """From one to the other."""
    from asl_authority.errors import Refused
    from asl_authority.front import show as words
    from asl_authority.values.dam import check_version
    from asl_authority.values.dam_diff import diff_dams

    rehearsal = rehearsal_of(call)
    old, new = _dam(call, "old", rehearsal).body, _dam(call, "new", rehearsal).body
    if old.domain_id != new.domain_id:
        raise Refused(f"{old.domain_id} and {new.domain_id} are two domains", check_id="DAM-VERSION")
    found = diff_dams(old, new)
    later = check_version(new, old)
    warning = "" if later.ok else f"WARNING {later.check_id}: {later.detail}: it can not follow\n"
    text = words.dam_diff_text(old, new, found) + words.digest_rows("SHA-256 of the new DAM", new.hash) + warning
    changed = [name for name in ("version", "root_key", "policy_hash", "scope") if getattr(found, name) is not None]
    members = {
        "changed": changed,
        "added": [each.principal_id for each in found.added],
        "removed": [each.principal_id for each in found.removed],
        "roles_changed": [each.after.principal_id for each in found.changed],
        "before": old.hash,
        "after": new.hash,
    }
    return Answer(text, members)


def verify(call: Call) -> Answer:
    """Every rule of a DAM."""
    from asl_authority.front.given import given_chain, verdict
    from asl_authority.operations.artifacts import again
    from asl_authority.operations.root_chain import check_certified, courts_without_log, judged
    from asl_authority.values.dam import check_dam

    rehearsal = rehearsal_of(call)
    found = _dam(call, "file", rehearsal)
    (chain, led), policy = given_chain(call), given_policy(call.path("policy"))
    certificates = given_certificates(call.values["certificate"], rehearsal=rehearsal)
    courts, keys = courts_without_log(certificates, chain), chain.keys
    pinned = call.values.get("pinned")
    last = None if pinned is None else given_dam(pinned, rehearsal=rehearsal)
    findings = [*found.findings, *led]
    findings += judged(courts, lambda certs, roots: check_dam(found.signed, certs, roots, policy, last))
    findings += again(found.envelope, [found.body.root_key])
    for each in certificates:
        findings += again(each.envelope, keys)
        findings += [check_certified(each, chain)] if call.values.get("rotation") else []
    findings += _referred(call, found.signed)
    findings += _recorded(call, found.signed, courts, rehearsal=rehearsal)
    what = f"the DAM of {found.body.domain_id}, version {found.body.version}"
    return verdict(what, findings, sha256=found.body.hash)


def _referred(call: Call, dam: Signed[Dam]) -> Sequence[Finding]:
    """With --snapshot, whether a snapshot of its domain refers to it. Raises Malformed, UsageError."""
    listed = call.values.get("snapshot")
    if listed is None:
        return ()
    # Most DAMs are verified without it, and a start should cost what it uses.
    from asl_authority.operations.snapshot_check import check_referred
    from asl_authority.storage.plain_files import named, read_file
    from asl_authority.values.snapshot import KIND, MOST_BYTES, read_blocks, read_snapshot

    with named(listed):
        blocks = read_blocks(read_file(listed, MOST_BYTES))
    meta = listed.with_suffix(".meta")
    with named(meta):
        snapshot = read_snapshot(read_file(meta, KIND.limits.size))
    return check_referred(dam, snapshot, blocks, listed.stem.removeprefix("snapshot-"))


def _recorded(call: Call, dam: Signed[Dam], courts: Sequence[Court], *, rehearsal: bool) -> Sequence[Finding]:
    """With --proof and --record, whether the domain's log has it. Raises UsageError for one of them, Malformed."""
    proof, record = call.values.get("proof"), call.values.get("record")
    if proof is None and record is None:
        return ()
    from asl_authority.errors import UsageError
    from asl_authority.operations.log_check import MOST_PROOF, MOST_RECORD, check_dam_recorded
    from asl_authority.operations.root_chain import judged
    from asl_authority.storage.plain_files import named, read_file
    from asl_authority.values.checkpoint import read_log_proof

    if proof is None or record is None:
        raise UsageError("--proof and --record go together", hint="`dam publish` writes both beside the DAM")
    with named(proof):
        read = read_log_proof(read_file(proof, MOST_PROOF))
    with named(record):
        data = read_file(record, MOST_RECORD)
        return judged(
            courts, lambda certs, roots: check_dam_recorded(dam, data, read, certs, roots, rehearsal=rehearsal)
        )


def sign(call: Call) -> Answer:
    """The domain's root key signs it, here or elsewhere."""
    from asl_authority.errors import Refused
    from asl_authority.front import show as words
    from asl_authority.front.signing import begin, carry_out
    from asl_authority.operations.tasks import dam_task
    from asl_authority.storage.plain_files import named, read_file
    from asl_authority.values.dam import KIND
    from asl_authority.values.dam_diff import diff_dams
    from asl_authority.values.dam_text import read_dam_text
    from asl_authority.values.keyfile import KeyKind

    rehearsal = begin(call)
    path, pinned = call.path("file"), call.values.get("pinned")
    with named(path):
        body = read_dam_text(read_file(path, KIND.limits.size))
    last = None if pinned is None else given_dam(pinned, rehearsal=rehearsal)
    if last is None and body.version > 1:
        raise Refused(
            f"version {body.version} follows another DAM",
            hint="name that with --pinned: what is signed is the difference to it",
            check_id="DAM-VERSION",
        )
    task = dam_task(
        body,
        given_certificates(call.values["certificate"], rehearsal=rehearsal),
        given_root_set(call.path("root_set")),
        given_policy(call.path("policy")),
        last,
        rehearsal=rehearsal,
    )
    same_domain = last is not None and last.domain_id == body.domain_id
    shown = words.dam_diff_text(last, body, diff_dams(last, body)) if last and same_domain else words.dam_text(body)
    first = "" if last else "This is the domain's first DAM: none is pinned.\n"
    return carry_out(call, task, first + shown, KeyKind.DOMAIN_ROOT)


def _dam(call: Call, name: str, rehearsal: bool) -> Loaded[Dam]:
    from asl_authority.operations.artifacts import form_of, load
    from asl_authority.values.dam import KIND, read_dam

    return load(call.path(name), form_of(KIND, read_dam, rehearsal=rehearsal))


VERBS = (
    Verb(
        "dam new",
        "write a DAM to start from, with comments",
        "Writes a DAM as text with a comment on every line that needs one. What options say is filled in; with "
        "--pinned or --domain it is the next one of that domain, with the same principals. What is left open is a "
        "question mark, which `dam check` refuses by its place.",
        new,
        (
            Argument(("--domain-id",), "the domain; the id of its root key when not given", "ID"),
            Argument(("--public-key",), "the domain's root key", "FILE", "path"),
            Argument(("--policy",), "the domain's policy", "FILE", "path"),
            PINNED,
            Argument(("--domain",), "a domain of the store: the next DAM after the one in force", "ID"),
            NEW_FILE,
            REHEARSAL,
        ),
    ),
    Verb(
        "dam check",
        "make the canonical body of a DAM's text",
        "Reads the edited text, refuses every unknown, missing or doubtful line by name, shows what it says, and "
        "prints the SHA-256 of the one canonical body, which --output writes. Sort nothing: principals and roles "
        "are sorted for you.",
        check,
        (Argument(("FILE",), "the edited text, or a body", "FILE", "path", required=True), NEW_FILE),
    ),
    Verb(
        "dam show",
        "show a DAM",
        "Shows who may do what in a domain, with whole keys and their ids in groups and words, and who has signed. "
        "Nothing is verified by looking: see `dam verify`.",
        show,
        (FILE, REHEARSAL),
    ),
    Verb(
        "dam diff",
        "show what changes from one DAM to another",
        "Shows every difference from OLD to NEW: version, root key, policy, scope, and each principal that comes, goes "
        "or changes, with whole keys. What is not named is the same.",
        diff,
        (
            Argument(("OLD",), "the DAM before", "OLD", "path", required=True),
            Argument(("NEW",), "the DAM after", "NEW", "path", required=True),
            REHEARSAL,
        ),
    ),
    Verb(
        "dam verify",
        "say whether a DAM holds",
        "Holds a DAM against the root set, the domain's certificates and its policy: signed by its own root key, which "
        "the roots have certified for this domain, naming the policy that the certificate names, and later than the "
        "pinned one. Every signature is verified by two implementations. With --proof and --record, as `dam publish` "
        "writes them, also whether the domain's log has it: that record names this DAM, and lies under a checkpoint "
        "that a log key has signed which the roots certify. With --snapshot, whether a snapshot of its domain refers "
        "to it: has its envelope. Where the roots were rotated, --rotation leads from the "
        "set that you hold to the newest one; each certificate is held to every set on that way, and it is said which "
        "one certified it. Ends with 3 when a rule is broken.",
        verify,
        (FILE, ROOT_SET, ROTATIONS, CERTIFICATES, POLICY, PINNED, PROOF, RECORD, SNAPSHOT, REHEARSAL),
    ),
    Verb(
        "dam sign",
        "have a domain's root key sign its DAM",
        "Shows the difference to the pinned DAM, checks every rule with a throw-away key, and then signs the very same "
        "bytes: here with --key, after two words of their digest were typed, or on another machine with --payload and "
        "--add-signature. The signature is verified by two implementations, written, read back, and verified again.",
        sign,
        (
            Argument(("FILE",), "the text or the body to be signed", "FILE", "path", required=True),
            ROOT_SET,
            CERTIFICATES,
            POLICY,
            PINNED,
            *(each for each in SIGNING if each.name != "so_far"),
        ),
    ),
    ROTATE,
    PUBLISH,
)
