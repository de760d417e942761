"""claim and verify-env: what is measured, held against a manifest, written, and measured again."""

from __future__ import annotations

import json
import os
import socket
import tempfile
import threading
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from asl_authority.contract import ExitStatus
from asl_authority.errors import IoFailed, Malformed, Refused
from asl_authority.front import cli
from asl_authority.front.outside import Outside
from asl_authority.operations.boot_claim import boot_claim, claims_for
from asl_authority.operations.claim import NO_STORE
from asl_authority.operations.gate import rehearsal_claim
from asl_authority.operations.measure import measure, read_layers
from asl_authority.storage.disk import HostDisk
from asl_authority.storage.domains import create_store, opened, read_log
from asl_authority.storage.layout import StorePaths
from asl_authority.storage.session import load_session, make_session
from asl_authority.storage.snapshots import Inventory, load_snapshot
from asl_authority.values.builders import read_builders
from asl_authority.values.checkpoint import Checkpoint, origin_of
from asl_authority.values.claim import Verdict, check_covers, check_pinned, read_claim
from asl_authority.values.environment import Status
from asl_authority.values.head import Head
from asl_authority.values.log_entry import Entry, read_entry
from asl_authority.values.log_record import RecordType
from asl_authority.values.merkle import EMPTY_ROOT
from asl_authority.values.readings import Readings
from support.real_store import call as call_real
from support.real_store import make_real
from support.sealed_machine import (
    ALICE,
    BOB,
    BUILDERS,
    FILES,
    IMAGE,
    LAYERS,
    SEALED,
    SESSION,
    SealedMachine,
    manifest_bytes,
    sha256,
    signed,
)
from support.stories import Answers, no_randomness, unprotected

SEAL = {"image": IMAGE, "mode": "host", "medium": "sr0", "layers": SEALED, "in_memory": False, "times_ms": {}}
NONCE = "ab" * 16


@pytest.fixture
def machine(tmp_path: Path) -> SealedMachine:
    return SealedMachine(tmp_path / "machine", BUILDERS)


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    """The manifest on the operator's stick, with two builders' signatures beside it."""
    path = tmp_path / "image.manifest.json"
    path.write_bytes(manifest_bytes())
    (tmp_path / "image.manifest.json.dsse.json").write_bytes(signed(manifest_bytes(), ALICE, BOB))
    return path


def call(machine: SealedMachine, *words: str | Path) -> tuple[ExitStatus, str, str]:
    out, err = StringIO(), StringIO()
    outside = Outside(Answers([], out.write), no_randomness("claims"), unprotected)
    told = [str(word) for word in words]
    status = cli.run(
        told, program="asl-auth-host", stdout=out, stderr=err, machine=machine.root, outside=outside
    )  # fmt: skip
    return status, out.getvalue(), err.getvalue()


def answer(machine: SealedMachine, *words: str | Path) -> dict[str, Any]:
    """The object of --json."""
    found: dict[str, Any] = json.loads(call(machine, *words, "--json")[1])
    return found


def failed(found: dict[str, Any]) -> list[str]:
    return [each["check_id"] for each in found["findings"] if not each["ok"]]


