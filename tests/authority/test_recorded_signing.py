"""On a sealed host what is signed over files is an operation of the host's own domain: in its log, with a receipt."""

from __future__ import annotations

import json
import shutil
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from asl_authority.contract import ExitStatus
from asl_authority.front import cli
from asl_authority.front.outside import Outside
from asl_authority.operations.boot_claim import boot_gate
from asl_authority.operations.domain_check import check_domain
from asl_authority.operations.prepared import load_prepared
from asl_authority.storage.disk import HostDisk
from asl_authority.storage.layout import StorePaths
from asl_authority.values import request as requests
from asl_authority.values.checkpoint import read_checkpoint_text
from asl_authority.values.log_record import RecordType
from asl_authority.values.public_key_file import public_key_file
from asl_authority.values.rootset import RootSet
from asl_authority.values.signed_note import read_note
from support.domains import DOMAIN, POLICY, request, secret
from support.real_store import Person, make_real
from support.real_store import call as real_call
from support.sealed_machine import ALICE, BOB, BUILDERS, CONFIG, SealedMachine, manifest_bytes, signed
from support.stories import Answers, no_randomness, unprotected
from support.story_domains import KEYS, PASSPHRASE, make_domains
from support.story_domains import POLICY as STORE_POLICY
from support.story_files import make_files, prepared_files

pytestmark = pytest.mark.any_python

FILES = Path(__file__).parent / "stories/files"
HOST_READ = b"domains:\n  host: {id: host, type: authority, allowed_operations: [read, write, seal]}\n"
CLAIM = ("claim", "--manifest", "HERE/image.manifest.json")
ISSUE = (
    *("cert", "issue", "HERE/request.json.sig", "--root-set", "HERE/roots.json", "--policy", "HERE/policy.json"),
    *("--public-key", "HERE/root-1.pub", "--key", "HERE/root-1.priv.enc", "--output", "HERE/cert.json"),
)  # fmt: skip


@pytest.fixture
def machine(tmp_path: Path) -> SealedMachine:
    """A sealed machine whose claim can be VERIFIED, and what a root is asked to certify."""
    (tmp_path / "image.manifest.json").write_bytes(manifest_bytes())
    (tmp_path / "image.manifest.json.dsse.json").write_bytes(signed(manifest_bytes(), ALICE, BOB))
    (tmp_path / "request.json.sig").write_bytes(request().to_bytes())
    (tmp_path / "policy.json").write_bytes(POLICY.to_bytes())
    (tmp_path / "root-1.pub").write_bytes(public_key_file(secret("root 1").public))
    (tmp_path / "roots.json").write_bytes(RootSet(1, (secret("root 1").public,), 1).to_bytes())
    shutil.copy(FILES / "root-1.priv.enc", tmp_path)
    return SealedMachine(tmp_path / "machine", BUILDERS)


def call(machine: SealedMachine, *words: str, answers: tuple[str, ...] = ()) -> tuple[ExitStatus, str]:
    said, place = StringIO(), machine.root.parent
    outside = Outside(Answers(list(answers), said.write), no_randomness("recorded"), unprotected)
    told = [word.replace("HERE", str(place)) for word in words]
    status = cli.run(told, program="asl-auth-host", stdout=said, stderr=said, machine=machine.root, outside=outside)
    return status, said.getvalue()


def with_store(machine: SealedMachine) -> Path:
    """A store of this machine, founded for real under its claim."""
    root = machine.root / "asl-auth-host"
    make_domains(root, FILES / KEYS, boot_gate(machine.root, root))
    return root


def last_head(machine: SealedMachine) -> tuple[str, str]:
    """The host's head, as it stands on paper."""
    head = read_checkpoint_text(
        read_note((StorePaths(machine.root / "asl-auth-host").host.checkpoint).read_bytes()).text
    )
    return "--head", f"{head.size} {head.root.hex()}"


def test_a_signature_over_a_file_is_in_the_hosts_log_before_it_is_in_a_file(machine: SealedMachine) -> None:
    assert call(machine, *CLAIM)[0] is ExitStatus.DONE
    store = StorePaths(with_store(machine))
    status, said = call(machine, *ISSUE, *last_head(machine), answers=("WORDS", PASSPHRASE, PASSPHRASE))
    assert status is ExitStatus.DONE, said

    envelope = (machine.root.parent / "cert.json.sig").read_bytes()
    report = check_domain(HostDisk(), store, store.host, "host", trusted=None, rehearsal=False)
    assert report.ok
    entry = next(entry for _, entry in report.entries if entry.type is RecordType.ARTIFACT)
    assert store.host.block(entry.blocks[0]).read_bytes() == envelope
    assert entry.facts["kind"] == "asl.certificate/1"
    assert requests.KIND.type not in str(entry.facts)
    assert report.entries[-1][1].type is RecordType.RECEIPT
    given = ("--root-set", "HERE/roots.json", "--policy", "HERE/policy.json")
    status, said = call(machine, "cert", "verify", "HERE/cert.json", *given)
    assert status is ExitStatus.DONE, f"what was signed holds: {said}"


