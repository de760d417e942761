"""ASL/DAP/1: a domain asks another to be admitted, and what that decides; order is counted in epochs, not in time.

What is looked at first is the DAM itself (`check_dam`); then `check_request`, then a decision is made by people and
recorded, and `check_record` holds the record against all of that.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from asl_authority.errors import Malformed
from asl_authority.values.canonical import MOST, Limits
from asl_authority.values.dam import Dam, check_act
from asl_authority.values.domain_state import State, check_move
from asl_authority.values.dsse import check_signatures
from asl_authority.values.fields import Fields
from asl_authority.values.finding import Finding
from asl_authority.values.identifiers import CHECK_ID, DOMAIN_ID, REQUEST_ID, U32
from asl_authority.values.kinds import Kind
from asl_authority.values.policy import DomainPolicy, check_hash_equal
from asl_authority.values.roles import Role, role_set
from asl_authority.values.rules import Rule
from asl_authority.values.signed import Signed

PAPER = "ASL/DAP/1"

RULES = (
    Rule("ADMISSION-REQUEST-SCHEMA", PAPER, "S", "A request names a DAM, a scope, and may ask for a courtesy lease."),
    Rule("ADMISSION-RECORD-SCHEMA", PAPER, "S", "A record has the paper's members, the request's id and its snapshot."),
    Rule("ADMISSION-LEASE-SCHEMA", PAPER, "C", "A lease has a domain, a scope, a quota, and the epochs it is between."),
    Rule("ADMISSION-SCOPE", PAPER, "C", "A scope that is asked for names at least one role."),
    Rule("ADMISSION-POSSESSION", PAPER, "S", "The request is signed by the DAM's root key: whoever asks has it."),
    Rule("ADMISSION-DAM-EQUAL", PAPER, "S", "The DAM that comes with a request is the one that it names."),
    Rule("ADMISSION-RECEIVER", PAPER, "C", "The request is addressed to the domain that it came to."),
    Rule("ADMISSION-REPLAY", PAPER, "C", "No request with this id has been decided before."),
    Rule("ADMISSION-COLLISION", PAPER, "S", "A domain of this id is not known with another root key."),
    Rule("ADMISSION-IN-SCOPE", PAPER, "S", "What is asked for is within the scope of the DAM."),
    Rule(
        "ADMISSION-COMPATIBLE",
        PAPER,
        "C",
        "Policies allow what is asked for: publish and execute take a policy that allows them to anybody, federate"
        " takes a receiver that trusts the domain. (The paper does not say what compatible policies are.)",
    ),
    Rule(
        "ADMISSION-DECISION",
        PAPER,
        "C",
        "ACCEPTED admits a scope, ACCEPTED_LIMITED a scope for a lease; DEFERRED and REJECTED admit nothing.",
    ),
    Rule("ADMISSION-RECORD-EQUAL", PAPER, "S", "The record is about this request, this DAM and this policy."),
    Rule("ADMISSION-ADMITTED", PAPER, "S", "ACCEPTED admits what was asked for, ACCEPTED_LIMITED no more than that."),
    Rule("ADMISSION-REFUSED", PAPER, "S", "Nothing is accepted where a check of request or DAM failed or is missing."),
    Rule("ADMISSION-EPOCH", PAPER, "S", "decision_epoch is greater than that of every decision before."),
    Rule("ADMISSION-LEASE-EQUAL", PAPER, "C", "A lease grants what its record says, from the record's epoch on."),
    Rule("ADMISSION-LEASE-HOLDS", PAPER, "S", "A courtesy is enforced: it holds from its epoch until before its end."),
)  # fmt: skip

_LIMITS = Limits(size=1 << 16, depth=4, count=512)
REQUEST = Kind("admission-request", limits=_LIMITS)
RECORD = Kind("admission-record", limits=_LIMITS)
LEASE = Kind("admission-lease", limits=_LIMITS)
MOST_REASONS = 64
LAST_EPOCH = 2**48


class Decision(StrEnum):
    """What a receiver decides."""

    ACCEPTED = "ACCEPTED"
    ACCEPTED_LIMITED = "ACCEPTED_LIMITED"
    DEFERRED = "DEFERRED"
    REJECTED = "REJECTED"


# A decision that is not here changes nothing.
STATE_AFTER: Mapping[Decision, State] = {
    Decision.ACCEPTED: State.FULL,
    Decision.ACCEPTED_LIMITED: State.COURTESY,
}


# Nothing is accepted before all of these have been answered.
ASKED_FIRST = (
    *("DAM-SIGNATURE", "DAM-ROOT-CERTIFIED", "POLICY-HASH-EQUAL", "ADMISSION-DAM-EQUAL", "ADMISSION-POSSESSION"),
    *("ADMISSION-RECEIVER", "ADMISSION-REPLAY", "ADMISSION-COLLISION", "ADMISSION-IN-SCOPE", "ADMISSION-COMPATIBLE"),
)


@dataclass(frozen=True)
class Terms:
    """Of a courtesy lease: for how many epochs, and how many bytes."""

    epochs: int
    quota_bytes: int


@dataclass(frozen=True)
class AdmissionRequest:
    """A domain asks `receiver` for a scope. The DAM lies beside it and is named by its hash."""

    request_id: str
    receiver: str
    domain_id: str
    dam_hash: str
    requested_scope: tuple[Role, ...]
    lease: Terms | None = None

    def __post_init__(self) -> None:
        """Sorts the scope. Raises Malformed when it is empty."""
        if not self.requested_scope:
            raise Malformed("a request for nothing", check_id="ADMISSION-SCOPE")
        object.__setattr__(self, "requested_scope", role_set(self.requested_scope))

    def to_bytes(self) -> bytes:
        """Its canonical bytes, which the DAM's root key signs: the proof that its holder asks."""
        return REQUEST.body(
            {
                "request_id": self.request_id,
                "receiver": self.receiver,
                "domain_id": self.domain_id,
                "dam_hash": self.dam_hash,
                "requested_scope": list(self.requested_scope),
                **_terms(self.lease),
            }
        )


