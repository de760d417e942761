"""The verbs of ceremonies: what a file may run, what a script knows beforehand, and what is refused by name."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import pytest

from asl_authority.contract import ExitStatus
from asl_authority.contract.words import hex_groups, spoken
from asl_authority.errors import Aborted
from asl_authority.front.ceremony_script import words_asked
from asl_authority.front.ceremony_verbs import _outputs, confirms
from asl_authority.front.pages import LINES
from asl_authority.front.parser import Request
from asl_authority.operations.ceremony_watch import Obedient, Watched
from asl_authority.operations.confirm import asked_words, confirm, digest_text
from asl_authority.operations.unlock import unlock
from asl_authority.values.ceremony import read_ceremony
from asl_authority.values.ceremony_record import read_record
from asl_authority.values.ed25519 import SecretKey
from asl_authority.values.keyfile import RANDOM_BYTES, KeyKind, seal_key
from asl_authority.values.pdf import make_pdf
from support.ceremonies import EXAMPLE, Person, call
from support.stories import asked_for
from support.story_files import SEAL

STORY_FILES = Path(__file__).parent / "stories/files"
HEAD = """\
title: A test
version: 1
rehearsal: {rehearsal}
{seed}
people: [{{name: Ada, role: operator}}, {{name: Ben, role: witness}}]
assertions: [{asserted}]
steps:
"""


def text(*runs: str, asserted: str = "", rehearsal: bool = True) -> str:
    head = HEAD.format(
        rehearsal=str(rehearsal).lower(), seed="seed: a-test" if rehearsal else "# none", asserted=asserted
    )
    return head + "".join(f"  - {{title: A step, minutes: 1, run: [{run}]}}\n" for run in runs)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "store").mkdir()
    (tmp_path / "policy.yaml").write_bytes((EXAMPLE / "policy.yaml").read_bytes())
    return tmp_path


def check(here: Path, content: str) -> tuple[ExitStatus, dict[str, object]]:
    (here / "c.yaml").write_text(content)
    status, out, _ = call(Person(), "ceremony", "check", "c.yaml", "--json")
    return status, json.loads(out)


def run(here: Path, content: str, *more: str, machine: Path = Path("/nonexistent")) -> tuple[ExitStatus, str]:
    (here / "c.yaml").write_text(content)
    person = Person()
    words = ("ceremony", "run", "c.yaml", "--record", "record", "--rehearsal", "--root", "store", *more)
    status, out, err = call(person, *words, machine=machine)
    return status, person.screen + out + err


@pytest.mark.parametrize(
    ("words", "check_id", "said"),
    [
        ("rot, init", "CEREMONY-VERB", "did you mean root?"),
        ("root, inti", "CEREMONY-VERB", "did you mean init?"),
        ("root", "CEREMONY-VERB", "and what?"),
        ("--json", "CEREMONY-VERB", "no verb"),
        ("status, --jsno", "CEREMONY-VERB", "--jsno"),
        ("status, --json", "CEREMONY-VERB", "no place in a ceremony"),
        ("status, --help", "CEREMONY-VERB", "no place in a ceremony"),
        ("domain, list, --root, store", "CEREMONY-VERB", "the run adds it"),
        ("domain, list, --rehearsal", "CEREMONY-VERB", "the run adds it"),
        ("ceremony, check, c.yaml", "CEREMONY-VERB", "holds no other"),
        ("root, init, --threshold, two, --policy, p", "CEREMONY-VERB", "invalid int"),
        ("root, init, --threshold, 2", "CEREMONY-VERB", "--policy"),
        ("policy, hash, /etc/passwd", "CEREMONY-PATH", "keeps to the folder"),
        ("policy, hash, ../policy.yaml", "CEREMONY-PATH", "keeps to the folder"),
        ("root, init, --threshold, 1, --policy, p, --key, /stick/root-1", "CEREMONY-PATH", "keeps to the folder"),
    ],
)
def test_a_command_that_could_not_be_run_is_told_with_its_step(
    here: Path, words: str, check_id: str, said: str
) -> None:
    status, answer = check(here, text("status", words))
    findings = answer["findings"]

    assert status is ExitStatus.CHECK_FAILED
    assert isinstance(findings, list)
    assert [(each["check_id"], each["ok"]) for each in findings[1:]] == [("CEREMONY-VERB", True), (check_id, False)]
    assert findings[-1]["detail"].startswith("step 2: ")
    assert said in findings[-1]["detail"]
    refused, screen = run(here, text("status", words))
    assert refused is ExitStatus.CHECK_FAILED
    assert check_id in screen
    assert not (here / "record").exists()


def test_what_is_real_may_name_sticks(here: Path) -> None:
    words = "root, init, --threshold, 1, --policy, policy.yaml, --key, /stick/root-1.priv.enc"

    assert check(here, text(words, rehearsal=False))[0] is ExitStatus.DONE


def test_the_published_example_can_be_held(here: Path) -> None:
    status, answer = check(here, (EXAMPLE / "first-domain.yaml").read_text())

    assert status is ExitStatus.DONE
    assert answer["ceremony"] == read_ceremony((EXAMPLE / "first-domain.yaml").read_bytes()).digest.hex()


@pytest.mark.parametrize(
    ("words", "asked"),
    [
        ("root, init, --threshold, 1, --policy, policy.yaml", True),
        ("root, init, --threshold, 1, --policy, policy.yaml, --dry-run", False),
        ("key, new, --kind, log, --output, k", False),
        ("key, drill, k.priv.enc, --kind, log, --by, passphrase, --output, d", False),
        ("key, drill, k.priv.enc, --kind, log, --by, passphrase, --output, d, --domain, host", True),
        ("key, change-passphrase, --domain, host", True),
        ("status", False),
    ],
)
def test_a_script_has_blanks_for_words_where_the_verb_will_ask_for_them(words: str, asked: bool) -> None:
    ceremony = read_ceremony(text(words).encode())
    assert confirms("asl-auth-host", ceremony, ceremony.steps[0]) is asked


def test_every_new_file_of_a_step_is_on_the_record_however_the_verb_tells_it(here: Path) -> None:
    (here / "program.yaml").write_bytes((STORY_FILES / "program.yaml").read_bytes())
    (here / "input.txt").write_bytes(b"what went in\n")
    (here / "out").mkdir()
    status, _ = run(here, text("run, program.yaml, --input, input.txt, --output, out"))
    done = [entry for entry in read_record((here / "record").read_bytes()).events if entry.outputs]

    assert status is ExitStatus.DONE
    assert [dict(entry.outputs) for entry in done] == [
        {f"out/{path.name}": hashlib.sha256(path.read_bytes()).hexdigest() for path in (here / "out").iterdir()}
    ]
    assert len(done[0].outputs) == 2


def test_files_that_a_verb_names_below_its_directory_are_on_the_record_and_no_others(here: Path) -> None:
    (here / "out/dam").mkdir(parents=True)
    (here / "out/dam/dam-1.json").write_bytes(b"{}")
    others = ["../policy.yaml", str(here / "policy.yaml"), "x" * 300, "gone", "a\n" * 500]
    said = {"files": ["dam/dam-1.json", *others]}
    found = dict(_outputs(Request(values={"output": here / "out"}), said))

    assert found == {str(here / "out/dam/dam-1.json"): hashlib.sha256(b"{}").hexdigest()}


def test_a_real_ceremony_is_held_in_no_rehearsal(here: Path) -> None:
    status, screen = run(here, text("status", rehearsal=False))

    assert status is ExitStatus.REFUSED
    assert "CEREMONY-REHEARSAL" in screen
    assert "a real one" in screen


def test_under_the_rehearsal_entry_a_rehearsal_needs_no_option(here: Path) -> None:
    (here / "machine/run/asl").mkdir(parents=True)
    (here / "machine/run/asl/seal.json").write_text(json.dumps({**SEAL, "mode": "rehearsal"}))
    (here / "c.yaml").write_text(text("policy, hash, policy.yaml"))
    words = ("ceremony", "run", "c.yaml", "--record", "record", "--root", "store")

    assert call(Person(), *words, machine=here / "machine")[0] is ExitStatus.DONE


def test_in_a_rehearsal_nothing_is_made_that_could_be_taken_for_real(here: Path) -> None:
    (here / "c.yaml").write_text(text("key, new, --kind, principal, --output, mine"))
    status, out, err = call(Person(), "ceremony", "script", "c.yaml")

    assert (status, out) == (ExitStatus.REFUSED, "")
    assert "CEREMONY-REHEARSAL: this verb would make something real" in err
    assert not list(here.glob("mine*"))


@pytest.mark.parametrize(
    ("asserted", "check_id"),
    [
        ("{store: present}", "CEREMONY-STORE"),
        ("{file: policy.yaml, sha256: %s}" % ("ab" * 32), "CEREMONY-FILE"),
        ("{file: nothing.yaml, sha256: %s}" % ("ab" * 32), "CEREMONY-FILE"),
    ],
)
def test_what_does_not_hold_begins_nothing(here: Path, asserted: str, check_id: str) -> None:
    status, screen = run(here, text("policy, hash, policy.yaml", asserted=asserted))

    assert status is ExitStatus.REFUSED
    assert f"FAILED  {check_id}" in screen
    assert not (here / "record").exists()


@pytest.mark.parametrize(
    ("asserted", "check_id"), [("{network: absent}", "CEREMONY-NETWORK"), ("{claim: VERIFIED}", "CEREMONY-CLAIM")]
)
def test_of_a_real_machine_the_tool_looks_itself(here: Path, asserted: str, check_id: str) -> None:
    (here / "machine/sys/class/net/eth0").mkdir(parents=True)
    (here / "c.yaml").write_text(text("status", asserted=asserted, rehearsal=False))
    words = ("ceremony", "run", "c.yaml", "--record", "record", "--root", "store")
    person = Person()
    status, _, err = call(person, *words, machine=here / "machine")

    assert status is ExitStatus.REFUSED
    assert f"FAILED  {check_id}" in person.screen
    assert check_id in err


def test_a_machine_without_a_network_is_let_through(here: Path) -> None:
    (here / "machine/sys/class/net/lo").mkdir(parents=True)
    (here / "c.yaml").write_text(text("policy, hash, policy.yaml", asserted="{network: absent}", rehearsal=False))
    words = ("ceremony", "run", "c.yaml", "--record", "record", "--root", "store")
    status, _, _ = call(Person(), *words, machine=here / "machine")

    assert status is ExitStatus.DONE
    assert not read_record((here / "record").read_bytes()).rehearsal


def test_a_script_is_made_without_a_trace_and_fits_on_paper(here: Path) -> None:
    content = text("policy, hash, policy.yaml", "policy, show, policy.yaml, --output, out.json")
    digest = "01bc36f3cfa91e584c17232192c3bcbf449bbe851f5a41c4d3f0290701eb4246"
    asserted = content.replace("assertions: []", f"assertions: [{{file: policy.yaml, sha256: {digest}}}]")
    (here / "c.yaml").write_text(asserted)
    before = sorted(here.rglob("*"))
    status, script, _ = call(Person(), "ceremony", "script", "c.yaml")
    pages = script.split("\f")

    assert status is ExitStatus.DONE
    assert sorted(here.rglob("*")) == before
    assert "out.json, SHA-256" in script
    assert all(len(page.splitlines()) <= LINES for page in pages)
    assert [line for line in script.splitlines() if len(line) > 78] == []
    assert all(f"page {n} of {len(pages)}" in page for n, page in enumerate(pages, 1))
    assert all("REHEARSAL" in page and hex_groups(read_ceremony(asserted.encode()).digest) in page for page in pages)
    for sheet in ("A digest", "A passphrase", "The power", "A medium", "Somebody leaves"):
        assert re.search(rf"^Exception [A-F]: {sheet}", script, re.MULTILINE)


def test_a_script_of_a_ceremony_that_fails_is_not_printed_and_says_why(here: Path) -> None:
    (here / "c.yaml").write_text(text("policy, hash, policy.yaml"))  # the file is not asserted, so it is not there
    status, out, err = call(Person(), "ceremony", "script", "c.yaml")

    assert (status, out) == (ExitStatus.REFUSED, "")
    assert "policy.yaml: no such file" in err
    assert "step 1 ends with 2 when it is rehearsed" in err


def test_a_real_script_has_blanks_where_keys_will_be_fresh(here: Path) -> None:
    (here / "c.yaml").write_text(text("root, init, --threshold, 1, --policy, policy.yaml", "status", rehearsal=False))
    status, script, _ = call(Person(), "ceremony", "script", "c.yaml")

    assert status is ExitStatus.DONE
    assert "REHEARSAL" not in script
    assert script.count("it asks for word __ of line __ ____") == 1
    assert "--rehearsal" not in script


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--blank", "--record", "r"), "one of --blank and --record"),
        (("--pdf", "--blank"), "--output is missing"),
    ],
)
def test_options_that_do_not_go_together(here: Path, more: tuple[str, ...], said: str) -> None:
    (here / "c.yaml").write_text(text("status"))
    status, _, err = call(Person(), "ceremony", "script", "c.yaml", *more)

    assert status is ExitStatus.USAGE
    assert said in err


def test_a_script_may_take_its_digests_from_the_record_of_a_rehearsal(here: Path) -> None:
    assert run(here, text("policy, hash, policy.yaml"))[0] is ExitStatus.DONE
    hash_ = read_record((here / "record").read_bytes()).events[2].digests[0][1]

    assert hash_ in call(Person(), "ceremony", "script", "c.yaml", "--record", "record")[1]
    assert hash_ not in call(Person(), "ceremony", "script", "c.yaml", "--blank")[1]


def test_a_pdf_has_every_line_and_its_table_is_right(here: Path) -> None:
    (here / "c.yaml").write_text(text("status"))
    for name in ("one.pdf", "two.pdf"):
        assert call(Person(), "ceremony", "script", "c.yaml", "--blank", "--pdf", "--output", name)[0] == 0
    data = (here / "one.pdf").read_bytes()
    script = call(Person(), "ceremony", "script", "c.yaml", "--blank")[1]
    shown = [line.replace(rb"\(", b"(").replace(rb"\)", b")") for line in re.findall(rb"\((.*)\) Tj", data)]
    table = int(re.findall(rb"startxref\n([0-9]+)", data)[0])
    places = [int(place) for place in re.findall(rb"^([0-9]{10}) 00000 n $", data[table:], re.MULTILINE)]

    assert data == (here / "two.pdf").read_bytes()
    assert [line.decode().rstrip() for line in shown] == script.replace("\f", "").splitlines()
    assert data[table:].startswith(b"xref\n")
    assert all(data[place:].startswith(b"%d 0 obj\n" % n) for n, place in enumerate(places, 1))
    assert len(re.findall(rb"/Type /Page ", data)) == script.count("\f") + 1


@pytest.mark.parametrize("lines", [["a\n"], ["\xe9"], [""] * 63])
def test_what_can_not_be_printed_is_a_fault(lines: list[str]) -> None:
    with pytest.raises(ValueError, match="line"):
        make_pdf([lines], "title")


def test_words_in_a_script_are_those_that_the_screen_asks_for() -> None:
    digest = bytes(range(32))
    (line, word), (line2, word2) = asked_words(digest)
    screen = digest_text(digest)

    assert words_asked(digest) == (
        f"word {word} of line {line}: {asked_for(f'word {word} of line {line}', screen)}; "
        f"word {word2} of line {line2}: {asked_for(f'word {word2} of line {line2}', screen)}"
    )
    assert spoken(digest)[(line - 1) * 4 + word - 1] in words_asked(digest)


def test_a_digest_counts_as_confirmed_when_its_words_were_typed() -> None:
    digest = bytes(range(32))
    watched = Watched(Person([("To go on", "no"), ("To go on", "no")]))
    confirm(watched, "This", digest)
    assert watched.confirmed == [digest.hex()]

    wrong = Watched(Person([("To go on", "no")] * 3))
    with pytest.raises(Aborted):
        confirm(wrong, "This", digest)
    assert wrong.confirmed == []
    other = Watched(Person())
    other.say(f"This\nSHA-256, to be compared with what was agreed:\n{digest_text(digest)}")
    other.ask("Enter runs it")
    assert other.confirmed == []


def test_nobody_answers_only_what_is_on_the_screen() -> None:
    nobody = Obedient()
    confirm(nobody, "This", bytes(32))
    for ask in (nobody.ask, nobody.secret):
        with pytest.raises(Exception, match="only a person") as raised:
            ask("Passphrase: ")
        assert getattr(raised.value, "status", None) is ExitStatus.REFUSED
    nobody.reveal("the words\n  1: one two\n  2: three\n", "Write it down")
    nobody.reveal("the words\n  1: four\n", "Write it down")
    assert nobody.secret("Type it back: ") == "four"


def test_nobody_tries_the_passphrase_before_when_the_last_one_opens_nothing() -> None:
    nobody = Obedient()
    key = SecretKey(bytes(32))
    data = seal_key(key, "one two three", KeyKind.PRINCIPAL, bytes(RANDOM_BYTES))
    nobody.reveal("the words\n  1: one two\n  2: three\n", "Write it down")
    nobody.reveal("the words\n  1: four\n", "Write it down")

    assert unlock(nobody, "a key", data, KeyKind.PRINCIPAL, key.public) == key
    nobody.say("The next one.\n")
    assert nobody.secret("Passphrase: ") == "four"
