"""ceremony: one reviewed file holds a session at the host; it is checked, printed, held and reported on from there."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from asl_authority.front.given import REHEARSAL
from asl_authority.front.verb import Answer, Argument, Call, Verb

if TYPE_CHECKING:
    from collections.abc import Callable

    from asl_authority.operations.ceremony_run import OnDisk
    from asl_authority.values.ceremony import Ceremony, Step
    from asl_authority.values.ceremony_record import Record

FILE = Argument(("FILE",), "a ceremony: the reviewed text, or its canonical JSON", "FILE", "path", required=True)


def check(call: Call) -> Answer:
    """Whether it can be held, and the digest that is agreed on."""
    from asl_authority.contract import ExitStatus
    from asl_authority.front import ui
    from asl_authority.front.ceremony_verbs import check_verbs
    from asl_authority.operations.confirm import digest_text
    from asl_authority.values.finding import Finding

    ceremony = _ceremony(call)
    kind = "a rehearsal" if ceremony.rehearsal else "a ceremony"
    about = f"{kind} of {len(ceremony.steps)} steps, about {ceremony.minutes} minutes"
    findings = [Finding("CEREMONY-SCHEMA", ok=True, detail=about), *check_verbs(call.program, ceremony)]
    ok = all(finding.ok for finding in findings)
    lines = "".join(ui.finding_line(finding) for finding in findings)
    title = ui.plain(f"{ceremony.title}, version {ceremony.version}")
    text = f"{lines}{title}: its SHA-256, to agree on\n{digest_text(ceremony.digest)}"
    members = {"ok": ok, **_members(ceremony), "findings": ui.findings_members(findings)}
    return Answer(text, members, ExitStatus.DONE if ok else ExitStatus.CHECK_FAILED)


def script(call: Call) -> Answer:
    """The pages to print."""
    from asl_authority.front.ceremony_script import script_pages
    from asl_authority.front.ceremony_verbs import confirms, expect_verbs

    ceremony = _ceremony(call)
    expect_verbs(call.program, ceremony)
    pages = script_pages(
        ceremony,
        _expected(call, ceremony),
        _worded(call, ceremony),
        lambda step: confirms(call.program, ceremony, step),
    )
    return _printed(call, ceremony, pages, "the script", _members(ceremony))


def run(call: Call) -> Answer:
    """The ceremony itself."""
    from asl_authority.front.ceremony_desk import ConsoleDesk
    from asl_authority.front.ceremony_report import closing_lines, report_members
    from asl_authority.front.ceremony_verbs import command_words, expect_verbs, runner
    from asl_authority.operations.ceremony_run import hold
    from asl_authority.operations.confirm import digest_text

    ceremony, fresh, old = _ceremony(call), call.values.get("record"), call.values.get("continue")
    _expect_same_kind(call, ceremony)
    expect_verbs(call.program, ceremony)
    kept = _kept(ceremony, fresh, old)
    root = _root(call)
    _expect_asserted(call, ceremony, continued=bool(old))
    desk = ConsoleDesk(
        call.terminal, call.program, ceremony, lambda step: command_words(call.program, ceremony, step, root)
    )
    if kept.cut:
        call.terminal.say(f"{old}: its last line was not written to its end, and is taken away\n")
    record = hold(ceremony, kept, desk, runner(call, ceremony, call.terminal, root))
    path = old or fresh
    text = (
        f"The ceremony has ended. {path} is its record.\nSHA-256 of the last line, which pins all of them\n"
        f"{digest_text(bytes.fromhex(record.fingerprint))}"
        + "".join(f"{line}\n" for line in closing_lines(record))
        + f"Next: {call.program} ceremony report {_file(call)} {path}\n"
    )
    return Answer(text, {"file": str(path), **report_members(ceremony, record)})


def report(call: Call) -> Answer:
    """The closing page."""
    from asl_authority.contract import ExitStatus
    from asl_authority.front.ceremony_report import report_members, report_pages
    from asl_authority.operations.ceremony_run import load_record

    ceremony = _ceremony(call)
    record = load_record(call.path("record"), ceremony, go_on=False).record
    answer = _printed(
        call, ceremony, report_pages(ceremony, record), "the report", dict(report_members(ceremony, record))
    )
    return answer._replace(status=ExitStatus.DONE if record.ended else ExitStatus.CHECK_FAILED)


def _file(call: Call) -> Path:
    return call.path("file")


def _ceremony(call: Call) -> Ceremony:
    from asl_authority.storage.plain_files import named, read_file
    from asl_authority.values.ceremony import KIND, read_ceremony

    with named(_file(call)):
        return read_ceremony(read_file(_file(call), KIND.limits.size))


def _members(ceremony: Ceremony) -> dict[str, object]:
    return {
        "title": ceremony.title,
        "ceremony_version": ceremony.version,
        "rehearsal": ceremony.rehearsal,
        "ceremony": ceremony.digest.hex(),
        "minutes": ceremony.minutes,
    }


def _kept(ceremony: Ceremony, fresh: Path | None, old: Path | None) -> OnDisk:
    """The record to write on. Raises UsageError, Refused when a new one's name is taken."""
    from asl_authority.errors import UsageError
    from asl_authority.operations.ceremony_run import OnDisk, load_record, taken
    from asl_authority.values.ceremony_record import Record

    if old is not None and fresh is None:
        return load_record(old, ceremony, go_on=True)
    if fresh is None or old is not None:
        raise UsageError(
            "say one of --record and --continue",
            hint="--record NEW begins a ceremony; --continue RECORD goes on with one",
        )
    if fresh.exists():
        raise taken(fresh)
    return OnDisk(Record(ceremony.rehearsal), fresh, 0)


