"""admit: ask to be admitted by a domain, judge who asks, decide, and show how a domain stands to others."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from asl_authority.front.acting import ACTING, ACTS, act, gate_of, standing_of
from asl_authority.front.given import REHEARSAL
from asl_authority.front.reading import domain_of, reads
from asl_authority.front.signing import SIGNING
from asl_authority.front.verb import Answer, Argument, Call, Verb
from asl_authority.front.verbs.cert import ROLES

if TYPE_CHECKING:
    from asl_authority.operations.act import Standing
    from asl_authority.values.admission import AdmissionRequest, Terms
    from asl_authority.values.roles import Role

DECISIONS = ("ACCEPTED", "ACCEPTED_LIMITED", "DEFERRED", "REJECTED")
RECEIVER = Argument(("--domain",), "the domain that is asked (default: the host)", "ID")
REQUEST = Argument(("REQUEST",), "the signed request", "REQUEST", "path", required=True)
LEASE = (
    Argument(("--epochs",), "a courtesy lease: for so many decisions of the receiver", "N", "number"),
    Argument(("--quota-bytes",), "how many bytes the store of the domain may have meanwhile", "N", "number"),
)
SENT = (
    REQUEST,
    Argument(("--dam",), "the DAM that the request names", "FILE", "path"),
    Argument(("--certificate",), "a certificate of the domain; once for each", "FILE", "path", many=True),
    Argument(("--policy",), "the domain's policy: the edited text or its JSON", "FILE", "path"),
    Argument(("--root-set",), "the offline roots that are trusted for it (default: this store's)", "FILE", "path"),
    RECEIVER,
)
LIES_HERE = (
    " What a domain of this store sends besides its request is taken from there; for any other one --dam, "
    "--certificate and --policy name it, and --root-set the roots that it goes back to."
)


def request(call: Call) -> Answer:
    """What a domain asks for, as a body, or signed by its root key."""
    from asl_authority.errors import UsageError
    from asl_authority.front.given import given_dam, rehearsal_of
    from asl_authority.front.signing import WAYS, begin, carry_out
    from asl_authority.operations.tasks import admission_task
    from asl_authority.storage.plain_files import write_new
    from asl_authority.values.admission import AdmissionRequest
    from asl_authority.values.keyfile import KeyKind

    ways = [way for way in WAYS if call.values.get(way)]
    rehearsal = begin(call) if ways else rehearsal_of(call)
    if ways != ["key"] and ways and not call.values.get("request_id"):
        raise UsageError("--request-id is missing: both calls make the same request", hint="any UUID that is new")
    dam = given_dam(call.path("dam"), rehearsal=rehearsal)
    receiver = _domain_id(call.values["receiver"], "--receiver")
    asked = AdmissionRequest(_request_id(call), receiver, dam.domain_id, dam.hash, _scope(call), _terms(call))
    shown = _asked_text(asked)
    if ways:
        return carry_out(call, admission_task(asked, dam, rehearsal=rehearsal), shown, KeyKind.DOMAIN_ROOT)
    members: dict[str, object] = {"request": asked.to_bytes().decode(), "request_id": asked.request_id}
    path = call.values.get("output")
    if path is None or call.dry_run:
        return Answer(shown, members)
    write_new(path, asked.to_bytes())
    more = "not signed yet: the same again with --request-id and --key, or --payload and --add-signature\n"
    return Answer(f"{shown}{path}: the request\n{more}", {**members, "file": str(path)})


def apply_(call: Call) -> Answer:
    """A domain of this store asks; what it asks goes to --output too."""
    from asl_authority.operations.admission import apply_act
    from asl_authority.operations.twice import envelope_beside
    from asl_authority.storage.plain_files import expect_room

    gate, domain_id = gate_of(call), _domain_id(call.values["domain"], "DOMAIN")
    receiver = _domain_id(call.values.get("receiver", "host"), "--receiver")
    scope, terms, path = _scope(call), _terms(call), call.values.get("output")
    if path is not None:
        expect_room(path, envelope_beside(path))
    standing = standing_of(call, domain_id)
    answer = act(call, gate, standing, apply_act(standing, receiver, scope, terms))
    return answer if path is None or call.dry_run else _handed_over(answer, standing, path)


def _handed_over(answer: Answer, standing: Standing, path: Path) -> Answer:
    """The request that was just made, in new files."""
    from asl_authority.operations.twice import envelope_beside
    from asl_authority.storage.plain_files import read_file, write_all_new
    from asl_authority.values.admission import REQUEST as KIND

    outputs = answer.members["outputs"]
    names = [each["name"] for each in outputs if isinstance(each, dict)] if isinstance(outputs, list) else []
    body = next(name for name in names if name.startswith("auth/") and name.endswith(".json"))
    most, root = KIND.limits.size * 2, standing.source.paths.root
    write_all_new({path: read_file(root / body, most), envelope_beside(path): read_file(root / f"{body}.sig", most)})
    text = f"{answer.text}{path}: the request, to be handed over with {envelope_beside(path).name}\n"
    return Answer(text, {**answer.members, "file": str(path)}, answer.status)


def check(call: Call) -> Answer:
    """Every rule of an application."""
    from asl_authority.front.application import heard
    from asl_authority.front.given import verdict

    found = heard(call, standing_of(call, domain_of(call)))
    return verdict(f"the application of {found.sent.domain_id} to {found.standing.domain_id}", found.findings())


def decide(call: Call) -> Answer:
    """One of the four decisions, recorded."""
    from asl_authority.front.application import heard
    from asl_authority.operations.admission import Ruling, decide_act
    from asl_authority.values.admission import Decision

    gate = gate_of(call)
    ruling = Ruling(Decision(call.values["decision"]), _scope(call), _terms(call))
    found = heard(call, standing_of(call, domain_of(call)))
    return act(call, gate, found.standing, decide_act(found, ruling))


def show(call: Call) -> Answer:
    """How a domain stands to every other that its log speaks of."""
    from asl_authority.front.admit_text import standing_rows

    standing = standing_of(call, domain_of(call))
    history = standing.report.history
    rows = [standing_rows(standing, domain_id) for domain_id in history.domains]
    text = "".join(text for text, _ in rows) or f"{standing.domain_id} has decided of nobody.\n"
    head = f"{standing.domain_id}, in epoch {history.epoch}\n" if rows else ""
    members: dict[str, object] = {"domain_id": standing.domain_id, "epoch": history.epoch}
    return Answer(head + text, {**members, "domains": [found for _, found in rows]})


def _scope(call: Call) -> tuple[Role, ...]:
    from asl_authority.values.roles import Role, role_set

    return role_set(Role(each) for each in call.values.get("scope", ()))


def _terms(call: Call) -> Terms | None:
    """The lease that the options say. Raises UsageError for half of one, or for one that nothing could be."""
    from asl_authority.errors import UsageError
    from asl_authority.values.admission import Terms
    from asl_authority.values.canonical import MOST
    from asl_authority.values.identifiers import U32

    epochs, quota = call.values.get("epochs"), call.values.get("quota_bytes")
    if epochs is None and quota is None:
        return None
    if epochs is None or quota is None:
        raise UsageError("--epochs and --quota-bytes go together: a lease has both")
    if not 1 <= epochs <= U32 or not 0 <= quota <= MOST:
        raise UsageError(f"--epochs: 1 to {U32}; --quota-bytes: 0 to {MOST}")
    return Terms(epochs, quota)


def _request_id(call: Call) -> str:
    """The id that was given, or a fresh one. Raises UsageError."""
    from asl_authority.errors import UsageError
    from asl_authority.values.identifiers import REQUEST_ID

    given = call.values.get("request_id")
    if given is None:
        text = call.outside.random(16).hex()
        return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))
    if not REQUEST_ID.fullmatch(given):
        raise UsageError(f"--request-id {given[:60]!a}: a UUID in lower case, as 8-4-4-4-12 hexadecimal digits")
    return str(given)


def _domain_id(given: str, option: str) -> str:
    from asl_authority.errors import UsageError
    from asl_authority.values.identifiers import DOMAIN_ID

    if not DOMAIN_ID.fullmatch(given):
        raise UsageError(f"{option} {given[:60]!a}: 1 to 128 of a-z, 0-9, dot, dash and underline")
    return given


def _asked_text(asked: AdmissionRequest) -> str:
    from asl_authority.front.show import row
    from asl_authority.operations.admission import terms_text

    rows = (
        *(("request", asked.request_id), ("asked of", asked.receiver), ("domain", asked.domain_id)),
        *(("DAM", asked.dam_hash), ("scope", ", ".join(asked.requested_scope)), ("lease", terms_text(asked.lease))),
    )
    return "A request to be admitted\n" + "".join(row(*each) for each in rows)


VERBS = (
    Verb(
        "admit request",
        "ask a domain to admit yours, on files",
        "Makes the request with which a domain asks another to admit it: under this DAM, for this scope, perhaps for a "
        "courtesy lease. It counts when the DAM's root key has signed it, which proves that whoever asks has it: "
        "sign it here with --key, or elsewhere with --payload and --add-signature. Without any of them only the body "
        "is made. A request has an id, and is decided once: asking again takes a new one.",
        request,
        (
            Argument(("--dam",), "the domain's DAM", "FILE", "path", required=True),
            Argument(("--receiver",), "the domain that is asked", "ID", required=True),
            Argument(
                ("--scope",), "a role that is asked for; once for each", "ROLE", choices=ROLES, required=True, many=True
            ),
            *LEASE,
            Argument(("--request-id",), "the request's id, a UUID (default: a fresh one)", "ID"),
            *(each for each in SIGNING if each.name not in ("public_key", "so_far")),
        ),
    ),
    Verb(
        "admit apply",
        "ask a domain to admit one of this store",
        "Does what `admit request` does in a domain of this store: its root key signs the request, which lies in the "
        "domain then, and in its log. The id is made from the head of that log." + ACTS,
        apply_,
        (
            Argument(("DOMAIN",), "the domain that asks", "DOMAIN", required=True),
            Argument(("--receiver",), "the domain that is asked (default: the host)", "ID"),
            Argument(
                ("--scope",), "a role that is asked for; once for each", "ROLE", choices=ROLES, required=True, many=True
            ),
            *LEASE,
            Argument(("--output",), "a new file for the request, to be handed over; FILE.sig too", "FILE", "path"),
            *ACTING,
        ),
    ),
    Verb(
        "admit check",
        "say whether an application holds",
        "Holds everything that an applicant has sent to every rule: its DAM is signed, certified by the roots that are "
        "trusted, and names its policy; the request names that DAM, is signed by its root key, addressed here, was "
        "never decided, collides with no domain that is known, asks for no more than the DAM has, and the policies "
        "allow it. Nothing is written. Ends with 3 when a rule says no." + LIES_HERE,
        reads(check),
        (*SENT, REHEARSAL),
    ),
    Verb(
        "admit decide",
        "decide of an application, and record it for ever",
        "Checks as `admit check` does, shows what was sent and what would follow, and records the decision, signed by "
        "the receiver's operator. ACCEPTED admits all that was asked for; ACCEPTED_LIMITED no more than that, for a "
        "courtesy lease; nothing is accepted against a check that says no. DEFERRED and REJECTED admit nothing and are "
        "kept as well, with the checks that said no. No request is decided twice. Roots that are not this store's are "
        "trusted for this domain once the decision is confirmed." + LIES_HERE + ACTS,
        decide,
        (
            *SENT,
            Argument(("--decision",), "what was decided", "DECISION", choices=DECISIONS, required=True),
            Argument(
                ("--scope",), "a role that is admitted (default: all asked for)", "ROLE", choices=ROLES, many=True
            ),
            *LEASE,
            *ACTING,
        ),
    ),
    Verb(
        "admit show",
        "show how a domain stands to others",
        "Shows every domain that the receiver has decided of, suspended or revoked: state, scope, the last decision, "
        "and its lease, with whether that holds in the current epoch. All of it was checked as by `domain check`.",
        reads(show),
        (RECEIVER, REHEARSAL),
    ),
)
