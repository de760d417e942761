"""QEMU's control socket: one command at a time, an answer for each, and events by name."""

from __future__ import annotations

import json
import socket
from typing import Any

from asl_image.errors import ProgramFailed


class Qmp:
    """QEMU's monitor, over a socket that it takes over.

    Raises ProgramFailed when QEMU says no, is gone, or does not answer.
    """

    def __init__(self, line: socket.socket, timeout_s: float = 20.0) -> None:
        self._socket = line
        self._timeout_s = timeout_s
        self._events: list[dict[str, Any]] = []
        self._socket.settimeout(timeout_s)
        self._lines = self._socket.makefile("rb")

    def greet(self) -> None:
        """Exchange greetings; nothing else works before."""
        self._next()
        self.execute("qmp_capabilities")

    def close(self) -> None:
        self._lines.close()
        self._socket.close()

    def execute(self, command: str, **arguments: object) -> Any:
        """Carry out a QMP command (names with `_` for `-` in `arguments`) and return what QEMU answers."""
        spelled = {name.replace("_", "-"): value for name, value in arguments.items()}
        try:
            self._socket.sendall(json.dumps({"execute": command, "arguments": spelled}).encode() + b"\n")
        except OSError as problem:
            raise ProgramFailed(f"QEMU no longer listens: {problem}") from None
        while "event" in (answer := self._next()):
            self._events.append(answer)
        if "error" in answer:
            raise ProgramFailed(f"QEMU refused {command}: {answer['error']['desc']}")
        return answer["return"]

    def wait_event(self, name: str, **data: object) -> None:
        """Wait until QEMU has reported event `name` with at least that data; older events count too."""
        while True:
            for event in self._events:
                if event["event"] == name and data.items() <= event.get("data", {}).items():
                    self._events.remove(event)
                    return
            answer = self._next()
            if "event" in answer:
                self._events.append(answer)

    def _next(self) -> dict[str, Any]:
        try:
            line = self._lines.readline()
        except TimeoutError:
            raise ProgramFailed(f"QEMU has not answered for {self._timeout_s:g} s") from None
        except OSError as problem:
            raise ProgramFailed(f"QEMU no longer answers: {problem}") from None
        if not line:
            raise ProgramFailed("QEMU has closed its control socket")
        answer: dict[str, Any] = json.loads(line)
        return answer


# What a person would press for a character, on a US keyboard, in QEMU's names.
_SHIFTED = dict(zip('~!@#$%^&*()_+{}|:"<>?', "`1234567890-=[]\\;',./", strict=True))
_NAMES = {
    " ": "spc", "\n": "ret", "\t": "tab", "-": "minus", "=": "equal", "[": "bracket_left", "]": "bracket_right",
    "\\": "backslash", ";": "semicolon", "'": "apostrophe", "`": "grave_accent", ",": "comma", ".": "dot", "/": "slash",
}  # fmt: skip


def keys_for(character: str) -> tuple[str, ...]:
    """The keys that are down at once to give `character` on a US keyboard, in QEMU's names."""
    if character.isascii() and character.isupper():
        return ("shift", character.lower())
    if character in _SHIFTED:
        return ("shift", *keys_for(_SHIFTED[character]))
    if character in _NAMES:
        return (_NAMES[character],)
    if character.isascii() and character.isalnum():
        return (character,)
    raise ValueError(f"no key of a US keyboard gives {character!r}")


def chord(keys: str) -> tuple[str, ...]:
    """`ctrl-alt-f2` as the keys that are down at once; a single character is looked up by `keys_for`."""
    return keys_for(keys) if len(keys) == 1 else tuple(keys.split("-"))