def _expect_same_kind(call: Call, ceremony: Ceremony) -> None:
    """What is a rehearsal by its file is held as one, and nothing else is. Raises Refused."""
    from asl_authority.errors import Refused
    from asl_authority.front.ceremony_verbs import REHEARSED
    from asl_authority.operations.gate import rehearsal_here
    from asl_authority.storage.state import load_seal

    here = rehearsal_here(load_seal(call.machine), bool(call.values.get("rehearsal")))
    if ceremony.rehearsal and not here:
        raise Refused(
            "this ceremony is a rehearsal, and this is none",
            hint="--rehearsal, or the rehearsal entry of the boot menu",
            check_id=REHEARSED,
        )
    if here and not ceremony.rehearsal:
        raise Refused(
            "this ceremony is a real one, and this is a rehearsal",
            hint="to rehearse it, a copy of it says rehearsal: true, and names a seed",
            check_id=REHEARSED,
        )


def _root(call: Call) -> Path | None:
    """The tree that was named, or nothing for the machine's own."""
    from asl_authority.front.places import authority_root

    return None if call.root == authority_root(call.machine, None) else call.root


def _expect_asserted(call: Call, ceremony: Ceremony, *, continued: bool) -> None:
    """Say what was looked at. Raises Refused for the first that does not hold."""
    from asl_authority.errors import Refused
    from asl_authority.front import ui
    from asl_authority.operations.ceremony_assert import check_assertions

    findings = list(check_assertions(ceremony, call.machine, call.root, continued=continued))
    head = ui.rehearsal_banner() if ceremony.rehearsal else ""
    call.terminal.say(head + "".join(ui.finding_line(finding) for finding in findings))
    bad = next((finding for finding in findings if not finding.ok), None)
    if bad is not None:
        raise Refused(f"nothing was begun: {bad.detail}", check_id=bad.check_id)


def _expected(call: Call, ceremony: Ceremony) -> Record | None:
    """What a rehearsal comes to: from a record, or by holding it now, in a folder that is gone afterwards."""
    from asl_authority.errors import UsageError
    from asl_authority.operations.ceremony_run import load_record

    path, blank = call.values.get("record"), bool(call.values.get("blank"))
    if path is not None and blank:
        raise UsageError("say one of --blank and --record")
    if path is not None and not ceremony.rehearsal:
        raise UsageError("--record: only a rehearsal's digests are known beforehand")
    if path is not None:
        return load_record(path, ceremony, go_on=False).record
    return None if blank or not ceremony.rehearsal else _rehearsed(call, ceremony)


def _rehearsed(call: Call, ceremony: Ceremony) -> Record:
    from contextlib import chdir
    from io import StringIO
    from pathlib import PurePosixPath
    from tempfile import gettempdir

    from asl_authority.errors import AuthorityError
    from asl_authority.front.ceremony_desk import NobodysDesk
    from asl_authority.front.ceremony_verbs import runner
    from asl_authority.operations.ceremony_run import Kept, hold
    from asl_authority.operations.ceremony_watch import Obedient
    from asl_authority.storage.growing_files import scratch
    from asl_authority.values.ceremony import Asserted
    from asl_authority.values.ceremony_record import Record

    files = {
        PurePosixPath("work", each.value): _asserted_file(Path(each.value), each.sha256)
        for each in ceremony.assertions
        if each.what is Asserted.FILE
    }
    said = StringIO()
    quiet = call._replace(err=said)
    with scratch(Path(gettempdir()), files, ("work", "root")) as here, chdir(here / "work"):
        desk, verbs = NobodysDesk(ceremony, call.err.write), runner(quiet, ceremony, Obedient(), here / "root")
        try:
            return hold(ceremony, Kept(Record(rehearsal=True)), desk, verbs)
        except AuthorityError:
            call.err.write(said.getvalue())
            raise


