"""cert: ask the offline roots to certify a key, certify it, and hold what they certified against them."""

from __future__ import annotations

from asl_authority.front.given import POLICY, REHEARSAL, ROOT_SET, ROTATIONS, given_policy, given_root_set, rehearsal_of
from asl_authority.front.signing import SIGNING
from asl_authority.front.verb import Answer, Argument, Call, Verb
from asl_authority.front.verbs.x509 import EXPORT

SUBJECTS = ("domain_root", "principal", "log", "x509")
ROLES = ("produce", "execute", "publish", "federate", "audit")
FILE = Argument(("FILE",), "a request or a certificate, or the envelope of one", "FILE", "path", required=True)
ROLE = Argument(("--role",), "a role of a principal; once for each", "ROLE", choices=ROLES, many=True)
EARLIER = Argument(
    ("--earlier",), "a certificate of the domain that there is already; once for each", "FILE", "path", many=True
)


def request(call: Call) -> Answer:
    """What a domain asks for, as a body, or signed by the key that it is about."""
    from asl_authority.front import show as words
    from asl_authority.front.given import given_public_key
    from asl_authority.front.signing import WAYS, begin, carry_out
    from asl_authority.operations.tasks import SUBJECTS as AT_REST
    from asl_authority.operations.tasks import request_task
    from asl_authority.storage.plain_files import write_new
    from asl_authority.values.request import AuthorityRequest, SubjectType
    from asl_authority.values.roles import Role

    key, policy = given_public_key(call.path("public_key")), given_policy(call.path("policy"))
    kind = SubjectType(call.values["subject_type"])
    asked = AuthorityRequest(
        kind, key, _domain_id(call, key.key_id), tuple(Role(each) for each in call.values.get("role", ())), policy.hash
    )
    shown = words.request_text(asked)
    if any(call.values.get(way) for way in WAYS):
        roots = call.values.get("root_set")
        trusted = None if roots is None else given_root_set(roots)
        return carry_out(call, request_task(asked, policy, trusted, rehearsal=begin(call)), shown, AT_REST[kind][1])
    path = call.values.get("output")
    members: dict[str, object] = {"request": asked.to_bytes().decode(), "policy_hash": policy.hash}
    if path is None or call.dry_run:
        return Answer(shown, members)
    write_new(path, asked.to_bytes())
    more = "not signed yet: the same again with --key, or --payload and --add-signature\n"
    return Answer(f"{shown}{path}: the request, {more}", {**members, "file": str(path)})


def issue(call: Call) -> Answer:
    """A certificate for a request, signed by one root more."""
    from asl_authority.errors import UsageError
    from asl_authority.front import show as words
    from asl_authority.front.given import given_certificates
    from asl_authority.front.signing import begin, carry_out, signer_named
    from asl_authority.operations.artifacts import form_of, load
    from asl_authority.operations.tasks import certificate_task
    from asl_authority.values import certificate, request
    from asl_authority.values.keyfile import KeyKind

    rehearsal = begin(call)
    roots, policy = given_root_set(call.path("root_set")), given_policy(call.path("policy"))
    asked = load(call.path("file"), form_of(request.KIND, request.read_request, rehearsal=rehearsal)).signed
    earlier = [each.body for each in given_certificates(call.values.get("earlier", []), rehearsal=rehearsal)]
    so_far = call.values.get("so_far")
    form = form_of(certificate.KIND, certificate.read_certificate, rehearsal=rehearsal)
    issuer = load(so_far, form).body.issued_by if so_far else signer_named(call)
    if issuer is None:
        raise UsageError("--public-key is missing: which root issues it?")
    task = certificate_task(asked, issuer, roots, policy, earlier, rehearsal=rehearsal)
    return carry_out(call, task, words.certificate_text(task.artifact.body), KeyKind.OFFLINE_ROOT)


def show(call: Call) -> Answer:
    """What is in it, in words."""
    from asl_authority.front import show as words
    from asl_authority.operations.artifacts import form_of, load
    from asl_authority.values import certificate, request

    rehearsal = rehearsal_of(call)
    if _is_request(call):
        asked = load(call.path("file"), form_of(request.KIND, request.read_request, rehearsal=rehearsal))
        text = words.request_text(asked.body) + words.signatures_text(asked.envelope)
        return Answer(text, {"request": asked.body.to_bytes().decode()})
    found = load(call.path("file"), form_of(certificate.KIND, certificate.read_certificate, rehearsal=rehearsal))
    text = words.certificate_text(found.body) + words.signatures_text(found.envelope)
    return Answer(text, {"certificate": found.body.to_bytes().decode(), "sha256": found.body.digest})


