"""Whoever reaches for a network while steps run is stopped and named, also when it hides that with `|| true`.

A build's network namespace is empty, so nothing gets out anyway; but a hook that tries, and goes on without, makes
an image that depends on where it was built. So the kernel asks us (seccomp, user notification) before any program of
the build connects, binds or sends to an address. Sockets of the machine itself (Unix, netlink, the kernel's crypto)
are let through; an Internet address is answered with "network is unreachable", and remembered with the program that
asked and all that started it. Making an Internet socket alone is no offence: libraries do that to look at interfaces.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import select
import shlex
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path

from asl_image.errors import Refused
from asl_image.runner import stops_wait

# <linux/seccomp.h>, <linux/audit.h> and the numbers of system calls, all of x86-64: the only machine we build on.
SYS_SECCOMP = 317
SET_MODE_FILTER = 1
SPEC_ALLOW = 1 << 2  # else older kernels slow every program of the build down
NEW_LISTENER = 1 << 3
RECV, SEND = 0xC0502100, 0xC0182101
NOTIFICATION = struct.Struct("=QII iI Q6Q")
ANSWER = struct.Struct("=QqiI")
GO_ON = 1
ARCHITECTURE = 0xC000003E
X32 = 0x40000000
CALLS = {41: "socket", 42: "connect", 44: "sendto", 46: "sendmsg", 49: "bind", 307: "sendmmsg"}
NUMBER = {name: number for number, name in CALLS.items()}
IO_URING_SETUP = 425  # would connect without a system call; whoever tries it goes on without

ALLOW, ASK, NO_SUCH_CALL = 0x7FFF0000, 0x7FC00000, 0x00050000 | errno.ENOSYS

# <bits/socket.h>
UNSPECIFIED, UNIX, INET, INET6, NETLINK, CRYPTO = 0, 1, 2, 10, 16, 38
OF_THE_MACHINE = (UNSPECIFIED, UNIX, NETLINK, CRYPTO)  # "unspecified" undoes a connection
FAMILIES = {17: "raw packets", 31: "Bluetooth", 40: "virtual machines", 29: "CAN", 44: "XDP"}
ADDRESS_BYTES = 28
MESSAGE_BYTES = 64  # a struct mmsghdr: sendmmsg takes many, each with an address of its own
MOST_MESSAGES = 1024  # the kernel looks at no more of them
REFUSAL = {"socket": errno.EAFNOSUPPORT, "bind": errno.EADDRNOTAVAIL}
MOST_ANCESTORS = 32
MOST_WORDS = 300  # characters of a command line that are shown


@dataclass(frozen=True)
class Reached:
    """One attempt: what was asked for, and the command lines of the program and of all that started it."""

    what: str
    programs: tuple[str, ...]


class ReachedNetwork(Refused):
    """A program of a step reached for a network."""

    def __init__(self, reached: Reached, culprit: str | None = None) -> None:
        program = reached.programs[0] if reached.programs else "a program that is gone already"
        super().__init__(
            f"{culprit or program} reaches for a network, which no build has",
            details=(f"{program}: {reached.what}", *(f"started by {line}" for line in reached.programs[1:])),
            hint="what it needs has to come from a locked package, a pinned tool or an overlay",
        )
        self.reached = reached


@dataclass
class NetworkGuard:
    """What was reached for so far; see `watched_network`."""

    found: list[Reached] = field(default_factory=list)
    asked: int = 0

    def settle(self) -> None:
        """Raise ReachedNetwork for what was found since the last time."""
        found, self.found = self.found, []
        if found:
            raise ReachedNetwork(found[0])

    def judge(self, call: str, args: tuple[int, ...], pid: int) -> int:
        """The errno that a call is answered with; 0 to let it through."""
        try:
            what = offence(call, args, Path(f"/proc/{pid}/mem"))
        except ProcessLookupError:
            return 0
        except (OSError, struct.error) as error:
            what = f"{call} with an address that can't be read ({error})"
        if what is None:
            return 0
        self.found.append(Reached(what, command_lines(pid)))
        return REFUSAL.get(call, errno.ENETUNREACH)


@contextmanager
def watched_network() -> Iterator[NetworkGuard]:
    """Watch this process and all that it starts from now on.

    The kernel never forgets: after the block every such call of this process fails, so it should be about to end.
    Raises Refused when the kernel gives no such watch.
    """
    guard = NetworkGuard()
    listener = install()
    stop_read, stop_write = os.pipe2(os.O_CLOEXEC)
    thread = threading.Thread(target=serve, args=(guard, listener, stop_read), name="network guard", daemon=True)
    with stops_wait():  # the thread is born with them blocked: a signal that stops us is for the one that can heed it
        thread.start()
    try:
        yield guard
    finally:
        os.close(stop_write)
        thread.join()
        os.close(stop_read)
        os.close(listener)


def filter_program() -> bytes:
    """The kernel's part, in its own small language: which calls it asks us about."""
    code: list[tuple[int, int, int, int]] = []
    load, jump_equal, jump_at_least, give = 0x20, 0x15, 0x35, 0x06

    def when(test: int, value: int, then: list[tuple[int, int, int, int]]) -> None:
        code.extend(((test, 0, len(then), value), *then))

    code.append((load, 0, 0, 4))
    code.extend(((jump_equal, 1, 0, ARCHITECTURE), (give, 0, 0, NO_SUCH_CALL)))
    code.append((load, 0, 0, 0))
    when(jump_at_least, X32, [(give, 0, 0, NO_SUCH_CALL)])
    when(jump_equal, IO_URING_SETUP, [(give, 0, 0, NO_SUCH_CALL)])
    for name in ("connect", "bind", "sendmsg", "sendmmsg"):
        when(jump_equal, NUMBER[name], [(give, 0, 0, ASK)])
    # sendto asks only when it names an address; a pointer has two halves
    sendto = [(load, 0, 0, 48), (jump_equal, 0, 2, 0), (load, 0, 0, 52), (jump_equal, 1, 0, 0)]
    when(jump_equal, NUMBER["sendto"], [*sendto, (give, 0, 0, ASK), (give, 0, 0, ALLOW)])
    known = (*OF_THE_MACHINE, INET, INET6)
    tests = [(jump_equal, len(known) - index, 0, family) for index, family in enumerate(known)]
    when(jump_equal, NUMBER["socket"], [(load, 0, 0, 16), *tests, (give, 0, 0, ASK), (give, 0, 0, ALLOW)])
    code.append((give, 0, 0, ALLOW))
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in code)