def test_without_a_manifest_everything_is_measured_and_nothing_verified(machine: SealedMachine) -> None:
    found = answer(machine, "claim")
    claim = read_claim(found["claim"].encode())
    seen = claim.environment

    assert (found["status"], found["verdict"], claim.verdict) == (0, "UNVERIFIED", Verdict.UNVERIFIED)
    assert found["doubts"][0] == "no manifest that enough builders signed"
    assert seen.having(Status.ABSENT) == ("config",)
    assert seen.having(Status.VERIFIED) == ()
    assert seen.image_id.value == IMAGE
    assert [(layer.name, layer.recomputed == layer.stated) for layer in seen.layers] == [
        (name, True) for name in ("base", "overlay", "tools")
    ]
    assert (seen.kernel.value, seen.initrd.value) == (sha256(FILES["asl/vmlinuz"]), sha256(FILES["asl/initrd"]))
    assert seen.secure_boot.value is True
    assert [(each.index, each.sha256) for each in seen.tpm.value or ()] == [(0, "ab" * 32)]
    assert seen.entropy.value == ("device:virtio_rng.0", "processor:rdrand")
    assert [(each.name, each.state) for each in seen.interfaces.value or ()] == [("lo", "unknown")]
    assert [each.path for each in seen.mounts.value or ()] == ["/", "/mnt/a b", "/run/asl/medium", "/tmp"]  # noqa: S108
    assert [(Path(each.path).name, each.version) for each in seen.tools.value or ()] == [
        ("asl-auth-host", "0.1.0"),
        ("sops", "3.11.0"),
        ("age", "1.2.1-1+b5"),
    ]
    assert (claim.logseq, claim.store_checksum, claim.previous) == (0, NO_STORE.store_checksum, None)
    assert claim.session_id == SESSION
    assert found["notes"] == []


def test_against_a_manifest_that_two_builders_signed_a_claim_is_verified(
    machine: SealedMachine, manifest: Path, tmp_path: Path
) -> None:
    path = tmp_path / "a.claim"

    status, out, _ = call(machine, "claim", "--manifest", manifest, "--nonce", NONCE, "--output", path)
    claim = read_claim(path.read_bytes())

    assert status is ExitStatus.DONE
    assert out.splitlines()[0] == "Environment claim: VERIFIED"
    assert claim.verdict is Verdict.VERIFIED
    assert claim.nonce == NONCE
    assert claim.reference is not None
    assert claim.reference.manifest == sha256(manifest.read_bytes())
    assert out.isascii()
    # What has a path in it may be longer.
    assert [line for line in out.splitlines() if len(line) > 78 and str(tmp_path) not in line] == []
    assert call(machine, "verify-env", path, "--nonce", NONCE)[0] is ExitStatus.DONE
    assert call(machine, "verify-env", path, "--manifest", manifest)[0] is ExitStatus.DONE


def test_a_machine_that_is_otherwise_than_its_manifest_ends_with_3_and_is_named(
    machine: SealedMachine, tmp_path: Path
) -> None:
    other = tmp_path / "other.json"
    text = manifest_bytes(iso={"sha256": "0" * 64, "size": 1})
    other.write_bytes(text)
    (tmp_path / "s").write_bytes(signed(text, ALICE, BOB))

    status, out, _ = call(machine, "claim", "--manifest", other, "--signatures", tmp_path / "s")

    assert status is ExitStatus.CHECK_FAILED
    assert "FAILED  REFERENCE-EQUAL  not as the manifest says: medium" in out
    assert out.endswith("UNVERIFIED.\n")


def test_a_manifest_that_too_few_signed_makes_no_claim(machine: SealedMachine, manifest: Path, tmp_path: Path) -> None:
    (tmp_path / "one").write_bytes(signed(manifest.read_bytes(), ALICE))
    words = ("claim", "--manifest", manifest, "--signatures", tmp_path / "one", "--output", tmp_path / "c")

    status, out, err = call(machine, *words)

    assert (status, out) == (ExitStatus.CHECK_FAILED, "")
    assert "REFERENCE-SIGNED" in err
    assert "1 of 3 builders (alice), 2 must have signed" in err
    assert not (tmp_path / "c").exists()


def test_an_image_that_names_no_builders_refuses_a_manifest_and_says_why(tmp_path: Path, manifest: Path) -> None:
    bare = SealedMachine(tmp_path / "bare")

    status, _, err = call(bare, "claim", "--manifest", manifest)

    assert status is ExitStatus.REFUSED
    assert "names no builders" in err
    assert call(bare, "claim")[0] is ExitStatus.DONE


def test_on_a_sealed_host_nobody_brings_builders_of_their_own(
    machine: SealedMachine, manifest: Path, tmp_path: Path
) -> None:
    (tmp_path / "b.json").write_bytes(BUILDERS.to_bytes())
    words = ("claim", "--manifest", manifest, "--builders", tmp_path / "b.json")

    assert call(machine, *words)[0] is ExitStatus.REFUSED
    machine.put("run/asl/seal.json", json.dumps({**SEAL, "mode": "rehearsal"}))
    assert call(machine, *words)[0] is ExitStatus.DONE