def verify(call: Call) -> Answer:
    """Every rule of a request or a certificate."""
    from asl_authority.front.given import given_certificates, given_chain, verdict
    from asl_authority.operations.artifacts import again, form_of, load
    from asl_authority.operations.root_chain import check_certified, courts_without_log, judged
    from asl_authority.values import certificate, request
    from asl_authority.values.policy import check_hash_equal

    rehearsal, policy = rehearsal_of(call), given_policy(call.path("policy"))
    chain, led = given_chain(call)
    asking = form_of(request.KIND, request.read_request, rehearsal=rehearsal)
    if _is_request(call):
        asked = load(call.path("file"), asking)
        findings = [*asked.findings, *led, *request.check_request(asked.signed, chain.newest, policy)]
        findings += again(asked.envelope, [asked.body.subject_pubkey])
        return verdict(f"the request of {asked.body.domain_id}", findings)
    form = form_of(certificate.KIND, certificate.read_certificate, rehearsal=rehearsal)
    found = load(call.path("file"), form)
    findings = [*found.findings, *led]
    courts = courts_without_log((found.signed,), chain)
    findings += judged(courts, lambda certs, roots: certificate.check_certificate(certs[0], roots))
    findings += [check_certified(found.signed, chain)] if call.values.get("rotation") else []
    findings += [check_hash_equal(policy, {"the certificate": found.body.policy_hash})]
    if path := call.values.get("request"):
        earlier = [each.body for each in given_certificates(call.values.get("earlier", []), rehearsal=rehearsal)]
        findings += [certificate.check_issued(found.body, load(path, asking).body, earlier)]
    findings += again(found.envelope, chain.keys)
    what = f"the certificate of {found.body.domain_id} for its {found.body.subject_type} key"
    return verdict(what, findings, sha256=found.body.digest)


def _domain_id(call: Call, key_id: str) -> str:
    """The domain that is named; a new one has the id of its root key until it is given another."""
    from asl_authority.errors import UsageError
    from asl_authority.values.identifiers import DOMAIN_ID

    given = call.values.get("domain_id")
    if given is None and call.values["subject_type"] != "domain_root":
        raise UsageError("--domain-id is missing: only a domain's root key can stand for its domain")
    if given is not None and not DOMAIN_ID.fullmatch(given):
        raise UsageError(f"--domain-id {given[:60]!a}: 1 to 128 of a-z, 0-9, dot, dash and underline")
    return key_id if given is None else str(given)


def _is_request(call: Call) -> bool:
    from asl_authority.errors import Malformed
    from asl_authority.operations.artifacts import kind_name
    from asl_authority.values import certificate, request

    name = kind_name(call.path("file"), (request.KIND, certificate.KIND))
    if not name:
        words = f"neither {request.KIND.type} nor {certificate.KIND.type}"
        raise Malformed(f"{call.path('file')}: {words}", check_id=certificate.KIND.schema_id)
    return name == request.KIND.name


VERBS = (
    Verb(
        "cert request",
        "ask for a key to be certified",
        "Makes the request that the offline roots look at: this key, as that, for this domain under this policy. A "
        "request counts when it is signed by the key that it is about: sign it here with --key, or elsewhere with "
        "--payload and --add-signature. Without any of them only the body is made. The domain's id is that of its root "
        "key unless --domain-id says another.",
        request,
        (
            Argument(
                ("--subject-type",), "what the key is to be certified as", "TYPE", choices=SUBJECTS, required=True
            ),
            Argument(("--domain-id",), "the domain", "ID"),
            ROLE,
            POLICY,
            Argument(("--root-set",), "the offline root set, to see that the key is none of them", "FILE", "path"),
            Argument(("--public-key",), "the key to be certified", "FILE", "path", required=True),
            *(each for each in SIGNING if each.name not in ("public_key", "so_far")),
        ),
    ),
    Verb(
        "cert issue",
        "certify what a request asks for",
        "Makes the certificate for a request and collects the roots' signatures over it, one a call: --key signs here, "
        "--payload writes the bytes to sign on another machine and --add-signature brings the signature back. "
        "--public-key is the root that signs; the first to sign issues it, the others name the envelope so far. Before "
        "any key is opened a throw-away key signs the very same bytes and every rule is checked: possession, policy, "
        "roles, version. The same request to the same issuer gives the same certificate.",
        issue,
        (Argument(("FILE",), "the signed request", "FILE", "path", required=True), ROOT_SET, POLICY, EARLIER, *SIGNING),
    ),
    Verb(
        "cert show",
        "show a request or a certificate",
        "Shows whose key is certified as what, for which domain and policy, with ids in groups and words, and who has "
        "signed. Nothing is verified by looking: see `cert verify`.",
        show,
        (FILE, REHEARSAL),
    ),
    Verb(
        "cert verify",
        "say whether a certificate, or a request, holds",
        "Holds a certificate against the root set: issued by one of them, signed by as many as must, for a key that is "
        "none of them, naming the policy given. With --request it must be what that request asks for. A request is "
        "held to its own rules. Where the roots were rotated, --rotation leads from the set that you hold to the "
        "newest one, and it is said which set certified the key. Every signature is verified by two implementations. "
        "Ends with 3 when a rule is broken.",
        verify,
        (
            FILE,
            ROOT_SET,
            ROTATIONS,
            POLICY,
            Argument(("--request",), "the request that it answers", "FILE", "path"),
            EARLIER,
            REHEARSAL,
        ),
    ),
    EXPORT,
)
