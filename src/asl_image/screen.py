"""What a person or a program sees of the builder: every word on stderr, results alone on stdout.

Progress is a bar with elapsed time on a terminal, plain lines elsewhere, and lines of JSON on request.
"""

from __future__ import annotations

import json
import os
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal, TextIO

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.text import Text

from asl_image.errors import AslImageError

ProgressMode = Literal["auto", "bar", "plain", "json", "none"]

# Between the first and the last line of a task there is at most one in so many seconds.
PLAIN_EVERY_S = 10.0
JSON_EVERY_S = 1.0

# What a file or a program says may be shown, but it may not steer the terminal.
# Lone surrogates stand for bytes that are no UTF-8, and can't be written at all.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_UNIT_STEPS = ("B", "kB", "MB", "GB", "TB")


class ReaderLeft(Exception):
    """Whoever read our results has had enough; nothing is to be said about it."""


@dataclass
class Screen:
    """The only one who speaks. `err` takes words and progress, `out` takes results."""

    out: TextIO
    err: TextIO
    progress: ProgressMode = "auto"
    as_json: bool = False
    color: bool = True
    program: str = "build.py"
    clock: Callable[[], float] = time.monotonic
    _live: Progress | None = field(default=None, init=False)
    _depth: int = field(default=0, init=False)
    _lock: threading.RLock = field(default_factory=threading.RLock, init=False)

    def __post_init__(self) -> None:
        terminal = self.err.isatty()
        self._console = Console(
            file=self.err,
            force_terminal=terminal,
            no_color=not (terminal and self.color),
            highlight=False,
            soft_wrap=True,
        )

    @property
    def mode(self) -> Literal["bar", "plain", "json", "none"]:
        """How progress is shown, once `auto` is decided."""
        if self.progress == "auto":
            return "bar" if self.err.isatty() and not self._console.is_dumb_terminal else "plain"
        return self.progress

    def note(self, text: str) -> None:
        """Say something that is good to know."""
        self._say("note", text)

    def warning(self, text: str) -> None:
        """Say something that somebody should look at."""
        self._say("warning", f"warning: {text}", "yellow")

    def error(self, error: AslImageError) -> None:
        """Say what went wrong, where, and what to do now."""
        self._say("error", f"{self.program}: error: {error}", "red")
        for line in error.details:
            self._say("detail", f"  {line}")
        if error.hint:
            self._say("hint", f"hint: {error.hint}")
        self._failure(str(error), error.status, error.details, error.hint)

    def stopped(self, status: int) -> None:
        """Say that the operator ended it."""
        self._say("error", "stopped")
        self._failure("stopped", status, (), None)

    def bug(self, trace: str, status: int) -> None:
        """Show the traceback of a mistake of our own."""
        for line in trace.splitlines():
            self._say("error", line)
        self._say("error", f"{self.program}: this is a mistake in the program itself, not in what you gave it")
        self._failure("internal error", status, (), None)

    def result(self, text: str, data: Mapping[str, object]) -> None:
        """Give the answer on stdout: `text` for people, `data` as one JSON object under `--json`."""
        answer = json.dumps(data, indent=2) if self.as_json else harmless(text)
        try:
            self.out.write(answer if answer.endswith("\n") else answer + "\n")
            self.out.flush()
        except BrokenPipeError:
            # Python must not find that out once more when it ends; click would make a status of its own of it.
            os.dup2(os.open(os.devnull, os.O_WRONLY), self.out.fileno())
            raise ReaderLeft from None

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Show that `name` is being done, how long it takes, and how it ended."""
        with self.task(name):
            yield

    @contextmanager
    def task(self, name: str, total: int | None = None, unit: str = "") -> Iterator[Task]:
        """Like `step`, for work whose size is known: `total` of `unit` ("B" is shown as kB, MB, ...)."""
        task = Task(self, name, total, unit, self.clock())
        with self._lock:
            self._begin(task)
        try:
            yield task
        except BaseException:
            with self._lock:
                self._end(task, ok=False)
            raise
        with self._lock:
            self._end(task, ok=True)

    def _say(self, kind: str, text: str, style: str = "") -> None:
        text = harmless(text)
        with self._lock:
            if self.mode == "json":
                self._event(kind, text=text)
            else:
                self._console.print(Text(text, style=style))

    def _event(self, event: str, **about: object) -> None:
        self.err.write(json.dumps({"event": event, **about}, ensure_ascii=False) + "\n")
        self.err.flush()

    def _failure(self, message: str, status: int, details: tuple[str, ...], hint: str | None) -> None:
        if self.as_json:
            self.result("", {"error": message, "details": list(details), "hint": hint, "status": status})

    def _begin(self, task: Task) -> None:
        if self.mode == "json":
            self._event("start", task=task.name, total=task.total, unit=task.unit)
        elif self.mode == "plain":
            self._say("start", f"{task.name} ...")
        elif self.mode == "bar":
            if self._live is None:
                self._live = _bar(self._console)
                self._live.start()
            task.shown = self._live.add_task(task.name, total=task.total, amount="")
            self._depth += 1

    def advanced(self, task: Task) -> None:
        """Show how far `task` has come, if it is time to."""
        with self._lock:
            if self._live is not None and task.shown is not None:
                self._live.update(task.shown, completed=task.done, amount=_amount(task))
                return
            now = self.clock()
            every = JSON_EVERY_S if self.mode == "json" else PLAIN_EVERY_S
            if self.mode == "none" or now - task.last_said < every:
                return
            task.last_said = now
            if self.mode == "json":
                self._event("progress", task=task.name, done=task.done, elapsed_s=round(now - task.started, 1))
            else:
                self._say("progress", f"{task.name}: {_amount(task)} after {now - task.started:.0f} s")

    def _end(self, task: Task, *, ok: bool) -> None:
        elapsed = self.clock() - task.started
        if self._live is not None and task.shown is not None:
            self._live.remove_task(task.shown)
            self._depth -= 1
            if self._depth == 0:
                self._live.stop()
                self._live = None
        if self.mode == "json":
            self._event("end", task=task.name, ok=ok, done=task.done, elapsed_s=round(elapsed, 1))
        elif self.mode != "none":
            self._say("end", f"{task.name}: {'done in' if ok else 'failed after'} {elapsed:.1f} s")


@dataclass
class Task:
    """A piece of work on the screen; `advance` may be called from any thread."""

    screen: Screen
    name: str
    total: int | None
    unit: str
    started: float
    done: int = 0
    last_said: float = field(init=False)
    shown: TaskID | None = None

    def __post_init__(self) -> None:
        self.last_said = self.started

    def advance(self, amount: int = 1) -> None:
        """`amount` more units are done."""
        with self.screen._lock:  # noqa: SLF001 - the two are one
            self.done += amount
        self.screen.advanced(self)


def harmless(text: str) -> str:
    """`text` with every sign that could steer a terminal spelled out."""
    return _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", text)


def _bar(console: Console) -> Progress:
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.fields[amount]}", markup=False),
        TimeElapsedColumn(),
        console=console,
        transient=True,
    )


def _amount(task: Task) -> str:
    total = "" if task.total is None else f" of {in_unit(task.total, task.unit)}"
    return f"{in_unit(task.done, task.unit)}{total}"


def in_unit(amount: int, unit: str) -> str:
    """An amount for people: `in_unit(1500000, "B")` is "1.5 MB"."""
    if unit != "B":
        return f"{amount} {unit}".strip()
    size = float(amount)
    for step in _UNIT_STEPS[:-1]:
        if size < 1000:
            return f"{size:.0f} B" if step == "B" else f"{size:.1f} {step}"
        size /= 1000
    return f"{size:.1f} {_UNIT_STEPS[-1]}"
