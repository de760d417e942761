"""Sticks on a sealed host: which one is meant, what root's helper is asked, and what is said of its answer."""

from __future__ import annotations

import json
import socket
import tempfile
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from asl_authority.contract import STORE_STATE, ExitStatus
from asl_authority.errors import AuthorityError, Busy, IoFailed, Malformed, Refused
from asl_authority.front import cli
from asl_authority.operations.sticks import close_stick, open_late_store, open_stick, seen_sticks
from asl_authority.values.canonical import canonical_bytes
from asl_authority.values.environment import STICK_OPTIONS, Environment, Fact, Mount, Status
from asl_authority.values.sticks import read_sticks
from support.samples.claim import CLAIM

SEEN: dict[str, Any] = {
    "device": "sdb1",
    "kind": "vfat",
    "label": "KEYS",
    "place": "",
    "read_only": False,
    "size": 1024,
    "why": "",
}
OTHER = {**SEEN, "device": "sr1", "kind": "iso9660", "label": "MANIFESTS", "read_only": True}
OPEN = {**SEEN, "place": "/run/asl/sticks/KEYS"}
SICK = {**SEEN, "device": "sdc", "kind": "ntfs", "why": "its file system is ntfs; a stick has vfat or exfat"}


def said(*sticks: dict[str, Any], why: str = "", **more: Any) -> bytes:
    return canonical_bytes({"type": "asl.sticks/1", "sticks": list(sticks), "why": why, **more})


@pytest.fixture
def machine() -> Iterator[Path]:
    """A socket's path must be short."""
    with tempfile.TemporaryDirectory(prefix="asl-") as short:
        (Path(short) / "run/asl").mkdir(parents=True)
        yield Path(short)


class Helper:
    """Root's helper, which has its answers ready and keeps what it was asked."""

    def __init__(self, machine: Path, answers: Sequence[bytes]) -> None:
        self.asked: list[str] = []
        self._line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._line.bind(str(machine / "run/asl/stick"))
        self._line.listen(4)
        self._answers = answers
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        with self._line:
            for answer in self._answers:
                with self._line.accept()[0] as caller:
                    self.asked.append(caller.recv(64).decode())
                    caller.sendall(answer)

    def ended(self) -> list[str]:
        """What it was asked, when it has answered all."""
        self._thread.join(10)
        return self.asked


def refused(kind: type[AuthorityError], act: Any) -> AuthorityError:
    with pytest.raises(kind) as caught:
        act()
    return caught.value


def test_the_only_stick_is_opened_and_said_with_its_place(machine: Path) -> None:
    helper = Helper(machine, [said(SEEN), said(OPEN)])

    stick = open_stick(machine, None)

    assert helper.ended() == ["list\n", "open sdb1\n"]
    assert (stick.place, stick.label, stick.read_only) == ("/run/asl/sticks/KEYS", "KEYS", False)


def test_the_only_open_one_is_closed_whatever_else_is_plugged_in(machine: Path) -> None:
    helper = Helper(machine, [said(OPEN, OTHER), said(SEEN, OTHER)])

    assert close_stick(machine, None).place == ""
    assert helper.ended() == ["list\n", "close sdb1\n"]


@pytest.mark.parametrize("name", ["sr1", "/dev/sr1", "MANIFESTS"])
def test_one_of_several_is_named(machine: Path, name: str) -> None:
    helper = Helper(machine, [said(SEEN, OTHER), said(SEEN, {**OTHER, "place": "/run/asl/sticks/sr1"})])

    assert open_stick(machine, name).place == "/run/asl/sticks/sr1"
    assert helper.ended()[1] == "open sr1\n"


@pytest.mark.parametrize(
    ("sticks", "name", "check_id", "words"),
    [
        ((), None, "STICK-THERE", "no stick is there that is not open"),
        ((OPEN,), None, "STICK-THERE", "no stick is there"),
        ((SEEN, {**SEEN, "device": "sdc1"}), None, "STICK-THERE", "which one? sdb1, sdc1"),
        ((SEEN,), "sda1", "STICK-THERE", "'sda1' is not plugged in"),
        ((SEEN,), "sdb1; reboot", "STICK-THERE", "not plugged in"),
        ((SEEN, {**OTHER, "label": "KEYS"}), "KEYS", "STICK-THERE", "which one? sdb1, sr1"),
        ((SICK, {**SICK, "device": "sdd"}), None, "STICK-THERE", "which one? sdc, sdd"),
        ((SICK,), None, "STICK-FORM", "sdc: its file system is ntfs"),
    ],
)
def test_what_is_not_there_is_not_asked_for(
    machine: Path, sticks: Sequence[dict[str, Any]], name: str | None, check_id: str, words: str
) -> None:
    helper = Helper(machine, [said(*sticks)])

    error = refused(Refused, lambda: open_stick(machine, name))

    assert (error.check_id, words in str(error)) == (check_id, True), str(error)
    assert helper.ended() == ["list\n"]


def test_an_empty_drive_or_the_images_own_disc_beside_it_is_not_meant(machine: Path) -> None:
    empty = {**SEEN, "device": "sr0", "kind": "", "label": "", "why": "nothing on it can be read"}
    helper = Helper(machine, [said(SEEN, empty, OTHER), said(OPEN, empty, OTHER)])

    assert open_stick(machine, None).device == "sdb1"
    assert helper.ended()[1] == "open sdb1\n"


def test_two_questions_at_once_are_busy(machine: Path) -> None:
    Helper(machine, [said(why="busy")])

    refused(Busy, lambda: seen_sticks(machine))


