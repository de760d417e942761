"""What a boot was made with: the image, QEMU, its firmware, each by version and SHA-256.

The build's own tools are pinned; QEMU and its firmware are the host's, so a boot says which they were.
"""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

from asl_image.errors import Refused
from asl_image.qemu import QEMU, Accelerator, MachineConfig, find_ovmf
from asl_image.runner import CLEAN_ENVIRONMENT, Command, Runner, missing_program

SCHEMA = "asl-boot-report/1"
SEABIOS = Path("/usr/share/seabios/bios-256k.bin")


def boot_report(config: MachineConfig, accelerator: Accelerator, runner: Runner) -> dict[str, object]:
    """The report as it is written to JSON. Raises Refused when QEMU or the firmware is missing."""
    program = shutil.which(QEMU, path=CLEAN_ENVIRONMENT["PATH"])
    if program is None:
        raise missing_program(QEMU)
    version = runner.read(Command((QEMU, "--version"))).splitlines()[0]
    return {
        "schema": SCHEMA,
        "image": described(config.medium.path) if config.medium else None,
        "qemu": {"version": version, **described(Path(program))},
        "firmware": {"kind": config.firmware, "files": [described(path) for path in firmware_files(config)]},
        "machine": {
            "accelerator": accelerator,
            "cpus": config.cpus,
            "medium": config.medium.attached_as if config.medium else None,
            "memory_mib": config.memory_mib,
        },
    }


def firmware_files(config: MachineConfig) -> tuple[Path, ...]:
    """The firmware that a machine starts with. Raises Refused when it is missing."""
    if config.firmware == "uefi":
        ovmf = find_ovmf()
        return (ovmf.code, ovmf.variables)
    if not SEABIOS.is_file():
        raise Refused(f"{SEABIOS}: no BIOS on this host", hint="apt install seabios")
    return (SEABIOS,)


def described(path: Path) -> dict[str, object]:
    """A file by name, size and SHA-256; not by where it lies."""
    with path.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
    return {"name": path.name, "sha256": digest, "size": path.stat().st_size}