@dataclass(frozen=True)
class AdmissionRecord:
    """What was decided, pinned to a snapshot of the receiver. `reasons` are check ids, for people."""

    request_id: str
    domain_id: str
    dam_hash: str
    policy_hash: str
    admitted_scope: tuple[Role, ...]
    decision: Decision
    decision_epoch: int
    snapshot_id: str
    lease: Terms | None = None
    reasons: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Sorts scope and reasons. Raises Malformed when they do not go with the decision."""
        accepts = self.decision in STATE_AFTER
        limited = self.decision is Decision.ACCEPTED_LIMITED
        if accepts != bool(self.admitted_scope) or limited != (self.lease is not None) or (accepts and self.reasons):
            words = f"{self.decision} does not go with the scope, lease and reasons that are there"
            raise Malformed(words, check_id="ADMISSION-DECISION")
        object.__setattr__(self, "admitted_scope", role_set(self.admitted_scope))
        object.__setattr__(self, "reasons", tuple(sorted(set(self.reasons))))

    def to_bytes(self) -> bytes:
        """Its canonical bytes, which a principal of the receiver signs."""
        return RECORD.body(
            {
                "request_id": self.request_id,
                "domain_id": self.domain_id,
                "dam_hash": self.dam_hash,
                "policy_hash": self.policy_hash,
                "admitted_scope": list(self.admitted_scope),
                "decision": self.decision,
                "decision_epoch": self.decision_epoch,
                "snapshot_id": self.snapshot_id,
                "reasons": list(self.reasons),
                **_terms(self.lease),
            }
        )


@dataclass(frozen=True)
class Lease:
    """A courtesy: what a domain may do, from `granted_epoch` and before `expires_epoch`."""

    domain_id: str
    scope: tuple[Role, ...]
    quota_bytes: int
    granted_epoch: int
    expires_epoch: int

    def to_bytes(self) -> bytes:
        """Its canonical bytes, which a principal of the receiver signs: `leases/<granted epoch>.json`."""
        return LEASE.body(
            {
                "domain_id": self.domain_id,
                "scope": list(self.scope),
                "quota_bytes": self.quota_bytes,
                "granted_epoch": self.granted_epoch,
                "expires_epoch": self.expires_epoch,
            }
        )


@dataclass(frozen=True)
class Receiver:
    """What a receiving domain knows: itself, root key ids of known domains, decided requests, and its last epoch."""

    domain_id: str
    policy: DomainPolicy
    known_roots: Mapping[str, str]
    decided: Collection[str]
    last_epoch: int = 0


def read_request(data: bytes) -> AdmissionRequest:
    """The request in `data`. Raises Malformed; no signature is looked at."""
    names = ("request_id", "receiver", "domain_id", "dam_hash", "requested_scope", "lease?")
    fields = REQUEST.read(data, names)
    return AdmissionRequest(
        fields.text("request_id", REQUEST_ID),
        fields.text("receiver", DOMAIN_ID),
        fields.text("domain_id", DOMAIN_ID),
        fields.sha256("dam_hash"),
        fields.choices("requested_scope", Role),
        _read_terms(fields),
    )


def read_record(data: bytes) -> AdmissionRecord:
    """The record in `data`. Raises Malformed; no signature is looked at."""
    names = ("request_id", "domain_id", "dam_hash", "policy_hash", "admitted_scope", "decision", "decision_epoch")
    fields = RECORD.read(data, (*names, "snapshot_id", "reasons", "lease?"))
    return AdmissionRecord(
        fields.text("request_id", REQUEST_ID),
        fields.text("domain_id", DOMAIN_ID),
        fields.sha256("dam_hash"),
        fields.sha256("policy_hash"),
        fields.choices("admitted_scope", Role),
        fields.choice("decision", Decision),
        fields.integer("decision_epoch", 1, LAST_EPOCH),
        fields.sha256("snapshot_id"),
        _read_terms(fields),
        fields.texts("reasons", CHECK_ID, MOST_REASONS),
    )


def read_lease(data: bytes) -> Lease:
    """The lease in `data`. Raises Malformed; no signature is looked at."""
    fields = LEASE.read(data, ("domain_id", "scope", "quota_bytes", "granted_epoch", "expires_epoch"))
    granted = fields.integer("granted_epoch", 1, LAST_EPOCH)
    return Lease(
        fields.text("domain_id", DOMAIN_ID),
        fields.choices("scope", Role),
        fields.integer("quota_bytes"),
        granted,
        fields.integer("expires_epoch", granted + 1),
    )


def check_asked(request: Signed[AdmissionRequest], dam: Dam) -> tuple[Finding, Finding, Finding]:
    """What can be said of a request without its receiver: whose DAM it names, who has signed it, what it asks for."""
    asked, root = request.body, dam.root_key
    signed = check_signatures(request.envelope, {root.key_id: root})
    same = (asked.domain_id, asked.dam_hash) == (dam.domain_id, dam.hash)
    beyond = [role for role in asked.requested_scope if role not in dam.effective_scope]
    return (
        Finding("ADMISSION-DAM-EQUAL", same, f"asked with {asked.dam_hash}, beside it lies {dam.hash}"),
        Finding("ADMISSION-POSSESSION", all(each.ok for each in signed), f"root key {root.key_id}: {signed[1].detail}"),
        Finding("ADMISSION-IN-SCOPE", not beyond, f"beyond the DAM's: {', '.join(beyond) or 'nothing'}"),
    )


def check_request(
    request: Signed[AdmissionRequest], dam: Dam, policy: DomainPolicy, receiver: Receiver
) -> tuple[Finding, ...]:
    """The paper's checks of a request, in its order; those of the DAM that comes with it are `check_dam`."""
    asked, root = request.body, dam.root_key
    equal, possession, in_scope = check_asked(request, dam)
    known = receiver.known_roots.get(asked.domain_id)
    said = f"{asked.domain_id} is {'not known' if known is None else f'known with {known}'}"
    return (
        equal,
        possession,
        check_hash_equal(policy, {"the DAM": dam.policy_hash}),
        Finding("ADMISSION-RECEIVER", asked.receiver == receiver.domain_id, f"addressed to {asked.receiver}"),
        Finding("ADMISSION-REPLAY", asked.request_id not in receiver.decided, f"request {asked.request_id}"),
        Finding("ADMISSION-COLLISION", known in (None, root.key_id), said),
        in_scope,
        _check_compatible(asked, policy, receiver),
    )