def test_a_list_of_builders_that_is_damaged_stops_the_claim(machine: SealedMachine, manifest: Path) -> None:
    machine.put("etc/asl-auth-host/builders.json", BUILDERS.to_bytes() + b"\n")

    status, _, err = call(machine, "claim", "--manifest", manifest)

    assert status is ExitStatus.CHECK_FAILED
    assert "/etc/asl-auth-host/builders.json" in err
    assert read_builders(BUILDERS.to_bytes()) == BUILDERS


def test_the_claim_of_a_rehearsal_is_none_but_in_a_rehearsal(machine: SealedMachine, tmp_path: Path) -> None:
    path = tmp_path / "a.claim"
    path.write_bytes(rehearsal_claim(Inventory("host", Checkpoint(ORIGIN, 0, EMPTY_ROOT), b"", 0, 0), None).to_bytes())

    assert "CLAIM-REHEARSAL" in failed(answer(machine, "verify-env", path, "--paper"))
    machine.put("run/asl/seal.json", json.dumps({**SEAL, "mode": "rehearsal"}))
    assert "CLAIM-REHEARSAL" not in failed(answer(machine, "verify-env", path, "--paper"))


def claimed(machine: SealedMachine, path: Path, *words: str) -> Path:
    assert call(machine, "claim", "--output", path, *words)[0] is ExitStatus.DONE
    return path


@pytest.mark.parametrize(
    ("name", "content", "changed"),
    [
        ("sys/class/net/eth0/operstate", "up\n", ["CLAIM-ENVIRONMENT", "CLAIM-OFFLINE"]),
        ("run/asl/session/id", "00" * 16 + "\n", ["CLAIM-SESSION"]),
        ("proc/swaps", "Filename\n/dev/sda2 partition 1 0 -2\n", ["CLAIM-ENVIRONMENT"]),
        ("proc/sys/kernel/osrelease", "6.1\n", ["CLAIM-ENVIRONMENT"]),
        ("asl-auth-host/tools/versions/sops-3.11.0/sops", b"sops!", ["CLAIM-ENVIRONMENT"]),
        ("asl-auth-host/host/config.yaml", "x: 1\n", ["CLAIM-ENVIRONMENT"]),
        ("dev/sr0", b"", ["CLAIM-ENVIRONMENT"]),
        ("sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c", bytes(5), ["CLAIM-ENVIRONMENT"]),
    ],
)
def test_what_has_changed_since_the_claim_is_found(
    machine: SealedMachine, tmp_path: Path, name: str, content: str | bytes, changed: list[str]
) -> None:
    path = claimed(machine, tmp_path / "c")
    assert call(machine, "verify-env", path)[0] is ExitStatus.DONE

    machine.put(name, content)
    found = answer(machine, "verify-env", path)

    assert found["status"] == 3
    assert failed(found) == changed


def test_a_layer_whose_bytes_are_not_what_was_sealed_is_shown_with_both_hashes(machine: SealedMachine) -> None:
    machine.put("dev/dm-0", LAYERS["base"][:-1] + b"x")

    _, out, _ = call(machine, "claim")

    assert "layer base      measured; NOT THE SAME: stated, recomputed" in out


def test_a_layer_that_only_root_may_read_is_measured_by_the_command_line_and_said(machine: SealedMachine) -> None:
    for number in range(len(LAYERS)):
        machine.take(f"dev/dm-{number}")
    machine.take("dev/sr0")

    found = answer(machine, "claim")
    seen = read_claim(found["claim"].encode()).environment

    assert [layer.recomputed for layer in seen.layers] == [None] * 3
    assert {*seen.having(Status.ABSENT)} == {"config", "medium", "kernel", "initrd"}
    assert any("layers not read" in note for note in found["notes"])
    assert any("medium sr0 not read" in note for note in found["notes"])


