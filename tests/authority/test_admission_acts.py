"""Admission in a store: decided by the receiver, recorded for ever, enforced in domains that are here by courtesy."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from asl_authority.errors import Damaged, Malformed, Refused, UsageError
from asl_authority.operations.act import Act, Bench, Made, Standing, expect_sound
from asl_authority.operations.admission import (
    Ruling,
    apply_act,
    decide_act,
    hear,
    make_record,
    record_facts,
    sign_decision,
)
from asl_authority.operations.admission_check import check_decision, check_history
from asl_authority.operations.admission_history import Decided
from asl_authority.operations.applications import Application, court_of
from asl_authority.operations.courtesy import expect_courtesy
from asl_authority.operations.domain_moves import Move, move_act
from asl_authority.operations.domain_reading import read_domain
from asl_authority.operations.pieces import Piece
from asl_authority.operations.replay import replay
from asl_authority.operations.root_chain import Court
from asl_authority.operations.store_acts import put_act
from asl_authority.storage import layout
from asl_authority.storage.domains import held
from asl_authority.storage.snapshots import load_snapshot
from asl_authority.values import admission, rfc8032
from asl_authority.values.admission import Decision, Terms, read_request
from asl_authority.values.cbor_views import DAM_VIEW, read_dam_view, read_decision_view, read_request_view
from asl_authority.values.domain_state import State
from asl_authority.values.log_record import RecordType
from asl_authority.values.policy import FederationPolicy
from asl_authority.values.roles import Role
from asl_authority.values.signed import unsigned
from asl_authority.values.trust_pin import TrustPin, read_pin
from support.acts import ME, standing_in
from support.admissions import (
    FOREIGN,
    FOREIGN_KEY,
    LIMITED,
    SCOPE,
    STRANGER,
    admitted,
    decide,
    done,
    foreign,
    local,
    request_id,
    stand,
)
from support.genesis import POLICY
from support.story_store import QuickDisk

ACCEPTED, DEFERRED, REJECTED = Ruling(Decision.ACCEPTED), Ruling(Decision.DEFERRED), Ruling(Decision.REJECTED)


@pytest.fixture
def root(founded_store: Path) -> Path:
    """A store of this test's own."""
    return founded_store


def state(root: Path, domain_id: str = ME) -> State:
    return stand(root, "host").report.history.state(domain_id)


def put(root: Path, data: bytes = b"a file\n") -> None:
    standing = stand(root)
    done(standing, put_act(standing, {"a.txt": data}))


def failed(standing: Standing, sent: Application, known_root: str = "") -> set[str]:
    return {each.check_id for each in hear(standing, sent, known_root).findings() if not each.ok}


def move(root: Path, what: Move, domain_id: str = ME, reason: str = "") -> None:
    host = stand(root, "host")
    done(host, move_act(host, domain_id, what, reason))


# The four decisions.


def test_what_is_accepted_is_full_and_its_files_have_the_papers_names(root: Path) -> None:
    done = admitted(root, ACCEPTED)
    entry = done.report.entries[-2][1]
    below = root / "host/admission/1"

    assert (state(root), stand(root).report.view.state) == (State.FULL, State.FULL)
    assert json.loads((root / "domains" / ME / "domain.json").read_bytes())["admitted_at"] == done.receipt.logseq - 1
    assert {path.name for path in below.iterdir()} >= {
        *("dam.cbor", "dam.sig", "admission-request.cbor", "admission-decision.cbor", "admission-decision.sig"),
        *("dam.json", "dam.json.sig", "admission-request.json.sig", "admission-decision.json", "root-set.json"),
    }
    assert (below / "dam.sig").read_bytes() == (below / "dam.json.sig").read_bytes()
    record = read_decision_view((below / "admission-decision.cbor").read_bytes())
    assert record == done.report.history.decided[0].record.body
    assert read_dam_view((below / "dam.cbor").read_bytes()).hash == record.dam_hash
    assert read_request_view((below / "admission-request.cbor").read_bytes()).request_id == request_id(1)
    assert (record.decision_epoch, record.admitted_scope) == (1, tuple(sorted(SCOPE)))
    assert entry.facts["state"] == "FULL"
    assert set(entry.files) == {
        *(f"admission/1/{path.name}" for path in below.iterdir()),
        layout.trust_pin_name(1),
    }


