"""A key that was never restored is named, until a drill of it has passed and is in the domain's log."""

from __future__ import annotations

import json
import shlex
from io import StringIO
from pathlib import Path

import pytest

from asl_authority.contract import ExitStatus
from asl_authority.front import cli
from asl_authority.front.outside import Outside
from asl_authority.operations.act import Act, Bench, Made
from asl_authority.operations.domain_moves import Move, move_act
from asl_authority.operations.drill import drill_act
from asl_authority.operations.drilled import undrilled
from asl_authority.operations.genesis import USES
from asl_authority.operations.pieces import Piece
from asl_authority.storage.disk import HostDisk
from asl_authority.values.drill import Drill, Method
from asl_authority.values.log_record import RecordType
from asl_authority.values.public_key_file import read_public_key_file
from support.acts import ME, do, stand
from support.ceremonies import EXAMPLE, Person
from support.ceremonies import call as ceremony_call
from support.stories import no_randomness, unprotected

DISK = HostDisk()


@pytest.fixture
def root(founded_store: Path) -> Path:
    """A store of this test's own."""
    return founded_store


def drilled(root: Path, name: str, *failed: str) -> None:
    """A drill of one of the domain's keys, in its log."""
    key = read_public_key_file((root / "domains" / ME / f"certs/{name}.pub").read_bytes())
    drill = Drill(key.key_id, USES[name].kind, "ab" * 32, Method.PASSPHRASE, None, ("Ada",), failed, rehearsal=True)
    do(root, lambda _: drill_act(drill))


def named(root: Path) -> tuple[str, ...]:
    standing = stand(root)
    return undrilled(DISK, standing.source.paths, standing.report.entries)


def check(root: Path) -> tuple[ExitStatus, dict[str, object], str]:
    said = [StringIO(), StringIO()]
    words = ("domain", "check", ME, "--rehearsal", "--root", str(root))
    for out, more in zip(said, ((), ("--json",)), strict=True):
        status = cli.run((*words, *more), program="asl-auth-host", stdout=out, stderr=out, machine=Path("/nonexistent"))
    return status, json.loads(said[1].getvalue()), said[0].getvalue()


def test_a_key_is_named_until_a_drill_of_it_has_passed(root: Path) -> None:
    assert named(root) == ("root", "log", "operator")
    drilled(root, "log", "DRILL-OPENS")
    assert named(root) == ("root", "log", "operator"), "that one failed"
    drilled(root, "log")
    assert named(root) == ("root", "operator")
    drilled(root, "root")
    drilled(root, "operator")
    assert named(root) == ()


def test_a_key_that_lies_elsewhere_is_not_the_stores_to_name(root: Path) -> None:
    (root / "domains" / ME / "certs/root.priv.enc").unlink()

    standing = stand(root, sound=False)
    assert undrilled(DISK, standing.source.paths, standing.report.entries) == ("log", "operator")


@pytest.mark.parametrize("key_id", [[], {"a": 1}, 5, True])
def test_facts_that_are_none_count_for_nothing_and_the_check_is_told_to_its_end(root: Path, key_id: object) -> None:
    def make(bench: Bench) -> Made:
        facts: dict[str, object] = {"drill": "ab" * 32, "passed": True, "key_id": key_id, "follows": key_id}
        return Made((bench.put(Piece(RecordType.ARTIFACT, blocks=(b"x",), facts=facts)),))

    do(root, lambda _: Act("x", "x", (), b"x", make))

    assert named(root) == ("root", "log", "operator")


@pytest.mark.parametrize("size", [0, 5000])
def test_a_public_half_that_can_not_be_read_is_for_the_check_to_say(root: Path, size: int) -> None:
    standing = stand(root)
    (root / "domains" / ME / "certs/root.pub").write_bytes(bytes(size))

    assert undrilled(DISK, standing.source.paths, standing.report.entries) == ("log", "operator")


@pytest.mark.parametrize("more", [(), ("--dry-run",)])
def test_a_drill_for_the_log_of_a_domain_that_signs_nothing_is_refused_before_it_is_held(
    root: Path, tmp_path: Path, more: tuple[str, ...]
) -> None:
    do(root, lambda host: move_act(host, ME, Move.REVOKE), "host")
    key = root / "domains" / ME / "certs/log.priv.enc"
    output, said = tmp_path / "drill.json", StringIO()
    words = ("key", "drill", str(key), "--kind", "log", "--by", "passphrase", "--domain", ME, "--rehearsal")
    outside = Outside(Person(), no_randomness("drill"), unprotected)

    status = cli.run(
        (*words, "--output", str(output), "--root", str(root), *more),
        program="asl-auth-host",
        stdout=said,
        stderr=said,
        machine=Path("/nonexistent"),
        outside=outside,
    )

    assert (status, "DOMAIN-ACTS: " in said.getvalue()) == (ExitStatus.REFUSED, True), said.getvalue()
    assert not output.exists()


def test_a_check_says_it_as_a_note_and_is_no_failure(root: Path) -> None:
    status, members, text = check(root)
    assert status is ExitStatus.DONE
    assert members["undrilled"] == ["root", "log", "operator"]
    assert "NOTE     never restored in a recovery drill: root, log, operator" in text

    view = root / "domains" / ME / "domain.json"
    kept = view.read_bytes()
    view.write_bytes(b"{}")
    status, members, text = check(root)
    assert (status, members["undrilled"]) == (ExitStatus.CHECK_FAILED, ["root", "log", "operator"])
    assert "NOTE" not in text, "where something does not hold that comes first"
    view.write_bytes(kept)

    for name in ("root", "log", "operator"):
        drilled(root, name)
    status, members, text = check(root)
    assert (status, members["undrilled"]) == (ExitStatus.DONE, [])
    assert "NOTE" not in text


@pytest.mark.long
def test_a_founding_ends_with_the_drill_to_hold_now_and_that_command_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "store").mkdir()
    (tmp_path / "policy.yaml").write_bytes((EXAMPLE / "policy.yaml").read_bytes())
    person = Person()
    words = ("root", "init", "--policy", "policy.yaml", "--threshold", "2", "--rehearsal", "--root", "store")
    status, out, err = ceremony_call(person, *words)
    assert status is ExitStatus.DONE, err

    told = out[out.index("  $ asl-auth-host") :]
    command = shlex.split(told[: told.index("then the same")].replace("\\\n", " ").removeprefix("  $ "))
    assert command[:3] == ["asl-auth-host", "key", "drill"]
    assert "then the same for log (--kind log), operator (--kind principal)" in " ".join(out.split())
    person.planned = [("Name", "Ada"), ("Name", "")]
    outside, said = Outside(person, no_randomness("drill"), unprotected), StringIO()
    machine = Path("/nonexistent")
    status = cli.run(command[1:], program=command[0], stdout=said, stderr=said, machine=machine, outside=outside)
    assert status is ExitStatus.DONE, said.getvalue()
    status, out, err = ceremony_call(Person(), "domain", "check", "host", "--rehearsal", "--root", "store", "--json")
    assert (status, json.loads(out)["undrilled"]) == (ExitStatus.DONE, ["log", "operator"]), err
