"""Shares of a key at rest: given out, taken in, judged one by one; stopped anywhere; and no word of one leaks."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from io import StringIO
from itertools import chain
from pathlib import Path

import pytest

from asl_authority.contract import ExitStatus
from asl_authority.errors import Aborted, Malformed, Refused, UnlockFailed, UsageError
from asl_authority.front import cli
from asl_authority.front.outside import Outside
from asl_authority.operations.shares import (
    WORDS_PER_LINE,
    Places,
    expect_known,
    give_out,
    open_with_shares,
    split_key,
    take_in,
)
from asl_authority.storage.plain_files import read_file
from asl_authority.values.keyfile import KeyKind, open_key
from asl_authority.values.passphrase import shared_passphrase
from asl_authority.values.share_set import check_key_file, check_share, make_share_set, read_share_set
from asl_authority.values.slip39 import Share, combine, read_share, split
from support.domains import secret
from support.published import changed
from support.samples.share_set import KEY_FILE, RECORD, SALT, SECRET, shares
from support.stories import Answers, no_randomness, unprotected
from support.story_files import PASSPHRASE, make_files

FILES = Path(__file__).parent / "stories/files"
ONE, TWO, THREE = shares()
OTHER = split(bytes(16), 2, 3, lambda size: hashlib.shake_256(b"others").digest(size))


def lines(share: Share) -> list[str]:
    """As its holder types it."""
    return [" ".join(share.words[at : at + WORDS_PER_LINE]) for at in range(0, len(share.words), WORDS_PER_LINE)]


def wrong(share: Share, *places: int) -> Share:
    """With another word at these places, from 1."""
    found = tuple("zero" if place in places else word for place, word in enumerate(share.words, 1))
    return replace(share, words=found)


def terminal(*answers: str) -> tuple[Answers, list[str]]:
    said: list[str] = []
    return Answers(list(answers), said.append), said


def taken_in(*typed: Share, record: bool = True) -> tuple[list[Share], str]:
    person, said = terminal(*chain(*map(lines, typed)))
    taken: list[Share] = []
    take_in(person, RECORD if record else None, taken)
    assert person.answers == []
    return taken, "".join(said)


def test_each_share_of_a_set_has_its_digest_and_no_other_share() -> None:
    assert all(check_share(RECORD, share).ok for share in shares())
    strangers = (*OTHER, replace(ONE, number=2), replace(ONE, number=9), wrong(ONE, 7))
    found = [check_share(RECORD, share) for share in strangers]

    assert [finding.ok for finding in found] == [False] * len(strangers)
    assert {finding.check_id for finding in found} == {"SHARE-DIGEST"}


def test_anybody_can_compute_a_shares_digest_by_what_the_documents_say() -> None:
    for share, kept in zip(shares(), RECORD.digests, strict=True):
        message = f"asl share {share.number} {' '.join(share.words)}".encode()
        assert hmac.digest(SALT, message, "sha256").hex() == kept


def test_a_record_that_was_read_back_and_does_not_know_a_share_does_not_count() -> None:
    expect_known(RECORD.to_bytes(), shares())
    with pytest.raises(Malformed) as refusal:
        expect_known(changed(RECORD.to_bytes(), digests__1="00" * 32), shares())

    assert refusal.value.check_id == "SHARE-DIGEST"
    assert "share 2" in str(refusal.value)


def test_the_same_shares_have_other_digests_in_another_record() -> None:
    again = make_share_set(shares(), RECORD.key_id, RECORD.key_kind, RECORD.key_file, SALT[::-1])

    assert not set(again.digests) & set(RECORD.digests)
    assert not set(RECORD.digests) & {hashlib.sha256(" ".join(share.words).encode()).hexdigest() for share in shares()}


def test_the_record_is_of_one_key_file() -> None:
    assert check_key_file(RECORD, KEY_FILE).ok
    finding = check_key_file(RECORD, KEY_FILE + b"\n")
    assert (finding.check_id, finding.ok) == ("SHARE-SET-FILE", False)


@pytest.mark.parametrize("some", [(), shares()[1:], (*shares(), OTHER[0])])
def test_no_record_is_made_of_a_part_of_a_set(some: tuple[Share, ...]) -> None:
    with pytest.raises(ValueError, match="every share"):
        make_share_set(some, RECORD.key_id, KeyKind.LOG, RECORD.key_file, SALT)


def test_shares_go_to_one_holder_after_the_other_and_come_back_typed() -> None:
    person, said = terminal(*chain(*(["", "", *lines(share)] for share in shares())))
    give_out(person, shares())
    steps = re.findall(r"for its holder alone|on a screen of its own|was typed back", "".join(said))

    assert steps == ["for its holder alone", "on a screen of its own", "was typed back"] * 3
    assert person.answers == []


def test_a_share_that_is_typed_back_wrong_is_shown_again_with_the_place_of_the_slip() -> None:
    person, said = terminal("", "", *lines(wrong(ONE, 7)), "", *lines(wrong(ONE, 3, 9, 20)), "", *lines(ONE))
    give_out(person, [ONE])

    assert "look at word 7.\n" in "".join(said)
    assert "look at word 3 and 2 more.\n" in "".join(said)
    assert "".join(said).count("(on a screen of its own)") == 3


def test_after_three_slips_nothing_is_given_out() -> None:
    person, _ = terminal("", *["", *lines(TWO)] * 3)
    with pytest.raises(Aborted, match="share 1 of 3 was not typed back: nothing was made"):
        give_out(person, shares())


def test_shares_are_taken_in_any_order_and_named() -> None:
    taken, said = taken_in(THREE, ONE)

    assert [share.number for share in taken] == [3, 1]
    assert combine(taken) == SECRET
    assert said.count("is good: it is the one that was given out") == 2
    assert "Share 3 is good" in said


@pytest.mark.parametrize(
    ("bad", "told"),
    [
        (wrong(TWO, 12), "SHARE-CHECKSUM: word 12 does not fit the others. Try again."),
        (wrong(TWO, 12, 13), "SHARE-CHECKSUM: two words or more are wrong, or out of order. Try again."),
        (ONE, "SHARE-TWICE: share 1 was given already. Try again."),
        (OTHER[1], "SHARE-SAME-SET: share 2 is of another set than those before it. Try again."),
    ],
)
@pytest.mark.parametrize("record", [True, False], ids=["with a record", "without one"])
def test_a_bad_share_is_named_at_once_and_costs_the_others_nothing(bad: Share, told: str, record: bool) -> None:
    taken, said = taken_in(ONE, bad, bad, TWO, record=record)

    assert [share.number for share in taken] == [1, 2]
    assert said.count(told) == 2


def test_the_first_share_of_another_set_is_named_where_there_is_a_record() -> None:
    taken, said = taken_in(OTHER[2], ONE, TWO)

    assert [share.number for share in taken] == [1, 2]
    assert "SHARE-DIGEST: share 3 is not of this key file's set. Try again." in said


def test_three_bad_shares_in_a_row_end_it() -> None:
    person, said = terminal(*chain(*map(lines, (ONE, wrong(TWO, 1), wrong(TWO, 1), wrong(TWO, 1)))))
    taken: list[Share] = []
    with pytest.raises(UnlockFailed):
        take_in(person, RECORD, taken)

    assert [share.number for share in taken] == [1]
    assert "".join(said).count("Try again") == 2


def test_who_slipped_twice_leaves_the_next_holder_all_tries() -> None:
    taken, _ = taken_in(wrong(ONE, 1), wrong(ONE, 1), ONE, wrong(TWO, 1), wrong(TWO, 1), TWO)

    assert [share.number for share in taken] == [1, 2]


def test_words_may_come_on_lines_of_any_length_and_a_share_may_begin_again() -> None:
    first, second, *_ = lines(ONE)
    person, said = terminal(
        *(first, f"{second} acorn", second, ""),  # a word of no list, and the share begins again
        *(first, " ".join(ONE.words[:17])),  # one word too many
        *(ONE.words[0].upper(), "  ".join(word[:4] for word in ONE.words[1:])),
        " ".join(THREE.words),
    )
    taken: list[Share] = []
    take_in(person, RECORD, taken)

    assert (taken, person.answers) == ([ONE, THREE], [])
    assert "SHARE-WORDS: word 9 is not in the list. Type this line again.\n" in "".join(said)
    assert "Too many words. This share begins again" in "".join(said)


def test_shares_that_fit_one_another_and_open_another_file_are_told_so() -> None:
    data, public = (FILES / "shared.priv.enc").read_bytes(), secret("log").public
    person, said = terminal(*lines(OTHER[0]), *lines(OTHER[1]))
    with pytest.raises(UnlockFailed, match="they are of another key file"):
        open_with_shares(person, "shared.priv.enc", data, KeyKind.LOG, public, None, [])

    assert "There is no record of the shares" in "".join(said)


def test_shares_of_which_one_was_never_given_out_give_no_secret() -> None:
    forged = split(bytes(16), 2, 3, lambda size: hashlib.shake_256(b"a known set").digest(size))[1]
    person, _ = terminal(*lines(ONE), *lines(forged))
    with pytest.raises(UnlockFailed) as refusal:
        open_with_shares(person, "x", b"", KeyKind.LOG, secret("log").public, None, [])

    assert refusal.value.check_id == "SHARE-SECRET"


class Holders:
    """Everybody who sits down at the screen: types the passphrase, the names, and what was shown; `stop` ends it."""

    def __init__(self, stop: Callable[[str], bool] = lambda _: False) -> None:
        self.screen: list[str] = []
        self.shown: list[tuple[str, ...]] = []
        self.lines: Iterator[str] = iter(())
        self.names = iter(["Alice", "Bob", ""])
        self.stop = stop

    def say(self, text: str) -> None:
        self.screen.append(text)

    def ask(self, question: str) -> str:
        self._read(question)
        return next(self.names) if question == "Name: " else ""

    def secret(self, question: str) -> str:
        self._read(question)
        if question.startswith("Words 1 to"):
            self.lines = iter(lines(Share(0, 0, self.typing(), ())))
        return next(self.lines) if question.startswith("Words") else PASSPHRASE

    def typing(self) -> tuple[str, ...]:
        """What the one who sits there holds: the last share that was shown."""
        return self.shown[-1]

    def reveal(self, text: str, question: str) -> None:
        self.shown.append(tuple(" ".join(re.findall(r"^  \d: (.*)$", text, re.MULTILINE)).split()))
        self._read(question)

    def _read(self, question: str) -> None:
        self.screen.append(f"{question}\n")
        if self.stop(question):
            raise KeyboardInterrupt


class Returning(Holders):
    """Those who hold shares already, one after the other."""

    def __init__(self, *held: tuple[str, ...]) -> None:
        super().__init__()
        self.held = iter(held)

    def typing(self) -> tuple[str, ...]:
        return next(self.held)


def places(at: Path) -> Places:
    return Places(at / "s.priv.enc", at / "s.pub", at / "s.shares.json")


def split_at(at: Path, person: Holders, random: Callable[[int], bytes]) -> None:
    key = secret("log")
    split_key(person, random, key, KeyKind.LOG, places(at), threshold=2, count=2)


@pytest.mark.parametrize("question", ["for its holder alone", "Write it down", "Words 17 to"])
def test_ctrl_c_at_any_question_leaves_no_file(tmp_path: Path, question: str) -> None:
    asked: list[str] = []

    def second_time(said: str) -> bool:
        asked.append(said)
        return sum(question in each for each in asked) == 2

    with pytest.raises(KeyboardInterrupt):
        split_at(tmp_path, Holders(second_time), no_randomness("stopped"))

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["s.priv.enc", "s.pub", "s.shares.json"])
def test_a_name_that_is_taken_is_told_before_anybody_is_asked(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"theirs")
    person = Holders()
    with pytest.raises(Refused, match=f"{name}: is there already"):
        split_at(tmp_path, person, no_randomness("taken"))

    assert person.screen == []
    assert (tmp_path / name).read_bytes() == b"theirs"


def test_a_directory_that_is_not_there_is_told_before_anybody_is_asked(tmp_path: Path) -> None:
    person = Holders()
    with pytest.raises(UsageError, match="no such directory"):
        split_at(tmp_path / "nowhere", person, no_randomness("nowhere"))

    assert person.screen == []


def test_what_turns_up_while_shares_are_given_out_is_not_overwritten_and_nothing_else_stays(tmp_path: Path) -> None:
    def meddle(_: str) -> bool:
        places(tmp_path).record.write_bytes(b"theirs")
        return False

    with pytest.raises(Refused, match="is there already"):
        split_at(tmp_path, Holders(meddle), no_randomness("taken"))

    assert [path.name for path in tmp_path.iterdir()] == ["s.shares.json"]
    assert places(tmp_path).record.read_bytes() == b"theirs"


def test_the_same_randomness_gives_the_same_files_and_shares(tmp_path: Path) -> None:
    made = []
    for name in ("one", "other"):
        at, person = tmp_path / name, Holders()
        at.mkdir()
        split_at(at, person, no_randomness("same"))
        made.append((person.shown, person.screen, [path.read_bytes() for path in sorted(at.iterdir())]))
    record = read_share_set(read_file(places(tmp_path / "one").record, 1 << 12))

    assert made[0] == made[1]
    assert (record.threshold, len(record.digests)) == (2, 2)
    assert check_key_file(record, places(tmp_path / "one").private.read_bytes()).ok


def test_other_programs_open_the_file_with_what_the_shares_give(
    tmp_path: Path, real_age: Callable[[list[str], str, int], bytes]
) -> None:
    sealed, key = FILES / "shared.priv.enc", tmp_path / "key"
    passphrase = shared_passphrase(bytes(range(16))).text
    real_age(["-d", "-o", str(key), str(sealed)], passphrase, 1)

    assert passphrase == "000102030405060708090a0b0c0d0e0f"
    assert key.read_bytes() == secret("log").pkcs8
    assert open_key(sealed.read_bytes(), passphrase, KeyKind.LOG, secret("log").public) == secret("log")


def test_a_file_that_is_no_record_of_shares_is_refused() -> None:
    with pytest.raises(Malformed) as refusal:
        read_share_set(b'{"type":"asl.drill/1"}')

    assert refusal.value.check_id == "SHARE-SET-SCHEMA"


def call(here: Path, person: Holders, *more: str) -> tuple[ExitStatus, str, str]:
    out, err = StringIO(), StringIO()
    outside = Outside(person, no_randomness("canary"), unprotected)
    status = cli.run(
        more, program="asl-auth-host", stdout=out, stderr=err, machine=here / "machine", outside=outside
    )  # fmt: skip
    return status, out.getvalue(), err.getvalue()


def test_no_word_of_a_share_is_in_any_output_file_or_json(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    make_files(tmp_path)
    Path("log.priv.enc").write_bytes((FILES / "log.priv.enc").read_bytes())
    before = {path for path in tmp_path.rglob("*") if path.is_file()}
    said: list[str] = []

    def done(person: Holders, status: ExitStatus, *more: str) -> None:
        found, out, err = call(tmp_path, person, "key", *more, "--kind", "log")
        assert found is status, err
        assert "--json" not in more or json.loads(out)["status"] == status
        said.extend((out, err, *person.screen))

    giving = Holders()
    wanted = ("--shares", "3", "--threshold", "2", "--output", "s")
    done(giving, ExitStatus.DONE, "split", "log.priv.enc", *wanted, "--json")
    one, two, three = giving.shown
    slip = tuple("zero" if place == 4 else word for place, word in enumerate(two))
    done(Returning(three, slip, three, one), ExitStatus.DONE, "combine", "s.priv.enc")
    done(Returning(slip, slip, slip), ExitStatus.UNLOCK_FAILED, "combine", "s.priv.enc", "--json")
    done(Returning(one, two), ExitStatus.DONE, "drill", "s.priv.enc", "--by", "shares", "--output", "drill.json")
    made = sorted({path for path in tmp_path.rglob("*") if path.is_file()} - before)
    everything = b"\n".join((*(text.encode() for text in said), *(path.read_bytes() for path in made)))
    passphrase = combine([read_share(" ".join(each)) for each in (one, two)])

    assert [path.name for path in made] == ["drill.json", "s.priv.enc", "s.pub", "s.shares.json"]
    assert words_in(everything) & set(one + two + three + slip) == set()
    assert passphrase.hex().encode() not in everything.lower()
    assert passphrase not in everything


def words_in(data: bytes) -> set[str]:
    """Every run of letters."""
    return {found.decode() for found in re.findall(rb"[a-z]+", data.lower())}


def test_a_word_of_a_share_would_be_found_in_json_and_between_other_bytes() -> None:
    assert set(ONE.words) <= words_in(json.dumps({"share": ONE.words}).encode())
    assert set(ONE.words) <= words_in(b"\0".join(word.upper().encode() for word in ONE.words))