def test_a_limited_acceptance_is_a_courtesy_with_a_lease(root: Path) -> None:
    done = admitted(root, replace(LIMITED, scope=(Role.PRODUCE,)))
    lease = done.report.history.decided[0].lease

    assert state(root) is State.COURTESY
    assert lease is not None
    assert (lease.body.granted_epoch, lease.body.expires_epoch) == (1, 3)
    assert (root / "host/leases/1.json").read_bytes() == lease.body.to_bytes()
    assert lease.body.scope == (Role.PRODUCE,)


@pytest.mark.parametrize("ruling", [DEFERRED, REJECTED])
def test_what_is_not_accepted_changes_nothing_and_is_kept(root: Path, ruling: Ruling) -> None:
    done = decide(root, foreign(), ruling)
    entry = done.report.entries[-2][1]

    assert state(root, STRANGER) is State.UNRECOGNIZED
    assert "state" not in entry.facts
    assert not any(name.startswith(("auth/", "leases/")) for name in entry.files)
    assert done.report.history.decided[0].record.body.decision is ruling.decision


def test_a_rejection_says_which_checks_failed(root: Path) -> None:
    sent = replace(foreign(), certificates=())
    done = decide(root, sent, REJECTED)

    assert done.report.history.decided[0].record.body.reasons == ("DAM-ROOT-CERTIFIED",)


def test_epochs_count_decisions_and_nothing_is_overwritten(root: Path) -> None:
    admitted(root, LIMITED)
    before = {path: path.read_bytes() for path in (root / "host/admission").rglob("*") if path.is_file()}
    decide(root, foreign(2), REJECTED)
    done = admitted(root, ACCEPTED, 3)

    assert [each.epoch for each in done.report.history.decided] == [1, 2, 3]
    assert state(root) is State.FULL
    assert {path: path.read_bytes() for path in before} == before


def test_a_receiver_may_be_any_domain_of_the_store_and_only_the_hosts_word_counts_for_domain_json(root: Path) -> None:
    decide(root, foreign(receiver=ME), ACCEPTED, ME)

    assert stand(root).report.history.state(STRANGER) is State.FULL
    assert state(root, STRANGER) is State.UNRECOGNIZED
    assert (root / "domains" / ME / "admission/1/dam.cbor").is_file()


def test_receipts_of_admissions_and_of_changes_by_hand_are_replayed(root: Path) -> None:
    me = stand(root)
    asked = done(me, apply_act(me, "host", SCOPE, None))
    decided = admitted(root, ACCEPTED)
    host = stand(root, "host")
    suspended = done(host, move_act(host, ME, Move.SUSPEND))

    for domain_id, each in ((ME, asked), ("host", decided), ("host", suspended)):
        assert [finding.check_id for finding in replay(stand(root, domain_id), each.receipt) if not finding.ok] == []


# Foreign roots.


def test_a_stranger_is_held_to_roots_that_were_named_and_is_pinned(root: Path) -> None:
    standing = stand(root, "host")
    own = replace(foreign(), roots=standing.report.authority.roots)
    assert failed(standing, own) == {"DAM-ROOT-CERTIFIED"}

    act = decide_act(hear(standing, foreign()), ACCEPTED)
    assert "THESE ROOTS ARE TRUSTED for this domain, if you go on:" in act.lines
    assert f"  {FOREIGN.root_keys[0].key_id}" in act.lines
    done(standing, act)
    pin = read_pin((root / "host" / layout.trust_pin_name(1)).read_bytes())
    assert (pin.domain_id, pin.root_key_fingerprints) == (STRANGER, (foreign().dam.body.root_key.key_id,))


