"""The verbs that read domains: what they show is what the log says, and a rehearsal is not taken for real."""

from __future__ import annotations

import json
import shutil
from io import StringIO
from pathlib import Path

import pytest

from asl_authority.contract import ExitStatus
from asl_authority.front import cli
from asl_authority.operations.replay import list_receipts
from asl_authority.storage.disk import HostDisk
from asl_authority.values.public_key_file import public_key_file
from support.acts import stand
from support.genesis import ROOT_KEYS, ROOTS, founded, founding

ME, COMMON = "me.example", "common.example"


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A rehearsal's store, which no test changes."""
    root = tmp_path_factory.mktemp("store")
    founded(HostDisk(), root, domain_id=ME, common=COMMON)
    return root


def call(root: Path, *words: str) -> tuple[ExitStatus, str]:
    said = StringIO()
    given = (*words, "--root", str(root))
    return cli.run(
        given, program="asl-auth-host", stdout=said, stderr=said, machine=Path("/nonexistent")
    ), said.getvalue()


def test_record_and_receipt_answer_for_the_reference_to_a_common_domain(kept: Path) -> None:
    standing = stand(kept)
    made, without = (founding("me", domain_id=ME, common=common).new.digest.hex() for common in (COMMON, ""))

    assert made != without, "it is part of what is confirmed"
    assert list_receipts(standing)[0].receipt.parameters == made
    assert next(entry for _, entry in standing.report.entries).facts["common"] == COMMON


def test_a_domain_whose_log_is_damaged_hides_no_other(kept: Path, tmp_path: Path) -> None:
    store = tmp_path / "store"
    shutil.copytree(kept, store)
    shutil.copytree(store / "domains" / ME, store / "domains/other.example")
    status, said = call(store, "domain", "list", "--rehearsal")

    assert status is ExitStatus.STORE_DAMAGED
    assert said.startswith(f"{ME}\n  UNRECOGNIZED  me\nother.example\n  it can't be told how it stands:")
    listed = json.loads(call(store, "domain", "list", "--rehearsal", "--json")[1])["domains"]
    assert [(each["domain_id"], each.get("state"), "damage" in each) for each in listed] == [
        (ME, "UNRECOGNIZED", False),
        ("other.example", None, True),
    ]


def test_domains_are_listed_and_shown_as_their_logs_say(kept: Path) -> None:
    assert call(kept, "domain", "list", "--rehearsal") == (ExitStatus.DONE, f"{ME}\n  UNRECOGNIZED  me\n")
    status, said = call(kept, "domain", "show", ME, "--rehearsal", "--json")
    shown = json.loads(said)

    assert status is ExitStatus.DONE
    assert (shown["domain"], shown["state"], shown["label"], shown["common"]) == (ME, "UNRECOGNIZED", "me", COMMON)
    assert "common" not in json.loads(call(kept, "domain", "show", "host", "--rehearsal", "--json")[1])
    assert shown["ok"] is True
    principals = shown["dam"].pop("principals")
    dam = stand(kept).report.dam
    assert shown["dam"] == {
        "version": 1,
        "hash": dam.hash,
        "logseq": 8,
        "scope": ["audit", "execute", "federate", "produce", "publish"],
    }
    assert principals == [
        {"principal_id": each.principal_id, "public_key": each.public_key.text, "roles": list(each.roles)}
        for each in dam.principals
    ]
    assert len(principals) == 1
    text = call(kept, "domain", "show", ME, "--rehearsal")[1]
    assert f"\ncommon      {COMMON}\n" in text
    for each in dam.principals:
        lines = (each.principal_id, f"key   {each.public_key.text}", f"roles {', '.join(each.roles)}")
        assert f"principal   {lines[0]}\n            {lines[1]}\n            {lines[2]}\n" in text


def test_a_root_set_put_together_from_public_keys_is_the_one_that_the_store_was_founded_with(
    kept: Path, tmp_path: Path
) -> None:
    keys = [tmp_path / f"root-{number}.pub" for number in (3, 1, 2)]
    for path, key in zip(keys, reversed(ROOT_KEYS), strict=True):
        path.write_bytes(public_key_file(key.public))
    given = [word for path in keys for word in ("--root-key", str(path))]
    made = tmp_path / "roots.json"
    status, said = call(kept, "root", "set", *given, "--threshold", "2", "--output", str(made), "--json")

    assert status is ExitStatus.DONE
    assert made.read_bytes() == (kept / "host/auth/root-set-1.json").read_bytes()
    assert json.loads(said)["root_set"] == ROOTS.digest
    assert call(kept, "root", "set", *given, "--threshold", "2", "--output", str(made))[0] is ExitStatus.REFUSED


@pytest.mark.parametrize("domain", [ME, "host"])
def test_a_sound_domain_holds_to_every_rule(kept: Path, domain: str) -> None:
    status, said = call(kept, "domain", "check", domain, "--rehearsal")

    assert status is ExitStatus.DONE
    assert "FAILED" not in said
    assert said.endswith("checks hold.\n")


def test_a_store_of_a_rehearsal_is_opened_by_nothing_real(kept: Path) -> None:
    status, said = call(kept, "domain", "check", ME)

    assert status is ExitStatus.REFUSED
    assert "a domain of a rehearsal, which nothing real accepts" in said


def test_a_domain_that_is_not_there_is_said_so(kept: Path) -> None:
    status, said = call(kept, "domain", "show", "other.example", "--rehearsal")

    assert status is ExitStatus.REFUSED
    assert "there is no such domain in this store" in said


@pytest.mark.parametrize(
    ("name", "status", "check_id"),
    [
        ("certs/root.pub", ExitStatus.STORE_DAMAGED, "DOMAIN-ARTIFACTS"),
        ("domain.json", ExitStatus.CHECK_FAILED, "DOMAIN-VIEW-CURRENT"),
        ("dam/dam-1.json", ExitStatus.STORE_DAMAGED, "DOMAIN-ARTIFACTS"),
    ],
)
def test_a_domain_with_a_changed_file_is_found(tmp_path: Path, name: str, status: ExitStatus, check_id: str) -> None:
    founded(HostDisk(), tmp_path, domain_id=ME)
    path = tmp_path / "domains" / ME / name
    path.write_bytes(path.read_bytes() + b"\n")
    found, said = call(tmp_path, "domain", "check", ME, "--rehearsal")

    assert found is status
    assert check_id in said
