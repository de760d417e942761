"""Another passphrase for a domain's keys: new files that the log names, and the old ones in force until it does."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cache, partial
from pathlib import Path

import pytest

from asl_authority.errors import Damaged, Malformed, Refused, UnlockFailed
from asl_authority.front.key_in_store import NAMES
from asl_authority.operations.act import Act, Bench, Done, Made, Standing, carry_out, expect_sound
from asl_authority.operations.drill import drill_act
from asl_authority.operations.drilled import undrilled
from asl_authority.operations.gate import rehearsal_gate
from asl_authority.operations.genesis import USES, draw_keys
from asl_authority.operations.key_files import DOMAIN_KEY_FILES, key_files
from asl_authority.operations.passphrase_act import Sealed, change_act, next_files, seal
from asl_authority.operations.pieces import Piece
from asl_authority.operations.plan import plan_act
from asl_authority.operations.replay import find_receipt, replay
from asl_authority.operations.strays import find_strays
from asl_authority.storage.disk import Disk, HostDisk
from asl_authority.values.canonical import canonical_bytes
from asl_authority.values.drill import Drill, Method
from asl_authority.values.keyfile import open_key
from asl_authority.values.log_record import RecordType
from asl_authority.values.passphrase import own_passphrase
from support.acts import ME, ROOT, do, founded_disk, stand, standing_in
from support.faulty_disk import FaultyDisk, PowerCutError
from support.genesis import known_random
from support.memory_disk import fates

PASSPHRASE = own_passphrase("Many different words make a long one")
KEYS = draw_keys(known_random("me"), dam_signer=True).by_name


@pytest.fixture
def root(founded_store: Path) -> Path:
    """A store of this test's own."""
    return founded_store


@cache
def sealed(*names: str) -> Sealed:
    """Sealed once for all tests: each takes a second."""
    return seal({name: KEYS[name] for name in names}, PASSPHRASE, known_random("sealing"))


def change(*names: str) -> Callable[[Standing], Act]:
    return lambda standing: change_act(standing, names, lambda: sealed(*names))


def in_force(root: Path) -> dict[str, str]:
    return {name: file.path for name, file in key_files(stand(root).report.entries).items()}


def test_the_words_of_the_command_are_the_keys_of_a_domain() -> None:
    assert tuple(USES) == NAMES


def test_a_new_file_is_in_force_opens_to_the_same_key_and_the_old_one_stays(root: Path) -> None:
    certs = root / "domains" / ME / "certs"
    before = {path.name: path.read_bytes() for path in certs.iterdir()}
    done = do(root, change("log"))

    others = {name: f"certs/{name}.priv.enc" for name in ("root", "operator")}
    assert in_force(root) == {**others, "log": "certs/log-2.priv.enc"}
    new, key = (certs / "log-2.priv.enc").read_bytes(), KEYS["log"]
    assert open_key(new, PASSPHRASE.text, USES["log"].kind, key.public) == key
    assert (certs / "log-2.pub").read_bytes() == before["log.pub"]
    assert {name: (certs / name).read_bytes() for name in before} == before
    assert done.report.ok

    standing = stand(root)
    _, entry = next(each for each in standing.report.entries if "follows" in each[1].facts)
    old = hashlib.sha256(before["log.priv.enc"]).hexdigest()
    assert entry.facts == {"key": "log", "key_id": key.public.key_id, "follows": old}
    assert (entry.type, done.receipt.operation) == (RecordType.KEY, "key-change-passphrase")
    assert old in done.receipt.inputs
    assert [each.name for each in done.receipt.outputs] == ["certs/log-2.priv.enc"]
    found = replay(standing, find_receipt(standing, str(done.receipt.logseq)).receipt)
    assert all(finding.ok for finding in found)
    assert find_strays(HostDisk(), standing.source.paths, standing.report.entries) == ()


def test_the_next_one_follows_that_and_each_key_has_its_own_numbers(root: Path) -> None:
    do(root, change("log"))
    do(root, change("log", "operator"))

    assert in_force(root)["log"] == "certs/log-3.priv.enc"
    assert in_force(root)["operator"] == "certs/operator-2.priv.enc"
    assert [each.path for each in next_files(stand(root), ())] == [
        *("certs/root-2.priv.enc", "certs/log-4.priv.enc", "certs/operator-3.priv.enc")
    ]


def test_a_key_that_is_not_here_gets_no_file(root: Path) -> None:
    with pytest.raises(Refused) as refused:
        change_act(stand(root), ("dam-signer",), lambda: sealed("log"))
    assert refused.value.check_id == "KEY-HERE"


def test_a_file_that_does_not_open_is_named_by_no_record(root: Path) -> None:
    good = sealed("log")
    bad = Sealed(own_passphrase("another one than it was sealed for"), good.files, good.challenge)
    other = Sealed(good.passphrase, {"operator": good.files["log"]}, good.challenge)
    before = stand(root).report.head
    for names, one, error in ((("log",), bad, UnlockFailed), (("operator",), other, Malformed)):
        standing = stand(root)
        with pytest.raises(error):
            carry_out(standing, change_act(standing, names, partial(replace, one)), rehearsal_gate(), KEYS)
        assert stand(root).report.head == before
    assert do(root, change("log")).report.ok, "what was left of it is taken away"