def planned(said: str) -> dict[str, Any]:
    """What a dry run says to a machine."""
    found: dict[str, Any] = json.loads(said[said.index("{") :])
    return found


def hold(planned: dict[str, Any], store: StorePaths) -> None:
    """A dry run's plan of the host's operation, held to what the host's log has now."""
    report = check_domain(HostDisk(), store, store.host, "host", trusted=None, rehearsal=False)
    plan = planned["host"]["plan"]
    assert (planned["host"]["domain_id"], planned["host"]["operation"]) == ("host", "sign")
    assert plan["size"] == report.head.size
    real = [json.loads(entry.to_bytes()) for logseq, entry in report.entries if logseq >= plan["records"][0]["logseq"]]
    for told, there in zip((each["entry"] for each in plan["records"]), real, strict=True):
        assert (told["type"], told.get("facts", {}).get("kind")) == (there["type"], there.get("facts", {}).get("kind"))
        assert told.get("facts", {}).get("sha256") == there.get("facts", {}).get("sha256")
        assert len(told.get("blocks", ())) == len(there.get("blocks", ()))


def test_a_dry_run_has_the_plan_of_the_hosts_operation_beside_and_signs_nothing(machine: SealedMachine) -> None:
    assert call(machine, *CLAIM)[0] is ExitStatus.DONE
    store = StorePaths(with_store(machine))
    before = store.host.checkpoint.read_bytes()
    status, said = call(machine, *ISSUE, *last_head(machine), "--dry-run", "--json")
    assert status is ExitStatus.DONE, said
    plan = planned(said)
    assert store.host.checkpoint.read_bytes() == before
    first = plan["host"]["plan"]["signatures"][0]
    assert (first["key"], first["key_id"]) == ("offline root", secret("root 1").public.key_id)
    assert first["sha256"], "what a root signs depends on no signature"

    assert call(machine, *ISSUE, *last_head(machine), answers=("WORDS", PASSPHRASE, PASSPHRASE))[0] is ExitStatus.DONE
    hold(plan, store)
    assert call(machine, *ISSUE[:-2], "--dry-run", *last_head(machine))[0] is ExitStatus.DONE, "no --output is needed"


def test_so_has_the_dry_run_of_a_session_of_roots(machine: SealedMachine) -> None:
    place = with_prepared(machine, "prepared")
    sign = ("domain", "sign", str(place), "--key", "HERE/root-1.priv.enc")
    assert call(machine, *CLAIM)[0] is ExitStatus.DONE
    store = StorePaths(with_store(machine))
    status, said = call(machine, *sign, *last_head(machine), "--dry-run", "--json")
    assert status is ExitStatus.DONE, said
    plan = planned(said)
    assert list(place.glob("*.signature")) == []

    assert call(machine, *sign, *last_head(machine), answers=("WORDS", PASSPHRASE, PASSPHRASE))[0] is ExitStatus.DONE
    hold(plan, store)
    assert sorted(each["path"] for each in plan["plan"]["files"]) == sorted(
        path.name for path in place.glob("*.signature")
    )
    status, said = call(machine, *sign, *last_head(machine), "--dry-run")
    assert (status, "SIGN-TWICE" in said) == (ExitStatus.REFUSED, True), "it refuses what doing it would refuse"


@pytest.mark.parametrize("words", [ISSUE, (*ISSUE, "--dry-run")])
def test_where_nothing_may_be_added_to_the_hosts_log_nothing_is_signed(
    machine: SealedMachine, words: tuple[str, ...]
) -> None:
    machine.put("etc/asl-auth-host/config.yaml", CONFIG + HOST_READ)
    assert call(machine, *CLAIM)[0] is ExitStatus.DONE
    store = StorePaths(with_store(machine))
    before = store.host.checkpoint.read_bytes()
    status, said = call(machine, *words, *last_head(machine))

    assert (status, "CONFIG-OPERATION" in said) == (ExitStatus.REFUSED, True), said
    assert "recorded in the log of host" in said
    assert store.host.checkpoint.read_bytes() == before
    assert not (machine.root.parent / "cert.json").exists()


