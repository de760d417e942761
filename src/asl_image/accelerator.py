"""Which accelerator really runs a guest here; KVM is believed only when it has run one.

There are hosts where /dev/kvm opens and a virtual machine is created, and not one instruction of it is
carried out. So a boot sector of our own is started, which says a word on QEMU's debug port.
"""

from __future__ import annotations

import time
from pathlib import Path
from tempfile import TemporaryDirectory

from asl_image.qemu import QEMU, Accelerator
from asl_image.runner import Command, Runner

KVM = Path("/dev/kvm")
WORD = b"asl: this guest runs\n"
PROOF_S = 3.0

_proven: dict[Path, Accelerator] = {}


def boot_sector(word: bytes = WORD) -> bytes:
    """512 bytes that a BIOS boots: they write `word` to port 0xe9 and halt."""
    say = b"".join(bytes((0xB0, byte, 0xE6, 0xE9)) for byte in word)  # mov al, byte; out 0xe9, al
    code = b"\xfa" + say + b"\xf4\xeb\xfd"  # cli; …; again: hlt; jmp again
    return code.ljust(510, b"\0") + b"\x55\xaa"


def best_accelerator(runner: Runner, device: Path = KVM) -> Accelerator:
    """`kvm` when a guest was seen running under it within three seconds, else `tcg`; proved once a process."""
    if device not in _proven:
        _proven[device] = "kvm" if device.exists() and runs_a_guest(runner, "kvm") else "tcg"
    return _proven[device]


def runs_a_guest(runner: Runner, accelerator: Accelerator, within_s: float = PROOF_S) -> bool:
    """Whether a guest says its word in time. Raises Refused when there is no QEMU."""
    with TemporaryDirectory(prefix="asl-proof-") as folder:
        sector, heard = Path(folder) / "sector.img", Path(folder) / "heard"
        sector.write_bytes(boot_sector())
        command = Command(
            (
                *(QEMU, "-nodefaults", "-no-user-config", "-display", "none", "-nic", "none"),
                *("-accel", accelerator, "-cpu", "host" if accelerator == "kvm" else "qemu64", "-m", "32"),
                *("-drive", f"file={sector},format=raw,if=ide"),  # an IDE disk can't be read-only
                *("-debugcon", f"file:{heard}"),
            )
        )
        with runner.hold(command) as qemu:
            give_up = time.monotonic() + within_s
            while time.monotonic() < give_up and qemu.alive:
                if heard.is_file() and WORD in heard.read_bytes():
                    return True
                time.sleep(0.05)
    return False
