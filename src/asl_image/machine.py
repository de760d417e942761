"""A virtual machine as a person meets it: start it, choose in its menu, read its serial line, type, look, stop.

    with Machine(MachineConfig(medium=Drive(iso, "cdrom")), logs) as machine:
        machine.start()
        machine.choose("s")
        machine.wait_for(r"operator@\\S+\\$ ", timeout_s=120)
        assert machine.run("cat /proc/sys/kernel/ostype").stdout == "Linux\\n"

Every wait has a limit, and ends early when the guest says something after which nothing good can come
(console.py). `logs` receives `serial.log` (every byte), `qemu.log` (QEMU's own words) and `commands.log`.
"""

from __future__ import annotations

import re
import shutil
import socket
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from tempfile import mkdtemp
from threading import Condition, Thread
from types import TracebackType
from typing import Self

from asl_image import shellline
from asl_image.accelerator import best_accelerator
from asl_image.console import ErrorClass, Fatal, Listener, MachineEnded, MachineFailed, Transcript, WaitedTooLong
from asl_image.errors import ProgramFailed
from asl_image.qemu import Drive, MachineConfig, Ovmf, Wiring, block_node, drive_device, find_ovmf, qemu_argv
from asl_image.qmp import Qmp, chord, keys_for
from asl_image.runner import Command, Held, Runner
from asl_image.shellline import CommandResult

# What a boot says, in order. `firmware` is the first sign of life.
MILESTONES: Mapping[str, str] = {
    "firmware": r"\S",
    "menu": r"GNU GRUB",
    "kernel": r"^\[ +\d+\.\d{6}\]|Linux version ",
    "seal": r"asl-seal: start",
    "systemd": r"systemd\[1\]: systemd \d|^Welcome to (?!GRUB)",
    "prompt": r"^operator@[^\n]*\$ ",
}
MENU = re.compile(MILESTONES["menu"])
CONNECT_S = 20.0