def test_another_medium_in_the_drive_counts_as_none(machine: SealedMachine) -> None:
    data = bytearray((machine.root / "dev/sr0").read_bytes())
    data[data.index(FILES["asl/SHA256SUMS"])] ^= 1
    machine.put("dev/sr0", bytes(data))

    assert read_claim(answer(machine, "claim")["claim"].encode()).environment.medium.status is Status.ABSENT


def test_a_layer_that_is_cut_short_is_an_io_error(machine: SealedMachine) -> None:
    machine.put("dev/dm-0", LAYERS["base"][: -2 * 4096])

    status, _, err = call(machine, "claim")

    assert status is ExitStatus.IO_FAILED
    assert "/dev/dm-0: ends at byte" in err


def test_a_seal_and_a_command_line_that_differ_stop_everything(machine: SealedMachine) -> None:
    machine.put("proc/cmdline", "quiet\n")

    status, _, err = call(machine, "claim")

    assert status is ExitStatus.CHECK_FAILED
    assert "CLAIM-SEAL" in err


def test_a_person_may_declare_what_can_not_be_measured_and_add_entropy(machine: SealedMachine, tmp_path: Path) -> None:
    machine.take("dev/sr0")
    path = claimed(machine, tmp_path / "c", "--declare", "entropy=dice", "--declare", f"medium={'0' * 64}")
    seen = read_claim(path.read_bytes()).environment

    assert seen.entropy.status is seen.medium.status is Status.DECLARED
    assert seen.entropy.value == ("declared:dice", "device:virtio_rng.0", "processor:rdrand")
    assert call(machine, "verify-env", path)[0] is ExitStatus.DONE


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ("kernel=" + "0" * 64, ExitStatus.REFUSED),  # it was measured
        ("weather=fine", ExitStatus.REFUSED),
        ("config=x", ExitStatus.CHECK_FAILED),
        ("entropy=a b", ExitStatus.CHECK_FAILED),
        ("config", ExitStatus.USAGE),
        ("config=", ExitStatus.USAGE),
    ],
)
def test_a_declaration_that_does_not_count_is_refused(machine: SealedMachine, said: str, status: ExitStatus) -> None:
    ended, out, err = call(machine, "claim", "--declare", said)

    assert (ended, out) == (status, "")
    assert ("CLAIM-DECLARED" in err) is (status is ExitStatus.CHECK_FAILED)


def test_the_first_who_asks_makes_the_session_and_all_others_read_it(machine: SealedMachine) -> None:
    machine.take("run/asl/session/id")
    draws = iter([bytes(15) + b"\1", bytes(15) + b"\2"])

    first = make_session(machine.root, lambda _: next(draws))

    assert load_session(machine.root) == first == "00" * 15 + "01"
    assert make_session(machine.root, lambda _: next(draws)) == first


def test_a_session_that_is_none_and_a_place_that_is_not_there_are_refused(machine: SealedMachine) -> None:
    machine.put("run/asl/session/id", "x\n")
    with pytest.raises(Malformed, match="no id of a session"):
        make_session(machine.root, os.urandom)
    machine.take("run/asl/session/id")
    (machine.root / "run/asl/session").rmdir()
    with pytest.raises(Refused, match="is not there"):
        make_session(machine.root, os.urandom)


def test_a_claim_is_checked_elsewhere_against_manifest_and_nonce(
    machine: SealedMachine, manifest: Path, tmp_path: Path
) -> None:
    path = tmp_path / "c"
    call(machine, "claim", "--manifest", manifest, "--nonce", NONCE, "--output", path)
    workstation = SealedMachine(tmp_path / "w")
    workstation.take("run/asl/seal.json")
    (tmp_path / "b.json").write_bytes(BUILDERS.to_bytes())
    words = ("verify-env", path, "--manifest", manifest, "--builders", tmp_path / "b.json", "--nonce")

    good, bad = answer(workstation, *words, NONCE), answer(workstation, *words, "00" * 16)

    assert (good["status"], failed(good), good["measured_again"]) == (0, [], False)
    assert (bad["status"], failed(bad)) == (3, ["CLAIM-NONCE"])


