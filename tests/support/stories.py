r"""Stories: transcripts of the real door, made again at every run and compared with what is kept.

    # What the story shows, in words.
    $ asl-auth-host policy hash policy.yaml
    9d61b19d…
    = 0

`$` is a command; `>` is what the person types, `>*` what is typed unseen, `> ^C` and `> ^D` stop it; `!` is a line on
stderr; `= N` is the exit status. Who writes a story answers a confirmation by `> WORDS`; when it is told, the words
that confirm stand there. `\xNN` in an answer is a byte, typed on a real terminal. `% WORDS` changes the machine, or
runs a program, before the command or the answer that follows (`support/surroundings.py`). `forge` changes papers and
logs and signs them with keys of tests (`support/forge.py`). Everything happens in a new directory that holds the
stories' files, so only its own name is masked. Randomness is the story's own, so that keys and passphrases come out
the same each time.
"""

from __future__ import annotations

import hashlib
import os
import re
import shlex
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from io import StringIO

from asl_authority.errors import Aborted
from asl_authority.front import cli
from asl_authority.front.outside import Outside
from asl_authority.front.verb import Answer
from support.forge import forge
from support.surroundings import Surroundings, typed_on_a_terminal
from support.surroundings import unprotected as unprotected

# What others would check with, and what edits a file; everything else is the door.
OTHER_PROGRAMS = ("openssl", "sha256sum", "sed", "cat", "cp", "cmp", "ls", "tail", "head", "rm", "mkdir", "python3")
PROGRAMS = ("asl-auth-host", "asl-admin")
# Members of an answer that are a record or a Statement, whole: their names are the paper's.
PAPERS = ("entry", "statement")
_STATUS = re.compile(r"= [0-9]+")


class Meanwhile(str):
    """Stands among answers, and is none: what happens while the person is asked."""

    __slots__ = ()


@dataclass
class Answers:
    """A terminal that answers from a list, and writes down both sides; what is unseen stays recognisable.

    Before an answer `meanwhile` is told of all that stands before it and is none.
    """

    answers: list[str]
    write: Callable[[str], object]
    said: list[str] = field(default_factory=list)
    meanwhile: Callable[[str], object] = lambda _: None

    def say(self, text: str) -> None:
        """Keep it."""
        self.said.append(text)
        self.write(text)

    def ask(self, question: str) -> str:
        """The next answer."""
        return self._next(question, "> ")

    def secret(self, question: str) -> str:
        """The next answer, which nobody would have seen."""
        return self._next(question, ">* ")

    def reveal(self, text: str, question: str) -> None:
        """A secret on the other screen."""
        self.write("(on a screen of its own)\n" + "".join(f"| {line}\n" for line in text.splitlines()))
        self._next(question, "> ")

    def _next(self, question: str, mark: str) -> str:
        self.write(question.rstrip(" ") + "\n")
        while self.answers and isinstance(self.answers[0], Meanwhile):
            change = self.answers.pop(0)
            self.write(f"% {change}\n")
            self.meanwhile(change)
        if not self.answers:
            raise AssertionError(f"the story has no answer to: {question}")
        answer = self.answers.pop(0)
        if answer == "WORDS":
            answer = asked_for(question, "".join(self.said))
        self.write(f"{mark}{answer}".rstrip(" ") + "\n")
        if answer == "^C":
            raise KeyboardInterrupt
        if answer == "^D":
            raise Aborted("the terminal was closed")
        return typed_on_a_terminal(answer) if "\\x" in answer else answer


def asked_for(question: str, shown: str) -> str:
    """The words that the question asks for, out of the last digest that was shown."""
    places = re.findall(r"word ([0-9]) of line ([0-9])", question)
    lines = {line[0]: line.split(" ")[1:] for line in re.findall(r"^  ([0-9]: .*)$", shown, re.MULTILINE)}
    return " ".join(lines[line][int(word) - 1] for word, line in places)


def no_randomness(name: str) -> Callable[[int], bytes]:
    """Bytes that look random and are the same for the same name: for tests only."""
    count = iter(range(1 << 30))

    def fresh(size: int) -> bytes:
        return hashlib.shake_256(f"{name} {next(count)}".encode()).digest(size)

    return fresh