def install() -> int:
    """Put this process, and so all that it starts, under the filter; returns the descriptor that we are asked on."""
    text = filter_program()
    program = ctypes.create_string_buffer(text, len(text))
    header = struct.pack("HxxxxxxQ", len(text) // 8, ctypes.addressof(program))
    libc = ctypes.CDLL(None, use_errno=True)
    listener = int(libc.syscall(SYS_SECCOMP, SET_MODE_FILTER, SPEC_ALLOW | NEW_LISTENER, header))
    if listener < 0:
        raise Refused(
            "this host's kernel does not let a build watch for programs that reach for a network",
            details=(f"seccomp with user notification: {os.strerror(ctypes.get_errno())}",),
            hint="it takes Linux 5.5 or newer, and a container that allows seccomp and has no such watch of its own",
        )
    os.set_inheritable(listener, False)
    return listener


def serve(guard: NetworkGuard, listener: int, stop: int) -> None:
    """Answer every question until `stop` is closed."""
    asked = select.poll()
    asked.register(listener, select.POLLIN)
    asked.register(stop, select.POLLHUP)
    while True:
        ready = dict(asked.poll())
        if stop in ready:
            return
        question = bytearray(NOTIFICATION.size)
        try:
            fcntl.ioctl(listener, RECV, question)
        except OSError:  # who asked is gone
            continue
        number, pid, _, call, _, _, *args = NOTIFICATION.unpack(question)
        guard.asked += 1
        refusal = guard.judge(CALLS[call], tuple(args), pid)
        with suppress(OSError):
            fcntl.ioctl(listener, SEND, bytearray(ANSWER.pack(number, 0, -refusal, 0 if refusal else GO_ON)))


def offence(call: str, args: tuple[int, ...], memory: Path) -> str | None:
    """What is wrong with a call, in words; None when it stays on this machine. Raises OSError."""
    if call == "socket":
        family = args[0] & 0xFFFFFFFF
        return f"socket for {FAMILIES.get(family, f'address family {family}')}"
    places = [(args[4], args[5]) if call == "sendto" else (args[1], args[2])]
    with memory.open("rb", buffering=0) as whole:
        if call in ("sendmsg", "sendmmsg"):  # a struct begins with where the address is, and its length
            count = min(args[2] & 0xFFFFFFFF, MOST_MESSAGES) if call == "sendmmsg" else 1
            structs = (os.pread(whole.fileno(), 12, args[1] + MESSAGE_BYTES * each) for each in range(count))
            places = [struct.unpack("=QI", each) for each in structs]
        for place, size in places:
            if place == 0 or size < 2:
                continue
            address = os.pread(whole.fileno(), min(size & 0xFFFFFFFF, ADDRESS_BYTES), place)
            if (where := internet_address(address)) is not None:
                return f"{call} {where}"
    return None


def internet_address(address: bytes) -> str | None:
    """Where a socket address leads, in words; None when it stays on this machine or leads nowhere.

    Nothing can be sent to port 0: the C library connects there to learn which of a name's addresses it would use.
    """
    (family,) = struct.unpack_from("=H", address)
    if family in OF_THE_MACHINE:
        return None
    if family not in (INET, INET6):
        return f"to {FAMILIES.get(family, f'address family {family}')}"
    raw = address[4:8] if family == INET else address[8:24]
    port = int.from_bytes(address[2:4], "big")
    if port == 0 or len(raw) != (4 if family == INET else 16):
        return None
    return f"to {ip_address(raw)} port {port}"


def command_lines(pid: int) -> tuple[str, ...]:
    """What a process was started as, and what started that, up to us."""
    lines: list[str] = []
    while pid not in (0, os.getpid()) and len(lines) < MOST_ANCESTORS:
        try:
            words = Path(f"/proc/{pid}/cmdline").read_text(errors="replace").rstrip("\0").split("\0")
            status = Path(f"/proc/{pid}/status").read_text(errors="replace")
        except OSError:
            break
        lines.append(shlex.join(words)[:MOST_WORDS])
        pid = int(status.partition("\nPPid:\t")[2].split("\n", 1)[0] or 0)
    return tuple(lines)