def test_a_claim_that_calls_verified_what_its_manifest_does_not_say_is_found_out(
    machine: SealedMachine, manifest: Path, tmp_path: Path
) -> None:
    path, other = tmp_path / "c", tmp_path / "other.json"
    call(machine, "claim", "--manifest", manifest, "--output", path)
    text = manifest_bytes(image="0" * 64)
    other.write_bytes(text)
    (tmp_path / "other.json.dsse.json").write_bytes(signed(text, ALICE, BOB))

    found = answer(machine, "verify-env", path, "--paper", "--manifest", other)

    assert found["status"] == 3
    assert failed(found) == ["REFERENCE-EQUAL", "CLAIM-REFERENCE", "REFERENCE-EQUAL"]


def test_an_unverified_claim_does_not_become_verified_by_bringing_a_manifest(
    machine: SealedMachine, manifest: Path, tmp_path: Path
) -> None:
    path = claimed(machine, tmp_path / "c")

    found = answer(machine, "verify-env", path, "--manifest", manifest)

    assert failed(found) == ["CLAIM-REFERENCE", "CLAIM-VERIFIED"]


def test_a_file_named_like_another_claim_is_not_taken_for_it(machine: SealedMachine, tmp_path: Path) -> None:
    path = claimed(machine, tmp_path / "c")
    own = read_claim(path.read_bytes()).snapshot_id
    good, bad = tmp_path / f"{own}.claim", tmp_path / f"{'0' * 64}.claim"
    good.write_bytes(path.read_bytes())
    bad.write_bytes(path.read_bytes())

    assert call(machine, "verify-env", good)[0] is ExitStatus.DONE
    assert failed(answer(machine, "verify-env", bad)) == ["CLAIM-NAMED"]


def test_a_changed_claim_is_refused_by_its_verdict(machine: SealedMachine, tmp_path: Path) -> None:
    path = claimed(machine, tmp_path / "c")
    path.write_bytes(path.read_bytes().replace(b'"UNVERIFIED"', b'"VERIFIED"'))

    status, _, err = call(machine, "verify-env", path)

    assert status is ExitStatus.CHECK_FAILED
    assert "CLAIM-VERDICT" in err


def test_nothing_is_overwritten(machine: SealedMachine, tmp_path: Path) -> None:
    (tmp_path / "c").write_text("mine")

    assert call(machine, "claim", "--output", tmp_path / "c")[0] is ExitStatus.REFUSED
    assert (tmp_path / "c").read_text() == "mine"


@pytest.mark.parametrize(
    "words",
    [("--nonce", "AB" * 16), ("--nonce", "ab"), ("--signatures", "x"), ("--builders", "x")],
)
def test_options_that_make_no_sense_end_with_2(machine: SealedMachine, words: tuple[str, ...]) -> None:
    assert call(machine, "claim", *words)[0] is ExitStatus.USAGE


def test_measure_says_what_this_user_may_read_as_one_object(machine: SealedMachine, tmp_path: Path) -> None:
    status, out, _ = call(machine, "measure")

    assert status is ExitStatus.DONE
    assert json.loads(out)["roots"] == {each["name"]: each["root_hash"] for each in SEALED}
    machine.take("run/asl/seal.json")
    assert call(machine, "measure")[0] is ExitStatus.REFUSED


@pytest.fixture
def helped(machine: SealedMachine) -> Iterator[SealedMachine]:
    """A machine whose root helper answers; its devices are closed to everybody else. A socket's path must be short."""
    with tempfile.TemporaryDirectory(prefix="asl-") as short:
        root = Path(short)
        helped = SealedMachine(root)
        for name in ("dev/sr0", *(f"dev/dm-{number}" for number in range(len(LAYERS)))):
            helped.take(name)
        yield helped