def test_a_domain_whose_roots_have_retired_is_held_to_the_set_that_certified_it(root: Path) -> None:
    sent, newest = foreign(), Court((), stand(root, "host").report.authority.roots)
    older = Court(sent.certificates, FOREIGN)

    assert court_of(sent.dam.body, (newest, older)) == older
    assert court_of(sent.dam.body, (newest, Court((), FOREIGN))) == newest
    host = stand(root, "host")
    assert hear(host, sent).foreign
    assert not hear(replace(host, report=replace(host.report, courts=(newest, older))), sent).foreign


def test_another_root_key_for_a_pinned_domain_is_a_collision(root: Path) -> None:
    decide(root, foreign(), ACCEPTED)
    other = local(stand(root), 2)
    dam = replace(other.dam.body, domain_id=STRANGER)
    body = replace(other.request.body, domain_id=STRANGER, dam_hash=dam.hash)
    signed = replace(other, request=replace_body(other.request, body), dam=replace_body(other.dam, dam))

    assert "ADMISSION-COLLISION" in failed(stand(root, "host"), signed)


def test_a_stranger_with_the_id_of_a_domain_here_is_a_collision(root: Path) -> None:
    known = stand(root).report.view.root_key_fingerprint

    assert failed(stand(root, "host"), foreign(domain_id=ME), known) == {"ADMISSION-COLLISION"}


def replace_body(artifact: Any, body: Any) -> Any:
    """The artifact with another body, and with signatures that are not its own."""
    envelope = replace(artifact.envelope, payload=body.to_bytes())
    return replace(artifact, body=body, envelope=envelope)


# What is refused.


def test_no_request_is_decided_twice_not_even_by_another_decision(root: Path) -> None:
    decide(root, foreign(), DEFERRED)
    host = stand(root, "host")

    assert "ADMISSION-REPLAY" in failed(host, foreign())
    for ruling in (ACCEPTED, DEFERRED, REJECTED, LIMITED):
        with pytest.raises(Refused) as refused:
            decide_act(hear(host, foreign()), ruling)
        assert refused.value.check_id == "ADMISSION-REPLAY"


@pytest.mark.parametrize(
    ("change", "check_id"),
    [
        ({"receiver": "elsewhere.example"}, "ADMISSION-RECEIVER"),
        ({"dam_hash": "00" * 32}, "ADMISSION-DAM-EQUAL"),
        ({"requested_scope": (Role.FEDERATE,)}, "ADMISSION-COMPATIBLE"),
    ],
)
def test_what_failed_a_check_is_never_accepted(root: Path, change: dict[str, Any], check_id: str) -> None:
    host, sent = stand(root, "host"), foreign(**change)

    assert failed(host, sent) == {check_id}
    for ruling in (ACCEPTED, LIMITED):
        with pytest.raises(Refused) as refused:
            decide_act(hear(host, sent), ruling)
        assert refused.value.check_id in ("ADMISSION-REFUSED", "ADMISSION-RECORD-EQUAL")
    decide(root, sent, REJECTED)
    assert stand(root, "host").report.history.decided[0].record.body.reasons == (check_id,)


@pytest.mark.parametrize(
    ("change", "check_id"),
    [
        ({"policy": replace(POLICY, federation=FederationPolicy(True, True, ("x",)))}, "POLICY-HASH-EQUAL"),
        ({"certificates": ()}, "DAM-ROOT-CERTIFIED"),
        ({"request": None}, "ADMISSION-POSSESSION"),
    ],
)
def test_what_comes_with_a_request_is_held_to_its_rules(root: Path, change: dict[str, Any], check_id: str) -> None:
    sent = foreign()
    if "request" in change:
        change = {"request": replace(sent.request, envelope=replace(sent.request.envelope, signatures=()))}

    assert check_id in failed(stand(root, "host"), replace(sent, **change))


