"""How a command gets through a serial line and its answer comes back whole, with bash and coreutils alone.

Pure: it makes the lines to type, the patterns to wait for, and reads what came. The shell is taught a function
first, so that a command costs few programs: each takes 40 ms under emulation. The command travels in base64, in
pieces that fit a terminal's line buffer. The answer is exit status, stdout and stderr, in base64 with checksums:
a kernel message in its middle is noticed, and the answer is asked for again.

Markers are put together by the guest: the echo of what was typed never looks like one.
"""

from __future__ import annotations

import base64
import binascii
import re
import secrets
import zlib
from contextlib import suppress
from dataclasses import dataclass

ATTEMPTS = 4
# A terminal's line buffer holds 4,095 bytes.
PIECE = 2000


@dataclass(frozen=True)
class CommandResult:
    """How a command ended and what it said."""

    status: int
    stdout_bytes: bytes
    stderr_bytes: bytes

    @property
    def stdout(self) -> str:
        return self.stdout_bytes.decode("utf-8", "replace")

    @property
    def stderr(self) -> str:
        return self.stderr_bytes.decode("utf-8", "replace")


def new_nonce() -> str:
    """A word that nothing else on the line contains."""
    return secrets.token_hex(4)


# Said by a shell that was never taught, or is not the one that was.
UNTAUGHT = r"_asl: command not found"


def teach() -> str:
    """The line that defines what the other lines use; a leading space keeps each out of most histories."""
    return (
        " _asl_d=$(mktemp -d); _asl() { local n=$1 a=$2; "
        'if [ "$a" = 0 ]; then base64 -d <<<"$_asl_c" >"$_asl_d/run"; '
        'bash "$_asl_d/run" >"$_asl_d/out" 2>"$_asl_d/err" </dev/null; echo $? >"$_asl_d/status"; fi; '
        # Each marker is said twice: a kernel message may hit one of them too.
        'echo; echo "asl-$n:begin$a."; echo "asl-$n:begin$a."; '
        '( cd "$_asl_d" && cksum status out err && for f in status out err; do echo "<$f"; '
        '[ -s $f ] && base64 $f; echo ">"; done ); echo; echo "asl-$n:end$a."; echo "asl-$n:end$a."; }'
    )


def hand_over(command: str, nonce: str) -> tuple[tuple[str, ...], str]:
    """The lines that put `command` into a shell variable, each answered by `handed_over`, and the last piece of it."""
    packed = base64.b64encode(command.encode()).decode()
    *first, last = [packed[start : start + PIECE] for start in range(0, len(packed), PIECE)] or [""]
    lines = tuple(
        f" _asl_c{'+' * (number > 0)}={piece}; echo asl''-{nonce}:{number}." for number, piece in enumerate(first)
    )
    return lines, f" _asl_c{'+' * bool(first)}={last}; _asl {nonce} 0"


def handed_over(nonce: str, number: int) -> str:
    return rf"asl-{nonce}:{number}\."


def say_again(nonce: str, attempt: int) -> str:
    """The line that says the same answer once more."""
    return f" _asl {nonce} {attempt}"


def answer_begins(nonce: str, attempt: int) -> str:
    return rf"asl-{nonce}:begin{attempt}\."


def answer_ends(nonce: str, attempt: int) -> str:
    return rf"asl-{nonce}:end{attempt}\."


_CHECKSUM = re.compile(r"^(\d+) (\d+) (status|out|err)$", re.MULTILINE)
_PART = re.compile(r"^<(status|out|err)\n([A-Za-z0-9+/=\n]*)^>", re.MULTILINE)


def read_answer(text: str) -> CommandResult | None:
    """The answer between its two markers, or None when something came into its middle."""
    expected = {name: (int(checksum), int(size)) for checksum, size, name in _CHECKSUM.findall(text)}
    parts: dict[str, bytes] = {}
    for name, packed in _PART.findall(text):
        with suppress(binascii.Error):  # not whole: told by the checksum
            parts[name] = base64.b64decode(packed.replace("\n", ""), validate=True)
    found = {name: (posix_checksum(content), len(content)) for name, content in parts.items()}
    if found != expected or found.keys() != {"status", "out", "err"}:
        return None
    return CommandResult(int(parts["status"]), parts["out"], parts["err"])


_MIRRORED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def posix_checksum(content: bytes) -> int:
    """What POSIX's cksum prints: the same CRC as zlib's, but with its bits the other way round and the length added."""
    length = len(content).to_bytes((len(content).bit_length() + 7) // 8, "little")
    crc = zlib.crc32((content + length).translate(_MIRRORED), 0xFFFFFFFF)
    return int(f"{crc:032b}"[::-1], 2)