def helper(machine: SealedMachine, says: bytes) -> threading.Thread:
    line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    line.bind(str(machine.root / "run/asl/measure"))
    line.listen(1)

    def serve() -> None:
        with line, line.accept()[0] as caller:
            caller.sendall(says)

    thread = threading.Thread(target=serve)
    thread.start()
    return thread


def test_what_only_root_may_read_comes_from_the_helper(helped: SealedMachine) -> None:
    roots = {str(each["name"]): str(each["root_hash"]) for each in SEALED}
    says = Readings(roots, IMAGE, "01" * 32, "02" * 32, "03" * 32)
    thread = helper(helped, says.to_bytes())

    seen = measure(helped.root, helped.root, read_layers(helped.root)).environment
    thread.join()

    assert all(layer.recomputed == layer.stated for layer in seen.layers)
    assert (seen.medium.value, seen.kernel.value, seen.initrd.value) == ("01" * 32, "02" * 32, "03" * 32)


@pytest.mark.parametrize(
    ("says", "error"),
    [
        (b"", IoFailed),
        (b"{}", Malformed),
        (b"x" * 100_000, Malformed),
        (Readings({}, "00" * 32, "01" * 32, "02" * 32, "03" * 32).to_bytes(), Malformed),  # another image's medium
    ],
)
def test_a_helper_that_makes_no_sense_is_not_believed(
    helped: SealedMachine, says: bytes, error: type[Exception]
) -> None:
    thread = helper(helped, says)

    with pytest.raises(error):
        measure(helped.root, helped.root, read_layers(helped.root))
    thread.join()


def test_a_machine_that_no_sealed_image_runs_on_is_measured_as_such(machine: SealedMachine) -> None:
    machine.take("run/asl/seal.json")
    machine.put("proc/cmdline", "root=/dev/sda1\n")

    found = answer(machine, "claim")

    assert found["notes"] == ["this machine was not started from a sealed image"]
    assert "image_id" in read_claim(found["claim"].encode()).environment.having(Status.ABSENT)


def test_what_is_signed_is_signed_under_the_claim_of_this_boot(machine: SealedMachine, manifest: Path) -> None:
    call(machine, "claim", "--manifest", manifest)
    claim = boot_claim(machine.root, machine.root / "asl-auth-host")
    inventory = Inventory("me.example", Checkpoint("asl/me.example", 3, bytes(32)), b"", 0, 0)

    carried = claims_for(claim)(inventory, claim.digest)

    assert (carried.verdict, carried.session_id) == (Verdict.VERIFIED, SESSION)
    assert (carried.domain_id, carried.logseq, carried.previous) == ("me.example", 3, claim.digest)
    assert carried.snapshot_id == inventory.snapshot_id
    assert read_claim(carried.to_bytes()) == carried


@pytest.mark.parametrize(
    ("name", "content", "check_id"),
    [
        ("run/asl/session/id", "00" * 16 + "\n", "CLAIM-SESSION"),
        ("sys/class/net/eth0/operstate", "up\n", "CLAIM-ENVIRONMENT"),
        ("asl-auth-host/tools/versions/sops-3.11.0/sops", b"sops!", "CLAIM-ENVIRONMENT"),
        ("run/asl/session/claim", None, "CLAIM-MISSING"),
        ("run/asl/session/id", None, "CLAIM-MISSING"),
    ],
)
def test_a_claim_of_another_boot_or_machine_and_none_at_all_let_nothing_be_signed(
    machine: SealedMachine, name: str, content: str | bytes | None, check_id: str
) -> None:
    call(machine, "claim")
    assert boot_claim(machine.root, machine.root / "asl-auth-host").verdict is Verdict.UNVERIFIED
    machine.take(name) if content is None else machine.put(name, content)

    with pytest.raises(Refused) as refusal:
        boot_claim(machine.root, machine.root / "asl-auth-host")
    assert refusal.value.check_id == check_id
    assert refusal.value.hint


def test_the_digest_is_shown_to_a_camera_when_asked_for(machine: SealedMachine) -> None:
    plain, shown = call(machine, "claim")[1], call(machine, "claim", "--qr")[1]

    assert shown.startswith(plain)
    assert len(shown.removeprefix(plain).splitlines()) == 37