def test_nor_is_anything_else_that_the_hosts_log_would_have(machine: SealedMachine) -> None:
    place = with_prepared(machine, "prepared")
    machine.put("etc/asl-auth-host/config.yaml", CONFIG + HOST_READ)
    assert call(machine, *CLAIM)[0] is ExitStatus.DONE
    with_store(machine)
    for words in (
        ("domain", "sign", str(place), "--key", "HERE/root-1.priv.enc"),
        ("domain", "revoke", DOMAIN, "--reason", "stolen"),
    ):
        status, said = call(machine, *words, *last_head(machine))
        assert (status, "CONFIG-OPERATION" in said) == (ExitStatus.REFUSED, True), said


def test_without_a_claim_or_a_store_nothing_is_signed(machine: SealedMachine) -> None:
    status, said = call(machine, *ISSUE)
    assert (status, "CLAIM-MISSING" in said) == (ExitStatus.REFUSED, True)

    assert call(machine, *CLAIM)[0] is ExitStatus.DONE
    status, said = call(machine, *ISSUE)
    assert (status, "there is no store here" in said) == (ExitStatus.REFUSED, True)
    assert not (machine.root.parent / "cert.json").exists()


def test_where_the_hosts_last_head_is_not_at_hand_nothing_is_signed(machine: SealedMachine) -> None:
    assert call(machine, *CLAIM)[0] is ExitStatus.DONE
    with_store(machine)
    status, said = call(machine, *ISSUE)

    assert (status, "LOG-HEAD-UNKNOWN" in said) == (ExitStatus.REFUSED, True), said
    assert not (machine.root.parent / "cert.json").exists()


def test_a_name_that_is_taken_is_said_before_anything_is_signed(machine: SealedMachine) -> None:
    assert call(machine, *CLAIM)[0] is ExitStatus.DONE
    store = StorePaths(with_store(machine))
    (machine.root.parent / "cert.json.sig").write_bytes(b"mine")
    before = store.host.checkpoint.read_bytes()
    status, said = call(machine, *ISSUE)

    assert (status, "nothing is overwritten" in said) == (ExitStatus.REFUSED, True)
    assert store.host.checkpoint.read_bytes() == before


def test_a_directory_that_is_not_there_is_said_before_anything_is_signed(machine: SealedMachine) -> None:
    assert call(machine, *CLAIM)[0] is ExitStatus.DONE
    store = StorePaths(with_store(machine))
    before = store.host.checkpoint.read_bytes()
    status, said = call(machine, *ISSUE[:-1], "HERE/nowhere/cert.json")

    assert (status, "no such directory" in said) == (ExitStatus.USAGE, True), said
    assert store.host.checkpoint.read_bytes() == before


def test_a_wrong_passphrase_leaves_the_store_as_it_was(machine: SealedMachine) -> None:
    assert call(machine, *CLAIM)[0] is ExitStatus.DONE
    store = StorePaths(with_store(machine))
    before = store.host.checkpoint.read_bytes()
    status, _ = call(machine, *ISSUE, *last_head(machine), answers=("WORDS", PASSPHRASE, "x", "y", "z"))

    assert status is ExitStatus.UNLOCK_FAILED
    assert store.host.checkpoint.read_bytes() == before
    assert not (machine.root.parent / "cert.json").exists()


def with_prepared(machine: SealedMachine, name: str) -> Path:
    """A prepared genesis that waits for its roots."""
    place = machine.root.parent / name
    place.mkdir()
    for file, data in prepared_files()[name].items():
        (place / file).write_bytes(data)
    return place


def test_what_roots_sign_of_a_prepared_domain_is_in_the_hosts_log_before_it_is_in_a_file(
    machine: SealedMachine,
) -> None:
    place = with_prepared(machine, "prepared")
    sign = ("domain", "sign", str(place), "--key", "HERE/root-1.priv.enc")
    status, said = call(machine, *sign)
    assert (status, "CLAIM-MISSING" in said) == (ExitStatus.REFUSED, True)
    assert call(machine, *CLAIM)[0] is ExitStatus.DONE
    status, said = call(machine, *sign)
    assert (status, "there is no store here" in said) == (ExitStatus.REFUSED, True)

    store = StorePaths(with_store(machine))
    status, said = call(machine, *sign)
    assert (status, "LOG-HEAD-UNKNOWN" in said) == (ExitStatus.REFUSED, True)
    status, said = call(machine, *sign, *last_head(machine), answers=("WORDS", PASSPHRASE, PASSPHRASE))
    assert status is ExitStatus.DONE, said
    report = check_domain(HostDisk(), store, store.host, "host", trusted=None, rehearsal=False)
    assert report.ok
    entry = next(entry for _, entry in report.entries if entry.type is RecordType.ARTIFACT)
    prepared = load_prepared(HostDisk(), place, rehearsal=False)
    logged = {store.host.block(each).read_bytes() for each in entry.blocks}
    assert logged == {each.to_bytes() for each in prepared.new.certificates}
    assert entry.facts["sha256"] == prepared.new.digest.hex()
    assert sorted(path.name for path in place.glob("*.signature")) == [
        *("cert-log.root-3.signature", "cert-operator.root-3.signature", "cert-root.root-3.signature"),
    ]