class _Marked(StringIO):
    """A stream whose lines go into the transcript, each with a mark."""

    def __init__(self, write: Callable[[str], object], mark: str) -> None:
        super().__init__()
        self._write, self._mark = write, mark

    def write(self, text: str) -> int:
        self._write("".join(self._mark + line for line in text.splitlines(keepends=True)))
        return len(text)


def expect_fixed_names(heard: object) -> None:
    """What a verb answers has members that a program can name beforehand: none is made out of data or counted."""
    strange = [] if not isinstance(heard, Answer) else [each for each in _names(heard.members) if not _fixed(each)]
    if strange:
        raise AssertionError(f"members whose names are data: {strange}")


def _fixed(name: str) -> bool:
    return re.fullmatch("[a-z_]*", name.replace("sha256", "")) is not None


def _names(value: object) -> Iterator[str]:
    """The names of all members, at any depth, but those of a paper that is given as it is."""
    if isinstance(value, Mapping):
        yield from value
        value = [member for name, member in value.items() if name not in PAPERS]
    for each in value if isinstance(value, list | tuple) else ():
        yield from _names(each)


@dataclass(frozen=True)
class Command:
    """A command line of a story, or a line of its words, and what the person types at it."""

    line: str
    answers: tuple[str, ...] = ()


def read_story(text: str) -> Iterator[Command]:
    """What a transcript does; what it says is left out. A command without its `= N` has not been told yet."""
    lines = text.splitlines()
    at = 0
    while at < len(lines):
        line, at = lines[at], at + 1
        if not line.startswith("$ "):
            if line.startswith(("#", "% ")) or not line:
                yield Command(line)
            continue
        rest = lines[at:]
        end = next((n for n, each in enumerate(rest) if _STATUS.fullmatch(each) or each.startswith("$ ")), len(rest))
        told = end < len(rest) and not rest[end].startswith("$ ")
        until = end if told else next((n for n, each in enumerate(rest[:end]) if not each.startswith((">", "% "))), end)
        while until and not told and rest[until - 1].startswith("% "):
            until -= 1  # it comes after the last answer, and so before the next command
        yield Command(line, tuple(_answer(each) for each in rest[:until] if each.startswith((">", "% "))))
        at += until


def _answer(line: str) -> str:
    if line.startswith("% "):
        return Meanwhile(line[2:])
    return line.removeprefix(">").removeprefix("*").removeprefix(" ")


def tell(name: str, story: str, around: Surroundings) -> str:
    """The story, told again in its surroundings, whose directory must be the current one."""
    told: list[str] = []
    random = no_randomness(name)
    for command in read_story(story):
        told.append(f"{command.line}\n")
        if command.line.startswith("% "):
            _change(command.line[2:], around)
        if command.line.startswith("$ "):
            answers = list(command.answers)
            status = _run(shlex.split(command.line[2:]), answers, told.append, random, around)
            if told[-1] and not told[-1].endswith("\n"):
                told.append("\n")
            told.append(f"= {status}\n")
            if answers:
                told.append(f"(nobody asked for: {answers})\n")
    return "".join(told).replace(str(around.here), "HERE")


def _change(line: str, around: Surroundings) -> None:
    words = shlex.split(line)
    if not around.change(words) and (status := _run(words, [], lambda _: None, no_randomness(line), around)):
        raise AssertionError(f"% {line}: ended with {status}")


def _run(
    argv: list[str],
    answers: list[str],
    write: Callable[[str], object],
    random: Callable[[int], bytes],
    around: Surroundings,
) -> int:
    here = around.here
    if argv[0] in PROGRAMS and around.directory is not None:
        return around.hand_over(argv, write)
    if argv[0] in PROGRAMS:
        person = Answers(answers, write, meanwhile=lambda line: _change(line, around))
        outside = Outside(around.terminal(person), random, around.protect)
        out, err = _Marked(write, ""), _Marked(write, "! ")
        machine = here / "machine"
        return int(
            cli.run(
                argv[1:],
                program=argv[0],
                stdout=out,
                stderr=err,
                machine=machine,
                outside=outside,
                heard=expect_fixed_names,
            )
        )
    if argv[0] == "forge":
        forge(argv[1:], here)
        return 0
    if argv[0] not in OTHER_PROGRAMS:
        raise AssertionError(f"no story runs {argv[0]}")
    env = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}
    done = subprocess.run(argv, cwd=here, capture_output=True, text=True, check=False, env=env)
    write(done.stdout)
    write("".join(f"! {line}\n" for line in done.stderr.splitlines()))
    return done.returncode
