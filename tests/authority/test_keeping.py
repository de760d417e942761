"""Snapshots, runs and receipts of a domain: what was pinned is found again, what follows comes out again."""

from __future__ import annotations

import hashlib
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from asl_authority.errors import Malformed, Refused, UsageError
from asl_authority.operations.act import Act, Bench, Made, Standing
from asl_authority.operations.healing import find_lost, heal
from asl_authority.operations.pieces import Piece
from asl_authority.operations.receipt_check import judge_receipt, load_envelope
from asl_authority.operations.replay import find_receipt, list_receipts, replay
from asl_authority.operations.run_acts import gather, run_act
from asl_authority.operations.snapshot_acts import create_act, restore_act
from asl_authority.operations.store_acts import put_act
from asl_authority.storage import layout
from asl_authority.storage.blocks import BlockStore
from asl_authority.storage.disk import HostDisk
from asl_authority.storage.layout import DomainPaths
from asl_authority.values.canonical import canonical_bytes
from asl_authority.values.finding import Finding
from asl_authority.values.log_record import RecordType
from asl_authority.values.pel import Member, Operator, Program, Step
from support.acts import ME, do, stand
from support.genesis import founded

TEXT = b"what went in\n"
DIGEST = hashlib.sha256(TEXT).hexdigest()
PROGRAM = Program(
    (
        Step(Operator.INGEST, DIGEST, "text"),
        Step(Operator.PACK, (Member("a.txt", "text"),), "archive"),
        Step(Operator.HASH, "archive", "digest"),
    ),
    (Member("archive.tar", "archive"), Member("digest.txt", "digest")),
)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A rehearsal's store with a run, a file and a snapshot, which no test changes."""
    root = tmp_path_factory.mktemp("store")
    founded(HostDisk(), root, domain_id=ME)
    do(root, lambda standing: run_act(standing, PROGRAM, {DIGEST: TEXT}))
    do(root, lambda standing: put_act(standing, {"b.txt": b"another\n"}))
    do(root, create_act)
    return root


