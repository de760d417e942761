"""Records that somebody without a key has put behind a log's head: nobody vouches for them, and nobody obeys them."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from asl_authority.contract import ExitStatus
from asl_authority.errors import Damaged, Refused
from asl_authority.operations.act import carry_out
from asl_authority.operations.domain_check import Report
from asl_authority.operations.domain_moves import Move, move_act
from asl_authority.operations.gate import rehearsal_gate
from asl_authority.operations.root_acts import adopt_act
from asl_authority.operations.store_acts import put_act
from asl_authority.storage.disk import HostDisk
from asl_authority.storage.layout import DomainPaths, StorePaths
from asl_authority.storage.log_replay import load_heads, replay_heads
from asl_authority.values import rootset
from asl_authority.values.canonical import canonical_bytes
from asl_authority.values.checkpoint import Checkpoint, origin_of
from asl_authority.values.deviation import OlderBackup
from asl_authority.values.head import Head
from asl_authority.values.kept_head import read_kept_checkpoint
from asl_authority.values.log_entry import Entry
from asl_authority.values.log_record import Record, RecordType
from asl_authority.values.merkle import leaf_hashes
from asl_authority.values.rootset import RootSet, Rotation
from asl_authority.values.signed import unsigned as not_signed
from support.acts import ME, stand, standing_in
from support.domains import DOMAIN, secret
from support.genesis import ROOT_KEYS, ROOTS, founded
from support.real_store import STORE, call, make_real

pytestmark = pytest.mark.any_python

DISK = HostDisk()
HOST = "host"
FULL = Entry(RecordType.ADMISSION, facts={"domain_id": DOMAIN, "state": "FULL"})
REVOKED = Entry(RecordType.ADMISSION, facts={"domain_id": DOMAIN, "state": "REVOKED"})
Raw = tuple[RecordType, bytes]


def raw(*entries: Entry) -> list[Raw]:
    """The records of one operation."""
    left = [replace(entry, left=len(entries) - number - 1) for number, entry in enumerate(entries)]
    return [(entry.type, entry.to_bytes()) for entry in left]


def forge(paths: DomainPaths, origin: str, records: list[Raw], *, head: bool) -> bytes:
    """Put chained records behind a log's head, and a head without a signature over them or not; no key is needed."""
    found = replay_heads(DISK, paths, load_heads(DISK, paths, origin, ()))
    logseq, before, added, hashes = found.place.logseq, found.place.before, b"", []
    for kind, payload in records:
        data = Record(logseq, kind, payload).to_bytes(before)
        logseq, before, added = logseq + 1, data[-32:], added + data
        hashes.append(before)
    with paths.log_file(found.place.first).open("ab") as file:
        file.write(added)
    if head:
        found.frontier.extend(leaf_hashes(hashes))
        new = Checkpoint(origin, found.frontier.size, found.frontier.root())
        paths.unsigned_checkpoint.write_bytes(new.to_text().encode())
    return added


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sealed machine with a store whose domain is admitted, which no test changes."""
    place = tmp_path_factory.mktemp("real")
    make_real(place)
    (place / "stick").mkdir()
    asked = ("--scope", "produce", "--output", place / "asked.json", "--stick", place / "stick")
    done(place, "admit", "apply", DOMAIN, *asked, "--head", head_of(place, DOMAIN))
    answer = ("--decision", "ACCEPTED", "--stick", place / "stick")
    done(place, "admit", "decide", place / "asked.json", *answer, "--head", head_of(place, HOST))
    return place


@pytest.fixture
def place(kept: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    shutil.copytree(kept, tmp_path / "place", symlinks=True)
    return tmp_path / "place"


def done(place: Path, *words: str | Path) -> str:
    status, said = call(place / "machine", *words)
    assert status is ExitStatus.DONE, said
    return said


def head_of(place: Path, domain_id: str) -> str:
    said = done(place, "log", "head", "--domain", domain_id, "--words", "--json")
    head = json.loads(said[said.index("{") :])
    return f"{head['size']} {' '.join(head['words'])}"


def put(place: Path, domain_id: str = DOMAIN, *more: str | Path) -> tuple[ExitStatus, str]:
    file = place / f"file-{len(list(place.glob('file-*')))}.txt"
    file.write_text(file.name)
    return call(place / "machine", "store", "put", file, "--domain", domain_id, "--stick", place / "stick", *more)


def paths_of(place: Path, domain_id: str = HOST) -> DomainPaths:
    store = StorePaths(place / "machine" / STORE)
    return store.host if domain_id == HOST else store.domain(domain_id)


def forge_in(place: Path, domain_id: str, *entries: Entry, head: bool) -> bytes:
    origin = origin_of(domain_id, rehearsal=False)
    return forge(paths_of(place, domain_id), origin, raw(*entries), head=head)


def suspend(place: Path) -> None:
    done(place, "domain", "suspend", DOMAIN, "--reason", "stolen", "--stick", place / "stick")


def test_a_forged_admission_behind_the_head_is_put_aside_and_not_obeyed(place: Path) -> None:
    suspend(place)
    added = forge_in(place, HOST, FULL, head=False)

    status, said = put(place, HOST)
    assert status is ExitStatus.REFUSED
    assert "no receipt vouches" in " ".join(said.split())
    assert [path.read_bytes() for path in paths_of(place).recovered.iterdir()] == [added]
    assert put(place, HOST)[0] is ExitStatus.DONE
    status, said = put(place)
    assert (status, "DOMAIN-ACTS" in said) == (ExitStatus.REFUSED, True)


@pytest.mark.parametrize("forged", [FULL, REVOKED])
def test_a_forged_admission_under_an_unsigned_head_is_neither_signed_nor_obeyed(place: Path, forged: Entry) -> None:
    forge_in(place, HOST, forged, head=True)
    signed = paths_of(place).checkpoint.read_bytes()

    for domain_id in (HOST, DOMAIN):
        status, said = put(place, domain_id)
        assert (status, "DOMAIN-OPERATIONS" in said) == (ExitStatus.STORE_DAMAGED, True), said
    assert "DOMAIN-OPERATIONS" in call(place / "machine", "domain", "check", HOST)[1]
    status, said = call(place / "machine", "claim", "--manifest", place / "image.manifest.json")
    assert "LOG-UNVOUCHED" in said
    assert paths_of(place).checkpoint.read_bytes() == signed

    paths_of(place).unsigned_checkpoint.rename(place / "moved")  # as the refusal says
    assert put(place, HOST)[0] is ExitStatus.REFUSED
    assert put(place, HOST)[0] is ExitStatus.DONE
    assert put(place)[0] is ExitStatus.DONE


def test_a_forged_root_set_does_not_shut_the_store(place: Path) -> None:
    digest = hashlib.sha256((paths_of(place).root / "auth/root-set-1.json").read_bytes()).hexdigest()
    forge_in(place, HOST, Entry(RecordType.ROOT_SET, files={"auth/root-set-1.json": digest}), head=False)

    assert put(place, HOST)[0] is ExitStatus.REFUSED
    assert put(place, HOST)[0] is ExitStatus.DONE
    assert put(place)[0] is ExitStatus.DONE
    done(place, "domain", "check", HOST)


@pytest.mark.parametrize("head", [False, True])
def test_a_forged_deviation_lets_no_rollback_pass(place: Path, head: bool) -> None:
    assert put(place)[0] is ExitStatus.DONE
    old = head_of(place, DOMAIN)
    store, origin = place / "machine" / STORE, origin_of(DOMAIN, rehearsal=False)
    shutil.copytree(store, place / "older", symlinks=True)
    assert put(place)[0] is ExitStatus.DONE
    newer = read_kept_checkpoint((place / f"stick/heads/asl_{DOMAIN}.checkpoint").read_bytes(), origin)
    shutil.rmtree(store)
    shutil.copytree(place / "older", store, symlinks=True)
    here = load_heads(DISK, paths_of(place, DOMAIN), origin, ()).last
    told = OlderBackup(DOMAIN, "it burned", "Ada", "Grace", (newer,), Head(here.size, here.root.hex()))
    forge_in(place, DOMAIN, Entry(RecordType.DEVIATION, facts=told.facts()), head=head)

    for more in ((), ("--head", old), ()):
        assert put(place, DOMAIN, *more)[0] in (ExitStatus.REFUSED, ExitStatus.STORE_DAMAGED)


def bad_claim(place: Path) -> tuple[Entry, ...]:
    """A claim that is logged again, with the snapshot that it was of."""
    facts = {"snapshot_id": "ab" * 32}
    block = next(each for each in paths_of(place).root.glob("store/**/*.bin")).stem
    return Entry(RecordType.SNAPSHOT, facts=facts), Entry(RecordType.CLAIM, blocks=(block,), facts=facts)


@pytest.mark.parametrize(
    "make",
    [
        bad_claim,
        lambda _: (Entry(RecordType.CLAIM, facts={"snapshot_id": "ab" * 32}),),
        lambda _: (Entry(RecordType.RECOVERY), FULL),
        lambda _: (FULL, Entry(RecordType.RECEIPT, facts={"per_artifact_id": "ab" * 32})),
        lambda _: (FULL, FULL),
    ],
)
def test_what_only_looks_like_a_claim_or_an_operation_is_put_aside(
    place: Path, make: Callable[[Path], tuple[Entry, ...]]
) -> None:
    added = forge_in(place, HOST, *make(place), head=False)

    assert put(place, HOST)[0] is ExitStatus.REFUSED
    assert [path.read_bytes() for path in paths_of(place).recovered.iterdir()] == [added]
    assert put(place, HOST)[0] is ExitStatus.DONE


def test_a_real_receipt_vouches_for_no_other_operation_in_its_place(place: Path) -> None:
    store, paths = place / "machine" / STORE, paths_of(place)
    assert put(place, HOST)[0] is ExitStatus.DONE  # which pins a claim that covers what comes
    before = paths.checkpoint.read_bytes()
    start = paths.log_file(1).stat().st_size
    suspend(place)
    honest = paths.log_file(1).read_bytes()[start:]
    report = call(place / "machine", "domain", "show", DOMAIN)[1]
    assert "SUSPENDED" in report
    # The head goes back, and the record that the receipt came with is another.
    receipt = next(Path(store / "host/receipts").iterdir())
    assert receipt.is_file()
    last = honest[honest.rindex(b'{"blocks"') : -32]
    paths.checkpoint.write_bytes(before)
    with paths.log_file(1).open("r+b") as file:
        file.truncate(start)
    forged = [*raw(FULL, FULL)[:1], (RecordType.RECEIPT, last)]
    forge(paths, origin_of(HOST, rehearsal=False), forged, head=False)
    for kept_head in (place / "stick/heads").iterdir():
        kept_head.unlink()

    put(place, HOST, "--head", head_of(place, HOST))
    states = [state for state in ("FULL",) if state in call(place / "machine", "domain", "show", DOMAIN)[1]]
    assert len(list(paths.recovered.iterdir())) == 1
    assert states == ["FULL"], "as it was before it was suspended: that is what the older head says"


@pytest.mark.parametrize(
    ("place", "changed", "said"),
    [
        (0, {}, "were whole, and were committed"),
        (0, {"reason": "nothing much"}, "RECEIPT-RECORDS"),
        (0, {"state": "SUSPENDED"}, "RECEIPT-RECORDS"),
        (0, {"domain_id": "other.example"}, "RECEIPT-RECORDS"),
        (1, {"domain_id": ME, "state": "FULL"}, "is not that of the receipt which lies there"),
    ],
)
def test_what_a_record_says_is_under_its_receipt(
    founded_store: Path, place: int, changed: dict[str, str], said: str
) -> None:
    host, paths = stand(founded_store, HOST), StorePaths(founded_store).host
    head, start = paths.checkpoint.read_bytes(), paths.log_file(1).stat().st_size
    done = carry_out(host, move_act(host, ME, Move.REVOKE, "stolen"), rehearsal_gate(), standing_in(host))
    entries = [entry for _, entry in done.report.entries[-2:]]
    # The power was cut before the head was signed, and somebody who has no key has come by.
    paths.checkpoint.write_bytes(head)
    with paths.log_file(1).open("r+b") as file:
        file.truncate(start)
    entries[place] = replace(entries[place], facts={**entries[place].facts, **changed})
    forge(paths, origin_of(HOST, rehearsal=True), raw(*entries), head=False)

    after = stand(founded_store, HOST)
    with pytest.raises(Refused) as refused:
        carry_out(after, put_act(after, {"a": b"a"}), rehearsal_gate(), standing_in(after))
    assert said in str(refused.value)
    state = "UNRECOGNIZED" if changed else "REVOKED"
    assert stand(founded_store, HOST).report.history.state(ME) == state


@pytest.mark.parametrize("files", [5, {"../../etc/passwd": "ab" * 32}, {"log/recovered/x.bin": 5}])
def test_a_recovery_that_is_none_is_damage_and_no_accident(place: Path, files: object) -> None:
    payload = canonical_bytes({"type": "asl.log-recovery/1", "files": files})
    paths, origin = paths_of(place, DOMAIN), origin_of(DOMAIN, rehearsal=False)
    forge(paths, origin, [(RecordType.RECOVERY, payload)], head=True)

    for words in (("domain", "check", DOMAIN), ("log", "verify", "--domain", DOMAIN)):
        status, said = call(place / "machine", *words)
        assert status is ExitStatus.STORE_DAMAGED, said
        assert "LOG-ENTRY-" in said


def founded_rehearsal(root: Path) -> Path:
    founded(DISK, root, domain_id=ME)
    return root


def forged_in_rehearsal(root: Path) -> None:
    paths, origin = StorePaths(root).domain(ME), origin_of(ME, rehearsal=True)
    forge(paths, origin, raw(Entry(RecordType.ARTIFACT, facts={"forged": "yes"})), head=True)


def test_the_host_pins_no_head_of_a_domain_that_nobody_has_signed(tmp_path: Path) -> None:
    root = founded_rehearsal(tmp_path)
    new = RootSet(2, (ROOT_KEYS[0].public, secret("root 4").public), 2)
    by = not_signed(rootset.ROTATION, Rotation(ROOTS.digest, new), rehearsal=True)
    rotation = by.signed_by(ROOT_KEYS[0], ROOT_KEYS[1], secret("root 4"))
    host = stand(root, HOST)
    act = adopt_act(host, rotation, ())
    forged_in_rehearsal(root)

    with pytest.raises(Damaged) as damaged:
        adopt_act(host, rotation, ())
    assert damaged.value.check_id == "DOMAIN-OPERATIONS"
    # What was shown is what is pinned: the head that the log's key has signed.
    report = carry_out(host, act, rehearsal_gate(), standing_in(host)).report
    assert (
        pinned(report) == load_heads(DISK, StorePaths(root).domain(ME), origin_of(ME, rehearsal=True), ()).known[0].size
    )


def pinned(report: Report) -> int:
    said = [entry.facts["heads"] for _, entry in report.entries if "heads" in entry.facts]
    return int(said[-1][ME]["size"])


def test_the_log_key_signs_no_head_over_what_it_did_not_log_whoever_asks(tmp_path: Path) -> None:
    root = founded_rehearsal(tmp_path)
    forged_in_rehearsal(root)
    standing = stand(root, sound=False)
    signed = StorePaths(root).domain(ME).checkpoint.read_bytes()

    with pytest.raises(Damaged) as damaged:
        carry_out(standing, put_act(standing, {"a.txt": b"x"}), rehearsal_gate(), standing_in(standing))
    assert damaged.value.check_id == "LOG-UNVOUCHED"
    assert StorePaths(root).domain(ME).checkpoint.read_bytes() == signed
