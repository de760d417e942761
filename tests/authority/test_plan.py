"""What a dry run tells a machine is what is done afterwards, to the byte; and telling it leaves nothing behind."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from asl_authority.errors import Busy, Refused
from asl_authority.operations.act import Act, Standing, carry_out
from asl_authority.operations.admission import apply_act, decide_act, hear
from asl_authority.operations.dam_acts import next_dam, publication, publish_act, rotate_act
from asl_authority.operations.domain_moves import Move, move_act
from asl_authority.operations.founding import Founding, found_domain
from asl_authority.operations.gate import Gate, rehearsal_gate
from asl_authority.operations.genesis import DomainKeys
from asl_authority.operations.plan import common, plan_act, plan_founding
from asl_authority.operations.plan_prepared import plan_brought, plan_prepare, plan_session
from asl_authority.operations.prepared import load_prepared, write_prepared
from asl_authority.operations.reading import HOST
from asl_authority.operations.root_sessions import keep_signatures, sign_here
from asl_authority.operations.snapshot_acts import create_act
from asl_authority.operations.store_acts import put_act
from asl_authority.storage.domains import create_directories, held
from asl_authority.storage.trial_disk import TrialDisk
from asl_authority.values.dsse import read_envelope
from asl_authority.values.ed25519 import SecretKey
from asl_authority.values.log_entry import Entry
from asl_authority.values.receipt import LIMITS, REHEARSAL_TYPE
from asl_authority.values.roles import Role
from support.acts import ME, standing_in
from support.admissions import LIMITED, local, stand
from support.genesis import ROOT_KEYS, founding, prepared
from support.story_store import QuickDisk

DISK = QuickDisk()
THROWAWAY = SecretKey(b"t" * 32)


@pytest.fixture
def root(founded_store: Path) -> Path:
    """A store of this test's own."""
    return founded_store


def after_a_restart() -> Gate:
    """The gate of another boot: the domain's last claim does not cover its head, so one is made first."""
    worded = rehearsal_gate().claim_for
    return replace(
        rehearsal_gate(),
        session_id="5e" * 16,
        claim_for=lambda *given: replace(worded(*given), session_id="5e" * 16),
    )


def rotated(standing: Standing) -> Act:
    dam = replace(standing.report.dam, version=2, scope=(Role.EXECUTE, Role.PUBLISH))
    return rotate_act(standing, next_dam(standing, dam, (), None), (), None, ("shown",), THROWAWAY)


ACTS: dict[str, tuple[str, Callable[[Standing], Act]]] = {
    "store put": (ME, lambda standing: put_act(standing, {"a.txt": b"a file\n", "b.txt": b"another\n"})),
    "snapshot create": (ME, create_act),
    "dam rotate": (ME, rotated),
    "dam publish": (ME, lambda standing: publish_act(standing, publication(standing))),
    "admit apply": (ME, lambda standing: apply_act(standing, HOST, [Role.AUDIT], None)),
    "domain revoke": (HOST, lambda host: move_act(host, ME, Move.REVOKE, "a reason")),
    "admit decide": (HOST, lambda host: decide_act(hear(host, local(stand(host.store.root))), LIMITED)),
}