def test_volumes_that_could_not_be_looked_at_are_said(machine: Path) -> None:
    Helper(machine, [said(why="the volumes could not be looked at")])

    assert refused(IoFailed, lambda: open_late_store(machine)).check_id == "STORE-OPENED"


def test_a_stick_that_is_in_use_stays_open_and_that_is_said(machine: Path) -> None:
    Helper(machine, [said(OPEN), said(OPEN, why="it is in use: end what reads or writes it")])

    error = refused(IoFailed, lambda: close_stick(machine, None))

    assert (error.check_id, str(error)) == ("STICK-OPENED", "sdb1: it is in use: end what reads or writes it")


def test_a_machine_without_a_helper_says_how_sticks_come_in_there(machine: Path) -> None:
    assert refused(Refused, lambda: seen_sticks(machine)).check_id == "STICK-HOST"
    (machine / "run/asl/stick").write_bytes(b"")
    assert refused(Refused, lambda: seen_sticks(machine)).check_id == "STICK-HOST"


def test_a_helper_that_says_nothing_is_an_error(machine: Path) -> None:
    Helper(machine, [b""])

    assert "does not answer" in str(refused(IoFailed, lambda: seen_sticks(machine)))


def test_an_answer_about_another_place_is_refused_by_its_rule() -> None:
    assert refused(Malformed, lambda: read_sticks(said({**SEEN, "place": "/etc"}))).check_id == "STICKS-SCHEMA"


@pytest.mark.parametrize(
    "data",
    [
        said({**SEEN, "label": "K/../../etc", "place": "/run/asl/sticks/K/../../etc"}),
        said({**SEEN, "label": "..", "place": "/run/asl/sticks/.."}),
        said({**SEEN, "device": "../sda"}),
        said({**SEEN, "device": "SDA"}),
        said({**SEEN, "label": "K\u00e4se"}),
        said({**SEEN, "size": -1}),
        said({**SEEN, "more": True}),
        said(SEEN, more=True),
        said(SEEN) + b"\n",
        said(SEEN).replace(b"sticks/1", b"sticks/2"),
    ],
)
def test_an_answer_of_another_form_is_refused(data: bytes) -> None:
    refused(Malformed, lambda: read_sticks(data))


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ({"how": "none", "device": "", "why": ""}, "there is no volume with the label of a store"),
        ({"how": "several", "device": "", "why": "/dev/sda /dev/sdb"}, "more than one volume"),
        ({"how": "refused", "device": "/dev/sda", "why": "it is encrypted"}, "/dev/sda: it is encrypted"),
    ],
)
def test_a_store_that_is_still_not_open_is_refused_with_why(machine: Path, state: dict[str, str], words: str) -> None:
    (machine / str(STORE_STATE).lstrip("/")).write_text(json.dumps(state))
    helper = Helper(machine, [said()])

    error = refused(Refused, lambda: open_late_store(machine))

    assert (error.check_id, words in str(error)) == ("STORE-OPENED", True), str(error)
    assert helper.ended() == ["store\n"]


def test_a_store_that_came_late_is_open(machine: Path) -> None:
    state = {"how": "open", "device": "/dev/sda", "why": ""}
    (machine / str(STORE_STATE).lstrip("/")).write_text(json.dumps(state))
    Helper(machine, [said()])

    assert open_late_store(machine) == "/dev/sda"


def told(machine: Path, *words: str) -> str:
    out, err = StringIO(), StringIO()
    assert cli.run(words, program="asl-auth-host", stdout=out, stderr=err, machine=machine) is ExitStatus.DONE
    return out.getvalue()


def test_the_verbs_say_where_the_stick_is_and_what_to_do_before_it_is_pulled_out(machine: Path) -> None:
    Helper(machine, [said(SEEN), said(OPEN), said(OPEN, OTHER, SICK), said(OPEN), said(OPEN), said(SEEN), said()])

    assert told(machine, "stick", "open") == (
        "/run/asl/sticks/KEYS: open\n  before it is pulled out: stick close sdb1\n"
    )
    assert told(machine, "stick", "list") == (
        "sdb1  KEYS, vfat, 0 MB\n  open: /run/asl/sticks/KEYS\n"
        "sr1  MANIFESTS, iso9660, 0 MB, can only be read\n  not open\n"
        "sdc  KEYS, ntfs, 0 MB\n  its file system is ntfs; a stick has vfat or exfat\n"
    )
    assert json.loads(told(machine, "stick", "list", "--json"))["sticks"][0]["place"] == "/run/asl/sticks/KEYS"
    assert told(machine, "stick", "close") == "sdb1: closed; it can be pulled out\n"
    assert told(machine, "stick", "list").startswith("no stick is plugged in")


def with_mounts(*mounts: Mount) -> Environment:
    return replace(CLAIM.environment, mounts=Fact(Status.MEASURED, mounts))


def test_a_stick_that_comes_or_goes_does_not_void_a_claim_and_anything_else_that_is_mounted_does() -> None:
    safe = tuple(sorted({*STICK_OPTIONS, "rw"}))
    store = Mount("/asl-auth-host", "ext4", safe)
    stick = Mount("/run/asl/sticks/sdb1", "vfat", safe)
    before = with_mounts(store)

    assert before.differs_from(with_mounts(store, stick)) == ()
    assert with_mounts(store, stick).differs_from(before) == ()
    for other in (
        Mount("/run/asl/sticks/sdb1", "vfat", tuple(sorted(set(safe) - {"noexec"}))),
        Mount("/run/asl/sticks/sdb1/x", "vfat", safe),
        Mount("/run/asl/sticks", "vfat", safe),
        Mount("/mnt", "vfat", safe),
    ):
        assert before.differs_from(with_mounts(store, other)) == ("mounts",)