ORIGIN = origin_of("host", rehearsal=False)


@pytest.fixture
def store(machine: SealedMachine) -> StorePaths:
    """The store volume of the machine, with a host that has done nothing yet."""
    return create_store(HostDisk(), machine.root / "asl-auth-host", ORIGIN)


def records(store: StorePaths) -> list[Entry]:
    return [read_entry(each.type, each.payload) for each in read_log(HostDisk(), store.host, ORIGIN).records()]


def test_a_claim_is_stored_pinned_and_logged_without_any_key(machine: SealedMachine, store: StorePaths) -> None:
    first, second = answer(machine, "claim"), answer(machine, "claim")
    claims = [read_claim(store.claim(each["snapshot_id"]).read_bytes()) for each in (first, second)]
    pinned = load_snapshot(HostDisk(), store.host, claims[1].snapshot_id)

    assert (first["stored"], first["store_notes"]) == (True, [])
    assert [each.logseq for each in claims] == [0, 2]
    assert [each.previous for each in claims] == [None, claims[0].digest]
    assert check_pinned(claims[1], pinned).ok
    assert [(each.type, each.session) for each in records(store)] == [
        (RecordType.SNAPSHOT, SESSION),
        (RecordType.CLAIM, SESSION),
    ] * 2
    assert call(machine, "verify-env", store.claim(claims[0].snapshot_id))[0] is ExitStatus.DONE
    head = read_log(HostDisk(), store.host, ORIGIN).head
    size, root = head.size, read_log(HostDisk(), store.host, ORIGIN).root_at(2).hex()
    assert check_covers(claims[1], Head(size, head.root.hex()), root, [SESSION] * 2, SESSION).ok


def test_a_store_that_another_program_writes_to_is_busy(machine: SealedMachine, store: StorePaths) -> None:
    with opened(HostDisk(), store.host, ORIGIN, None):
        assert call(machine, "claim")[0] is ExitStatus.BUSY

    assert records(store) == []
    assert call(machine, "claim")[0] is ExitStatus.DONE


def test_a_store_that_waits_for_its_key_gets_no_claim_and_one_is_made(
    machine: SealedMachine, store: StorePaths
) -> None:
    call(machine, "claim")
    log = store.host.log_file(1)
    log.write_bytes(log.read_bytes() + b"half a record")

    found = answer(machine, "claim")

    assert (found["status"], found["stored"]) == (0, False)
    assert "recovering takes the log's key" in found["store_notes"][0]
    assert read_claim(found["claim"].encode()).logseq == 2
    assert log.read_bytes().endswith(b"half a record")


def test_a_damaged_store_gets_no_claim_and_ends_with_5(machine: SealedMachine, store: StorePaths) -> None:
    call(machine, "claim")
    log = store.host.log_file(1)
    kept = log.read_bytes()
    log.write_bytes(kept[:-1] + bytes([kept[-1] ^ 1]))

    assert call(machine, "claim")[0] is ExitStatus.STORE_DAMAGED


def test_a_rehearsal_stores_nothing(machine: SealedMachine, store: StorePaths) -> None:
    machine.put("run/asl/seal.json", json.dumps({**SEAL, "mode": "rehearsal"}))

    assert answer(machine, "claim")["store_notes"] == ["not stored: this is a rehearsal"]
    assert records(store) == []


def test_a_stored_claim_leaves_a_host_that_holds_to_every_rule_and_says_where_it_could_not(tmp_path: Path) -> None:
    root = make_real(tmp_path)
    view = root / "asl-auth-host/host/domain.json"
    assert call_real(root, "claim")[0] is ExitStatus.DONE
    status, said = call_real(root, "domain", "check", "host")
    assert (status, "FAILED" in said) == (ExitStatus.DONE, False), said

    view.unlink()
    view.mkdir()
    status, said = call_real(root, "claim")
    assert (status, "Domain.json was not renewed" in said) == (ExitStatus.DONE, True), said
