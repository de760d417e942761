"""A place for one step alone: a folder, the newest tools tree, and nothing mounted."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from asl_image.errors import ProgramFailed
from asl_image.lock import Lock
from asl_image.step import WORK, Act
from support.toolstree import ToolsTree


@dataclass
class TinySite:
    """A `Site` whose programs run where they lie; `answers` are what programs print, when none may run."""

    work: Path
    tools: ToolsTree | None = None
    answers: Mapping[str, str] = field(default_factory=dict)
    store: Mapping[str, Path] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def tools_tree(self) -> Path:
        assert self.tools is not None
        return self.tools.at

    def act(self, act: Act) -> None:
        assert self.tools is not None, act.line()
        program, *words = (word.replace(WORK, str(self.work)) for word in act.argv)
        stdin = (self.work / act.stdin).read_bytes() if act.stdin else b""
        argv = self.tools.argv(program, *words)
        done = subprocess.run(argv, input=stdin, env=dict(act.env), capture_output=True, check=False)
        if done.returncode != 0:
            raise ProgramFailed(f"{program} ended with status {done.returncode}: {done.stderr.decode()}")
        if act.stdout:
            (self.work / act.stdout).write_bytes(done.stdout)

    def read(self, act: Act) -> str:
        return self.answers[act.argv[0]]

    def repository(self, lock: Lock) -> Path:
        raise NotImplementedError

    def stored(self, sha256: str, name: str) -> Path:
        return self.store[sha256]

    def note(self, text: str) -> None:
        self.notes.append(text)
