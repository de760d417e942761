"""An operation in a domain that is there: done whole under a claim that covers it, with a receipt, or not at all."""

from __future__ import annotations

import errno
from dataclasses import replace
from pathlib import Path

import pytest

from asl_authority.errors import Aborted, AuthorityError, Busy, Damaged, IoFailed, Refused
from asl_authority.front import ui
from asl_authority.operations.act import Act, Bench, Done, Made, Standing, carry_out, expect_may_act, expect_sound
from asl_authority.operations.boot_claim import claims_for
from asl_authority.operations.domain_check import Report
from asl_authority.operations.founding import found_domain
from asl_authority.operations.gate import Gate, rehearsal_gate
from asl_authority.operations.pieces import Piece
from asl_authority.operations.receipts import PROGRAM
from asl_authority.operations.store_acts import put_act
from asl_authority.storage.disk import HostDisk
from asl_authority.storage.domains import create_directories, held
from asl_authority.values.domain_state import State
from asl_authority.values.dsse import read_envelope
from asl_authority.values.log_record import RecordType
from asl_authority.values.receipt import LIMITS, REHEARSAL_TYPE, read_receipt
from support.acts import ME, stand, standing_in
from support.genesis import founding
from support.samples.claim import CLAIM

DISK = HostDisk()


@pytest.fixture
def root(founded_store: Path) -> Path:
    """A store of this test's own."""
    return founded_store


def put(standing: Standing, data: bytes = b"a file\n", gate: Gate | None = None) -> Done:
    return carry_out(standing, put_act(standing, {"a.txt": data}), gate or rehearsal_gate(), standing_in(standing))


def types(report: Report) -> list[str]:
    return [entry.type.name for _, entry in report.entries]


def test_an_operation_leaves_its_records_with_the_receipt_last_under_one_head(root: Path) -> None:
    standing = stand(root)
    done = put(standing)

    assert types(done.report)[len(standing.report.entries) :] == ["ARTIFACT", "RECEIPT"]
    assert [entry.left for _, entry in done.report.entries[-2:]] == [1, 0]
    assert done.head.size == standing.report.head.size + 2 == done.receipt.logseq
    assert (done.receipt.previous, done.receipt.program) == (standing.report.last_receipt, PROGRAM)
    assert done.receipt.snapshot_id == standing.report.view.current_snapshot
    blocks = done.report.entries[-2][1].blocks
    assert [(each.name, each.sha256) for each in done.receipt.outputs] == [("a.txt", blocks[0])]
    assert all(finding.ok for finding in stand(root).report.findings)


def test_what_was_confirmed_is_kept_under_its_digest(root: Path) -> None:
    standing = stand(root)
    asked = put_act(standing, {"a.txt": b"x"})
    done = carry_out(standing, asked, rehearsal_gate(), standing_in(standing))
    path = standing.source.paths.block(done.receipt.parameters)

    assert path.read_bytes() == asked.parameters
    envelope = (standing.source.paths.root / f"receipts/receipt-{done.receipt.logseq}.per").read_bytes()
    kept = read_receipt(read_envelope(envelope, REHEARSAL_TYPE, LIMITS).payload, rehearsal=True)
    assert kept == done.receipt


def test_operations_follow_each_other_and_their_receipts_are_a_chain(root: Path) -> None:
    first = put(stand(root))
    second = put(stand(root), b"another\n")

    assert second.receipt.previous == first.receipt.per_artifact_id
    assert second.head.size == first.head.size + 2, "the claim of this boot covers both: none is made anew"


def test_after_a_restart_a_new_claim_is_pinned_first(root: Path) -> None:
    standing = stand(root)
    other = replace(rehearsal_gate(), session_id="5e" * 16)
    worded = replace(other, claim_for=lambda *given: replace(rehearsal_gate().claim_for(*given), session_id="5e" * 16))
    done = put(standing, gate=worded)

    assert types(done.report)[-4:] == ["SNAPSHOT", "CLAIM", "ARTIFACT", "RECEIPT"]
    assert done.receipt.snapshot_id == done.report.view.current_snapshot != standing.report.view.current_snapshot


