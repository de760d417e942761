"""Collecting signatures: judged before, confirmed, verified twice, written, read back; each step can say no."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from asl_authority.contract import Mode
from asl_authority.contract.words import spoken
from asl_authority.errors import Aborted, AuthorityError, Malformed, Refused, UsageError
from asl_authority.operations import collect
from asl_authority.operations.artifacts import form_of, load
from asl_authority.operations.collect import Task, continued, lint, sign_here, signed, with_signature, write_signed
from asl_authority.operations.confirm import asked_words, confirm
from asl_authority.operations.gate import expect_keys_allowed, rehearsal_here
from asl_authority.operations.keys import write_sealed
from asl_authority.storage.plain_files import named, write_all_new
from asl_authority.values import rfc8032
from asl_authority.values.ed25519 import SecretKey
from asl_authority.values.finding import Finding
from asl_authority.values.keyfile import KeyKind
from asl_authority.values.levels import Level
from asl_authority.values.passphrase import own_passphrase
from asl_authority.values.rootset import (
    RATIFICATION,
    Ratification,
    RootSet,
    check_quorum,
    read_ratification,
)
from asl_authority.values.signed import Signed, unsigned
from asl_authority.values.state import Seal
from support.stories import Answers, no_randomness

KEYS = [SecretKey(bytes([n]) * 32) for n in (1, 2, 3)]
STRANGER, THROWAWAY = SecretKey(b"s" * 32), SecretKey(b"t" * 32)
ROOTS = RootSet(1, tuple(key.public for key in KEYS), 2)


def task(*further: Finding) -> Task[Ratification]:
    """Two of three roots are to ratify a policy."""

    def judge(artifact: Signed[Ratification]) -> Iterable[Finding]:
        return (check_quorum(artifact.envelope, ROOTS), *further)

    return Task(
        "the policy of example",
        RATIFICATION,
        read_ratification,
        unsigned(RATIFICATION, Ratification("example", "ab" * 32)),
        tuple((key.public, Level.ROOT) for key in KEYS),
        judge,
        frozenset({"ROOTSET-QUORUM"}),
    )


def words_of(digest: bytes) -> str:
    """What confirms it."""
    words = spoken(digest)
    return " ".join(words[(line - 1) * 4 + place - 1] for line, place in asked_words(digest))


def check_id_of(refusal: pytest.ExceptionInfo[AuthorityError]) -> str:
    return refusal.value.check_id


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("dam.scope: expected an array", "dam: dam.scope: expected an array"),
        ("not canonical", "dam: not canonical"),
        ("dam: unknown member", "dam: unknown member"),
        ("dam is not what dam.sig signs", "dam is not what dam.sig signs"),
    ],
)
def test_what_is_wrong_in_a_file_is_said_with_its_name_once_whatever_that_is(words: str, said: str) -> None:
    with pytest.raises(Malformed) as refused, named(Path("dam")):
        raise Malformed(words)

    assert str(refused.value) == said


def test_signatures_of_two_sessions_make_one_envelope_whatever_their_order(tmp_path: Path) -> None:
    one = signed(task(), KEYS[0])
    envelope = write_signed(one, tmp_path / "first.json")
    both = signed(continued(task(), envelope.read_bytes()), KEYS[1])

    assert not one.complete
    assert both.complete
    assert both.artifact.to_bytes() == signed(signed(task(), KEYS[1]), KEYS[0]).artifact.to_bytes()
    assert (tmp_path / "first.json").read_bytes() == both.artifact.envelope.payload


def test_a_signature_made_elsewhere_over_the_message_is_the_same_as_one_made_here() -> None:
    elsewhere = with_signature(task(), KEYS[2].public, KEYS[2].sign(task().message))

    assert elsewhere.artifact == signed(task(), KEYS[2]).artifact


def test_a_signature_over_the_body_alone_or_of_another_key_is_not_taken() -> None:
    for bad in (KEYS[0].sign(task().artifact.envelope.payload), KEYS[1].sign(task().message), bytes(64), b""):
        with pytest.raises(Malformed) as refusal:
            with_signature(task(), KEYS[0].public, bad)
        assert check_id_of(refusal) == "SIGN-VERIFIED"


def test_a_signature_that_only_the_first_implementation_takes_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rfc8032, "verifies", lambda *_: False)

    with pytest.raises(Malformed) as refusal:
        signed(task(), KEYS[0])

    assert check_id_of(refusal) == "SIGN-VERIFIED-ELSEWHERE"


def test_who_may_not_sign_or_has_already_is_refused_by_name() -> None:
    with pytest.raises(Refused) as stranger:
        signed(task(), STRANGER)
    with pytest.raises(Refused) as twice:
        signed(signed(task(), KEYS[0]), KEYS[0])

    assert (check_id_of(stranger), check_id_of(twice)) == ("SIGN-KEY", "SIGN-TWICE")


def test_what_was_signed_so_far_must_be_this_body_by_these_keys() -> None:
    other = unsigned(RATIFICATION, Ratification("example", "cd" * 32)).signed_by(KEYS[0])
    strange = task().artifact.signed_by(STRANGER)
    spoiled = replace(task(), artifact=unsigned(RATIFICATION, Ratification("example", "cd" * 32)))
    bad = replace(task().artifact.envelope, signatures=signed(spoiled, KEYS[0]).artifact.envelope.signatures)

    for data, check_id in (
        (other.to_bytes(), "DSSE-BODY-EQUAL"),
        (strange.to_bytes(), "SIGN-KEY"),
        (bad.to_bytes(), "SIGN-VERIFIED"),
        (unsigned(RATIFICATION, task().artifact.body, rehearsal=True).to_bytes(), "DSSE-PAYLOAD-TYPE"),
    ):
        with pytest.raises(AuthorityError) as refusal:
            continued(task(), data)
        assert check_id_of(refusal) == check_id


def test_the_lint_names_what_does_not_hold_before_any_key_is_opened() -> None:
    assert [finding.check_id for finding in lint(task(), THROWAWAY)] == [
        "LINT-FORM",
        "SIGN-VERIFIED",
        "SIGN-VERIFIED-ELSEWHERE",
        "ROOT-SIGNS-ONLY",
    ]

    def unlock() -> SecretKey:
        raise AssertionError("the key was asked for")

    with pytest.raises(Refused) as refusal:
        sign_here(task(Finding("POLICY-HASH-EQUAL", False, "x")), "", Answers([], print), unlock, THROWAWAY)
    assert check_id_of(refusal) == "POLICY-HASH-EQUAL"


def test_the_lint_notices_a_body_that_reads_as_something_else() -> None:
    def wrong(_: bytes) -> Ratification:
        return Ratification("example", "ef" * 32)

    with pytest.raises((Refused, ValueError)):
        lint(replace(task(), read=wrong), THROWAWAY)


def test_a_level_that_may_not_sign_this_is_refused_by_the_lint() -> None:
    below = replace(task(), signers=((KEYS[0].public, Level.DOMAIN_ROOT),))

    with pytest.raises(Refused) as refusal:
        lint(below, THROWAWAY)

    assert check_id_of(refusal) == "DOMAIN-ROOT-SIGNS-ONLY"


def test_the_key_is_opened_after_the_confirmation_and_not_before() -> None:
    order: list[str] = []
    answers = Answers([words_of(task().digest)], lambda text: order.append("asked") if "type word" in text else None)

    def unlock() -> SecretKey:
        order.append("unlocked")
        return KEYS[0]

    done = sign_here(task(), "the difference\n", answers, unlock, THROWAWAY)

    assert order == ["asked", "unlocked"]
    assert [each.key_id for each in done.artifact.envelope.signatures] == [KEYS[0].public.key_id]


def test_two_words_of_the_digest_confirm_and_nothing_else_does() -> None:
    digest = hashlib.sha256(b"x").digest()
    said: list[str] = []

    confirm(Answers(["", words_of(digest).upper()], said.append), "x", digest)
    with pytest.raises(Aborted):
        confirm(Answers(["", "yes", words_of(bytes(32))], said.append), "x", digest)

    assert sum("not the words" in each for each in said) == 4


def test_the_two_words_are_never_one_and_every_place_comes_up() -> None:
    asked = [asked_words(hashlib.sha256(bytes([n])).digest()) for n in range(256)]

    assert all(one != other for one, other in asked)
    assert {place for pair in asked for place in pair} == {(line, word) for line in range(1, 9) for word in range(1, 5)}


def test_nothing_that_is_there_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "a.json.sig").write_bytes(b"mine")

    with pytest.raises(Refused):
        write_signed(signed(task(), KEYS[0]), tmp_path / "a.json")

    assert (tmp_path / "a.json.sig").read_bytes() == b"mine"
    assert [path.name for path in tmp_path.iterdir()] == ["a.json.sig"]


def test_one_right_word_of_two_confirms_nothing() -> None:
    digest = hashlib.sha256(b"x").digest()
    first, second = words_of(digest).split(" ")

    with pytest.raises(Aborted):
        confirm(Answers([f"{first} {first}", f"{second} {first}", first], print), "x", digest)


def test_a_body_beside_its_envelope_that_is_another_is_a_finding(tmp_path: Path) -> None:
    envelope = write_signed(signed(task(), KEYS[0]), tmp_path / "a.json")
    form = form_of(RATIFICATION, read_ratification)
    (tmp_path / "a.json").write_bytes(Ratification("example", "cd" * 32).to_bytes())

    assert [(each.check_id, each.ok) for each in load(envelope, form).findings] == [("DSSE-BODY-EQUAL", False)]
    with pytest.raises(Malformed) as refusal:
        load(tmp_path / "a.json", form)
    assert check_id_of(refusal) == "DSSE-BODY-EQUAL"


def test_of_several_new_files_there_are_all_or_none(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        write_all_new({tmp_path / "one": b"1", tmp_path / "nowhere/two": b"2"})

    assert list(tmp_path.iterdir()) == []


def test_a_key_file_whose_key_does_not_sign_is_taken_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rfc8032, "verifies", lambda *_: False)
    written: list[bool] = []

    with pytest.raises(Malformed) as refusal:
        write_sealed(
            Answers([], lambda _: None),
            no_randomness("x"),
            KEYS[0],
            own_passphrase("a test's own passphrase"),
            KeyKind.LOG,
            tmp_path / "x.priv.enc",
            lambda: written.append(True),
        )

    assert check_id_of(refusal) == "SIGN-VERIFIED-ELSEWHERE"
    assert (list(tmp_path.iterdir()), written) == ([], [])


def test_a_medium_that_does_not_keep_what_was_written_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collect, "read_file", lambda *_: b"rotten")

    with pytest.raises(Malformed) as refusal:
        write_signed(signed(task(), KEYS[0]), tmp_path / "a.json")

    assert check_id_of(refusal) == "SIGN-READ-BACK"


def test_without_a_seal_keys_may_be_used_and_what_is_signed_is_real_unless_a_rehearsal_is_asked_for() -> None:
    expect_keys_allowed(None, lambda: pytest.fail("a workstation needs no claim"))

    assert (rehearsal_here(None, False), rehearsal_here(None, True)) == (False, True)


def test_on_a_host_that_was_started_for_real_nothing_is_a_rehearsal() -> None:
    def seal(mode: Mode) -> Seal:
        return Seal("ab" * 32, mode, "/dev/sr0", (), in_memory=False, times_ms={})

    assert rehearsal_here(seal(Mode.REHEARSAL), False)
    assert not rehearsal_here(seal(Mode.HOST), False)
    with pytest.raises(Refused) as refusal:
        rehearsal_here(seal(Mode.HOST), True)
    assert check_id_of(refusal) == "REHEARSAL-STARTED"