def test_a_weak_passphrase_is_said_in_the_log(root: Path) -> None:
    weak = seal({"log": KEYS["log"]}, own_passphrase("weak"), known_random("weak"))
    do(root, lambda standing: change_act(standing, ("log",), lambda: weak))
    assert stand(root).report.entries[-2][1].facts["passphrase"] == "weak"


def test_a_dry_run_says_what_would_be_and_neither_seals_nor_draws(root: Path) -> None:
    standing = stand(root)
    asked = change_act(standing, ("log", "operator"), lambda: pytest.fail("something was sealed"))
    plan = plan_act(standing, asked, rehearsal_gate())

    artifacts = plan["artifacts"]
    assert isinstance(artifacts, list)
    made_up = {each["path"]: (each["sha256"], each["size"]) for each in artifacts if "priv.enc" in each["path"]}
    assert made_up == {"certs/log-2.priv.enc": (None, None), "certs/operator-2.priv.enc": (None, None)}
    assert stand(root).report.head == standing.report.head


def test_a_drill_of_the_old_file_says_nothing_of_the_new_one(root: Path) -> None:
    def named() -> Sequence[str]:
        standing = stand(root)
        return undrilled(HostDisk(), standing.source.paths, standing.report.entries)

    key_id = KEYS["log"].public.key_id
    drill = Drill(key_id, USES["log"].kind, "ab" * 32, Method.PASSPHRASE, None, ("Ada",), (), rehearsal=True)
    do(root, lambda _: drill_act(drill))
    assert "log" not in named()
    old = key_files(stand(root).report.entries)["log"].sha256
    do(root, change("log"))
    assert "log" in named()
    do(root, lambda _: drill_act(replace(drill, key_file=old)))
    assert "log" in named(), "that was the old file again"
    do(root, lambda _: drill_act(drill))
    assert "log" not in named()


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"key": "nobody"}, "names no key"),
        ({"key": "dam-signer"}, "names no key"),
        ({"key": 1}, "names no key"),
        ({"follows": "00" * 32}, "does not follow"),
        ({"key_id": "00" * 32}, "is not of the key"),
        ({"half": b"another"}, "is not of the key"),
        ({"name": "certs/log-3.priv.enc"}, "other files"),
        ({"name": "certs/root-2.priv.enc"}, "other files"),
    ],
)
def test_a_record_that_follows_nothing_is_found_and_stops_the_domain(
    root: Path, changes: dict[str, object], why: str
) -> None:
    standing = stand(root)
    held = key_files(standing.report.entries)["log"]
    half = (standing.source.paths.root / "certs/log.pub").read_bytes()
    said: dict[str, object] = {"key": "log", "key_id": KEYS["log"].public.key_id, "follows": held.sha256}
    said |= {name: value for name, value in changes.items() if name in said}
    written = changes.get("half", half)
    assert isinstance(written, bytes)

    def make(bench: Bench) -> Made:
        files = {str(changes.get("name", "certs/log-2.priv.enc")): b"sealed", "certs/log-2.pub": written}
        return Made((bench.put(Piece(RecordType.KEY, files, facts=said)),))

    with pytest.raises(Damaged, match="reads back otherwise"):
        do(root, lambda _: Act("forged", "forged", (), canonical_bytes({}), make))
    report = stand(root, sound=False).report
    bad = [finding for finding in report.findings if not finding.ok]
    assert [finding.check_id for finding in bad] == [DOMAIN_KEY_FILES]
    assert why in bad[0].detail
    with pytest.raises(Damaged, match="record 12"):
        expect_sound(report, ME)


@pytest.mark.any_python
def test_a_power_cut_leaves_the_old_file_in_force_or_the_new_one_whole() -> None:
    again = seal({"log": KEYS["log"]}, PASSPHRASE, known_random("again"))

    def changed(disk: Disk, one: Sealed | None = None) -> Done:
        standing = stand(ROOT, disk=disk)
        asked = change_act(standing, ("log",), lambda: one or sealed("log"))
        return carry_out(standing, asked, rehearsal_gate(), standing_in(standing))

    counting = FaultyDisk(founded_disk().copy(), "stop", None)
    changed(counting)
    count, found = len(counting.calls), set()
    for number in (1, count // 4, count // 2, count - 20, count - 8, count - 3, count):
        disk = founded_disk().copy()
        with pytest.raises(PowerCutError):
            changed(FaultyDisk(disk, "stop", number))
        for name in ("all kept", "all lost"):
            after = disk.after(fates(1)[name])
            with suppress(Refused):  # it was whole, and was committed: a person looks at it first
                changed(after, again)
            file = key_files(stand(ROOT, disk=after).report.entries)["log"]
            assert file.path in {"certs/log-2.priv.enc", "certs/log-3.priv.enc"}
            found.add(file.number)
    assert found == {2, 3}, "where it was whole, the next try is another"
