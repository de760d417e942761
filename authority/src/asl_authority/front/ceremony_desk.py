"""The desk of a ceremony: what is on the screen before and after each step, and every question to the people at it."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from asl_authority.errors import Refused
from asl_authority.front import ui
from asl_authority.operations.ceremony_run import Choice, Outcome
from asl_authority.operations.ceremony_watch import BLANK
from asl_authority.operations.confirm import confirm, digest_text
from asl_authority.values.ceremony import Ceremony, Does, Person, Role, Step
from asl_authority.values.ceremony_record import Event, Happened, HeadSeen

if TYPE_CHECKING:
    from asl_authority.operations.terminal import Terminal

YES, NO = "yes", "no"
ENDS = "CEREMONY-ENDS"
RULE = "-" * ui.WIDTH
WORDS_PER_LINE = 4


def said_lines(text: str, indent: str) -> list[str]:
    """What is said at a step, line by line as it was written, none wider than a console."""
    return [line for each in text.split("\n") for line in (ui.wrapped(ui.plain(each), indent) or [""])]


def command_lines(program: str, words: tuple[str, ...], indent: str) -> list[str]:
    """A command as a shell takes it, on as many lines as a console's width asks for."""
    lines = [f"{indent}$ {program}"]
    for word in words:
        quoted = ui.plain(shlex.quote(word))
        if len(lines[-1]) + len(quoted) + 3 > ui.WIDTH:
            lines[-1] += " \\"
            lines.append(f"{indent}     {quoted}")
        else:
            lines[-1] += f" {quoted}"
    return lines


def head_lines(head: HeadSeen) -> list[str]:
    """A head that a step ended with, for paper where it has words."""
    if not head.words:
        return [f"size {head.size}", head.root]
    words = head.words.split(" ")
    starts = range(0, len(words), WORDS_PER_LINE)
    return [f"size {head.size}", *(" ".join(words[at : at + WORDS_PER_LINE]) for at in starts)]


def aloud_text(number: int, source: Event, fingerprint: str) -> str:
    """What is read aloud of a step: its head for paper, else digests confirmed or answered, else its record."""
    if source.head is not None:
        return f"The head of the log after step {number}:\n" + "".join(
            f"  {line}\n" for line in head_lines(source.head)
        )
    if source.confirmed:
        each = "".join(digest_text(bytes.fromhex(digest)) for digest in source.confirmed)
        return f"What was confirmed at step {number}:\n{each}"
    if source.digests:
        each = "".join(f"{ui.plain(name)}\n{digest_text(bytes.fromhex(digest))}" for name, digest in source.digests)
        return f"What step {number} answered:\n{each}"
    return f"What the record says of step {number}:\n{digest_text(bytes.fromhex(fingerprint))}"