def test_a_host_is_founded_under_the_policy_that_is_sealed_and_no_other(machine: SealedMachine) -> None:
    found = ("domain", "found", str(with_prepared(machine, "prepared-real-host")))
    (machine.root / "asl-auth-host").mkdir(exist_ok=True)
    machine.put(
        "etc/asl-auth-host/config.yaml",
        'host: {name: x, version: "1", mode: normal}\npolicy: {hash_file: /etc/asl-auth-host/policy.hash}\n',
    )
    machine.put("etc/asl-auth-host/policy.hash", "0" * 64 + "\n")
    assert call(machine, *CLAIM)[0] is ExitStatus.DONE
    status, said = call(machine, *found)
    assert (status, "POLICY-HASH-SEALED" in said) == (ExitStatus.REFUSED, True), said

    machine.put("etc/asl-auth-host/policy.hash", f"{POLICY.hash}\n")
    status, said = call(machine, *found)
    assert (status, "nothing is founded yet" in said) == (ExitStatus.REFUSED, True), said


def test_no_act_stands_in_a_host_that_has_another_policy_than_the_sealed_one(machine: SealedMachine) -> None:
    put = ("store", "put", "HERE/policy.json", "--dry-run")
    config = 'host: {name: x, version: "1", mode: normal}\npolicy: {hash_file: /etc/asl-auth-host/policy.hash}\n'
    machine.put("etc/asl-auth-host/config.yaml", config)
    machine.put("etc/asl-auth-host/policy.hash", f"{STORE_POLICY.hash}\n")
    assert call(machine, *CLAIM)[0] is ExitStatus.DONE
    with_store(machine)

    for sealed, acts, checks in (
        (STORE_POLICY.hash, ExitStatus.DONE, ExitStatus.DONE),
        ("0" * 64, ExitStatus.REFUSED, ExitStatus.CHECK_FAILED),
    ):
        machine.put("etc/asl-auth-host/policy.hash", f"{sealed}\n")
        for (status, said), ended in (
            (call(machine, *put, *last_head(machine)), acts),
            (call(machine, "domain", "check", "host"), checks),
        ):
            assert (status, "0" * 64 in said) == (ended, ended is not ExitStatus.DONE), said
        status, said = call(machine, "store", "put", "HERE/policy.json", "--domain", "me.example", "--dry-run")
        assert "POLICY-HASH-SEALED" not in said, "it is the host that is held to it"


def test_where_the_host_is_lost_while_its_domains_are_there_no_new_one_is_founded(machine: SealedMachine) -> None:
    found = ("domain", "found", str(with_prepared(machine, "prepared-real-host")))
    assert call(machine, *CLAIM)[0] is ExitStatus.DONE
    store = with_store(machine)
    shutil.rmtree(StorePaths(store).host.root)
    status, said = call(machine, *found)

    assert (status, "the host is not here, while" in said) == (ExitStatus.STORE_DAMAGED, True), said
    assert not StorePaths(store).host.root.exists()


