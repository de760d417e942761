"""The printed script of a ceremony: what is said and run, with tick boxes and blanks, and sheets for what goes wrong.

Digests are printed where a rehearsal's record knows them; where keys will be fresh there are blanks for their words.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from asl_authority.contract.words import spoken
from asl_authority.front import ui
from asl_authority.front.ceremony_desk import aloud_text, head_lines, said_lines
from asl_authority.front.pages import Block, paged
from asl_authority.operations.confirm import WORDS_PER_LINE, asked_words, digest_text
from asl_authority.values.ceremony import Asserted, Assertion, Ceremony, Does, Role, Step
from asl_authority.values.ceremony_record import Event, Record

WIDTH = ui.WIDTH
INDENT = " " * 4
BLANK_WORD = "_" * 14
BOX = "[ ]"
# A line of a step that begins so is ticked when it was done.
TICKED = ("DO ",)
REHEARSAL_LINE = "*** REHEARSAL. Nothing that is made here is real. ***"

SHEETS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (
        "A digest is not the one that was agreed",
        (
            "DO    Type nothing. Read all eight lines of words aloud once more.",
            "IF    a word was only misread: GO TO the step that you came from.",
            "ELSE  Ctrl-C: nothing was signed. Keep the screen as it is, and write",
            "      down which line differs. END. Find out why before you come back.",
        ),
    ),
    (
        "A passphrase is refused three times",
        (
            "DO    Nothing was changed. See that the right paper and the right medium",
            "      are at hand; then choose to try the step again.",
            "IF    it is refused again: another holder's key, if the threshold allows.",
            "ELSE  END. A passphrase is never guessed, and never read aloud.",
        ),
    ),
    (
        "The power was lost, or the machine stopped",
        (
            "DO    Start the machine again, from the same medium; make a new claim.",
            "DO    ceremony run FILE --continue RECORD. It goes on after the last step",
            "      that is on the record.",
            "IF    it says that a step was running: see first what became of it, with",
            "      domain list and domain check. A domain is there whole or not at all.",
        ),
    ),
    (
        "A medium can not be read",
        (
            "DO    Put it aside, and label it. Take its copy.",
            "IF    there is a copy: choose to try the step again.",
            "ELSE  END. Nothing is typed in by hand instead of what was on a medium.",
        ),
    ),
    (
        "Somebody leaves",
        (
            "DO    Stop at the end of the step. Nobody is alone with an open key.",
            "IF    an operator and a witness are still there, and enough holders: a",
            "      deviation with the time and both names, then go on.",
            "ELSE  Ctrl-C at the next question, and --continue when all are back.",
        ),
    ),
    ("Anything else", ("DO    Stop, and talk about it before anybody types.",)),
)


def script_pages(
    ceremony: Ceremony,
    record: Record | None,
    command: Callable[[Step], list[str]],
    confirms: Callable[[Step], bool],
) -> list[list[str]]:
    """The pages. `record` is that of a rehearsal; `command` words a step, `confirms` says whether it shows a digest."""
    blocks = [_cover(ceremony), *_people_and_assertions(ceremony)]
    for number, step in enumerate(ceremony.steps, 1):
        blocks.append([*_step(number, step, ceremony.steps, record, command, confirms)])
    end = (
        "the report is printed, and all have signed it",
        "the last head is on paper, as the report has it",
        "each medium has its label, cut out of the report",
    )
    blocks.append(["End of the ceremony", *(f"{INDENT}{BOX} {each}" for each in end)])
    blocks += [_sheet(letter, *each) for letter, each in zip("ABCDEFGH", SHEETS, strict=False)]
    return paged(blocks, ui.plain(f"{ceremony.title}, version {ceremony.version}"), page_head(ceremony))


def page_head(ceremony: Ceremony) -> list[str]:
    """What stands on every page of what is printed of a ceremony."""
    hexadecimal = digest_text(ceremony.digest).split("\n", 1)[0]
    return [*([REHEARSAL_LINE] if ceremony.rehearsal else []), hexadecimal]


def words_asked(digest: bytes) -> str:
    """The two words that the machine will ask for, as a script prints them."""
    words = spoken(digest)
    places = (
        f"word {word} of line {line}: {words[(line - 1) * WORDS_PER_LINE + word - 1]}"
        for line, word in asked_words(digest)
    )
    return "; ".join(places)


def _cover(ceremony: Ceremony) -> Block:
    banner = [*ui.rehearsal_banner().rstrip().split("\n"), ""] if ceremony.rehearsal else []
    return [
        "THE SCRIPT OF A CEREMONY",
        "",
        f"{INDENT}{ui.plain(ceremony.title)}",
        f"{INDENT}version {ceremony.version}; {len(ceremony.steps)} steps; about {ceremony.minutes} minutes",
        "",
        *banner,
        "Its digest. The machine shows it before the first step; compare every word.",
        *digest_text(ceremony.digest).rstrip().split("\n"),
        f"{BOX} it asks for {words_asked(ceremony.digest)}",
        "",
        f"date {'_' * 20}  place {'_' * 44}",
    ]


def _people_and_assertions(ceremony: Ceremony) -> Iterator[Block]:
    rows = [f"  {each.role:<9} {ui.plain(each.name)[:30]:<30} {'_' * 18}  __:__  __:__" for each in ceremony.people]
    yield [f"{'People':<43}{'signature':<20}came   left", *rows]
    if ceremony.assertions:
        rows = [line for each in ceremony.assertions for line in _asserted(each)]
        yield ["Looked at by the machine before the first step", *rows]


def _asserted(assertion: Assertion) -> list[str]:
    value = ui.plain(assertion.value)
    if assertion.what is not Asserted.FILE:
        return [f"  {BOX} {assertion.what}: {value}"]
    return [f"  {BOX} {value}, SHA-256", f"      {assertion.sha256}"]


def _step(
    number: int,
    step: Step,
    steps: Sequence[Step],
    record: Record | None,
    command: Callable[[Step], list[str]],
    confirms: Callable[[Step], bool],
) -> Iterator[str]:
    title = f"{number:>2}. {ui.plain(step.title)}"
    yield f"{title:<{WIDTH - 8}}{step.minutes:>4} min"
    if step.say:
        yield from _ticked(step.say)
    done = None if record is None else record.done(number)
    match step.does:
        case Does.RUN:
            yield from command(step if record is None else record.filled(step))
            yield from _blank_digest(step, confirms) if done is None else _expected(done)
        case Does.CHECK:
            yield from _hanging(f"{BOX} ", step.text)
        case Does.READ_ALOUD:
            yield from _aloud(step.aloud, record, headed=confirms(steps[step.aloud - 1]))
        case Does.DEVIATION:
            yield from _hanging("planned: ", step.text)
            yield from _deviation_blanks()
    initials = "  ".join(f"{role} ____" for role in Role)
    yield f"{INDENT}{BOX} done  began __:__  ended __:__  initials: {initials}"


def _ticked(text: str) -> Iterator[str]:
    head = f"{INDENT}{BOX} "
    for line in said_lines(text, " " * len(head)):
        said = line[len(head) :]
        yield f"{head}{said}" if said.startswith(TICKED) else line


def _hanging(head: str, text: str) -> Iterator[str]:
    for line in said_lines(text, INDENT + " " * len(head)):
        yield f"{INDENT}{head}{line[len(INDENT) + len(head) :]}"
        head = " " * len(head)


def _expected(done: Event) -> Iterator[str]:
    for digest in done.confirmed:
        yield f"{INDENT}It shows this digest; compare every word."
        yield from (f"{INDENT}{line}" for line in digest_text(bytes.fromhex(digest)).rstrip().split("\n"))
        yield f"{INDENT}{BOX} it asks for {words_asked(bytes.fromhex(digest))}"
    for name, digest in done.digests:
        if done.head is None or digest != done.head.root:
            yield f"{INDENT}{BOX} {ui.plain(name)}"
            yield f"{INDENT}    {digest}"
    for name, digest in done.outputs:
        yield f"{INDENT}{BOX} {ui.plain(name)}, SHA-256"
        yield f"{INDENT}    {digest}"
    if done.head is not None:
        yield f"{INDENT}The head of the log afterwards"
        yield from (f"{INDENT}  {line}" for line in head_lines(done.head))


def _blank_digest(step: Step, confirms: Callable[[Step], bool]) -> Iterator[str]:
    if not confirms(step):
        return
    yield f"{INDENT}It shows a digest: write down its words, each read aloud by one and heard"
    yield f"{INDENT}by another."
    yield from _blank_words()
    asked = "word __ of line __ " + BLANK_WORD
    yield f"{INDENT}{BOX} it asks for {asked}"
    yield f"{INDENT}{'':>15} {asked}"


def _blank_words() -> Iterator[str]:
    for line in range(1, 9):
        yield f"{INDENT}  {line}: " + " ".join([BLANK_WORD] * WORDS_PER_LINE)


def _aloud(number: int, record: Record | None, *, headed: bool) -> Iterator[str]:
    yield f"{INDENT}One reads aloud what the screen shows of step {number}, another compares."
    events = () if record is None else record.of_step(number)
    if record is not None and events:
        source = record.done(number) or events[-1]
        text = aloud_text(number, source, record.lines[record.events.index(source)])
        yield from (f"{INDENT}{line}" for line in text.rstrip().split("\n"))
    elif headed:  # what is confirmed goes into a log, of which the head is read
        yield f"{INDENT}  size ________"
        yield from (f"{INDENT}  " + " ".join([BLANK_WORD] * WORDS_PER_LINE) for _ in range(3))
    else:
        yield from _blank_words()
    yield f"{INDENT}{BOX} the same  read by ____________________  heard by ____________________"


def _deviation_blanks() -> Iterator[str]:
    line = "_" * (WIDTH - 10)
    yield f"{INDENT}what  {line}"
    yield f"{INDENT}why   {line}"
    half = "_" * 29
    yield f"{INDENT}names {half}  and  {half}"


def _sheet(letter: str, title: str, lines: tuple[str, ...]) -> Block:
    return [
        f"Exception {letter}: {title}",
        *(f"{INDENT}{line}" for line in lines),
        f"{INDENT}at step ____   time __:__   initials ____  ____",
        *_deviation_blanks(),
    ]
