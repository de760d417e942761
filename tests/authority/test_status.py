"""`status` says what the machine is, and one thing out of place is named and ends with 3."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from asl_authority.contract import ExitStatus
from asl_authority.front.cli import run
from asl_authority.operations.status import Gathered, Status, gather, make_status

SEAL: dict[str, Any] = {
    "image": "ab" * 32,
    "mode": "host",
    "medium": "/dev/sr0",
    "layers": [
        {"name": "base", "root_hash": "01" * 32, "salt": "0203", "data_blocks": 34000},
        {"name": "tools", "root_hash": "02" * 32, "salt": "", "data_blocks": 9},
        {"name": "overlay", "root_hash": "03" * 32, "salt": "04", "data_blocks": 1},
    ],
    "in_memory": True,
    "times_ms": {"start": 812, "layers": 1250},
}
RELEASE = {"profile": "authority", "version": "0.1.0", "epoch": 1790000000, "suite": "trixie"}
READ_ONLY_ROOT = "22 1 0:20 / / ro,relatime shared:1 - overlay overlay ro,lowerdir=/a:/b\n"


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """The tree of a machine on which all is well and no store volume is present."""
    root = tmp_path / "machine"
    put(root, "run/asl/seal.json", SEAL)
    put(root, "run/asl/volumes.json", {"label": "asl-store", "devices": []})
    put(root, "usr/lib/asl/image.json", RELEASE)
    put_text(root, "proc/self/mountinfo", READ_ONLY_ROOT)
    (root / "sys/class/net/lo").mkdir(parents=True)
    put_text(root, "asl-auth-host/tools/versions/sops-3.11.0/sops", "")
    put_text(root, "asl-auth-host/tools/versions/asl-auth-host-0.1.0/asl-auth-host", "")
    (root / "asl-auth-host/tools/sops").symlink_to("versions/sops-3.11.0/sops")
    (root / "asl-auth-host/tools/asl-auth-host").symlink_to("versions/asl-auth-host-0.1.0/asl-auth-host")
    return root


def put(root: Path, name: str, value: object) -> None:
    put_text(root, name, json.dumps(value))


def put_text(root: Path, name: str, text: str) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")


def failed(status: Status) -> list[str]:
    return [finding.check_id for finding in status.findings if not finding.ok]


def status_of(root: Path, *words: str) -> tuple[ExitStatus, str]:
    out = StringIO()
    ended = run(["status", *words], program="asl-auth-host", stdout=out, stderr=StringIO(), machine=root)
    return ended, out.getvalue()


def test_a_machine_on_which_all_is_well_ends_with_0_and_names_what_it_runs_from(machine: Path) -> None:
    ended, text = status_of(machine)

    assert ended is ExitStatus.DONE
    assert "WARNING" not in text
    for words in (
        "authority 0.1.0 (trixie)",
        "authority host",
        "base " + "01" * 32,
        "SHA-256 " + "ab" * 32,
        "overlay " + "03" * 32,
        "/dev/sr0; all layers are in memory",
        "no store volume is present",
        "sops 3.11.0",
        "not run",
    ):
        assert words in " ".join(text.split())
    assert max(map(len, text.splitlines())) <= 79


def test_looking_twice_at_one_machine_says_the_same(machine: Path) -> None:
    assert make_status(gather(machine)) == make_status(gather(machine))


def test_a_rehearsal_is_said_loudly_and_first(machine: Path) -> None:
    put(machine, "run/asl/seal.json", {**SEAL, "mode": "rehearsal"})

    ended, text = status_of(machine)

    assert ended is ExitStatus.DONE
    assert "REHEARSAL" in text.splitlines()[1]


def test_a_medium_that_must_stay_in_is_said(machine: Path) -> None:
    put(machine, "run/asl/seal.json", {**SEAL, "in_memory": False})

    assert "do not remove it" in status_of(machine)[1]


def test_any_interface_but_lo_is_named_and_ends_with_3(machine: Path) -> None:
    (machine / "sys/class/net/enp0s3").mkdir()

    ended, text = status_of(machine)

    assert ended is ExitStatus.CHECK_FAILED
    assert "WARNING STATUS-NETWORK: interfaces that must not be here: enp0s3" in text


def test_the_file_bonding_masters_is_no_interface(machine: Path) -> None:
    put_text(machine, "sys/class/net/bonding_masters", "")

    assert status_of(machine)[0] is ExitStatus.DONE


def test_one_store_volume_is_named(machine: Path) -> None:
    put(machine, "run/asl/volumes.json", {"label": "asl-store", "devices": ["/dev/sdb1"]})

    ended, text = status_of(machine)

    assert ended is ExitStatus.DONE
    assert "one store volume is present: /dev/sdb1" in text


def test_two_store_volumes_are_both_named_and_end_with_3(machine: Path) -> None:
    put(machine, "run/asl/volumes.json", {"label": "asl-store", "devices": ["/dev/sdb1", "/dev/sdc1"]})

    ended, text = status_of(machine)

    assert ended is ExitStatus.CHECK_FAILED
    assert "/dev/sdb1, /dev/sdc1" in text


def opened(how: str, device: str = "", why: str = "") -> dict[str, str]:
    return {"how": how, "device": device, "why": why}


@pytest.mark.parametrize(
    ("state", "ok", "said"),
    [
        (opened("open", "/dev/sdb1"), True, "the store volume is open: /dev/sdb1"),
        (opened("refused", "/dev/sdb1", "it is damaged"), False, "/dev/sdb1 was not opened: it is damaged"),
        (opened("none"), False, "came after the start and is not opened: restart this machine"),
        (opened("open", "/dev/sdc1"), False, "/dev/sdb1 came after the start"),
        (opened("memory", "", "a rehearsal"), True, "a rehearsal's, in memory; no volume is opened"),
    ],
)
def test_what_became_of_the_store_volume_is_said(machine: Path, state: dict[str, str], ok: bool, said: str) -> None:
    put(machine, "run/asl/volumes.json", {"label": "asl-store", "devices": ["/dev/sdb1"]})
    put(machine, "run/asl/store.json", state)

    ended, text = status_of(machine)

    assert (ended is ExitStatus.DONE) is ok
    assert said in text


def test_a_rehearsal_does_not_care_whether_anybody_looked_for_volumes(machine: Path) -> None:
    (machine / "run/asl/volumes.json").unlink()
    put(machine, "run/asl/store.json", opened("memory"))

    assert failed(make_status(gather(machine))) == []


@pytest.mark.parametrize(
    "state",
    [opened("elsewhere"), opened("open"), opened("none", "/dev/sdb1"), {"how": "none"}, {**opened("none"), "more": 1}],
)
def test_a_state_of_the_store_that_can_not_be_is_refused(machine: Path, state: dict[str, str]) -> None:
    put(machine, "run/asl/store.json", state)

    assert failed(make_status(gather(machine))) == ["STATUS-STORE"]


@pytest.mark.parametrize(
    "mounts",
    [
        READ_ONLY_ROOT.replace(" ro,relatime ", " rw,relatime ").replace("overlay ro,", "overlay rw,"),
        READ_ONLY_ROOT + "99 1 0:44 / / rw - tmpfs tmpfs rw\n",
        "nothing of the kind\n",
    ],
)
def test_a_root_that_is_not_known_to_be_read_only_is_refused(machine: Path, mounts: str) -> None:
    put_text(machine, "proc/self/mountinfo", mounts)

    assert failed(make_status(gather(machine))) == ["STATUS-ROOT"]


def test_a_tool_without_a_current_version_is_named(machine: Path) -> None:
    (machine / "asl-auth-host/tools/sops").unlink()

    status = make_status(gather(machine))

    assert failed(status) == ["STATUS-TOOLS"]
    assert "sops (not current)" not in status_of(machine)[1]
    assert "sops 3.11.0 (not current)" in status_of(machine)[1]


@pytest.mark.parametrize(
    ("name", "check_id"),
    [
        ("run/asl/seal.json", "STATUS-SEAL"),
        ("run/asl/volumes.json", "STATUS-STORE"),
        ("usr/lib/asl/image.json", "STATUS-IMAGE"),
        ("proc/self/mountinfo", "STATUS-ROOT"),
    ],
)
def test_a_missing_file_costs_its_own_check_and_no_other(machine: Path, name: str, check_id: str) -> None:
    (machine / name).unlink()

    assert failed(make_status(gather(machine))) == [check_id]


def test_an_empty_tree_is_judged_without_a_traceback(tmp_path: Path) -> None:
    ended, text = status_of(tmp_path)

    assert ended is ExitStatus.CHECK_FAILED
    assert text.count("WARNING") == len(make_status(Gathered(None, None, None, None, None, ())).findings)


def spoil_layer(key: str, value: object) -> Callable[[dict[str, Any]], None]:
    return lambda seal: seal["layers"][0].__setitem__(key, value)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda seal: seal.pop("image"),
        lambda seal: seal.update(stranger="x"),
        lambda seal: seal.update(image="AB" * 32),
        lambda seal: seal.update(mode="production"),
        lambda seal: seal.update(mode=["host"]),
        lambda seal: seal.update(in_memory=1),
        lambda seal: seal.update(medium=""),
        lambda seal: seal.update(medium=None),
        lambda seal: seal.update(layers=[]),
        lambda seal: seal.update(layers=seal["layers"] * 2),
        lambda seal: seal.update(times_ms={"start": 1.5}),
        lambda seal: seal.update(times_ms={"start": -1}),
        spoil_layer("data_blocks", -1),
        spoil_layer("data_blocks", True),
        spoil_layer("salt", "0"),
        spoil_layer("root_hash", "01" * 31),
    ],
)
def test_a_seal_with_one_thing_wrong_is_not_believed(machine: Path, spoil: Callable[[dict[str, Any]], None]) -> None:
    seal = json.loads(json.dumps(SEAL))
    spoil(seal)
    put(machine, "run/asl/seal.json", seal)

    ended, text = status_of(machine)

    assert ended is ExitStatus.CHECK_FAILED
    assert "WARNING STATUS-SEAL: /run/asl/seal.json: " in text
    assert "authority host" not in text


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"\xff",
        b'{"label": "asl-store", "label": "asl-store", "devices": []}',
        b'{"label": "other", "devices": []}',
        b'{"label": "asl-store", "devices": ["/dev/sdb1", "/dev/sdb1"]}',
        b'{"label": "asl-store", "devices": NaN}',
        b'{"label": "asl-store", "devices": ' + b"[" * 30000 + b"]" * 30000 + b"}",
        b'{"label": "asl-store", "devices": ' + b"9" * 6000 + b"}",
        b'{"label": "asl-store", "devices": []}' + b" " * 70000,
    ],
)
def test_bytes_that_are_no_list_of_volumes_are_refused_in_one_line(machine: Path, data: bytes) -> None:
    (machine / "run/asl/volumes.json").write_bytes(data)

    status = make_status(gather(machine))

    assert failed(status) == ["STATUS-STORE"]
    assert "/run/asl/volumes.json" in next(f.detail for f in status.findings if not f.ok)


def test_a_state_file_that_is_a_pipe_is_refused_without_waiting(machine: Path) -> None:
    (machine / "run/asl/seal.json").unlink()
    os.mkfifo(machine / "run/asl/seal.json")

    assert failed(make_status(gather(machine))) == ["STATUS-SEAL"]


def test_a_link_that_leaves_the_tree_is_not_followed(machine: Path, tmp_path: Path) -> None:
    put(tmp_path, "elsewhere.json", SEAL)
    (machine / "run/asl/seal.json").unlink()
    (machine / "run/asl/seal.json").symlink_to(tmp_path / "elsewhere.json")

    assert failed(make_status(gather(machine))) == ["STATUS-SEAL"]


def test_a_device_name_cannot_move_the_cursor(machine: Path) -> None:
    put(machine, "run/asl/volumes.json", {"label": "asl-store", "devices": ["/dev/\x1b[2Jsdb\n\u202e"]})

    text = status_of(machine)[1]

    assert text.isascii()
    assert "\x1b" not in text
    assert "/dev/\\x1b[2Jsdb\\n\\u202e" in text


def test_json_is_one_object_with_the_same_answer(machine: Path) -> None:
    (machine / "sys/class/net/wlan0").mkdir()

    ended, text = status_of(machine, "--json")
    answer = json.loads(text)

    assert answer["status"] == ended == 3
    assert answer["seal"]["times_ms"] == {"start": 812, "layers": 1250}
    assert answer["interfaces"] == ["lo", "wlan0"]
    assert answer["tools"][1] == {"name": "sops", "version": "3.11.0", "current": True}
    assert [f["check_id"] for f in answer["findings"] if not f["ok"]] == ["STATUS-NETWORK"]