def test_more_than_was_asked_for_is_not_admitted(root: Path) -> None:
    for ruling in (replace(ACCEPTED, scope=(Role.AUDIT,)), replace(LIMITED, scope=(Role.PUBLISH,))):
        with pytest.raises(Refused) as refused:
            decide_act(hear(stand(root, "host"), foreign()), ruling)
        assert refused.value.check_id == "ADMISSION-ADMITTED"


@pytest.mark.parametrize(
    "ruling",
    [
        Ruling(Decision.ACCEPTED_LIMITED),
        replace(ACCEPTED, terms=Terms(1, 1)),
        replace(REJECTED, scope=(Role.AUDIT,)),
        replace(DEFERRED, terms=Terms(1, 1)),
    ],
)
def test_a_decision_takes_what_goes_with_it(root: Path, ruling: Ruling) -> None:
    with pytest.raises(UsageError):
        decide_act(hear(stand(root, "host"), foreign()), ruling)


def test_a_lease_that_was_asked_for_need_not_be_said_again(root: Path) -> None:
    done = decide(root, foreign(lease=Terms(7, 1000)), Ruling(Decision.ACCEPTED_LIMITED))
    lease = done.report.history.decided[0].lease

    assert lease is not None
    assert (lease.body.expires_epoch, lease.body.quota_bytes) == (8, 1000)


def test_a_domain_does_not_admit_itself(root: Path) -> None:
    me = stand(root)
    with pytest.raises(Refused) as refused:
        hear(me, local(me, receiver=ME))
    assert refused.value.check_id == "ADMISSION-COLLISION"
    with pytest.raises(Refused):
        apply_act(me, ME, SCOPE, None)


def test_an_older_dam_of_a_domain_that_was_admitted_is_refused_and_the_same_may_come_again(root: Path) -> None:
    admitted(root, LIMITED)
    same = local(stand(root), 2)
    pinned = replace(same.dam.body, version=5)
    host = stand(root, "host")
    step = host.report.history.steps[0]
    assert step.decided is not None
    newer = replace(
        step, decided=replace(step.decided, sent=replace(step.decided.sent, dam=replace_body(same.dam, pinned)))
    )
    later = replace(host, report=replace(host.report, history=replace(host.report.history, steps=(newer,))))

    assert failed(host, same) == set()
    assert failed(later, same) == {"DAM-VERSION"}


def test_what_an_interrupted_decision_left_is_taken_away(root: Path) -> None:
    left = root / "host/admission/1"
    left.mkdir()
    (left / "policy-of-another.json").write_bytes(b"{}")
    (left / ".dam.json.part").write_bytes(b"{")
    (root / "host/leases/1.json").write_bytes(b"{}")
    admitted(root, LIMITED)

    assert not (left / "policy-of-another.json").exists()
    assert not list(left.glob(".*"))


# Applying.


def test_a_domain_applies_with_its_root_key_and_is_admitted_by_what_it_left(root: Path) -> None:
    me = stand(root)
    left = done(me, apply_act(me, "host", SCOPE, Terms(3, 1 << 20)))
    files = left.report.entries[-2][1].files
    name = next(name for name in files if not name.endswith(".sig"))
    asked = read_request((me.source.paths.root / name).read_bytes())

    assert name == layout.admission_request_name(asked.request_id)
    assert (asked.receiver, asked.domain_id, asked.lease) == ("host", ME, Terms(3, 1 << 20))
    again = apply_act(stand(root), "host", SCOPE, None)
    assert asked.request_id.encode() not in again.parameters, "the log has grown: another id"


def test_a_domain_asks_for_no_more_than_its_dam_has(root: Path) -> None:
    me = stand(root)
    small = replace(me.report.authority.dams[-1].dam.body, scope=(Role.AUDIT,))
    authority = me.report.authority
    dam = replace(authority.dams[-1], dam=replace_body(authority.dams[-1].dam, small))
    limited = replace(me, report=replace(me.report, authority=replace(authority, dams=(dam,))))

    with pytest.raises(Refused) as refused:
        apply_act(limited, "host", SCOPE, None)
    assert refused.value.check_id == "ADMISSION-IN-SCOPE"