def test_x509_certificates_are_in_the_hosts_log_before_they_are_in_files(tmp_path: Path) -> None:
    shutil.copytree(FILES, tmp_path, dirs_exist_ok=True)
    make_files(tmp_path)
    (tmp_path / "out").mkdir()
    machine = make_real(tmp_path / "real")
    given = {name: str(tmp_path / name) for name in ("roots.json", "policy.json", "me/cert.json", "me/cert-x509.json")}
    words = (
        *("cert", "x509", str(tmp_path / "me/dam.json"), "--root-set", given["roots.json"]),
        *("--policy", given["policy.json"], "--not-before", "2026-01-01", "--output", str(tmp_path / "out")),
        *("--certificate", given["me/cert.json"], "--certificate", given["me/cert-x509.json"]),
        *("--key", str(tmp_path / "x509.priv.enc"), "--stick", str(tmp_path / "out")),
    )
    status, said = real_call(machine, *words)
    assert (status, "LOG-HEAD-UNKNOWN" in said) == (ExitStatus.REFUSED, True), said
    head = real_call(machine, "log", "head", "--words", "--json")[1]
    told = json.loads(head[head.index("{") :])
    at = ("--head", f"{told['size']} {told['root']}")
    status, said = real_call(machine, *words, *at, "--dry-run", "--json")
    assert status is ExitStatus.DONE, said
    plan = planned(said)
    assert plan["host"]["plan"]["signatures"][0]["key"] == "x509"
    status, said = real_call(machine, *words, *at)
    assert status is ExitStatus.DONE, said

    hold(plan, StorePaths(machine / "asl-auth-host"))
    store = StorePaths(machine / "asl-auth-host")
    report = check_domain(HostDisk(), store, store.host, "host", trusted=None, rehearsal=False)
    entry = next(entry for _, entry in reversed(report.entries) if entry.type is RecordType.ARTIFACT)
    assert report.ok
    assert entry.facts["kind"] == "x509"
    written = [path.read_bytes() for path in (tmp_path / "out").glob("*.pem")]
    assert sorted(store.host.block(each).read_bytes() for each in entry.blocks) == sorted(written)
    assert len(written) > 1


def test_the_record_of_a_drill_goes_into_a_log(tmp_path: Path) -> None:
    machine = make_real(tmp_path)
    shutil.copy(FILES / "log.priv.enc", tmp_path)
    (tmp_path / "log.pub").write_bytes(public_key_file(secret("log").public))
    head = real_call(machine, "log", "head", "--domain", DOMAIN, "--json")[1]
    told = json.loads(head[head.index("{") :])
    words = (
        *("key", "drill", str(tmp_path / "log.priv.enc"), "--kind", "log", "--by", "passphrase"),
        *("--output", str(tmp_path / "drill.json"), "--domain", DOMAIN, "--head", f"{told['size']} {told['root']}"),
    )
    status, said = real_call(machine, *words, person=Person(answers=["Alice", ""]))
    assert status is ExitStatus.DONE, said

    store = StorePaths(machine / "asl-auth-host")
    report = check_domain(HostDisk(), store, store.domain(DOMAIN), DOMAIN, trusted=None, rehearsal=False)
    entry = report.entries[-2][1]
    assert entry.facts["passed"] is True
    assert store.domain(DOMAIN).block(entry.blocks[0]).read_bytes() == (tmp_path / "drill.json").read_bytes()


def test_once_there_is_a_host_nothing_of_a_host_is_signed_outside_of_its_log(machine: SealedMachine) -> None:
    place = with_prepared(machine, "prepared-real-host")
    assert call(machine, *CLAIM)[0] is ExitStatus.DONE
    with_store(machine)
    status, said = call(machine, "domain", "sign", str(place), "--key", "HERE/root-1.priv.enc")

    assert (status, "LOG-HEAD-UNKNOWN" in said) == (ExitStatus.REFUSED, True), said
    assert list(place.glob("*.signature")) == []


@pytest.mark.parametrize(
    "config",
    [
        'host: {nmae: x, version: "1", mode: normal}\n',
        'host: {name: x, version: "1", mode: normal}\npolicy: {hash_file: /etc/asl-auth-host/policy.hash}\n',
    ],
    ids=["misspelt", "names a file of the image's"],
)
def test_where_nothing_is_sealed_a_stores_configuration_breaks_no_rule_of_its_policy(
    machine: SealedMachine, config: str
) -> None:
    assert call(machine, *CLAIM)[0] is ExitStatus.DONE
    with_store(machine)
    machine.put("asl-auth-host/host/config.yaml", config)
    for seal in ("run/asl/seal.json", "etc/asl-auth-host/config.yaml"):  # a copy, looked at elsewhere
        machine.take(seal)

    status, said = call(machine, "domain", "check", "host")

    assert (status, "POLICY-HASH-SEALED" in said) == (ExitStatus.DONE, False), said


def test_a_file_of_the_sealed_policy_that_holds_no_hash_is_said_by_a_check(machine: SealedMachine) -> None:
    assert call(machine, *CLAIM)[0] is ExitStatus.DONE
    with_store(machine)
    machine.put("etc/asl-auth-host/policy.hash", "none\n")

    status, said = call(machine, "domain", "check", "host")

    assert (status, "FAILED  POLICY-HASH-SEALED" in said) == (ExitStatus.CHECK_FAILED, True), said