def tree(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def told(entries: list[tuple[int, Entry]]) -> list[dict[str, Any]]:
    return [{"logseq": logseq, "entry": json.loads(entry.to_bytes())} for logseq, entry in entries]


def fits(planned: Any, real: Any) -> Any:
    """Whether what is planned is what there is, wherever it says anything."""
    if isinstance(planned, dict) and isinstance(real, dict):
        named = {one: [other for other in real if fits(one, other)] for one in planned}
        there = len(planned) == len(real) and all(named.values())
        return there and all(fits(value, real[named[name][0]]) for name, value in planned.items())
    if isinstance(planned, list) and isinstance(real, list):
        rest = [each for each in real if each not in planned]
        told = [each for each in planned if each not in real]
        return len(planned) == len(real) and all(any(fits(one, other) for other in rest) for one in told)
    if isinstance(planned, str) and "?" in planned:
        return isinstance(real, str) and re.fullmatch("[0-9a-f]{64}".join(map(re.escape, planned.split("?"))), real)
    return planned is None or planned == real


def hold(plan: Mapping[str, Any], domain: Path, entries: list[tuple[int, Entry]]) -> None:
    """Everything in a plan, held against what was done."""
    logseq = entries[-1][0]
    envelope = read_envelope((domain / f"receipts/receipt-{logseq}.per").read_bytes(), REHEARSAL_TYPE, LIMITS)
    assert fits(plan["records"], told(entries))
    assert [record["entry"]["type"] for record in plan["records"]] == [
        record["entry"]["type"] for record in told(entries)
    ]
    receipt = {
        "per_artifact_id": hashlib.sha256(envelope.payload).hexdigest(),
        "statement": json.loads(envelope.payload),
    }
    assert fits(plan["receipt"], receipt)
    named = {name for _, entry in entries for name in entry.files}
    blocks = {f"store/{block_id}.bin" for _, entry in entries for block_id in entry.blocks}
    there = [
        {"path": name, "sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}
        for name in sorted(named | blocks)
        for data in [(domain / name).read_bytes()]
    ]
    assert fits(plan["artifacts"], there)
    assert plan["size"] == logseq


@pytest.mark.parametrize("gate", [rehearsal_gate(), after_a_restart()], ids=["covered", "after a restart"])
@pytest.mark.parametrize("name", ACTS)
def test_what_is_planned_is_what_is_done(root: Path, name: str, gate: Gate) -> None:
    domain_id, prepare = ACTS[name]
    standing = stand(root, domain_id)
    before = tree(root)
    plan = plan_act(standing, prepare(standing), gate)

    assert tree(root) == before, "a plan writes nothing"
    assert plan_act(standing, prepare(standing), gate) == plan, "and is the same each time"
    done = carry_out(standing, prepare(standing), gate, standing_in(standing))
    hold(
        plan, standing.source.paths.root, [each for each in done.report.entries if each[0] > standing.report.head.size]
    )


def test_whatever_depends_on_no_signature_is_said(root: Path) -> None:
    standing = stand(root)
    asked = put_act(standing, {"a.txt": b"a file\n"})
    plan: Any = plan_act(standing, asked, rehearsal_gate())
    block = hashlib.sha256(b"a file\n").hexdigest()

    done = carry_out(standing, asked, rehearsal_gate(), standing_in(standing))
    assert plan["receipt"]["per_artifact_id"] == done.receipt.per_artifact_id
    assert plan["receipt"]["statement"] == json.loads(done.receipt.to_bytes())
    assert {"path": f"store/{block}.bin", "sha256": block, "size": 7} in plan["artifacts"]
    assert plan["records"][0]["entry"]["blocks"] == [block]
    unknown = [each["path"] for each in plan["artifacts"] if each["sha256"] is None]
    receipt = f"receipts/receipt-{done.receipt.logseq}.per"
    assert unknown == [receipt, f"{receipt}.sig", "store/?.bin"]


def test_who_must_sign_is_said_and_what(root: Path) -> None:
    standing = stand(root)
    plan: Any = plan_act(standing, rotated(standing), rehearsal_gate())
    keys = standing_in(standing)

    asked = [
        (each["key"], each["key_id"], each["signs"].removeprefix("application/vnd.asl-rehearsal."))
        for each in plan["signatures"]
    ]
    assert asked == [
        ("root", keys["root"].public.key_id, "dam.v1+json"),
        ("operator", keys["operator"].public.key_id, "receipt.v1+json"),
        ("operator", keys["operator"].public.key_id, "per-signature.v1"),
        ("log", keys["log"].public.key_id, "checkpoint"),
    ]
    assert plan["signatures"][0]["sha256"], "the DAM depends on no signature"
    assert plan["receipt"]["per_artifact_id"] is None, "a receipt of what is signed does"


def test_what_carrying_it_out_would_refuse_its_plan_refuses(root: Path) -> None:
    standing = stand(root)
    with pytest.raises(Refused) as refused:
        plan_act(standing, create_act(standing), replace(rehearsal_gate(), rehearsal=False))
    assert refused.value.check_id == "CLAIM-VERIFIED"

    with held(DISK, standing.source.paths.root), pytest.raises(Busy):
        plan_act(standing, create_act(standing), rehearsal_gate())


def test_a_dry_run_after_an_interruption_recovers_nothing_and_does_not_say_so(root: Path) -> None:
    standing = stand(root)
    log = standing.source.paths.log_file(1)
    log.write_bytes(log.read_bytes() + b"a record that was cut off")
    before = {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}

    with pytest.raises(Refused, match="a dry run recovers nothing") as refused:
        plan_act(standing, create_act(standing), rehearsal_gate())
    assert refused.value.check_id == "CLAIM-COVERS"
    assert {path: path.read_bytes() for path in root.rglob("*") if path.is_file()} == before


def unsigned_founding(name: str, **asked: Any) -> Founding:
    """As before the roots have signed, and before its keys are sealed."""
    whole = founding(name, **asked)
    certificates = tuple(
        replace(each, envelope=each.envelope.__class__(each.envelope.payload_type, each.envelope.payload))
        for each in whole.new.certificates
    )
    dam = whole.new.dam
    bare = dam.envelope.__class__(dam.envelope.payload_type, dam.envelope.payload)
    new = replace(whole.new, certificates=certificates, dam=type(dam)(dam.body, bare))
    return replace(whole, new=new, keys=DomainKeys({}), sealed={})


@pytest.mark.parametrize(("name", "domain_id"), [("the host", HOST), ("another", "another.example")])
def test_a_founding_is_planned_without_a_key(root: Path, tmp_path: Path, name: str, domain_id: str) -> None:
    place = tmp_path / "new" if domain_id == HOST else root
    place.mkdir(exist_ok=True)
    roots = [key.public for key in ROOT_KEYS[:2]]
    before = tree(place)
    plan: Any = plan_founding(DISK, place, unsigned_founding(name, domain_id=domain_id), roots)

    assert tree(place) == before
    assert list(place.iterdir()) == [] or domain_id != HOST, "not even a directory"
    found_domain(DISK, create_directories(DISK, place), founding(name, domain_id=domain_id))
    source = stand(place, domain_id)
    hold(plan, source.source.paths.root, list(source.report.entries))
    signs = [(each["key"], each["signs"].rsplit(".", 2)[-2]) for each in plan["signatures"] if "." in each["signs"]]
    assert signs == [("offline root", "certificate")] * 6 + [
        ("root", "dam"),
        ("operator", "receipt"),
        ("operator", "per-signature"),
    ]


def test_what_preparing_leaves_and_what_a_root_signs_then_is_what_is_planned(tmp_path: Path) -> None:
    whole = prepared("me", dam_signer=True)
    bare = replace(whole.new.dam.envelope, signatures=())
    new = replace(whole.new, dam=replace(whole.new.dam, envelope=bare))
    plan: Any = plan_prepare(new, whole.issuer)
    write_prepared(DISK, tmp_path / "there", whole)

    there = tree(tmp_path / "there")
    assert [each["path"] for each in plan["files"]] == sorted(there)
    for each in plan["files"]:
        data = there[each["path"]]
        assert each["sha256"] in (None, hashlib.sha256(data).hexdigest())
        assert each["size"] in (None, len(data))
    unknown = {each["path"] for each in plan["files"] if each["sha256"] is None}
    assert unknown == {"dam.json.sig", "prepared.json", *(f"{name}.priv.enc" for name in whole.names)}
    payloads = {name: data for name, data in there.items() if name.endswith(".payload")}
    assert {each["name"]: each["sha256"] for each in plan["payloads"]} == {
        name: hashlib.sha256(data).hexdigest() for name, data in payloads.items()
    }
    assert [(each["key"], each["key_id"]) for each in plan["signatures"]] == [("root", new.dam.body.root_key.key_id)]
    assert plan["signatures"][0]["sha256"] == hashlib.sha256(bare.message()).hexdigest()
    assert (plan["threshold"], plan["issuer"]) == (2, ROOT_KEYS[0].public.key_id)
    assert len(plan["roots"]) == 3


def test_a_session_is_planned_by_what_this_root_has_not_signed_yet(tmp_path: Path) -> None:
    write_prepared(DISK, tmp_path / "there", prepared("me"))
    before = load_prepared(DISK, tmp_path / "there", rehearsal=True)
    one, other = ROOT_KEYS[:2]
    plan: Any = plan_session(before, [one.public])
    after = sign_here(before, one)
    files = keep_signatures(DISK, tmp_path / "there", before, after)

    assert [each["path"] for each in plan["files"]] == files
    assert {each["size"] for each in plan["files"]} == {64}
    said = [(each["key"], each["key_id"], each["sha256"]) for each in plan["signatures"]]
    messages = [hashlib.sha256(task.message).hexdigest() for task in before.tasks().values()]
    assert said == [("offline root", one.public.key_id, digest) for digest in messages]
    assert [each["signed_by"] for each in plan["payloads"]] == [[], [], []]
    again: Any = plan_session(after, [one.public, other.public])
    assert {each["key_id"] for each in again["signatures"]} == {other.public.key_id}
    assert [each["signed_by"] for each in again["payloads"]] == [[one.public.key_id]] * 3
    brought: Any = plan_brought(before, after)
    assert brought["signatures"] == []
    for each in brought["files"]:
        assert each["sha256"] == hashlib.sha256((tmp_path / "there" / each["path"]).read_bytes()).hexdigest()


def test_what_two_tellings_have_in_common() -> None:
    assert common({"a": 1, "b": [1, 2]}, {"a": 1, "b": [2, 3]}) == {"a": 1, "b": [None, 2]}
    one = {"files": {"x": "1", "y": "2"}, "list": [{"name": "n", "sha256": "a"}, {"name": "m", "sha256": "b"}]}
    other = {"files": {"x": "1", "y": "3"}, "list": [{"name": "m", "sha256": "b"}, {"name": "n", "sha256": "c"}]}
    assert common(one, other) == {
        "files": {"x": "1", "y": None},
        "list": [{"name": "n", "sha256": None}, {"name": "m", "sha256": "b"}],
    }


def test_a_disk_of_a_trial_reads_what_is_there_and_keeps_nothing(tmp_path: Path) -> None:
    (tmp_path / "kept").write_bytes(b"kept")
    (tmp_path / "gone").write_bytes(b"gone")
    disk = TrialDisk(DISK)
    disk.remove(tmp_path / "gone")
    disk.make_directory(tmp_path / "made")
    disk.close(disk.open_new(tmp_path / "made/new"))
    file = disk.open_write(tmp_path / "kept")
    disk.write_at(file, memoryview(b" and more"), 4)
    disk.cut(file, 8)
    disk.close(file)
    disk.rename(tmp_path / "made", tmp_path / "named")
    disk.link(tmp_path / "kept", tmp_path / "linked")

    file = disk.open_read(tmp_path / "linked")
    assert (disk.read_at(file, 99, 0), disk.size(file)) == (b"kept and", 8)
    assert disk.names(tmp_path) == ["kept", "linked", "named"]
    assert disk.names(tmp_path / "named") == ["new"]
    assert not disk.is_file(tmp_path / "gone")
    assert not disk.is_directory(tmp_path / "made")
    for path in (tmp_path / "gone", tmp_path / "made/new"):
        with pytest.raises(FileNotFoundError):
            disk.open_read(path)
    for taken in (tmp_path / "kept", tmp_path / "named"):
        with pytest.raises(FileExistsError):
            disk.open_new(taken)
    with pytest.raises(OSError, match="not empty"):
        disk.remove_directory(tmp_path / "named")
    assert tree(tmp_path) == {"kept": b"kept", "gone": b"gone"}