def _check_compatible(asked: AdmissionRequest, policy: DomainPolicy, receiver: Receiver) -> Finding:
    allowed = {
        Role.PUBLISH: bool(policy.publication.allowed_roles and receiver.policy.publication.allowed_roles),
        Role.EXECUTE: bool(policy.execution.allowed_roles and receiver.policy.execution.allowed_roles),
        Role.FEDERATE: asked.domain_id in receiver.policy.federation.trusted_domains,
    }
    refused = [role for role in asked.requested_scope if not allowed.get(role, True)]
    said = f"do not allow {', '.join(refused)}" if refused else "allow what is asked for"
    return Finding("ADMISSION-COMPATIBLE", not refused, f"the policies {said}")


def check_record(
    record: AdmissionRecord,
    request: AdmissionRequest,
    dam: Dam,
    found: Iterable[Finding],
    receiver: Receiver,
    state: State,
) -> tuple[Finding, ...]:
    """Whether a decision is one that may be made. `found` is what the checks of request and DAM have answered."""
    accepts = record.decision in STATE_AFTER
    equal = _about(record, request, dam, accepts=accepts)
    asked, admitted = set(request.requested_scope), set(record.admitted_scope)
    within = admitted == asked if record.decision is Decision.ACCEPTED else admitted <= asked
    answers = list(found)
    failed = [each.check_id for each in answers if not each.ok]
    unasked = [check_id for check_id in ASKED_FIRST if check_id not in {each.check_id for each in answers}]
    return (
        equal,
        Finding("ADMISSION-ADMITTED", within, f"{record.decision}: {', '.join(record.admitted_scope) or 'nothing'}"),
        Finding(
            "ADMISSION-REFUSED",
            not (accepts and (failed or unasked)),
            f"failed: {', '.join(failed) or 'nothing'}; not looked at: {', '.join(unasked) or 'nothing'}",
        ),
        Finding(
            "ADMISSION-EPOCH",
            record.decision_epoch > receiver.last_epoch,
            f"epoch {record.decision_epoch}, the last was {receiver.last_epoch}",
        ),
        check_move(state, STATE_AFTER.get(record.decision, state)) if accepts else _unchanged(state),
    )