@pytest.fixture
def root(kept: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    shutil.copytree(kept, tmp_path / "store")
    return tmp_path / "store"


def failed(findings: tuple[Finding, ...]) -> list[str]:
    return [finding.check_id for finding in findings if not finding.ok]


def test_receipts_are_listed_in_the_order_of_the_log(kept: Path) -> None:
    listed = list_receipts(stand(kept))

    assert [each.receipt.operation for each in listed] == ["domain-create", "run", "store-put", "snapshot-create"]
    assert [each.receipt.determinism.value for each in listed] == ["partial", "full", "none", "none"]


def test_a_receipt_is_found_by_its_record_and_by_its_name(kept: Path) -> None:
    standing = stand(kept)
    run = list_receipts(standing)[1]

    assert find_receipt(standing, str(run.logseq)) == run
    assert find_receipt(standing, run.receipt.per_artifact_id) == run
    assert find_receipt(standing, run.receipt.per_artifact_id[:8]) == run
    for wrong in (run.receipt.per_artifact_id[:7], "999", "", "f" * 64):
        with pytest.raises(UsageError):
            find_receipt(standing, wrong)


def test_every_receipt_holds_by_what_its_own_store_has(kept: Path) -> None:
    standing = stand(kept)
    for each in list_receipts(standing):
        judged = judge_receipt(standing, each, {})

        assert failed(judged.findings) == [], each.receipt.operation
        assert (judged.domain, judged.in_force.dam.body.version) == ((), 1)
        assert {
            "DSSE-THRESHOLD",
            "PER-SIGNED",
            "RECEIPT-PREVIOUS",
            "RECEIPT-CLAIM",
            "RECEIPT-RECORDS",
            "RECEIPT-INPUTS-EQUAL",
        } <= {finding.check_id for finding in judged.findings}
        assert load_envelope(standing, each).payload == each.receipt.to_bytes()


def test_what_did_not_go_in_and_what_is_not_at_hand_is_said_of_a_receipt(root: Path) -> None:
    standing = stand(root)
    run = list_receipts(standing)[1]
    assert failed(judge_receipt(standing, run, {DIGEST: "a.txt"}).findings) == []
    assert failed(judge_receipt(standing, run, {"0" * 64: "b.txt"}).findings) == ["RECEIPT-INPUTS-EQUAL"]

    standing.source.paths.block(DIGEST).unlink()
    assert failed(judge_receipt(standing, run, {}).findings) == ["RECEIPT-INPUTS-EQUAL"]
    assert failed(judge_receipt(standing, run, {DIGEST: "a.txt"}).findings) == []


@pytest.mark.parametrize(("which", "own"), [(1, ["DSSE-SIGNATURES", "DSSE-THRESHOLD"]), (2, [])])
def test_a_domain_that_does_not_hold_vouches_for_none_of_its_receipts(root: Path, which: int, own: list[str]) -> None:
    """The signature of the second receipt is changed; what is said of it, and of the one after it."""
    path = stand(root).source.paths.root / layout.receipt_name(list_receipts(stand(root))[1].logseq)
    path.write_bytes(re.sub(rb'"sig":"(.)(.)', rb'"sig":"\2\1', path.read_bytes()))
    standing = stand(root, sound=False)
    judged = judge_receipt(standing, list_receipts(standing)[which], {})

    assert [each for each in failed(judged.findings) if each.startswith("DSSE")] == own
    assert "DOMAIN-ARTIFACTS" in failed(judged.domain)


def test_every_receipt_can_be_replayed(kept: Path) -> None:
    standing = stand(kept)
    for each in list_receipts(standing):
        assert failed(replay(standing, each.receipt)) == [], each.receipt.operation


def test_an_output_as_long_as_a_snapshots_list_may_be_is_still_found(root: Path) -> None:
    def make(bench: Bench) -> Made:
        return Made((bench.put(Piece(RecordType.ARTIFACT, {"snapshots/long.txt": bytes(9 << 20)})),))

    do(root, lambda _: Act("store-put", "x", (), canonical_bytes({}), make))
    standing = stand(root)

    assert failed(replay(standing, list_receipts(standing)[-1].receipt)) == []


def test_outputs_that_come_out_otherwise_are_named(kept: Path) -> None:
    standing = stand(kept)
    founding, run, *_ = (each.receipt for each in list_receipts(standing))
    renamed = tuple(replace(each, name=f"x-{each.name}") for each in run.outputs)

    assert failed(replay(standing, replace(run, outputs=renamed))) == ["RECEIPT-REPLAY"]
    pretended = replace(founding, declared=founding.declared[1:])
    assert failed(replay(standing, pretended)) == ["RECEIPT-REPLAY"], "nobody can make that again"


def test_an_input_or_output_that_is_gone_is_named(root: Path) -> None:
    standing = stand(root)
    run = list_receipts(standing)[1].receipt
    standing.source.paths.block(DIGEST).unlink()
    assert failed(replay(standing, run)) == ["REPLAY-INPUTS"]

    shutil.rmtree(standing.source.paths.store)
    assert failed(replay(standing, run)) == ["REPLAY-INPUTS", "REPLAY-KEPT"]


def test_what_a_run_made_lies_in_the_store(kept: Path) -> None:
    standing = stand(kept)
    blocks = BlockStore(standing.source.disk, standing.source.paths)
    run = list_receipts(standing)[1].receipt

    assert run.program == PROGRAM.program_id
    assert run.inputs == tuple(sorted((DIGEST, PROGRAM.program_id)))
    named = {each.name: blocks.read(each.sha256) for each in run.outputs}
    assert named["digest.txt"].decode().strip() == hashlib.sha256(named["archive.tar"]).hexdigest()


def test_a_program_takes_its_inputs_from_files_or_from_the_store_and_no_others(kept: Path) -> None:
    standing = stand(kept)
    blocks = BlockStore(standing.source.disk, standing.source.paths)

    assert gather(PROGRAM, {}, blocks) == gather(PROGRAM, {"a": TEXT}, None) == {DIGEST: TEXT}
    for given, store in (({}, None), ({"a": TEXT, "b": b"x"}, blocks)):
        with pytest.raises(Malformed) as refused:
            gather(PROGRAM, given, store)
        assert refused.value.check_id == "PEL-INPUTS"


def test_a_run_that_makes_nothing_new_is_not_kept(kept: Path) -> None:
    same = Program((Step(Operator.INGEST, DIGEST, "text"),), (Member("a.txt", "text"),))
    with pytest.raises(Refused) as refused:
        run_act(stand(kept), same, {DIGEST: TEXT})
    assert refused.value.check_id == "PEL-OUTPUTS"


def test_a_snapshot_pins_what_is_there_under_a_claim_of_its_own(kept: Path) -> None:
    report = stand(kept).report

    assert [entry.type.name for _, entry in report.entries[-3:]] == ["SNAPSHOT", "CLAIM", "RECEIPT"]
    assert report.last_claim is not None
    assert report.last_claim.snapshot_id == report.view.current_snapshot


def test_going_back_to_a_snapshot_shortens_nothing(root: Path) -> None:
    before = stand(root).report
    first = next(str(entry.facts["snapshot_id"]) for _, entry in before.entries if entry.type is RecordType.SNAPSHOT)
    done = do(root, lambda standing: restore_act(standing, first))

    assert done.report.entries[: len(before.entries)] == before.entries
    assert done.report.view.current_snapshot == first != before.view.current_snapshot
    assert done.head.size == before.head.size + 2


def test_a_snapshot_that_is_current_or_none_is_not_gone_back_to(kept: Path) -> None:
    standing = stand(kept)
    with pytest.raises(Refused) as refused:
        restore_act(standing, standing.report.view.current_snapshot)
    assert refused.value.check_id == "SNAPSHOT-CURRENT"
    for wrong in ("0" * 64, "x"):
        with pytest.raises(UsageError):
            restore_act(standing, wrong)


def test_a_return_to_what_was_never_pinned_is_found(root: Path) -> None:
    def pretend(standing: Standing) -> Act:
        def make(bench: Bench) -> Made:
            facts = {"snapshot_id": standing.report.view.current_snapshot, "size": 1, "root": "00" * 32}
            return Made((bench.put(Piece(RecordType.RESTORE, blocks=(b"x",), facts=facts)),))

        return Act("snapshot-restore", "x", (), canonical_bytes({}), make)

    with pytest.raises(Exception, match="goes back to") as refused:
        do(root, pretend)
    assert getattr(refused.value, "check_id", "") == "DOMAIN-RESTORED"


def test_what_a_store_lost_is_brought_back_from_a_copy(kept: Path, root: Path) -> None:
    source = stand(root).source
    source.paths.block(DIGEST).write_bytes(b"rotten")
    source.paths.block_meta(DIGEST).unlink()
    (source.paths.root / "certs/operator.pub").unlink()
    lost = find_lost(source)

    assert sorted(each.name for each in lost) == ["certs/operator.pub", f"store/{DIGEST}.bin"]
    heal(source, lost, DomainPaths(kept / "domains" / ME))
    assert find_lost(source) == []
    assert stand(root).report.ok


def test_a_copy_that_lacks_something_or_has_other_bytes_changes_nothing(kept: Path, root: Path, tmp_path: Path) -> None:
    source = stand(root).source
    shutil.copytree(kept / "domains" / ME, tmp_path / "copy")
    copy = DomainPaths(tmp_path / "copy")
    for name in (f"store/{DIGEST}.bin", "certs/operator.pub"):
        (source.paths.root / name).unlink()
    lost = find_lost(source)
    copy.block(DIGEST).write_bytes(b"smuggled")

    with pytest.raises(Refused) as refused:
        heal(source, lost, copy)
    assert refused.value.check_id == "STORE-COPY-HOLDS"
    assert find_lost(source) == lost
    copy.block(DIGEST).unlink()
    with pytest.raises(Refused):
        heal(source, lost, copy)
    assert find_lost(source) == lost
