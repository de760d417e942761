"""What a virtual machine is made of, and the QEMU command line that makes it. Pure: nothing is touched."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from asl_image.errors import Refused

Firmware = Literal["bios", "uefi"]
Accelerator = Literal["kvm", "tcg"]
Attachment = Literal["cdrom", "usb", "disk", "virtio", "nvme", "sd"]
Nic = Literal["virtio-net-pci", "e1000", "usb-net"]

NEVER_READ_ONLY: tuple[Attachment, ...] = ("disk", "sd")

QEMU = "qemu-system-x86_64"


@dataclass(frozen=True)
class Drive:
    """A file that the machine sees as a drive. `name` is its QEMU id, unique in the machine."""

    path: Path
    attached_as: Attachment
    name: str = "medium"
    read_only: bool = True


@dataclass(frozen=True)
class DirectKernel:
    """A kernel that QEMU starts itself, past every boot loader, with any command line one likes."""

    kernel: Path
    initrd: Path
    append: str


@dataclass(frozen=True)
class MachineConfig:
    """A machine: what it boots from and what else is plugged in.

    There is no network unless `nics` names some, and those lead nowhere: each hangs on a hub of its own.
    `extra` is handed to QEMU as it is.
    """

    medium: Drive | None = None
    firmware: Firmware = "bios"
    memory_mib: int = 1024
    # With two, an emulated guest now and then dies of an int3 when its kernel patches its own code (one boot in 30 with
    # QEMU 7.2, "random: crng init done" being the last that is heard), and is slower: 16 s to the prompt, not 13.
    cpus: int = 1
    nics: tuple[Nic, ...] = ()
    drives: tuple[Drive, ...] = ()
    kernel: DirectKernel | None = None
    accelerator: Accelerator | Literal["auto"] = "auto"
    display: str = "none"
    may_reboot: bool = False
    extra: tuple[str, ...] = ()


@dataclass(frozen=True)
class Ovmf:
    """UEFI firmware: its code, shared and read-only, and its variables, which a machine writes to."""

    code: Path
    variables: Path


@dataclass(frozen=True)
class Wiring:
    """How the machine is tied to us: an accelerator that is known to work, sockets, and its own firmware copy.

    Without sockets the serial line and QEMU's monitor are on the terminal (Ctrl-a x ends it).
    """

    accelerator: Accelerator
    ovmf: Ovmf | None = None
    serial: Path | None = None
    qmp: Path | None = None


def find_ovmf(folder: Path = Path("/usr/share/OVMF")) -> Ovmf:
    """The UEFI firmware of this host. Raises Refused, naming the package, when there is none."""
    ovmf = Ovmf(folder / "OVMF_CODE_4M.fd", folder / "OVMF_VARS_4M.fd")
    for part in (ovmf.code, ovmf.variables):
        if not part.is_file():
            raise Refused(f"{part}: no UEFI firmware on this host", hint="apt install ovmf")
    return ovmf


def qemu_argv(config: MachineConfig, wiring: Wiring) -> tuple[str, ...]:
    """The command line for `config`; the same in gives the same out.

    A machine with sockets starts paused, so that nothing it says is lost before somebody listens.
    """
    return (
        QEMU,
        "-nodefaults",
        "-no-user-config",
        *_processor(config, wiring),
        *_firmware(config, wiring),
        *_kernel(config),
        *("-device", "virtio-rng-pci"),  # without one the guest's random pool is ready only after 14 s
        *("-device", "VGA"),
        *("-display", config.display),
        *("-device", "qemu-xhci,id=usb"),
        *("-device", "usb-tablet,bus=usb.0") * (config.display != "none"),
        *(word for index, drive in enumerate(_drives(config)) for word in drive_argv(drive, boot_index=index + 1)),
        *_nics(config),
        *_lines(wiring),
        *(() if config.may_reboot else ("-no-reboot",)),
        *config.extra,
    )


def _drives(config: MachineConfig) -> tuple[Drive, ...]:
    return (*((config.medium,) if config.medium is not None else ()), *config.drives)


def _processor(config: MachineConfig, wiring: Wiring) -> tuple[str, ...]:
    # Under emulation a trixie boot takes 45 s with qemu64 and 75 s with max.
    cpu = {"kvm": "host", "tcg": "qemu64"}[wiring.accelerator]
    return (
        *("-machine", "q35"),
        *("-accel", wiring.accelerator),
        *("-cpu", cpu),
        *("-smp", str(config.cpus)),
        *("-m", f"{config.memory_mib}M"),
    )


def _firmware(config: MachineConfig, wiring: Wiring) -> tuple[str, ...]:
    if config.firmware == "bios":
        return ()
    if wiring.ovmf is None:
        raise ValueError("a UEFI machine needs its firmware files")
    return (
        *("-drive", f"if=pflash,unit=0,format=raw,readonly=on,file={_escaped(wiring.ovmf.code)}"),
        *("-drive", f"if=pflash,unit=1,format=raw,file={_escaped(wiring.ovmf.variables)}"),
    )


def _kernel(config: MachineConfig) -> tuple[str, ...]:
    if config.kernel is None:
        return ()
    kernel = config.kernel
    return ("-kernel", str(kernel.kernel), "-initrd", str(kernel.initrd), "-append", kernel.append)


def block_node(drive: Drive) -> dict[str, object]:
    """The block node of a drive, as QMP's blockdev-add wants it."""
    return {
        "driver": "raw",
        "node-name": f"{drive.name}-file",
        "read-only": drive.read_only,
        "file": {"driver": "file", "filename": str(drive.path), "read-only": drive.read_only},
    }