class ConsoleDesk:
    """People at a terminal. `command` gives the words that a step runs."""

    def __init__(
        self, terminal: Terminal, program: str, ceremony: Ceremony, command: Callable[[Step], tuple[str, ...]]
    ) -> None:
        self._terminal, self._program, self._ceremony, self._command = terminal, program, ceremony, command

    def agree(self) -> None:
        """Two words of the ceremony's digest, as the printed script has it."""
        one = self._ceremony
        self._terminal.say(f"{ui.plain(one.title)}, version {one.version}\n{_people_text(one)}")
        confirm(self._terminal, "This ceremony", one.digest)

    def announce(self, number: int, step: Step) -> None:
        """Title, words, and the command where there is one."""
        title = f"Step {number} of {len(self._ceremony.steps)}: {ui.plain(step.title)} ({step.minutes} min)"
        lines = [RULE, title, *(said_lines(step.say, "  ") if step.say else [])]
        if step.does is Does.RUN:
            lines += command_lines(self._program, self._command(step), "  ")
        self._terminal.say("\n".join(lines) + "\n")

    def go(self) -> bool:
        """Enter runs it."""
        return self._answer(f"Enter runs it, {NO} does not: ", ("", NO)) == ""

    def ticked(self, step: Step) -> str | None:
        """The one who has seen it."""
        self._terminal.say("\n".join(said_lines(step.text, "  ")) + "\n")
        if self._answer(f"Is it so? {YES} or {NO}: ", (YES, NO)) == NO:
            return None
        return self._who("Who has seen it?", ())

    def read_aloud(self, number: int, source: Event, fingerprint: str) -> tuple[str, ...] | None:
        """One reads, another hears and compares."""
        self._terminal.say(aloud_text(number, source, fingerprint))
        reader = self._who("Who reads it aloud?", ())
        listener = self._who("Who has compared it with the paper?", (reader,))
        if self._answer(f"Was it the same? {YES} or {NO}: ", (YES, NO)) == NO:
            return None
        return reader, listener

    def deviation(self, number: int) -> Event:
        """Words, and two people."""
        self._terminal.say(f"A deviation at step {number}, which two people stand for.\n")
        what, why = self._line("What happens otherwise? "), self._line("Why? ")
        first = self._who("Who stands for it?", ())
        second = self._who("And who else?", (first,))
        return Event(Happened.DEVIATION, number, what=what, why=why, people=(first, second), goes_on=True)

    def choose(self, why: str, *, again: bool) -> Choice:
        """A number; there is no default."""
        words = {
            Choice.AGAIN: "try this step again: nothing was changed" if "ended" in why else "do this step",
            Choice.GO_ON: "write down a deviation, and go on with the next step",
            Choice.END_WITH_WORDS: "write down a deviation, and end here",
            Choice.END: "end here",
        }
        offered = [choice for choice in words if again or choice is not Choice.AGAIN]
        table = "".join(f"  {n}: {words[choice]}\n" for n, choice in enumerate(offered, 1))
        self._terminal.say(f"This step is not done: {why}.\n{table}")
        numbers = tuple(str(n) for n in range(1, len(offered) + 1))
        return offered[int(self._answer("Which of these? ", numbers)) - 1]

    def finished(self, number: int, outcome: Outcome | None) -> None:
        """What the verb answers, and that it is on the record."""
        text = "" if outcome is None else outcome.text
        self._terminal.say(f"{text}Step {number} is done, and on the record.\n")

    def noted(self, number: int) -> None:
        """The deviation is there for good."""
        self._terminal.say(f"The deviation at step {number} is on the record.\n")

    def failed(self, number: int, outcome: Outcome) -> None:
        """What the verb answers, and that it did not go."""
        self._terminal.say(f"{outcome.text}Step {number} ended with {int(outcome.status)}; that is on the record.\n")

    def _who(self, question: str, but: tuple[str, ...]) -> str:
        people = [person for person in self._ceremony.people if person.name not in but]
        self._terminal.say(f"{question}\n{_numbered(people)}")
        numbers = tuple(str(n) for n in range(1, len(people) + 1))
        return people[int(self._answer("Number: ", numbers)) - 1].name

    def _answer(self, question: str, allowed: tuple[str, ...]) -> str:
        while (answer := self._terminal.ask(question).strip().lower()) not in allowed:
            self._terminal.say("That is none of the answers.\n")
        return answer

    def _line(self, question: str) -> str:
        from asl_authority.values.fields import LINE, LINE_LIMIT

        while True:
            text = self._terminal.ask(question).strip()
            if len(text) <= LINE_LIMIT and LINE.fullmatch(text):
                return text
            self._terminal.say(f"A line of 1 to {LINE_LIMIT} characters is needed.\n")


class NobodysDesk:
    """A rehearsal that nobody holds: everything goes as it is written, or ends with what is wrong."""

    def __init__(self, ceremony: Ceremony, progress: Callable[[str], object]) -> None:
        self._ceremony, self._progress = ceremony, progress
        self._reader, self._listener = (ceremony.of_role(role)[0].name for role in Role)

    def agree(self) -> None:
        """It is the one that was read."""

    def announce(self, number: int, step: Step) -> None:
        """For who waits."""
        self._progress(f"rehearsing step {number} of {len(self._ceremony.steps)}: {ui.plain(step.title)}\n")

    def go(self) -> bool:
        """Always."""
        return True

    def ticked(self, step: Step) -> str:  # noqa: ARG002 - as Desk has it
        """The witness."""
        return self._listener

    def read_aloud(self, number: int, source: Event, fingerprint: str) -> tuple[str, ...]:  # noqa: ARG002
        """Operator and witness."""
        return self._reader, self._listener

    def deviation(self, number: int) -> Event:
        """The one that is planned; people put it into their own words."""
        text = "as planned"
        return Event(
            Happened.DEVIATION, number, what=text, why=text, people=(self._reader, self._listener), goes_on=True
        )

    def choose(self, why: str, *, again: bool) -> Choice:  # noqa: ARG002
        """Nobody is there to choose."""
        raise Refused(f"the rehearsal does not come to its end: {why}", hint=BLANK, check_id=ENDS)

    def finished(self, number: int, outcome: Outcome | None) -> None:
        """On with it."""

    def noted(self, number: int) -> None:
        """On with it."""

    def failed(self, number: int, outcome: Outcome) -> None:
        """The verb has said why, and ended the rehearsal."""
        raise Refused(
            f"step {number} ends with {int(outcome.status)} when it is rehearsed",
            hint="mend the ceremony, or leave blanks: --blank",
            check_id=outcome.check_id or ENDS,
        )


def _people_text(ceremony: Ceremony) -> str:
    return "".join(f"  {each.role:<9} {ui.plain(each.name)}\n" for each in ceremony.people)


def _numbered(people: Sequence[Person]) -> str:
    return "".join(f"  {n}: {ui.plain(each.name)} ({each.role})\n" for n, each in enumerate(people, 1))
