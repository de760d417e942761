"""How a domain stands to others, as its log says: every admission that it decided, and what was changed since by hand.

Read from the files that the log names, and not yet judged; `admission_check` judges.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from asl_authority.errors import Malformed
from asl_authority.operations.applications import (
    CERTIFICATE_START,
    DAM,
    JSON,
    POLICY_START,
    REQUEST,
    ROOTS,
    Application,
    with_view,
)
from asl_authority.operations.domain_reading import Reading, fits, load_signed
from asl_authority.storage import layout
from asl_authority.values import admission, certificate, dam
from asl_authority.values.admission import (
    LAST_EPOCH,
    AdmissionRecord,
    Lease,
    Receiver,
    read_lease,
    read_record,
    read_request,
)
from asl_authority.values.cbor_views import DECISION_VIEW
from asl_authority.values.certificate import read_certificate
from asl_authority.values.dam import Dam, read_dam
from asl_authority.values.domain_state import State, check_move
from asl_authority.values.finding import Finding
from asl_authority.values.identifiers import DOMAIN_ID
from asl_authority.values.kinds import Kind
from asl_authority.values.log_entry import Entry
from asl_authority.values.log_record import RecordType
from asl_authority.values.policy import DomainPolicy, read_policy
from asl_authority.values.rootset import read_root_set
from asl_authority.values.signed import Body, Signed
from asl_authority.values.trust_pin import TrustPin, read_pin

B = TypeVar("B", bound=Body)

ADMISSION_FACTS = "ADMISSION-FACTS"
DECISION = "admission-decision"
MOST_REASON = 200


@dataclass(frozen=True)
class Decided:
    """One decision with all that it is about."""

    sent: Application
    record: Signed[AdmissionRecord]
    lease: Signed[Lease] | None
    pin: TrustPin | None

    @property
    def epoch(self) -> int:
        """When, in the receiver's count."""
        return self.record.body.decision_epoch

    def files(self) -> dict[str, bytes]:
        """Every file of it, by its path below the receiver."""
        here = {**self.sent.files(), **with_view(DECISION, self.record, DECISION_VIEW)}
        here[f"{DECISION}.sig"] = self.record.to_bytes()
        found = {layout.admission_name(self.epoch, name): data for name, data in here.items()}
        if self.lease is not None:
            name = layout.lease_name(self.epoch)
            found |= {name: self.lease.body.to_bytes(), f"{name}.sig": self.lease.to_bytes()}
        if self.pin is not None:
            found[layout.trust_pin_name(self.epoch)] = self.pin.to_bytes()
        return found


@dataclass(frozen=True)
class Step:
    """One record about another domain. `state` is how the receiver stands to it from then on, None where nothing
    changed; `decided` is None for what was done by hand.

    `known_root` is the key id of the root key that the store itself knew the applicant by, where that lies in it.
    """

    logseq: int
    entry: Entry
    domain_id: str
    state: State | None
    decided: Decided | None = None
    known_root: str = ""

    @property
    def reason(self) -> str:
        """What a person has said to it."""
        return str(self.entry.facts.get("reason", ""))


@dataclass(frozen=True)
class History:
    """Every step, in order."""

    steps: tuple[Step, ...] = ()

    def of(self, domain_id: str) -> tuple[Step, ...]:
        """The steps about one domain."""
        return tuple(step for step in self.steps if step.domain_id == domain_id)

    @property
    def domains(self) -> tuple[str, ...]:
        """Every domain that is spoken of, sorted."""
        return tuple(sorted({step.domain_id for step in self.steps}))

    @property
    def decided(self) -> tuple[Decided, ...]:
        """Every decision."""
        return tuple(step.decided for step in self.steps if step.decided is not None)

    @property
    def epoch(self) -> int:
        """The count of decisions: that of the last, 0 before the first."""
        return max((each.epoch for each in self.decided), default=0)

    def state(self, domain_id: str) -> State:
        """How the receiver stands to a domain now."""
        states = [step.state for step in self.of(domain_id) if step.state is not None]
        return states[-1] if states else State.UNRECOGNIZED

    def before_suspension(self, domain_id: str) -> State:
        """How the receiver stood to it before it was suspended."""
        states = [step.state for step in self.of(domain_id) if step.state not in (None, State.SUSPENDED)]
        return states[-1] or State.UNRECOGNIZED if states else State.UNRECOGNIZED

    def admitted(self, domain_id: str) -> Decided | None:
        """The last decision by which it was admitted."""
        steps = [step.decided for step in self.of(domain_id) if step.decided is not None and step.state is not None]
        return steps[-1] if steps else None

    def pinned(self, domain_id: str) -> Dam | None:
        """The DAM with which it was admitted last."""
        found = self.admitted(domain_id)
        return found.sent.dam.body if found else None

    def receiver(self, domain_id: str, policy: DomainPolicy) -> Receiver:
        """What the domain of this log, under this policy, knows of others."""
        pins = {each.pin.domain_id: each.pin.root_key_fingerprints[0] for each in self.decided if each.pin is not None}
        ids = frozenset(each.record.body.request_id for each in self.decided)
        return Receiver(domain_id, policy, pins, ids, self.epoch)