@dataclass(frozen=True)
class Device:
    """A QEMU device: its driver and its properties."""

    driver: str
    properties: dict[str, object] = field(default_factory=dict)

    def argv(self) -> tuple[str, str]:
        return "-device", ",".join((self.driver, *(f"{name}={value}" for name, value in self.properties.items())))


def drive_device(drive: Drive) -> Device:
    """The device that shows a drive's block node to the guest."""
    node: dict[str, object] = {"id": drive.name, "drive": f"{drive.name}-file"}
    match drive.attached_as:
        case "cdrom":
            return Device("ide-cd", node)
        case "usb":
            return Device("usb-storage", {**node, "bus": "usb.0", "removable": "on"})
        case "disk":
            return Device("ide-hd", node)
        case "virtio":
            return Device("virtio-blk-pci", node)
        case "nvme":
            return Device("nvme", {**node, "serial": drive.name})
        case "sd":
            return Device("sd-card", node)


def drive_argv(drive: Drive, *, boot_index: int) -> tuple[str, ...]:
    """The words that plug a drive in before the start; the firmware tries low boot indexes first."""
    if drive.read_only and drive.attached_as in NEVER_READ_ONLY:
        raise ValueError(f"{drive.name}: QEMU has no read-only drive of kind {drive.attached_as}; give it a copy")
    device = drive_device(drive)
    before: tuple[str, ...] = ()
    if drive.attached_as == "sd":  # a card has no boot index, and sits in a reader of its own
        before = ("-device", f"sdhci-pci,id={drive.name}-reader")
    else:
        device = Device(device.driver, {**device.properties, "bootindex": boot_index})
    return ("-blockdev", json.dumps(block_node(drive), separators=(",", ":")), *before, *device.argv())


def _nics(config: MachineConfig) -> tuple[str, ...]:
    words: list[str] = []
    for index, model in enumerate(config.nics):
        words += ["-netdev", f"hubport,id=net{index},hubid={index}", "-device"]
        # No boot ROM: firmware that tries the network first would only cost time.
        words.append(f"{model},netdev=net{index}" + ("" if model == "usb-net" else ",romfile="))
    return tuple(words) or ("-nic", "none")


def _lines(wiring: Wiring) -> tuple[str, ...]:
    if wiring.serial is None or wiring.qmp is None:
        return ("-serial", "mon:stdio")
    return (
        *("-chardev", f"socket,id=serial0,server=on,wait=off,path={_escaped(wiring.serial)}"),
        *("-serial", "chardev:serial0"),
        *("-qmp", f"unix:{_escaped(wiring.qmp)},server=on,wait=off"),
        "-S",
    )


def _escaped(path: Path) -> str:
    return str(path).replace(",", ",,")