# Courtesies.


def test_a_courtesy_ends_with_its_lease_and_a_new_one_renews_it(root: Path) -> None:
    admitted(root, LIMITED)
    put(root)
    decide(root, foreign(2), REJECTED)
    put(root, b"still within\n")
    decide(root, foreign(3), REJECTED)

    with pytest.raises(Refused) as refused:
        put(root, b"too late\n")
    assert refused.value.check_id == "ADMISSION-LEASE-HOLDS"
    me = stand(root)
    done(me, apply_act(me, "host", SCOPE, None))  # it may ask for another
    admitted(root, LIMITED, 4)
    put(root, b"again\n")


def test_a_courtesy_without_a_lease_allows_nothing(root: Path) -> None:
    standing = stand(root)
    with pytest.raises(Refused) as refused:
        expect_courtesy(standing.source, standing.store, None, 0)

    assert refused.value.check_id == "LEASE-GIVEN"


def test_a_courtesy_has_a_quota_and_a_scope(root: Path) -> None:
    used = sum(path.stat().st_size for path in (root / "domains" / ME / "store").glob("*.bin"))
    admitted(root, replace(LIMITED, terms=Terms(2, used + 10)))

    with pytest.raises(Refused, match=f"{used + 11} of {used + 10} bytes"):
        put(root, b"x" * 11)
    me = stand(root)
    done(me, apply_act(me, "host", SCOPE, None))  # brings nothing into the store that is counted
    admitted(root, replace(LIMITED, scope=(Role.AUDIT,)), 2)
    with pytest.raises(Refused, match="produce of audit"):
        put(root, b"x")


# By hand.


def test_what_is_suspended_signs_nothing_and_goes_back_to_full(root: Path) -> None:
    admitted(root, ACCEPTED)
    move(root, Move.SUSPEND, reason="the operator's key is missing")
    assert (state(root), stand(root).report.view.state) == (State.SUSPENDED, State.SUSPENDED)
    with pytest.raises(Refused) as refused:
        put(root)
    assert refused.value.check_id == "DOMAIN-ACTS"
    me = stand(root)
    done(me, apply_act(me, "host", SCOPE, None))

    move(root, Move.RESUME)
    put(root)
    assert [step.reason for step in stand(root, "host").report.history.steps][1:] == [
        "the operator's key is missing",
        "",
    ]


def test_what_is_suspended_is_not_suspended_again_nor_what_is_full_resumed(root: Path) -> None:
    admitted(root, ACCEPTED)
    for what in (Move.RESUME, Move.SUSPEND, Move.SUSPEND):
        if what is Move.SUSPEND and state(root) is State.FULL:
            move(root, what)
            continue
        with pytest.raises(Refused) as refused:
            move(root, what)
        assert refused.value.check_id == "DOMAIN-STATE-MOVE"


def test_what_had_a_lease_is_admitted_anew_and_not_resumed(root: Path) -> None:
    admitted(root, LIMITED)
    move(root, Move.SUSPEND)
    with pytest.raises(Refused) as refused:
        move(root, Move.RESUME)
    assert refused.value.check_id == "DOMAIN-STATE-MOVE"

    admitted(root, ACCEPTED, 2)
    assert state(root) is State.FULL


def test_revoking_is_final(root: Path) -> None:
    host = stand(root, "host")
    act = move_act(host, ME, Move.REVOKE)
    assert act.what.endswith("for ever")
    assert any("FINAL" in line for line in act.lines)
    done(host, act)

    for what in Move:
        with pytest.raises(Refused) as refused:
            move(root, what)
        assert refused.value.check_id == "DOMAIN-STATE-MOVE"
    with pytest.raises(Refused) as refused:
        admitted(root, ACCEPTED)
    assert refused.value.check_id == "DOMAIN-STATE-MOVE"
    with pytest.raises(Refused):
        put(root)
    with pytest.raises(Refused) as refused:
        apply_act(stand(root), "host", SCOPE, None)
    assert refused.value.check_id == "DOMAIN-ACTS"
    admitted(root, REJECTED)  # what asks all the same is told