def check_by_hand(history: History, domain_id: str, after: State) -> Finding:
    """DOMAIN-STATE-MOVE: the change is one that needs no decision. What was suspended in FULL goes back there."""
    before = history.state(domain_id)
    found = check_move(before, after)
    back = after is State.FULL and before is State.SUSPENDED and history.before_suspension(domain_id) is State.FULL
    ok = found.ok and before is not after and (back or after in (State.SUSPENDED, State.REVOKED))
    was = f", which was {history.before_suspension(domain_id)} before" if before is State.SUSPENDED else ""
    return Finding(found.check_id, ok, f"{domain_id}: from {before}{was} to {after}")


def read_history(reading: Reading, *, rehearsal: bool) -> History:
    """All that a log says of other domains. Raises Damaged, Malformed, IoFailed."""
    return History(tuple(_step(reading, *each, rehearsal=rehearsal) for each in reading.of(RecordType.ADMISSION)))


def epoch_of(entry: Entry) -> int:
    """In which epoch a record's decision was made; 0 where it is none. Raises Malformed."""
    if "decision" not in entry.facts:
        return 0
    epoch = entry.facts.get("epoch")
    if type(epoch) is not int or not 0 < epoch <= LAST_EPOCH:
        raise Malformed(f"{epoch!a:.40} is no epoch", check_id=ADMISSION_FACTS)
    return epoch


def state_of(entry: Entry) -> State | None:
    """The state that a record says, if it says one. Raises Malformed."""
    said = entry.facts.get("state")
    if said is not None and (type(said) is not str or said not in set(State)):
        raise Malformed(f"{said!a:.40} is no state", check_id=ADMISSION_FACTS)
    return None if said is None else State(said)


def facts_of(step: Step) -> dict[str, object]:
    """What the record of a step must say, by what the step is."""
    said: dict[str, object] = {"domain_id": step.domain_id}
    said |= {"state": step.state.value} if step.state is not None else {}
    if step.decided is None:
        return said | ({"reason": step.reason} if step.reason else {})
    record = step.decided.record.body
    said |= {"decision": record.decision.value, "epoch": record.decision_epoch, "request_id": record.request_id}
    return said | ({"known_root": step.known_root} if step.known_root else {})


def _step(reading: Reading, logseq: int, entry: Entry, *, rehearsal: bool) -> Step:
    domain_id, known_root = entry.facts.get("domain_id"), entry.facts.get("known_root", "")
    if type(domain_id) is not str or not DOMAIN_ID.fullmatch(domain_id) or type(known_root) is not str:
        raise Malformed(f"record {logseq}: {domain_id!a:.40} is no domain", check_id=ADMISSION_FACTS)
    epoch = epoch_of(entry)
    decided = _decided(reading, entry, epoch, rehearsal=rehearsal) if epoch else None
    return Step(logseq, entry, domain_id, state_of(entry), decided, known_root)


def _decided(reading: Reading, entry: Entry, epoch: int, *, rehearsal: bool) -> Decided:
    at = partial(layout.admission_name, epoch)
    lease, pin = layout.lease_name(epoch), layout.trust_pin_name(epoch)

    def signed(name: str, kind: Kind, read: Callable[[bytes], B]) -> Signed[B]:
        return load_signed(reading, name, kind, read, rehearsal=rehearsal)

    certified = [name for name in sorted(entry.files) if fits(name, at(CERTIFICATE_START), JSON)]
    sent = Application(
        request=signed(at(f"{REQUEST}{JSON}"), admission.REQUEST, read_request),
        dam=signed(at(f"{DAM}{JSON}"), dam.KIND, read_dam),
        policy=reading.load(_only(entry.files, at(POLICY_START)), read_policy),
        certificates=tuple(signed(name, certificate.KIND, read_certificate) for name in certified),
        roots=reading.load(at(ROOTS), read_root_set),
    )
    return Decided(
        sent,
        signed(at(f"{DECISION}{JSON}"), admission.RECORD, read_record),
        signed(lease, admission.LEASE, read_lease) if lease in entry.files else None,
        reading.load(pin, read_pin) if pin in entry.files else None,
    )


def _only(names: Iterable[str], start: str) -> str:
    found = [name for name in names if fits(name, start, JSON)]
    if len(found) != 1:
        words = f"the record of a decision names one file {start}*.json, this one {len(found)}"
        raise Malformed(words, check_id=ADMISSION_FACTS)
    return found[0]