class Machine:
    """One virtual machine, from `start` to `stop`; stopped at the latest when its `with` ends."""

    def __init__(
        self,
        config: MachineConfig,
        logs: Path,
        *,
        clock: Callable[[], float] = time.monotonic,
        nonces: Callable[[], str] = shellline.new_nonce,
        overhear: Callable[[bytes], None] | None = None,
        display_env: Mapping[str, str] | None = None,
    ) -> None:
        """`overhear` is called, in another thread, with every piece of serial output; `display_env` is what a
        graphical window needs of the environment.
        """
        self.config = config
        self.serial_log = logs / "serial.log"
        self.qemu_log = logs / "qemu.log"
        self.transcript = Transcript()
        self._listener = Listener(self.transcript)
        self._runner = Runner(logs / "commands.log")
        self._clock = clock
        self._nonces = nonces
        self._overhear = overhear
        self._display_env = display_env or {}
        self._changed = Condition()
        self._hung_up = False
        self._undo = ExitStack()
        self._qemu: Held | None = None
        self._qmp: Qmp | None = None
        self._serial: socket.socket | None = None
        self._started_at = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    # -- life

    def start(self) -> None:
        """Switch the machine on. Raises Refused when QEMU or the firmware is missing, MachineEnded when it won't go."""
        if self._qemu is not None:
            raise ValueError("this machine has been started already")
        self.serial_log.parent.mkdir(parents=True, exist_ok=True)
        for log in (self.serial_log, self.qemu_log):
            log.unlink(missing_ok=True)
        # Socket paths must be shorter than 108 bytes, so they don't lie beside the logs.
        folder = Path(mkdtemp(prefix="asl-machine-"))
        self._undo.callback(shutil.rmtree, folder)
        wiring = self._wire(folder)
        self._started_at = self._clock()
        command = Command(qemu_argv(self.config, wiring), env=self._display_env, stdout=self.qemu_log)
        self._qemu = self._undo.enter_context(self._runner.hold(command))
        assert wiring.serial is not None and wiring.qmp is not None  # noqa: S101, PT018 - made in _wire
        self._serial = self._connect(wiring.serial)
        self._undo.callback(self._serial.close)
        Thread(target=self._listen, args=(self._serial,), name="serial", daemon=True).start()
        self._qmp = Qmp(self._connect(wiring.qmp))
        self._undo.callback(self._qmp.close)
        try:
            self._qmp.greet()
            self._qmp.execute("cont")
        except ProgramFailed as problem:
            raise self._failed(MachineEnded, f"QEMU did not start: {problem}") from None

    def stop(self) -> None:
        """Pull the plug: QEMU ends, sockets and temporary files go, the logs stay. Twice is as good as once."""
        self._undo.close()
        self._qmp = None

    @property
    def running(self) -> bool:
        return self._qemu is not None and self._qemu.alive

    def wait_for_end(self, timeout_s: float) -> None:
        """Wait until the machine has switched itself off (or restarts, which ends it too unless it `may_reboot`)."""
        give_up = self._clock() + timeout_s
        while self.running:
            if self._clock() > give_up:
                raise self._failed(WaitedTooLong, f"the machine is still on after {timeout_s:g} s")
            time.sleep(0.1)

    # -- the serial line

    def wait_for(self, pattern: str, timeout_s: float) -> re.Match[str]:
        """Wait for a regular expression on the serial line, after whatever was waited for last; `^` is a line's start.

        A line may come in pieces: a pattern that could match less of it ends in `\\n`, or in what follows. Carriage
        returns and escape sequences are not there any more.
        Raises a MachineFailed that says what happened instead, with the last lines and the logs' names.
        """
        compiled = re.compile(pattern, re.MULTILINE)
        give_up = self._clock() + timeout_s
        with self._changed:
            while True:
                ended = self._hung_up
                found = self._listener.look_for(compiled)
                if isinstance(found, re.Match):
                    return found
                if isinstance(found, Fatal):
                    raise self._failed(found.error, f"{found.words} (while waiting for {pattern!r})")
                if ended:
                    raise self._failed(MachineEnded, f"the machine ended while {pattern!r} was waited for")
                left = give_up - self._clock()
                if left <= 0:
                    raise self._failed(WaitedTooLong, f"{pattern!r} did not come within {timeout_s:g} s")
                self._changed.wait(left)

    def choose(self, hotkey: str, timeout_s: float = 60.0) -> None:
        """Wait for the boot menu on the serial line and press an entry's key there."""
        self.wait_for(MENU.pattern, timeout_s)
        self.type(hotkey)

    def type(self, text: str) -> None:
        """Type on the serial line, as it is; a line ends with `\\n`."""
        self.send(text.replace("\n", "\r").encode())

    def send(self, keys: bytes) -> None:
        """Put bytes on the serial line."""
        if self._serial is None:
            raise ValueError("this machine has not been started")
        try:
            self._serial.sendall(keys)
        except OSError:
            raise self._failed(MachineEnded, "the machine ended while something was typed") from None

    def run(self, command: str, timeout_s: float = 60.0) -> CommandResult:
        """Run a bash command in the shell that waits on the serial line, and return all it gave.

        The command has no input and a shell of its own: it can't change the waiting one. The guest needs
        bash, coreutils and a writable /tmp. What the kernel says in between does no harm.
        """
        nonce = self._nonces()
        give_up = self._clock() + timeout_s
        pieces, line = shellline.hand_over(command, nonce)
        try:
            for number, piece in enumerate(pieces):
                self._ask(piece, shellline.handed_over(nonce, number), give_up)
            begins = shellline.answer_begins(nonce, 0)
            if self._ask(line, f"{begins}|({shellline.UNTAUGHT})", give_up).group(1):
                self.type(shellline.teach() + "\n")
                self._ask(shellline.say_again(nonce, 0), begins, give_up)
            for attempt in range(1, shellline.ATTEMPTS + 1):
                start = self._listener.position
                end = self.wait_for(shellline.answer_ends(nonce, attempt - 1), max(0.0, give_up - self._clock()))
                result = shellline.read_answer(self.transcript.text[start : end.start()])
                if result is not None:
                    return result
                self._ask(shellline.say_again(nonce, attempt), shellline.answer_begins(nonce, attempt), give_up)
        except WaitedTooLong:
            self.type("\x03")  # give the shell back to whoever comes next
            raise
        raise self._failed(MachineFailed, f"the answer of {command!r} came garbled {shellline.ATTEMPTS} times")

    def _ask(self, line: str, answer: str, give_up: float) -> re.Match[str]:
        self.type(line + "\n")
        return self.wait_for(answer, max(0.0, give_up - self._clock()))

    def first_seen(self, pattern: str) -> float | None:
        """Seconds from the start of QEMU to the first match of `pattern` on the serial line, or None."""
        with self._changed:
            return self.transcript.first_seen(pattern)

    @property
    def times(self) -> dict[str, float | None]:
        """Seconds from the start of QEMU to each milestone of a boot that was seen."""
        return {name: self.first_seen(pattern) for name, pattern in MILESTONES.items()}

    # -- screen, keyboard and plugs

    @property
    def qmp(self) -> Qmp:
        """QEMU's control socket, for what has no verb here."""
        if self._qmp is None:
            raise ValueError("this machine is not running")
        return self._qmp

    def press(self, keys: str) -> None:
        """Press keys of the screen's keyboard together: `a`, `ret`, `ctrl-alt-f2`."""
        self._press(chord(keys))

    def type_on_screen(self, text: str) -> None:
        """Type on the screen's (US) keyboard."""
        for character in text:
            self._press(keys_for(character))
            time.sleep(0.05)  # the keyboard's queue holds 16 codes

    def _press(self, codes: tuple[str, ...]) -> None:
        self.qmp.execute("send-key", keys=[{"type": "qcode", "data": code} for code in codes])

    def screenshot(self, picture: Path) -> None:
        """Write what the screen shows to `picture`, a PNG."""
        self.qmp.execute("screendump", filename=str(picture.absolute()), format="png")

    def attach(self, drive: Drive) -> None:
        """Plug a USB drive into the running machine."""
        if drive.attached_as != "usb":
            raise ValueError(f"only USB drives can be plugged in while the machine runs, not {drive.attached_as}")
        device = drive_device(drive)
        self.qmp.execute("blockdev-add", **block_node(drive))
        self.qmp.execute("device_add", driver=device.driver, **{**device.properties, "removable": True})

    def detach(self, name: str = "medium") -> None:
        """Pull a USB drive out, or take the disc out of a CD drive, without a word to the guest."""
        drives = (*self.config.drives, *((self.config.medium,) if self.config.medium else ()))
        if any(drive.name == name and drive.attached_as == "cdrom" for drive in drives):
            self.qmp.execute("blockdev-open-tray", id=name, force=True)
            self.qmp.execute("blockdev-remove-medium", id=name)
        else:
            self.qmp.execute("device_del", id=name)
            self.qmp.wait_event("DEVICE_DELETED", device=name)
        self.qmp.execute("blockdev-del", node_name=f"{name}-file")

    # -- how it is done

    def _wire(self, folder: Path) -> Wiring:
        wanted = self.config.accelerator
        accelerator = best_accelerator(self._runner) if wanted == "auto" else wanted
        ovmf = None
        if self.config.firmware == "uefi":
            shipped = find_ovmf()
            ovmf = Ovmf(shipped.code, folder / "variables.fd")
            shutil.copyfile(shipped.variables, ovmf.variables)
        return Wiring(accelerator, ovmf, serial=folder / "serial", qmp=folder / "qmp")

    def _connect(self, path: Path) -> socket.socket:
        give_up = self._clock() + CONNECT_S
        while self.running and self._clock() < give_up:
            line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                line.connect(str(path))
            except (FileNotFoundError, ConnectionRefusedError):
                line.close()
                time.sleep(0.02)
            else:
                return line
        raise self._failed(MachineEnded, "QEMU did not start")

    def _listen(self, line: socket.socket) -> None:
        """Run in a thread of its own: keep every byte, and tell whoever waits."""
        with self.serial_log.open("ab", buffering=0) as log, suppress(OSError):
            while chunk := line.recv(65536):
                heard_at = self._clock() - self._started_at
                log.write(chunk)
                with self._changed:
                    self.transcript.hear(chunk, heard_at)
                    self._changed.notify_all()
                if self._overhear is not None:
                    self._overhear(chunk)
        with self._changed:
            self._hung_up = True
            self._changed.notify_all()

    def _failed(self, error: ErrorClass, what: str) -> MachineFailed:
        details = [f"  {line}" for line in self.transcript.tail()]
        with suppress(OSError):
            details += [f"  qemu: {line}" for line in self.qemu_log.read_text(errors="replace").splitlines()[-5:]]
        hint = f"the whole serial log: {self.serial_log}; QEMU's own: {self.qemu_log}"
        failure = error(what, details=tuple(details), hint=hint)
        failure.add_note("\n".join((*details, hint)))  # a test's report shows notes, and knows nothing of details
        return failure
