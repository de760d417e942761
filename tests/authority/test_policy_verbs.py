"""The verbs of policies: from the text to start with to the hash that everything names."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path

import pytest

from asl_authority.contract import ExitStatus
from asl_authority.front import cli
from asl_authority.values.policy import hash_file, read_policy
from asl_authority.values.policy_text import TEMPLATE, read_policy_text

HASH = read_policy_text(TEMPLATE.encode()).hash


def call(*words: str) -> tuple[ExitStatus, str, str]:
    out, err = StringIO(), StringIO()
    status = cli.run(words, program="asl-auth-host", stdout=out, stderr=err, machine=Path("/nonexistent"))
    return status, out.getvalue(), err.getvalue()


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "policy.yaml"
    assert call("policy", "new", "--output", str(path))[0] is ExitStatus.DONE
    return path


def test_the_text_to_start_from_is_a_policy_whose_hash_is_the_same_everywhere(text: Path, tmp_path: Path) -> None:
    shown = tmp_path / "policy.json"

    assert call("policy", "hash", str(text)) == (ExitStatus.DONE, f"{HASH}\n", "")
    assert call("policy", "show", str(text), "--output", str(shown))[0] is ExitStatus.DONE
    assert read_policy(shown.read_bytes()).hash == HASH
    assert call("policy", "hash", str(shown))[1] == f"{HASH}\n"
    assert json.loads(call("policy", "hash", str(text), "--json")[1])["policy_hash"] == HASH


def test_a_policy_is_held_against_a_hash_file(text: Path, tmp_path: Path) -> None:
    (tmp_path / "policy.hash").write_bytes(hash_file(HASH))
    (tmp_path / "other.hash").write_bytes(hash_file("0" * 64))

    assert call("policy", "check", str(text), "--against", str(tmp_path / "policy.hash"))[0] is ExitStatus.DONE
    status, out, _ = call("policy", "check", str(text), "--against", str(tmp_path / "other.hash"))
    assert status is ExitStatus.CHECK_FAILED
    assert "FAILED  POLICY-HASH-EQUAL" in out


@pytest.mark.parametrize(
    ("old", "new", "check_id"),
    [
        ("version: 1 ", "version: 1.0 ", "YAML-SCALAR"),
        ("require_signature: true", "require_signature: yes", "YAML-SCALAR"),
        ("snapshot_required: true", "snapshot_requierd: true", "POLICY-SCHEMA"),
        ("allowed_roles: [publish]", "allowed_roles: [publish, publish]", "POLICY-SCHEMA"),
        ("reserved0: 0", "reserved0: 1", "POLICY-RESERVED"),
        ("version: 1 ", "version: 1\nversion: 2 ", "YAML-KEYS"),
        ("version: 1 ", "type: x\nversion: 1 ", "POLICY-SCHEMA"),
    ],
)
def test_a_text_that_is_no_policy_is_refused_with_its_rule_and_its_file(
    text: Path, old: str, new: str, check_id: str
) -> None:
    assert old in TEMPLATE
    text.write_text(TEMPLATE.replace(old, new))

    status, out, err = call("policy", "check", str(text), "--json")

    assert status is ExitStatus.CHECK_FAILED
    assert json.loads(out)["check_id"] == check_id
    assert f"{check_id}: {text}: " in err


def test_nothing_is_overwritten(text: Path) -> None:
    text.write_text("mine")

    status, _, err = call("policy", "new", "--output", str(text))

    assert status is ExitStatus.REFUSED
    assert "nothing is overwritten" in err
    assert text.read_text() == "mine"


def test_a_fifo_and_an_endless_file_are_not_waited_for(tmp_path: Path) -> None:
    assert call("policy", "hash", "/dev/zero")[0] is ExitStatus.USAGE
    assert call("policy", "hash", str(tmp_path))[0] is ExitStatus.USAGE
    (tmp_path / "long").write_bytes(b"#" * 70_000)
    assert call("policy", "hash", str(tmp_path / "long"))[0] is ExitStatus.CHECK_FAILED