def test_a_view_that_was_left_behind_in_a_revoked_domain_is_said_and_renewed_by_the_hosts_next_operation(
    root: Path,
) -> None:
    host = stand(root, "host")
    with held(QuickDisk(), root / "domains" / ME):  # somebody reads it just now: the view stays as it was
        notes = done(host, move_act(host, ME, Move.REVOKE)).notes
    assert any(f"domain.json of {ME} was not renewed" in note for note in notes)
    view = root / "domains" / ME / "domain.json"
    assert json.loads(view.read_bytes())["state"] == "UNRECOGNIZED"
    report = stand(root).report
    assert report.view.state is State.REVOKED
    assert report.ok
    assert [each.ok for each in report.findings if "domain.json says something else" in each.detail] == [True]

    host = stand(root, "host")
    done(host, put_act(host, {"a.txt": b"a file of the host's\n"}))
    assert json.loads(view.read_bytes())["state"] == "REVOKED"


def test_a_domain_whose_log_is_damaged_is_revoked_all_the_same_and_that_is_said(root: Path) -> None:
    log = root / "domains" / ME / "log/log-1.aol"
    data = bytearray(log.read_bytes())
    data[200] ^= 1
    log.write_bytes(data)
    for cached in (root / "domains" / ME / "index").iterdir():
        cached.unlink()
    host = stand(root, "host")

    moved = done(host, move_act(host, ME, Move.REVOKE))

    assert any(
        f"domain.json of {ME} was not renewed" in note and "is done all the same" in note for note in moved.notes
    )
    assert stand(root, "host").report.history.state(ME) is State.REVOKED


@pytest.mark.parametrize("what", [Move.SUSPEND, Move.RESUME])
def test_what_was_never_admitted_is_neither_suspended_nor_resumed(root: Path, what: Move) -> None:
    with pytest.raises(Refused) as refused:
        move(root, what)
    assert refused.value.check_id == "DOMAIN-STATE-MOVE"


@pytest.mark.parametrize("domain_id", ["host", "misspelt.example"])
def test_the_host_moves_domains_that_it_has_to_do_with(root: Path, domain_id: str) -> None:
    with pytest.raises(Refused, match="no domain that the host has to do with"):
        move(root, Move.REVOKE, domain_id)


@pytest.mark.parametrize("reason", ["x" * 201, "two\nlines"])
def test_a_reason_is_a_line(root: Path, reason: str) -> None:
    with pytest.raises(UsageError):
        move_act(stand(root, "host"), ME, Move.REVOKE, reason)


def test_a_foreign_domain_is_moved_too(root: Path) -> None:
    decide(root, foreign(), ACCEPTED)
    move(root, Move.SUSPEND, STRANGER)

    assert state(root, STRANGER) is State.SUSPENDED


# Held afterwards.


@pytest.mark.parametrize(
    "name", ["admission/1/dam.cbor", "admission/1/admission-decision.sig", "leases/1.json", "auth/pin-1.json"]
)
def test_a_changed_file_of_an_admission_is_found(root: Path, name: str) -> None:
    admitted(root, LIMITED)
    path = root / "host" / name
    path.write_bytes(path.read_bytes()[:-1])

    with pytest.raises(Damaged, match=name) as found:
        expect_sound(stand(root, "host", sound=False).report, "host")
    assert found.value.check_id == "DOMAIN-ARTIFACTS"


def test_a_missing_file_of_an_admission_is_found(root: Path) -> None:
    admitted(root, LIMITED)
    (root / "host/admission/1/admission-request.json.sig").unlink()

    with pytest.raises(Damaged, match="is not there"):
        stand(root, "host", sound=False)