def _asserted_file(path: Path, sha256: str) -> bytes:
    """A file of a rehearsal. Raises Refused for another than was reviewed."""
    import hashlib

    from asl_authority.errors import Refused
    from asl_authority.storage.plain_files import read_file

    data = read_file(path, 16 << 20)
    if hashlib.sha256(data).hexdigest() != sha256:
        raise Refused(f"{path}: another file than the ceremony names", check_id="CEREMONY-FILE")
    return data


def _worded(call: Call, ceremony: Ceremony) -> Callable[[Step], list[str]]:
    from asl_authority.front.ceremony_desk import command_lines
    from asl_authority.front.ceremony_verbs import command_words

    return lambda step: command_lines(call.program, command_words(call.program, ceremony, step, None), "    ")


def _printed(call: Call, ceremony: Ceremony, pages: list[list[str]], what: str, members: dict[str, object]) -> Answer:
    """The pages, as text or PDF, on stdout or in a new file."""
    from asl_authority.errors import UsageError
    from asl_authority.front import ui
    from asl_authority.front.pages import as_pdf, as_text
    from asl_authority.storage.plain_files import write_new

    path, pdf = call.values.get("output"), bool(call.values.get("pdf"))
    if path is None:
        if pdf:
            raise UsageError("--output is missing: a PDF goes into a file")
        text = as_text(pages)
        return Answer(text, {**members, "text": text})
    write_new(path, as_pdf(pages, ui.plain(ceremony.title)) if pdf else as_text(pages).encode())
    return Answer(f"{path}: {what}, {len(pages)} pages\n", {**members, "file": str(path), "pages": len(pages)})


OUTPUT = Argument(("--output",), "where it goes; a file that is there is never overwritten", "FILE", "path")
PDF = Argument(("--pdf",), "as PDF; otherwise as text with form feeds, 78 columns wide", kind="flag")
RECORD = Argument(("RECORD",), "the record that `ceremony run` wrote", "RECORD", "path", required=True)

VERBS = (
    Verb(
        "ceremony check",
        "read a ceremony, and hold its commands to the real command line",
        "Reads the file strictly, tries every command of it against the verbs and options that there are, and prints "
        "the SHA-256 that people agree on, also as words. Ends with 3 when something in it could not be run. Nothing "
        "is run.",
        check,
        (FILE,),
    ),
    Verb(
        "ceremony script",
        "print the script of a ceremony, with tick boxes, blanks and exception sheets",
        "Prints every step with what is said, the command, the minutes, and room for initials. A rehearsal is held "
        "once by nobody, in a folder that is gone afterwards, so that its script has every digest with the words that "
        "will be asked for; all that it needs are the files that it asserts. Fresh keys leave blanks.",
        script,
        (
            FILE,
            OUTPUT,
            PDF,
            Argument(("--blank",), "hold no rehearsal: leave blanks", kind="flag"),
            Argument(("--record",), "take the digests from the record of a rehearsal", "RECORD", "path"),
        ),
    ),
    Verb(
        "ceremony run",
        "hold a ceremony, step by step, with a record of it",
        "Looks at what the ceremony asserts, has two words of its digest typed, and goes through its steps: shows what "
        "is said and the exact command, runs that as if it were typed, and writes how it ended into the record before "
        "it says so. When a step does not go: once more if nothing was changed, or a deviation that two people stand "
        "for, or the end, with 6. What was ended, or lost its power, goes on after the last finished step with "
        "--continue. Everything is in the file: nothing but answers is typed. A rehearsal's file is held as a "
        "rehearsal, and a real one never.",
        run,
        (
            FILE,
            Argument(("--record",), "where the record goes; a file that is there is never overwritten", "NEW", "path"),
            Argument(("--continue",), "go on after the last finished step of this record", "RECORD", "path"),
            REHEARSAL,
        ),
    ),
    Verb(
        "ceremony report",
        "print the closing page of a ceremony from its record",
        "Holds the record to its own chain and to the ceremony's digest, and prints how every step ended: digests, "
        "new files, deviations, the last head of a log (in words, hexadecimal, and as a code for a camera), and the "
        "SHA-256 that pins the record; then a label for each directory with new files, to be stuck on the medium. Ends "
        "with 3 when the ceremony has not come to its end.",
        report,
        (FILE, RECORD, OUTPUT, PDF),
    ),
)
