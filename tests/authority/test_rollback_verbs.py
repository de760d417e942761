"""A real store under a VERIFIED claim, and what becomes of it when its volume is another than it was."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from asl_authority.contract import ExitStatus
from asl_authority.front.kept import answered
from asl_authority.front.verb import Answer
from support.domains import DOMAIN
from support.real_store import STORE, Person, call, make_real

pytestmark = pytest.mark.any_python

CHECKPOINT = f"heads/asl_{DOMAIN}.checkpoint"
WHY = ("The newer volume fell into the sea.", "Ada", "Grace")


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A place with a machine, its store, and a stick that has the head; no test changes it.

    `older` is a copy of the volume from before the last operation, `founded` what was on paper then.
    """
    place = tmp_path_factory.mktemp("real")
    make_real(place)
    (place / "stick").mkdir()
    (place / "founded").write_text(head(place))
    copied(place, "older")
    status, said = put(place, "--head", head(place))
    assert status is ExitStatus.DONE, said
    assert "kept on the stick" in said
    return place


@pytest.fixture
def place(kept: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    shutil.copytree(kept, tmp_path / "place", symlinks=True)
    return tmp_path / "place"


def put(place: Path, *more: str | Path, stick: bool = True, person: Person | None = None) -> tuple[ExitStatus, str]:
    """An operation in the domain; `more` are options."""
    number = len(list(place.glob("put-*.txt")))
    file = place / f"put-{number}.txt"
    file.write_text(f"{number} {place}\n")
    options = ("--stick", place / "stick") if stick else ()
    return call(place / "machine", "store", "put", file, "--domain", DOMAIN, *options, *more, person=person)


def volume(place: Path) -> Path:
    """What a volume is a copy of."""
    return place / "machine" / STORE


def checkpoint(place: Path) -> bytes:
    return (volume(place) / "domains" / DOMAIN / "log/checkpoint").read_bytes()


def head(place: Path) -> str:
    """What stands on paper now."""
    said = read(place, "log", "head", "--domain", DOMAIN, "--words")
    return f"{said['size']} {' '.join(said['words'])}"


def read(place: Path, *words: str | Path) -> dict[str, Any]:
    _, said = call(place / "machine", *words, "--json")
    found: dict[str, Any] = json.loads(said[said.index("{") :])
    return found


def kept_says(place: Path) -> tuple[ExitStatus, list[str]]:
    status, said = call(place / "machine", "log", "kept", "--domain", DOMAIN, "--stick", place / "stick", "--json")
    return status, [each["check_id"] for each in json.loads(said[said.index("{") :])["findings"]]


def copied(place: Path, name: str) -> None:
    shutil.copytree(volume(place), place / name, symlinks=True)


def roll_back(place: Path, name: str = "older") -> None:
    shutil.rmtree(volume(place))
    shutil.copytree(place / name, volume(place), symlinks=True)


def expect_refused(place: Path, check_id: str, *more: str | Path, stick: bool = True) -> None:
    """Refused by name, with what to do; nothing of store and stick is changed, and it can still be read."""
    before = tree(volume(place)), tree(place / "stick")
    status, said = put(place, *more, stick=stick)

    assert (status, check_id in said) == (ExitStatus.REFUSED, True), said
    assert (tree(volume(place)), tree(place / "stick")) == before


def tree(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_with_neither_stick_nor_words_a_store_is_only_read(place: Path) -> None:
    expect_refused(place, "LOG-HEAD-UNKNOWN", stick=False)
    shutil.rmtree(place / "stick/heads")

    expect_refused(place, "LOG-HEAD-UNKNOWN")
    assert call(place / "machine", "domain", "check", DOMAIN)[0] is ExitStatus.DONE


def test_an_older_copy_of_the_volume_is_refused_by_stick_and_by_paper(place: Path) -> None:
    paper = head(place)
    assert (place / "stick" / CHECKPOINT).read_bytes() == checkpoint(place)
    assert kept_says(place) == (ExitStatus.DONE, ["LOG-KEPT"])
    roll_back(place)

    expect_refused(place, "LOG-ROLLED-BACK")
    expect_refused(place, "LOG-ROLLED-BACK", "--head", paper, stick=False)
    assert kept_says(place) == (ExitStatus.CHECK_FAILED, ["LOG-ROLLED-BACK"])


def test_two_copies_that_were_both_written_to_are_told_apart(place: Path) -> None:
    roll_back(place)
    founded = (place / "founded").read_text()
    assert put(place, "--head", founded, stick=False)[0] is ExitStatus.DONE, "the paper alone is older, and knows less"

    expect_refused(place, "LOG-FORKED")


def test_the_stick_pulled_out_meanwhile_stops_nothing_and_is_found_to_be_behind(place: Path) -> None:
    person = Person(before_keys=lambda: (place / "stick").is_dir() and (place / "stick").rename(place / "pulled"))
    status, said = put(place, person=person)

    assert status is ExitStatus.IO_FAILED
    assert "NOT KEPT ON THE STICK" in said
    assert "What was done is done" in said
    (place / "pulled").rename(place / "stick")
    assert (place / "stick" / CHECKPOINT).read_bytes() != checkpoint(place)
    assert kept_says(place) == (ExitStatus.DONE, ["LOG-KEPT"])
    status, said = put(place)
    assert status is ExitStatus.DONE, said
    assert (place / "stick" / CHECKPOINT).read_bytes() == checkpoint(place)


def test_without_its_stick_nothing_is_begun(place: Path) -> None:
    (place / "stick").rename(place / "pulled")
    status, said = put(place, "--head", head(place))

    assert (status, "there is no stick here" in said) == (ExitStatus.IO_FAILED, True), said


def test_a_head_of_a_rehearsal_is_not_taken_for_a_real_one(place: Path) -> None:
    path = place / "stick" / CHECKPOINT
    path.write_bytes(path.read_bytes().replace(b"asl/", b"asl-rehearsal/"))
    before = tree(volume(place)), tree(place / "stick")
    status, said = put(place)

    assert (status, "CHECKPOINT-ORIGIN" in said) == (ExitStatus.CHECK_FAILED, True), said
    assert (tree(volume(place)), tree(place / "stick")) == before


def test_a_dry_run_takes_no_head_and_says_what_would_be_refused(place: Path) -> None:
    roll_back(place)

    assert put(place, "--dry-run", stick=False)[0] is ExitStatus.DONE
    expect_refused(place, "LOG-ROLLED-BACK", "--dry-run")


def test_nothing_is_founded_where_the_hosts_head_is_unknown(place: Path) -> None:
    assert call(place / "machine", "policy", "new", "--output", place / "policy.yaml")[0] is ExitStatus.DONE
    create = ("domain", "create", "New", "--policy", place / "policy.yaml")
    status, said = call(place / "machine", *create, "--stick", place / "stick")

    assert (status, "LOG-HEAD-UNKNOWN" in said) == (ExitStatus.REFUSED, True), said
    assert "host" in said


def test_no_claim_is_logged_in_an_older_copy_where_the_hosts_head_is_at_hand(place: Path) -> None:
    words = ("log", "head", "--words")
    older, claim = read(place, *words), ("claim", "--manifest", place / "image.manifest.json")
    assert call(place / "machine", *claim, "--head", f"{older['size']} {older['root']}")[0] is ExitStatus.DONE
    newer = read(place, *words)
    assert newer["size"] > older["size"]
    roll_back(place)
    before = tree(volume(place))
    status, said = call(place / "machine", *claim, "--head", f"{newer['size']} {' '.join(newer['words'])}")

    assert (status, "LOG-ROLLED-BACK" in said) == (ExitStatus.REFUSED, True), said
    assert tree(volume(place)) == before


def accept(place: Path, *answers: str) -> tuple[ExitStatus, str]:
    words = ("log", "accept-backup", "--domain", DOMAIN, "--stick", place / "stick")
    return call(place / "machine", *words, person=Person(list(answers)))


def test_two_persons_go_on_from_a_backup_and_every_head_says_so(place: Path) -> None:
    lost = (place / "stick" / CHECKPOINT).read_bytes()
    roll_back(place)
    status, said = accept(place, *WHY)

    assert status is ExitStatus.DONE, said
    assert "deviations 1" in said
    assert all(word in said for word in WHY)
    assert [path.read_bytes() for path in (place / "stick/heads").glob("*.lost-*")] == [lost]
    status, said = put(place)
    assert (status, "deviations 1" in said) == (ExitStatus.DONE, True), said
    assert read(place, "log", "head", "--domain", DOMAIN)["deviations"] == 1
    assert read(place, "domain", "show", DOMAIN)["deviations"] == 1
    assert call(place / "machine", "domain", "check", DOMAIN)[0] is ExitStatus.DONE
    shown = call(place / "machine", "log", "deviations", "--domain", DOMAIN)[1]
    assert all(word in shown for word in WHY)

    roll_back(place)
    expect_refused(place, "LOG-ROLLED-BACK")


@pytest.mark.parametrize(
    ("answers", "status"),
    [(("^C",), ExitStatus.ABORTED), ((*WHY[:2], "ada"), ExitStatus.REFUSED), (("", " ", ""), ExitStatus.ABORTED)],
    ids=["Ctrl-C", "one person", "no reason"],
)
def test_a_deviation_takes_a_reason_and_two_persons(place: Path, answers: tuple[str, ...], status: ExitStatus) -> None:
    roll_back(place)
    before = tree(volume(place)), tree(place / "stick")

    assert accept(place, *answers)[0] is status
    assert (tree(volume(place)), tree(place / "stick")) == before


def test_nothing_is_given_up_where_nothing_is_lost(place: Path) -> None:
    status, said = accept(place, *WHY)

    assert (status, "LOG-NOT-LOST" in said) == (ExitStatus.REFUSED, True), said


def test_ctrl_c_while_the_head_is_kept_is_too_late_to_stop_anything() -> None:
    def stopped() -> Path:
        raise KeyboardInterrupt

    found = answered(Answer("done\n", {"a": 1}), stopped)

    assert (found.status, found.members) == (ExitStatus.IO_FAILED, {"a": 1, "not_kept": "stopped by you"})
    assert found.text.startswith("done\nNOT KEPT ON THE STICK: stopped by you\n")


def test_the_host_is_not_rolled_back_under_a_domain_that_is_not(place: Path) -> None:
    before = place / "host-before"
    shutil.copytree(volume(place) / "host", before, symlinks=True)
    said = call(place / "machine", "log", "head", "--json")[1]
    told = json.loads(said[said.index("{") :])
    known = ("--stick", place / "stick", "--head", f"{told['size']} {told['root']}")
    status, said = call(place / "machine", "store", "put", place / "founded", *known)
    assert status is ExitStatus.DONE, said
    assert (place / "stick/heads/asl_host.checkpoint").is_file()

    shutil.rmtree(volume(place) / "host")
    shutil.copytree(before, volume(place) / "host", symlinks=True)
    status, said = put(place)
    assert (status, "host: " in said, "LOG-ROLLED-BACK" in said) == (ExitStatus.REFUSED, True, True), said


def test_where_the_stick_has_no_head_of_the_host_that_is_said(place: Path) -> None:
    status, said = put(place)

    assert status is ExitStatus.DONE, said
    assert "the host's own log was held to no head" in said