def test_the_roots_certificates_are_verified_by_two_implementations(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host, sent = stand(root, "host"), foreign()
    right, root_key = rfc8032.verifies, FOREIGN_KEY.public.raw
    monkeypatch.setattr(rfc8032, "verifies", lambda key, *rest: key != root_key and right(key, *rest))

    assert "SIGN-VERIFIED-ELSEWHERE" in hear(host, sent).failed


Forge = Callable[[Bench, Decided, dict[str, Any]], tuple[Decided, dict[str, bytes], dict[str, Any]]]


def forge(root: Path, change: Forge, domain_id: str = ME, ruling: Ruling = LIMITED) -> str:
    """Record a decision that was changed on the way, by somebody who has the keys; the rule that finds it."""
    host = stand(root, "host")
    sent = local(stand(root)) if domain_id == ME else foreign()
    heard = hear(host, sent, sent.dam.body.root_key.key_id)
    record = make_record(heard, ruling)

    def make(bench: Bench) -> Made:
        decided = sign_decision(heard, replace(record, snapshot_id=bench.claim.snapshot_id), bench)
        bench.domain.clear_directory("admission/1")
        decided, more, facts = change(bench, decided, dict(record_facts(heard, record)))
        return Made((bench.put(Piece(RecordType.ADMISSION, decided.files() | more, (b"x",), facts)),))

    with pytest.raises(Damaged) as found:
        done(host, Act("x", "x", (), b"x", make))
    return found.value.check_id


def test_a_record_that_says_something_else_than_its_decision_is_found(root: Path) -> None:
    assert forge(root, lambda _, decided, facts: (decided, {}, {**facts, "decision": "ACCEPTED"})) == "ADMISSION-FACTS"


def test_a_record_with_a_state_that_was_not_decided_is_found(root: Path) -> None:
    assert forge(root, lambda _, decided, facts: (decided, {}, {**facts, "state": "FULL"})) == "ADMISSION-FACTS"


def test_a_record_with_a_file_too_many_is_found(root: Path) -> None:
    more = {"admission/1/note.txt": b"x"}
    assert forge(root, lambda _, decided, facts: (decided, more, facts)) == "ADMISSION-FILES"


def test_an_admission_without_its_pin_or_its_lease_is_found(root: Path) -> None:
    def change(_: Bench, decided: Decided, facts: dict[str, Any]) -> Any:
        return replace(decided, pin=None), {}, facts

    assert forge(root, change) == "ADMISSION-FILES"


def test_a_pin_of_another_root_key_is_found(root: Path) -> None:
    def change(_: Bench, decided: Decided, facts: dict[str, Any]) -> Any:
        assert decided.pin is not None
        return replace(decided, pin=replace(decided.pin, root_key_fingerprints=("0" * 64,))), {}, facts

    assert forge(root, change) == "TRUST-PIN-HOLDS"


def test_a_pin_of_who_was_rejected_is_found(root: Path) -> None:
    def change(_: Bench, decided: Decided, facts: dict[str, Any]) -> Any:
        dam = decided.sent.dam.body
        return replace(decided, pin=TrustPin(dam.domain_id, dam.policy_hash, (dam.root_key.key_id,))), {}, facts

    assert forge(root, change, ruling=REJECTED) == "ADMISSION-FILES"


def test_a_decision_is_pinned_to_a_snapshot_that_was_there_before_it(root: Path) -> None:
    admitted(root, LIMITED)
    standing = stand(root, "host")
    report, paths = standing.report, standing.source.paths
    reading, _ = read_domain(QuickDisk(), standing.store, paths, "host", rehearsal=True)
    name = report.view.current_snapshot
    assert name is not None
    snapshot = load_snapshot(QuickDisk(), paths, name)
    failed = [
        [each.check_id for each in check_history(report.history, reading, report.authority, there) if not each.ok]
        for there in ({name: snapshot}, {name: replace(snapshot, logseq=1000)}, {})
    ]

    assert failed == [[], ["ADMISSION-SNAPSHOT"], ["ADMISSION-SNAPSHOT"]]


def test_a_view_of_something_else_is_found(root: Path) -> None:
    other = DAM_VIEW.of(replace(foreign().dam.body, version=9).to_bytes())
    found = forge(root, lambda _, decided, facts: (decided, {"admission/1/dam.cbor": other}, facts))

    assert found == "VIEW-EQUAL"


def test_a_decision_that_nobody_who_may_has_signed_is_found(root: Path) -> None:
    def change(_: Bench, decided: Decided, facts: dict[str, Any]) -> Any:
        body = decided.record.body
        other = unsigned(admission.RECORD, body, rehearsal=True).signed_by(standing_in(stand(root))["operator"])
        return replace(decided, record=other), {}, facts

    assert forge(root, change) == "DAM-PRINCIPAL-LISTED"


def test_a_lease_that_grants_more_than_its_record_is_found(root: Path) -> None:
    def change(bench: Bench, decided: Decided, facts: dict[str, Any]) -> Any:
        assert decided.lease is not None
        more = replace(decided.lease.body, expires_epoch=100)
        lease = unsigned(admission.LEASE, more, rehearsal=True).signed_by(bench.signers["operator"])
        return replace(decided, lease=lease), {}, facts

    assert forge(root, change) == "ADMISSION-LEASE-EQUAL"


def test_a_decision_that_is_pinned_to_no_snapshot_of_the_receiver_is_found(root: Path) -> None:
    def change(bench: Bench, decided: Decided, facts: dict[str, Any]) -> Any:
        body = replace(decided.record.body, snapshot_id="5a" * 32)
        record = unsigned(admission.RECORD, body, rehearsal=True).signed_by(bench.signers["operator"])
        return replace(decided, record=record), {}, facts

    assert forge(root, change) == "ADMISSION-SNAPSHOT"


def test_an_acceptance_of_what_no_roots_certify_is_found(root: Path) -> None:
    def change(_: Bench, decided: Decided, facts: dict[str, Any]) -> Any:
        return replace(decided, sent=replace(decided.sent, certificates=())), {}, facts

    assert forge(root, change, STRANGER) == "ADMISSION-REFUSED"


@pytest.mark.parametrize(
    "facts",
    [
        {"domain_id": ME, "state": "FULL"},
        {"domain_id": ME, "state": "COURTESY"},
        {"domain_id": ME, "state": "SUSPENDED"},
        {"domain_id": ME},
    ],
)
def test_a_change_by_hand_that_takes_a_decision_is_found(root: Path, facts: dict[str, Any]) -> None:
    host = stand(root, "host")

    def make(bench: Bench) -> Made:
        return Made((bench.put(Piece(RecordType.ADMISSION, blocks=(b"x",), facts=facts)),), concerns=(ME,))

    with pytest.raises(Damaged) as found:
        done(host, Act("x", "x", (), b"x", make))
    assert found.value.check_id == "DOMAIN-STATE-MOVE"


@pytest.mark.parametrize("facts", [{"state": "FULL"}, {"domain_id": ME, "decision": "ACCEPTED"}, {"domain_id": "/"}])
def test_a_record_that_is_none_is_refused(root: Path, facts: dict[str, Any]) -> None:
    host = stand(root, "host")

    def make(bench: Bench) -> Made:
        return Made((bench.put(Piece(RecordType.ADMISSION, blocks=(b"x",), facts=facts)),))

    with pytest.raises(Malformed) as found:
        done(host, Act("x", "x", (), b"x", make))
    assert found.value.check_id == "ADMISSION-FACTS"


def test_the_same_request_decided_again_by_force_is_found(root: Path) -> None:
    admitted(root, LIMITED)
    report = stand(root, "host").report
    step = report.history.steps[0]
    assert step.decided is not None
    in_force = report.authority.dams[-1]
    found = check_decision(report.history, step.decided, "host", in_force, step.known_root)

    assert {each.check_id for each in found if not each.ok} == {
        *("ADMISSION-REPLAY", "ADMISSION-REFUSED", "ADMISSION-EPOCH"),
    }