def test_a_gate_whose_claim_is_not_verified_lets_nothing_into_a_domain(root: Path) -> None:
    standing = stand(root)
    shut = replace(rehearsal_gate(), rehearsal=False)
    before = tree(root)

    with pytest.raises(Refused) as refused:
        put(standing, gate=shut)
    assert refused.value.check_id == "CLAIM-VERIFIED"
    assert tree(root) == before


def test_under_a_verified_claim_it_is_done_for_real(tmp_path: Path) -> None:
    real = Gate(CLAIM.session_id, claims_for(CLAIM), rehearsal=False)
    store = create_directories(DISK, tmp_path)
    found_domain(DISK, store, founding("the host", real, domain_id="host", rehearsal=False))
    found_domain(DISK, store, founding("me", real, domain_id=ME, rehearsal=False))
    standing = stand(tmp_path, rehearsal=False)
    done = put(standing, gate=real)

    assert not done.receipt.rehearsal
    assert b"rehearsal" not in (standing.source.paths.root / f"receipts/receipt-{done.receipt.logseq}.per").read_bytes()


def test_what_was_looked_at_is_what_is_changed(root: Path) -> None:
    standing = stand(root)
    put(stand(root))

    with pytest.raises(Refused, match="not as it was when this was shown"):
        put(standing, b"another\n")


def test_a_second_writer_waits(root: Path) -> None:
    standing = stand(root)
    with held(DISK, standing.source.paths.root), pytest.raises(Busy):
        put(standing)


@pytest.mark.parametrize("state", [State.SUSPENDED, State.REVOKED])
def test_in_a_domain_that_is_suspended_or_revoked_nothing_is_signed(root: Path, state: State) -> None:
    standing = stand(root)
    standing = replace(standing, report=replace(standing.report, view=replace(standing.report.view, state=state)))
    before = tree(root)

    with pytest.raises(Refused) as refused:
        put(standing)
    assert refused.value.check_id == "DOMAIN-ACTS"
    assert tree(root) == before


@pytest.mark.parametrize(("state", "done"), [(State.SUSPENDED, True), (State.REVOKED, False)])
def test_what_ends_a_suspension_is_done_in_it_and_nothing_ends_a_revocation(
    root: Path, state: State, done: bool
) -> None:
    standing = stand(root)
    standing = replace(standing, report=replace(standing.report, view=replace(standing.report.view, state=state)))
    ends_it = Act("x", "x", (), b"x", lambda _: Made(()), in_any_state=True)

    if done:
        expect_may_act(standing, ends_it)
    else:
        with pytest.raises(Refused, match="REVOKED: nothing is signed in it"):
            expect_may_act(standing, ends_it)


def test_what_an_interrupted_try_left_under_a_name_is_taken_away(root: Path) -> None:
    standing = stand(root)
    size = standing.report.head.size
    (standing.source.paths.root / f"receipts/receipt-{size + 2}.per").write_bytes(b"half a receipt")
    (standing.source.paths.root / f"receipts/receipt-{size + 2}.per.sig").write_bytes(b"half a receipt")

    assert put(standing).receipt.logseq == size + 2


def test_what_the_log_names_is_never_taken_away(root: Path) -> None:
    standing = stand(root)

    def make(bench: Bench) -> Made:
        return Made((bench.put(Piece(RecordType.DAM, {"dam/dam-1.json": b"another"})),))

    before = (standing.source.paths.root / "dam/dam-1.json").read_bytes()
    with pytest.raises(Refused, match="nothing is overwritten"):
        carry_out(standing, Act("x", "x", (), b"x", make), rehearsal_gate(), standing_in(standing))
    assert (standing.source.paths.root / "dam/dam-1.json").read_bytes() == before


def test_a_domain_that_breaks_a_rule_is_not_added_to(root: Path) -> None:
    path = root / "domains" / ME / "certs/root.pub"
    path.write_bytes(path.read_bytes() + b"\n")

    with pytest.raises(Damaged) as damaged:
        expect_sound(stand(root, sound=False).report, ME)
    assert damaged.value.check_id == "DOMAIN-ARTIFACTS"


