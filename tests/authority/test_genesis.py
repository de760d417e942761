"""A domain is made whole, in the order of a genesis, or not at all; read again, it holds to every rule."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest

from asl_authority.contract import ExitStatus
from asl_authority.errors import Damaged, Refused, UsageError
from asl_authority.front import cli
from asl_authority.operations.boot_claim import boot_gate, claims_for
from asl_authority.operations.domain_check import Report, check_domain
from asl_authority.operations.founding import found_domain
from asl_authority.operations.gate import Gate, expect_verified, rehearsal_claim
from asl_authority.operations.genesis import Asked, draw_keys, prepare_domain, sign_domain
from asl_authority.operations.reading import HOST
from asl_authority.storage.disk import HostDisk
from asl_authority.storage.domains import create_directories, read_log
from asl_authority.storage.layout import StorePaths
from asl_authority.values.claim import Verdict, read_claim
from asl_authority.values.domain_state import State
from asl_authority.values.environment import Fact, Status
from asl_authority.values.log_entry import read_entry
from asl_authority.values.log_record import RecordType
from support.genesis import POLICY, ROOT_KEYS, ROOTS, founded, founding, known_random
from support.samples.claim import CLAIM

DISK = HostDisk()


def checked(store: StorePaths, domain_id: str) -> Report:
    paths = store.host if domain_id == HOST else store.domain(domain_id)
    return check_domain(DISK, store, paths, domain_id, trusted=ROOTS, rehearsal=True)


def failures(report: Report) -> list[str]:
    return [finding.check_id for finding in report.findings if not finding.ok]


def test_a_host_and_a_domain_are_made_and_hold_to_every_rule(tmp_path: Path) -> None:
    store, made = founded(DISK, tmp_path, dam_signer=True, common="common")

    for domain_id in (HOST, made.domain_id):
        report = checked(store, domain_id)
        assert failures(report) == []
        assert report.view.state is State.UNRECOGNIZED
    assert report.view.root_key_fingerprint == made.domain_id, "the default id is the key id of the root key"
    assert report.view.policy_hash == POLICY.hash
    assert report.view.current_snapshot == made.snapshot
    assert (report.label, report.common) == ("me", "common")
    assert next(entry for _, entry in report.entries).facts["common"] == "common", "its first record says so"
    assert len(report.dam.principals) == 2
    assert {"DAM-ROOT-CERTIFIED", "LOG-KEY-CERTIFIED", "PRINCIPAL-CERTIFIED", "PER-ROLE", "SNAPSHOT-FILES"} <= {
        finding.check_id for finding in report.findings
    }


def test_the_verbs_that_read_hold_what_was_founded_to_the_roots_in_it(tmp_path: Path) -> None:
    _, made = founded(DISK, tmp_path)

    def read(*words: str) -> tuple[ExitStatus, str]:
        out, err = StringIO(), StringIO()
        argv = (*words, "--root", str(tmp_path), "--rehearsal")
        status = cli.run(argv, program="asl-auth-host", stdout=out, stderr=err, machine=Path("/nonexistent"))
        return status, out.getvalue() + err.getvalue()

    for where in ((), ("--domain", made.domain_id)):
        status, said = read("log", "verify", *where)
        assert (status, "NOTE-SIGNED  1 of 1" in said) == (ExitStatus.DONE, True), said
    for snapshot_id in (made.first_snapshot, made.snapshot):
        status, said = read("snapshot", "verify", snapshot_id, "--domain", made.domain_id)
        assert status is ExitStatus.DONE, said


def test_the_log_has_the_order_of_a_genesis(tmp_path: Path) -> None:
    store, made = founded(DISK, tmp_path)
    paths = store.domain(made.domain_id)
    reader = read_log(DISK, paths, f"asl-rehearsal/{made.domain_id}")
    records = list(reader.records())

    assert [RecordType(record.type).name for record in records] == [
        *("DOMAIN", "SNAPSHOT", "CLAIM", "ROOT_SET", "KEY", "POLICY", "CERTIFICATE", "DAM"),
        *("SNAPSHOT", "CLAIM", "RECEIPT"),
    ]
    assert read_entry(records[1].type, records[1].payload).facts["snapshot_id"] == made.first_snapshot
    assert store.claim(made.first_snapshot).is_file()
    assert store.claim(made.snapshot).is_file()


def test_the_same_seed_makes_the_same_bytes_anywhere(tmp_path: Path) -> None:
    trees = []
    for place in ("one", "another/place"):
        (tmp_path / place).mkdir(parents=True)
        founded(DISK, tmp_path / place)
        files = sorted(path for path in (tmp_path / place).rglob("*") if path.is_file())
        trees.append([(str(path.relative_to(tmp_path / place)), path.read_bytes()) for path in files])

    assert trees[0] == trees[1]
    assert len(trees[0]) > 60


def test_what_a_rehearsal_made_is_refused_by_everything_real(tmp_path: Path) -> None:
    store, made = founded(DISK, tmp_path)

    with pytest.raises(Damaged) as damaged:
        check_domain(DISK, store, store.domain(made.domain_id), made.domain_id, trusted=ROOTS, rehearsal=False)
    assert damaged.value.check_id == "CHECKPOINT-ORIGIN"


def test_nothing_real_is_signed_without_a_claim(tmp_path: Path) -> None:
    with pytest.raises(Refused) as refused:
        boot_gate(tmp_path, tmp_path)
    assert refused.value.check_id == "CLAIM-MISSING"
    assert refused.value.status == 4


def test_under_a_verified_claim_of_this_boot_a_domain_is_founded_for_real(tmp_path: Path) -> None:
    store = create_directories(DISK, tmp_path)
    real = Gate(CLAIM.session_id, claims_for(CLAIM), rehearsal=False)
    made = found_domain(DISK, store, founding("me", real, rehearsal=False))
    paths = store.domain(made.domain_id)
    report = check_domain(DISK, store, paths, made.domain_id, trusted=ROOTS, rehearsal=False)

    assert failures(report) == []
    assert (paths.root / "log/checkpoint").read_text().startswith(f"asl/{made.domain_id}\n")
    assert b"rehearsal" not in (paths.root / "dam/dam-1.json.sig").read_bytes()
    assert read_claim(store.claim(made.snapshot).read_bytes()).verdict is Verdict.VERIFIED


def test_a_claim_that_nobody_verified_opens_nothing_real(tmp_path: Path) -> None:
    store = create_directories(DISK, tmp_path)
    real = Gate("5e" * 16, rehearsal_claim, rehearsal=False)

    with pytest.raises(Refused) as refused:
        found_domain(DISK, store, founding("me", real))
    assert refused.value.check_id == "CLAIM-VERIFIED"
    assert list(store.domains.iterdir()) == []


def test_where_the_sealed_configuration_allows_it_a_claim_that_nobody_verified_is_enough_and_says_so(
    tmp_path: Path,
) -> None:
    store, image = create_directories(DISK, tmp_path), Fact(Status.MEASURED, CLAIM.environment.image_id.value)
    unverified = replace(CLAIM, environment=replace(CLAIM.environment, image_id=image))
    lax = Gate(CLAIM.session_id, claims_for(unverified), rehearsal=False, verified_required=False)
    made = found_domain(DISK, store, founding("me", lax, rehearsal=False))

    assert read_claim(store.claim(made.snapshot).read_bytes()).verdict is Verdict.UNVERIFIED
    for bad, check_id in (
        (replace(unverified, self_test=()), "CLAIM-SELF-TEST"),
        (
            replace(unverified, environment=replace(CLAIM.environment, interfaces=Fact(Status.ABSENT))),
            "CLAIM-OFFLINE",
        ),
    ):
        with pytest.raises(Refused) as refused:
            expect_verified(bad, required=False)
        assert refused.value.check_id == check_id


def test_a_claim_of_another_boot_covers_nothing(tmp_path: Path) -> None:
    store = create_directories(DISK, tmp_path)
    other = Gate("5e" * 16, rehearsal_claim, rehearsal=True)

    with pytest.raises(Refused) as refused:
        found_domain(DISK, store, founding("me", other))
    assert refused.value.check_id == "CLAIM-COVERS"
    assert list(store.domains.iterdir()) == []


def test_a_domain_is_made_once(tmp_path: Path) -> None:
    store, made = founded(DISK, tmp_path)
    before = (store.domain(made.domain_id).view).read_bytes()

    with pytest.raises(Refused, match="nothing is overwritten") as refused:
        found_domain(DISK, store, founding("me"))
    assert refused.value.check_id == "DOMAIN-TAKEN"
    assert (store.domain(made.domain_id).view).read_bytes() == before


@pytest.mark.parametrize("bad", ["Upper", "a/b", "..", "a..b", "x" * 129])
@pytest.mark.parametrize("where", ["domain_id", "common"])
def test_what_can_not_be_an_id_is_refused_before_anything_is_signed(bad: str, where: str) -> None:
    named = {"domain_id": "me.example", "common": "", where: bad}
    asked = Asked("me", POLICY, ROOTS, domain_id=named["domain_id"], common=named["common"], rehearsal=True)
    with pytest.raises(UsageError, match="can't be the id of a domain"):
        prepare_domain(asked, draw_keys(known_random("me"), dam_signer=False), ROOT_KEYS[0].public)


@pytest.mark.parametrize("domain_id", ["", "me.example"])
def test_no_domain_is_its_own_common_domain(domain_id: str) -> None:
    keys = draw_keys(known_random("me"), dam_signer=False)
    common = domain_id or keys.public("root").key_id
    asked = Asked("me", POLICY, ROOTS, domain_id=domain_id, common=common, rehearsal=True)
    with pytest.raises(UsageError, match="that is the domain itself"):
        prepare_domain(asked, keys, ROOT_KEYS[0].public)


def test_too_few_roots_make_no_domain() -> None:
    keys = draw_keys(known_random("me"), dam_signer=False)
    new = prepare_domain(Asked("me", POLICY, ROOTS, rehearsal=True), keys, ROOT_KEYS[0].public)

    with pytest.raises(Refused) as refused:
        sign_domain(new, keys, ROOT_KEYS[:1])
    assert refused.value.check_id == "ROOTSET-QUORUM"


def test_what_is_confirmed_names_every_body_that_is_signed() -> None:
    keys = draw_keys(known_random("me"), dam_signer=False)
    new = prepare_domain(Asked("me", POLICY, ROOTS, rehearsal=True), keys, ROOT_KEYS[0].public)
    signed = sign_domain(new, keys, ROOT_KEYS[:2])
    real = prepare_domain(Asked("me", POLICY, ROOTS), keys, ROOT_KEYS[0].public)

    assert new.digest == signed.digest == hashlib.sha256(new.to_bytes()).digest()
    assert real.digest != new.digest
    text = "\n".join(new.lines())
    for each in new.certificates:
        assert each.body.digest in text
        assert each.body.subject_pubkey.text in text
    assert new.dam.body.hash in text


@pytest.mark.parametrize(
    ("name", "check_id"),
    [("certs/root.pub", "DOMAIN-ARTIFACTS"), ("domain.json", "DOMAIN-VIEW-CURRENT")],
)
def test_a_changed_file_of_a_domain_is_found(tmp_path: Path, name: str, check_id: str) -> None:
    store, made = founded(DISK, tmp_path)
    path = store.domain(made.domain_id).root / name
    path.write_bytes(path.read_bytes() + b"\n")

    assert failures(checked(store, made.domain_id)) == [check_id]


@pytest.mark.parametrize("name", ["dam/dam-1.json", "receipts/receipt-11.per.sig", "auth/root-set-1.json"])
def test_a_file_of_a_domain_that_is_no_longer_of_its_kind_is_named_as_damage(tmp_path: Path, name: str) -> None:
    store, made = founded(DISK, tmp_path)
    path = store.domain(made.domain_id).root / name
    path.write_bytes(path.read_bytes() + b"\n")

    with pytest.raises(Damaged, match=name) as damaged:
        checked(store, made.domain_id)
    assert damaged.value.check_id == "DOMAIN-ARTIFACTS"


def test_a_domain_of_other_roots_is_not_trusted(tmp_path: Path) -> None:
    store, made = founded(DISK, tmp_path)
    others = type(ROOTS)(1, ROOTS.root_keys[:1], 1)
    paths = store.domain(made.domain_id)
    report = check_domain(DISK, store, paths, made.domain_id, trusted=others, rehearsal=True)

    assert failures(report) == ["DOMAIN-ROOTS"]