def _about(record: AdmissionRecord, request: AdmissionRequest, dam: Dam, *, accepts: bool) -> Finding:
    """ADMISSION-RECORD-EQUAL. What was refused may have named a DAM that was not beside it."""
    pairs = (
        ("request", record.request_id, request.request_id),
        ("domain", record.domain_id, request.domain_id),
        ("DAM", record.dam_hash, request.dam_hash),
        ("policy", record.policy_hash, dam.policy_hash),
        *((("DAM", request.dam_hash, dam.hash),) if accepts else ()),
    )
    other = [f"the {name} is {is_}, not {said}" for name, said, is_ in pairs if said != is_]
    words = "; ".join((f"the record is about request {record.request_id} of {record.domain_id}", *other))
    return Finding("ADMISSION-RECORD-EQUAL", not other, words)


def _unchanged(state: State) -> Finding:
    return Finding("DOMAIN-STATE-MOVE", True, f"stays {state}")


def check_decided(artifact: Signed[AdmissionRecord] | Signed[Lease], receiver_dam: Dam) -> tuple[Finding, ...]:
    """Records and leases are signed by a principal of the receiver that may execute, as receipts are."""
    return check_act(artifact.envelope, receiver_dam, Role.EXECUTE)


def make_lease(record: AdmissionRecord) -> Lease:
    """The lease that a record grants. Raises ValueError when it grants none."""
    if record.lease is None:
        raise ValueError("this decision grants no lease")
    end = record.decision_epoch + record.lease.epochs
    return Lease(record.domain_id, record.admitted_scope, record.lease.quota_bytes, record.decision_epoch, end)


def check_lease(lease: Lease, record: AdmissionRecord) -> Finding:
    """ADMISSION-LEASE-EQUAL: the lease is the one of this record."""
    same = record.lease is not None and lease == make_lease(record)
    words = f"{lease.domain_id}, epoch {lease.granted_epoch}"
    return Finding("ADMISSION-LEASE-EQUAL", same, words if same else f"{words}: not the lease that was decided")


def check_lease_holds(lease: Lease, epoch: int, role: Role, used_bytes: int) -> Finding:
    """ADMISSION-LEASE-HOLDS: now (a count of epochs) the domain may do this, and has that much room."""
    now = lease.granted_epoch <= epoch < lease.expires_epoch
    holds = now and role in lease.scope and used_bytes <= lease.quota_bytes
    words = (
        f"epoch {epoch}, granted from {lease.granted_epoch} until before {lease.expires_epoch};"
        f" {role} of {', '.join(lease.scope)}; {used_bytes} of {lease.quota_bytes} bytes"
    )
    return Finding("ADMISSION-LEASE-HOLDS", holds, words)


def _terms(terms: Terms | None) -> dict[str, object]:
    return {} if terms is None else {"lease": {"epochs": terms.epochs, "quota_bytes": terms.quota_bytes}}


def _read_terms(fields: Fields) -> Terms | None:
    if not fields.has("lease"):
        return None
    inner = fields.within("lease", ("epochs", "quota_bytes"))
    return Terms(inner.integer("epochs", 1, U32), inner.integer("quota_bytes", most=MOST))