def test_a_view_that_lags_behind_its_log_is_renewed(root: Path) -> None:
    view = root / "domains" / ME / "domain.json"
    view.write_bytes(b"{}")
    standing = stand(root)
    done = put(standing)

    assert done.report.view.to_bytes() == view.read_bytes()


class StoppedDisk(HostDisk):
    """Stops the person's work when a file is put in its place: after the commit at domain.json, within it before."""

    def __init__(self, error: BaseException, at: str = "domain.json") -> None:
        super().__init__()
        self.error = error
        self.at = at

    def rename(self, old: Path, new: Path) -> None:
        if new.name == self.at:
            raise self.error
        super().rename(old, new)


@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError(errno.ENOSPC, "No space left on device")])
def test_what_stops_it_after_the_commit_is_said_and_the_operation_is_done(root: Path, error: BaseException) -> None:
    standing = stand(root, disk=StoppedDisk(error))
    done = put(standing)

    assert done.head.size == standing.report.head.size + 2
    assert any("the operation is done" in note or "done already" in note for note in done.notes)
    assert stand(root).report.head == done.head
    assert put(stand(root), b"the next\n").report.ok, "and the next one renews the view"


@pytest.mark.parametrize(
    ("error", "told"),
    [(KeyboardInterrupt(), Aborted), (OSError(errno.ENOSPC, "x"), IoFailed), (OSError(errno.EIO, "x"), IoFailed)],
)
def test_what_stops_it_within_the_commit_leaves_that_open_and_the_next_settles_it(
    root: Path, error: BaseException, told: type[AuthorityError]
) -> None:
    before = stand(root)
    with pytest.raises(told) as stopped:
        put(stand(root, disk=StoppedDisk(error, "checkpoint")))
    assert "log verify" in str(stopped.value.hint)
    assert "nothing half-made" not in ui.hint_of(stopped.value, "x")
    assert stand(root).report.head == before.report.head

    with pytest.raises(Refused, match="were whole, and were committed") as refused:
        put(stand(root))
    assert "receipt list" in str(refused.value.hint)
    assert stand(root).report.head.size == before.report.head.size + 2
    assert stand(root).report.ok, "and domain.json says so"


@pytest.mark.parametrize(("error", "told"), [(KeyboardInterrupt(), Aborted), (OSError(errno.ENOSPC, "x"), IoFailed)])
def test_what_stops_the_claim_before_it_has_begun_nothing_else(
    root: Path, error: BaseException, told: type[AuthorityError]
) -> None:
    other = replace(rehearsal_gate(), session_id="5f" * 16)  # another start, whose claim is not there yet
    new = replace(other, claim_for=lambda *given: replace(rehearsal_gate().claim_for(*given), session_id="5f" * 16))
    with pytest.raises(told) as stopped:
        put(stand(root, disk=StoppedDisk(error, "checkpoint")), gate=new)

    assert "was not begun" in str(stopped.value.hint)
    assert "counts" not in str(stopped.value.hint)


@pytest.mark.parametrize("name", ["receipts", "store"])
def test_where_there_is_no_room_before_the_commit_nothing_was_done_and_that_is_said(root: Path, name: str) -> None:
    class Full(HostDisk):
        def open_new(self, path: Path) -> int:
            if path.parent.name == name:
                raise OSError(errno.ENOSPC, "No space left on device")
            return super().open_new(path)

    with pytest.raises(IoFailed) as refused:
        put(stand(root, disk=Full()))

    assert refused.value.check_id == "VOLUME-FULL"
    assert "nothing of this was done" in str(refused.value.hint)


def test_a_domain_that_is_held_when_the_host_has_spoken_of_it_is_a_note_and_no_failure(root: Path) -> None:
    standing = stand(root, "host")

    def make(bench: Bench) -> Made:
        facts = {"domain_id": ME, "state": "REVOKED"}
        return Made((bench.put(Piece(RecordType.DOMAIN, blocks=(b"x",), facts=facts)),), concerns=(ME,))

    with held(DISK, root / "domains" / ME):
        done = carry_out(standing, Act("x", "x", (), b"x", make), rehearsal_gate(), standing_in(standing))
    assert any(f"domain.json of {ME} was not renewed" in note for note in done.notes)
    assert stand(root, "host").report.head == done.head


def tree(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}
