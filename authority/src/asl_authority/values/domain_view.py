"""domain.json: what a host says of a domain, derived from the domain's log and the host's; never read back as true."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from asl_authority.errors import Malformed
from asl_authority.values.canonical import canonical_bytes, read_canonical
from asl_authority.values.domain_state import STILL, State
from asl_authority.values.fields import SHA256, Fields
from asl_authority.values.finding import Finding
from asl_authority.values.identifiers import DOMAIN_ID
from asl_authority.values.log_entry import Entry
from asl_authority.values.log_record import RecordType
from asl_authority.values.rules import Rule

PAPER = "ENC-ASL-HOST/1"

RULES = (
    Rule("DOMAIN-VIEW-SCHEMA", PAPER, "S", "domain.json has the paper's members; what is not yet so is left out (C)."),
    Rule("DOMAIN-VIEW-CURRENT", PAPER, "C", "domain.json is what the log says; where it differs, the log counts,"
         " and in a suspended or revoked domain it is only said."),
    Rule("DOMAIN-VIEW-FACTS", PAPER, "C", "Records say what the view is made of: see `derive`."),
)  # fmt: skip

_OPTIONAL = ("admitted_at?", "created_at?", "current_snapshot?", "policy_hash?", "root_key_fingerprint?")


@dataclass(frozen=True)
class DomainView:
    """The eight members. `created_at` and `admitted_at` are record numbers: no clock is trusted. Empty: not yet."""

    domain_id: str
    state: State = State.UNRECOGNIZED
    created_at: int = 0
    admitted_at: int = 0
    root_key_fingerprint: str = ""
    policy_hash: str = ""
    current_snapshot: str = ""
    current_logseq: int = 0

    def to_bytes(self) -> bytes:
        """The one text of the view."""
        always = {"domain_id": self.domain_id, "state": self.state.value, "current_logseq": self.current_logseq}
        members = {"created_at": self.created_at, "admitted_at": self.admitted_at}
        texts = {"root_key_fingerprint": self.root_key_fingerprint, "policy_hash": self.policy_hash}
        found = {**members, **texts, "current_snapshot": self.current_snapshot}
        return canonical_bytes(always | {name: value for name, value in found.items() if value})


def read_domain_view(data: bytes) -> DomainView:
    """A domain.json, for showing beside the derived one. Raises Malformed."""
    names = ("domain_id", "state", "current_logseq", *_OPTIONAL)
    fields = Fields(read_canonical(data), names, "domain.json", "DOMAIN-VIEW-SCHEMA")

    def digest(name: str) -> str:
        return fields.text(name, SHA256) if fields.has(name) else ""

    def number(name: str) -> int:
        return fields.integer(name, 1) if fields.has(name) else 0

    return DomainView(
        domain_id=fields.text("domain_id", DOMAIN_ID),
        state=fields.choice("state", State),
        created_at=number("created_at"),
        admitted_at=number("admitted_at"),
        root_key_fingerprint=digest("root_key_fingerprint"),
        policy_hash=digest("policy_hash"),
        current_snapshot=digest("current_snapshot"),
        current_logseq=fields.integer("current_logseq"),
    )


def derive(
    domain_id: str,
    entries: Iterable[tuple[int, Entry]],
    current_logseq: int,
    host: Iterable[tuple[int, Entry]] = (),
) -> DomainView:
    """The view that two logs make; `entries` are the domain's records with their numbers, in order. Raises Malformed.

    A DOMAIN record makes the domain; KEY says `root_key_fingerprint`, POLICY `policy_hash`, SNAPSHOT and RESTORE
    `snapshot_id`.
    How the host stands to the domain is the host's to say: of its records in `host`, ADMISSION has a `state` for a
    `domain_id`, and `admitted_at` is the number of the first. Records that say nothing of it change nothing.
    """
    view = DomainView(domain_id, current_logseq=current_logseq)
    for logseq, entry in entries:
        view = _after(view, logseq, entry)
    for logseq, entry in host:
        if entry.type is RecordType.ADMISSION and entry.facts.get("domain_id") == domain_id:
            view = _admitted(view, logseq, entry)
    return view


def facts_of_domain(entries: Iterable[tuple[int, Entry]]) -> dict[str, str]:
    """What the record that made the domain says of it, as text: `label`, and `common` where it refers to a domain."""
    made = next((entry.facts for _, entry in entries if entry.type is RecordType.DOMAIN), {})
    return {name: str(made[name]) for name in ("label", "common") if name in made}


def check_current(derived: DomainView, kept: bytes | None) -> Finding:
    """DOMAIN-VIEW-CURRENT: the file is the one that the log makes.

    Where a domain goes on, its next operation mends the file. In one that is suspended or revoked there may never be
    one: that the file is not there, or does not know of that yet, is said and is no failure, for the log counts.
    """
    ok = kept == derived.to_bytes()
    if ok:
        return Finding("DOMAIN-VIEW-CURRENT", ok, derived.domain_id)
    said = f"{derived.domain_id}: domain.json {'is not there' if kept is None else 'says something else than the log'}"
    if derived.state not in STILL or not (kept is None or _only_the_state_is_old(derived, kept)):
        return Finding("DOMAIN-VIEW-CURRENT", False, said)
    words = f"{said}; the log counts: the domain is {derived.state}. The host's next operation renews the file"
    return Finding("DOMAIN-VIEW-CURRENT", True, words)


def _only_the_state_is_old(derived: DomainView, kept: bytes) -> bool:
    try:
        read = read_domain_view(kept)
    except Malformed:
        return False
    return replace(read, state=derived.state, admitted_at=derived.admitted_at) == derived


def _after(view: DomainView, logseq: int, entry: Entry) -> DomainView:
    kind, facts = entry.type, entry.facts
    if kind is RecordType.DOMAIN and not view.created_at:
        return replace(view, created_at=logseq)
    if kind is RecordType.KEY and "root_key_fingerprint" in facts:
        return replace(view, root_key_fingerprint=_digest(view, logseq, facts["root_key_fingerprint"]))
    if kind is RecordType.POLICY and "policy_hash" in facts:
        return replace(view, policy_hash=_digest(view, logseq, facts["policy_hash"]))
    if kind in (RecordType.SNAPSHOT, RecordType.RESTORE) and "snapshot_id" in facts:
        return replace(view, current_snapshot=_digest(view, logseq, facts["snapshot_id"]))
    return view


def _admitted(view: DomainView, logseq: int, entry: Entry) -> DomainView:
    if "state" not in entry.facts:
        return view
    state = entry.facts["state"]
    if type(state) is not str or state not in set(State):
        words = f"{view.domain_id}: record {logseq} of the host: {state!a:.40} is no state"
        raise Malformed(words, check_id="DOMAIN-VIEW-FACTS")
    return replace(view, state=State(state), admitted_at=view.admitted_at or logseq)


def _digest(view: DomainView, logseq: int, value: object) -> str:
    if type(value) is not str or not SHA256.fullmatch(value):
        words = f"{view.domain_id}: record {logseq}: {value!a:.40} is no SHA-256"
        raise Malformed(words, check_id="DOMAIN-VIEW-FACTS")
    return value
